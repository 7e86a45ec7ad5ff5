using Microsoft.EntityFrameworkCore;
using Vigil.Storage.Records;

namespace Vigil.Notify.Escalation;

/// <summary>
/// How many messages a number may get. About 16 calls in an hour got a caller's number blocked by a whole carrier (goalert#1084); the
/// figures are GoAlert's (notification limits in its documentation). Over the limit a notice waits, it is never dropped; critical ones are
/// counted and never wait (invariant 9).
/// </summary>
internal sealed class SendingLimits
{
    private static readonly (TimeSpan Window, int Voice, int Sms)[] Windows =
    [
        (TimeSpan.FromMinutes(15), 3, 5),
        (TimeSpan.FromHours(1), 7, 11),
        (TimeSpan.FromHours(3), 15, 21),
    ];

    private readonly Dictionary<(Channel Channel, string Address), List<DateTime>> sent;

    private SendingLimits(Dictionary<(Channel, string), List<DateTime>> sent) => this.sent = sent;

    public static async Task<SendingLimits> LoadAsync(
        RecordsDb db,
        IEnumerable<Notice> notices,
        DateTime now,
        CancellationToken cancellation
    )
    {
        var addresses = notices.Where(n => n.Channel is Channel.Sms or Channel.Voice).Select(n => n.Address).Distinct().ToList();
        var since = now - Windows[^1].Window;
        var rows =
            addresses.Count == 0
                ? []
                : await db
                    .Notices.AsNoTracking()
                    // notices that a digest stood for were no messages of their own: they have no attempt
                    .Where(n => addresses.Contains(n.Address) && ((n.SentAt >= since && n.Attempts > 0) || n.State == NoticeState.Sending))
                    .Select(n => new
                    {
                        n.Channel,
                        n.Address,
                        n.SentAt,
                    })
                    .ToListAsync(cancellation);
        return new SendingLimits(
            rows.GroupBy(r => (r.Channel, r.Address)).ToDictionary(g => g.Key, g => g.Select(r => r.SentAt ?? now).Order().ToList())
        );
    }

    /// <summary>When this notice may go out: now, or when enough earlier ones have left their window.</summary>
    public DateTime Earliest(Notice notice, DateTime now)
    {
        if (notice.Channel is not (Channel.Sms or Channel.Voice) || !sent.TryGetValue((notice.Channel, notice.Address), out var times))
            return now;
        var earliest = now;
        foreach (var (window, voice, sms) in Windows)
        {
            var most = notice.Channel == Channel.Voice ? voice : sms;
            var within = times.Where(t => t > now - window).ToList();
            if (within.Count >= most && within[^most] + window is var free && free > earliest)
                earliest = free;
        }

        return earliest;
    }

    public void Count(Notice notice, DateTime now)
    {
        if (!sent.TryGetValue((notice.Channel, notice.Address), out var times))
            sent[(notice.Channel, notice.Address)] = times = [];
        times.Add(now);
    }
}
