using System.Net;
using System.Net.Http.Json;
using System.Text.Json;
using Microsoft.EntityFrameworkCore;
using Vigil.Model;
using Vigil.Storage.Records;
using static Vigil.Tests.Web.Running;

namespace Vigil.Tests.Web;

[Trait("Category", "Server")]
public sealed class ApiTests : IAsyncLifetime
{
    private ConsoleServer server = null!;
    private HttpClient client = null!;

    public async ValueTask InitializeAsync()
    {
        server = await ConsoleServer.StartAsync();
        client = await server.ClientAsync("write");
    }

    public async ValueTask DisposeAsync()
    {
        client.Dispose();
        await server.DisposeAsync();
    }

    [Fact]
    public async Task An_alarm_is_acknowledged_once_resolved_with_a_reason_and_opened_again()
    {
        var alarm = await server.RaiseAsync("R-here", AlarmKind.Sos);
        var path = $"/api/v1/alarms/{alarm.Id}";
        Assert.Equal(
            HttpStatusCode.NoContent,
            (await client.PostAsJsonAsync(path + "/acknowledge", new { note = "I look" }, Token)).StatusCode
        );
        using var again = await client.PostAsync(path + "/acknowledge", null, Token);
        Assert.Equal(HttpStatusCode.Conflict, again.StatusCode);
        Assert.Equal("application/problem+json", again.Content.Headers.ContentType!.MediaType);
        Assert.Contains("already acknowledged by api:test", await again.Content.ReadAsStringAsync(Token), StringComparison.Ordinal);
        Assert.Equal(
            HttpStatusCode.BadRequest,
            (await client.PostAsJsonAsync(path + "/resolve", new { note = "no reason" }, Token)).StatusCode
        );
        Assert.Equal(
            HttpStatusCode.BadRequest,
            (await client.PostAsJsonAsync(path + "/resolve", new { resolution = "3" }, Token)).StatusCode
        );
        Assert.Equal(HttpStatusCode.NoContent, (await client.PostAsJsonAsync(path + "/in-hand", new { }, Token)).StatusCode);
        Assert.Equal(
            HttpStatusCode.NoContent,
            (await client.PostAsJsonAsync(path + "/resolve", new { resolution = "false-mistake" }, Token)).StatusCode
        );
        Assert.Equal(
            HttpStatusCode.NoContent,
            (await client.PostAsJsonAsync(path + "/reopen", new { note = "too early" }, Token)).StatusCode
        );
        var whole = await client.GetFromJsonAsync<JsonElement>(path, Token);
        Assert.Equal("open", whole.GetProperty("alarm").GetProperty("state").GetString());
        Assert.Superset(
            new HashSet<string> { "opened", "acknowledged", "in-hand", "resolved", "reopened" },
            whole.GetProperty("timeline").EnumerateArray().Select(t => t.GetProperty("what").GetString()!).ToHashSet()
        );
    }

    [Fact]
    public async Task A_registry_file_is_tried_then_imported_and_what_it_no_longer_names_goes_with_replace_alone()
    {
        using var admin = await server.ClientAsync("admin", "4419");
        async Task<JsonElement> PostAsync(string file, string query) =>
            await (
                await admin.PostAsync("/api/v1/registry?name=a.csv" + query, new StringContent(file), Token)
            ).Content.ReadFromJsonAsync<JsonElement>(Token);
        const string Heading = "编号,姓名,区划代码,电话,紧急联系人1姓名,紧急联系人1电话\n";
        await PostAsync(Heading + $"R8,赵六,{ConsoleServer.Here},13800131234,赵大,13700000001\n", "");
        var fewer = Heading + "R8,,,13800135678,,\n";
        var dry = await PostAsync(fewer, "&dryRun=true&replace=true");
        Assert.False(dry.GetProperty("imported").GetBoolean());
        Assert.Equal(
            ["resident R8: phone …1234 → …5678", "resident R8: contact 1 赵大 is removed"],
            dry.GetProperty("changes").EnumerateArray().Select(c => c.GetString())
        );
        Assert.Equal(["resident: 1 changed", "contact: 1 removed"], dry.GetProperty("counts").EnumerateArray().Select(c => c.GetString()));
        Assert.True((await PostAsync(fewer, "")).GetProperty("imported").GetBoolean());
        await using (var db = await server.Records.CreateDbContextAsync(Token))
            Assert.True(await db.Contacts.AnyAsync(c => c.ResidentId == "R8", Token));
        await PostAsync(fewer, "&replace=true");
        await using var after = await server.Records.CreateDbContextAsync(Token);
        Assert.False(await after.Contacts.AnyAsync(c => c.ResidentId == "R8", Token));
        Assert.Equal(3, await after.Audit.CountAsync(a => a.Action == "import" && a.Subject == "a.csv" && a.Who == "api:test", Token));
    }

    [Fact]
    public async Task In_an_outage_many_alarms_are_answered_together_with_one_reason_and_a_line_on_each_timeline()
    {
        var (first, second) = (
            await server.RaiseAsync("R-here", AlarmKind.NoWater),
            await server.RaiseAsync("R-here", AlarmKind.NoElectricity)
        );
        var elsewhere = await server.RaiseAsync("R-there", AlarmKind.NoWater);
        using var bound = await server.ClientAsync("write", "4419");
        var answer = await (
            await bound.PostAsJsonAsync(
                "/api/v1/alarms/bulk",
                new
                {
                    alarms = new[] { first.Id, second.Id, elsewhere.Id },
                    action = "acknowledge",
                    note = "the village has no power",
                },
                Token
            )
        ).Content.ReadFromJsonAsync<JsonElement>(Token);
        Assert.Equal(2, answer.GetProperty("done").GetArrayLength());
        Assert.Equal(elsewhere.Id, answer.GetProperty("refused")[0].GetProperty("alarm").GetGuid());
        Assert.Equal(AlarmState.Open, (await server.FindAsync(elsewhere.Id)).State);
        await client.PostAsJsonAsync($"/api/v1/alarms/{first.Id}/resolve", new { resolution = "technical" }, Token);
        answer = await (
            await client.PostAsJsonAsync(
                "/api/v1/alarms/bulk",
                new
                {
                    alarms = new[] { first.Id, second.Id },
                    action = "resolve",
                    resolution = "technical",
                    note = "power is back",
                },
                Token
            )
        ).Content.ReadFromJsonAsync<JsonElement>(Token);
        Assert.Equal(second.Id, Assert.Single(answer.GetProperty("done").EnumerateArray()).GetGuid());
        Assert.Contains(
            "already resolved by api:test",
            answer.GetProperty("refused")[0].GetProperty("why").GetString(),
            StringComparison.Ordinal
        );
        var timeline = (await client.GetFromJsonAsync<JsonElement>($"/api/v1/alarms/{second.Id}", Token))
            .GetProperty("timeline")
            .EnumerateArray()
            .Select(t => t.GetProperty("text").GetString())
            .ToList();
        Assert.Contains("the village has no power", timeline);
        Assert.Contains("Technical (power is back)", timeline);
        Assert.Equal(
            HttpStatusCode.BadRequest,
            (
                await client.PostAsJsonAsync(
                    "/api/v1/alarms/bulk",
                    new
                    {
                        alarms = new[] { second.Id },
                        action = "resolve",
                        resolution = "technical",
                        note = " ",
                    },
                    Token
                )
            ).StatusCode
        );
    }

    [Fact]
    public async Task Rules_are_explained_tried_and_saved_over_the_API()
    {
        var applied = await client.GetFromJsonAsync<JsonElement>("/api/v1/residents/R-here/rules", Token);
        Assert.Contains(applied.GetProperty("rules").EnumerateArray(), r => r.GetProperty("kind").GetString() == "no-water");
        Assert.Contains(
            applied.GetProperty("policies")[0].GetProperty("steps").EnumerateArray(),
            s => s.GetProperty("to").GetString() == "duty"
        );
        using var bad = await client.PostAsJsonAsync(
            "/api/v1/rules/try",
            new { yaml = "rules:\n  no-water: { within: 300h }\n", resident = "R-here" },
            Token
        );
        Assert.Equal(HttpStatusCode.UnprocessableEntity, bad.StatusCode);
        Assert.Equal(
            2,
            (await bad.Content.ReadFromJsonAsync<JsonElement>(Token)).GetProperty("problems")[0].GetProperty("line").GetInt32()
        );
        const string Quiet = "holidays: holidays.yaml\nrules:\n  no-water: { within: 90h }\n";
        using var tried = await client.PostAsJsonAsync("/api/v1/rules/try", new { yaml = Quiet, resident = "R-here" }, Token);
        Assert.Equal(HttpStatusCode.OK, tried.StatusCode);
        using var admin = await server.ClientAsync("admin");
        Assert.Equal(HttpStatusCode.NoContent, (await admin.PutAsJsonAsync("/api/v1/rules", new { yaml = Quiet }, Token)).StatusCode);
        Assert.Equal(Quiet, (await client.GetFromJsonAsync<JsonElement>("/api/v1/rules", Token)).GetProperty("yaml").GetString());
    }

    [Theory]
    [InlineData("alarms?state=asleep")]
    [InlineData("alarms?kind=boredom")]
    [InlineData("residents/R-here/readings?metric=mood")]
    [InlineData("statistics?from=2026-02-01T00:00:00Z&to=2026-01-01T00:00:00Z")]
    [InlineData("statistics?to=0001-01-01T00:00:00Z")]
    [InlineData("statistics?from=9999-12-31T00:00:00Z&to=9999-12-31T23:59:59Z")]
    public async Task A_wrong_question_is_answered_with_what_is_wrong(string path)
    {
        using var answer = await client.GetAsync("/api/v1/" + path, Token);
        Assert.Equal(HttpStatusCode.BadRequest, answer.StatusCode);
        Assert.NotEmpty((await answer.Content.ReadFromJsonAsync<JsonElement>(Token)).GetProperty("detail").GetString()!);
    }

    [Fact]
    public async Task Alarms_come_in_pages_with_their_total()
    {
        foreach (var kind in AlarmKind.All.Take(5))
            await server.RaiseAsync("R-here", kind);
        using var answer = await client.GetAsync("/api/v1/alarms?limit=2&offset=4", Token);
        Assert.Equal("5", Assert.Single(answer.Headers.GetValues("X-Total-Count")));
        Assert.Equal(1, (await answer.Content.ReadFromJsonAsync<JsonElement>(Token)).GetArrayLength());
    }

    [Fact]
    public async Task A_device_that_waits_is_bound_to_a_home_and_the_refused_bytes_are_shown()
    {
        await using (var db = await server.Records.CreateDbContextAsync(Token))
        {
            var now = TimeProvider.System.GetUtcNow().UtcDateTime;
            db.Unbound.Add(
                new UnboundDevice
                {
                    Id = "button-7",
                    Profile = "zigbee2mqtt",
                    Topic = "zigbee2mqtt/button-7",
                    FirstSeenAt = now,
                    LastSeenAt = now,
                    Messages = 1,
                    LastPayload = [0, 255],
                }
            );
            await db.SaveChangesAsync(Token);
        }

        Assert.Contains("00FF", await client.GetStringAsync("/api/v1/devices/unbound", Token), StringComparison.Ordinal);
        Assert.Equal(
            HttpStatusCode.NoContent,
            (await client.PostAsJsonAsync("/api/v1/devices/unbound/button-7/bind", new { resident = "R-here" }, Token)).StatusCode
        );
        Assert.Equal("[]", await client.GetStringAsync("/api/v1/devices/unbound", Token));
        Assert.Contains("button-7", await client.GetStringAsync("/api/v1/residents/R-here", Token), StringComparison.Ordinal);
        var refused = (await client.GetFromJsonAsync<JsonElement>("/api/v1/rejected", Token))[0];
        Assert.Equal("<img src=x onerror=alert(1)>"u8.ToArray(), refused.GetProperty("payload").GetBytesFromBase64());
        Assert.Equal("not JSON", refused.GetProperty("reason").GetString());
    }

    [Fact]
    public async Task A_device_is_bound_only_to_a_resident_and_a_profile_that_exist_and_rightly_afterwards()
    {
        await using var db = await server.Records.CreateDbContextAsync(Token);
        foreach (var id in new[] { "button-7", "stock-1", "meter-R-there" })
            db.Unbound.Add(
                new UnboundDevice
                {
                    Id = id,
                    Profile = "zigbee2mqtt",
                    Topic = "zigbee2mqtt/" + id,
                }
            );
        db.Devices.Add(new Device { Id = "stock-1", Profile = "a-profile-of-old" });
        await db.SaveChangesAsync(Token);
        using var away = await server.ClientAsync("write", "4401");
        foreach (
            var (by, device, asked, status, en, zh) in new[]
            {
                (
                    client,
                    "button-7",
                    new { resident = "R-nobody", profile = "senml" },
                    404,
                    "no resident 'R-nobody'",
                    "没有服务对象“R-nobody”"
                ),
                (
                    client,
                    "button-7",
                    new { resident = "R-here", profile = "sennml" },
                    400,
                    "no device profile 'sennml'",
                    "没有型号文件“sennml”"
                ),
                (client, "button-7", new { resident = " ", profile = "senml" }, 400, "to whom 'button-7' belongs", "设备“button-7”所属"),
                (
                    client,
                    "button-8",
                    new { resident = "R-here", profile = "senml" },
                    404,
                    "unbound device 'button-8'",
                    "待绑定的设备“button-8”"
                ),
                (away, "button-7", new { resident = "R-here", profile = "senml" }, 404, "no resident 'R-here'", "没有服务对象“R-here”"),
                (
                    client,
                    "meter-R-there",
                    new { resident = "R-here", profile = "senml" },
                    409,
                    "to resident 'R-there' already",
                    "“R-there”"
                ),
            }
        )
        {
            using var answer = await by.PostAsJsonAsync($"/api/v1/devices/unbound/{device}/bind", asked, Token);
            var problem = await answer.Content.ReadFromJsonAsync<JsonElement>(Token);
            Assert.Equal(status, (int)answer.StatusCode);
            Assert.Contains(en, problem.GetProperty("detail").GetString(), StringComparison.Ordinal);
            Assert.Contains(zh, problem.GetProperty("detailZh").GetString(), StringComparison.Ordinal);
        }

        Assert.Equal(3, await db.Unbound.CountAsync(Token));
        Assert.False(await db.Devices.AnyAsync(d => d.Id == "button-7", Token));
        foreach (var device in new[] { "button-7", "stock-1" })
        {
            var asked = new
            {
                resident = "R-here",
                profile = "senml",
                label = "床头",
            };
            using var bound = await client.PostAsJsonAsync($"/api/v1/devices/unbound/{device}/bind", asked, Token);
            Assert.Equal(HttpStatusCode.NoContent, bound.StatusCode);
            var row = await db.Devices.AsNoTracking().SingleAsync(d => d.Id == device, Token);
            Assert.Equal(("senml", "R-here", "床头"), (row.Profile, row.ResidentId, row.Label));
        }
    }

    [Fact]
    public async Task An_alarm_of_a_device_that_was_nobodys_is_the_residents_once_the_device_is_bound()
    {
        var alarm = await server.RaiseAsync("device:button-7", AlarmKind.Sos);
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
        var page = WebUtility.HtmlDecode(await client.GetStringAsync($"/alarms/{alarm.Id}?lang=zh", Token));
        Assert.Contains("未绑定设备 button-7", page, StringComparison.Ordinal);
        using var bound = await client.PostAsJsonAsync("/api/v1/devices/unbound/button-7/bind", new { resident = "R-here" }, Token);
        Assert.Equal(HttpStatusCode.NoContent, bound.StatusCode);
        var tied = await server.FindAsync(alarm.Id);
        Assert.Equal(("R-here", ConsoleServer.Here, AlarmState.Open), (tied.ResidentId, tied.Area, tied.State));
        using var here = await server.ClientAsync("read", "4419");
        Assert.Contains("was bound to R-here", await here.GetStringAsync($"/api/v1/alarms/{alarm.Id}", Token), StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_new_credential_shows_a_password_that_opens_the_broker_and_asking_again_replaces_it()
    {
        using var admin = await server.ClientAsync("admin");
        var first = await (
            await admin.PostAsJsonAsync("/api/v1/credentials", new { username = "meter-9" }, Token)
        ).Content.ReadFromJsonAsync<JsonElement>(Token);
        var second = await (
            await admin.PostAsJsonAsync("/api/v1/credentials", new { username = "meter-9" }, Token)
        ).Content.ReadFromJsonAsync<JsonElement>(Token);
        var secrets = (Secrets)server.Services.GetService(typeof(Secrets))!;
        Assert.Null(
            (
                await secrets.VerifyAsync("meter-9", System.Text.Encoding.UTF8.GetBytes(first.GetProperty("password").GetString()!), Token)
            ).Credential
        );
        Assert.NotNull(
            (
                await secrets.VerifyAsync("meter-9", System.Text.Encoding.UTF8.GetBytes(second.GetProperty("password").GetString()!), Token)
            ).Credential
        );
        Assert.DoesNotContain("sha256", await admin.GetStringAsync("/api/v1/credentials", Token), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Statistics_count_what_was_answered_in_time()
    {
        var alarm = await server.RaiseAsync("R-here", AlarmKind.Sos);
        await server.RaiseAsync("R-there", AlarmKind.Fall);
        await client.PostAsync($"/api/v1/alarms/{alarm.Id}/acknowledge", null, Token);
        var figures = await client.GetFromJsonAsync<JsonElement>("/api/v1/statistics", Token);
        Assert.Equal(0.5, figures.GetProperty("criticalAnsweredWithin60s").GetDouble());
        Assert.Equal(1, figures.GetProperty("visitedShare").GetDouble());
        Assert.Contains(
            "critical answered within 60 s,,0.5\r\n",
            await client.GetStringAsync("/api/v1/statistics?format=csv", Token),
            StringComparison.Ordinal
        );
    }

    [Fact]
    public async Task Alarms_and_visits_are_exported_without_formulas()
    {
        await server.RaiseAsync("R-here", AlarmKind.NoWater, "=HYPERLINK(\"http://elsewhere\")");
        var alarms = await client.GetStringAsync("/api/v1/alarms?format=csv", Token);
        Assert.Contains("no-water", alarms, StringComparison.Ordinal);
        Assert.DoesNotContain(",\"=HYPERLINK", alarms, StringComparison.Ordinal);
        using var visits = await client.GetAsync("/api/v1/visits?format=xlsx", Token);
        Assert.Equal(Sheet.XlsxType, visits.Content.Headers.ContentType!.MediaType);
        Assert.Contains(
            Sheet.Read(new MemoryStream(await visits.Content.ReadAsByteArrayAsync(Token)), "visits.xlsx"),
            row => row.Fields.Contains("R-here")
        );
        Assert.Equal(HttpStatusCode.BadRequest, (await client.GetAsync("/api/v1/alarms?format=pdf", Token)).StatusCode);
    }

    [Fact]
    public async Task A_visit_that_is_sent_again_is_recorded_once_and_resolves_no_other_alarm()
    {
        var alarm = await server.RaiseAsync("R-here", AlarmKind.Sos);
        var (other, elsewhere) = (await server.RaiseAsync("R-here", AlarmKind.NoWater), await server.RaiseAsync("R-there", AlarmKind.Sos));
        using var bound = await server.ClientAsync("write", "4419");
        var id = Guid.NewGuid();
        Task<HttpResponseMessage> SendAsync(Guid of, string? resolve = "true") =>
            bound.PostAsJsonAsync(
                "/api/v1/visits",
                new
                {
                    id,
                    resident = "R-here",
                    form = "home",
                    alarm = of,
                    resolve,
                },
                Token
            );

        Assert.Equal(HttpStatusCode.Created, (await SendAsync(alarm.Id, resolve: null)).StatusCode);
        foreach (var wrong in new[] { other.Id, elsewhere.Id, Guid.NewGuid() })
            Assert.Equal(HttpStatusCode.BadRequest, (await SendAsync(wrong)).StatusCode);
        Assert.Equal(AlarmState.Open, (await server.FindAsync(other.Id)).State);
        Assert.Equal(AlarmState.Open, (await server.FindAsync(elsewhere.Id)).State);
        Assert.Equal(HttpStatusCode.Created, (await SendAsync(alarm.Id)).StatusCode);
        Assert.Equal(AlarmState.Resolved, (await server.FindAsync(alarm.Id)).State);
        await using var db = await server.Records.CreateDbContextAsync(Token);
        Assert.Equal(1, await db.Visits.CountAsync(v => v.AlarmId != null, Token));
    }

    [Theory]
    [InlineData("""{"resident":"R-nobody","form":"home"}""", HttpStatusCode.NotFound)]
    [InlineData("""{"resident":"R-here","form":"home","resolve":"perhaps"}""", HttpStatusCode.BadRequest)]
    [InlineData("""{"resident":"R-here","form":"home","resolve":"true"}""", HttpStatusCode.BadRequest)]
    [InlineData("""{"resident":"R-here","form":"by letter"}""", HttpStatusCode.BadRequest)]
    public async Task Why_a_visit_is_refused_is_said_in_Chinese_too_for_the_form_on_the_phone(string body, HttpStatusCode status)
    {
        using var content = new StringContent(body, System.Text.Encoding.UTF8, "application/json");
        using var answer = await client.PostAsync("/api/v1/visits", content, Token);
        Assert.Equal(status, answer.StatusCode);
        var told = await answer.Content.ReadFromJsonAsync<JsonElement>(Token);
        Assert.Empty(
            Vigil.Tests.Language.Sentences.Wrong(told.GetProperty("detail").GetString()!, told.GetProperty("detailZh").GetString()!)
        );
    }

    [Fact]
    public async Task Whoever_reads_notices_does_not_get_the_links_in_them()
    {
        var alarm = await server.RaiseAsync("R-here", AlarmKind.Sos);
        var link = await server.LinkAsync(alarm.Id);
        var notices = await client.GetStringAsync("/api/v1/notices", Token);
        Assert.DoesNotContain(link, notices, StringComparison.Ordinal);
        Assert.DoesNotContain("13800138000", notices, StringComparison.Ordinal);
    }

    [Fact]
    public async Task The_contacts_link_changes_nothing_by_being_opened_and_takes_the_alarm_when_confirmed()
    {
        var alarm = await server.RaiseAsync("R-here", AlarmKind.Sos);
        var link = await server.LinkAsync(alarm.Id);
        using var contact = await server.ClientAsync(null);
        using var page = await contact.GetAsync(link, Token);
        var html = WebUtility.HtmlDecode(await page.Content.ReadAsStringAsync(Token));
        Assert.Contains("王*", html, StringComparison.Ordinal);
        Assert.DoesNotContain("王秀英", html, StringComparison.Ordinal);
        Assert.Equal("no-store", page.Headers.CacheControl!.ToString());
        Assert.Equal("no-referrer", Assert.Single(page.Headers.GetValues("Referrer-Policy")));
        Assert.Equal(AlarmState.Open, (await server.FindAsync(alarm.Id)).State);
        Assert.Equal(
            HttpStatusCode.NotFound,
            (await contact.GetAsync(link[..^2] + (link.EndsWith("AA", StringComparison.Ordinal) ? "BB" : "AA"), Token)).StatusCode
        );
        using var taken = await contact.PostAsync(link, new FormUrlEncodedContent([new("answer", "take")]), Token);
        Assert.Equal(HttpStatusCode.OK, taken.StatusCode);
        var after = await server.FindAsync(alarm.Id);
        Assert.Equal(AlarmState.Acknowledged, after.State);
        Assert.StartsWith("contact:", after.AcknowledgedBy, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("answer=%00", "application/x-www-form-urlencoded")]
    [InlineData("{\"answer\":\"take\"}", "application/json")]
    public async Task A_form_that_cannot_be_read_is_the_senders_mistake_and_answers_nothing(string body, string type)
    {
        var alarm = await server.RaiseAsync("R-here", AlarmKind.Sos);
        using var anybody = await server.ClientAsync(null);
        using var contact = await anybody.PostAsync(
            await server.LinkAsync(alarm.Id),
            new StringContent(body, System.Text.Encoding.UTF8, type),
            Token
        );
        Assert.Equal(HttpStatusCode.BadRequest, contact.StatusCode);
        Assert.Equal(AlarmState.Open, (await server.FindAsync(alarm.Id)).State);
        using var desk = await anybody.PostAsync("/signin", new StringContent(body, System.Text.Encoding.UTF8, type), Token);
        Assert.InRange((int)desk.StatusCode, 400, 499);
    }

    [Fact]
    public async Task The_contacts_page_says_that_it_was_pressed_again_since_and_only_a_click_on_what_is_shown_now_takes_it()
    {
        var alarm = await server.RaiseAsync("R-here", AlarmKind.Sos);
        var link = await server.LinkAsync(alarm.Id);
        using var contact = await server.ClientAsync(null);
        async Task<string> SeenAsync()
        {
            var html = await contact.GetStringAsync(link, Token);
            return System.Text.RegularExpressions.Regex.Match(html, "name=\"seen\" value=\"(\\d+)\"").Groups[1].Value;
        }

        async Task<(HttpStatusCode, string)> TakeAsync(string seen)
        {
            using var answer = await contact.PostAsync(link, new FormUrlEncodedContent([new("answer", "take"), new("seen", seen)]), Token);
            return (answer.StatusCode, await answer.Content.ReadAsStringAsync(Token));
        }

        var old = await SeenAsync();
        await server.Desk.AcknowledgeAsync(alarm.Id, "duty:d1", "", Token);
        await server.Desk.CommitAsync(
            [
                new Finding(
                    "R-here",
                    AlarmKind.Sos,
                    Severity.Critical,
                    FindingChange.Updated,
                    alarm.Episode,
                    1,
                    TimeProvider.System.GetUtcNow().UtcDateTime,
                    "pressed again",
                    "再次按下",
                    Notify: true
                ),
            ],
            Token
        );
        var (code, page) = await TakeAsync(old);
        Assert.Equal((HttpStatusCode.Conflict, AlarmState.Open), (code, (await server.FindAsync(alarm.Id)).State));
        Assert.Contains("又发生", WebUtility.HtmlDecode(page), StringComparison.Ordinal);
        Assert.Contains("name=\"answer\" value=\"take\"", page, StringComparison.Ordinal); // a button that answers the alarm as it is now
        Assert.Equal(HttpStatusCode.OK, (await TakeAsync(await SeenAsync())).Item1);
        Assert.StartsWith("contact:", (await server.FindAsync(alarm.Id)).AcknowledgedBy, StringComparison.Ordinal);
        await server.Desk.ResolveAsync(alarm.Id, "duty:d1", Resolution.True, "", Token);
    }

    [Fact]
    public async Task A_contact_who_can_not_come_makes_the_next_step_due_at_once()
    {
        var alarm = await server.RaiseAsync("R-here", AlarmKind.NoWater);
        var link = await server.LinkAsync(alarm.Id);
        using var contact = await server.ClientAsync(null);
        Assert.Equal(
            HttpStatusCode.BadRequest,
            (await contact.PostAsync(link, new FormUrlEncodedContent([new("answer", "perhaps")]), Token)).StatusCode
        );
        Assert.Equal(
            HttpStatusCode.OK,
            (await contact.PostAsync(link, new FormUrlEncodedContent([new("answer", "cannot")]), Token)).StatusCode
        );
        await using var db = await server.Records.CreateDbContextAsync(Token);
        var second = await db.Steps.Where(s => s.AlarmId == alarm.Id).OrderBy(s => s.Order).Skip(1).FirstAsync(Token);
        Assert.True(second.DueAt <= TimeProvider.System.GetUtcNow().UtcDateTime, $"the next step waits until {second.DueAt:O}");
        Assert.Equal(AlarmState.Open, (await server.FindAsync(alarm.Id)).State);
    }

    [Fact]
    public async Task The_service_describes_its_own_interface_and_lets_no_foreign_script_in()
    {
        using var answer = await client.GetAsync("/openapi/v1.json", Token);
        var paths = (await answer.Content.ReadFromJsonAsync<JsonElement>(Token)).GetProperty("paths");
        Assert.True(paths.TryGetProperty("/api/v1/alarms/{id}/acknowledge", out _));
        var policy = Assert.Single(answer.Headers.GetValues("Content-Security-Policy"));
        Assert.DoesNotContain("unsafe", policy, StringComparison.Ordinal);
    }
}
