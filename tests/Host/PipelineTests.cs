using System.Diagnostics.Metrics;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.Logging.Abstractions;
using Vigil.Host;
using Vigil.Host.Intake;
using Vigil.Ingest.Mqtt;
using Vigil.Ingest.Profiles;
using Vigil.Model;
using Vigil.Notify;
using Vigil.Notify.Escalation;
using Vigil.Rules;
using Vigil.Storage.Readings.DuckDb;
using Vigil.Storage.Records;
using Vigil.Tests.Storage.Records;

namespace Vigil.Tests.Host;

/// <summary>The order of the pipeline when a store fails in the middle of it, on a real SQLite and DuckDB.</summary>
public sealed class PipelineTests : IAsyncLifetime
{
    private readonly string folder = Directory.CreateTempSubdirectory("vigil-pipeline-").FullName;
    private readonly Meter meter = new("Vigil.Tests");
    private FailingRecords records = null!;
    private DuckDbReadingStore readings = null!;
    private IntakeParts intake = null!;

    public async ValueTask InitializeAsync()
    {
        var problems = new List<Problem>();
        var profiles = ProfileSet.Load(Path.Combine(AppContext.BaseDirectory, "devices"), problems);
        var rules = new RulePartitions(
            RuleSet.Load(Path.Combine(AppContext.BaseDirectory, "config", "rules.yaml"), problems)!,
            TimeZoneInfo.Utc
        );
        var policies = Policies.Load(Path.Combine(AppContext.BaseDirectory, "config", "policies.yaml"), problems)!;
        Assert.Empty(problems);
        records = new FailingRecords(await FreshRecords.SqliteAsync(folder));
        await using (var db = records.CreateDbContext())
        {
            db.Residents.Add(
                new Resident
                {
                    Id = "R1",
                    Name = "王秀英",
                    Area = "440114003201",
                }
            );
            db.Devices.Add(
                new Device
                {
                    Id = "leak-1",
                    Profile = "senml",
                    ResidentId = "R1",
                    InstalledAt = DateTime.UnixEpoch,
                }
            );
            await db.SaveChangesAsync();
        }

        readings = new DuckDbReadingStore(Path.Combine(folder, "readings.duckdb"), new());
        var registry = new LiveRegistry(records, profiles, rules, TimeProvider.System, NullLogger<LiveRegistry>.Instance);
        await registry.ReloadAsync(CancellationToken.None);
        intake = IntakeParts.Create(
            profiles,
            registry,
            rules,
            readings,
            new AlarmDesk(records, policies, TimeProvider.System, TimeZoneInfo.Utc),
            records,
            folder,
            new Troubles(TimeProvider.System),
            TimeProvider.System,
            meter
        );
    }

    [Fact]
    public async Task A_finding_survives_the_failure_of_something_else_in_its_batch()
    {
        // Both messages wait before the pipeline starts, so they are in one batch; storing the unreadable one fails.
        records.FailNext = true;
        var leak = intake
            .Pipeline.ReceiveAsync(Message("vigil/leak-1/up", """[{"n":"water.leak","vb":true,"t":1767225600}]"""), CancellationToken.None)
            .AsTask();
        var unreadable = intake.Pipeline.ReceiveAsync(Message("vigil/leak-1/up", "{"), CancellationToken.None).AsTask();
        await intake.Pipeline.StartAsync(CancellationToken.None);
        Assert.Equal(Receipt.NotStored, await leak);
        Assert.Equal(Receipt.NotStored, await unreadable);

        // The leak was not acknowledged, so the device sends it again: now there has to be an alarm.
        Assert.Equal(
            Receipt.Committed,
            await intake.Pipeline.ReceiveAsync(
                Message("vigil/leak-1/up", """[{"n":"water.leak","vb":true,"t":1767225600}]"""),
                CancellationToken.None
            )
        );
        await using var db = records.CreateDbContext();
        Assert.Equal("water-leak", Assert.Single(await db.Alarms.ToListAsync()).Kind);
    }

    [Fact]
    public async Task A_test_press_is_recorded_and_raises_no_alarm_and_so_is_a_press_resolved_as_a_test()
    {
        await intake.Pipeline.StartAsync(CancellationToken.None);
        Assert.Equal(
            Receipt.Committed,
            await intake.Pipeline.ReceiveAsync(
                Message("vigil/leak-1/up", """[{"n":"button","vs":"test","t":1767225600}]"""),
                CancellationToken.None
            )
        );
        await intake.Sightings.FlushAsync(CancellationToken.None);
        await using (var db = records.CreateDbContext())
        {
            Assert.Equal(
                new DateTime(2026, 1, 1, 0, 0, 0, DateTimeKind.Utc),
                (await db.Devices.SingleAsync(d => d.Id == "leak-1")).TestedAt
            );
            Assert.Empty(await db.Alarms.ToListAsync());
        }

        Assert.Equal(
            Receipt.Committed,
            await intake.Pipeline.ReceiveAsync(
                Message("vigil/leak-1/up", """[{"n":"button","vs":"sos","t":1767229200}]"""),
                CancellationToken.None
            )
        );
        await using var after = records.CreateDbContext();
        var alarm = await after.Alarms.SingleAsync(a => a.Kind == "sos");
        await new AlarmDesk(
            records,
            Policies.Load(Path.Combine(AppContext.BaseDirectory, "config", "policies.yaml"), [])!,
            TimeProvider.System,
            TimeZoneInfo.Utc
        ).ResolveAsync(alarm.Id, "installer", Resolution.Test, "", CancellationToken.None);
        Assert.Equal(alarm.RaisedAt, (await after.Devices.AsNoTracking().SingleAsync(d => d.Id == "leak-1")).TestedAt);
    }

    [Fact]
    public async Task A_payload_that_also_speaks_of_the_services_own_test_is_stored_like_any_other()
    {
        await intake.Pipeline.StartAsync(CancellationToken.None);
        const string payload =
            """[{"bn":"leak-1/","n":"air.temperature","u":"Cel","v":21,"t":1767225600}"""
            + """,{"bn":"vigil-self-test/","n":"battery.level","u":"%EL","v":80,"t":1767225600}]""";
        Assert.Equal(Receipt.Committed, await intake.Pipeline.ReceiveAsync(Message("vigil/leak-1/up", payload), CancellationToken.None));
        var stored = new List<string>();
        await foreach (var r in readings.ReceivedSinceAsync(DateTime.UnixEpoch, CancellationToken.None))
            stored.Add(r.Device.Value);
        Assert.Contains("leak-1", stored);
    }

    [Fact]
    public async Task A_press_does_not_wait_for_a_storm_of_other_findings()
    {
        var storm = Enumerable.Range(0, 2000).Select(i => Finding(AlarmKind.NoWater, $"S{i}")).ToList();
        Task<bool>? press = null;
        intake.Uncommitted.Found += _ =>
            press ??= Task.Run(async () => await intake.Uncommitted.CommitAsync([Finding(AlarmKind.Sos, "R1")]));
        var all = Task.Run(async () => await intake.Uncommitted.CommitAsync(storm));
        while (press is null)
            await Task.Yield();
        Assert.True(await press);
        await using (var db = records.CreateDbContext())
        {
            Assert.Single(await db.Alarms.Where(a => a.Kind == "sos").ToListAsync());
            Assert.InRange(await db.Alarms.CountAsync(), 1, 1500);
        }

        Assert.True(await all);
        await using var after = records.CreateDbContext();
        Assert.Equal(2001, await after.Alarms.CountAsync());
    }

    public async ValueTask DisposeAsync()
    {
        await intake.Pipeline.StopAsync(CancellationToken.None);
        intake.Pipeline.Dispose();
        await readings.DisposeAsync();
        meter.Dispose();
        Directory.Delete(folder, recursive: true);
    }

    private static InboundMessage Message(string topic, string payload) =>
        new(
            topic,
            System.Text.Encoding.UTF8.GetBytes(payload),
            new DateTime(2026, 1, 1, 0, 0, 5, DateTimeKind.Utc),
            Retained: false,
            Sender.ExternalBroker
        );

    private static Finding Finding(AlarmKind kind, string subject) =>
        new(
            subject,
            kind,
            kind.DefaultSeverity,
            FindingChange.Opened,
            $"{kind.Name}/1",
            0,
            new DateTime(2026, 1, 1, 0, 0, 0, DateTimeKind.Utc),
            "a reason",
            "原因"
        );

    /// <summary>A records store that fails once when asked to, as with a full disk.</summary>
    private sealed class FailingRecords(IDbContextFactory<RecordsDb> inner) : IDbContextFactory<RecordsDb>
    {
        public bool FailNext { get; set; }

        public RecordsDb CreateDbContext()
        {
            if (!FailNext)
                return inner.CreateDbContext();
            FailNext = false;
            throw new Microsoft.Data.Sqlite.SqliteException("database or disk is full", 13);
        }
    }
}
