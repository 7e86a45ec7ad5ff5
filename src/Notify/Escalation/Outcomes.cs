using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.Logging;
using Vigil.Model;
using Vigil.Notify.Channels;
using Vigil.Notify.Messages;
using Vigil.Storage.Records;

namespace Vigil.Notify.Escalation;

/// <summary>
/// Writes down what became of messages, and what follows from it, as <see cref="DeliveryDecision"/> decides.
/// </summary>
internal sealed partial class Outcomes(
    IDbContextFactory<RecordsDb> records,
    Routes routes,
    MessageTexts messages,
    OtherWays otherWays,
    TimeProvider clock,
    Troubles? troubles,
    ILogger log
)
{
    /// <summary>A call went out while somebody answered for its alarm.</summary>
    public event Action<Guid>? CalledTooLate;

    /// <summary>
    /// Writes outcomes down, together, else one by one. Returns those that are still to be written: what a provider said is not forgotten
    /// while the database is away.
    /// </summary>
    public async Task<List<Outcome>> RecordAllAsync(Lane lane, List<Outcome> outcomes, CancellationToken cancellation)
    {
        try
        {
            await RecordAsync(lane, outcomes, cancellation);
            return [];
        }
        catch (Exception e) when (e is not OutOfMemoryException && !cancellation.IsCancellationRequested)
        {
            LogFailed(log, e);
        }

        var left = new List<Outcome>();
        foreach (var outcome in outcomes)
        {
            try
            {
                await RecordAsync(lane, [outcome], cancellation);
            }
            catch (Exception e) when (e is not OutOfMemoryException && !cancellation.IsCancellationRequested)
            {
                LogNotRecorded(log, outcome.Notice, e);
                if (outcome.Failures + 1 < DeliveryDecision.MostAttempts)
                    left.Add(outcome with { Failures = outcome.Failures + 1 }); // else its lease runs out and the provider is asked
                else
                    troubles?.Happened(
                        "outcome",
                        $"what became of notice {outcome.Notice} can't be written down: {e.GetType().Name}",
                        $"通知 {outcome.Notice} 的结果无法保存：{e.GetType().Name}",
                        TimeSpan.FromHours(1)
                    );
            }
        }

        return left;
    }

    /// <summary>Writes outcomes down, many in one transaction.</summary>
    private async Task RecordAsync(Lane lane, List<Outcome> outcomes, CancellationToken cancellation)
    {
        if (outcomes.Count == 0)
            return;
        await using var db = await records.CreateDbContextAsync(cancellation);
        await using var transaction = await WriteTurn.BeginAsync(db, first: lane == Lane.Critical, cancellation);
        var now = clock.GetUtcNow().UtcDateTime;
        var ids = outcomes.Select(o => o.Notice).ToList();
        var notices = await db.Notices.Where(n => ids.Contains(n.Id)).ToDictionaryAsync(n => n.Id, cancellation);
        var alarmIds = notices.Values.Select(n => n.AlarmId).Distinct().ToList();
        var alarms = await db.Alarms.Where(a => alarmIds.Contains(a.Id)).ToDictionaryAsync(a => a.Id, cancellation);
        var people = await People.LoadAsync(db, alarms.Values, messages.ToLocal(now), cancellation);
        var tooLate = new List<Guid>();
        foreach (var outcome in outcomes)
        {
            if (!notices.TryGetValue(outcome.Notice, out var notice) || !alarms.TryGetValue(notice.AlarmId, out var alarm))
                continue; // erased meanwhile
            var followUp = await RecordAsync(db, notice, alarm, people, outcome, now, cancellation);
            if (followUp is FollowUp.Sent or FollowUp.Delivered && notice.Channel == Channel.Voice && alarm.State != AlarmState.Open)
                tooLate.Add(alarm.Id);
        }

        await db.SaveChangesAsync(cancellation);
        await transaction.CommitAsync(cancellation);
        foreach (var alarm in tooLate)
            CalledTooLate?.Invoke(alarm);
    }

    private async Task<FollowUp> RecordAsync(
        RecordsDb db,
        Notice notice,
        Alarm alarm,
        People people,
        Outcome outcome,
        DateTime now,
        CancellationToken cancellation
    )
    {
        var (result, reason) = (outcome.Result, outcome.Result.Reason);
        notice.ProviderId ??= result.ProviderId;
        var other = routes.For(notice.Channel, notice.Address) is { } way && way.Provider != notice.Provider ? way.Provider : null;
        var (followUp, due) = DeliveryDecision.AfterOutcome(notice, result.Outcome, outcome.Asked, other is not null, alarm.Severity, now);
        if (followUp == FollowUp.AlreadyKnown)
            return followUp;
        if (result.Blocked)
            await otherWays.BlockAsync(db, notice, reason, now, cancellation);
        var held = notice.Held;
        if (!held || followUp != FollowUp.AskProvider)
            (notice.Held, notice.Note) = (false, reason.En);
        notice.DueAt = due ?? notice.DueAt;
        switch (followUp)
        {
            case FollowUp.Sent or FollowUp.Delivered:
                (notice.State, notice.SentAt) = (NoticeState.Sent, now);
                if (followUp == FollowUp.Delivered)
                    (notice.State, notice.FinishedAt) = (NoticeState.Delivered, now);
                if (notice.Template == MessageKind.Digest)
                    foreach (var bundled in await Bundles.BundledInAsync(db, notice, cancellation))
                        (bundled.State, bundled.SentAt, bundled.FinishedAt) = (NoticeState.Sent, now, null);
                var (found, foundZh) = outcome.Asked ? (" (found at the provider)", "（服务商确认已收到）") : ("", "");
                Timeline.Add(db, notice, now, TimelineEvent.Sent, notice.Provider, found, foundZh);
                break;
            case FollowUp.Busy:
                (notice.State, notice.Attempts) = (NoticeState.Waiting, notice.Attempts - 1);
                if (held)
                    (notice.Held, notice.Note) = (true, OtherWays.HeldNote);
                break;
            case FollowUp.StillUnknown:
                await otherWays.HoldAsync(db, notice, alarm, people, reason, notice.DueAt, held, now, cancellation, whole: true);
                notice.State = NoticeState.Sending;
                break;
            case FollowUp.Hold:
                await otherWays.HoldAsync(db, notice, alarm, people, reason, notice.DueAt, held, now, cancellation);
                break;
            case FollowUp.Reroute:
                notice.State = NoticeState.Waiting;
                Timeline.Add(
                    db,
                    notice,
                    now,
                    TimelineEvent.Rerouted,
                    notice.Provider,
                    $": {reason.En}; over {other}",
                    $"：{reason.Zh}；改由 {other} 发送"
                );
                break;
            case FollowUp.Retry:
                notice.State = NoticeState.Waiting;
                Timeline.Add(
                    db,
                    notice,
                    now,
                    TimelineEvent.Retried,
                    notice.Provider,
                    $": {reason.En}; tried again",
                    $"：{reason.Zh}，重试"
                );
                break;
            case FollowUp.Fail:
                await otherWays.FailAsync(db, notice, alarm, people, reason, now, cancellation);
                break;
        }

        return followUp;
    }

    [LoggerMessage(Level = LogLevel.Error, Message = "What became of notice {Notice} could not be written down")]
    private static partial void LogNotRecorded(ILogger logger, Guid notice, Exception e);

    [LoggerMessage(Level = LogLevel.Error, Message = "Notices could not be handled; the next look tries again")]
    private static partial void LogFailed(ILogger logger, Exception e);
}
