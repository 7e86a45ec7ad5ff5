using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Vigil.Model;
using Vigil.Notify.Messages;
using Vigil.Storage.Records;

namespace Vigil.Notify.Escalation;

/// <summary>
/// Runs the steps that are due: looks every second, and at once when something changed, in two lanes. A step and the notices it makes are
/// one transaction, so a crash leaves either both or neither; the <see cref="Dispatcher"/> sends them. A step that names nobody is skipped
/// with a note, and the next is due at once.
/// </summary>
public sealed partial class Escalator : BackgroundService
{
    private const int LargestBatch = 100;

    private readonly IDbContextFactory<RecordsDb> records;
    private readonly MessageTexts messages;
    private readonly Dispatcher dispatcher;
    private readonly StepRuns runs;
    private readonly Promises promises;
    private readonly TimeProvider clock;
    private readonly ILogger<Escalator> log;
    private readonly Troubles? troubles;
    private readonly Dictionary<Lane, Pace> paces;

    public Escalator(
        IDbContextFactory<RecordsDb> records,
        AlarmDesk desk,
        Policies policies,
        MessageTexts messages,
        SignedLinks links,
        Dispatcher dispatcher,
        TimeProvider clock,
        ILogger<Escalator> log,
        Troubles? troubles = null
    )
    {
        (this.records, this.messages, this.dispatcher, this.clock, this.log, this.troubles) = (
            records,
            messages,
            dispatcher,
            clock,
            log,
            troubles
        );
        runs = new StepRuns(policies, messages, links, clock);
        promises = new Promises(records, policies, messages, clock, troubles, log);
        paces = Enum.GetValues<Lane>().ToDictionary(l => l, _ => new Pace(clock));
        foreach (var lane in Enum.GetValues<Lane>())
            turned[lane] = clock.GetTimestamp();
        desk.Changed += change => paces[change.Severity == Severity.Critical ? Lane.Critical : Lane.Others].Wake();
    }

    /// <summary>
    /// How long ago the lane that is further behind last finished a look: by this the health check sees that a lane has stopped although
    /// the process runs.
    /// </summary>
    public TimeSpan SinceCycle => clock.GetElapsedTime(turned.Values.Min());

    /// <summary>Monotonic timestamps: setting the wall clock must not look like progress.</summary>
    private readonly System.Collections.Concurrent.ConcurrentDictionary<Lane, long> turned = [];

    /// <summary>A step ran, with its note; the demo prints it.</summary>
    public event Action<EscalationStep, Alarm, string>? Stepped;

    public override void Dispose()
    {
        foreach (var pace in paces.Values)
            pace.Dispose();
        base.Dispose();
    }

    protected override Task ExecuteAsync(CancellationToken stoppingToken) =>
        Task.WhenAll(
            Task.Run(() => LoopAsync(Lane.Critical, stoppingToken), stoppingToken),
            Task.Run(() => LoopAsync(Lane.Others, stoppingToken), stoppingToken)
        );

    private async Task LoopAsync(Lane lane, CancellationToken stopping)
    {
        while (!stopping.IsCancellationRequested)
        {
            try
            {
                // In a storm of alarms there is always more to do: each look counts as progress.
                while (await LookAsync(lane, stopping) > 0)
                    turned[lane] = clock.GetTimestamp();
                turned[lane] = clock.GetTimestamp();
            }
            catch (Exception e) when (e is not OutOfMemoryException && !stopping.IsCancellationRequested)
            {
                LogFailed(log, e);
            }

            await paces[lane].NextAsync([], stopping);
        }
    }

    /// <summary>One look at both lanes until nothing is due. Returns how much there was to do.</summary>
    public async Task<int> CycleAsync(CancellationToken cancellation)
    {
        var (all, done) = (0, 0);
        do
        {
            done = await LookAsync(Lane.Critical, cancellation) + await LookAsync(Lane.Others, cancellation);
            all += done;
        } while (done > 0);
        foreach (var lane in Enum.GetValues<Lane>())
            turned[lane] = clock.GetTimestamp();
        return all;
    }

    /// <summary>One look at one lane; returns how much there was to do.</summary>
    internal async Task<int> LookAsync(Lane lane, CancellationToken cancellation)
    {
        var done = await promises.LookAsync(lane, LargestBatch, cancellation);
        try
        {
            done += await RunAsync(lane, LargestBatch, cancellation);
        }
        catch (Exception e) when (Faults.MayBeOneRow(e, cancellation))
        {
            // One row may spoil a batch: one at a time, the good ones get through.
            LogStepFailed(log, lane, e);
            done += await OneByOneAsync(lane, cancellation);
        }

        if (done > 0)
            dispatcher.Wake(lane);
        return done;
    }

    private async Task<int> OneByOneAsync(Lane lane, CancellationToken cancellation)
    {
        var done = 0;
        for (var i = 0; i < LargestBatch; i++)
        {
            try
            {
                if (await RunAsync(lane, 1, cancellation) == 0)
                    break;
                done++;
            }
            catch (DbUpdateConcurrencyException)
            {
                // Somebody answered for its alarm this moment: the next look sees what stands then.
            }
            catch (Exception e) when (Faults.MayBeOneRow(e, cancellation))
            {
                // It stays due, only later than the others: it is tried again, and the auditor tells that it is late.
                await using var db = await records.CreateDbContextAsync(cancellation);
                await using var transaction = await WriteTurn.BeginAsync(db, first: lane == Lane.Critical, cancellation);
                if ((await Due.StepsAsync(db, lane, clock.GetUtcNow().UtcDateTime, 1, cancellation)).FirstOrDefault() is not { } spoiled)
                    break;
                var later = clock.GetUtcNow().UtcDateTime.AddSeconds(10);
                await db.Steps.Where(s => s.Id == spoiled.Id).ExecuteUpdateAsync(u => u.SetProperty(s => s.DueAt, later), cancellation);
                await transaction.CommitAsync(cancellation);
                LogStepPostponed(log, spoiled.Id, e);
                troubles?.Happened(
                    "step",
                    $"step {spoiled.Id} of alarm {spoiled.AlarmId} can't be run and is tried again: {e.GetType().Name}",
                    $"警报 {spoiled.AlarmId} 的步骤 {spoiled.Id} 无法执行，将重试：{e.GetType().Name}",
                    TimeSpan.FromHours(1)
                );
            }
        }

        return done;
    }

    private async Task<int> RunAsync(Lane lane, int most, CancellationToken cancellation)
    {
        var ran = new List<(EscalationStep Step, Alarm Alarm)>();
        await using var db = await records.CreateDbContextAsync(cancellation);
        await using (var transaction = await WriteTurn.BeginAsync(db, first: lane == Lane.Critical, cancellation))
        {
            var now = clock.GetUtcNow().UtcDateTime; // in the transaction: the clock may have been set while we stood in line
            var due = await Due.StepsAsync(db, lane, now, most, cancellation);
            if (due.Count == 0)
                return 0;
            var ids = due.Select(s => s.AlarmId).Distinct().ToList();
            await db.Steps.Where(s => ids.Contains(s.AlarmId) && s.State == StepState.Waiting).LoadAsync(cancellation);
            db.ChangeTracker.AutoDetectChangesEnabled = false; // once at the end instead of at each look into Local
            var people = await People.LoadAsync(db, due.Select(s => s.Alarm!), messages.ToLocal(now), cancellation);
            var planned = new HashSet<Guid>();
            foreach (var step in due)
            {
                // One step of an alarm's plan at a time, however many are due: after a downtime the waits between people are kept.
                if (step.State != StepState.Waiting || (step.Template == MessageKind.Opened && !planned.Add(step.AlarmId)))
                    continue;
                await runs.RunAsync(db, step, step.Alarm!, people, now, cancellation);
                ran.Add((step, step.Alarm!));
            }

            db.ChangeTracker.DetectChanges();
            await db.SaveChangesAsync(cancellation);
            await transaction.CommitAsync(cancellation);
        }

        foreach (var (step, alarm) in ran)
            Stepped?.Invoke(step, alarm, step.Note.En);
        return ran.Count;
    }

    [LoggerMessage(Level = LogLevel.Error, Message = "An escalation cycle failed; the next one tries again")]
    private static partial void LogFailed(ILogger logger, Exception e);

    [LoggerMessage(Level = LogLevel.Error, Message = "Escalation step {Step} could not be run; it is tried again")]
    private static partial void LogStepPostponed(ILogger logger, Guid step, Exception e);

    [LoggerMessage(Level = LogLevel.Error, Message = "A batch of escalation steps failed in lane {Lane}; they are tried one at a time")]
    private static partial void LogStepFailed(ILogger logger, Lane lane, Exception e);
}
