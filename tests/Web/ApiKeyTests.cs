using System.Net;
using System.Net.Http.Json;
using System.Text.Json;
using Microsoft.EntityFrameworkCore;
using static Vigil.Tests.Web.Running;

namespace Vigil.Tests.Web;

/// <summary>API keys: how an administrator creates and ends them.</summary>
[Trait("Category", "Server")]
public sealed class ApiKeyTests : IAsyncLifetime
{
    private ConsoleServer server = null!;

    public async ValueTask InitializeAsync() => server = await ConsoleServer.StartAsync();

    public ValueTask DisposeAsync() => server.DisposeAsync();

    [Fact]
    public async Task Numbers_are_masked_until_asked_for_with_a_reason_that_is_written_down()
    {
        using var client = await server.ClientAsync("write", "4419");
        foreach (var path in new[] { "/residents/R-here", "/api/v1/residents/R-here" })
            Assert.DoesNotContain("13800138000", await client.GetStringAsync(path, Token), StringComparison.Ordinal);
        using var without = await client.PostAsJsonAsync("/api/v1/residents/R-here/reveal", new { reason = " " }, Token);
        Assert.Equal(HttpStatusCode.BadRequest, without.StatusCode);
        using var with = await client.PostAsJsonAsync("/api/v1/residents/R-here/reveal", new { reason = "no answer at the door" }, Token);
        Assert.Contains(
            "+8613800138000",
            (await with.Content.ReadFromJsonAsync<JsonElement>(Token)).GetProperty("contacts")[0].GetProperty("phone").GetString(),
            StringComparison.Ordinal
        );
        await using var db = await server.Records.CreateDbContextAsync(Token);
        var entry = await db.Audit.SingleAsync(a => a.Action == "reveal", Token);
        Assert.Equal(("api:test", "resident:R-here", "no answer at the door"), (entry.Who, entry.Subject, entry.Detail));
    }

    [Fact]
    public async Task A_key_is_made_within_the_own_area_alone_and_ends_at_once()
    {
        using var bound = await server.ClientAsync("admin", "4419");
        using var beyond = await bound.PostAsJsonAsync(
            "/api/v1/apikeys",
            new
            {
                name = "x",
                scope = "read",
                area = "440100",
            },
            Token
        );
        Assert.Equal(HttpStatusCode.BadRequest, beyond.StatusCode);
        using var made = await bound.PostAsJsonAsync(
            "/api/v1/apikeys",
            new
            {
                name = "x",
                scope = "read",
                area = "441900",
                days = 1,
            },
            Token
        );
        var key = (await made.Content.ReadFromJsonAsync<JsonElement>(Token)).GetProperty("key").GetString();
        using var client = await server.ClientAsync(null);
        client.DefaultRequestHeaders.Authorization = new("Bearer", key);
        Assert.Equal(HttpStatusCode.OK, (await client.GetAsync("/api/v1/alarms", Token)).StatusCode);
        var id = (await bound.GetFromJsonAsync<JsonElement>("/api/v1/apikeys", Token))
            .EnumerateArray()
            .Single(k => k.GetProperty("name").GetString() == "x")
            .GetProperty("id")
            .GetString();
        Assert.Equal(HttpStatusCode.NoContent, (await bound.DeleteAsync($"/api/v1/apikeys/{id}", Token)).StatusCode);
        Assert.Equal(HttpStatusCode.Unauthorized, (await client.GetAsync("/api/v1/alarms", Token)).StatusCode);
    }
}
