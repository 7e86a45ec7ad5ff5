using Microsoft.EntityFrameworkCore;
using Vigil.Model;
using Vigil.Notify.Escalation;
using Vigil.Storage.Records;

namespace Vigil.Notify;

/// <summary>Something changed on an alarm; the live board and the escalator listen.</summary>
/// <param name="AlarmId">The alarm.</param>
/// <param name="What">The event, as on its timeline.</param>
/// <param name="Severity">The alarm's severity after the change.</param>
public sealed record AlarmChange(Guid AlarmId, TimelineEvent What, Severity Severity);

/// <summary>An alarm can't be changed as asked; the words say why, to the person who asked.</summary>
public sealed class AlarmConflictException(Wording words) : Exception(words.En)
{
    public Wording Words => words;

    /// <summary>The answer was to an older telling: it has happened again since, so whoever takes it has to answer again.</summary>
    public bool Anew { get; init; }
}

/// <summary>
/// Changes alarms: open → acknowledged → in hand → resolved. Each finding is committed exactly once; every change is one transaction with
/// its line on the timeline and the steps that follow from it (invariant 7). Which change is allowed is decided by <see
/// cref="AlarmLife"/>. Thread-safe.
/// </summary>
public sealed class AlarmDesk
{
    /// <summary>Findings of one transaction: keeps each short, so that a storm never holds up a press for long.</summary>
    private const int LargestBatch = 100;

    /// <summary>How often a change is tried when another commit came between. Each try decides anew on the stored state.</summary>
    internal const int Tries = 5;

    private readonly IDbContextFactory<RecordsDb> records;
    private readonly Policies policies;
    private readonly TimeProvider clock;
    private readonly TimeZoneInfo zone;
    private readonly Troubles? troubles;
    private readonly FindingsToAlarms findings;

    public AlarmDesk(
        IDbContextFactory<RecordsDb> records,
        Policies policies,
        TimeProvider clock,
        TimeZoneInfo zone,
        Troubles? troubles = null
    )
    {
        (this.records, this.policies, this.clock, this.zone, this.troubles) = (records, policies, clock, zone, troubles);
        findings = new FindingsToAlarms(records, policies, clock, zone);
    }

    /// <summary>Channel and address at which the service's self-test is told.</summary>
    public (Channel Via, string Address) SelfTestTo
    {
        get => findings.SelfTestTo;
        set => findings.SelfTestTo = value;
    }

    /// <summary>Raised after the transaction is committed.</summary>
    public event Action<AlarmChange>? Changed;

    /// <summary>Commits findings: opens, repeats, raises and clears alarms. What was committed before is left out.</summary>
    public async Task<IReadOnlyList<AlarmChange>> CommitAsync(IReadOnlyList<Finding> findings, CancellationToken cancellation)
    {
        var all = new List<AlarmChange>();
        foreach (var batch in findings.Chunk(LargestBatch))
        {
            var changes = await this.findings.CommitAsync(batch, cancellation);
            foreach (var change in changes)
                Announce(change);
            all.AddRange(changes);
        }

        return all;
    }

    /// <summary>Somebody answers for it; escalation pauses until "seen well by" runs out.</summary>
    /// <param name="version">The version the person saw, on a page or when they were told; when it was opened or happened again since then,
    /// it is a conflict.</param>
    public Task AcknowledgeAsync(Guid alarm, string who, string note, CancellationToken cancellation, int? version = null) =>
        AcknowledgeAsync(alarm, who, Wording.Same(note), cancellation, version);

    /// <inheritdoc cref="AcknowledgeAsync(Guid, string, string, CancellationToken, int?)"/>
    public Task AcknowledgeAsync(Guid alarm, string who, Wording note, CancellationToken cancellation, int? version = null) =>
        ChangeAsync(
            alarm,
            who,
            TimelineEvent.Acknowledged,
            note,
            async (db, a, now) =>
            {
                Apply(a, AlarmLife.Acknowledge(Standing.Of(a), who, version, SeenWellWithin(a), now));
                await Ending.AnsweredAsync(db, a, now, cancellation);
                await Ending.CancelNoticesAsync(db, a.Id, now, $"acknowledged by {who}", cancellation);
            },
            cancellation
        );

    /// <summary>A visitor is on the way.</summary>
    public Task TakeInHandAsync(Guid alarm, string who, string note, CancellationToken cancellation) =>
        ChangeAsync(
            alarm,
            who,
            TimelineEvent.InHand,
            Wording.Same(note),
            async (db, a, now) =>
            {
                var wasOpen = a.State == AlarmState.Open;
                Apply(a, AlarmLife.TakeInHand(Standing.Of(a), who, SeenWellWithin(a), now));
                if (!wasOpen)
                    return;
                await Ending.AnsweredAsync(db, a, now, cancellation);
                await Ending.CancelNoticesAsync(db, a.Id, now, $"taken in hand by {who}", cancellation);
            },
            cancellation
        );

    /// <summary>Somebody else answers for it from now on; the "seen well by" of the first promise stands.</summary>
    public Task HandOverAsync(Guid alarm, string who, string to, string note, CancellationToken cancellation) =>
        ChangeAsync(
            alarm,
            who,
            TimelineEvent.HandedOver,
            new Wording($"to {to}: {note}".TrimEnd(' ', ':'), $"移交给 {to}：{note}".TrimEnd('：')),
            (_, a, _) =>
            {
                Apply(a, AlarmLife.HandOver(Standing.Of(a), to));
                return Task.CompletedTask;
            },
            cancellation
        );

    /// <summary>
    /// A device that had called from nobody's home is bound to one: its alarms that are not resolved are that resident's from now on, whose
    /// people the rest of the plan tells. What happened stays as it is written.
    /// </summary>
    public async Task TieAsync(string device, string resident, string who, CancellationToken cancellation)
    {
        List<Guid> open;
        await using (var db = await records.CreateDbContextAsync(cancellation))
            open = await db
                .Alarms.Where(a => a.Subject == Alarm.OfDevice + device && a.State != AlarmState.Resolved)
                .Select(a => a.Id)
                .ToListAsync(cancellation);
        foreach (var alarm in open)
            await ChangeAsync(
                alarm,
                who,
                TimelineEvent.Note,
                new Wording($"device {device} was bound to {resident}", $"设备 {device} 已绑定到服务对象 {resident}"),
                async (db, a, _) =>
                {
                    a.Resident = await db.Residents.FirstAsync(r => r.Id == resident, cancellation);
                    (a.ResidentId, a.Area) = (resident, a.Resident.Area);
                },
                cancellation
            );
    }

    /// <summary>
    /// The same for all devices that have called and are in somebody's home by now: an import binds devices too, in whatever process it
    /// runs.
    /// </summary>
    /// <returns>How many devices.</returns>
    public async Task<int> TieBoundAsync(string who, CancellationToken cancellation)
    {
        await using var db = await records.CreateDbContextAsync(cancellation);
        var called = (
            await db
                .Alarms.Where(a => a.ResidentId == null && a.OpenKey != null && a.Subject.StartsWith(Alarm.OfDevice))
                .Select(a => a.Subject)
                .Distinct()
                .ToListAsync(cancellation)
        ).ConvertAll(s => s[Alarm.OfDevice.Length..]);
        if (called.Count == 0)
            return 0;
        var bound = await db
            .Devices.Where(d => called.Contains(d.Id) && d.ResidentId != null)
            .Select(d => new { d.Id, d.ResidentId })
            .ToListAsync(cancellation);
        foreach (var device in bound)
            await TieAsync(device.Id, device.ResidentId!, who, cancellation);
        return bound.Count;
    }

    public Task NoteAsync(Guid alarm, string who, string note, CancellationToken cancellation) =>
        ChangeAsync(alarm, who, TimelineEvent.Note, Wording.Same(note), (_, _, _) => Task.CompletedTask, cancellation);

    public Task ResolveAsync(Guid alarm, string who, Resolution resolution, string note, CancellationToken cancellation) =>
        ResolveAsync(alarm, who, resolution, Wording.Same(note), cancellation);

    public Task ResolveAsync(Guid alarm, string who, Resolution resolution, Wording note, CancellationToken cancellation) =>
        ChangeAsync(
            alarm,
            who,
            TimelineEvent.Resolved,
            new Wording(
                ResolutionWords.Of(resolution).En + (note.En.Length > 0 ? $" ({note.En})" : ""),
                ResolutionWords.Of(resolution).Zh + (note.Zh.Length > 0 ? $"（{note.Zh}）" : "")
            ),
            async (db, a, now) =>
            {
                Apply(a, AlarmLife.Resolve(Standing.Of(a), who, resolution, now));
                await Ending.ResolvedAsync(db, a, now, cancellation);
                // Only this resolution says that the press was a test: then the button counts as tested when it was pressed.
                if (resolution == Resolution.Test && a.DeviceId is { } device)
                    await db
                        .Devices.Where(d => d.Id == device)
                        .ExecuteUpdateAsync(u => u.SetProperty(d => d.TestedAt, a.RaisedAt), cancellation);
            },
            cancellation
        );

    /// <summary>Resolved too early: it is open again, and everybody is told again.</summary>
    public Task ReopenAsync(Guid alarm, string who, string note, CancellationToken cancellation) =>
        ChangeAsync(
            alarm,
            who,
            TimelineEvent.Reopened,
            Wording.Same(note),
            async (db, a, now) =>
            {
                var key = Standing.KeyOf(a.Subject, a.Kind);
                var newerIsOpen = await db.Alarms.AnyAsync(o => o.OpenKey == key, cancellation);
                Apply(a, AlarmLife.Reopen(Standing.Of(a), newerIsOpen));
                await Plan.AnewAsync(db, a, PolicyOf(a), MessageKind.Opened, now, clock.NewId, cancellation);
            },
            cancellation
        );

    /// <summary>Tells the board and the escalator of a change that was committed elsewhere.</summary>
    internal void Announce(AlarmChange change)
    {
        // The change is committed. An error in one listener, such as a page, must not keep the escalator from hearing of it, nor the
        // device's message from being acknowledged.
        foreach (var listener in Changed?.GetInvocationList() ?? [])
        {
            try
            {
                ((Action<AlarmChange>)listener)(change);
            }
            catch (Exception e) when (e is not OutOfMemoryException)
            {
                troubles?.Happened(
                    "listener",
                    $"a listener to alarms failed: {e.GetType().Name} in {listener.Method.DeclaringType?.Name}",
                    $"警报监听程序出错：{e.GetType().Name}（{listener.Method.DeclaringType?.Name}）",
                    TimeSpan.FromHours(1)
                );
            }
        }
    }

    private async Task ChangeAsync(
        Guid id,
        string who,
        TimelineEvent what,
        Wording note,
        Func<RecordsDb, Alarm, DateTime, Task> change,
        CancellationToken cancellation
    )
    {
        for (var attempt = 1; ; attempt++)
        {
            try
            {
                Announce(new AlarmChange(id, what, await ChangeOnceAsync(id, who, what, note, change, cancellation)));
                return;
            }
            catch (DbUpdateConcurrencyException) when (attempt < Tries)
            {
                // Another commit came between, such as a press or a step: the change is decided anew on the stored state.
            }
            catch (DbUpdateConcurrencyException)
            {
                throw new AlarmConflictException(
                    new Wording("somebody else changed this alarm at the same moment; look again", "他人刚刚处理了此警情，请重新查看")
                );
            }
        }
    }

    private async Task<Severity> ChangeOnceAsync(
        Guid id,
        string who,
        TimelineEvent what,
        Wording note,
        Func<RecordsDb, Alarm, DateTime, Task> change,
        CancellationToken cancellation
    )
    {
        await using var db = await records.CreateDbContextAsync(cancellation);
        await using var transaction = await WriteTurn.BeginAsync(db, first: true, cancellation);
        var alarm =
            await db.Alarms.Include(a => a.Resident).FirstOrDefaultAsync(a => a.Id == id, cancellation)
            ?? throw new KeyNotFoundException($"there is no alarm {id}");
        var now = clock.GetUtcNow().UtcDateTime;
        await change(db, alarm, now);
        alarm.Version++;
        Timeline.Add(db, id, now, what, who, note);
        await db.SaveChangesAsync(cancellation);
        await transaction.CommitAsync(cancellation);
        return alarm.Severity;
    }

    /// <exception cref="AlarmConflictException">It was refused.</exception>
    private static void Apply(Alarm alarm, Answered answered)
    {
        if (answered.Refused is { } refused)
            throw new AlarmConflictException(
                refused switch
                {
                    Refusal.Resolved => new Wording($"already resolved by {alarm.ResolvedBy}", $"已由 {alarm.ResolvedBy} 办结"),
                    Refusal.Acknowledged => new Wording(
                        $"already acknowledged by {alarm.AcknowledgedBy}",
                        $"已由 {alarm.AcknowledgedBy} 确认"
                    ),
                    Refusal.InHand => new Wording("already in hand", "已派人上门"),
                    Refusal.HappenedSince => new Wording(
                        "it has happened again since you were told; look again",
                        "您得到通知后又再次发生，请重新查看"
                    ),
                    Refusal.NotAcknowledged => new Wording("nobody has acknowledged it yet", "尚无人确认"),
                    Refusal.NotResolved => new Wording("is not resolved", "尚未办结"),
                    Refusal.NewerIsOpen => new Wording("a newer alarm of this kind is open", "已有同类的新警情未办结"),
                    Refusal.NoReason => new Wording("a resolution needs a coded reason", "请选择办结类别"),
                    _ => throw new InvalidOperationException($"{refused} has no words"),
                }
            )
            {
                Anew = refused == Refusal.HappenedSince,
            };
        answered.Standing.WriteTo(alarm);
    }

    private TimeSpan SeenWellWithin(Alarm alarm) => PolicyOf(alarm).SeenWellBy;

    private Policy PolicyOf(Alarm alarm) => policies.For(alarm, alarm.Resident, zone);
}
