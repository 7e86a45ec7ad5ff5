using Microsoft.EntityFrameworkCore;
using Vigil.Model;
using Vigil.Notify.Messages;
using Vigil.Storage.Records;

namespace Vigil.Notify.Escalation;

/// <summary>Joins messages that wait for the same address, of alarms that aren't critical, into one digest about all of them.</summary>
internal static class Bundles
{
    /// <summary>Low severities go out as one message from two on; high ones from four on.</summary>
    private const int Low = 2,
        High = 4;

    /// <summary>In the caller's transaction.</summary>
    public static void Make(
        RecordsDb db,
        IEnumerable<Notice> due,
        IReadOnlyDictionary<Guid, Alarm> alarms,
        People people,
        SendingLimits limits,
        MessageTexts messages,
        DateTime now
    )
    {
        foreach (var bundle in Of(due, alarms))
        {
            var first = bundle[0];
            if (limits.Earliest(first, now) > now)
                continue; // joined only when it is sent: each alarm may still be answered, and its message cancelled, on its own
            first.Template = MessageKind.Digest;
            first.Text = messages.Digest(
                first.Language,
                [.. bundle.Select(n => (people.NameOf(alarms[n.AlarmId]), alarms[n.AlarmId].Kind))],
                first.Link
            );
            foreach (var other in bundle.Skip(1))
            {
                (other.State, other.FinishedAt, other.DigestId, other.Note) = (
                    NoticeState.Cancelled,
                    now,
                    first.Id,
                    "in one message with others"
                );
                Timeline.Add(
                    db,
                    other,
                    now,
                    TimelineEvent.Bundled,
                    "escalation",
                    $": in one message with {bundle.Count - 1} others",
                    $"：与另外{bundle.Count - 1}条合并发送"
                );
            }
        }
    }

    /// <summary>The notices that a digest stands for, besides its own.</summary>
    public static Task<List<Notice>> BundledInAsync(RecordsDb db, Notice digest, CancellationToken cancellation) =>
        db.Notices.Where(n => n.DigestId == digest.Id).ToListAsync(cancellation);

    /// <summary>A digest isn't sent after all: each notice in it waits on its own again.</summary>
    public static async Task UndoAsync(RecordsDb db, Notice digest, DateTime now, CancellationToken cancellation)
    {
        foreach (var other in await BundledInAsync(db, digest, cancellation))
            (other.State, other.FinishedAt, other.SentAt, other.DueAt, other.DigestId, other.Note) = (
                NoticeState.Waiting,
                null,
                null,
                now,
                null,
                ""
            );
    }

    /// <summary>Which of the due notices go into one message; in each group the most severe comes first, and becomes the digest.</summary>
    private static List<List<Notice>> Of(IEnumerable<Notice> due, IReadOnlyDictionary<Guid, Alarm> alarms) =>
        [
            .. due.Where(n =>
                    n.Template == MessageKind.Opened
                    && n.Channel != Channel.Voice
                    && n.State is NoticeState.Waiting or NoticeState.Deferred
                    && alarms[n.AlarmId].State == AlarmState.Open
                )
                .GroupBy(n => (n.Channel, n.Address, IsLow: alarms[n.AlarmId].Severity <= Severity.Warning))
                .Where(g => g.Count() >= (g.Key.IsLow ? Low : High))
                .Select(g => g.OrderByDescending(n => alarms[n.AlarmId].Severity).ThenBy(n => n.CreatedAt).ToList()),
        ];
}
