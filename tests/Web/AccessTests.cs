using System.Net;
using System.Text;
using Microsoft.AspNetCore.Routing;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.DependencyInjection;
using Vigil.Model;
using Vigil.Storage.Records;
using Vigil.Web;
using static Vigil.Tests.Web.Running;

namespace Vigil.Tests.Web;

/// <summary>Calls every endpoint of the API without a key, with each scope, and with a key of another county.</summary>
[Trait("Category", "Server")]
public sealed class AccessTests : IAsyncLifetime
{
    private ConsoleServer server = null!;

    public async ValueTask InitializeAsync() => server = await ConsoleServer.StartAsync();

    public ValueTask DisposeAsync() => server.DisposeAsync();

    [Fact]
    public async Task Nobody_gets_anywhere_without_a_key()
    {
        using var client = await server.ClientAsync(null);
        foreach (var (method, path) in Endpoints("R-here", Guid.NewGuid()))
        {
            using var answer = await client.SendAsync(Request(method, path), Token);
            Assert.True(answer.StatusCode == HttpStatusCode.Unauthorized, $"{method} {path} answered {answer.StatusCode}");
        }

        using var page = await client.GetAsync("/", Token);
        Assert.Equal(HttpStatusCode.Unauthorized, page.StatusCode);
    }

    [Fact]
    public async Task A_key_for_reading_changes_nothing_and_a_key_for_writing_makes_no_credentials()
    {
        using var reader = await server.ClientAsync("read");
        using var writer = await server.ClientAsync("write");
        foreach (var (method, route, path) in Routes("R-here", Guid.NewGuid()))
        {
            var needed = AccountTests.Needed(method.Method, route);
            var administration = needed is "admin" or "supervise";
            using var read = await reader.SendAsync(Request(method, path), Token);
            Assert.True(
                read.StatusCode == HttpStatusCode.Forbidden == (needed != "read"),
                $"read: {method} {path} answered {read.StatusCode}"
            );
            using var write = await writer.SendAsync(Request(method, path), Token);
            Assert.True(
                write.StatusCode == HttpStatusCode.Forbidden == administration,
                $"write: {method} {path} answered {write.StatusCode}"
            );
        }
    }

    [Fact]
    public async Task A_county_sees_and_changes_nothing_of_another_county()
    {
        var alarm = await server.RaiseAsync("R-there", AlarmKind.Sos);
        await server.LinkAsync(alarm.Id);
        using var all = await server.ClientAsync("admin");
        using var bound = await server.ClientAsync("admin", "4419");
        var seen = 0;
        foreach (var (method, path) in Endpoints("R-there", alarm.Id).Where(e => !e.Path.Contains("unbound", StringComparison.Ordinal)))
        {
            using var answer = await bound.SendAsync(Request(method, path, "R-there"), Token);
            var text = await answer.Content.ReadAsStringAsync(Token);
            var named = text.Contains("李桂兰", StringComparison.Ordinal) || text.Contains("meter-R-there", StringComparison.Ordinal);
            Assert.False(named, $"{method} {path} shows the other county: {text}");
            if (method == HttpMethod.Post)
                Assert.True(
                    answer.StatusCode is HttpStatusCode.NotFound or HttpStatusCode.Forbidden or HttpStatusCode.BadRequest,
                    $"{method} {path} answered {answer.StatusCode}"
                );
            if (method != HttpMethod.Get)
                continue;
            using var everything = await all.GetAsync(path, Token);
            var whole = await everything.Content.ReadAsStringAsync(Token);
            if (whole.Contains("R-there", StringComparison.Ordinal) || whole.Contains("李桂兰", StringComparison.Ordinal))
                seen++;
        }

        Assert.True(seen >= 6, $"only {seen} endpoints show the home to those who may see it: the walk proves nothing");
        Assert.Equal(AlarmState.Open, (await server.FindAsync(alarm.Id)).State);
    }

    [Fact]
    public async Task Every_read_of_a_residents_data_is_written_down()
    {
        var alarm = await server.RaiseAsync("R-here", AlarmKind.Sos);
        using var client = await server.ClientAsync("read");
        foreach (
            var path in new[]
            {
                "residents",
                "residents/R-here",
                "residents/R-here/readings",
                "residents/R-here/daily",
                "alarms",
                $"alarms/{alarm.Id}",
                "notices",
                "visits",
                "absences",
            }
        )
        {
            var before = await CountAsync();
            using var answer = await client.GetAsync("/api/v1/" + path, Token);
            answer.EnsureSuccessStatusCode();
            Assert.True(await CountAsync() > before, $"{path} leaves no trace");
        }

        await server.Records.ChainAsync(everything: true, Token);
        Assert.Empty((await server.Records.CheckAuditAsync([], Token)).Problems);

        async Task<int> CountAsync()
        {
            await using var db = await server.Records.CreateDbContextAsync(Token);
            return await db.Audit.CountAsync(a => a.Action == "read" && a.Who == "api:test", Token);
        }
    }

    [Theory]
    [InlineData("Sec-Fetch-Site", "cross-site")]
    [InlineData("Origin", "http://elsewhere.example")]
    public async Task A_page_of_another_site_can_not_act_here(string header, string value)
    {
        var alarm = await server.RaiseAsync("R-here", AlarmKind.Sos);
        using var client = await server.ClientAsync("write");
        client.DefaultRequestHeaders.Add(header, value);
        using var answer = await client.PostAsync($"/api/v1/alarms/{alarm.Id}/acknowledge", null, Token);
        Assert.Equal(HttpStatusCode.Forbidden, answer.StatusCode);
        Assert.Equal(AlarmState.Open, (await server.FindAsync(alarm.Id)).State);
    }

    private IEnumerable<(HttpMethod Method, string Path)> Endpoints(string resident, Guid alarm) =>
        Routes(resident, alarm).Select(r => (r.Method, r.Path));

    private List<(HttpMethod Method, string Route, string Path)> Routes(string resident, Guid alarm)
    {
        var found = server
            .Services.GetRequiredService<EndpointDataSource>()
            .Endpoints.OfType<RouteEndpoint>()
            .Where(e => e.RoutePattern.RawText?.StartsWith("/api/v1/", StringComparison.Ordinal) == true)
            .SelectMany(e =>
                e.Metadata.GetRequiredMetadata<IHttpMethodMetadata>()
                    .HttpMethods.Select(m =>
                        (
                            new HttpMethod(m),
                            e.RoutePattern.RawText!,
                            e.RoutePattern.RawText!.Replace("unbound/{id}", "unbound/stranger", StringComparison.Ordinal)
                                .Replace("{id:guid}", alarm.ToString(), StringComparison.Ordinal)
                                .Replace("{change:regex(^(enable|disable|ping)$)}", "ping", StringComparison.Ordinal)
                                .Replace("{state:regex(^(enable|disable)$)}", "disable", StringComparison.Ordinal)
                                .Replace("{name}", "nobody", StringComparison.Ordinal)
                                .Replace("{id}", resident, StringComparison.Ordinal)
                        )
                    )
            )
            .ToList();
        Assert.True(found.Count >= 22, $"only {found.Count} endpoints found");
        return found;
    }

    private static HttpRequestMessage Request(HttpMethod method, string path, string resident = "R-here") =>
        new(method, path)
        {
            Content =
                method == HttpMethod.Get
                    ? null
                    : new StringContent(
                        $$"""
                        {"resident":"{{resident}}","note":"x","resolution":"true","form":"home",
                         "from":"2026-01-01T00:00:00Z","until":"2026-01-02T00:00:00Z","username":"a/b"}
                        """,
                        Encoding.UTF8,
                        "application/json"
                    ),
        };
}
