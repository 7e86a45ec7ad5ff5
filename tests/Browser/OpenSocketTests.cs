using Microsoft.Extensions.DependencyInjection;
using Microsoft.Playwright;
using Vigil.Model;
using Vigil.Storage.Records;
using Vigil.Tests.Ingest.Mqtt;
using Vigil.Tests.Web;
using Vigil.Web;
using Vigil.Web.Accounts;
using static Vigil.Tests.Web.Running;

namespace Vigil.Tests.Browser;

/// <summary>
/// Moving to another page over the open socket of a page is no HTTP request, so what checks requests doesn't see it: the pages must check
/// rights too.
/// </summary>
[Trait("Category", "Server")]
public sealed class OpenSocketTests
{
    private const string Password = "a long enough pass-phrase";

    [Fact]
    public async Task A_county_officer_gets_over_the_open_socket_neither_to_the_accounts_nor_to_another_county()
    {
        await using var server = await ConsoleServer.StartAsync();
        var (here, there) = (await server.RaiseAsync("R-here", AlarmKind.Sos), await server.RaiseAsync("R-there", AlarmKind.Sos));
        await using (var scope = server.Services.CreateAsyncScope())
            foreach (var (name, area) in new[] { ("li", "441900"), ("zhao", "440100") })
                Assert.Null(
                    await scope.ServiceProvider.GetRequiredService<Accounts>().AddAsync(name, Roles.Duty, area, "", Password, "test", Token)
                );
        await using var chromium = await Chromium.StartAsync();
        var page = await chromium.PageAsync(server.Url);
        await page.GotoAsync("/signin");
        await page.FillAsync("[name=name]", "li");
        await page.FillAsync("[name=password]", Password);
        await page.ClickAsync("button");
        await Chromium.OpenBoardAsync(page);
        await Chromium.LiveAsync(page);
        await Assertions.Expect(page.Locator($"[data-alarm='{here.Id}']")).ToBeVisibleAsync();
        await server.RaiseAsync("R-there", AlarmKind.Smoke); // every open board hears of it; this one must not show it
        var next = await server.RaiseAsync("R-here", AlarmKind.Smoke);
        await Assertions.Expect(page.Locator($"[data-alarm='{next.Id}']")).ToBeVisibleAsync();
        await Assertions.Expect(page.Locator("[data-alarm]")).ToHaveCountAsync(2);
        await page.EvaluateAsync("window.sameDocument = true");
        foreach (var path in new[] { "/users", "/registry", "/webhooks" })
        {
            await page.EvaluateAsync($"Blazor.navigateTo('{path}')");
            await Assertions.Expect(page.Locator("main")).ToContainTextAsync("您的账号不能查看此页");
            Assert.DoesNotContain("zhao", await page.Locator("main").InnerTextAsync(), StringComparison.Ordinal);
            await page.EvaluateAsync("Blazor.navigateTo('/')");
            await Assertions.Expect(page.Locator($"[data-alarm='{here.Id}']")).ToBeVisibleAsync();
        }

        await page.EvaluateAsync($"Blazor.navigateTo('/alarms/{there.Id}')");
        await page.WaitForURLAsync("**/alarms/*");
        await Assertions.Expect(page.Locator("[data-alarm]")).ToHaveCountAsync(0);
        Assert.DoesNotContain("李桂兰", await page.Locator("main").InnerTextAsync(), StringComparison.Ordinal);
        Assert.True(
            await page.EvaluateAsync<bool>("window.sameDocument === true"),
            "a document was loaded anew: the socket was not what was tested"
        );
    }

    [Fact]
    public async Task One_person_has_three_live_pages_and_a_fourth_when_one_of_them_is_closed()
    {
        await using var server = await ConsoleServer.StartAsync();
        await using (var scope = server.Services.CreateAsyncScope())
            Assert.Null(
                await scope.ServiceProvider.GetRequiredService<Accounts>().AddAsync("li", Roles.Duty, "", "", Password, "test", Token)
            );
        await using var chromium = await Chromium.StartAsync();
        var first = await chromium.PageAsync(server.Url);
        await first.GotoAsync("/signin");
        await first.FillAsync("[name=name]", "li");
        await first.FillAsync("[name=password]", Password);
        await first.ClickAsync("button");
        await Chromium.LiveAsync(first);
        var pages = new List<IPage>();
        for (var i = 0; i < 2; i++)
        {
            pages.Add(await first.Context.NewPageAsync());
            await pages[i].GotoAsync("/residents");
            await Chromium.LiveAsync(pages[i]);
        }

        var open = server.Services.GetRequiredService<Vigil.Web.OpenPages>();
        Assert.Equal(3, open.CountOf("li"));
        var fourth = await first.Context.NewPageAsync();
        await fourth.GotoAsync("/residents");
        // The page is drawn but never becomes live, and says so.
        await Assertions.Expect(fourth.Locator("#stale")).ToBeVisibleAsync(new() { Timeout = 20_000 });
        Assert.Equal(0, await fourth.Locator("#live").CountAsync());
        Assert.Equal(3, open.CountOf("li"));
        await pages[0].CloseAsync();
        await fourth.ReloadAsync();
        await Chromium.LiveAsync(fourth);
        Assert.Equal(3, open.CountOf("li"));
    }

    [Fact]
    public async Task When_nobody_who_may_take_an_alarm_has_a_live_page_it_is_said_until_somebody_has()
    {
        await using var server = await ConsoleServer.StartAsync(
            options: new ConsoleOptions { UnattendedSeconds = 30 },
            accounts: new AccountsOptions { PagesRevalidatedEvery = TimeSpan.FromSeconds(1) }
        );
        var troubles = server.Services.GetRequiredService<Troubles>();
        var said = Assert.Single(troubles.Now, t => t.Case == "desk");
        Assert.Equal(TimeSpan.FromSeconds(30), said.Patience);
        await using var scope = server.Services.CreateAsyncScope();
        var accounts = scope.ServiceProvider.GetRequiredService<Accounts>();
        Assert.Null(await accounts.AddAsync("chen", Roles.ReadOnly, "", "", Password, "test", Token));
        Assert.Null(await accounts.AddAsync("li", Roles.Duty, "", "", Password, "test", Token));
        await using var chromium = await Chromium.StartAsync();

        async Task<IPage> SignInAsync(string name)
        {
            var page = await chromium.PageAsync(server.Url);
            await page.GotoAsync("/signin");
            await page.FillAsync("[name=name]", name);
            await page.FillAsync("[name=password]", Password);
            await page.ClickAsync("button");
            await Chromium.LiveAsync(page);
            return page;
        }

        await SignInAsync("chen"); // a read-only account can see alarms but take none
        Assert.Contains(troubles.Now, t => t.Case == "desk");
        var page = await SignInAsync("li");
        await RawDevice.UntilAsync(() => troubles.Now.All(t => t.Case != "desk"));
        await page.CloseAsync();
        await RawDevice.UntilAsync(() => troubles.Now.Any(t => t.Case == "desk"));

        // The account of an open page is disabled: nobody can take an alarm on that page any more.
        await SignInAsync("li");
        await RawDevice.UntilAsync(() => troubles.Now.All(t => t.Case != "desk"));
        await using (var later = server.Services.CreateAsyncScope())
        {
            var fresh = later.ServiceProvider.GetRequiredService<Accounts>();
            await fresh.ChangeAsync((await fresh.FindAsync("li"))!, "test", "disabled", u => u.Disabled = true, Token);
        }

        await RawDevice.UntilAsync(() => troubles.Now.Any(t => t.Case == "desk"));
        Assert.Equal(0, server.Services.GetRequiredService<OpenPages>().DeskPages);
    }
}
