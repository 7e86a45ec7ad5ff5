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
    /// <summary>Who answers, answers for all that has happened so far: it is not told again because of it.</summary>
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
    /// What has not been sent is not sent; what is on its way stays as it is. A digest speaks of other alarms too: the dispatcher takes it
    /// apart.
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
