using Microsoft.EntityFrameworkCore;
using Vigil.Model;
using Vigil.Notify.Escalation;
using Vigil.Storage.Records;

namespace Vigil.Notify;

/// <summary>
/// What is taken back when somebody answers for an alarm, or it is over. Each change belongs to the caller's transaction.
/// </summary>
internal static class Ending
{
    /// <summary>
    /// Whoever answers, answers for everything that has happened so far: a step that would have told people of it again is cancelled.
    /// </summary>
    public static async Task AnsweredAsync(RecordsDb db, Alarm alarm, DateTime now, CancellationToken cancellation)
    {
        foreach (var again in (await Plan.WaitingAsync(db, alarm.Id, cancellation)).Where(s => s.To == Plan.Again))
        {
            Plan.Cancel(again, now, new Wording("answered", "已有人处理"));
            if (alarm.Severity == Severity.Critical)
                Timeline.Counted(db, alarm, now);
        }
    }

    public static async Task ResolvedAsync(RecordsDb db, Alarm alarm, DateTime now, CancellationToken cancellation)
    {
        await AnsweredAsync(db, alarm, now, cancellation);
        foreach (var step in await Plan.WaitingAsync(db, alarm.Id, cancellation))
            Plan.Cancel(step, now, new Wording($"resolved by {alarm.ResolvedBy}", $"{alarm.ResolvedBy} 已办结"));
        await CancelNoticesAsync(db, alarm.Id, now, $"resolved by {alarm.ResolvedBy}", cancellation);
    }

    /// <summary>
    /// Cancels the notices that have not been sent yet; those on their way stay as they are. A digest is about other alarms too, so it is
    /// left to the dispatcher, which sends those on their own.
    /// </summary>
    public static Task<int> CancelNoticesAsync(RecordsDb db, Guid alarm, DateTime now, string why, CancellationToken cancellation) =>
        db
            .Notices.Where(n =>
                n.AlarmId == alarm
                && (n.State == NoticeState.Waiting || n.State == NoticeState.Deferred)
                && n.Template != MessageKind.Digest
            )
            .ExecuteUpdateAsync(
                u => u.SetProperty(n => n.State, NoticeState.Cancelled).SetProperty(n => n.FinishedAt, now).SetProperty(n => n.Note, why),
                cancellation
            );
}
