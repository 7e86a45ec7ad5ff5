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
using Vigil.Storage.Readings;
using Vigil.Storage.Records;

namespace Vigil.Tests.Host;

/// <summary>
/// The pipeline with its real parts, on stores that a test chooses, and two homes: R1 with the button sos-1, R2 with sos-2.
/// </summary>
internal sealed class PipelineParts : IAsyncDisposable
{
    private readonly Meter meter = new("Vigil.Tests");
    private readonly Func<IntakeParts> create;
    private IntakeParts intake;

    private PipelineParts(
        string folder,
        IDbContextFactory<RecordsDb> records,
        IReadingStore readings,
        ProfileSet profiles,
        LiveRegistry registry,
        RulePartitions rules,
        Policies policies,
        TimeProvider clock
    )
    {
        (Folder, Records, Readings) = (folder, records, readings);
        Registry = registry;
        Desk = new AlarmDesk(records, policies, clock, TimeZoneInfo.Utc);
        create = () => IntakeParts.Create(profiles, registry, rules, readings, Desk, records, folder, Troubles, clock, meter);
        intake = create();
    }

    public string Folder { get; }

    public IDbContextFactory<RecordsDb> Records { get; }

    public IReadingStore Readings { get; }

    public LiveRegistry Registry { get; }

    public AlarmDesk Desk { get; }

    public Pipeline Pipeline => intake.Pipeline;

    public UncommittedFindings Uncommitted => intake.Uncommitted;

    public Sightings Sightings => intake.Sightings;

    public Troubles Troubles { get; } = new(TimeProvider.System);

    /// <summary>The content of set-aside.jsonl; empty when there is none.</summary>
    public string SetAside => Path.Combine(Folder, "set-aside.jsonl") is var path && File.Exists(path) ? File.ReadAllText(path) : "";

    public static async Task<PipelineParts> CreateAsync(
        string folder,
        IDbContextFactory<RecordsDb> records,
        IReadingStore readings,
        TimeProvider? clock = null
    )
    {
        var problems = new List<Problem>();
        var profiles = ProfileSet.Load(Path.Combine(AppContext.BaseDirectory, "devices"), problems);
        var rules = new RulePartitions(
            RuleSet.Load(Path.Combine(AppContext.BaseDirectory, "config", "rules.yaml"), problems)!,
            TimeZoneInfo.Utc
        );
        var policies = Policies.Load(Path.Combine(AppContext.BaseDirectory, "config", "policies.yaml"), problems)!;
        Assert.Empty(problems);
        await using (var db = records.CreateDbContext())
        {
            foreach (var n in new[] { 1, 2 })
            {
                db.Residents.Add(
                    new Resident
                    {
                        Id = $"R{n}",
                        Name = "王秀英",
                        Area = "440114003201",
                        CreatedAt = DateTime.UnixEpoch,
                        UpdatedAt = DateTime.UnixEpoch,
                    }
                );
                db.Devices.Add(
                    new Device
                    {
                        Id = $"sos-{n}",
                        Profile = "senml",
                        ResidentId = $"R{n}",
                        InstalledAt = DateTime.UnixEpoch,
                    }
                );
            }

            await db.SaveChangesAsync();
        }

        var registry = new LiveRegistry(records, profiles, rules, TimeProvider.System, NullLogger<LiveRegistry>.Instance);
        await registry.ReloadAsync(CancellationToken.None);
        return new PipelineParts(folder, records, readings, profiles, registry, rules, policies, clock ?? TimeProvider.System);
    }

    public async Task<Receipt> SayAsync(string device, string payload, string? topic = null) =>
        await Pipeline.ReceiveAsync(
            new InboundMessage(
                topic ?? $"vigil/{device}/up",
                System.Text.Encoding.UTF8.GetBytes(payload),
                new DateTime(2026, 1, 1, 0, 0, 5, DateTimeKind.Utc),
                Retained: false,
                Sender.ExternalBroker
            ),
            CancellationToken.None
        );

    public async Task<Receipt> SayAsync(Sender from, string topic, string payload) =>
        await Pipeline.ReceiveAsync(
            new InboundMessage(
                topic,
                System.Text.Encoding.UTF8.GetBytes(payload),
                new DateTime(2026, 1, 1, 0, 0, 5, DateTimeKind.Utc),
                Retained: false,
                from
            ),
            CancellationToken.None
        );

    /// <summary>Loses what was only in memory, as a restart of the service does.</summary>
    public async Task RestartAsync()
    {
        await Pipeline.StopAsync(CancellationToken.None);
        Pipeline.Dispose();
        intake = create();
        await intake.Announced.RecoverAsync(CancellationToken.None);
        await Pipeline.StartAsync(CancellationToken.None);
    }

    public static Finding Finding(AlarmKind kind, string subject, string reason = "a reason") =>
        new(
            subject,
            kind,
            kind.DefaultSeverity,
            FindingChange.Opened,
            $"{kind.Name}/1",
            0,
            new DateTime(2026, 1, 1, 0, 0, 0, DateTimeKind.Utc),
            reason,
            "原因"
        );

    public async Task<List<Alarm>> AlarmsAsync()
    {
        await using var db = Records.CreateDbContext();
        return await db.Alarms.AsNoTracking().OrderBy(a => a.Subject).ToListAsync();
    }

    public async ValueTask DisposeAsync()
    {
        await Pipeline.StopAsync(CancellationToken.None);
        Pipeline.Dispose();
        await Readings.DisposeAsync();
        meter.Dispose();
        Directory.Delete(Folder, recursive: true);
    }
}
