using System.Net;
using System.Text;
using System.Text.RegularExpressions;
using Microsoft.AspNetCore.Identity;
using Microsoft.AspNetCore.Routing;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.DependencyInjection;
using Vigil.Model;
using Vigil.Storage.Records;
using Vigil.Web;
using Vigil.Web.Accounts;
using static Vigil.Tests.Web.Running;

namespace Vigil.Tests.Web;

/// <summary>
/// Accounts of people: the first administrator, passwords, second factor, roles and areas, each through the pages that a browser gets.
/// </summary>
[Trait("Category", "Server")]
public sealed class AccountTests : IAsyncLifetime
{
    private const string Password = "correct horse battery";
    private ConsoleServer server = null!;

    public async ValueTask InitializeAsync() => server = await ConsoleServer.StartAsync();

    public ValueTask DisposeAsync() => server.DisposeAsync();

    [Fact]
    public async Task The_first_administrator_chooses_a_password_once_and_a_preview_uses_nothing_up()
    {
        var link = server.Services.GetRequiredService<SignInLink>().Path;
        var token = link.Split('=')[1];
        using var client = await server.ClientAsync(null);
        using var preview = await client.GetAsync(link, Token);
        Assert.Contains("第一位管理员", WebUtility.HtmlDecode(await preview.Content.ReadAsStringAsync(Token)));
        Assert.False(preview.Headers.Contains("Set-Cookie"));
        using var weak = await PostAsync(client, "/signin", ("token", token), ("name", "root"), ("password", "short"), ("again", "short"));
        Assert.Equal(HttpStatusCode.BadRequest, weak.StatusCode);
        using var first = await PostAsync(
            client,
            "/signin",
            ("token", token),
            ("name", "root"),
            ("password", Password),
            ("again", Password)
        );
        var cookie = Assert.Single(first.Headers.GetValues("Set-Cookie"), c => c.StartsWith("vigil=", StringComparison.Ordinal));
        Assert.Contains("samesite=strict", cookie, StringComparison.OrdinalIgnoreCase);
        Assert.Contains("httponly", cookie, StringComparison.OrdinalIgnoreCase);
        Assert.Equal("/account", first.Headers.Location!.OriginalString); // nothing else is open before a second factor is set up
        using var second = await PostAsync(
            client,
            "/signin",
            ("token", token),
            ("name", "other"),
            ("password", Password),
            ("again", Password)
        );
        Assert.Equal(HttpStatusCode.Forbidden, second.StatusCode);

        // Without the second factor the account may do nothing; with it, everything.
        client.DefaultRequestHeaders.Add("Cookie", cookie.Split(';')[0]);
        using var before = await client.GetAsync("/api/v1/users", Token);
        Assert.Equal(HttpStatusCode.Forbidden, before.StatusCode);
        var key = Regex.Match(await client.GetStringAsync("/account", Token), "secret=([A-Z2-7]+)").Groups[1].Value;
        using var enrolled = await PostAsync(client, "/account", ("code", Totp(key, 0)));
        var codes = WebUtility
            .HtmlDecode(
                Regex.Match(await enrolled.Content.ReadAsStringAsync(Token), "<pre>(.*?)</pre>", RegexOptions.Singleline).Groups[1].Value
            )
            .Split('\n');
        Assert.True(codes.Length == 10, await enrolled.Content.ReadAsStringAsync(Token));
        client.DefaultRequestHeaders.Remove("Cookie");
        client.DefaultRequestHeaders.Add("Cookie", enrolled.Headers.GetValues("Set-Cookie").Last().Split(';')[0]);
        using var after = await client.GetAsync("/api/v1/users", Token);
        Assert.Equal(HttpStatusCode.OK, after.StatusCode);

        // The next sign-in asks for a code. Each recovery code works once.
        client.DefaultRequestHeaders.Remove("Cookie");
        using var asked = await PostAsync(client, "/signin", ("name", "root"), ("password", Password));
        Assert.Equal(HttpStatusCode.Unauthorized, asked.StatusCode);
        using var recovered = await PostAsync(
            client,
            "/signin",
            ("name", "root"),
            ("password", Password),
            ("code", WebUtility.HtmlDecode(codes[0]))
        );
        Assert.Equal("/", recovered.Headers.Location?.OriginalString);
        using var again = await PostAsync(
            client,
            "/signin",
            ("name", "root"),
            ("password", Password),
            ("code", WebUtility.HtmlDecode(codes[0]))
        );
        Assert.Equal(HttpStatusCode.Unauthorized, again.StatusCode);
        using var totp = await PostAsync(client, "/signin", ("name", "root"), ("password", Password), ("code", Totp(key, 1)));
        Assert.Equal("/", totp.Headers.Location?.OriginalString);
        using var overShoulder = await PostAsync(client, "/signin", ("name", "root"), ("password", Password), ("code", Totp(key, 1)));
        Assert.Equal(HttpStatusCode.Unauthorized, overShoulder.StatusCode);
    }

    /// <summary>The second page, which asks for the code, refers to the first by a token: no page contains the password.</summary>
    [Fact]
    public async Task No_page_of_the_sign_in_holds_the_password_and_what_stands_in_its_place_serves_one_account_once()
    {
        await AddAsync("root", Roles.Administrator, "");
        await AddAsync("other", Roles.Administrator, "");
        string key;
        await using (var scope = server.Services.CreateAsyncScope())
        {
            var accounts = scope.ServiceProvider.GetRequiredService<Accounts>();
            foreach (var name in new[] { "other", "root" })
            {
                var user = (await accounts.FindAsync(name))!;
                Assert.NotNull(await accounts.SecondFactors.EnrolAsync(user, Totp(await accounts.SecondFactors.KeyAsync(user), 0), Token));
            }

            key = await accounts.SecondFactors.KeyAsync((await accounts.FindAsync("root"))!);
        }

        using var client = await server.ClientAsync(null);
        using var asked = await PostAsync(client, "/signin", ("name", "root"), ("password", Password), ("returnTo", "/devices"));
        var page = await PageAsync(asked);
        Assert.Equal(HttpStatusCode.Unauthorized, asked.StatusCode);
        var step = StepOf(page);
        Assert.Contains("value=\"/devices\"", page, StringComparison.Ordinal);

        using var others = await PostAsync(client, "/signin", ("name", "other"), ("step", step), ("code", Totp(key, 1)));
        Assert.Equal(HttpStatusCode.Unauthorized, others.StatusCode);
        Assert.DoesNotContain("name=\"step\"", await PageAsync(others), StringComparison.Ordinal);
        using var wrong = await PostAsync(client, "/signin", ("name", "root"), ("step", step), ("code", "000000"));
        var again = StepOf(await PageAsync(wrong));
        Assert.NotEqual(step, again);
        using var stale = await PostAsync(client, "/signin", ("name", "root"), ("step", step), ("code", Totp(key, 1)));
        Assert.Contains("请重新登录", await PageAsync(stale), StringComparison.Ordinal);
        using var forged = await PostAsync(client, "/signin", ("name", "root"), ("step", "CfDJ8forged"), ("code", Totp(key, 1)));
        Assert.Contains("请重新登录", await PageAsync(forged), StringComparison.Ordinal);
        using var signedIn = await PostAsync(
            client,
            "/signin",
            ("name", "root"),
            ("step", again),
            ("code", Totp(key, 1)),
            ("returnTo", "/devices")
        );
        Assert.Equal("/devices", signedIn.Headers.Location?.OriginalString);

        static async Task<string> PageAsync(HttpResponseMessage answer)
        {
            var page = WebUtility.HtmlDecode(await answer.Content.ReadAsStringAsync(Token));
            Assert.DoesNotContain(Password, page, StringComparison.Ordinal);
            Assert.DoesNotContain("type=\"hidden\" name=\"password\"", page, StringComparison.Ordinal);
            return page;
        }

        static string StepOf(string page) => Regex.Match(page, "name=\"step\" value=\"([^\"]+)\"").Groups[1].Value;
    }

    [Fact]
    public async Task A_link_sets_a_password_once_and_who_is_disabled_is_out()
    {
        await using var scope = server.Services.CreateAsyncScope();
        var accounts = scope.ServiceProvider.GetRequiredService<Accounts>();
        Assert.Null(await accounts.AddAsync("chen", Roles.Visitor, "4419", "陈探访", null, "test", Token));
        var link = await accounts.LinkAsync((await accounts.FindAsync("chen"))!, "test", Token);
        var query = System.Web.HttpUtility.ParseQueryString(link[(link.IndexOf('?', StringComparison.Ordinal) + 1)..]);
        using var client = await server.ClientAsync(null);
        using var set = await PostAsync(
            client,
            "/account/password",
            ("user", query["user"]!),
            ("token", query["token"]!),
            ("password", Password),
            ("again", Password)
        );
        Assert.Equal("/signin", set.Headers.Location?.OriginalString);
        using var again = await PostAsync(
            client,
            "/account/password",
            ("user", query["user"]!),
            ("token", query["token"]!),
            ("password", "another password!"),
            ("again", "another password!")
        );
        Assert.Equal(HttpStatusCode.BadRequest, again.StatusCode);
        using var signedIn = await SignedInAsync("chen");
        Assert.Equal(HttpStatusCode.OK, (await signedIn.GetAsync("/api/v1/visits", Token)).StatusCode);
        var user = (await accounts.FindAsync("chen"))!;
        await scope.ServiceProvider.GetRequiredService<RecordsDb>().Entry(user).ReloadAsync(Token); // signing in changed the row
        var who = accounts.Principal(user);
        Assert.True(await accounts.IsCurrentAsync(who));
        await accounts.ChangeAsync(user, "test", "disabled", u => u.Disabled = true, Token);
        Assert.False(await accounts.IsCurrentAsync(who)); // checked once a minute, on requests and for open pages
        using var refused = await PostAsync(client, "/signin", ("name", "chen"), ("password", Password));
        Assert.Equal(HttpStatusCode.Unauthorized, refused.StatusCode);
    }

    [Theory]
    [InlineData("//evil.example")]
    [InlineData("https://evil.example")]
    [InlineData("/\\evil.example")]
    [InlineData("/\t/evil.example")] // what /%09/evil.example becomes when decoded: browsers ignore the tab
    [InlineData("/\n/evil.example")]
    [InlineData("\t//evil.example")]
    public async Task Signing_in_leads_nowhere_else(string to)
    {
        await AddAsync("li", Roles.Duty, "");
        using var client = await server.ClientAsync(null);
        Assert.DoesNotContain(
            "evil.example",
            await client.GetStringAsync("/signin?returnTo=" + Uri.EscapeDataString(to), Token),
            StringComparison.Ordinal
        );
        using var answer = await PostAsync(client, "/signin", ("name", "li"), ("password", Password), ("returnTo", to));
        Assert.Equal("/", answer.Headers.Location?.OriginalString);
    }

    [Fact]
    public async Task Numbers_are_masked_until_asked_for_with_a_reason_and_one_person_is_exported_and_erased_whole()
    {
        await AddAsync("li", Roles.Duty, "4419");
        using var client = await SignedInAsync("li");
        foreach (var path in new[] { "/residents/R-here", "/api/v1/residents/R-here" })
            Assert.DoesNotContain("13800138000", await client.GetStringAsync(path, Token), StringComparison.Ordinal);
        using var without = await client.PostAsync(
            "/api/v1/residents/R-here/reveal",
            new StringContent("{\"reason\":\" \"}", Encoding.UTF8, "application/json"),
            Token
        );
        Assert.Equal(HttpStatusCode.BadRequest, without.StatusCode);
        using var with = await client.PostAsync("/api/v1/residents/R-here/reveal", Why("no answer at the door"), Token);
        Assert.Contains(
            "+8613800138000",
            System
                .Text.Json.JsonDocument.Parse(await with.Content.ReadAsStringAsync(Token))
                .RootElement.GetProperty("contacts")[0]
                .GetProperty("phone")
                .GetString(),
            StringComparison.Ordinal
        );
        await using (var db = await server.Records.CreateDbContextAsync(Token))
            Assert.Equal("no answer at the door", (await db.Audit.SingleAsync(a => a.Action == "reveal" && a.Who == "li", Token)).Detail);

        var alarm = await server.RaiseAsync("R-here", AlarmKind.Sos);
        using var admin = await server.ClientAsync("admin");
        const string Formula = "=cmd|' /C calc'!A0\r\n\"x\",y";
        var pressed = new DateTime(2026, 1, 15, 4, 0, 0, DateTimeKind.Utc);
        await server
            .Services.GetRequiredService<Vigil.Storage.Readings.IReadingStore>()
            .AppendAsync(
                [
                    new Reading
                    {
                        Device = new DeviceId("meter-R-here"),
                        Metric = Metric.Button,
                        Channel = "+1",
                        Time = pressed,
                        Received = pressed,
                        Value = 1,
                        Event = Formula,
                    },
                ],
                Token
            );
        await using (var db = await server.Records.CreateDbContextAsync(Token))
        {
            db.Add(
                new Vigil.Storage.Records.DailyActivity
                {
                    ResidentId = "R-here",
                    Day = new DateOnly(2026, 1, 14),
                    BedExits = 3,
                }
            );
            db.Add(
                new SlowChange
                {
                    ResidentId = "R-here",
                    Figure = DailyFigure.BedExits,
                    FoundAt = pressed,
                    Before = 1,
                    Now = 3,
                }
            );
            await db.SaveChangesAsync(Token);
        }

        using var archive = new System.IO.Compression.ZipArchive(
            new MemoryStream(await admin.GetByteArrayAsync("/api/v1/residents/R-here/export", Token))
        );
        using var reader = new StreamReader(archive.GetEntry("records.json")!.Open());
        var held = await reader.ReadToEndAsync(Token);
        foreach (var what in new[] { "王秀英", "+8613800138000", "meter-R-here", alarm.Id.ToString(), "\"bedExits\": 3", "slowChanges" })
            Assert.Contains(what, held, StringComparison.Ordinal);
        Assert.DoesNotContain("R-there", held, StringComparison.Ordinal);
        using var rows = new StreamReader(archive.GetEntry("readings.csv")!.Open());
        var row = Assert.Single(Csv.Read(rows).Skip(1)).Fields; // a spreadsheet sees one row, and no formula in it
        Assert.Equal(
            ("meter-R-here", "'+1", "'" + Formula),
            (row[0], row[2], row[7].Replace("\n", "\r\n", StringComparison.Ordinal).Replace("\r\r", "\r", StringComparison.Ordinal))
        );

        using var tooEarly = await admin.PostAsync("/api/v1/residents/R-here/erase", Why("asked for"), Token);
        Assert.Equal(HttpStatusCode.Conflict, tooEarly.StatusCode);
        await server.Desk.ResolveAsync(alarm.Id, "duty:d1", Resolution.True, "", Token);
        await server.Records.ChainAsync(everything: true, Token);
        using var erased = await admin.PostAsync("/api/v1/residents/R-here/erase", Why("asked for"), Token);
        Assert.Equal(HttpStatusCode.NoContent, erased.StatusCode);
        await using (var db = await server.Records.CreateDbContextAsync(Token))
        {
            Assert.Equal("R-there", Assert.Single(await db.Residents.ToListAsync(Token)).Id);
            Assert.False(
                await db.Contacts.AnyAsync(c => c.ResidentId == "R-here", Token)
                    || await db.Visits.AnyAsync(v => v.ResidentId == "R-here", Token)
                    || await db.Rejected.AnyAsync(p => p.Device == "meter-R-here", Token)
                    || await db.DailyActivity.AnyAsync(Token)
                    || await db.SlowChanges.AnyAsync(Token)
            );
            Assert.Equal("erased", (await db.Alarms.SingleAsync(a => a.Id == alarm.Id, Token)).Subject);
            Assert.True(await db.Audit.AnyAsync(a => a.Action == "erase" && a.Subject.StartsWith("erased:"), Token));
            Assert.False(await db.Audit.AnyAsync(a => a.Subject == "resident:R-here", Token));
        }

        await server.Records.ChainAsync(everything: true, Token);
        // The lines erased with the person are not reported as missing.
        Assert.Empty((await server.Records.CheckAuditAsync([], Token)).Problems);

        static StringContent Why(string reason) => new($"{{\"reason\":\"{reason}\"}}", Encoding.UTF8, "application/json");
    }

    /// <summary>The right that each endpoint needs. A new endpoint has to be added here.</summary>
    internal static string Needed(string method, string path) =>
        (method, path["/api/v1/".Length..].Split('/')) switch
        {
            (_, ["users" or "webhooks" or "credentials" or "registry" or "apikeys", ..]) => "admin",
            (_, ["residents", _, "export" or "erase"]) or ("POST", ["devices", "sheet"]) or ("PUT", ["rules"]) => "admin",
            ("GET", ["residents", _, "record" or "household"]) => "write",
            ("GET", _) => "read",
            ("POST", ["visits"]) or ("POST", ["absences", ..]) => "visit",
            ("POST", ["areas", _, "watch"]) or (_, ["shifts", ..]) => "supervise",
            (_, ["areas" or "officers", ..]) => "admin",
            (_, ["residents" or "visitors" or "devices" or "alarms", ..]) or ("POST", ["rules", "try"]) => "write",
            _ => throw new InvalidOperationException($"{method} {path}: who may do that? Put it in this table."),
        };

    [Fact]
    public async Task Every_endpoint_for_every_role_in_its_own_area_and_in_another()
    {
        var here = await server.RaiseAsync("R-here", AlarmKind.Sos);
        var there = await server.RaiseAsync("R-there", AlarmKind.Sos);
        await server.LinkAsync(there.Id);
        var walked = 0;
        foreach (var role in Roles.All)
        {
            await AddAsync(role, role, "4419");
            using var client = await SignedInAsync(role, secondFactor: role == Roles.Administrator);
            foreach (var (method, route) in Endpoints())
            {
                var may = Roles.Scopes(role).Contains(Needed(method, route));
                foreach (var (resident, alarm, own) in new[] { ("R-here", here.Id, true), ("R-there", there.Id, false) })
                {
                    using var answer = await client.SendAsync(Request(method, route, resident, alarm), Token);
                    var text = await answer.Content.ReadAsStringAsync(Token);
                    walked++;
                    Assert.False(
                        text.Contains("李桂兰", StringComparison.Ordinal) || text.Contains("meter-R-there", StringComparison.Ordinal),
                        $"{role}: {method} {route} shows the other county: {text}"
                    );
                    if (!may)
                        Assert.True(
                            answer.StatusCode == HttpStatusCode.Forbidden,
                            $"{role}: {method} {route} answered {(int)answer.StatusCode}, not 403"
                        );
                    else if (own)
                        Assert.True(
                            answer.StatusCode != HttpStatusCode.Unauthorized
                                && (answer.StatusCode != HttpStatusCode.Forbidden || Needed(method, route) == "admin"),
                            $"{role}: {method} {route} answered {(int)answer.StatusCode}"
                        );
                    else if (route.Contains('{', StringComparison.Ordinal))
                        Assert.True(
                            (int)answer.StatusCode is 404 or 400 or 403 or 422,
                            $"{role}: {method} {route} of the other county answered {(int)answer.StatusCode}"
                        );
                }
            }

            // Also each page as the server first draws it. An unanswered alarm is on the board.
            await server.RaiseAsync(
                "R-here",
                new[] { AlarmKind.Smoke, AlarmKind.Gas, AlarmKind.Fall, AlarmKind.NoWater, AlarmKind.VoiceHelp }[
                    Roles.All.ToList().IndexOf(role)
                ]
            );
            foreach (var (route, scope) in ScopeOfPage)
            {
                var page = route
                    .Replace("{Id:guid}", $"{there.Id}", StringComparison.Ordinal)
                    .Replace("{Id}", "R-there", StringComparison.Ordinal);
                using var answer = await client.GetAsync(page, Token);
                // Razor writes Chinese characters as numbers, so a name would never be found.
                var html = WebUtility.HtmlDecode(await answer.Content.ReadAsStringAsync(Token));
                Assert.False(
                    html.Contains("李桂兰", StringComparison.Ordinal) || html.Contains("meter-R-there", StringComparison.Ordinal),
                    $"{role}: {page} shows the other county"
                );
                Assert.True(
                    answer.StatusCode == HttpStatusCode.OK == Roles.Scopes(role).Contains(scope),
                    $"{role}: {page} answered {(int)answer.StatusCode}"
                );
                if (page is "/" or "/residents")
                    // our own county is shown, so that the other one's absence proves something
                    Assert.Contains("王秀英", html, StringComparison.Ordinal);
                if (page == "/")
                    Assert.Equal(Roles.Scopes(role).Contains("write"), html.Contains("class=\"acknowledge\"", StringComparison.Ordinal));
            }
        }

        Assert.True(walked >= 5 * 2 * 30, $"only {walked} requests: the walk proves nothing");
        Assert.Equal(AlarmState.Open, (await server.FindAsync(there.Id)).State);
    }

    /// <summary>The right that each page needs.</summary>
    private static readonly Dictionary<string, string> ScopeOfPage = new()
    {
        ["/"] = "read",
        ["/residents"] = "read",
        ["/residents/{Id}"] = "read",
        ["/residents/{Id}/edit"] = "write",
        ["/residents/new"] = "write",
        ["/people"] = "read",
        ["/people/visitors"] = "read",
        ["/people/visitors/{Id}"] = "read",
        ["/people/officers"] = "read",
        ["/people/officers/{Id}"] = "read",
        ["/alarms/{Id:guid}"] = "read",
        ["/devices"] = "read",
        ["/devices/{Id}"] = "read",
        ["/devices/labels"] = "read",
        ["/decode"] = "read",
        ["/visits"] = "read",
        ["/my-day"] = "read",
        ["/statistics"] = "read",
        ["/areas"] = "read",
        ["/protection"] = "read",
        ["/search"] = "read",
        ["/rules"] = "read",
        ["/users"] = "admin",
        ["/registry"] = "admin",
        ["/webhooks"] = "admin",
    };

    [Fact]
    public void No_page_is_left_out_of_the_walk() =>
        Assert.Equal(
            ScopeOfPage.Keys.Append("/visits/{Id:guid}/print").Order(StringComparer.Ordinal), // the form of a visit is opened in AreaTests
            typeof(Texts)
                .Assembly.GetTypes()
                .SelectMany(t => t.GetCustomAttributes(typeof(Microsoft.AspNetCore.Components.RouteAttribute), inherit: false))
                .Select(r => ((Microsoft.AspNetCore.Components.RouteAttribute)r).Template)
                .Order(StringComparer.Ordinal)
        );

    /// <summary>Addresses without a policy: they ask for a secret of their own, or show nothing about anybody.</summary>
    private static readonly string[] ForEverybody =
    [
        "/signin",
        "/signout",
        "/account/password",
        "/c/{token}",
        "/hooks/twilio/{what}",
        "/hooks/aliyun/{secret}/{what}",
        "/language/{to}",
        "/metrics",
        "/openapi/{documentName}.json",
        "/healthz/live",
        "/{**path:file}", // the pages' own files, when served from the build folder
    ];

    [Fact]
    public void Nothing_is_served_without_a_policy_but_what_stands_in_a_list()
    {
        var without = server
            .Services.GetRequiredService<EndpointDataSource>()
            .Endpoints.OfType<RouteEndpoint>()
            .Where(e =>
                e.Metadata.GetMetadata<Microsoft.AspNetCore.Authorization.IAuthorizeData>() is null
                && e.Metadata.GetMetadata<Microsoft.AspNetCore.StaticAssets.StaticAssetDescriptor>() is null
            )
            .Select(e => "/" + e.RoutePattern.RawText!.TrimStart('/'))
            .Where(p => !p.StartsWith("/_framework/", StringComparison.Ordinal))
            .Distinct()
            .Order(StringComparer.Ordinal)
            .ToList();
        Assert.Equal(ForEverybody.Where(without.Contains).Order(StringComparer.Ordinal), without);
    }

    [Fact]
    public void Pages_and_the_API_open_records_only_within_the_area_of_who_looks()
    {
        var folder = AppContext.BaseDirectory;
        while (!File.Exists(Path.Combine(folder, "Vigil.slnx")))
            folder = Path.GetDirectoryName(folder)!;
        var rooms = new[] { "Pages", "Api" }.Select(r => Path.Combine(folder, "src", "Web", r));
        var files = rooms.SelectMany(r => Directory.GetFiles(r, "*.*", SearchOption.AllDirectories)).ToList();
        Assert.True(files.Count > 60, $"only {files.Count} files found");
        // A page or an endpoint could also get RecordsDb itself injected, which has the records of every area.
        string[] bound = ["Caller.cs"]; // binds the API's records to an area
        string[] handed = ["BoardSnapshot.cs", "People.cs"]; // their static methods are given records that a page has opened
        Assert.All(
            files.Where(f => !bound.Contains(Path.GetFileName(f))),
            f =>
                Assert.DoesNotMatch(
                    "IDbContextFactory|RecordsFactory|" + (handed.Contains(Path.GetFileName(f)) ? "Inject|Service" : @"\bRecordsDb\b"),
                    File.ReadAllText(f)
                )
        );
    }

    [Fact]
    public async Task Too_many_tries_are_told_when_to_come_back()
    {
        using var client = await server.ClientAsync(null);
        HttpResponseMessage answer = null!;
        for (var i = 0; i < 25; i++)
            answer = await PostAsync(client, "/signin", ("name", $"nobody{i}"), ("password", "guess"));
        Assert.Equal(HttpStatusCode.TooManyRequests, answer.StatusCode);
        Assert.Equal("application/problem+json", answer.Content.Headers.ContentType?.MediaType);
        Assert.InRange(answer.Headers.RetryAfter!.Delta!.Value, TimeSpan.FromSeconds(1), TimeSpan.FromSeconds(60));
    }

    private async Task AddAsync(string name, string role, string area)
    {
        await using var scope = server.Services.CreateAsyncScope();
        Assert.Null(await scope.ServiceProvider.GetRequiredService<Accounts>().AddAsync(name, role, area, "", Password, "test", Token));
    }

    private async Task<HttpClient> SignedInAsync(string name, bool secondFactor = false)
    {
        var client = await server.ClientAsync(null);
        var code = "";
        if (secondFactor)
        {
            await using var scope = server.Services.CreateAsyncScope();
            var (accounts, users) = (
                scope.ServiceProvider.GetRequiredService<Accounts>(),
                scope.ServiceProvider.GetRequiredService<UserManager<User>>()
            );
            var user = (await accounts.FindAsync(name))!;
            var key = await accounts.SecondFactors.KeyAsync(user);
            Assert.NotNull(await accounts.SecondFactors.EnrolAsync(user, Totp(key, 0), Token));
            code = Totp(key, 1);
        }

        using var answer = await PostAsync(client, "/signin", ("name", name), ("password", Password), ("code", code));
        Assert.Equal(HttpStatusCode.Redirect, answer.StatusCode);
        client.DefaultRequestHeaders.Add("Cookie", ConsoleServer.CookieOf(answer));
        return client;
    }

    private List<(string Method, string Route)> Endpoints() =>
        [
            .. server
                .Services.GetRequiredService<EndpointDataSource>()
                .Endpoints.OfType<RouteEndpoint>()
                .Where(e => e.RoutePattern.RawText?.StartsWith("/api/v1/", StringComparison.Ordinal) == true)
                .SelectMany(e =>
                    e.Metadata.GetRequiredMetadata<IHttpMethodMetadata>().HttpMethods.Select(m => (m, e.RoutePattern.RawText!))
                ),
        ];

    private static HttpRequestMessage Request(string method, string route, string resident, Guid alarm)
    {
        var path = Regex.Replace(
            route,
            @"\{(\w+)(?::[^{}]*(?:\([^)]*\)[^{}]*)*)?\}",
            m =>
                m.Groups[1].Value switch
                {
                    "id" when route.Contains("residents", StringComparison.Ordinal) => resident,
                    "id" when m.Value.Contains("guid", StringComparison.Ordinal) => alarm.ToString(),
                    "id" => "stranger",
                    "code" => resident == "R-here" ? ConsoleServer.Here : ConsoleServer.There,
                    "change" => "ping",
                    "state" => "disable",
                    _ => "nobody",
                }
        );
        return new HttpRequestMessage(new HttpMethod(method), path)
        {
            Content =
                method == "GET"
                    ? null
                    : new StringContent(
                        $$"""
                        {"resident":"{{resident}}","alarms":["{{alarm}}"],"action":"note","note":"x","resolution":"true","form":"home",
                         "from":"2026-01-01T00:00:00Z","until":"2026-01-02T00:00:00Z","username":"a/b","yaml":"rules: 1",
                         "purpose":"visits","decision":"given","how":"x",
                         "reason":"{{(route.EndsWith("/erase", StringComparison.Ordinal) ? "" : "x")}}"}
                        """,
                        Encoding.UTF8,
                        "application/json"
                    ),
        };
    }

    private static async Task<HttpResponseMessage> PostAsync(HttpClient client, string path, params (string Key, string Value)[] form) =>
        await client.PostAsync(path, new FormUrlEncodedContent(form.Select(f => new KeyValuePair<string, string>(f.Key, f.Value))), Token);

    /// <summary>
    /// A code as in RFC 6238 with SHA-1, 30 s and 6 digits, as authenticator apps show it, some steps ahead of now; Identity accepts a few
    /// steps.
    /// </summary>
    private static string Totp(string key, int ahead)
    {
        const string Base32 = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
        var bits = string.Concat(key.Select(c => Convert.ToString(Base32.IndexOf(c), 2).PadLeft(5, '0')));
        var secret = Enumerable.Range(0, bits.Length / 8).Select(i => Convert.ToByte(bits.Substring(i * 8, 8), 2)).ToArray();
        var step = BitConverter.GetBytes(TimeProvider.System.GetUtcNow().ToUnixTimeSeconds() / 30 + ahead);
        Array.Reverse(step);
#pragma warning disable CA5350 // RFC 6238's default
        var hash = System.Security.Cryptography.HMACSHA1.HashData(secret, step);
#pragma warning restore CA5350
        var at = hash[^1] & 15;
        return (((hash[at] & 127) << 24 | hash[at + 1] << 16 | hash[at + 2] << 8 | hash[at + 3]) % 1_000_000).ToString(
            "000000",
            System.Globalization.CultureInfo.InvariantCulture
        );
    }
}
