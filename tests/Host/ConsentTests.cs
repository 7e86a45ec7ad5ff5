using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.DependencyInjection;
using Vigil.Host;
using Vigil.Ingest.Mqtt;
using Vigil.Model;
using Vigil.Notify;
using Vigil.Storage.Readings;
using Vigil.Storage.Records;
using Vigil.Tests.Servers;
using Vigil.Web.Operations;

namespace Vigil.Tests.Host;

public sealed class SqliteConsentTests : ConsentTests
{
    protected override Task<Dictionary<string, string?>> SettingsAsync() => Task.FromResult(new Dictionary<string, string?>());
}

[Trait("Category", "Server")]
public sealed class PostgresConsentTests(PostgresServer server) : ConsentTests, IClassFixture<PostgresServer>
{
    protected override async Task<Dictionary<string, string?>> SettingsAsync() =>
        new() { ["Records:Store"] = "Postgres", ["Records:ConnectionString"] = await server.CreateDatabaseAsync() };
}

/// <summary>A decision about consent is in force in the running service within two seconds, whoever wrote it down.</summary>
public abstract class ConsentTests
{
    private static readonly TimeSpan Soon = TimeSpan.FromSeconds(10); // 2 s on a machine that does nothing else

    protected abstract Task<Dictionary<string, string?>> SettingsAsync();

    private static CancellationToken Stop => TestContext.Current.CancellationToken;

    [Fact]
    public async Task After_a_withdrawal_no_reading_is_stored_and_a_press_is_an_alarm_with_its_place()
    {
        await using var service = await ServiceUnderTest.StartAsync(await SettingsAsync());
        Assert.Equal(Receipt.Committed, await service.SayAsync("sos-1", """[{"n":"heart.rate","v":70},{"n":"water.volume","v":1.5}]"""));
        Assert.Equal(2, (await StoredAsync(service)).Count);
        await DecideAsync(service, Purpose.Health, ConsentDecision.Withdrawn);
        await InForceAsync(service, Refusals.Health);
        await service.SayAsync("sos-1", """[{"n":"heart.rate","v":71},{"n":"water.volume","v":1.6}]""");
        await DecideAsync(service, Purpose.Monitoring, ConsentDecision.Withdrawn);
        await InForceAsync(service, Refusals.Health | Refusals.Monitoring);
        Assert.Equal(
            Receipt.Committed, // or the device would send it for ever
            await service.SayAsync("sos-1", """[{"n":"water.volume","v":1.7},{"n":"battery.level","v":70},{"n":"motion","v":1}]""")
        );
        Assert.Equal(
            ["heart.rate 70", "water.volume 1.5", "water.volume 1.6"],
            (await StoredAsync(service))
                .Select(r => FormattableString.Invariant($"{r.Metric.Name} {r.Value}"))
                .Order(StringComparer.Ordinal)
        );
        await service.PressAsync();
        await service.UntilDbAsync(db => db.Alarms.AnyAsync(a => a.Kind == "sos" && a.ResidentId == "R1"));
        Assert.Contains(await StoredAsync(service), r => ReferenceEquals(r.Metric, Metric.Button));
        // Agreed to again: it goes on from then.
        await DecideAsync(service, Purpose.Monitoring, ConsentDecision.Given);
        await InForceAsync(service, Refusals.Health);
        await service.SayAsync("sos-1", """[{"n":"water.volume","v":1.8}]""");
        Assert.Contains(await StoredAsync(service), r => r.Value == 1.8);
    }

    [Fact]
    public async Task A_silence_alarm_that_somebody_has_taken_is_over_with_the_reason_and_nobody_is_told_again()
    {
        await using var service = await ServiceUnderTest.StartAsync(await SettingsAsync());
        var rules = service.Services.GetRequiredService<RulePartitions>();
        var desk = service.Services.GetRequiredService<AlarmDesk>();
        var now = TimeProvider.System.GetUtcNow().UtcDateTime;
        var home = new ResidentId("R1");
        // Four days of a life, and a day and a half without a drop.
        var found = new List<Finding>();
        for (var h = -132; h <= 0; h++)
            rules.Apply(home, Water(now.AddHours(h), 100 + Math.Min(h + 132, 96) * 0.01), found);
        Assert.Contains(found, f => f.Change == FindingChange.Opened);
        await desk.CommitAsync([.. found], Stop);
        var alarm = await OpenAsync(service);
        await desk.AcknowledgeAsync(alarm.Id, "duty:d1", "", Stop);

        await DecideAsync(service, Purpose.Monitoring, ConsentDecision.Withdrawn);
        await InForceAsync(service, Refusals.Monitoring);
        var ended = new List<Finding>();
        rules.Advance(TimeProvider.System, ended);
        await desk.CommitAsync([.. ended], Stop);
        await service.UntilDbAsync(db => db.Alarms.AllAsync(a => a.State == AlarmState.Resolved));
        await using var db = await service.Records.CreateDbContextAsync(Stop);
        Assert.Contains(
            await db.Timeline.Where(t => t.AlarmId == alarm.Id).ToListAsync(Stop),
            t =>
                t.Text == "ended: no consent to remote monitoring any more"
                && t.TextZh.Contains("不同意继续远程监测", StringComparison.Ordinal)
        );
        Assert.False(await db.Steps.AnyAsync(s => s.State == StepState.Waiting && s.To != "told", Stop));
        Assert.Null((await db.Alarms.SingleAsync(a => a.Id == alarm.Id, Stop)).SeenWellBy);
    }

    [Fact]
    public void A_position_comes_with_a_press_alone_and_a_battery_does_not_tell_when_somebody_moved()
    {
        static string Taken(Refusals refused, params Metric[] message)
        {
            var withholding = new Vigil.Host.Intake.WithheldReadings(refused, "d", [.. message.Select(Of)]);
            return string.Join(' ', message.Where(m => !withholding.Holds(m)).Select(m => m.Name));
        }

        Assert.Equal("battery.level", Taken(Refusals.Location, Metric.Location, Metric.LocationHdop, Metric.BatteryLevel));
        Assert.Equal("location button", Taken(Refusals.Location, Metric.Location, Metric.Button));
        Assert.Equal("location button battery.level", Taken(Refusals.Monitoring, Metric.Location, Metric.Button, Metric.BatteryLevel));
        Assert.Equal("button", Taken(Refusals.Monitoring | Refusals.Health, Metric.HeartRate, Metric.Button, Metric.Fall));
        Assert.Equal("", Taken(Refusals.Monitoring, Metric.Motion, Metric.BatteryLevel, Metric.SignalRssi));
        Assert.Equal("smoke battery.level", Taken(Refusals.Monitoring, Metric.Smoke, Metric.BatteryLevel));
        Assert.Equal("motion steps", Taken(Refusals.Location, Metric.Motion, Metric.Steps));
    }

    private static Reading Of(Metric metric) =>
        new()
        {
            Device = new DeviceId("d"),
            Metric = metric,
            Time = DateTime.UnixEpoch,
            Received = DateTime.UnixEpoch,
        };

    [Fact]
    public async Task History_is_kept_and_a_decision_that_was_written_down_stays_as_it_is()
    {
        await using var service = await ServiceUnderTest.StartAsync(await SettingsAsync());
        await DecideAsync(service, Purpose.Location, ConsentDecision.Given);
        await DecideAsync(service, Purpose.Location, ConsentDecision.Withdrawn);
        await DecideAsync(service, Purpose.Visits, ConsentDecision.Refused);
        await using var db = await service.Records.CreateDbContextAsync(Stop);
        var history = await ConsentOperations.HistoryAsync(db, "R1", Stop);
        Assert.Equal(
            ["visits refused", "location withdrawn", "location given"],
            history.Select(c => $"{c.Purpose.Word()} {c.Decision.Word()}")
        );
        var resident = await db.Residents.SingleAsync(r => r.Id == "R1", Stop);
        Assert.Equal([false, true, false, false, true], Enum.GetValues<Purpose>().Select(resident.Agrees));
        Assert.Equal(3, await db.Audit.CountAsync(a => a.Action == "consent" && a.Subject == "resident:R1", Stop));
    }

    private static async Task<Alarm> OpenAsync(ServiceUnderTest service)
    {
        await using var db = await service.Records.CreateDbContextAsync(Stop);
        return await db.Alarms.AsNoTracking().FirstAsync(a => a.ResidentId == "R1" && a.State == AlarmState.Open, Stop);
    }

    private static async Task DecideAsync(ServiceUnderTest service, Purpose purpose, ConsentDecision decision)
    {
        var made = new DecisionMade(purpose, decision, ConsentBy.Guardian, "王小明", "儿子", new DateOnly(2026, 1, 15), "signed form 12");
        Assert.NotNull(
            await ConsentOperations.RecordAsync(service.Records, "admin", TimeProvider.System.GetUtcNow().UtcDateTime, "R1", made, Stop)
        );
    }

    private static async Task InForceAsync(ServiceUnderTest service, Refusals refused)
    {
        var registry = service.Services.GetRequiredService<LiveRegistry>();
        await service.UntilDbAsync(_ => Task.FromResult(registry.FactsOf(new ResidentId("R1"))?.Refused == refused), Soon.TotalSeconds);
    }

    private static Reading Water(DateTime time, double total) =>
        new()
        {
            Device = new DeviceId("meter-1"),
            Metric = Metric.WaterVolume,
            Time = time,
            Received = time,
            Value = total,
        };

    private static async Task<List<Reading>> StoredAsync(ServiceUnderTest service) =>
        await service
            .Services.GetRequiredService<IReadingStore>()
            .QueryAsync(
                new ReadingQuery([new DeviceId("sos-1")], null, DateTime.UnixEpoch, TimeProvider.System.GetUtcNow().UtcDateTime.AddDays(1)),
                Stop
            )
            .ToListAsync(Stop);
}
