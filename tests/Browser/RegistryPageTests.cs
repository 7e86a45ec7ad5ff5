using System.Text;
using Microsoft.EntityFrameworkCore;
using Microsoft.Playwright;
using Vigil.Storage.Records;
using Vigil.Tests.Registry;
using Vigil.Tests.Web;
using static Vigil.Tests.Web.Running;

namespace Vigil.Tests.Browser;

/// <summary>
/// A registrar's page: the file with errors, the whole list of them, what a second file removes, the page closed meanwhile.
/// </summary>
[Trait("Category", "Server")]
public sealed class RegistryPageTests : IAsyncLifetime
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
    public async Task The_first_hundred_of_many_errors_are_shown_and_all_are_in_a_file()
    {
        var page = await OpenAsync();
        var csv = new StringBuilder("编号,姓名,区划代码\n");
        for (var i = 0; i < 10_000; i++)
            csv.Append(System.Globalization.CultureInfo.InvariantCulture, $"r{i},,440111001001\n");
        await GiveAsync(page, "错.csv", csv.ToString());
        await Assertions.Expect(page.GetByRole(AriaRole.Alert)).ToContainTextAsync("10000 个问题，未写入任何内容");
        await Assertions.Expect(page.Locator("tbody tr")).ToHaveCountAsync(100);
        var download = await page.RunAndWaitForDownloadAsync(() =>
            page.GetByRole(AriaRole.Link, new() { Name = "下载全部问题" }).ClickAsync()
        );
        await using var file = File.OpenRead(await download.PathAsync());
        var rows = Sheet.Read(file, "problems.xlsx").ToList();
        Assert.Equal(10_001, rows.Count);
        Assert.Equal(["行", "列", "值", "问题"], rows[0].Fields);
        Assert.Equal(["10001", "姓名", "", "未填写"], rows[^1].Fields);

        var template = await page.RunAndWaitForDownloadAsync(() =>
            page.GetByRole(AriaRole.Link, new() { Name = "下载空白模板" }).ClickAsync()
        );
        await using var empty = File.OpenRead(await template.PathAsync());
        Assert.Contains("身份证号码", Assert.Single(Sheet.Read(empty, "registry.xlsx")).Fields);
    }

    [Fact]
    public async Task What_a_file_no_longer_names_is_removed_with_the_box_ticked_alone()
    {
        var page = await OpenAsync();
        const string Heading = "编号,姓名,区划代码,紧急联系人1姓名,紧急联系人1电话\n";
        await GiveAsync(page, "a.csv", Heading + $"r9,赵六,{ConsoleServer.Here},赵大,13700000001\n");
        await page.GetByRole(AriaRole.Button, new() { Name = "导入", Exact = true }).ClickAsync();
        await Assertions.Expect(page.GetByText("已导入：")).ToBeVisibleAsync();
        await GiveAsync(page, "b.csv", Heading + "r9,,,,\n");
        await Assertions.Expect(page.Locator("details")).ToContainTextAsync("文件中没有紧急联系人 1 赵大");
        await page.GetByLabel("移除文件中不再出现的联系人、家庭成员和设备").CheckAsync();
        await Assertions.Expect(page.Locator("details")).ToContainTextAsync("移除紧急联系人 1 赵大");
        await page.GetByRole(AriaRole.Button, new() { Name = "导入", Exact = true }).ClickAsync();
        await Assertions.Expect(page.GetByText("已导入：")).ToBeVisibleAsync();
        await using var db = await server.Records.CreateDbContextAsync(Token);
        Assert.False(await db.Contacts.AnyAsync(c => c.ResidentId == "r9", Token));
    }

    [Fact]
    public async Task An_import_survives_that_its_page_is_closed_and_is_shown_when_it_is_opened_again()
    {
        var page = await OpenAsync();
        await GiveAsync(page, "county.csv", ImportedFile.Homes(2000));
        await page.GetByRole(AriaRole.Button, new() { Name = "导入", Exact = true }).ClickAsync();
        await page.CloseAsync();
        var again = await OpenAsync();
        await Assertions.Expect(again.GetByText("已导入：")).ToBeVisibleAsync(new() { Timeout = 60_000 });
        await using var db = await server.Records.CreateDbContextAsync(Token);
        Assert.Equal(2000, await db.Residents.CountAsync(r => r.Area == ImportedFile.Village, Token));
    }

    private async Task<IPage> OpenAsync()
    {
        var page = await chromium.PageAsync(server.Url);
        await page.GotoAsync("/registry");
        await page.WaitForLoadStateAsync(LoadState.NetworkIdle);
        return page;
    }

    private static Task GiveAsync(IPage page, string name, string csv) =>
        page.Locator("input[type=file]")
            .SetInputFilesAsync(
                new FilePayload
                {
                    Name = name,
                    MimeType = "text/csv",
                    Buffer = Encoding.UTF8.GetBytes(csv),
                }
            );
}
