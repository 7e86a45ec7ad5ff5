using Microsoft.EntityFrameworkCore;
using Vigil.Notify;
using Vigil.Storage.Records;

namespace Vigil.Host.Commands;

/// <summary>Who answered for an alarm and how, in the words of the demo's terminal: English, names as the registry has them.</summary>
internal static class DemoAnswers
{
    public static string By(RecordsDb db, Alarm alarm)
    {
        var how =
            db.Timeline.AsNoTracking()
                .Where(t => t.AlarmId == alarm.Id && t.What == TimelineEvent.Acknowledged)
                .OrderByDescending(t => t.Id)
                .Select(t => t.Text)
                .FirstOrDefault()
            ?? "";
        var with =
            how.Contains("voice key", StringComparison.Ordinal) ? ", with a key in the call"
            : how.Contains("reply", StringComparison.Ordinal) ? ", with a reply"
            : how.Contains("link", StringComparison.Ordinal) ? ", with the link in the message"
            : "";
        return NameOf(db, alarm.AcknowledgedBy) + with;
    }

    public static string NameOf(RecordsDb db, string? who)
    {
        var person = Recipient.Parse(who ?? "");
        return person.Kind switch
        {
            RecipientKind.Contact when Guid.TryParse(person.Id, out var id) && db.Contacts.Find(id) is { } c => $"{c.Name} ({c.Relation})",
            RecipientKind.Visitor when db.Visitors.Find(person.Id) is { } v => $"{v.Name} (visitor)",
            RecipientKind.Duty or RecipientKind.Supervisor when db.DutyOfficers.Find(person.Id) is { } o =>
                $"{o.Name} ({(o.Supervisor ? "supervisor" : "duty desk")})",
            _ => who ?? "nobody",
        };
    }
}
