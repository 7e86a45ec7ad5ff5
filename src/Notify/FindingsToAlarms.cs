using System.Diagnostics;
using Microsoft.EntityFrameworkCore;
using Vigil.Model;
using Vigil.Notify.Escalation;
using Vigil.Storage;
using Vigil.Storage.Records;

namespace Vigil.Notify;

/// <summary>
/// Commits findings of the rules: opens, repeats, raises and clears alarms, each finding exactly once. The part of <see cref="AlarmDesk"/>
/// that is about findings; the other part is about people's answers.
/// </summary>
internal sealed class FindingsToAlarms(IDbContextFactory<RecordsDb> records, Policies policies, TimeProvider clock, TimeZoneInfo zone)
{
    private readonly RepeatedAlarms repeats = new(policies, clock, zone);

    public (Channel Via, string Address) SelfTestTo { get; set; } = (Channel.SelfTest, SelfTest.Channel);

    /// <summary>One transaction.</summary>
    public async Task<List<AlarmChange>> CommitAsync(Finding[] findings, CancellationToken cancellation)
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
                var changes = await ApplyAsync(db, findings, cancellation);
                await db.SaveChangesAsync(cancellation);
                await transaction.CommitAsync(cancellation);
                return changes;
            }
            catch (Exception e) when (attempt < AlarmDesk.Tries && StoreFailure.IsPassing(e))
            {
                // An acknowledgement or another instance came between (version, open key or finding key), or the connection was lost: try
                // again. A finding that was committed all the same is recognised by its key.
            }
        }
    }

    private async Task<List<AlarmChange>> ApplyAsync(RecordsDb db, Finding[] findings, CancellationToken cancellation)
    {
        var keys = findings.Select(f => f.Key).ToList();
        var known = (await db.Findings.Where(f => keys.Contains(f.Key)).Select(f => f.Key).ToListAsync(cancellation)).ToHashSet(
            StringComparer.Ordinal
        );
        var openKeys = findings.Select(KeyOf).Distinct().ToList();
        var open = await db
            .Alarms.Where(a => a.OpenKey != null && openKeys.Contains(a.OpenKey))
            .ToDictionaryAsync(a => a.OpenKey!, StringComparer.Ordinal, cancellation);
        var subjects = findings.Select(f => f.Subject).Distinct().ToList();
        var residents = await db
            .Residents.Where(r => subjects.Contains(r.Id))
            .ToDictionaryAsync(r => r.Id, StringComparer.Ordinal, cancellation);
        var staffed = Array.Exists(findings, f => f.Area.Length > 0)
            ? await db.DutyOfficers.Select(o => o.Area).Distinct().ToListAsync(cancellation)
            : [];
        var now = clock.GetUtcNow().UtcDateTime;
        var changes = new List<AlarmChange>();
        var opened = new HashSet<Guid>();
        foreach (var finding in findings)
        {
            if (!known.Add(finding.Key))
                continue;
            db.Findings.Add(new CommittedFinding { Key = finding.Key, CommittedAt = now });
            var alarm = open.GetValueOrDefault(KeyOf(finding));
            switch (AlarmLife.Meaning(finding, alarm?.Episode))
            {
                case FindingMeaning.Opens:
                    alarm = Open(db, finding, residents.GetValueOrDefault(finding.Subject), staffed, now);
                    open[KeyOf(finding)] = alarm;
                    opened.Add(alarm.Id);
                    changes.Add(new AlarmChange(alarm.Id, TimelineEvent.Opened, finding.Severity));
                    break;
                case FindingMeaning.HappensAgain:
                    changes.Add(await repeats.ApplyAsync(db, alarm!, finding, now, cancellation));
                    break;
                case FindingMeaning.Clears:
                    changes.Add(await ClearAsync(db, alarm!, finding, now, isNew: opened.Contains(alarm!.Id), cancellation));
                    if (alarm.State == AlarmState.Resolved)
                        open.Remove(KeyOf(finding));
                    break;
            }
        }

        return changes;
    }

    /// <param name="staffed">Areas that have officers of their own: an alarm of any other, without a resident, is the whole desk's.</param>
    private Alarm Open(RecordsDb db, Finding finding, Resident? resident, List<string> staffed, DateTime now)
    {
        var alarm = new Alarm
        {
            Id = clock.NewId(),
            Subject = finding.Subject,
            ResidentId = resident?.Id,
            Resident = resident,
            Area =
                finding.Subject == SelfTest.Name ? RecordsDb.Nowhere
                : resident is not null ? resident.Area
                : finding.Subject.StartsWith("area:", StringComparison.Ordinal) ? finding.Subject[5..]
                : staffed.Exists(a => a.Length > 0 && finding.Area.StartsWith(a, StringComparison.Ordinal)) ? finding.Area
                : "",
            Kind = finding.Kind.Name,
            Severity = finding.Severity,
            Episode = finding.Episode,
            DeviceId = finding.Device?.Value,
            Reason = finding.Reason,
            ReasonZh = finding.ReasonZh,
            RaisedAt = finding.Time,
            OpenedAt = now,
            OpenKey = KeyOf(finding),
        };
        using (var span = Tracing.Source.StartActivity("alarm", ActivityKind.Internal, Tracing.Parse(finding.Trace)))
        {
            span?.SetTag("vigil.alarm", alarm.Id).SetTag("vigil.kind", alarm.Kind).SetTag("vigil.severity", finding.Severity.ToString());
            alarm.Trace = span?.Id ?? finding.Trace ?? "";
        }

        db.Alarms.Add(alarm);
        Timeline.Add(db, alarm.Id, now, TimelineEvent.Opened, AlarmLife.Rules, finding.Reason, finding.ReasonZh);
        if (finding.Subject == SelfTest.Name)
            db.Steps.Add(
                new EscalationStep
                {
                    Id = clock.NewId(),
                    AlarmId = alarm.Id,
                    Order = 1,
                    To = $"{SelfTest.Name} {SelfTestTo.Address}",
                    Via = [SelfTestTo.Via],
                    DueAt = now,
                    WaitSeconds = 60,
                }
            );
        else
            db.Steps.AddRange(Policies.Plan(PolicyOf(alarm), alarm.Id, now, clock.NewId));
        return alarm;
    }

    private async Task<AlarmChange> ClearAsync(
        RecordsDb db,
        Alarm alarm,
        Finding finding,
        DateTime now,
        bool isNew,
        CancellationToken cancellation
    )
    {
        var (after, how) = AlarmLife.Clear(Standing.Of(alarm), now, finding.IsFinal);
        after.WriteTo(alarm);
        Timeline.Add(db, alarm.Id, now, TimelineEvent.Cleared, AlarmLife.Rules, finding.Reason, finding.ReasonZh);
        var change = new AlarmChange(alarm.Id, TimelineEvent.Cleared, alarm.Severity);
        if (how == Clearing.StaysOpen)
            return change;
        if (how == Clearing.Ends)
            await Ending.ResolvedAsync(db, alarm, now, cancellation);
        // Whoever was told of the alarm is told that it is over or has eased.
        if (
            !isNew
            && await db.Notices.AnyAsync(
                n =>
                    n.AlarmId == alarm.Id
                    && (n.State == NoticeState.Sending || n.State == NoticeState.Sent || n.State == NoticeState.Delivered),
                cancellation
            )
        )
            await Plan.AddAsync(
                db,
                new EscalationStep
                {
                    Id = clock.NewId(),
                    AlarmId = alarm.Id,
                    To = Plan.Told,
                    Via = [Channel.Sms, Channel.Mail, Channel.Webhook],
                    DueAt = now,
                    Template = how == Clearing.Ends ? MessageKind.Cleared : MessageKind.Back,
                },
                cancellation
            );
        return change;
    }

    private Policy PolicyOf(Alarm alarm) => policies.For(alarm, alarm.Resident, zone);

    private static string KeyOf(Finding finding) => Standing.KeyOf(finding.Subject, finding.Kind.Name);
}
