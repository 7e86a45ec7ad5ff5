using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.Time.Testing;
using Vigil.Host.Intake;
using Vigil.Ingest.Mqtt;
using Vigil.Storage.Readings.DuckDb;
using Vigil.Storage.Records;
using Vigil.Tests.Storage.Records;

namespace Vigil.Tests.Host;

/// <summary>When devices were last heard, and unknown devices that wait to be bound. On a real SQLite.</summary>
public sealed class SightingsTests : IAsyncLifetime
{
    private const string Said = """[{"n":"air.temperature","u":"Cel","v":21}]""";

    private readonly string folder = Directory.CreateTempSubdirectory("vigil-sightings-").FullName;
    private readonly FakeTimeProvider clock = new(new DateTimeOffset(2026, 1, 1, 0, 0, 0, TimeSpan.Zero));
    private PipelineParts parts = null!;

    public async ValueTask InitializeAsync()
    {
        parts = await PipelineParts.CreateAsync(
            folder,
            await FreshRecords.SqliteAsync(folder),
            new DuckDbReadingStore(Path.Combine(folder, "readings.duckdb"), new()),
            clock
        );
        await parts.Pipeline.StartAsync(TestContext.Current.CancellationToken);
    }

    public ValueTask DisposeAsync() => parts.DisposeAsync();

    [Fact]
    public async Task A_stranger_is_in_the_records_before_its_first_message_is_acknowledged_and_each_message_is_counted_once()
    {
        Assert.Equal(Receipt.Committed, await parts.SayAsync("stranger", Said));
        Assert.Equal((1, Said), await RowAsync("stranger"));
        for (var i = 0; i < 4; i++)
            Assert.Equal(Receipt.Committed, await parts.SayAsync("stranger", Said));
        Assert.Equal((1, Said), await RowAsync("stranger")); // repeats are counted in memory and written with the next flush
        Assert.True(await parts.Sightings.FlushAsync(CancellationToken.None));
        Assert.Equal((5, Said), await RowAsync("stranger"));
        Assert.True(await parts.Sightings.FlushAsync(CancellationToken.None));
        Assert.Equal(Receipt.Committed, await parts.SayAsync("stranger", Said));
        Assert.Equal((6, Said), await RowAsync("stranger"));
    }

    [Fact]
    public async Task A_gateway_that_invents_names_fills_the_records_to_a_limit_and_whoever_spoke_last_is_kept()
    {
        var begun = new DateTime(2026, 1, 1, 0, 0, 0, DateTimeKind.Utc);
        for (var i = 0; i < Strangers.Most + 500; i++)
            Assert.True(
                parts.Sightings.Saw(
                    new InboundMessage($"vigil/x{i}/up", "[]"u8.ToArray(), begun.AddSeconds(i), Retained: false, Sender.ExternalBroker),
                    $"x{i}",
                    "senml",
                    isKnown: false
                )
            );
        Assert.True(await parts.Sightings.FlushAsync(CancellationToken.None));
        await using var db = parts.Records.CreateDbContext();
        Assert.Equal(Strangers.Most, await db.Unbound.CountAsync());
        Assert.Equal("x500", (await db.Unbound.OrderBy(u => u.LastSeenAt).FirstAsync()).Id);
    }

    [Fact]
    public async Task A_press_and_a_stranger_go_between_two_transactions_of_a_county_that_was_heard()
    {
        var at = new DateTime(2026, 1, 1, 0, 0, 0, DateTimeKind.Utc);
        await using var db = parts.Records.CreateDbContext();
        for (var i = 0; i < 5000; i++)
        {
            db.Devices.Add(new Device { Id = $"d{i}", Profile = "senml" });
            parts.Sightings.Saw(
                new InboundMessage("", default, at, Retained: false, Sender.ExternalBroker),
                $"d{i}",
                "senml",
                isKnown: true
            );
        }

        await db.SaveChangesAsync();
        var flush = parts.Sightings.FlushAsync(CancellationToken.None);
        Assert.False(flush.IsCompleted); // the flush pauses between its batches
        Assert.InRange(await db.Devices.CountAsync(d => d.LastSeenAt == at), 1000, 4000);
        Assert.Equal(Receipt.Committed, await parts.SayAsync("sos-1", """[{"n":"button","vs":"sos"}]"""));
        Assert.Single(await parts.AlarmsAsync());
        Assert.Equal(Receipt.Committed, await parts.SayAsync("stranger", Said));
        Assert.False(flush.IsCompleted);
        while (!flush.IsCompleted)
        {
            clock.Advance(Sightings.Pause);
            await Task.Yield();
        }

        Assert.True(await flush);
        Assert.Equal(5000, await db.Devices.CountAsync(d => d.LastSeenAt == at && d.FirstSeenAt == at));
    }

    private async Task<(long Messages, string Payload)> RowAsync(string device)
    {
        await using var db = parts.Records.CreateDbContext();
        var row = await db.Unbound.AsNoTracking().SingleAsync(u => u.Id == device);
        return (row.Messages, System.Text.Encoding.UTF8.GetString(row.LastPayload));
    }
}
