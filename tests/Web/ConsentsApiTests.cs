using System.IO.Compression;
using System.Net;
using System.Net.Http.Json;
using System.Text.Json;
using Microsoft.EntityFrameworkCore;
using Vigil.Model;
using Vigil.Storage.Readings;
using Vigil.Storage.Records;
using static Vigil.Tests.Web.Running;

namespace Vigil.Tests.Web;

/// <summary>Consent over the API, and what a contact and a program see of a home that has withdrawn it.</summary>
public sealed class ConsentsApiTests : IAsyncLifetime
{
    private const string Address = "/api/v1/residents/R-here/consents";
    private ConsoleServer server = null!;

    public async ValueTask InitializeAsync() => server = await ConsoleServer.StartAsync();

    public ValueTask DisposeAsync() => server.DisposeAsync();

    [Fact]
    public async Task A_decision_is_written_down_and_stands_in_the_history_and_in_the_persons_archive()
    {
        using var client = await server.ClientAsync("admin");
        var before = await client.GetFromJsonAsync<JsonElement>(Address, Token);
        Assert.Equal(
            ["visits True", "monitoring True", "daily-life True", "location True", "health True"],
            before
                .GetProperty("purposes")
                .EnumerateArray()
                .Select(p => $"{p.GetProperty("purpose").GetString()} {p.GetProperty("agreed").GetBoolean()}")
        );
        using var made = await client.PostAsJsonAsync(
            Address,
            new
            {
                purpose = "location",
                decision = "withdrawn",
                by = "guardian",
                name = "王建国",
                relation = "儿子",
                on = "2026-01-15",
                how = "form 12",
            },
            Token
        );
        Assert.Equal(HttpStatusCode.Created, made.StatusCode);
        var after = await client.GetFromJsonAsync<JsonElement>(Address, Token);
        var location = after.GetProperty("purposes").EnumerateArray().Single(p => p.GetProperty("purpose").GetString() == "location");
        Assert.False(location.GetProperty("agreed").GetBoolean());
        Assert.Equal("王建国", location.GetProperty("last").GetProperty("name").GetString());
        Assert.Equal(1, after.GetProperty("history").GetArrayLength());
        using var archive = new ZipArchive(new MemoryStream(await client.GetByteArrayAsync("/api/v1/residents/R-here/export", Token)));
        using var records = await JsonDocument.ParseAsync(archive.GetEntry("records.json")!.Open(), default, Token);
        Assert.Equal("form 12", records.RootElement.GetProperty("consents")[0].GetProperty("how").GetString());
    }

    [Theory]
    [InlineData("""{"purpose":"everything","decision":"given","how":"x"}""", "'purpose' is one of")]
    [InlineData("""{"purpose":"health","decision":"given","how":""}""", "on which paper")]
    [InlineData("""{"purpose":"health","decision":"given","by":"guardian","how":"x"}""", "name of the guardian")]
    [InlineData("""{"purpose":"health","decision":"given","by":"unstated","how":"x"}""", "who decided")]
    [InlineData("""{"purpose":"health","decision":"given","on":"2999-01-01","how":"x"}""", "2999-01-01")]
    public async Task What_is_missing_is_said_and_nothing_is_written(string body, string said)
    {
        using var client = await server.ClientAsync("write");
        using var content = new StringContent(body, System.Text.Encoding.UTF8, "application/json");
        using var answer = await client.PostAsync(Address, content, Token);
        Assert.Equal(HttpStatusCode.BadRequest, answer.StatusCode);
        Assert.Contains(said, await answer.Content.ReadAsStringAsync(Token), StringComparison.Ordinal);
        await using var db = await server.Records.CreateDbContextAsync(Token);
        Assert.False(await db.Consents.AnyAsync(Token));
    }

    [Fact]
    public async Task Another_areas_resident_does_not_exist_and_who_may_only_read_writes_nothing()
    {
        var body = new
        {
            purpose = "health",
            decision = "refused",
            how = "x",
        };
        using var there = await server.ClientAsync("write", ConsoleServer.There);
        using var missing = await there.PostAsJsonAsync(Address, body, Token);
        Assert.Equal(HttpStatusCode.NotFound, missing.StatusCode);
        using var reader = await server.ClientAsync("read");
        using var refused = await reader.PostAsJsonAsync(Address, body, Token);
        Assert.Equal(HttpStatusCode.Forbidden, refused.StatusCode);
    }

    [Fact]
    public async Task A_contact_sees_no_daily_life_and_no_reason_that_tells_of_it_once_it_is_withdrawn()
    {
        var alarm = await server.RaiseAsync("R-here", AlarmKind.NoWater, "no water since 09:00", "自09:00起没有用水");
        var link = await server.LinkAsync(alarm.Id);
        using var client = await server.ClientAsync(null);
        // Razor writes what is not Latin as numbers.
        async Task<string> PageAsync() => WebUtility.HtmlDecode(await client.GetStringAsync(link, Token));
        Assert.Contains("自09:00起没有用水", await PageAsync(), StringComparison.Ordinal);
        await DecideAsync(Purpose.DailyLife);
        var page = await PageAsync();
        Assert.DoesNotContain("09:00", page, StringComparison.Ordinal);
        Assert.Contains("name=\"answer\"", page, StringComparison.Ordinal);
    }

    [Fact]
    public async Task What_was_stored_before_is_not_given_out_but_for_the_position_of_a_press()
    {
        var store = (IReadingStore)server.Services.GetService(typeof(IReadingStore))!;
        var now = TimeProvider.System.GetUtcNow().UtcDateTime;
        Reading At(Metric metric, int minutesAgo) =>
            new()
            {
                Device = new DeviceId("meter-R-here"),
                Metric = metric,
                Time = now.AddMinutes(-minutesAgo),
                Received = now,
                Value = 1,
                Event = metric.Kind == MetricKind.Event ? "pressed" : null,
            };
        await store.AppendAsync(
            [At(Metric.Location, 30), At(Metric.Location, 20), At(Metric.Button, 20), At(Metric.HeartRate, 10), At(Metric.DoorOpen, 5)],
            Token
        );
        await DecideAsync(Purpose.Location);
        await DecideAsync(Purpose.Health);
        using var client = await server.ClientAsync("read");
        async Task<string> SeenAsync(string query) =>
            string.Join(
                ' ',
                (await client.GetFromJsonAsync<JsonElement>($"/api/v1/residents/R-here/readings{query}", Token))
                    .EnumerateArray()
                    .Select(r => r.GetProperty("metric").GetString())
            );
        Assert.Equal("location button door.open", await SeenAsync(""));
        Assert.Equal("location", await SeenAsync("?metric=location"));
        Assert.Equal("", await SeenAsync("?metric=heart.rate"));
        Assert.Equal("location", await SeenAsync("?limit=1"));
    }

    private async Task DecideAsync(Purpose purpose)
    {
        using var client = await server.ClientAsync("write");
        using var answer = await client.PostAsJsonAsync(
            Address,
            new
            {
                purpose = purpose.Word(),
                decision = "withdrawn",
                how = "said",
            },
            Token
        );
        answer.EnsureSuccessStatusCode();
    }
}
