using System.Data.Common;
using System.Diagnostics;
using Microsoft.EntityFrameworkCore;
using Vigil.Model;
using Vigil.Notify.Escalation;
using Vigil.Storage;
using Vigil.Storage.Records;

namespace Vigil.Notify;

/// <summary>Something changed on an alarm; the live board and the escalator listen.</summary>
/// <param name="AlarmId">Which.</param>
/// <param name="What">The timeline's word: opened, repeated, updated, severity, acknowledged, in-hand, handed-over, cleared, resolved,
/// reopened, note.</param>
/// <param name="Severity">The alarm's.</param>
public sealed record AlarmChange(Guid AlarmId, string What, Severity Severity);

/// <summary>An alarm can't be changed as asked; the words say why, to the person who asked.</summary>
public sealed class AlarmConflictException(Wording words) : Exception(words.En)
{
    public Wording Words => words;

    /// <summary>What they answered to is over: it happened again since, and whoever takes it has to say so of what stands now.</summary>
    public bool Anew { get; init; }
}

/// <summary>
/// The life of an alarm: open → acknowledged → in hand → resolved. Findings become alarms here, each exactly once; every change is one
/// transaction with its line on the timeline, and what follows is planned as rows in the same transaction (invariant 7). Thread-safe.
/// </summary>
public sealed class AlarmDesk(
    IDbContextFactory<RecordsDb> records,
    Policies policies,
    TimeProvider clock,
    TimeZoneInfo zone,
    Troubles? troubles = null
)
{
    /// <summary>Findings of one transaction: keeps each short, so that a storm never holds up a press for long.</summary>
    private const int LargestBatch = 100;

    /// <summary>Somebody else's commit came between: the findings are judged anew on what stands there now.</summary>
    private const int Tries = 5;

    /// <summary>
    /// Steps that are no person of a plan: tell whoever was told; tell everybody again, because it happened again after somebody
    /// acknowledged.
    /// </summary>
    internal const string Told = "told",
        Again = "again";

    /// <summary>Channel and address to which the service's own press is told.</summary>
    public (string Via, string Address) SelfTestTo { get; set; } = (SelfTest.Channel, SelfTest.Channel);

    /// <summary>After the transaction is committed.</summary>
    public event Action<AlarmChange>? Changed;

    /// <summary>Commits findings: opens, repeats, raises and clears alarms. What was committed before is left out.</summary>
    public async Task<IReadOnlyList<AlarmChange>> CommitAsync(IReadOnlyList<Finding> findings, CancellationToken cancellation)
    {
        var all = new List<AlarmChange>();
        foreach (var batch in findings.Chunk(LargestBatch))
        {
            var changes = await CommitBatchAsync(batch, cancellation);
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
            "acknowledged",
            note,
            async (db, a, now) =>
            {
                if (a.State == AlarmState.Resolved)
                    throw Resolved(a);
                if (a.State != AlarmState.Open)
                    throw new AlarmConflictException(
                        new Wording($"already acknowledged by {a.AcknowledgedBy}", $"已由 {a.AcknowledgedBy} 确认")
                    );
                if (version < a.Round)
                    throw new AlarmConflictException(
                        new Wording("it has happened again since you were told; look again", "您得到通知后又再次发生，请重新查看")
                    )
                    {
                        Anew = true,
                    };
                a.State = AlarmState.Acknowledged;
                a.AcknowledgedAt = now;
                a.AcknowledgedBy = who;
                a.SeenWellBy = now + PolicyOf(a).SeenWellBy;
                await AnsweredAsync(db, a, now, cancellation);
                await CancelNoticesAsync(db, a.Id, now, $"acknowledged by {who}", cancellation);
            },
            cancellation
        );

    /// <summary>A visitor is on the way.</summary>
    public Task TakeInHandAsync(Guid alarm, string who, string note, CancellationToken cancellation) =>
        ChangeAsync(
            alarm,
            who,
            "in-hand",
            Wording.Same(note),
            async (db, a, now) =>
            {
                if (a.State == AlarmState.Resolved)
                    throw Resolved(a);
                if (a.State == AlarmState.InHand)
                    throw new AlarmConflictException(new Wording("already in hand", "已派人上门"));
                if (a.State == AlarmState.Open)
                {
                    await AnsweredAsync(db, a, now, cancellation);
                    await CancelNoticesAsync(db, a.Id, now, $"taken in hand by {who}", cancellation);
                }

                a.State = AlarmState.InHand;
                a.AcknowledgedAt ??= now;
                a.AcknowledgedBy ??= who;
                a.SeenWellBy ??= now + PolicyOf(a).SeenWellBy;
            },
            cancellation
        );

    /// <summary>Somebody else answers for it from now on; the "seen well by" of the first promise stands.</summary>
    public Task HandOverAsync(Guid alarm, string who, string to, string note, CancellationToken cancellation) =>
        ChangeAsync(
            alarm,
            who,
            "handed-over",
            new Wording($"to {to}: {note}".TrimEnd(' ', ':'), $"移交给 {to}：{note}".TrimEnd('：')),
            (_, a, _) =>
            {
                if (a.State is not (AlarmState.Acknowledged or AlarmState.InHand))
                    throw a.State == AlarmState.Open
                        ? new AlarmConflictException(new Wording("nobody has acknowledged it yet", "尚无人确认"))
                        : Resolved(a);
                a.AcknowledgedBy = to;
                return Task.CompletedTask;
            },
            cancellation
        );

    public Task NoteAsync(Guid alarm, string who, string note, CancellationToken cancellation) =>
        ChangeAsync(alarm, who, "note", Wording.Same(note), (_, _, _) => Task.CompletedTask, cancellation);

    public Task ResolveAsync(Guid alarm, string who, Resolution resolution, string note, CancellationToken cancellation) =>
        ResolveAsync(alarm, who, resolution, Wording.Same(note), cancellation);

    public Task ResolveAsync(Guid alarm, string who, Resolution resolution, Wording note, CancellationToken cancellation) =>
        ChangeAsync(
            alarm,
            who,
            "resolved",
            new Wording(
                $"{resolution}: {note.En}".TrimEnd(' ', ':'),
                ResolutionWords.Of(resolution).Zh + (note.Zh.Length > 0 ? $"（{note.Zh}）" : "")
            ),
            async (db, a, now) =>
            {
                if (resolution is Resolution.None or Resolution.Cleared || !Enum.IsDefined(resolution))
                    throw new AlarmConflictException(new Wording("a resolution needs a coded reason", "请选择办结类别"));
                if (a.State == AlarmState.Resolved)
                    throw Resolved(a);
                await CloseAsync(db, a, who, resolution, now, cancellation);
                // A press to try the button is a press all the same until somebody says that it was one.
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
            "reopened",
            Wording.Same(note),
            async (db, a, now) =>
            {
                if (a.State != AlarmState.Resolved)
                    throw new AlarmConflictException(new Wording("is not resolved", "尚未办结"));
                var key = $"{a.Subject}|{a.Kind}";
                if (await db.Alarms.AnyAsync(o => o.OpenKey == key, cancellation))
                    throw new AlarmConflictException(new Wording("a newer alarm of this kind is open", "已有同类的新警情未办结"));
                a.OpenKey = key;
                (a.ResolvedAt, a.ResolvedBy, a.Resolution) = (null, null, Resolution.None);
                OpenAgain(a);
                await PlanAsync(db, a, now, "opened", cancellation);
            },
            cancellation
        );

    /// <summary>Tells the board and the escalator of a change that was committed elsewhere.</summary>
    internal void Announce(AlarmChange change)
    {
        // It is committed: a page that can't be drawn any more keeps neither the escalator from its turn nor the device from its
        // acknowledgement.
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

    /// <summary>Moves the steps that still wait so that the next is due at a moment, keeping the waits between them.</summary>
    internal static async Task ResumeAsync(RecordsDb db, Guid alarm, DateTime next, CancellationToken cancellation)
    {
        await db.Steps.Where(s => s.AlarmId == alarm && s.State == StepState.Waiting).LoadAsync(cancellation);
        Resume(db, alarm, next);
    }

    /// <summary>The same where the steps that wait are loaded already.</summary>
    internal static void Resume(RecordsDb db, Guid alarm, DateTime next)
    {
        var due = next;
        foreach (var step in Waiting(db, alarm))
        {
            if (step.Template != "opened")
                continue; // told at once, outside the plan's waits
            step.DueAt = due;
            due = due.AddSeconds(step.WaitSeconds);
        }
    }

    /// <summary>The steps of an alarm that wait, with what this unit of work has added or changed and not yet saved.</summary>
    internal static async Task<List<EscalationStep>> WaitingAsync(RecordsDb db, Guid alarm, CancellationToken cancellation)
    {
        await db.Steps.Where(s => s.AlarmId == alarm && s.State == StepState.Waiting).LoadAsync(cancellation);
        return Waiting(db, alarm);
    }

    internal static List<EscalationStep> Waiting(RecordsDb db, Guid alarm) =>
        [.. db.Steps.Local.Where(s => s.AlarmId == alarm && s.State == StepState.Waiting).OrderBy(s => s.Order)];

    internal static void OpenAgain(Alarm alarm)
    {
        alarm.State = AlarmState.Open;
        (alarm.AcknowledgedAt, alarm.AcknowledgedBy, alarm.SeenWellBy) = (null, null, null);
        alarm.Round = ++alarm.Version;
    }

    /// <summary>How often it has happened by now, where people were not told of each time.</summary>
    internal static void Counted(RecordsDb db, Alarm alarm, DateTime now)
    {
        var (what, whatZh) = alarm.Kind == AlarmKind.Sos.Name ? ("pressed", "按下") : ("happened", "发生");
        Line(db, alarm.Id, now, "counted", "rules", $"{what} {alarm.Repeats + 1} times by now", $"至此共{whatZh} {alarm.Repeats + 1} 次");
    }

    /// <summary>Who answers, answers for all that has happened so far: it is not told again because of it.</summary>
    private static async Task AnsweredAsync(RecordsDb db, Alarm alarm, DateTime now, CancellationToken cancellation)
    {
        foreach (var again in (await WaitingAsync(db, alarm.Id, cancellation)).Where(s => s.To == Again))
        {
            Cancel(again, now, new Wording("answered", "已有人处理"));
            if (alarm.Severity == Severity.Critical)
                Counted(db, alarm, now);
        }
    }

    internal static void Line(RecordsDb db, Guid alarm, DateTime now, string what, string who, string text, string textZh) =>
        db.Timeline.Add(
            new TimelineEntry
            {
                AlarmId = alarm,
                Time = now,
                What = what,
                Who = who,
                Text = text,
                TextZh = textZh,
            }
        );

    private async Task<List<AlarmChange>> CommitBatchAsync(Finding[] findings, CancellationToken cancellation)
    {
        for (var attempt = 1; ; attempt++)
        {
            try
            {
                await using var db = await records.CreateDbContextAsync(cancellation);
                await using var transaction = await WriteTurn.BeginAsync(
                    db,
                    first: Array.Exists(findings, f => f.Severity == Severity.Critical),
                    cancellation
                );
                var changes = await JudgeAsync(db, findings, cancellation);
                await db.SaveChangesAsync(cancellation);
                await transaction.CommitAsync(cancellation);
                return changes;
            }
            catch (Exception e) when (attempt < Tries && StoreFailure.IsPassing(e))
            {
                // An acknowledgement or another instance came between (version, open key or finding key), or the connection was lost: look
                // again. What was committed is known by its key.
            }
        }
    }

    private async Task<List<AlarmChange>> JudgeAsync(RecordsDb db, Finding[] findings, CancellationToken cancellation)
    {
        var keys = findings.Select(f => f.Key).ToList();
        var known = (await db.Findings.Where(f => keys.Contains(f.Key)).Select(f => f.Key).ToListAsync(cancellation)).ToHashSet(
            StringComparer.Ordinal
        );
        var openKeys = findings.Select(OpenKeyOf).Distinct().ToList();
        var open = await db
            .Alarms.Where(a => a.OpenKey != null && openKeys.Contains(a.OpenKey))
            .ToDictionaryAsync(a => a.OpenKey!, StringComparer.Ordinal, cancellation);
        var subjects = findings.Select(f => f.Subject).Distinct().ToList();
        var residents = await db
            .Residents.Where(r => subjects.Contains(r.Id))
            .ToDictionaryAsync(r => r.Id, StringComparer.Ordinal, cancellation);
        var now = clock.GetUtcNow().UtcDateTime;
        var changes = new List<AlarmChange>();
        var opened = new HashSet<Guid>();
        foreach (var finding in findings)
        {
            var key = finding.Key;
            if (!known.Add(key))
                continue;
            db.Findings.Add(new CommittedFinding { Key = key, CommittedAt = now });
            open.TryGetValue(OpenKeyOf(finding), out var alarm);
            if (finding.Change == FindingChange.Cleared)
            {
                if (alarm is null || alarm.Episode != finding.Episode)
                    continue; // resolved by a person before
                changes.Add(await ClearAsync(db, alarm, finding, now, isNew: opened.Contains(alarm.Id), cancellation));
                if (alarm.State == AlarmState.Resolved)
                    open.Remove(OpenKeyOf(finding));
            }
            else if (alarm is not null)
            {
                changes.Add(await RepeatAsync(db, alarm, finding, now, cancellation));
            }
            else if (finding.Change == FindingChange.Opened || finding.Notify)
            {
                alarm = Open(db, finding, residents.GetValueOrDefault(finding.Subject), now);
                open[OpenKeyOf(finding)] = alarm;
                opened.Add(alarm.Id);
                changes.Add(new AlarmChange(alarm.Id, "opened", finding.Severity));
            }

            // An update of what a person has resolved doesn't bring it back; a second press does.
        }

        return changes;
    }

    private Alarm Open(RecordsDb db, Finding finding, Resident? resident, DateTime now)
    {
        var alarm = new Alarm
        {
            Id = Guid.CreateVersion7(clock.GetUtcNow()),
            Subject = finding.Subject,
            ResidentId = resident?.Id,
            Resident = resident,
            Area =
                finding.Subject == SelfTest.Name
                    ? RecordsDb.Nowhere
                    : resident?.Area ?? (finding.Subject.StartsWith("area:", StringComparison.Ordinal) ? finding.Subject[5..] : ""),
            Kind = finding.Kind.Name,
            Severity = finding.Severity,
            Episode = finding.Episode,
            DeviceId = finding.Device?.Value,
            Reason = finding.Reason,
            ReasonZh = finding.ReasonZh,
            RaisedAt = finding.Time,
            OpenedAt = now,
            OpenKey = OpenKeyOf(finding),
        };
        using (var span = Tracing.Source.StartActivity("alarm", ActivityKind.Internal, Tracing.Parse(finding.Trace)))
        {
            span?.SetTag("vigil.alarm", alarm.Id).SetTag("vigil.kind", alarm.Kind).SetTag("vigil.severity", finding.Severity.ToString());
            alarm.Trace = span?.Id ?? finding.Trace ?? "";
        }

        db.Alarms.Add(alarm);
        Line(db, alarm.Id, now, "opened", "rules", finding.Reason, finding.ReasonZh);
        if (finding.Subject == SelfTest.Name)
            db.Steps.Add(
                new EscalationStep
                {
                    Id = NewId(),
                    AlarmId = alarm.Id,
                    Order = 1,
                    To = $"{SelfTest.Name} {SelfTestTo.Address}",
                    Via = SelfTestTo.Via,
                    DueAt = now,
                    WaitSeconds = 60,
                }
            );
        else
            db.Steps.AddRange(Policies.Plan(PolicyOf(alarm), alarm.Id, now, NewId));
        return alarm;
    }

    /// <summary>It happened again after somebody acknowledged: open, and the whole plan from its first step.</summary>
    internal Task OpenAgainAsync(RecordsDb db, Alarm alarm, DateTime now, CancellationToken cancellation)
    {
        OpenAgain(alarm);
        alarm.RangAt = now;
        return PlanAsync(db, alarm, now, "repeated", cancellation);
    }

    /// <summary>Freezes the whole plan anew, from its first step, after what has been done so far.</summary>
    private async Task PlanAsync(RecordsDb db, Alarm alarm, DateTime now, string template, CancellationToken cancellation)
    {
        foreach (var old in await WaitingAsync(db, alarm.Id, cancellation))
            Cancel(old, now, new Wording("planned anew", "重新安排"));
        var order = await LastOrderAsync(db, alarm.Id, cancellation);
        foreach (var step in Policies.Plan(PolicyOf(alarm), alarm.Id, now, NewId))
        {
            if (step.Order == 1)
                step.Template = template;
            step.Order += order;
            db.Steps.Add(step);
        }
    }

    internal static async Task<int> LastOrderAsync(RecordsDb db, Guid alarm, CancellationToken cancellation)
    {
        var saved = await db.Steps.Where(s => s.AlarmId == alarm).MaxAsync(s => (int?)s.Order, cancellation) ?? 0;
        return Math.Max(saved, db.Steps.Local.Where(s => s.AlarmId == alarm).Select(s => s.Order).DefaultIfEmpty(0).Max());
    }

    private async Task<AlarmChange> RepeatAsync(RecordsDb db, Alarm alarm, Finding finding, DateTime now, CancellationToken cancellation)
    {
        alarm.Version++;
        alarm.Reason = finding.Reason;
        alarm.ReasonZh = finding.ReasonZh;
        if (alarm.Episode != finding.Episode)
            (alarm.Episode, alarm.ClearedAt) = (finding.Episode, null); // it began again before anybody resolved it
        var rose = finding.Severity > alarm.Severity;
        var repeated = finding.Notify || finding.Change == FindingChange.Opened;
        var what =
            rose ? "severity"
            : repeated ? "repeated"
            : "updated";
        if (rose)
            alarm.Severity = finding.Severity;
        if (repeated)
            alarm.Repeats++;
        var change = new AlarmChange(alarm.Id, what, alarm.Severity);
        var policy = PolicyOf(alarm);
        if (!rose && repeated && HeldUntil(alarm, policy, now) is { } until)
        {
            // A button that is held or hammered: each press is counted, and people are called once in a while, not once a press.
            if (await NextAgainAsync(db, alarm, cancellation) is { } known && known.DueAt <= until)
                return change;
            Line(
                db,
                alarm.Id,
                now,
                what,
                "rules",
                $"{finding.Reason}; counted, and told anew at the earliest in {(until - now).TotalSeconds:0} s",
                $"{finding.ReasonZh}；已计数，最早 {(until - now).TotalSeconds:0} 秒后再次通知"
            );
            await AddAgainAsync(db, alarm, until, cancellation);
            return change;
        }

        var (why, whyZh) = rose
            ? ($"now {finding.Severity}: {finding.Reason}", $"级别升高：{finding.ReasonZh}")
            : (finding.Reason, finding.ReasonZh);
        Line(db, alarm.Id, now, what, "rules", why, whyZh);
        var again = rose || finding.Notify || (repeated && alarm.AcknowledgedAt is { } at && now - at >= policy.RenotifyAfter);
        if (!again)
        {
            // Recorded now; when the time is over and nobody has finished it, everybody hears of it again.
            if (repeated && alarm.AcknowledgedAt is { } since && await NextAgainAsync(db, alarm, cancellation) is null)
                await AddAgainAsync(db, alarm, since + policy.RenotifyAfter, cancellation);
            return change;
        }

        if (alarm.State != AlarmState.Open)
        {
            // Whoever acknowledged answered for less than this: everybody hears of it again, in order, and somebody has to answer anew.
            Line(
                db,
                alarm.Id,
                now,
                "reopened",
                "rules",
                rose ? "became more severe after it was acknowledged" : "happened again after it was acknowledged",
                rose ? "确认后加重" : "确认后再次发生"
            );
            await OpenAgainAsync(db, alarm, now, cancellation);
            if (!rose)
                alarm.ReopenedAt = now;
            return change;
        }

        (alarm.Round, alarm.RangAt) = (alarm.Version, now);
        var waiting = await WaitingAsync(db, alarm.Id, cancellation);
        if (rose || !waiting.Exists(s => s.Template == "opened"))
        {
            await PlanAsync(db, alarm, now, rose ? "opened" : "repeated", cancellation);
            return change;
        }

        // Pressed again while people are being told: the first ones hear it at once, and the plan goes on as it was.
        var first = policy.Steps[0];
        db.Steps.Add(
            new EscalationStep
            {
                Id = NewId(),
                AlarmId = alarm.Id,
                Order = await LastOrderAsync(db, alarm.Id, cancellation) + 1,
                To = first.To,
                Via = string.Join(',', first.Via),
                DueAt = now,
                Template = "repeated",
            }
        );
        return change;
    }

    /// <summary>
    /// Until when a critical alarm that happens again is counted instead of told, because people were told of it a moment ago; null when it
    /// is told now. What happens after somebody acknowledged opens it again at once the first time. A clock that was put back holds
    /// nothing.
    /// </summary>
    private static DateTime? HeldUntil(Alarm alarm, Policy policy, DateTime now)
    {
        if (alarm.Severity != Severity.Critical)
            return null;
        var told = alarm.State == AlarmState.Open ? alarm.RangAt ?? alarm.OpenedAt : alarm.ReopenedAt;
        return told is { } at && at <= now && now - at < policy.RingAgainAfter ? at + policy.RingAgainAfter : null;
    }

    private static async Task<EscalationStep?> NextAgainAsync(RecordsDb db, Alarm alarm, CancellationToken cancellation) =>
        (await WaitingAsync(db, alarm.Id, cancellation)).Where(s => s.To == Again).MinBy(s => s.DueAt);

    private async Task AddAgainAsync(RecordsDb db, Alarm alarm, DateTime due, CancellationToken cancellation) =>
        db.Steps.Add(
            new EscalationStep
            {
                Id = NewId(),
                AlarmId = alarm.Id,
                Order = await LastOrderAsync(db, alarm.Id, cancellation) + 1,
                To = Again,
                Via = "",
                DueAt = due,
                Template = "repeated",
            }
        );

    private async Task<AlarmChange> ClearAsync(
        RecordsDb db,
        Alarm alarm,
        Finding finding,
        DateTime now,
        bool isNew,
        CancellationToken cancellation
    )
    {
        alarm.Version++;
        alarm.ClearedAt = now;
        Line(db, alarm.Id, now, "cleared", "rules", finding.Reason, finding.ReasonZh);
        // Whoever acknowledged finishes it; what nobody has answered for ends by itself. A cry for help never does. Who was told hears of
        // either.
        var open = alarm.State == AlarmState.Open;
        if (alarm.Severity == Severity.Critical)
            return new AlarmChange(alarm.Id, "cleared", Severity.Critical);
        if (open)
            await CloseAsync(db, alarm, "rules", Resolution.Cleared, now, cancellation);
        if (
            !isNew
            && await db.Notices.AnyAsync(
                n =>
                    n.AlarmId == alarm.Id
                    && (n.State == NoticeState.Sending || n.State == NoticeState.Sent || n.State == NoticeState.Delivered),
                cancellation
            )
        )
            db.Steps.Add(
                new EscalationStep
                {
                    Id = NewId(),
                    AlarmId = alarm.Id,
                    Order = await LastOrderAsync(db, alarm.Id, cancellation) + 1,
                    To = Told,
                    Via = "sms,mail,webhook",
                    DueAt = now,
                    Template = open ? "cleared" : "back",
                }
            );
        return new AlarmChange(alarm.Id, "cleared", alarm.Severity);
    }

    private async Task ChangeAsync(
        Guid id,
        string who,
        string what,
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
                // A press or a step came between: the answer is judged anew on what stands there now.
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
        string what,
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
        Line(db, id, now, what, who, note.En, note.Zh);
        await db.SaveChangesAsync(cancellation);
        await transaction.CommitAsync(cancellation);
        return alarm.Severity;
    }

    private static async Task CloseAsync(
        RecordsDb db,
        Alarm alarm,
        string who,
        Resolution resolution,
        DateTime now,
        CancellationToken cancellation
    )
    {
        alarm.State = AlarmState.Resolved;
        alarm.ResolvedAt = now;
        alarm.ResolvedBy = who;
        alarm.Resolution = resolution;
        alarm.OpenKey = null;
        alarm.SeenWellBy = null;
        await AnsweredAsync(db, alarm, now, cancellation);
        foreach (var step in await WaitingAsync(db, alarm.Id, cancellation))
            Cancel(step, now, new Wording($"resolved by {who}", $"{who} 已办结"));
        await CancelNoticesAsync(db, alarm.Id, now, $"resolved by {who}", cancellation);
    }

    /// <summary>
    /// What has not been sent is not sent; what is on its way stays as it is. A digest speaks of other alarms too: the dispatcher takes it
    /// apart.
    /// </summary>
    private static Task<int> CancelNoticesAsync(RecordsDb db, Guid alarm, DateTime now, string why, CancellationToken cancellation) =>
        db
            .Notices.Where(n =>
                n.AlarmId == alarm && (n.State == NoticeState.Waiting || n.State == NoticeState.Deferred) && n.Template != "digest"
            )
            .ExecuteUpdateAsync(
                u => u.SetProperty(n => n.State, NoticeState.Cancelled).SetProperty(n => n.FinishedAt, now).SetProperty(n => n.Note, why),
                cancellation
            );

    private static void Cancel(EscalationStep step, DateTime now, Wording why) =>
        (step.State, step.FinishedAt, step.Note) = (StepState.Cancelled, now, why);

    private static AlarmConflictException Resolved(Alarm a) =>
        new(new Wording($"already resolved by {a.ResolvedBy}", $"已由 {a.ResolvedBy} 办结"));

    private Policy PolicyOf(Alarm a) => policies.For(a, a.Resident, zone);

    private Guid NewId() => Guid.CreateVersion7(clock.GetUtcNow());

    private static string OpenKeyOf(Finding f) => $"{f.Subject}|{f.Kind.Name}";
}
