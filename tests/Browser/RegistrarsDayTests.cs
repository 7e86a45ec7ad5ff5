using System.Text;
using System.Text.Json;
using Deque.AxeCore.Playwright;
using Microsoft.Playwright;
using Vigil.Phones;
using Vigil.Tests.Servers;

namespace Vigil.Tests.Browser;

/// <summary>
/// A day of a registrar with the published service: a file with mistakes, the mended one, a person's file kept true, a meter replaced, a
/// consent withdrawn, and in the end who isn't protected.
/// </summary>
[Trait("Category", "Long")]
public sealed class RegistrarsDayTests(PostgresServer postgres) : IClassFixture<PostgresServer>
{
    private const int FurtherHomes = 3000;
    private const string Village = "440114003201";

    private const string Registry = """
        record,id,name,area,phone
        area,,江南镇,440114003,
        area,,云溪村,440114003201,
        duty,D1,江南镇值班室,440114003,13600136000
        """;

    private const string Policies = """
        policies:
          - id: all
            seenWellBy: 1h
            steps:
              - { to: contact 1, via: [sms], wait: 1h }
        """;

    private const string Heading =
        "编号,姓名,区划代码,身份证号码,联系电话,居住地址,对象类型,建档日期,探访人编号,探访人姓名,探访人电话,"
        + "紧急联系人1姓名,紧急联系人1关系,紧急联系人1电话,设备1编号,设备1型号,设备2编号,设备2型号\n";

    private static readonly string[] Wrong =
    [
        $"r1,王秀英,{Village},110105194912310021,13800138000,云溪村1号,独居,2026-01-05,v1,周志愿,13912340001,王小明,儿子,1380013,meter-1,senml,sos-1,senml",
        $"r2,陈桂芳,{Village},,13800138010,云溪村2号,孤寡,2026-01-05,v1,,,陈小芳,女儿,13800138011,meter-2,senml,sos-2,senml",
        "r3,李大爷,440114003999,,,云溪村3号,空巢,去年,v1,,,,,,sensor-3,senlm,,",
        $"r1,赵婆婆,{Village},,,云溪村4号,空巢,,,,,赵小军,儿子,13800138041,,,,",
    ];

    private static readonly string[] Mended =
    [
        $"r1,王秀英,{Village},11010519491231002X,13800138000,云溪村1号,独居,2026-01-05,v1,周志愿,13912340001,"
            + "王小明,儿子,13800138001,meter-1,senml,sos-1,senml",
        $"r2,陈桂芳,{Village},,13800138010,云溪村2号,独居,2026-01-05,v1,,,陈小芳,女儿,13800138011,meter-2,senml,sos-2,senml",
        $"r3,李大爷,{Village},,,云溪村3号,空巢,2025-12-30,v1,,,,,,sensor-3,senml,,",
        $"r4,赵婆婆,{Village},,,云溪村4号,空巢,,,,,赵小军,儿子,13800138041,,,,",
    ];

    private VigilServer vigil = null!;
    private IPage page = null!;
    private string gateway = "";
    private bool pictures;

    [Theory]
    [InlineData("Sqlite")]
    [InlineData("Postgres")]
    public async Task Mistakes_are_mended_a_file_is_kept_true_and_who_is_not_protected_is_seen(string store)
    {
        pictures = store == "Sqlite";
        await using var network = await PhoneNetwork.StartAsync(
            new TwilioAccount("AC0123456789abcdef0123456789abcdef", "a-token", "+85230000000", "http://127.0.0.1:9"),
            TimeProvider.System
        );
        var settings = new Dictionary<string, string>
        {
            ["Http:Open"] = "true",
            ["Notify:Routes:default"] = "twilio",
            ["Twilio:BaseUrl"] = network.Url,
            ["Twilio:AccountSid"] = "AC0123456789abcdef0123456789abcdef",
            ["Twilio:AuthToken"] = "a-token",
            ["Twilio:From"] = "+85230000000",
            ["Http:PublicUrl"] = "http://127.0.0.1:9",
            ["Protection:EverySeconds"] = "1",
        };
        if (store == "Postgres")
            (settings["Records:Store"], settings["Records:ConnectionString"]) = (store, await postgres.CreateDatabaseAsync());
        await using var service = vigil = await VigilServer.StartAsync(Registry, Policies, settings);
        gateway = await vigil.CredentialAsync("gateway-1", gateway: true);
        await using var chromium = await Chromium.StartAsync();
        page = await chromium.PageAsync(new Uri($"http://127.0.0.1:{vigil.HttpPort}"));

        await AFileWithMistakesWritesNothingAsync();
        await TheMendedFileIsWrittenAsync();
        await DevicesAreHeardAsync();
        await PhonesAreEditedAsync();
        await AMeterIsReplacedAsync();
        await AConsentIsWithdrawnAsync();
        await WhoIsNotProtectedIsSeenAsync();
    }

    private async Task AFileWithMistakesWritesNothingAsync()
    {
        await OpenAsync("/registry");
        await GiveAsync("2026年摸底.csv", Heading + string.Join('\n', Wrong) + "\n");
        await Assertions.Expect(page.GetByRole(AriaRole.Alert)).ToContainTextAsync("7 个问题，未写入任何内容");
        var rows = await page.Locator("tbody tr").AllAsync();
        var said = new List<string>();
        foreach (var row in rows)
            said.Add(string.Join('|', (await row.Locator("td").AllInnerTextsAsync()).Take(3)));
        Assert.Equal(
            new[]
            {
                "2|身份证号|1101************21",
                "2|紧急联系人1电话|1380013",
                "3|对象类型|孤寡",
                "4|建档日期|去年",
                "4|区划代码|440114003999",
                "4|设备1型号|senlm",
                "5|编号|r1",
            }.Order(StringComparer.Ordinal),
            said.Order(StringComparer.Ordinal)
        );
        await PicturesAsync("1-mistakes");
        Assert.Equal(0, (await vigil.GetAsync("residents")).GetArrayLength());
        Assert.Equal(0, (await vigil.GetAsync("devices")).GetArrayLength());
    }

    private async Task TheMendedFileIsWrittenAsync()
    {
        var file = new StringBuilder(Heading).AppendJoin('\n', Mended).Append('\n');
        for (var i = 0; i < FurtherHomes; i++)
            file.Append(
                System.Globalization.CultureInfo.InvariantCulture,
                $"h{i},周{i},{Village},,,云溪村{i + 5}号,空巢,2026-01-05,v1,,,周强,儿子,137{i:D8},m{i},senml,,\n"
            );
        await GiveAsync("2026年摸底-改.csv", file.ToString());
        var import = page.GetByRole(AriaRole.Button, new() { Name = "导入", Exact = true });
        await Assertions.Expect(import).ToBeVisibleAsync();
        await Assertions.Expect(page.GetByText($"可以导入：老人 {FurtherHomes + 4} 条")).ToBeVisibleAsync();
        await PicturesAsync("2-mended");
        // What is shown on the way is gone before a test could look at it.
        await page.EvaluateAsync(
            "window.shown = []; new MutationObserver(() => { const p = document.querySelector('progress')?.parentElement; if (p) "
                + "window.shown.push(p.previousElementSibling.textContent + p.textContent); "
                + "}).observe(document.body, { childList: true, subtree: true, characterData: true })"
        );
        await import.ClickAsync();
        if (pictures)
        {
            await page.WaitForFunctionAsync("() => window.shown.some(s => s.includes('正在写入'))");
            await PictureAsync("3-writing");
        }

        await Assertions.Expect(page.GetByText($"已导入：老人 {FurtherHomes + 4} 条")).ToBeVisibleAsync(new() { Timeout = 60_000 });
        var shown = await page.EvaluateAsync<string[]>("window.shown");
        Assert.Contains(shown, s => s.Contains("正在写入", StringComparison.Ordinal) && s.Contains('行', StringComparison.Ordinal));
        await PicturesAsync("4-imported");
        await vigil.UntilAsync("protection", p => p.GetProperty("homes").GetInt32() == FurtherHomes + 4);
    }

    private async Task DevicesAreHeardAsync()
    {
        await SayAsync("meter-1", """[{"n":"water.volume","u":"m3","v":120.5}]""");
        await SayAsync("meter-1", """[{"n":"water.volume","u":"m3","v":120.512}]""");
        await SayAsync("meter-2", """[{"n":"water.volume","u":"m3","v":50}]""");
        await SayAsync("sensor-3", """[{"n":"presence","vb":true}]""");
        await vigil.UntilAsync("residents/r2/outlooks", o => o.GetProperty("outlooks").GetArrayLength() > 0);
        await BoardSaysAsync(2);
        await PicturesAsync("5-board");
    }

    private async Task PhonesAreEditedAsync()
    {
        await OpenAsync("/residents/r1");
        await page.GetByRole(AriaRole.Link, new() { Name = "编辑" }).ClickAsync();
        await page.WaitForURLAsync("**/edit");
        var own = page.Locator("#own");
        await own.GetByLabel("联系电话").FillAsync("138001");
        await own.GetByRole(AriaRole.Button, new() { Name = "保存" }).ClickAsync();
        await Assertions.Expect(own.Locator(".field.wrong .why")).ToContainTextAsync("不是电话号码");
        await PicturesAsync("6-edit-wrong");
        await own.GetByLabel("联系电话").FillAsync("13800138088");
        await own.GetByRole(AriaRole.Button, new() { Name = "保存" }).ClickAsync();
        await Assertions.Expect(own.Locator(".done")).ToHaveTextAsync("已保存。");
        await page.GetByRole(AriaRole.Button, new() { Name = "编辑 王小明" }).ClickAsync();
        var contact = page.Locator("#contacts .record");
        await contact.GetByLabel("联系电话").FillAsync("13900139000");
        await contact.GetByRole(AriaRole.Button, new() { Name = "保存" }).ClickAsync();
        await Assertions.Expect(page.Locator("#contacts .told")).ToContainTextAsync("王小明 儿子 +86139****9000");
        await PicturesAsync("7-edited");
        await OpenAsync("/residents/r1");
        await Assertions.Expect(page.GetByText("+86139****9000")).ToBeVisibleAsync();
    }

    private async Task AMeterIsReplacedAsync()
    {
        await OpenAsync("/devices/meter-1");
        await Assertions.Expect(page.Locator(".latest")).ToContainTextAsync("120.512 m³");
        await page.GetByLabel("原因").FillAsync("表坏了");
        await page.GetByText("更换设备").First.ClickAsync();
        await page.GetByLabel("新设备编号").FillAsync("meter-1b");
        await PicturesAsync("8-replace");
        await page.GetByRole(AriaRole.Button, new() { Name = "更换设备" }).ClickAsync();
        await Assertions.Expect(page.Locator("h2 .state")).ToHaveTextAsync("已报废");
        // A second may pass until the service has taken over the change; what the new meter says until then is nobody's.
        do await SayAsync("meter-1b", """[{"n":"water.volume","u":"m3","v":0.003}]""");
        while ((await vigil.GetAsync("residents/r1/readings?metric=water.volume")).GetArrayLength() < 3);
        await SayAsync("meter-1b", """[{"n":"water.volume","u":"m3","v":0.008}]""");
        // What the old one said is there still; the use is 12 L of the old one and 5 L of the new one, and not the 120 m³ between them.
        var readings = await vigil.UntilAsync("residents/r1/readings?metric=water.volume", r => r.GetArrayLength() == 4);
        Assert.Equal(
            ["meter-1", "meter-1", "meter-1b", "meter-1b"],
            readings.EnumerateArray().Select(r => r.GetProperty("device").GetString())
        );
        Assert.Equal(17, Litres(await vigil.GetAsync("residents/r1/daily")), 3);
        await OpenAsync("/residents/r1");
        await Assertions.Expect(page.GetByText("曾用设备")).ToBeVisibleAsync();
        await Assertions.Expect(page.GetByRole(AriaRole.Link, new() { Name = "meter-1b" })).ToBeVisibleAsync();
        await PicturesAsync("9-replaced");
    }

    private async Task AConsentIsWithdrawnAsync()
    {
        await OpenAsync("/residents/r2");
        await Assertions.Expect(page.Locator(".life")).ToBeVisibleAsync();
        await page.Locator(".consents .record summary").ClickAsync();
        var form = page.Locator(".consents form");
        await form.Locator("[name=purpose]").SelectOptionAsync(new SelectOptionValue { Label = "远程监测" });
        await form.Locator("[name=decision]").SelectOptionAsync(new SelectOptionValue { Label = "已撤回" });
        await form.Locator("[name=by]").SelectOptionAsync(new SelectOptionValue { Label = "本人" });
        await form.Locator("[name=how]").FillAsync("上门时当面告知");
        await form.Locator("button").ClickAsync();
        await Assertions.Expect(page.GetByText("不监测、不显示日常生活情况")).ToBeVisibleAsync();
        await PicturesAsync("10-withdrawn");
        await vigil.UntilAsync("residents/r2/outlooks", o => o.GetProperty("outlooks").GetArrayLength() == 0);

        // A leak in both homes, then a press in the one: of that home the press alone is known and told.
        await SayAsync("meter-2", """[{"n":"water.volume","u":"m3","v":50.2},{"n":"water.leak","vb":true}]""");
        await SayAsync("meter-1b", """[{"n":"water.leak","vb":true}]""");
        await vigil.UntilAsync("alarms?kind=water-leak", a => a.GetArrayLength() == 1);
        await SayAsync("sos-2", """[{"n":"button","vs":"sos"}]""");
        await vigil.UntilAsync("alarms?kind=sos", a => a.GetArrayLength() == 1);
        Assert.Equal(
            ["r1 water-leak", "r2 sos"],
            (await vigil.GetAsync("alarms"))
                .EnumerateArray()
                .Select(a => $"{a.GetProperty("resident").GetString()} {a.GetProperty("kind").GetString()}")
                .Order(StringComparer.Ordinal)
        );
        var told = await vigil.UntilAsync("notices", n => TellsTheDaughter(n).Any());
        var sos = (await vigil.GetAsync("alarms?kind=sos"))[0].GetProperty("id").GetString();
        Assert.Equal(sos, Assert.Single(TellsTheDaughter(told)).GetProperty("alarmId").GetString());
        Assert.Equal(0, (await vigil.GetAsync("residents/r2/readings?metric=water.volume")).GetArrayLength());
    }

    private async Task WhoIsNotProtectedIsSeenAsync()
    {
        await BoardSaysAsync(1);
        await PicturesAsync("11-board");
        await page.Locator("a.protected").ClickAsync();
        await Chromium.LiveAsync(page);
        await Assertions.Expect(page.Locator("h2.list .count")).ToHaveTextAsync($"{FurtherHomes + 3:N0}");
        await PicturesAsync("12-protection");
        foreach (var (reason, name) in new[] { ("未同意远程监测", "陈桂芳"), ("无紧急联系人", "李大爷"), ("未安装设备", "赵婆婆") })
        {
            await page.Locator(".gaps").GetByRole(AriaRole.Link, new() { Name = reason }).ClickAsync();
            await Assertions.Expect(page.Locator(".gaps [aria-current]")).ToHaveTextAsync(reason);
            await Assertions.Expect(page.Locator("table.stacked tbody tr")).ToHaveCountAsync(1);
            await Assertions.Expect(page.Locator("table.stacked tbody")).ToContainTextAsync(name);
            await Assertions.Expect(page.Locator("table.stacked tbody")).ToContainTextAsync(reason);
        }

        await PicturesAsync("13-no-device");
    }

    private static IEnumerable<JsonElement> TellsTheDaughter(JsonElement notices) =>
        notices.EnumerateArray().Where(n => n.GetProperty("recipientName").GetString() == "陈小芳");

    private static double Litres(JsonElement days) =>
        days.EnumerateArray().Sum(d => d.GetProperty("litres") is { ValueKind: JsonValueKind.Number } l ? l.GetDouble() : 0);

    private async Task OpenAsync(string path)
    {
        await page.GotoAsync(path);
        await Chromium.LiveAsync(page);
    }

    private async Task BoardSaysAsync(int safe)
    {
        await vigil.UntilAsync(
            "protection",
            p => (p.GetProperty("protected").GetInt32(), p.GetProperty("homes").GetInt32()) == (safe, FurtherHomes + 4)
        );
        await Chromium.OpenBoardAsync(page);
        await Assertions.Expect(page.Locator("a.protected")).ToHaveTextAsync($"受保护 {safe} / 3,004");
    }

    private Task GiveAsync(string name, string csv) =>
        page.Locator("input[type=file]")
            .SetInputFilesAsync(
                new FilePayload
                {
                    Name = name,
                    MimeType = "text/csv",
                    Buffer = Encoding.UTF8.GetBytes(csv),
                }
            );

    private async Task SayAsync(string device, string payload)
    {
        var (code, output) = await vigil.PublishAsync(vigil.MqttPort, $"vigil/{device}/up", payload, "gateway-1", gateway);
        Assert.True(code == 0, output);
    }

    /// <summary>What the registrar sees, at a desk and on a phone, by day and in the dark; it fits, and can be read.</summary>
    private async Task PicturesAsync(string name)
    {
        if (!pictures)
            return;
        foreach (var (width, height) in new[] { (390, 844), (1366, 768) })
        {
            await page.SetViewportSizeAsync(width, height);
            foreach (var dark in new[] { true, false })
            {
                await page.EmulateMediaAsync(new() { ColorScheme = dark ? ColorScheme.Dark : ColorScheme.Light });
                await PictureAsync($"{name}-{width}{(dark ? "-dark" : "")}");
                var found = (await page.RunAxe())
                    .Violations.Where(v => v.Impact is "serious" or "critical")
                    .Select(v => $"{v.Id}: {string.Join(" | ", v.Nodes.Take(3).Select(n => n.Html))}");
                Assert.True(!found.Any(), $"{name} at {width}{(dark ? " dark" : "")}: {string.Join("\n", found)}");
            }

            Assert.True(
                await page.EvaluateAsync<bool>("document.documentElement.scrollWidth <= innerWidth"),
                $"{name} is wider than {width}"
            );
        }
    }

    private Task PictureAsync(string name) =>
        page.ScreenshotAsync(
            new PageScreenshotOptions
            {
                Path = Path.Combine(AppContext.BaseDirectory, "..", "..", "..", "images", $"day-{name}.png"),
                FullPage = true,
            }
        );
}
