using System.Globalization;
using System.Security.Cryptography;
using Microsoft.EntityFrameworkCore;
using Vigil.Storage.Records;

namespace Vigil.Notify.Escalation;

/// <summary>
/// The code with which one recipient answers for one alarm by SMS: six random digits. A sender's number can be forged, so the code is what
/// counts. It is valid for one round of the alarm; when it happens again there is another code.
/// </summary>
internal static class ReplyCodes
{
    public const int Length = 6;

    /// <summary>
    /// The code this recipient has for this round of this alarm already, else a new one that no other alarm uses at this address.
    /// </summary>
    public static async Task<string> ForAsync(RecordsDb db, Notice notice, CancellationToken cancellation)
    {
        var known = await db
            .Notices.AsNoTracking()
            .Where(n => n.ReplyCode != null && n.Address == notice.Address)
            .OrderByDescending(n => n.CreatedAt)
            .Take(1000)
            .Select(n => new
            {
                n.AlarmId,
                n.Recipient,
                n.Round,
                n.ReplyCode,
            })
            .ToListAsync(cancellation);
        if (known.Find(k => k.AlarmId == notice.AlarmId && k.Recipient == notice.Recipient && k.Round == notice.Round) is { } mine)
            return mine.ReplyCode!;
        // Nor that of a reach test at this address: a reply to that is no answer to an alarm.
        var tested = await db.ReachTests.Where(t => t.Address == notice.Address).Select(t => t.Code).FirstOrDefaultAsync(cancellation);
        while (true)
        {
            var code = RandomNumberGenerator.GetInt32(1_000_000).ToString("D6", CultureInfo.InvariantCulture);
            if (code != tested && !known.Exists(k => k.ReplyCode == code))
                return code;
        }
    }
}
