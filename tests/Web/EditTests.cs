using System.Net;
using System.Net.Http.Json;
using System.Text.Json;
using Microsoft.EntityFrameworkCore;
using Vigil.Model;
using Vigil.Storage.Records;
using Vigil.Tests.Servers;
using static Vigil.Tests.Web.Running;

namespace Vigil.Tests.Web;

[Trait("Category", "Server")]
public sealed class EditTestsOnSqlite : EditTests
{
    protected override Task<ConsoleServer> StartAsync() => ConsoleServer.StartAsync();
}

[Trait("Category", "Server")]
public sealed class EditTestsOnPostgres(PostgresServer postgres) : EditTests, IClassFixture<PostgresServer>
{
    protected override async Task<ConsoleServer> StartAsync() =>
        await ConsoleServer.StartAsync(postgres: await postgres.CreateDatabaseAsync());
}

/// <summary>The registry, changed record by record over the API: nobody's change is lost, and who changed what is written down.</summary>
public abstract class EditTests : IAsyncLifetime
{
    private const string Home = "/api/v1/residents/R-here";

    private ConsoleServer server = null!;
    private HttpClient client = null!;

    protected abstract Task<ConsoleServer> StartAsync();

    public async ValueTask InitializeAsync()
    {
        server = await StartAsync();
        client = await server.ClientAsync("admin");
    }

    public async ValueTask DisposeAsync()
    {
        client.Dispose();
        await server.DisposeAsync();
    }

    [Fact]
    public async Task Only_what_is_named_changes_and_an_empty_text_clears()
    {
        var version = await VersionAsync(Home);
        var changed = await GoodAsync(
            HttpMethod.Patch,
            Home,
            new
            {
                version,
                phone = "13800131234",
                address = (string?)null,
                keyClass = true,
                monthlyIncome = 1200.5,
                birthDate = "1941年5月17日",
            }
        );
        Assert.Equal(
            ["phone (empty) → …1234", "birth (empty) → 1941-05-17", "address 一巷1号 → (empty)", "income (empty) → 1200.5", "key no → yes"],
            changed.GetProperty("changes").EnumerateArray().Select(c => c.GetString()!).Order(ByField)
        );
        var read = await client.GetFromJsonAsync<JsonElement>(Home + "/record", Token);
        Assert.Equal(changed.GetProperty("version").GetString(), read.GetProperty("version").GetString());
        Assert.NotEqual(version, read.GetProperty("version").GetString());
        var fields = read.GetProperty("fields");
        Assert.Equal("…1234", fields.GetProperty("phone").GetString());
        Assert.Equal(JsonValueKind.Null, fields.GetProperty("address").ValueKind);
        await using var db = await server.Records.CreateDbContextAsync(Token);
        var home = await db.Residents.SingleAsync(r => r.Id == "R-here", Token);
        Assert.Equal(
            ("王秀英", "+8613800131234", "", true, 1200.5, "独居", 23.11),
            (home.Name, home.Phone, home.Address, home.KeyClass, home.MonthlyIncome, home.Categories, home.HomeLatitude)
        );
        // The same again changes nothing and says nothing.
        var again = await GoodAsync(
            HttpMethod.Patch,
            Home,
            new { version = changed.GetProperty("version").GetString(), phone = "138 0013 1234" }
        );
        Assert.Equal(0, again.GetProperty("changes").GetArrayLength());
        Assert.Equal(1, await db.Audit.CountAsync(a => a.Action == "edit", Token));
    }

    [Fact]
    public async Task Who_changed_what_is_in_the_audit_log_before_and_after_with_numbers_masked()
    {
        await GoodAsync(
            HttpMethod.Patch,
            Home,
            new
            {
                version = await VersionAsync(Home),
                identityNumber = "11010519491231002x",
                address = "二巷2号",
            }
        );
        var contact = (await client.GetFromJsonAsync<JsonElement>(Home + "/contacts", Token))[0];
        var path = $"{Home}/contacts/{contact.GetProperty("id").GetString()}";
        await GoodAsync(HttpMethod.Patch, path, new { version = contact.GetProperty("version").GetString(), phone = "13900139000" });
        await using var db = await server.Records.CreateDbContextAsync(Token);
        var rows = await db.Audit.Where(a => a.Action == "edit").OrderBy(a => a.Id).ToListAsync(Token);
        Assert.Equal(
            [
                ("api:test", "resident:R-here", "identity (empty) → 1101************2X; address 一巷1号 → 二巷2号"),
                ("api:test", "resident:R-here", "contact 1 王建国: contact 1 phone …8000 → …9000"),
            ],
            rows.Select(r => (r.Who, r.Subject, r.Detail))
        );
    }

    [Fact]
    public async Task Of_two_edits_at_once_one_is_written_and_the_other_is_told_who_was_faster()
    {
        var version = await VersionAsync(Home);
        for (var round = 0; round < 5; round++)
        {
            var both = await Task.WhenAll(
                SendAsync(HttpMethod.Patch, Home, new { version, address = $"{round}巷1号" }),
                SendAsync(HttpMethod.Patch, Home, new { version, housing = $"{round}巷2号" })
            );
            Assert.Equal([HttpStatusCode.OK, HttpStatusCode.Conflict], both.Select(b => b.Status).Order());
            var told = both.Single(b => b.Status is HttpStatusCode.Conflict).Body;
            Assert.Equal("api:test", told.GetProperty("changedBy").GetString());
            Assert.Contains(" → ", told.GetProperty("changed").GetString(), StringComparison.Ordinal);
            Assert.Equal("读取之后已被他人修改", told.GetProperty("detailZh").GetString());
            version = told.GetProperty("version").GetString()!;
            Assert.Equal(both.Single(b => b.Status is HttpStatusCode.OK).Body.GetProperty("version").GetString(), version);
        }

        var contact = (await client.GetFromJsonAsync<JsonElement>(Home + "/contacts", Token))[0];
        var path = $"{Home}/contacts/{contact.GetProperty("id").GetString()}";
        version = contact.GetProperty("version").GetString()!;
        var contacts = await Task.WhenAll(
            SendAsync(HttpMethod.Patch, path, new { version, phone = "13900139001" }),
            SendAsync(HttpMethod.Patch, path, new { version, phone = "13900139002" })
        );
        Assert.Equal([HttpStatusCode.OK, HttpStatusCode.Conflict], contacts.Select(b => b.Status).Order());
        await using var db = await server.Records.CreateDbContextAsync(Token);
        Assert.Equal(6, await db.Audit.CountAsync(a => a.Action == "edit", Token));
    }

    [Fact]
    public async Task What_an_import_changed_meanwhile_is_a_conflict_too_and_its_version_lets_the_edit_through()
    {
        var version = await VersionAsync(Home);
        using var imported = await client.PostAsync(
            "/api/v1/registry?name=a.csv",
            new StringContent("编号,居住地址\nR-here,三巷3号\n"),
            Token
        );
        Assert.Equal(HttpStatusCode.OK, imported.StatusCode);
        var (status, told) = await SendAsync(HttpMethod.Patch, Home, new { version, housing = "安全" });
        Assert.Equal(HttpStatusCode.Conflict, status);
        await GoodAsync(HttpMethod.Patch, Home, new { version = told.GetProperty("version").GetString(), housing = "安全" });
        using var header = new HttpRequestMessage(HttpMethod.Patch, Home) { Content = JsonContent.Create(new { gasSafety = "安全" }) };
        header.Headers.TryAddWithoutValidation("If-Match", $"\"{await VersionAsync(Home)}\"");
        using var answer = await client.SendAsync(header, Token);
        Assert.Equal(HttpStatusCode.OK, answer.StatusCode);
    }

    [Fact]
    public async Task What_can_not_be_used_is_named_with_its_value_and_why_and_nothing_is_written()
    {
        var version = await VersionAsync(Home);
        var (status, told) = await SendAsync(
            HttpMethod.Patch,
            Home,
            new
            {
                version,
                phone = "12",
                birthDate = "yesterday",
                categories = "独居,富裕",
                homeLatitude = 91,
                name = "",
                identityNumber = "110105194912310021",
                visitorId = "nobody",
                address = new string('巷', 501),
                housing = "a\0b",
                area = "4419",
            }
        );
        Assert.Equal(HttpStatusCode.BadRequest, status);
        var errors = told.GetProperty("errors").EnumerateArray().ToDictionary(e => e.GetProperty("field").GetString()!);
        Assert.Equal(
            ["address", "area", "birthDate", "categories", "homeLatitude", "housing", "identityNumber", "name", "phone"],
            errors.Keys.Order(StringComparer.Ordinal)
        );
        Assert.Equal("12", errors["phone"].GetProperty("value").GetString());
        Assert.Equal("不是日期，应如 1941-05-17", errors["birthDate"].GetProperty("whyZh").GetString());
        Assert.Equal("1101************21", errors["identityNumber"].GetProperty("value").GetString());
        Assert.Equal("不能为空", errors["name"].GetProperty("whyZh").GetString());
        Assert.Contains("长度为 501 个字符，最多 500 个", errors["address"].GetProperty("whyZh").GetString(), StringComparison.Ordinal);
        Assert.Equal(version, await VersionAsync(Home));

        await WrongAsync(new { version, adress = "x" }, "adress is no field that can be edited; did you mean address?");
        await WrongAsync(new { version, consentService = true }, "consentService is no field that can be edited");
        await WrongAsync(new { version, address = new[] { "x" } }, "address '[\"x\"]' is no text, number, true, false or null");
        await WrongAsync(new { address = "x" }, "version is missing");
        await WrongAsync(new { version, visitorId = "nobody" }, "visitorId 'nobody' is no visitor of the registry who may visit here");
        using var broken = await client.SendAsync(Raw(HttpMethod.Patch, Home, """{"address": "\ud800"}"""), Token);
        using var cut = await client.SendAsync(Raw(HttpMethod.Patch, Home, """{"address": """), Token);
        using var list = await client.SendAsync(Raw(HttpMethod.Patch, Home, "[]"), Token);
        Assert.All([broken, cut, list], a => Assert.Equal(HttpStatusCode.BadRequest, a.StatusCode));
    }

    [Fact]
    public async Task A_number_that_another_resident_has_is_refused_and_of_two_who_get_it_at_once_one_does()
    {
        const string Number = "11010519491231002X";
        var (here, there) = (await VersionAsync(Home), await VersionAsync("/api/v1/residents/R-there"));
        var both = await Task.WhenAll(
            SendAsync(HttpMethod.Patch, Home, new { version = here, identityNumber = Number }),
            SendAsync(HttpMethod.Patch, "/api/v1/residents/R-there", new { version = there, identityNumber = Number })
        );
        Assert.Equal([HttpStatusCode.OK, HttpStatusCode.BadRequest], both.Select(b => b.Status).Order());
        Assert.Contains(
            "is the number of resident",
            both.Single(b => b.Status is HttpStatusCode.BadRequest).Body.GetProperty("detail").GetString(),
            StringComparison.Ordinal
        );
    }

    [Fact]
    public async Task Contacts_are_added_moved_and_removed_and_their_order_has_no_gap()
    {
        var second = await GoodAsync(
            HttpMethod.Post,
            Home + "/contacts",
            new
            {
                name = "王小红",
                phone = "13800138002",
                relation = "女儿",
            }
        );
        var first = await GoodAsync(
            HttpMethod.Post,
            Home + "/contacts",
            new
            {
                name = "陈邻居",
                phone = "13800138003",
                order = 1,
                language = "yue",
            }
        );
        Assert.Equal([(1, "陈邻居"), (2, "王建国"), (3, "王小红")], await ContactsAsync());
        var path = $"{Home}/contacts/{second.GetProperty("id").GetString()}";
        // Its place is another since it was added.
        Assert.Equal(HttpStatusCode.Conflict, (await SendAsync(HttpMethod.Delete, path + "?version=0000000000000000", null)).Status);
        var version = (await client.GetFromJsonAsync<JsonElement>(Home + "/contacts", Token))[2].GetProperty("version").GetString();
        await GoodAsync(
            HttpMethod.Patch,
            path,
            new
            {
                version,
                order = 1,
                name = "王晓红",
            }
        );
        Assert.Equal([(1, "王晓红"), (2, "陈邻居"), (3, "王建国")], await ContactsAsync());
        await using (var db = await server.Records.CreateDbContextAsync(Token))
            // A name that is mended takes nothing away.
            Assert.Equal("女儿", (await db.Contacts.SingleAsync(c => c.Name == "王晓红", Token)).Relation);
        Assert.Equal(
            HttpStatusCode.NoContent,
            (await SendAsync(HttpMethod.Delete, $"{Home}/contacts/{first.GetProperty("id").GetString()}", null)).Status
        );
        Assert.Equal([(1, "王晓红"), (2, "王建国")], await ContactsAsync());
        // Not by the way of another home, and nobody who can't be reached.
        Assert.Equal(
            HttpStatusCode.NotFound,
            (await SendAsync(HttpMethod.Delete, path.Replace("R-here", "R-there", StringComparison.Ordinal), null)).Status
        );
        var (status, told) = await SendAsync(HttpMethod.Post, Home + "/contacts", new { relation = "儿子" });
        Assert.Equal(HttpStatusCode.BadRequest, status);
        Assert.Equal(
            ["name", "phone"],
            told.GetProperty("errors").EnumerateArray().Select(e => e.GetProperty("field").GetString()!).Order(StringComparer.Ordinal)
        );
    }

    [Fact]
    public async Task Household_members_are_added_changed_and_removed()
    {
        var added = await GoodAsync(
            HttpMethod.Post,
            Home + "/household",
            new
            {
                name = "王建军",
                health = "高血压",
                supported = true,
            }
        );
        var path = $"{Home}/household/{added.GetProperty("id").GetString()}";
        await GoodAsync(HttpMethod.Patch, path, new { version = added.GetProperty("version").GetString(), health = "良好" });
        var member = (await client.GetFromJsonAsync<JsonElement>(Home + "/household", Token))[0];
        Assert.Equal(("良好", true), (member.GetProperty("health").GetString(), member.GetProperty("supported").GetBoolean()));
        await using var db = await server.Records.CreateDbContextAsync(Token);
        // What is told of health stands in no log.
        Assert.DoesNotContain(await db.Audit.Select(a => a.Detail).ToListAsync(Token), d => d.Contains("高血压", StringComparison.Ordinal));
        Assert.Equal(HttpStatusCode.NoContent, (await SendAsync(HttpMethod.Delete, path, null)).Status);
        using var reads = await server.ClientAsync("read");
        using var refused = await reads.GetAsync(Home + "/household", Token);
        Assert.Equal(HttpStatusCode.Forbidden, refused.StatusCode);
    }

    [Fact]
    public async Task A_visitor_goes_when_nobody_is_visited_and_is_named_until_then()
    {
        await GoodAsync(
            HttpMethod.Post,
            "/api/v1/visitors",
            new
            {
                id = "v1",
                name = "陈探访",
                area = ConsoleServer.Here,
                phone = "13800138003",
            }
        );
        Assert.Equal(HttpStatusCode.Conflict, (await SendAsync(HttpMethod.Post, "/api/v1/visitors", new { id = "v1", name = "x" })).Status);
        await GoodAsync(HttpMethod.Patch, Home, new { version = await VersionAsync(Home), visitorId = "v1" });
        var (status, told) = await SendAsync(HttpMethod.Delete, "/api/v1/visitors/v1", null);
        Assert.Equal(HttpStatusCode.Conflict, status);
        Assert.Equal("仍负责探访 1 位服务对象（王秀英 R-here），请先为其改派探访人", told.GetProperty("detailZh").GetString());
        await GoodAsync(
            HttpMethod.Patch,
            "/api/v1/visitors/v1",
            new
            {
                version = await VersionAsync("/api/v1/visitors/v1"),
                awayFrom = "2026-02-16",
                awayUntil = "2026-02-22",
            }
        );
        (status, told) = await SendAsync(
            HttpMethod.Patch,
            "/api/v1/visitors/v1",
            new
            {
                version = await VersionAsync("/api/v1/visitors/v1"),
                awayUntil = "2026-02-01",
                substituteId = "v1",
            }
        );
        Assert.Equal(
            ["awayUntil", "substituteId"],
            told.GetProperty("errors").EnumerateArray().Select(e => e.GetProperty("field").GetString()!).Order(StringComparer.Ordinal)
        );
        await GoodAsync(HttpMethod.Patch, Home, new { version = await VersionAsync(Home), visitorId = "" });
        Assert.Equal(HttpStatusCode.NoContent, (await SendAsync(HttpMethod.Delete, "/api/v1/visitors/v1", null)).Status);
    }

    [Fact]
    public async Task A_supervisor_is_made_by_yes_and_stays_one_and_what_was_shown_in_part_is_no_value()
    {
        object Made(bool supervisor) =>
            new
            {
                id = "s1",
                name = "区主管",
                area = ConsoleServer.Here[..6],
                mail = "li@example.org",
                supervisor,
            };
        await GoodAsync(HttpMethod.Post, "/api/v1/officers", Made(true));
        async Task<JsonElement> OneAsync() =>
            Assert.Single((await client.GetFromJsonAsync<JsonElement>("/api/v1/officers", Token)).EnumerateArray());
        var made = await OneAsync();
        Assert.True(made.GetProperty("supervisor").GetBoolean());
        await GoodAsync(
            HttpMethod.Patch,
            "/api/v1/officers/s1",
            new
            {
                version = made.GetProperty("version").GetString(),
                supervisor = true,
                name = "区主管二",
            }
        );
        made = await OneAsync();
        Assert.True(made.GetProperty("supervisor").GetBoolean());
        var (_, told) = await SendAsync(
            HttpMethod.Patch,
            "/api/v1/officers/s1",
            new { version = made.GetProperty("version").GetString(), mail = made.GetProperty("mail").GetString() }
        );
        Assert.Equal("mail", told.GetProperty("errors")[0].GetProperty("field").GetString());
        await using var db = await server.Records.CreateDbContextAsync(Token);
        Assert.Equal("li@example.org", (await db.DutyOfficers.SingleAsync(Token)).Mail);
    }

    [Fact]
    public async Task The_last_officer_of_a_desk_stays_and_the_rota_is_changed_shift_by_shift()
    {
        foreach (var id in new[] { "d1", "d2" })
            await GoodAsync(
                HttpMethod.Post,
                "/api/v1/officers",
                new
                {
                    id,
                    name = "镇值班室",
                    area = ConsoleServer.Here[..9],
                    phone = "13600136000",
                }
            );
        var shift = await GoodAsync(
            HttpMethod.Post,
            "/api/v1/shifts",
            new
            {
                who = "officer:d2",
                days = "一至五",
                hours = "20:00-08:00",
            }
        );
        var path = $"/api/v1/shifts/{shift.GetProperty("id").GetString()}";
        await GoodAsync(
            HttpMethod.Patch,
            path,
            new
            {
                version = shift.GetProperty("version").GetString(),
                days = "6,7",
                lastDay = "2026-12-31",
            }
        );
        var now = Assert.Single((await client.GetFromJsonAsync<JsonElement>("/api/v1/shifts?who=officer:d2", Token)).EnumerateArray());
        Assert.Equal(("6-7", "20:00-08:00"), (now.GetProperty("days").GetString(), now.GetProperty("hours").GetString()));
        var (_, told) = await SendAsync(HttpMethod.Patch, path, new { version = now.GetProperty("version").GetString(), hours = "25:00" });
        Assert.Equal("hours", told.GetProperty("errors")[0].GetProperty("field").GetString());
        Assert.Equal(HttpStatusCode.NotFound, (await SendAsync(HttpMethod.Post, "/api/v1/shifts", new { who = "officer:nobody" })).Status);
        Assert.Equal(HttpStatusCode.NoContent, (await SendAsync(HttpMethod.Delete, "/api/v1/officers/d2", null)).Status);
        Assert.Equal(0, (await client.GetFromJsonAsync<JsonElement>("/api/v1/shifts", Token)).GetArrayLength()); // gone with the officer
        // Nor does the last one move away or become something else.
        var last = Assert.Single((await client.GetFromJsonAsync<JsonElement>("/api/v1/officers", Token)).EnumerateArray());
        var version = last.GetProperty("version").GetString();
        (_, told) = await SendAsync(HttpMethod.Patch, "/api/v1/officers/d1", new { version, supervisor = true });
        Assert.Equal("supervisor", told.GetProperty("errors")[0].GetProperty("field").GetString());
        (_, told) = await SendAsync(HttpMethod.Patch, "/api/v1/officers/d1", new { version, area = ConsoleServer.There[..9] });
        Assert.Equal("area", told.GetProperty("errors")[0].GetProperty("field").GetString());
        (_, told) = await SendAsync(HttpMethod.Delete, "/api/v1/officers/d1", null);
        Assert.Equal(
            $"是区域 {ConsoleServer.Here[..9]} 内 1 位服务对象唯一的值班人员，请先添加其他人员",
            told.GetProperty("detailZh").GetString()
        );
    }

    [Fact]
    public async Task An_area_is_added_renamed_and_removed_only_when_it_is_empty()
    {
        var town = ConsoleServer.Here[..9];
        await GoodAsync(HttpMethod.Post, "/api/v1/areas", new { code = town, name = "旧镇" });
        var version = (await client.GetFromJsonAsync<JsonElement>("/api/v1/areas", Token))[0].GetProperty("version").GetString();
        await GoodAsync(HttpMethod.Patch, $"/api/v1/areas/{town}", new { version, name = "新镇" });
        Assert.Equal(HttpStatusCode.Conflict, (await SendAsync(HttpMethod.Delete, $"/api/v1/areas/{town}", null)).Status);
        // Where the registry knows towns, a resident lives in one of them.
        var (status, told) = await SendAsync(HttpMethod.Patch, Home, new { version = await VersionAsync(Home), area = "441900009001" });
        Assert.Equal(HttpStatusCode.BadRequest, status);
        Assert.Equal("登记的区划中没有此代码：请先添加该区划", told.GetProperty("errors")[0].GetProperty("whyZh").GetString());
        await GoodAsync(HttpMethod.Post, "/api/v1/areas", new { code = "441900009", name = "空镇" });
        Assert.Equal(HttpStatusCode.NoContent, (await SendAsync(HttpMethod.Delete, "/api/v1/areas/441900009", null)).Status);
        await WrongAsync(HttpMethod.Post, "/api/v1/areas", new { code = "44x", name = "x" }, "code '44x' is not an area code");
    }

    [Fact]
    public async Task Whoever_is_bound_to_an_area_edits_nothing_outside_it_and_moves_nobody_out_of_it()
    {
        using var bound = await server.ClientAsync("admin", "4419");
        Task<(HttpStatusCode Status, JsonElement Body)> Try(HttpMethod method, string path, object? body) =>
            SendAsync(method, path, body, bound);
        var there = await VersionAsync("/api/v1/residents/R-there");
        Assert.Equal(
            HttpStatusCode.NotFound,
            (await Try(HttpMethod.Patch, "/api/v1/residents/R-there", new { version = there, name = "x" })).Status
        );
        Assert.Equal(
            HttpStatusCode.NotFound,
            (await Try(HttpMethod.Post, "/api/v1/residents/R-there/contacts", new { name = "x", phone = "13800138009" })).Status
        );
        var contact = (await client.GetFromJsonAsync<JsonElement>("/api/v1/residents/R-there/contacts", Token))[0]
            .GetProperty("id")
            .GetString();
        Assert.Equal(HttpStatusCode.NotFound, (await Try(HttpMethod.Delete, $"/api/v1/residents/R-there/contacts/{contact}", null)).Status);
        Assert.Equal(HttpStatusCode.NotFound, (await Try(HttpMethod.Delete, $"/api/v1/residents/R-here/contacts/{contact}", null)).Status);
        var (status, told) = await Try(HttpMethod.Patch, Home, new { version = await VersionAsync(Home), area = ConsoleServer.There });
        Assert.Equal(HttpStatusCode.BadRequest, status);
        Assert.Equal("不在您的管理范围 4419 内", told.GetProperty("errors")[0].GetProperty("whyZh").GetString());
        Assert.Equal(
            HttpStatusCode.Conflict,
            (
                await Try(
                    HttpMethod.Post,
                    "/api/v1/residents",
                    new
                    {
                        id = "R-there",
                        name = "x",
                        area = ConsoleServer.Here,
                    }
                )
            ).Status
        );
        Assert.Equal(
            HttpStatusCode.BadRequest,
            (
                await Try(
                    HttpMethod.Post,
                    "/api/v1/officers",
                    new
                    {
                        id = "o9",
                        name = "x",
                        area = ConsoleServer.There,
                    }
                )
            ).Status
        );
        Assert.Equal(HttpStatusCode.BadRequest, (await Try(HttpMethod.Post, "/api/v1/areas", new { code = "440100", name = "x" })).Status);

        // The county's visitor is seen in the village where they visit, and changed by the county.
        await GoodAsync(
            HttpMethod.Post,
            "/api/v1/visitors",
            new
            {
                id = "vc",
                name = "县探访",
                area = "44",
                phone = "13800138008",
            }
        );
        await GoodAsync(HttpMethod.Patch, Home, new { version = await VersionAsync(Home), visitorId = "vc" });
        Assert.Equal(
            HttpStatusCode.Forbidden,
            (
                await Try(HttpMethod.Patch, "/api/v1/visitors/vc", new { version = await VersionAsync("/api/v1/visitors/vc"), name = "x" })
            ).Status
        );
        Assert.Equal(HttpStatusCode.Forbidden, (await Try(HttpMethod.Post, "/api/v1/shifts", new { who = "visitor:vc" })).Status);
    }

    [Fact]
    public async Task Residents_are_edited_with_write_the_rota_with_supervise_and_the_desk_with_admin()
    {
        foreach (
            var (scope, method, path, allowed) in new[]
            {
                ("visit", HttpMethod.Patch, Home, false),
                ("write", HttpMethod.Patch, Home, true),
                ("write", HttpMethod.Post, "/api/v1/visitors", true),
                ("write", HttpMethod.Post, "/api/v1/shifts", false),
                ("supervise", HttpMethod.Post, "/api/v1/shifts", true),
                ("supervise", HttpMethod.Post, "/api/v1/officers", false),
                ("supervise", HttpMethod.Patch, "/api/v1/areas/441900", false),
                ("admin", HttpMethod.Post, "/api/v1/officers", true),
            }
        )
        {
            using var with = await server.ClientAsync(scope);
            var (status, _) = await SendAsync(method, path, new { }, with);
            Assert.True(status is HttpStatusCode.Forbidden == !allowed, $"{scope} {method} {path}: {status}");
        }
    }

    [Fact]
    public async Task A_contact_s_new_number_is_told_of_the_next_press()
    {
        var contact = (await client.GetFromJsonAsync<JsonElement>(Home + "/contacts", Token))[0];
        await GoodAsync(
            HttpMethod.Patch,
            $"{Home}/contacts/{contact.GetProperty("id").GetString()}",
            new { version = contact.GetProperty("version").GetString(), phone = "13900139000" }
        );
        var alarm = await server.RaiseAsync("R-here", AlarmKind.Sos);
        await server.LinkAsync(alarm.Id);
        await using var db = await server.Records.CreateDbContextAsync(Token);
        Assert.All(
            await db.Notices.Where(n => n.AlarmId == alarm.Id && n.Recipient.StartsWith("contact:")).ToListAsync(Token),
            n => Assert.Equal("+8613900139000", n.Address)
        );
    }

    [Fact]
    public async Task A_shift_that_is_changed_holds_for_the_next_alarm()
    {
        foreach (var id in new[] { "d1", "d2" })
            await GoodAsync(
                HttpMethod.Post,
                "/api/v1/officers",
                new
                {
                    id,
                    name = id,
                    area = ConsoleServer.Here[..9],
                    phone = id == "d1" ? "13600136001" : "13600136002",
                }
            );
        var contact = (await client.GetFromJsonAsync<JsonElement>(Home + "/contacts", Token))[0];
        await SendAsync(HttpMethod.Delete, $"{Home}/contacts/{contact.GetProperty("id").GetString()}", null); // the desk comes first then
        var local = TimeZoneInfo.ConvertTime(TimeProvider.System.GetUtcNow(), TimeZoneInfo.FindSystemTimeZoneById("Asia/Shanghai"));
        var otherDay = ((int)local.DayOfWeek + 2) % 7 + 1; // three days from now
        var shift = await GoodAsync(HttpMethod.Post, "/api/v1/shifts", new { who = "officer:d2", days = otherDay });
        Assert.Equal(["duty:d1"], await ToldAsync((await server.RaiseAsync("R-here", AlarmKind.Sos)).Id));
        await GoodAsync(
            HttpMethod.Patch,
            $"/api/v1/shifts/{shift.GetProperty("id").GetString()}",
            new { version = shift.GetProperty("version").GetString(), days = "" }
        );
        Assert.Equal(["duty:d1", "duty:d2"], await ToldAsync((await server.RaiseAsync("R-here", AlarmKind.Fall)).Id));
    }

    /// <summary>Who of the desk was told of an alarm.</summary>
    private async Task<string[]> ToldAsync(Guid alarm)
    {
        for (var tries = 0; tries < 200; tries++)
        {
            await using var db = await server.Records.CreateDbContextAsync(Token);
            var told = await db
                .Notices.Where(n => n.AlarmId == alarm && n.Recipient.StartsWith("duty:"))
                .Select(n => n.Recipient)
                .Distinct()
                .OrderBy(r => r)
                .ToArrayAsync(Token);
            if (told.Length > 0)
                return told;
            await Task.Delay(TimeSpan.FromMilliseconds(50), TimeProvider.System, Token);
        }

        throw new TimeoutException("the desk was not told within ten seconds");
    }

    [Fact]
    public async Task A_resident_is_registered_with_all_that_is_wrong_said_at_once()
    {
        await WrongAsync(HttpMethod.Post, "/api/v1/residents", new { phone = "1" }, "id can't be emptied");
        var (_, told) = await SendAsync(HttpMethod.Post, "/api/v1/residents", new { id = "a b", phone = "1" });
        Assert.Equal(
            ["area", "id", "name", "phone"],
            told.GetProperty("errors").EnumerateArray().Select(e => e.GetProperty("field").GetString()!).Order(StringComparer.Ordinal)
        );
        await GoodAsync(
            HttpMethod.Post,
            "/api/v1/residents",
            new
            {
                id = "R9",
                name = "赵六",
                area = ConsoleServer.Here,
                phone = "13800131234",
            }
        );
        Assert.Equal("赵六", (await client.GetFromJsonAsync<JsonElement>("/api/v1/residents/R9", Token)).GetProperty("name").GetString());
        await using var db = await server.Records.CreateDbContextAsync(Token);
        Assert.Contains(
            "phone (empty) → …1234",
            (await db.Audit.SingleAsync(a => a.Action == "add" && a.Subject == "resident:R9", Token)).Detail,
            StringComparison.Ordinal
        );
    }

    private static readonly Comparer<string> ByField = Comparer<string>.Create(
        (a, b) =>
        {
            string[] order = ["phone", "birth", "address", "income", "key"];
            return Array.IndexOf(order, a.Split(' ')[0]) - Array.IndexOf(order, b.Split(' ')[0]);
        }
    );

    private async Task<string> VersionAsync(string path) =>
        (await client.GetFromJsonAsync<JsonElement>(path, Token)).GetProperty("version").GetString()!;

    private async Task<(int, string)[]> ContactsAsync() =>
        [
            .. (await client.GetFromJsonAsync<JsonElement>(Home + "/contacts", Token))
                .EnumerateArray()
                .Select(c => (c.GetProperty("order").GetInt32(), c.GetProperty("name").GetString()!)),
        ];

    private async Task WrongAsync(HttpMethod method, string path, object body, string why)
    {
        var (status, told) = await SendAsync(method, path, body);
        Assert.Equal(HttpStatusCode.BadRequest, status);
        Assert.Contains(why, told.GetProperty("detail").GetString(), StringComparison.Ordinal);
    }

    private Task WrongAsync(object body, string why) => WrongAsync(HttpMethod.Patch, Home, body, why);

    private async Task<JsonElement> GoodAsync(HttpMethod method, string path, object body)
    {
        var (status, told) = await SendAsync(method, path, body);
        Assert.True(status is HttpStatusCode.OK or HttpStatusCode.Created, $"{method} {path}: {status} {told}");
        return told;
    }

    private static HttpRequestMessage Raw(HttpMethod method, string path, string body) =>
        new(method, path) { Content = new StringContent(body, System.Text.Encoding.UTF8, "application/json") };

    private async Task<(HttpStatusCode Status, JsonElement Body)> SendAsync(
        HttpMethod method,
        string path,
        object? body,
        HttpClient? by = null
    )
    {
        using var request = new HttpRequestMessage(method, path) { Content = body is null ? null : JsonContent.Create(body) };
        using var answer = await (by ?? client).SendAsync(request, Token);
        var text = await answer.Content.ReadAsStringAsync(Token);
        return (answer.StatusCode, text.Length > 0 ? JsonDocument.Parse(text).RootElement : default);
    }
}
