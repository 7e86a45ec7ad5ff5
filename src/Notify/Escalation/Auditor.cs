using System.Diagnostics.Metrics;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Vigil.Model;
using Vigil.Notify.Messages;
using Vigil.Storage.Records;

namespace Vigil.Notify.Escalation;

/// <summary>
/// Checks the escalator from outside: steps, notices and "seen well by" times that are overdue are counted, put on their alarm's timeline
/// and told to the supervisor, once for each alarm. Shares only the records with the loops that it checks, so that it doesn't fail with
/// them.
/// </summary>
public sealed partial class Auditor : BackgroundService
{
    private static readonly TimeSpan Every = TimeSpan.FromSeconds(15);

    private readonly IDbContextFactory<RecordsDb> records;
    private readonly MessageTexts messages;
    private readonly SignedLinks links;
    private readonly TimeProvider clock;
    private readonly ILogger<Auditor> log;
    private readonly TimeSpan tolerance;
    private readonly HashSet<Guid> reported = [];
    private HashSet<Guid> lateBefore = [];

    /// <param name="tolerance">How late a critical step may be; others ten times that. Where the service's clock runs faster than real time
    /// (the demo) it has to be longer, because its seconds are shorter.</param>
    public Auditor(
        IDbContextFactory<RecordsDb> records,
        MessageTexts messages,
        SignedLinks links,
        TimeProvider clock,
        Meter meter,
        TimeSpan tolerance,
        ILogger<Auditor> log
    )
    {
        (this.records, this.messages, this.links, this.clock, this.tolerance, this.log) = (records, messages, links, clock, tolerance, log);
        looked = clock.GetTimestamp();
        meter.CreateObservableGauge(
            "vigil_escalation_late",
            () => Late,
            description: "Escalation steps and notices that should have run and did not"
        );
        meter.CreateObservableGauge("vigil_escalation_lateness_seconds", () => Worst.TotalSeconds, "s", "How late the latest of them is");
    }

    /// <summary>How many rows are late now.</summary>
    public int Late { get; private set; }

    public TimeSpan Worst { get; private set; }

    /// <summary>How long ago it last looked: shows when the auditor itself has stopped.</summary>
    public TimeSpan SinceLook => clock.GetElapsedTime(Interlocked.Read(ref looked));

    private long looked;

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        using var pace = new Pace(clock);
        long? begun = null;
        while (!stoppingToken.IsCancellationRequested)
        {
            if (begun is not { } last || clock.GetElapsedTime(last) >= Every)
            {
                begun = clock.GetTimestamp();
                try
                {
                    await LookAsync(stoppingToken);
                }
                catch (Exception e) when (e is not OutOfMemoryException && !stoppingToken.IsCancellationRequested)
                {
                    LogFailed(log, e);
                }
            }

            await pace.NextAsync([], stoppingToken);
        }
    }

    /// <summary>One look; returns how many are late.</summary>
    public async Task<int> LookAsync(CancellationToken cancellation)
    {
        var now = clock.GetUtcNow().UtcDateTime;
        var (critical, others) = (now - tolerance, now - 10 * tolerance);
        await using var db = await records.CreateDbContextAsync(cancellation);
        var steps = await db
            .Steps.AsNoTracking()
            .Where(s =>
                s.State == StepState.Waiting
                && (s.Alarm!.State == AlarmState.Open || (s.To == Plan.Again && s.Alarm.State != AlarmState.Resolved))
                && (s.DueAt < others || (s.DueAt < critical && s.Alarm.Severity == Severity.Critical))
            )
            .Select(s => new { s.AlarmId, s.DueAt })
            .ToListAsync(cancellation);
        var notices = await (
            from n in db.Notices.AsNoTracking()
            join a in db.Alarms on n.AlarmId equals a.Id
            where
                (n.State == NoticeState.Waiting || n.State == NoticeState.Sending)
                && a.State == AlarmState.Open
                && (n.DueAt < others || (n.DueAt < critical && a.Severity == Severity.Critical))
            select new { n.AlarmId, n.DueAt }
        ).ToListAsync(cancellation);
        var promises = await db
            .Alarms.AsNoTracking()
            .Where(a =>
                (a.State == AlarmState.Acknowledged || a.State == AlarmState.InHand)
                && (a.SeenWellBy < others || (a.SeenWellBy < critical && a.Severity == Severity.Critical))
            )
            .Select(a => new { AlarmId = a.Id, DueAt = a.SeenWellBy!.Value })
            .ToListAsync(cancellation);
        var late = steps.Concat(notices).Concat(promises).ToList();
        Late = late.Count;
        Worst = late.Count == 0 ? TimeSpan.Zero : now - late.Min(l => l.DueAt);
        Interlocked.Exchange(ref looked, clock.GetTimestamp());
        // Reported when it is late at two looks in a row: at one, the loop may just be about to run it.
        var still = late.Select(l => l.AlarmId).ToHashSet();
        var ids = still.Where(id => lateBefore.Contains(id) && !reported.Contains(id)).Take(200).ToList();
        reported.IntersectWith(still);
        lateBefore = still;
        if (ids.Count == 0)
            return late.Count;
        LogLate(log, late.Count, Worst);
        // Behind nobody who can wait: steps may be late because the line of writers is long.
        await using var transaction = await WriteTurn.BeginAsync(db, first: true, cancellation);
        now = clock.GetUtcNow().UtcDateTime;
        var alarms = await db.Alarms.Where(a => ids.Contains(a.Id)).ToListAsync(cancellation);
        var people = await People.LoadAsync(db, alarms, messages.ToLocal(now), cancellation);
        foreach (var alarm in alarms)
        {
            var lateness = now - late.Where(l => l.AlarmId == alarm.Id).Min(l => l.DueAt);
            Timeline.Add(
                db,
                alarm.Id,
                now,
                TimelineEvent.Late,
                "auditor",
                $"telling people is {lateness.TotalSeconds:0} s late",
                $"通知已延误 {lateness.TotalSeconds:0} 秒"
            );
            foreach (var person in people.Find(new Recipient(RecipientKind.Supervisor), alarm).People)
            {
                if (person.Way([Channel.Sms, Channel.Webhook, Channel.Mail]) is not { } way)
                    continue;
                var id = clock.NewId();
                var link = links.For(id, Notices.LinkLifetime);
                var text = messages.Text(MessageKind.Late, person.Language, people.NameOf(alarm), alarm.Kind, now, link);
                db.Notices.Add(Notices.To(person, way, alarm, id, now, MessageKind.Late, text, link));
            }
        }

        await db.SaveChangesAsync(cancellation);
        await transaction.CommitAsync(cancellation);
        reported.UnionWith(ids);
        return late.Count;
    }

    [LoggerMessage(Level = LogLevel.Error, Message = "The auditor could not look")]
    private static partial void LogFailed(ILogger logger, Exception e);

    [LoggerMessage(Level = LogLevel.Critical, Message = "{Late} escalation steps or notices are late, the worst by {Worst}")]
    private static partial void LogLate(ILogger logger, int late, TimeSpan worst);
}
