using Microsoft.EntityFrameworkCore;
using Microsoft.Playwright;
using Vigil.Storage.Records;
using Vigil.Tests.Web;
using static Vigil.Tests.Web.Running;

namespace Vigil.Tests.Browser;

/// <summary>A registrar keeps the file of a person true, in a real browser.</summary>
[Trait("Category", "Server")]
public sealed class EditPagesTests : IAsyncLifetime
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
    public async Task A_contact_s_phone_is_edited_a_mistake_is_said_at_its_field_and_the_resident_s_page_has_the_new_number()
    {
        var page = await chromium.PageAsync(server.Url);
        await page.GotoAsync("/residents/R-here");
        await Chromium.LiveAsync(page);
        await page.GetByRole(AriaRole.Link, new() { Name = "编辑" }).ClickAsync();
        await page.GetByRole(AriaRole.Button, new() { Name = "编辑 王建国" }).ClickAsync();
        var form = page.Locator("#contacts .record");
        var phone = form.GetByLabel("联系电话");
        Assert.DoesNotContain("13800138000", await phone.InputValueAsync(), StringComparison.Ordinal); // masked
        await phone.FillAsync("12");
        await form.GetByLabel("关系").FillAsync("长子");
        await form.GetByRole(AriaRole.Button, new() { Name = "保存" }).ClickAsync();
        await Assertions.Expect(form.Locator(".field.wrong .why")).ToContainTextAsync("不是电话号码");
        await Chromium.PictureAsync(page, "edit-wrong");
        Assert.Equal(("12", "长子"), (await phone.InputValueAsync(), await form.GetByLabel("关系").InputValueAsync()));
        await phone.FillAsync("13900139000");
        await form.GetByRole(AriaRole.Button, new() { Name = "保存" }).ClickAsync();
        await Assertions.Expect(page.Locator("#contacts .told")).ToContainTextAsync("王建国 长子 +86139****9000");
        await page.GotoAsync("/residents/R-here");
        await Assertions.Expect(page.GetByText("+86139****9000")).ToBeVisibleAsync();
    }

    [Fact]
    public async Task Of_two_who_edit_the_same_file_the_second_is_told_what_changed_and_keeps_what_was_typed()
    {
        var (first, second) = (await chromium.PageAsync(server.Url), await chromium.PageAsync(server.Url));
        foreach (var page in new[] { first, second })
        {
            await page.GotoAsync("/residents/R-here/edit");
            await Chromium.LiveAsync(page);
        }

        await first.Locator("#own").GetByLabel("居住地址").FillAsync("二巷2号");
        await first.Locator("#own").GetByRole(AriaRole.Button, new() { Name = "保存" }).ClickAsync();
        await Assertions.Expect(first.Locator("#own .done")).ToHaveTextAsync("已保存。");

        await second.Locator("#own").GetByLabel("住房是否安全").FillAsync("屋顶漏水，已报修");
        await second.Locator("#own").GetByRole(AriaRole.Button, new() { Name = "保存" }).ClickAsync();
        var conflict = second.Locator("#own .conflict");
        await Assertions.Expect(conflict).ToContainTextAsync("console 于");
        await Assertions.Expect(conflict).ToContainTextAsync("居住地址：一巷1号 → 二巷2号");
        await Chromium.PictureAsync(second, "edit-conflict");
        Assert.Equal("屋顶漏水，已报修", await second.Locator("#own").GetByLabel("住房是否安全").InputValueAsync());
        Assert.Equal("二巷2号", await second.Locator("#own").GetByLabel("居住地址").InputValueAsync());
        await second.Locator("#own").GetByRole(AriaRole.Button, new() { Name = "仍按我填写的保存" }).ClickAsync();
        await Assertions.Expect(second.Locator("#own .done")).ToHaveTextAsync("已保存。");
        await using var db = await server.Records.CreateDbContextAsync(Token);
        var home = await db.Residents.SingleAsync(r => r.Id == "R-here", Token);
        Assert.Equal(("二巷2号", "屋顶漏水，已报修"), (home.Address, home.Housing));
    }

    [Fact]
    public async Task A_visitor_is_registered_with_a_shift_and_named_for_a_resident_by_the_first_letters_of_the_name()
    {
        var page = await chromium.PageAsync(server.Url);
        await page.GotoAsync("/people");
        await Chromium.LiveAsync(page);
        await page.GetByRole(AriaRole.Link, new() { Name = "登记探访人" }).ClickAsync();
        await page.GetByLabel("编号 *", new() { Exact = true }).FillAsync("v7");
        await page.GetByLabel("姓名 *").FillAsync("陈探访");
        await page.GetByLabel("区划代码 *").FillAsync(ConsoleServer.Here);
        await page.GetByLabel("联系电话").FillAsync("13800138003");
        await page.GetByRole(AriaRole.Button, new() { Name = "保存" }).ClickAsync();
        await page.WaitForURLAsync("**/people/visitors/v7");
        await page.GetByRole(AriaRole.Button, new() { Name = "添加" }).ClickAsync();
        await page.GetByLabel("开始的星期").FillAsync("一至五");
        await page.GetByLabel("时段").FillAsync("08:00-18:00");
        await page.Locator("[data-record=shift]").GetByRole(AriaRole.Button, new() { Name = "保存" }).ClickAsync();
        await Assertions.Expect(page.Locator(".records .told")).ToContainTextAsync("周一、周二、周三、周四、周五 08:00-18:00");
        await page.GotoAsync("/residents/R-here/edit");
        await Chromium.LiveAsync(page);
        await page.GetByLabel("探访人编号").PressSequentiallyAsync("陈");
        await page.Locator("datalist option[value=v7]").WaitForAsync(new() { State = WaitForSelectorState.Attached });
        await page.GetByLabel("探访人编号").FillAsync("v7");
        await page.Locator("#own").GetByRole(AriaRole.Button, new() { Name = "保存" }).ClickAsync();
        await Assertions.Expect(page.Locator("#own .done")).ToHaveTextAsync("已保存。");
        await page.GotoAsync("/people/visitors/v7");
        await Chromium.LiveAsync(page);
        await page.GetByRole(AriaRole.Button, new() { Name = "从登记中移除" }).ClickAsync();
        await page.GetByRole(AriaRole.Button, new() { Name = "确认移除" }).ClickAsync();
        await Assertions.Expect(page.Locator(".trouble")).ToContainTextAsync("仍负责探访 1 位服务对象（王秀英 R-here）");
    }

    [Fact]
    public async Task An_area_is_renamed_where_it_stands()
    {
        await using (var db = await server.Records.CreateDbContextAsync(Token))
        {
            db.Areas.Add(new Area { Code = ConsoleServer.Here[..9], Name = "旧镇" });
            await db.SaveChangesAsync(Token);
        }

        var page = await chromium.PageAsync(server.Url);
        await page.GotoAsync("/areas");
        await Chromium.LiveAsync(page);
        await page.GetByRole(AriaRole.Button, new() { Name = "编辑 旧镇" }).ClickAsync();
        await page.GetByLabel("区划名称 *").FillAsync("新镇");
        await page.GetByRole(AriaRole.Button, new() { Name = "保存" }).ClickAsync();
        await Assertions.Expect(page.GetByRole(AriaRole.Cell, new() { Name = "新镇", Exact = true })).ToBeVisibleAsync();
    }

    [Theory]
    [InlineData("zh", 1366, 768)]
    [InlineData("en", 1366, 768)]
    [InlineData("zh", 390, 844)]
    [InlineData("en", 390, 844)]
    public async Task Every_form_fits_the_screen(string language, int width, int height)
    {
        await using (var db = await server.Records.CreateDbContextAsync(Token))
        {
            db.DutyOfficers.Add(
                new DutyOfficer
                {
                    Id = "d1",
                    Name = "东村镇值班室",
                    Area = ConsoleServer.Here[..9],
                    Phone = "+8613600136000",
                }
            );
            db.Shifts.Add(
                new Shift
                {
                    Id = Guid.NewGuid(),
                    Who = "officer:d1",
                    Days = 31,
                    From = new TimeOnly(20, 0),
                    Until = new TimeOnly(8, 0),
                }
            );
            db.Areas.Add(new Area { Code = ConsoleServer.Here[..9], Name = "东村镇" });
            await db.SaveChangesAsync(Token);
        }

        var page = await chromium.PageAsync(server.Url, width, height, dark: language == "en" && width < 1000);
        await page.GotoAsync($"/language/{language}");
        foreach (
            var (name, path) in new[]
            {
                ("edit-resident", "/residents/R-here/edit"),
                ("new-resident", "/residents/new"),
                ("people", "/people"),
                ("officer", "/people/officers/d1"),
                ("edit-areas", "/areas"),
            }
        )
        {
            await page.GotoAsync(path);
            await Chromium.LiveAsync(page);
            var button = page.GetByRole(AriaRole.Button, new() { Name = language == "zh" ? "编辑 " : "Edit " });
            if (name is not ("people" or "new-resident"))
                await button.First.ClickAsync();
            await page.ScreenshotAsync(
                new PageScreenshotOptions
                {
                    Path = Path.Combine(AppContext.BaseDirectory, "..", "..", "..", "images", $"{name}-{language}-{width}.png"),
                    FullPage = true,
                }
            );
            Assert.True(
                await page.EvaluateAsync<bool>("document.documentElement.scrollWidth <= window.innerWidth"),
                $"{path} is wider than {width}"
            );
        }
    }
}
