using System.Diagnostics;
using Deque.AxeCore.Commons;
using Deque.AxeCore.Playwright;
using Microsoft.EntityFrameworkCore;
using Microsoft.Playwright;
using Vigil.Model;
using Vigil.Storage.Readings;
using Vigil.Storage.Records;
using Vigil.Tests.Web;
using Vigil.Web;
using static Vigil.Tests.Web.Running;

namespace Vigil.Tests.Browser;

/// <summary>The pages of a duty officer, a contact and a visitor in a real browser.</summary>
[Trait("Category", "Server")]
public sealed class BoardTests(ITestOutputHelper output) : IAsyncLifetime
{
    private ConsoleServer server = null!;
    private Chromium chromium = null!;

    public async ValueTask InitializeAsync()
    {
        server = await ConsoleServer.StartAsync(
            open: true,
            new ConsoleOptions { MapTiles = "/tiles/{z}/{x}/{y}.png", MapAttribution = "© tiles" }
        );
        chromium = await Chromium.StartAsync();
    }

    public async ValueTask DisposeAsync()
    {
        await chromium.DisposeAsync();
        await server.DisposeAsync();
    }

    [Fact]
    public async Task An_alarm_appears_without_reload_within_a_second_and_one_key_acknowledges_it()
    {
        var page = await chromium.PageAsync(server.Url);
        await Chromium.OpenBoardAsync(page);
        await page.EvaluateAsync("window.sameDocument = true");
        // The browser itself notes when the row appears; asking it again and again would take time that is measured.
        await page.EvaluateAsync(
            "new MutationObserver(() => { if (!window.seenAt && document.querySelector('[data-alarm]')) window.seenAt = Date.now(); "
                + "}).observe(document.body, { childList: true, subtree: true })"
        );
        var begun = TimeProvider.System.GetUtcNow().ToUnixTimeMilliseconds();
        var alarm = await server.RaiseAsync("R-here", AlarmKind.Sos);
        await page.WaitForFunctionAsync("() => window.seenAt");
        var took = await page.EvaluateAsync<double>("window.seenAt") - begun;
        output.WriteLine($"shown {took} ms after its commit began");
        Assert.True(took < 1000, $"shown {took} ms after its commit began");
        await Assertions.Expect(page.Locator($"[data-alarm='{alarm.Id}']")).ToContainTextAsync("王秀英");
        await page.Keyboard.PressAsync("ArrowDown");
        await page.Keyboard.PressAsync("a");
        await Assertions.Expect(page.Locator($"[data-alarm='{alarm.Id}'].state-acknowledged")).ToBeVisibleAsync();
        Assert.Equal(AlarmState.Acknowledged, (await server.FindAsync(alarm.Id)).State);
        Assert.True(await page.EvaluateAsync<bool>("window.sameDocument"));
    }

    [Fact]
    public async Task In_an_outage_many_alarms_are_chosen_with_the_keyboard_and_answered_together_with_one_reason()
    {
        var (water, power) = (
            await server.RaiseAsync("R-here", AlarmKind.NoWater),
            await server.RaiseAsync("R-here", AlarmKind.NoElectricity)
        );
        var sos = await server.RaiseAsync("R-there", AlarmKind.Sos);
        var page = await chromium.PageAsync(server.Url);
        await Chromium.OpenBoardAsync(page);
        await page.GetByLabel("区域").Or(page.GetByLabel("类型")).First.WaitForAsync();
        await Assertions.Expect(page.Locator("[data-alarm]")).ToHaveCountAsync(3);
        await page.Keyboard.PressAsync("ArrowDown"); // the cry for help at the top can't be ticked
        await page.Keyboard.PressAsync("ArrowDown");
        await page.Keyboard.PressAsync(" ");
        await page.Keyboard.PressAsync("ArrowDown");
        await page.Keyboard.PressAsync(" ");
        await Assertions.Expect(page.Locator(".bulk")).ToContainTextAsync("已选 2 条");
        await Assertions.Expect(page.Locator(".acknowledge-many")).ToBeDisabledAsync();
        await page.Locator(".bulk input").FillAsync("全村停电");
        await Chromium.PictureAsync(page, "bulk");
        await page.Locator(".acknowledge-many").ClickAsync();
        await Assertions.Expect(page.Locator(".done")).ToContainTextAsync("已处理 2 条");
        foreach (var alarm in new[] { water, power })
        {
            await using var db = await server.Records.CreateDbContextAsync(Token);
            Assert.Equal(
                "全村停电",
                (await db.Timeline.SingleAsync(t => t.AlarmId == alarm.Id && t.What == TimelineEvent.Acknowledged, Token)).Text
            );
        }

        Assert.Equal(AlarmState.Open, (await server.FindAsync(sos.Id)).State);
    }

    [Fact]
    public async Task The_alarm_page_marks_the_silence_shows_the_place_on_tiles_and_resolves_by_a_visit()
    {
        var alarm = await FillAsync();
        var page = await chromium.PageAsync(server.Url);
        await page.GotoAsync($"/alarms/{alarm.Id}");
        await Chromium.LiveAsync(page);
        await Assertions
            .Expect(page.Locator(".silent-for").First)
            .ToContainTextAsync(new System.Text.RegularExpressions.Regex("已静默 (3[6-9]|4[0-9]) 小时"));
        Assert.Matches("^/tiles/1[0-7]/\\d+/\\d+\\.png$", await page.Locator("svg.map image").First.GetAttributeAsync("href"));
        await page.GetByLabel("办结类别").SelectOptionAsync("FalseHabit");
        await page.GetByLabel("以探访办结").SelectOptionAsync("home");
        await page.Locator("button.resolve").ClickAsync();
        await Assertions.Expect(page.Locator(".timeline")).ToContainTextAsync("办结");
        await using var db = await server.Records.CreateDbContextAsync(Token);
        Assert.Equal("home", (await db.Visits.SingleAsync(v => v.AlarmId == alarm.Id, Token)).Form);
        Assert.Equal(Resolution.FalseHabit, (await server.FindAsync(alarm.Id)).Resolution);
    }

    [Fact]
    public async Task The_page_says_by_its_own_clock_that_it_is_no_longer_live()
    {
        var page = await chromium.PageAsync(server.Url);
        await Chromium.OpenBoardAsync(page);
        await Assertions.Expect(page.Locator("#stale")).ToBeHiddenAsync();
        await page.EvaluateAsync("Blazor.disconnect()");
        await Assertions.Expect(page.Locator("#stale")).ToBeVisibleAsync(new() { Timeout = 14_000 });
    }

    [Fact]
    public async Task What_a_device_or_a_name_carries_is_shown_and_never_run()
    {
        await using (var db = await server.Records.CreateDbContextAsync(Token))
        {
            (await db.Residents.FirstAsync(r => r.Id == "R-here", Token)).Name = "<img src=x onerror=window.hacked=1>";
            await db.SaveChangesAsync(Token);
        }

        var alarm = await server.RaiseAsync(
            "R-here",
            AlarmKind.Sos,
            "<script>window.hacked=1</script>",
            "<script>window.hacked=1</script>"
        );
        var page = await chromium.PageAsync(server.Url);
        foreach (var path in new[] { "/", $"/alarms/{alarm.Id}", "/residents", "/residents/R-here", "/devices" })
        {
            await page.GotoAsync(path);
            await page.WaitForLoadStateAsync(LoadState.NetworkIdle);
            Assert.False(await page.EvaluateAsync<bool>("'hacked' in window"), path);
        }
    }

    [Fact]
    public async Task Who_binds_a_device_to_nobody_is_told_so_and_the_device_still_waits()
    {
        await using var db = await server.Records.CreateDbContextAsync(Token);
        db.Unbound.Add(
            new UnboundDevice
            {
                Id = "button-7",
                Profile = "senml",
                Topic = "vigil/button-7/up",
            }
        );
        await db.SaveChangesAsync(Token);
        var page = await chromium.PageAsync(server.Url);
        await page.GotoAsync("/devices");
        await page.WaitForLoadStateAsync(LoadState.NetworkIdle);
        var (home, bind) = (page.GetByLabel("绑定到 button-7"), page.GetByRole(AriaRole.Button, new() { Name = "绑定" }));
        await home.FillAsync("R-nobody");
        await bind.ClickAsync();
        await Assertions.Expect(page.Locator(".trouble")).ToContainTextAsync("没有服务对象“R-nobody”");
        await home.FillAsync("R-here");
        await bind.ClickAsync();
        await Assertions.Expect(home).ToHaveCountAsync(0);
        Assert.Equal("R-here", (await db.Devices.SingleAsync(d => d.Id == "button-7", Token)).ResidentId);
    }

    [Fact]
    public async Task A_contact_takes_the_alarm_on_a_phone_without_scripts()
    {
        var alarm = await server.RaiseAsync("R-here", AlarmKind.Fall, "fall in the bathroom", "卫生间疑似跌倒");
        var page = await chromium.PageAsync(server.Url, 390, 844, scripts: false);
        await page.GotoAsync(await server.LinkAsync(alarm.Id));
        await Chromium.PictureAsync(page, "contact");
        await page.GetByRole(AriaRole.Button, new() { Name = "我来处理" }).ClickAsync();
        await Assertions.Expect(page.Locator("main")).ToContainTextAsync("已由您处理");
        Assert.Equal(AlarmState.Acknowledged, (await server.FindAsync(alarm.Id)).State);
    }

    [Fact]
    public async Task A_visitor_records_a_visit_on_a_phone_whose_connection_comes_and_goes_and_it_is_recorded_once()
    {
        var alarm = await server.RaiseAsync("R-here", AlarmKind.NoWater, "no water for 24 h", "24小时未用水");
        await server.Desk.TakeInHandAsync(alarm.Id, "duty:张敏", "", Token);
        var page = await chromium.PageAsync(server.Url, 390, 844);
        await page.GotoAsync("/visits");
        await Assertions.Expect(page.Locator(".asked li").First).ToContainTextAsync("王秀英");
        await page.Locator(".asked li").First.GetByText("填写探访记录").ClickAsync();
        await page.WaitForFunctionAsync("() => document.getElementById('visit')?.dataset.kept");
        await page.GetByRole(AriaRole.Group, new() { Name = "行动能力" }).GetByText("较差").ClickAsync();
        await page.GetByLabel("老年人服务需求").FillAsync("需要助行器");
        await Chromium.PictureAsync(page, "visit");

        // On the stairs there is no signal: the page opens again from what the browser kept, with what was typed.
        await page.Context.SetOfflineAsync(true);
        await page.ReloadAsync();
        await Assertions.Expect(page.GetByLabel("老年人服务需求")).ToHaveValueAsync("需要助行器");
        await page.GetByLabel("警情办结类别").SelectOptionAsync("true");
        await page.GetByRole(AriaRole.Button, new() { Name = "保存记录" }).ClickAsync();
        await Assertions.Expect(page.Locator("#state")).ToContainTextAsync("记录已存在本机");
        await page.Context.SetOfflineAsync(false);
        await Assertions.Expect(page.GetByText("已保存。")).ToBeVisibleAsync();
        await using var db = await server.Records.CreateDbContextAsync(Token);
        // the column is encrypted, so a query can't search in it
        var visit = (await db.Visits.ToListAsync(Token)).Single(v => v.Needs == "需要助行器");
        Assert.Equal(("R-here", "行动能力：较差", alarm.Id), (visit.ResidentId, visit.Condition, visit.AlarmId));
        Assert.Equal(Resolution.True, (await server.FindAsync(alarm.Id)).Resolution);

        await page.GotoAsync($"/visits/{visit.Id}/print");
        await Assertions.Expect(page.Locator(".sheet")).ToContainTextAsync("☑ 较差");
        await Chromium.PictureAsync(page, "visit-record");
    }

    [Fact]
    public async Task A_visitor_sees_an_own_day_on_a_phone_the_alarm_first_and_what_is_done()
    {
        await using (var db = await server.Records.CreateDbContextAsync(Token))
        {
            db.Visitors.Add(
                new Visitor
                {
                    Id = "v7",
                    Name = "陈探访",
                    Area = ConsoleServer.Here,
                }
            );
            (await db.Residents.FirstAsync(r => r.Id == "R-here", Token)).VisitorId = "v7";
            await db.SaveChangesAsync(Token);
        }

        var alarm = await server.RaiseAsync("R-here", AlarmKind.NoWater, "no water for 24 h", "24小时未用水");
        await server.Desk.TakeInHandAsync(alarm.Id, "duty:张敏", "", Token);
        await server.RaiseAsync("R-there", AlarmKind.Sos);
        var page = await chromium.PageAsync(server.Url, 390, 844);
        await page.GotoAsync("/my-day");
        await page.GetByText("陈探访（v7）").ClickAsync();
        var first = page.Locator(".plan li").First;
        await Assertions.Expect(first).ToContainTextAsync("24小时未用水");
        await Assertions.Expect(page.Locator(".plan li")).ToHaveCountAsync(1);
        await Chromium.PictureAsync(page, "my-day");
        Assert.True(await page.EvaluateAsync<bool>("document.documentElement.scrollWidth <= innerWidth"));
        await first.GetByText("填写探访记录").ClickAsync();
        await page.WaitForURLAsync($"**/visits/form?resident=R-here&alarm={alarm.Id}");
    }

    [Fact]
    public async Task A_rule_is_tried_on_the_residents_own_past_before_it_can_be_saved()
    {
        await FillAsync();
        var page = await chromium.PageAsync(server.Url);
        await page.GotoAsync("/rules?resident=R-here");
        await page.WaitForLoadStateAsync(LoadState.NetworkIdle);
        var file = page.GetByLabel("规则文件");
        var save = page.GetByRole(AriaRole.Button, new() { Name = "保存", Exact = true });
        await Assertions.Expect(save).ToBeDisabledAsync();
        await file.FillAsync("rules:\n  no-water: { within: 300h }\n");
        await page.GetByRole(AriaRole.Button, new() { Name = "试算" }).ClickAsync();
        await Assertions.Expect(page.Locator(".trouble")).ToContainTextAsync("within");

        await file.FillAsync(
            "holidays: holidays.yaml\nrules:\n  no-water: { within: 90h }\n  no-electricity: { enabled: false }\n  inactivity: { "
                + "enabled: false }\n"
        );
        await page.GetByRole(AriaRole.Button, new() { Name = "试算" }).ClickAsync();
        var trial = page.Locator("#trial section");
        await Assertions.Expect(trial.First).ToContainTextAsync("用水"); // with the rules in force, 36 h of silence are an alarm
        await Assertions.Expect(trial.Nth(1).Locator("li").Filter(new() { HasText = "未用水" })).ToHaveCountAsync(0);
        await save.ClickAsync();
        await Assertions.Expect(page.GetByText("已保存。")).ToBeVisibleAsync();
        Assert.Contains("90h", await File.ReadAllTextAsync(server.RulesPath, Token), StringComparison.Ordinal);
        await Assertions.Expect(page.GetByRole(AriaRole.Row, new() { Name = "within 90h" })).ToBeVisibleAsync();
    }

    [Fact]
    public async Task A_registry_file_is_tried_first_and_a_watch_asks_for_visits()
    {
        var page = await chromium.PageAsync(server.Url);
        await page.GotoAsync("/registry");
        await page.WaitForLoadStateAsync(LoadState.NetworkIdle);
        await page.Locator("input[type=file]")
            .SetInputFilesAsync(
                new FilePayload
                {
                    Name = "a.csv",
                    MimeType = "text/csv",
                    Buffer = "记录,编号,姓名,区划代码\n老人,r9,,441900003001\n"u8.ToArray(),
                }
            );
        await Assertions.Expect(page.Locator("table")).ToContainTextAsync("姓名未填写");
        await page.Locator("input[type=file]")
            .SetInputFilesAsync(
                new FilePayload
                {
                    Name = "b.csv",
                    MimeType = "text/csv",
                    Buffer = "记录,编号,姓名,区划代码\n老人,r9,赵六,441900003001\n区划,,南城,441900003\n"u8.ToArray(),
                }
            );
        await page.GetByRole(AriaRole.Button, new() { Name = "导入" }).ClickAsync();
        await Assertions.Expect(page.GetByText("已导入：")).ToBeVisibleAsync();

        await page.GotoAsync("/areas");
        await page.WaitForLoadStateAsync(LoadState.NetworkIdle);
        await page.GetByLabel("原因").FillAsync("台风");
        await page.GetByRole(AriaRole.Button, new() { Name = "开始重点关注 南城" }).ClickAsync();
        await Assertions.Expect(page.Locator("table")).ToContainTextAsync("台风");
        await page.GotoAsync("/visits");
        await Assertions.Expect(page.Locator(".asked")).ToContainTextAsync("赵六");
        await Assertions.Expect(page.Locator(".asked")).ToContainTextAsync("重点关注");
    }

    [Fact]
    public async Task No_page_has_a_serious_accessibility_violation()
    {
        var alarm = await FillAsync();
        var contact = await server.LinkAsync(alarm.Id);
        var page = await chromium.PageAsync(server.Url);
        foreach (
            var (name, path) in new[]
            {
                ("board", "/"),
                ("alarm", $"/alarms/{alarm.Id}"),
                ("residents", "/residents"),
                ("resident", "/residents/R-here"),
                ("resident-edit", "/residents/R-here/edit"),
                ("resident-new", "/residents/new"),
                ("people", "/people"),
                ("visitor-new", "/people/visitors"),
                ("devices", "/devices"),
                ("device", "/devices/meter-R-here"),
                ("labels", "/devices/labels"),
                ("decode", "/decode?rejected=1"),
                ("visits", "/visits"),
                ("visit", "/visits/form?resident=R-here"),
                ("statistics", "/statistics"),
                ("rules", "/rules?resident=R-here"),
                ("areas", "/areas"),
                ("protection", "/protection"),
                ("search", "/search?q=王"),
                ("registry", "/registry"),
                ("webhooks", "/webhooks"),
                ("my-day", "/my-day"),
                ("contact-page", contact),
                ("sign-in", "/signin"),
            }
        )
        {
            await page.GotoAsync(path);
            await page.WaitForLoadStateAsync(LoadState.NetworkIdle);
            if (name == "alarm")
                await page.Locator("svg[role=img]").First.WaitForAsync();
            await Assertions.Expect(page.Locator("h1, h2, button").First).ToBeVisibleAsync();
            foreach (var dark in new[] { false, true })
            {
                await page.EmulateMediaAsync(new PageEmulateMediaOptions { ColorScheme = dark ? ColorScheme.Dark : ColorScheme.Light });
                await Chromium.PictureAsync(page, dark ? name + "-dark" : name);
                // The dark page differs in its colours only, so only their contrast is checked.
                var axe = await page.RunAxe(dark ? new AxeRunOptions { RunOnly = RunOnlyOptions.Rules("color-contrast") } : null);
                var found = axe
                    .Violations.Where(v => v.Impact is "serious" or "critical")
                    .Select(v => $"{v.Id}: {string.Join(" | ", v.Nodes.Take(3).Select(n => n.Html))}")
                    .ToList();
                Assert.True(found.Count == 0, $"{path}{(dark ? " (dark)" : "")}: {string.Join("\n", found)}");
            }
        }
    }

    /// <summary>A morning at the desk: a meter without use, a press, a fall that somebody has acknowledged, a weak battery.</summary>
    private async Task<Alarm> FillAsync()
    {
        var now = TimeProvider.System.GetUtcNow().UtcDateTime;
        var rows = new List<Reading>();
        var (water, energy) = (10.0, 100.0);
        for (var t = now.AddDays(-9); t < now; t = t.AddHours(1))
        {
            var quiet = t > now.AddHours(-36);
            if (!quiet && t.Hour is 23 or 0 or 4 or 11)
                water += 0.022;
            energy += quiet ? 0.03 : 0.15;
            var device = new DeviceId("meter-R-here");
            rows.Add(
                new Reading
                {
                    Device = device,
                    Metric = Metric.WaterVolume,
                    Time = t,
                    Received = t,
                    Value = water,
                }
            );
            rows.Add(
                new Reading
                {
                    Device = device,
                    Metric = Metric.ElectricityEnergy,
                    Time = t,
                    Received = t,
                    Value = energy,
                }
            );
        }

        rows.Add(
            new Reading
            {
                Device = new DeviceId("meter-R-here"),
                Metric = Metric.Location,
                Time = now,
                Received = now,
                Value = 23.114,
                Longitude = 113.8645,
            }
        );
        await ((IReadingStore)server.Services.GetService(typeof(IReadingStore))!).AppendAsync(rows, Token);
        await server.RaiseAsync("R-there", AlarmKind.Sos, "SOS button pressed", "按下了紧急呼叫按钮");
        await server.RaiseAsync("R-there", AlarmKind.BatteryLow, "battery at 8 %", "电池剩余8%");
        var fall = await server.RaiseAsync("R-here", AlarmKind.Fall, "radar: fall in the bathroom", "雷达：卫生间疑似跌倒");
        await server.Desk.AcknowledgeAsync(fall.Id, "duty:张敏", "", Token);
        await server.RaiseAsync("R-here", AlarmKind.WaterRunning, "water has been running for 3 h", "持续用水3小时");
        return await server.RaiseAsync(
            "R-here",
            AlarmKind.NoWater,
            "no water used for 36 h; the longest pause so far was 11 h",
            "已36小时未用水，此前最长间隔11小时"
        );
    }
}
