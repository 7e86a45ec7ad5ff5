using Microsoft.EntityFrameworkCore;
using Vigil.Model;
using Vigil.Notify.Escalation;
using Vigil.Storage.Records;

namespace Vigil.Notify;

/// <summary>Something changed on an alarm; the live board and the escalator listen.</summary>
/// <param name="AlarmId">Which.</param>
/// <param name="What">The timeline's word: opened, repeated, severity, acknowledged, in-hand, cleared, resolved, reopened, note.</param>
/// <param name="Severity">The alarm's.</param>
public sealed record AlarmChange(Guid AlarmId, string What, Severity Severity);

/// <summary>An alarm can't be changed as asked; the message says why, in words for the person who asked.</summary>
public sealed class AlarmConflictException(string message) : Exception(message);

/// <summary>
/// The life of an alarm: open → acknowledged → in hand → resolved. Findings become alarms here, each exactly once; every change is one transaction
/// with its line on the timeline, and what follows is planned as rows in the same transaction (invariant 7).
/// </summary>
public sealed class AlarmDesk(IDbContextFactory<RecordsDb> records, Policies policies, TimeProvider clock)
{
    /// <summary>After the transaction is committed.</summary>
    public event Action<AlarmChange>? Changed;

    /// <summary>Commits findings: opens, repeats, raises and clears alarms. What was committed before is left out.</summary>
    public async Task<IReadOnlyList<AlarmChange>> CommitAsync(IReadOnlyList<Finding> findings, CancellationToken cancellation)
    {
        if (findings.Count == 0) return [];
        await using var db = await records.CreateDbContextAsync(cancellation);
        await using var transaction = await db.Database.BeginTransactionAsync(cancellation);
        var keys = findings.Select(KeyOf).ToList();
        var known = (await db.Findings.Where(f => keys.Contains(f.Key)).Select(f => f.Key).ToListAsync(cancellation)).ToHashSet();
        var openKeys = findings.Select(OpenKeyOf).Distinct().ToList();
        var open = await db.Alarms.Where(a => a.OpenKey != null && openKeys.Contains(a.OpenKey)).ToDictionaryAsync(a => a.OpenKey!, cancellation);
        var now = clock.GetUtcNow().UtcDateTime;
        var changes = new List<AlarmChange>();
        var opened = new HashSet<Guid>();
        foreach (var finding in findings)
        {
            if (!known.Add(KeyOf(finding))) continue;
            db.Findings.Add(new CommittedFinding { Key = KeyOf(finding), CommittedAt = now });
            open.TryGetValue(OpenKeyOf(finding), out var alarm);
            if (finding.Change == FindingChange.Cleared)
            {
                if (alarm is null || alarm.Episode != finding.Episode) continue; // resolved by a person before
                changes.Add(await ClearAsync(db, alarm, finding, now, told: !opened.Contains(alarm.Id), cancellation));
                if (alarm.State == AlarmState.Resolved) open.Remove(OpenKeyOf(finding));
            }
            else if (alarm is not null)
            {
                changes.Add(await RepeatAsync(db, alarm, finding, now, cancellation));
            }
            else if (finding.Change == FindingChange.Opened || finding.Notify)
            {
                alarm = await OpenAsync(db, finding, now, cancellation);
                open[OpenKeyOf(finding)] = alarm;
                opened.Add(alarm.Id);
                changes.Add(new AlarmChange(alarm.Id, "opened", finding.Severity));
            }

            // An update of what a person has resolved doesn't bring it back; a second press does.
        }

        await db.SaveChangesAsync(cancellation);
        await transaction.CommitAsync(cancellation);
        foreach (var change in changes) Changed?.Invoke(change);
        return changes;
    }

    /// <summary>Somebody answers for it; escalation pauses until "seen well by" runs out.</summary>
    public Task AcknowledgeAsync(Guid alarm, string who, string note, CancellationToken cancellation) => ChangeAsync(alarm, who, "acknowledged", note, (db, a, now) =>
    {
        if (a.State == AlarmState.Resolved) throw new AlarmConflictException($"already resolved by {a.ResolvedBy}");
        if (a.State != AlarmState.Open) throw new AlarmConflictException($"already acknowledged by {a.AcknowledgedBy}");
        a.State = AlarmState.Acknowledged;
        a.AcknowledgedAt = now;
        a.AcknowledgedBy = who;
        a.SeenWellBy = now + policies.For((Severity)a.Severity, a.Kind, a.Area, a.ResidentId).SeenWellBy;
        return Task.CompletedTask;
    }, cancellation);

    /// <summary>A visitor is on the way.</summary>
    public Task TakeInHandAsync(Guid alarm, string who, string note, CancellationToken cancellation) => ChangeAsync(alarm, who, "in-hand", note, (db, a, now) =>
    {
        if (a.State == AlarmState.Resolved) throw new AlarmConflictException($"already resolved by {a.ResolvedBy}");
        a.State = AlarmState.InHand;
        a.AcknowledgedAt ??= now;
        a.AcknowledgedBy ??= who;
        a.SeenWellBy ??= now + policies.For((Severity)a.Severity, a.Kind, a.Area, a.ResidentId).SeenWellBy;
        return Task.CompletedTask;
    }, cancellation);

    public Task NoteAsync(Guid alarm, string who, string note, CancellationToken cancellation) => ChangeAsync(alarm, who, "note", note, (_, _, _) => Task.CompletedTask, cancellation);

    public Task ResolveAsync(Guid alarm, string who, Resolution resolution, string note, CancellationToken cancellation) =>
        ChangeAsync(alarm, who, "resolved", $"{resolution}: {note}".TrimEnd(' ', ':'), async (db, a, now) =>
        {
            if (resolution is Resolution.None or Resolution.Cleared) throw new AlarmConflictException("a resolution needs a coded reason");
            if (a.State == AlarmState.Resolved) throw new AlarmConflictException($"already resolved by {a.ResolvedBy}");
            await CloseAsync(db, a, who, resolution, now, cancellation);
        }, cancellation);

    /// <summary>Resolved too early: it is open again, and everybody is told again.</summary>
    public Task ReopenAsync(Guid alarm, string who, string note, CancellationToken cancellation) => ChangeAsync(alarm, who, "reopened", note, async (db, a, now) =>
    {
        if (a.State != AlarmState.Resolved) throw new AlarmConflictException("is not resolved");
        var key = $"{a.Subject}|{a.Kind}";
        if (await db.Alarms.AnyAsync(o => o.OpenKey == key, cancellation)) throw new AlarmConflictException("a newer alarm of this kind is open");
        a.State = AlarmState.Open;
        a.OpenKey = key;
        (a.ResolvedAt, a.ResolvedBy, a.Resolution) = (null, null, Resolution.None);
        (a.AcknowledgedAt, a.AcknowledgedBy, a.SeenWellBy) = (null, null, null);
        await PlanAsync(db, a, now, cancellation);
    }, cancellation);

    private async Task ChangeAsync(Guid id, string who, string what, string note, Func<RecordsDb, Alarm, DateTime, Task> change, CancellationToken cancellation)
    {
        await using var db = await records.CreateDbContextAsync(cancellation);
        var alarm = await db.Alarms.FirstOrDefaultAsync(a => a.Id == id, cancellation) ?? throw new KeyNotFoundException($"there is no alarm {id}");
        var now = clock.GetUtcNow().UtcDateTime;
        await change(db, alarm, now);
        alarm.Version++;
        Line(db, alarm, now, what, who, note, note);
        try
        {
            await db.SaveChangesAsync(cancellation);
        }
        catch (DbUpdateConcurrencyException)
        {
            throw new AlarmConflictException("somebody else changed this alarm at the same moment; look again");
        }

        Changed?.Invoke(new AlarmChange(id, what, (Severity)alarm.Severity));
    }

    private async Task<Alarm> OpenAsync(RecordsDb db, Finding finding, DateTime now, CancellationToken cancellation)
    {
        var resident = finding.Subject.StartsWith("area:", StringComparison.Ordinal) ? null : await db.Residents.FindAsync([finding.Subject], cancellation);
        var alarm = new Alarm
        {
            Id = Guid.CreateVersion7(clock.GetUtcNow()), Subject = finding.Subject, ResidentId = resident?.Id,
            Area = resident?.Area ?? (finding.Subject.StartsWith("area:", StringComparison.Ordinal) ? finding.Subject[5..] : ""),
            Kind = finding.Kind.Name, Severity = (int)finding.Severity, Episode = finding.Episode, DeviceId = finding.Device?.Value, Reason = finding.Reason, ReasonZh = finding.ReasonZh,
            RaisedAt = finding.Time, OpenedAt = now, OpenKey = OpenKeyOf(finding),
        };
        db.Alarms.Add(alarm);
        Line(db, alarm, now, "opened", "rules", finding.Reason, finding.ReasonZh);
        await PlanAsync(db, alarm, now, cancellation);
        return alarm;
    }

    private async Task PlanAsync(RecordsDb db, Alarm alarm, DateTime now, CancellationToken cancellation)
    {
        foreach (var old in await db.Steps.Where(s => s.AlarmId == alarm.Id && s.State == StepState.Waiting).ToListAsync(cancellation)) Cancel(old, now, "planned anew");
        var order = await db.Steps.Where(s => s.AlarmId == alarm.Id).MaxAsync(s => (int?)s.Order, cancellation) ?? 0;
        var policy = policies.For((Severity)alarm.Severity, alarm.Kind, alarm.Area, alarm.ResidentId);
        foreach (var step in Policies.Plan(policy, alarm.Id, now, () => Guid.CreateVersion7(clock.GetUtcNow())))
        {
            step.Order += order;
            db.Steps.Add(step);
        }
    }

    private async Task<AlarmChange> RepeatAsync(RecordsDb db, Alarm alarm, Finding finding, DateTime now, CancellationToken cancellation)
    {
        alarm.Version++;
        alarm.Reason = finding.Reason;
        alarm.ReasonZh = finding.ReasonZh;
        var what = "updated";
        if (finding.Severity > (Severity)alarm.Severity)
        {
            what = "severity";
            alarm.Severity = (int)finding.Severity;
            Line(db, alarm, now, what, "rules", $"now {finding.Severity}: {finding.Reason}", finding.ReasonZh);
            if (alarm.State == AlarmState.Open) await PlanAsync(db, alarm, now, cancellation);
            return new AlarmChange(alarm.Id, what, finding.Severity);
        }

        if (finding.Notify || finding.Change == FindingChange.Opened)
        {
            what = "repeated";
            alarm.Repeats++;
        }

        Line(db, alarm, now, what, "rules", finding.Reason, finding.ReasonZh);
        var policy = policies.For((Severity)alarm.Severity, alarm.Kind, alarm.Area, alarm.ResidentId);
        var again = finding.Notify || (what == "repeated" && alarm.AcknowledgedAt is { } at && now - at >= policy.RenotifyAfter);
        if (!again) return new AlarmChange(alarm.Id, what, (Severity)alarm.Severity);

        // Happened again: the first people of the plan hear of it at once; whoever acknowledged has to do so anew.
        var first = policy.Steps[0];
        var order = await db.Steps.Where(s => s.AlarmId == alarm.Id).MaxAsync(s => (int?)s.Order, cancellation) ?? 0;
        order = Math.Max(order, db.Steps.Local.Where(s => s.AlarmId == alarm.Id).Select(s => s.Order).DefaultIfEmpty(0).Max());
        db.Steps.Add(new EscalationStep
        {
            Id = Guid.CreateVersion7(clock.GetUtcNow()), AlarmId = alarm.Id, Order = order + 1, To = first.To, Via = string.Join(',', first.Via), DueAt = now, WaitSeconds = 0, Note = "repeated",
        });
        if (alarm.State != AlarmState.Open)
        {
            alarm.State = AlarmState.Open;
            (alarm.AcknowledgedAt, alarm.AcknowledgedBy, alarm.SeenWellBy) = (null, null, null);
            Line(db, alarm, now, "reopened", "rules", "happened again after it was acknowledged", "确认后再次发生");
            await ResumeAsync(db, alarm, now, cancellation);
        }

        return new AlarmChange(alarm.Id, what, (Severity)alarm.Severity);
    }

    /// <summary>Moves the steps that still wait to now, keeping the waits between them.</summary>
    public static async Task ResumeAsync(RecordsDb db, Alarm alarm, DateTime now, CancellationToken cancellation)
    {
        var due = now;
        foreach (var step in await db.Steps.Where(s => s.AlarmId == alarm.Id && s.State == StepState.Waiting && s.Note != "repeated").OrderBy(s => s.Order).ToListAsync(cancellation))
        {
            if (step.DueAt > due || step.DueAt < now) step.DueAt = due;
            due = step.DueAt.AddSeconds(step.WaitSeconds);
        }
    }

    private static async Task<AlarmChange> ClearAsync(RecordsDb db, Alarm alarm, Finding finding, DateTime now, bool told, CancellationToken cancellation)
    {
        alarm.Version++;
        alarm.ClearedAt = now;
        Line(db, alarm, now, "cleared", "rules", finding.Reason, finding.ReasonZh);
        // Whoever acknowledged finishes it; what nobody has answered for ends by itself. A cry for help never does.
        if (alarm.State == AlarmState.Open && (Severity)alarm.Severity != Severity.Critical)
        {
            await CloseAsync(db, alarm, "rules", Resolution.Cleared, now, cancellation);
            if (told && await db.Notices.AnyAsync(n => n.AlarmId == alarm.Id && (n.State == NoticeState.Sent || n.State == NoticeState.Delivered), cancellation))
                db.Steps.Add(new EscalationStep { Id = Guid.CreateVersion7(), AlarmId = alarm.Id, Order = 1000, To = "told", Via = "sms", DueAt = now, Note = "cleared" });
        }

        return new AlarmChange(alarm.Id, "cleared", (Severity)alarm.Severity);
    }

    private static async Task CloseAsync(RecordsDb db, Alarm alarm, string who, Resolution resolution, DateTime now, CancellationToken cancellation)
    {
        alarm.State = AlarmState.Resolved;
        alarm.ResolvedAt = now;
        alarm.ResolvedBy = who;
        alarm.Resolution = resolution;
        alarm.OpenKey = null;
        alarm.SeenWellBy = null;
        foreach (var step in await db.Steps.Where(s => s.AlarmId == alarm.Id && s.State == StepState.Waiting).ToListAsync(cancellation)) Cancel(step, now, $"resolved by {who}");
        foreach (var step in db.Steps.Local.Where(s => s.AlarmId == alarm.Id && s.State == StepState.Waiting).ToList()) Cancel(step, now, $"resolved by {who}");
        foreach (var notice in await db.Notices.Where(n => n.AlarmId == alarm.Id && (n.State == NoticeState.Waiting || n.State == NoticeState.Deferred)).ToListAsync(cancellation))
            (notice.State, notice.FinishedAt, notice.Note) = (NoticeState.Cancelled, now, $"resolved by {who}");
    }

    private static void Cancel(EscalationStep step, DateTime now, string why) => (step.State, step.FinishedAt, step.Note) = (StepState.Cancelled, now, why);

    private static void Line(RecordsDb db, Alarm alarm, DateTime now, string what, string who, string text, string textZh) =>
        db.Timeline.Add(new TimelineEntry { AlarmId = alarm.Id, Time = now, What = what, Who = who, Text = text, TextZh = textZh });

    private static string KeyOf(Finding f) => $"{f.Subject}|{f.Kind.Name}|{f.Episode}|{f.Sequence}";

    private static string OpenKeyOf(Finding f) => $"{f.Subject}|{f.Kind.Name}";
}
