using Deque.AxeCore.Playwright;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Playwright;
using Vigil.Registry.Protection;
using Vigil.Registry.Search;
using Vigil.Storage.Records;
using Vigil.Tests.Web;
using static Vigil.Tests.Web.Running;

namespace Vigil.Tests.Browser;

/// <summary>The number on the board, the list by reason, the search by keyboard and on a phone.</summary>
[Trait("Category", "Server")]
public sealed class ProtectionTests : IAsyncLifetime
{
    private ConsoleServer server = null!;
    private Chromium chromium = null!;

    public async ValueTask InitializeAsync()
    {
        // A provider that carries everything, to nowhere: nothing is sent here.
        server = await ConsoleServer.StartAsync(
            open: true,
            settings: new()
            {
                ["Notify:Routes:default"] = "twilio",
                ["Twilio:BaseUrl"] = "http://127.0.0.1:9",
                ["Twilio:AccountSid"] = "AC0123456789abcdef0123456789abcdef",
                ["Twilio:AuthToken"] = "t",
                ["Twilio:From"] = "+8520000000",
            }
        );
        chromium = await Chromium.StartAsync();
        Assertions.SetDefaultExpectTimeout(30_000);
        await FillAsync();
    }

    public async ValueTask DisposeAsync()
    {
        await chromium.DisposeAsync();
        await server.DisposeAsync();
    }

    [Fact]
    public async Task The_number_on_the_board_leads_to_the_homes_and_their_reasons()
    {
        var page = await chromium.PageAsync(server.Url);
        await Chromium.OpenBoardAsync(page);
        await Assertions.Expect(page.Locator("a.protected")).ToHaveTextAsync("受保护 50 / 122");
        await Chromium.PictureAsync(page, "protection-board");
        await page.Locator("a.protected").ClickAsync();
        await Chromium.LiveAsync(page);
        await Assertions.Expect(page.Locator("h2.list")).ToContainTextAsync("72");
        await Assertions.Expect(page.Locator("tbody tr")).ToHaveCountAsync(50);
        await page.GetByText("下一页").ClickAsync();
        await Chromium.LiveAsync(page);
        await Assertions.Expect(page.Locator("tbody tr")).ToHaveCountAsync(22);
        await page.Locator(".gaps").GetByText("无紧急联系人").ClickAsync();
        await Chromium.LiveAsync(page);
        await Assertions.Expect(page.Locator(".gaps [aria-current]")).ToHaveTextAsync("无紧急联系人");
        await Assertions.Expect(page.Locator("tbody tr")).ToHaveCountAsync(10);
        await page.GetByLabel("类别").SelectOptionAsync("key");
        await page.GetByRole(AriaRole.Button, new() { Name = "查看" }).ClickAsync();
        await Chromium.LiveAsync(page);
        await Assertions.Expect(page.Locator("tbody tr")).ToHaveCountAsync(5);
        await page.Locator(".gaps").GetByText("号码未核验").ClickAsync();
        await Chromium.LiveAsync(page);
        await page.Locator("#reach-page").ClickAsync();
        await Assertions.Expect(page.Locator(".done")).ToContainTextAsync("将核验");
        await page.GotoAsync("/residents/R-here");
        await Chromium.LiveAsync(page);
        await page.Locator("#reach-test").ClickAsync();
        await Assertions.Expect(page.Locator(".numbers")).ToContainTextAsync("核验中");
        await Chromium.PictureOfAsync(page.Locator("section.card", new() { Has = page.Locator(".numbers") }), "reach-resident");
    }

    [Fact]
    public async Task Slash_letters_arrows_and_Enter_open_a_home_from_any_page()
    {
        var page = await chromium.PageAsync(server.Url);
        await page.GotoAsync("/statistics");
        await Chromium.LiveAsync(page);
        await page.Keyboard.PressAsync("/");
        await page.Keyboard.TypeAsync("周秀");
        await Assertions.Expect(page.Locator("#search-results [role=option]")).ToHaveCountAsync(5);
        await Chromium.PictureAsync(page, "search-open");
        await page.Keyboard.PressAsync("Escape");
        await Assertions.Expect(page.Locator("#search-results")).ToBeHiddenAsync();
        await page.Keyboard.TypeAsync("英");
        await Assertions.Expect(page.Locator("#search-results")).ToBeVisibleAsync();
        await page.Keyboard.PressAsync("ArrowDown");
        await page.Keyboard.PressAsync("ArrowDown");
        await Assertions.Expect(page.Locator("#search-results [aria-selected=true]")).ToHaveAttributeAsync("id", "found-1");
        await page.Keyboard.PressAsync("ArrowUp");
        await page.Keyboard.PressAsync("Enter");
        await page.WaitForURLAsync("**/residents/H-*");

        // Enter without a choice opens all results; a letter A in the box acknowledges nothing.
        await page.Locator("#search").FillAsync("江南镇");
        await page.Locator("#search").PressAsync("Enter");
        await page.WaitForURLAsync("**/search?q=*");
        await Assertions.Expect(page.Locator(".found h3").First).ToHaveTextAsync("居住地址");
        await page.GetByText("全部显示").First.ClickAsync();
        await Assertions.Expect(page.Locator(".found li")).ToHaveCountAsync(50);
        await page.GetByText("下一页").ClickAsync();
        await Assertions.Expect(page.Locator(".found li").First).ToBeVisibleAsync();
    }

    [Fact]
    public async Task It_works_on_a_phone_in_both_languages_in_the_dark_and_without_scripts()
    {
        foreach (var (width, language) in new[] { (390, "zh"), (390, "en"), (1366, "zh"), (1366, "en") })
        {
            var page = await chromium.PageAsync(server.Url, width, width == 390 ? 844 : 768);
            foreach (var (name, path) in new[] { ("protection", "/protection?reason="), ("search", "/search?q=周秀"), ("board", "/?x=") })
            {
                await page.GotoAsync($"{path}&lang={language}");
                await Chromium.LiveAsync(page);
                foreach (var dark in new[] { false, true })
                {
                    await page.EmulateMediaAsync(new() { ColorScheme = dark ? ColorScheme.Dark : ColorScheme.Light });
                    await Chromium.PictureAsync(page, $"p-{name}-{width}-{language}{(dark ? "-dark" : "")}");
                    var found = (await page.RunAxe())
                        .Violations.Where(v => v.Impact is "serious" or "critical")
                        .Select(v => $"{v.Id}: {string.Join(" | ", v.Nodes.Take(3).Select(n => n.Html))}");
                    Assert.True(!found.Any(), $"{name}: {string.Join("\n", found)}");
                }

                Assert.True(await page.EvaluateAsync<bool>("document.documentElement.scrollWidth <= innerWidth"), $"{path} at {width}");
            }

            await page.Locator("#search").FillAsync("周秀");
            await page.Locator("#search-results [role=option]").First.WaitForAsync();
            await Chromium.PictureAsync(page, $"p-typing-{width}-{language}");
            var axe = (await page.RunAxe()).Violations.Where(v => v.Impact is "serious" or "critical").Select(v => v.Id);
            Assert.Empty(axe);
        }

        var plain = await chromium.PageAsync(server.Url, 390, 844, scripts: false);
        await plain.GotoAsync("/protection?reason=no-contact");
        await Assertions.Expect(plain.Locator("tbody tr")).ToHaveCountAsync(10);
        await plain.Locator("#search").FillAsync("周秀");
        await plain.Locator("#search").PressAsync("Enter");
        await Assertions.Expect(plain.Locator(".found li").First).ToBeVisibleAsync();
    }

    /// <summary>120 homes: 50 lack nothing that unprotects, 10 have no contact, 20 no device, 40 refused; two never heard.</summary>
    private async Task FillAsync()
    {
        var now = TimeProvider.System.GetUtcNow().UtcDateTime;
        await using (var db = await server.Records.CreateDbContextAsync(Token))
        {
            db.Areas.Add(new Area { Code = ConsoleServer.Here, Name = "江南镇东风村" });
            for (var i = 0; i < 120; i++)
            {
                var home = new Resident
                {
                    Id = $"H-{i:D3}",
                    Name = "周秀" + "英兰芳"[i % 3],
                    Area = ConsoleServer.Here,
                    Address = $"江南镇东风村{i + 1}号",
                    Categories = "独居",
                    KeyClass = i % 2 == 0,
                    RefusesMonitoring = i is >= 10 and < 50,
                    CreatedAt = now,
                    UpdatedAt = now,
                };
                if (i >= 10)
                    home.Contacts.Add(
                        new Contact
                        {
                            Id = Guid.NewGuid(),
                            ResidentId = home.Id,
                            Order = 1,
                            Name = "周强",
                            Relation = "儿子",
                            Phone = $"+86139{i:D8}",
                        }
                    );
                if (i is < 50 or >= 70)
                    home.Devices.Add(
                        new Device
                        {
                            Id = "m-" + home.Id,
                            Profile = "senml",
                            ResidentId = home.Id,
                            LastSeenAt = now,
                            InstalledAt = now,
                        }
                    );
                db.Residents.Add(home);
            }

            await db.SaveChangesAsync(Token);
        }

        await server.Services.GetRequiredService<SearchIndex>().FollowAsync(Token);
        var protection = server.Services.GetRequiredService<ProtectedNow>();
        await protection.ReadyAsync(Token);
        await protection.LookAsync(Token);
    }
}
