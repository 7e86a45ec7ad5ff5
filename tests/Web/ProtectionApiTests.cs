using System.Net;
using System.Net.Http.Json;
using System.Text.Json;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.DependencyInjection;
using Vigil.Notify;
using Vigil.Notify.Reach;
using Vigil.Registry.Protection;
using Vigil.Registry.Search;
using Vigil.Storage.Records;
using static Vigil.Tests.Web.Running;

namespace Vigil.Tests.Web;

/// <summary>Which homes are protected, search and reach tests over HTTP.</summary>
[Trait("Category", "Server")]
public sealed class ProtectionApiTests : IAsyncLifetime
{
    private ConsoleServer server = null!;

    public async ValueTask InitializeAsync() => server = await ConsoleServer.StartAsync();

    public ValueTask DisposeAsync() => server.DisposeAsync();

    [Fact]
    public async Task An_officer_counts_and_lists_the_homes_of_the_own_area()
    {
        using var all = await server.ClientAsync("read");
        using var bound = await server.ClientAsync("read", "4419");
        Assert.Equal(2, (await all.GetFromJsonAsync<JsonElement>("/api/v1/protection", Token)).GetProperty("homes").GetInt32());
        var own = await bound.GetFromJsonAsync<JsonElement>("/api/v1/protection", Token);
        Assert.Equal(1, own.GetProperty("homes").GetInt32());
        Assert.Equal(0, own.GetProperty("protected").GetInt32()); // no provider is set: messages reach nobody
        var reasons = own.GetProperty("reasons").EnumerateArray().ToDictionary(r => r.GetProperty("reason").GetString()!);
        Assert.Equal(1, reasons["no-route"].GetProperty("homes").GetInt32());
        Assert.True(reasons["no-route"].GetProperty("unprotected").GetBoolean());
        Assert.False(reasons["no-visitor"].GetProperty("unprotected").GetBoolean());

        using var answer = await bound.GetAsync("/api/v1/protection/homes?reason=no-route&limit=10", Token);
        Assert.Equal("1", Assert.Single(answer.Headers.GetValues("X-Total-Count")));
        var home = Assert.Single((await answer.Content.ReadFromJsonAsync<JsonElement>(Token)).EnumerateArray());
        Assert.Equal("R-here", home.GetProperty("id").GetString());
        Assert.Contains("no-visitor", home.GetProperty("reasons").EnumerateArray().Select(r => r.GetString()));

        var sheet = await bound.GetStringAsync("/api/v1/protection/homes?format=csv&lang=zh", Token);
        Assert.Contains("王秀英", sheet, StringComparison.Ordinal);
        Assert.Contains("通知渠道不通", sheet, StringComparison.Ordinal);
        Assert.DoesNotContain("李桂兰", sheet, StringComparison.Ordinal);
        using var wrong = await bound.GetAsync("/api/v1/protection/homes?reason=luck", Token);
        Assert.Equal(HttpStatusCode.BadRequest, wrong.StatusCode);
        await using var db = await server.Records.CreateDbContextAsync(Token);
        Assert.Contains(
            await db.Audit.Where(a => a.Subject == "protection").ToListAsync(Token),
            a => a is { Action: "export", Detail: "1 rows as csv" }
        );
    }

    [Fact]
    public async Task Who_was_shown_by_a_search_is_written_down_and_not_what_was_typed()
    {
        await server.Services.GetRequiredService<SearchIndex>().FollowAsync(Token);
        using var client = await server.ClientAsync("read", "4419");
        var found = await client.GetFromJsonAsync<JsonElement>("/api/v1/search?q=13800138000", Token);
        var group = Assert.Single(found.GetProperty("groups").EnumerateArray());
        Assert.Equal("phone", group.GetProperty("kind").GetString());
        var hit = Assert.Single(group.GetProperty("hits").EnumerateArray());
        Assert.Equal(("王建国", "/residents/R-here"), (hit.GetProperty("title").GetString(), hit.GetProperty("page").GetString()));
        Assert.DoesNotContain("13800138000", found.ToString(), StringComparison.Ordinal);
        await using var db = await server.Records.CreateDbContextAsync(Token);
        var row = await db.Audit.SingleAsync(a => a.Subject == "search", Token);
        Assert.Equal("resident:R-here", row.Detail); // who was shown, so that an erasure finds it
        using var wrong = await client.GetAsync("/api/v1/search?q=x&kind=luck", Token);
        Assert.Equal(HttpStatusCode.BadRequest, wrong.StatusCode);
        using var nobody = await server.ClientAsync(null);
        using var refused = await nobody.GetAsync("/api/v1/search?q=x", Token);
        Assert.Equal(HttpStatusCode.Unauthorized, refused.StatusCode);
    }

    [Fact]
    public async Task A_reach_test_is_asked_for_and_confirmed_behind_its_link_by_the_button_alone()
    {
        using var client = await server.ClientAsync("write", "4419");
        using var other = await client.PostAsync("/api/v1/residents/R-there/reach-tests", null, Token);
        Assert.Equal(HttpStatusCode.NotFound, other.StatusCode);
        using var asked = await client.PostAsync("/api/v1/residents/R-here/reach-tests", null, Token);
        Assert.Equal(1, (await asked.Content.ReadFromJsonAsync<JsonElement>(Token)).GetProperty("numbers").GetInt32());
        Assert.Equal("asked", await StateAsync(client));
        Guid id;
        await using (var db = await server.Records.CreateDbContextAsync(Token))
        {
            var test = await db.ReachTests.SingleAsync(Token);
            (id, test.State, test.AskedAt) = (test.Id, ReachState.Asked, TimeProvider.System.GetUtcNow().UtcDateTime);
            await db.SaveChangesAsync(Token);
        }

        var link = server.Services.GetRequiredService<SignedLinks>().For(id, TimeSpan.FromHours(1));
        link = link[link.IndexOf("/c/", StringComparison.Ordinal)..];
        using var person = await server.ClientAsync(null);
        var page = WebUtility.HtmlDecode(await person.GetStringAsync(link, Token));
        Assert.Contains("这不是警情", page, StringComparison.Ordinal);
        Assert.Equal("asked", await StateAsync(client)); // message apps open links by themselves
        using var said = await person.PostAsync(link, new FormUrlEncodedContent([new("answer", "take")]), Token);
        Assert.Contains("号码已核验", WebUtility.HtmlDecode(await said.Content.ReadAsStringAsync(Token)), StringComparison.Ordinal);
        Assert.Equal("verified", await StateAsync(client));
        using var forged = await person.GetAsync(link[..^2] + "xx", Token);
        Assert.Equal(HttpStatusCode.NotFound, forged.StatusCode);

        // The home is no longer one without a verified number.
        var protection = server.Services.GetRequiredService<ProtectedNow>();
        await protection.LookAsync(Token);
        Assert.DoesNotContain(ProtectionGap.NumberUnverified, protection.Find("R-here")!.Missing);
        Assert.Equal("verified", await StateAsync(client));
    }

    private static async Task<string?> StateAsync(HttpClient client) =>
        Assert
            .Single((await client.GetFromJsonAsync<JsonElement>("/api/v1/residents/R-here/reach-tests", Token)).EnumerateArray())
            .GetProperty("state")
            .GetString();
}
