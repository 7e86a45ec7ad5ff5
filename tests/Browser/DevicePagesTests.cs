using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Playwright;
using Vigil.Model;
using Vigil.Storage.Readings;
using Vigil.Storage.Records;
using Vigil.Tests.Web;
using Vigil.Web.Pages.Parts;
using static Vigil.Tests.Web.Running;

namespace Vigil.Tests.Browser;

/// <summary>A registrar's work with devices, in a real browser.</summary>
[Trait("Category", "Server")]
public sealed class DevicePagesTests : IAsyncLifetime
{
    private ConsoleServer server = null!;
    private Chromium chromium = null!;

    public async ValueTask InitializeAsync()
    {
        server = await ConsoleServer.StartAsync(open: true);
        chromium = await Chromium.StartAsync();
    }

    public async ValueTask DisposeAsync()
    {
        await chromium.DisposeAsync();
        await server.DisposeAsync();
    }

    [Fact]
    public async Task A_meter_is_replaced_and_the_persons_page_still_has_what_the_old_one_said()
    {
        await FillAsync();
        var page = await OpenAsync("/devices/meter-R-here");
        await Assertions.Expect(page.Locator(".latest")).ToContainTextAsync("用水累计");
        await Assertions.Expect(page.Locator(".latest")).ToContainTextAsync("12.5 m³");
        await Assertions.Expect(page.Locator("dl")).ToContainTextAsync("87 %");
        await Chromium.PictureAsync(page, "device-page");
        await page.GetByLabel("原因").FillAsync("表坏了");
        await page.GetByText("更换设备").First.ClickAsync();
        await page.GetByLabel("新设备编号").FillAsync("meter-R-there");
        var replace = page.GetByRole(AriaRole.Button, new() { Name = "更换设备" });
        await replace.ClickAsync();
        await Assertions.Expect(page.Locator(".do .trouble")).ToContainTextAsync("已绑定到服务对象“R-there”");
        await page.GetByLabel("新设备编号").FillAsync("meter-new");
        await Chromium.PictureOfAsync(page.Locator(".do"), "device-replace");
        await replace.ClickAsync();
        await Assertions.Expect(page.Locator("h2 .state")).ToHaveTextAsync("已报废");
        await using var db = await server.Records.CreateDbContextAsync(Token);
        Assert.Equal("R-here", (await db.Devices.SingleAsync(d => d.Id == "meter-new", Token)).ResidentId);
        Assert.Equal("R-here", (await db.FormerPlaces.SingleAsync(Token)).ResidentId);
        Assert.Contains("表坏了", (await db.Audit.SingleAsync(a => a.Action == "replace", Token)).Detail, StringComparison.Ordinal);

        await page.GotoAsync("/residents/R-here");
        await Assertions.Expect(page.GetByText("曾用设备")).ToBeVisibleAsync();
        await Assertions.Expect(page.Locator(".chart").First).ToBeVisibleAsync(); // the week is still drawn
        await Chromium.PictureAsync(page, "resident-replaced");
        await page.GotoAsync("/devices");
        await page.WaitForLoadStateAsync(LoadState.NetworkIdle);
        await page.GetByLabel("状态").SelectOptionAsync("retired");
        await Assertions.Expect(page.Locator("tbody tr")).ToHaveCountAsync(1);
        await page.GetByRole(AriaRole.Link, new() { Name = "meter-R-here" }).ClickAsync();
        await page.GetByRole(AriaRole.Button, new() { Name = "恢复为库存" }).ClickAsync();
        await Assertions.Expect(page.Locator("h2 .state")).ToHaveTextAsync("库存");
    }

    [Fact]
    public async Task A_refused_payload_is_tried_with_one_click_mended_and_read()
    {
        var page = await OpenAsync("/devices");
        await page.Locator("details summary", new() { HasTextString = "vigil/meter-R-here/up" }).ClickAsync();
        await page.Locator("details[open] a", new() { HasTextString = "试解" }).ClickAsync();
        await Assertions.Expect(page.Locator(".decode .trouble")).ToContainTextAsync("拒绝");
        await page.WaitForLoadStateAsync(LoadState.NetworkIdle);
        await page.GetByLabel("报文", new() { Exact = true })
            .FillAsync("""[{"n":"water.volume","u":"m3","v":12.345},{"n":"door.open","vb":true}]""");
        await page.GetByRole(AriaRole.Button, new() { Name = "解析" }).ClickAsync();
        var table = page.Locator("table.readings");
        await Assertions.Expect(table).ToContainTextAsync("12.345 m³");
        await Assertions.Expect(table).ToContainTextAsync("meter-R-here");
        await Assertions.Expect(table).ToContainTextAsync("门已打开");
        await Chromium.PictureAsync(page, "decode-page");

        // A binary frame, with the profile alone.
        await page.GetByLabel("型号").FillAsync("dlt645-2007");
        await page.GetByLabel("主题").FillAsync("");
        await page.GetByLabel("书写方式").SelectOptionAsync("Hex");
        await page.GetByLabel("报文", new() { Exact = true }).FillAsync("zz");
        await page.GetByRole(AriaRole.Button, new() { Name = "解析" }).ClickAsync();
        await Assertions.Expect(page.Locator(".decode .trouble")).ToContainTextAsync("不是十六进制文字");
    }

    [Fact]
    public async Task A_waiting_device_is_bound_under_the_profile_that_somebody_chose()
    {
        await using var db = await server.Records.CreateDbContextAsync(Token);
        db.Unbound.Add(
            new UnboundDevice
            {
                Id = "button-7",
                Profile = "senml",
                Topic = "zigbee2mqtt/button-7",
            }
        );
        await db.SaveChangesAsync(Token);
        var page = await OpenAsync("/devices");
        await Assertions.Expect(page.GetByText("按主题匹配到 ")).ToBeVisibleAsync();
        await page.GetByLabel("型号 button-7").FillAsync("zigbee2mqtt");
        await page.GetByLabel("绑定到 button-7").FillAsync("R-here");
        await Chromium.PictureAsync(page, "devices-waiting");
        await page.GetByRole(AriaRole.Button, new() { Name = "绑定", Exact = true }).ClickAsync();
        await Assertions.Expect(page.GetByLabel("绑定到 button-7")).ToHaveCountAsync(0);
        Assert.Equal(
            ("zigbee2mqtt", "R-here"),
            await db.Devices.Where(d => d.Id == "button-7").Select(d => ValueTuple.Create(d.Profile, d.ResidentId)).SingleAsync(Token)
        );
    }

    [Fact]
    public async Task A_sheet_of_devices_is_refused_with_its_rows_then_answered_with_passwords_and_labels_are_printed()
    {
        var page = await OpenAsync("/devices");
        await page.GetByText("批量登记设备").ClickAsync();
        await page.GetByLabel("文件")
            .SetInputFilesAsync(Sheet("设备编号,型号,名称,服务对象编号\nb1,senml,床头,R-here\nb2,nothing,,R-nobody\n"));
        await page.GetByRole(AriaRole.Button, new() { Name = "登记并下载密码表" }).ClickAsync();
        await Assertions.Expect(page.Locator("tbody tr").First).ToContainTextAsync("没有型号文件“nothing”");
        await Assertions.Expect(page.Locator("tbody")).ToContainTextAsync("没有服务对象“R-nobody”");
        await Chromium.PictureAsync(page, "sheet-problems");
        await page.GotoAsync("/devices");
        await page.WaitForLoadStateAsync(LoadState.NetworkIdle);
        await page.GetByText("批量登记设备").ClickAsync();
        await page.GetByLabel("文件").SetInputFilesAsync(Sheet("设备编号,型号,名称,服务对象编号\nb1,senml,床头,R-here\nb2,senml,,\n"));
        var download = await page.RunAndWaitForDownloadAsync(() =>
            page.GetByRole(AriaRole.Button, new() { Name = "登记并下载密码表" }).ClickAsync()
        );
        Assert.Equal("devices-mqtt.csv", download.SuggestedFilename);
        var rows = (await File.ReadAllLinesAsync((await download.PathAsync())!, Token)).Select(r => r.Split(',')).ToList();
        Assert.Equal(["设备编号", "b1", "b2"], rows.Select(r => r[0].TrimStart('\uFEFF')));
        var secrets = server.Services.GetRequiredService<Secrets>();
        foreach (var row in rows.Skip(1))
            Assert.NotNull((await secrets.VerifyAsync(row[1], System.Text.Encoding.UTF8.GetBytes(row[2]), Token)).Credential);

        await page.GotoAsync("/devices/labels?search=b");
        var labels = page.Locator(".labels li");
        await Assertions.Expect(labels).ToHaveCountAsync(2);
        await Assertions.Expect(labels.First).ToContainTextAsync("床头");
        var address = (await labels.First.Locator("svg").GetAttributeAsync("aria-label"))!;
        Assert.EndsWith("/devices/b1", address, StringComparison.Ordinal);
        Assert.Equal(QrPath.Of(address).Path, await labels.First.Locator("path").GetAttributeAsync("d"));
        await Chromium.PictureAsync(page, "labels-page");
    }

    [Theory]
    [InlineData(1366, 768, "zh", false)]
    [InlineData(390, 844, "zh", true)]
    [InlineData(390, 844, "en", false)]
    public async Task The_pages_of_devices_fit_their_screen(int width, int height, string language, bool dark)
    {
        await FillAsync();
        var page = await chromium.PageAsync(server.Url, width, height, dark: dark);
        await page.GotoAsync("/language/" + language);
        foreach (
            var (name, path) in new[]
            {
                ("device", "/devices/meter-R-here"),
                ("devices", "/devices"),
                ("decode", "/decode?rejected=1"),
                ("labels", "/devices/labels"),
            }
        )
        {
            await page.GotoAsync(path);
            await page.WaitForLoadStateAsync(LoadState.NetworkIdle);
            await Chromium.PictureOfAsync(page.Locator("body"), $"fit-{name}-{width}-{language}");
            var wide = await page.EvaluateAsync<int>("document.documentElement.scrollWidth");
            Assert.True(wide <= width, $"{path} is {wide} px wide on a screen of {width}");
        }
    }

    private static FilePayload Sheet(string csv) =>
        new()
        {
            Name = "devices.csv",
            MimeType = "text/csv",
            Buffer = System.Text.Encoding.UTF8.GetBytes(csv),
        };

    private async Task<IPage> OpenAsync(string path)
    {
        var page = await chromium.PageAsync(server.Url);
        await page.GotoAsync(path);
        await page.WaitForLoadStateAsync(LoadState.NetworkIdle);
        return page;
    }

    /// <summary>A week of a meter, with its battery.</summary>
    private async Task FillAsync()
    {
        var now = TimeProvider.System.GetUtcNow().UtcDateTime;
        Reading Of(Metric metric, DateTime time, double value) =>
            new()
            {
                Device = new DeviceId("meter-R-here"),
                Metric = metric,
                Time = time,
                Received = time,
                Value = value,
            };
        var rows = Enumerable.Range(0, 168).Select(h => Of(Metric.WaterVolume, now.AddHours(h - 168), 11 + h * 0.008)).ToList();
        rows.Add(Of(Metric.WaterVolume, now.AddMinutes(-20), 12.5));
        rows.Add(Of(Metric.BatteryLevel, now.AddMinutes(-20), 87));
        await server.Services.GetRequiredService<IReadingStore>().AppendAsync(rows, Token);
        await using var db = await server.Records.CreateDbContextAsync(Token);
        await db
            .Devices.Where(d => d.Id == "meter-R-here")
            .ExecuteUpdateAsync(u => u.SetProperty(d => d.LastSeenAt, now.AddMinutes(-20)).SetProperty(d => d.Label, "厨房水表"), Token);
    }
}
