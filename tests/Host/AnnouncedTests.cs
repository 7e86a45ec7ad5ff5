using Microsoft.EntityFrameworkCore;
using Vigil.Host;
using Vigil.Ingest.Mqtt;
using Vigil.Storage.Readings.DuckDb;
using Vigil.Storage.Records;
using Vigil.Tests.Storage.Records;

namespace Vigil.Tests.Host;

/// <summary>
/// Devices that announce themselves (Home Assistant's discovery), and gateways that may use some topics only. On a real SQLite.
/// </summary>
public sealed class AnnouncedTests : IAsyncLifetime
{
    private const string Config = "homeassistant/binary_sensor/smoke7/smoke/config";

    private const string Smoke = """
        {"device_class":"smoke","state_topic":"ha/smoke7/state","payload_on":"ON","payload_off":"OFF",
         "device":{"identifiers":["smoke7"]}}
        """;

    private static readonly Sender Anywhere = new("gw2", Gateway: true, []),
        Zigbee = new("gw1", Gateway: true, ["zigbee2mqtt/#"]);

    private readonly string folder = Directory.CreateTempSubdirectory("vigil-announced-").FullName;
    private PipelineParts parts = null!;

    public async ValueTask InitializeAsync()
    {
        parts = await PipelineParts.CreateAsync(
            folder,
            await FreshRecords.SqliteAsync(folder),
            new DuckDbReadingStore(Path.Combine(folder, "readings.duckdb"), new())
        );
        await parts.Pipeline.StartAsync(TestContext.Current.CancellationToken);
    }

    public ValueTask DisposeAsync() => parts.DisposeAsync();

    [Fact]
    public async Task A_smoke_detector_that_announced_itself_is_heard_after_a_restart()
    {
        Assert.Equal(Receipt.Committed, await parts.SayAsync(Anywhere, Config, Smoke));
        await BindAsync();
        await parts.RestartAsync();
        Assert.Equal(Receipt.Committed, await parts.SayAsync(Anywhere, "ha/smoke7/state", "ON"));
        Assert.Equal("smoke", Assert.Single(await parts.AlarmsAsync()).Kind);
    }

    [Fact]
    public async Task What_was_taken_away_stays_away_after_a_restart()
    {
        Assert.Equal(Receipt.Committed, await parts.SayAsync(Anywhere, Config, Smoke));
        Assert.Equal(Receipt.Committed, await parts.SayAsync(Anywhere, Config, ""));
        await parts.RestartAsync();
        Assert.Equal(Receipt.Committed, await parts.SayAsync(Anywhere, "ha/smoke7/state", "ON"));
        Assert.Equal("no device profile matches this topic", (await RejectedAsync())[^1].Reason.En);
    }

    [Fact]
    public async Task A_gateway_neither_announces_nor_changes_nor_takes_away_what_it_may_not_speak_on()
    {
        await parts.SayAsync(Anywhere, Config, Smoke);
        await BindAsync();
        foreach (
            var attack in new[]
            {
                Smoke.Replace("\"ON\"", "\"NEVER\"", StringComparison.Ordinal),
                "",
                """{"device_class":"smoke","state_topic":"zigbee2mqtt/x","device":{"identifiers":["smoke7"]}}""",
            }
        )
            await parts.SayAsync(Zigbee, Config, attack);
        Assert.All(await RejectedAsync(), r => Assert.Equal("announces ha/smoke7/state, on which its sender may not speak", r.Reason.En));
        Assert.Equal(3, (await RejectedAsync()).Count);
        Assert.Equal(Receipt.NotAllowed, await parts.SayAsync(Zigbee, "ha/smoke7/state", "OFF"));
        Assert.Equal(Receipt.Committed, await parts.SayAsync(Anywhere, "ha/smoke7/state", "ON"));
        Assert.Equal("smoke", Assert.Single(await parts.AlarmsAsync()).Kind);
    }

    [Fact]
    public async Task A_gateway_cannot_take_the_name_of_a_device_that_speaks_elsewhere_by_announcing_it()
    {
        await parts.SayAsync(
            Zigbee,
            "homeassistant/event/x/action/config",
            """{"device_class":"button","state_topic":"zigbee3/x","device":{"identifiers":["sos-1"]}}"""
        );
        await parts.SayAsync(
            new Sender("gw3", Gateway: true, ["evil/#"]),
            "homeassistant/event/x/action/config",
            """{"device_class":"button","state_topic":"evil/x","device":{"identifiers":["sos-1"]}}"""
        );
        Assert.Equal(Receipt.Committed, await parts.SayAsync(new Sender("gw3", Gateway: true, ["evil/#"]), "evil/x", "sos"));
        Assert.Equal("announced as sos-1, which is registered as senml and does not speak here", (await RejectedAsync())[^1].Reason.En);
        Assert.Empty(await parts.AlarmsAsync());
        Assert.Equal(Receipt.Committed, await parts.SayAsync("sos-1", """[{"n":"button","vs":"sos"}]"""));
        Assert.Single(await parts.AlarmsAsync());
    }

    private async Task BindAsync()
    {
        await using var db = parts.Records.CreateDbContext();
        db.Unbound.Remove(await db.Unbound.SingleAsync(u => u.Id == "smoke7"));
        db.Devices.Add(
            new Device
            {
                Id = "smoke7",
                Profile = "home-assistant",
                ResidentId = "R1",
                InstalledAt = DateTime.UnixEpoch,
            }
        );
        await db.SaveChangesAsync();
        await parts.Registry.ReloadAsync(CancellationToken.None);
    }

    private async Task<List<RejectedPayload>> RejectedAsync()
    {
        await using var db = parts.Records.CreateDbContext();
        return await db.Rejected.AsNoTracking().OrderBy(r => r.Id).ToListAsync();
    }
}
