using System.Text.RegularExpressions;
using Deque.AxeCore.Playwright;
using Microsoft.EntityFrameworkCore;
using Microsoft.Playwright;
using Vigil.Model;
using Vigil.Storage.Readings;
using Vigil.Storage.Records;
using Vigil.Tests.Web;
using static Vigil.Tests.Web.Running;

namespace Vigil.Tests.Browser;

/// <summary>A registrar writes down that consent was withdrawn, and the pages show nothing of it any more.</summary>
[Trait("Category", "Server")]
public sealed partial class ConsentPageTests : IAsyncLifetime
{
    private ConsoleServer server = null!;
    private Chromium chromium = null!;
    private Alarm alarm = null!;

    public async ValueTask InitializeAsync()
    {
        server = await ConsoleServer.StartAsync(open: true);
        chromium = await Chromium.StartAsync();
        var now = TimeProvider.System.GetUtcNow().UtcDateTime;
        await ((IReadingStore)server.Services.GetService(typeof(IReadingStore))!).AppendAsync(
            [
                .. Enumerable.Range(1, 20).Select(h => Of(now, Metric.BloodPressureSystolic, h, 135)),
                .. Enumerable.Range(1, 20).Select(h => Of(now, Metric.WaterVolume, h, 10 - h / 100.0)),
                Of(now, Metric.Location, 0.5, 23.12) with
                {
                    Longitude = 113.87,
                },
            ],
            Token
        );
        alarm = await server.RaiseAsync("R-here", AlarmKind.Sos);
    }

    public async ValueTask DisposeAsync()
    {
        await chromium.DisposeAsync();
        await server.DisposeAsync();
    }

    [Fact]
    public async Task Who_withdraws_is_written_down_and_health_place_and_daily_life_are_gone_from_the_pages()
    {
        var page = await chromium.PageAsync(server.Url);
        await page.GotoAsync($"/alarms/{alarm.Id}");
        await Assertions.Expect(page.Locator("figure.location")).ToBeVisibleAsync();
        await OpenAsync(page);
        await Assertions.Expect(State(page, "health")).ToContainTextAsync("未登记");
        await Assertions.Expect(page.Locator(".life")).ToContainTextAsync("血压");

        await WithdrawAsync(page, "健康数据", "");
        await Assertions.Expect(page.Locator(".consents .trouble")).ToContainTextAsync("请填写书面凭证");
        await WithdrawAsync(page, "健康数据", "签字同意书第 12 号");
        await Assertions.Expect(State(page, "health")).ToContainTextAsync("已撤回");
        await Assertions.Expect(State(page, "health")).ToContainTextAsync("监护人（王建国、儿子）");
        await Assertions.Expect(page.Locator(".life")).Not.ToContainTextAsync("血压");

        await WithdrawAsync(page, "位置信息", "签字同意书第 12 号");
        await Assertions.Expect(State(page, "location")).ToContainTextAsync("已撤回");
        await Chromium.PictureOfAsync(page.Locator(".consents"), "consents-1366-zh");
        await page.GotoAsync($"/alarms/{alarm.Id}");
        await Assertions.Expect(page.Locator(".chart").First).ToBeVisibleAsync();
        await Assertions.Expect(page.Locator("figure.location")).ToHaveCountAsync(0);

        await OpenAsync(page);
        await WithdrawAsync(page, "远程监测", "电话告知");
        await Assertions.Expect(page.Locator(".life")).ToHaveCountAsync(0);
        await Assertions.Expect(page.GetByText("不监测、不显示日常生活情况")).ToBeVisibleAsync();
        await page.Locator(".consents .history summary").ClickAsync();
        await Assertions.Expect(page.Locator(".consents .history li")).ToHaveCountAsync(3);
        await Chromium.PictureAsync(page, "resident-withdrawn");
        using var api = await server.ClientAsync("read");
        Assert.Equal("[]", await api.GetStringAsync("/api/v1/residents/R-here/readings?from=2020-01-01T00:00:00Z", Token));
        Assert.Equal("[]", await api.GetStringAsync("/api/v1/residents/R-here/daily", Token));
    }

    [Fact]
    public async Task The_part_is_legible_and_accessible_on_a_phone_and_a_wide_screen_in_both_languages()
    {
        await using (var db = await server.Records.CreateDbContextAsync(Token))
        {
            var resident = await db.Residents.SingleAsync(r => r.Id == "R-here", Token);
            db.Decide(resident, Decided(Purpose.Visits, ConsentDecision.Given, ConsentBy.Resident, "签字同意书第 3 号"));
            db.Decide(resident, Decided(Purpose.Location, ConsentDecision.Withdrawn, ConsentBy.Guardian, "电话告知，次日补签"));
            db.Decide(resident, Decided(Purpose.DailyLife, ConsentDecision.Refused, ConsentBy.Unstated, "2026年摸底.xlsx"));
            await db.SaveChangesAsync(Token);
        }

        foreach (var (width, language) in new[] { (390, "zh"), (390, "en"), (1366, "zh"), (1366, "en") })
        {
            var page = await chromium.PageAsync(server.Url, width, 844);
            await page.GotoAsync("/language/" + language);
            await page.GotoAsync("/residents/R-here");
            await Chromium.LiveAsync(page);
            await page.Locator(".consents .history summary").ClickAsync();
            await page.Locator(".consents .record summary").ClickAsync();
            await page.Locator(".consents [name=by]").SelectOptionAsync("Guardian");
            await Assertions.Expect(page.Locator(".consents [name=relation]")).ToBeVisibleAsync();
            foreach (var dark in new[] { false, true })
            {
                await page.EmulateMediaAsync(new() { ColorScheme = dark ? ColorScheme.Dark : ColorScheme.Light });
                var name = $"consents-{width}-{language}{(dark ? "-dark" : "")}";
                await Chromium.PictureOfAsync(page.Locator(".consents"), name);
                var found = (await page.RunAxe())
                    .Violations.Where(v => v.Impact is "serious" or "critical")
                    .Select(v => $"{v.Id}: {string.Join(" | ", v.Nodes.Take(3).Select(n => n.Html))}");
                Assert.True(!found.Any(), $"{name}: {string.Join("\n", found)}");
            }

            Assert.True(await page.EvaluateAsync<bool>("document.documentElement.scrollWidth <= innerWidth"), $"at {width}");
            var text = await page.Locator(".consents").InnerTextAsync();
            if (language == "en")
                Assert.DoesNotMatch(
                    Chinese(),
                    text.Replace("签字同意书第 3 号", "")
                        .Replace("电话告知，次日补签", "")
                        .Replace("2026年摸底.xlsx", "")
                        .Replace("王建国", "")
                        .Replace("儿子", "")
                );
        }
    }

    private static Consent Decided(Purpose purpose, ConsentDecision decision, ConsentBy by, string how) =>
        new()
        {
            Id = Guid.CreateVersion7(),
            ResidentId = "R-here",
            Purpose = purpose,
            Decision = decision,
            By = by,
            Name = by == ConsentBy.Guardian ? "王建国" : "",
            Relation = by == ConsentBy.Guardian ? "儿子" : "",
            On = new DateOnly(2026, 1, 15),
            How = how,
            RecordedBy = "registrar",
            RecordedAt = TimeProvider.System.GetUtcNow().UtcDateTime,
        };

    private static async Task OpenAsync(IPage page)
    {
        await page.GotoAsync("/residents/R-here");
        await Chromium.LiveAsync(page);
    }

    private static ILocator State(IPage page, string purpose) => page.Locator($".consents [data-purpose={purpose}]");

    private static async Task WithdrawAsync(IPage page, string purpose, string how)
    {
        var form = page.Locator(".consents form");
        if (!await form.IsVisibleAsync())
            await page.Locator(".consents .record summary").ClickAsync();
        await form.Locator("[name=purpose]").SelectOptionAsync(new SelectOptionValue { Label = purpose });
        await form.Locator("[name=decision]").SelectOptionAsync(new SelectOptionValue { Label = "已撤回" });
        await form.Locator("[name=by]").SelectOptionAsync(new SelectOptionValue { Label = "监护人" });
        await form.Locator("[name=name]").FillAsync("王建国");
        await form.Locator("[name=relation]").FillAsync("儿子");
        await form.Locator("[name=how]").FillAsync(how);
        await form.Locator("button").ClickAsync();
    }

    private static Reading Of(DateTime now, Metric metric, double hoursAgo, double value) =>
        new()
        {
            Device = new DeviceId("meter-R-here"),
            Metric = metric,
            Time = now.AddHours(-hoursAgo),
            Received = now.AddHours(-hoursAgo),
            Value = value,
        };

    [GeneratedRegex(@"\p{IsCJKUnifiedIdeographs}")]
    private static partial Regex Chinese();
}
