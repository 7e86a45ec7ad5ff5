using Vigil.Storage.Records;

namespace Vigil.Notify.Escalation;

/// <summary>How every notice begins: it tells of the alarm as it stands now, and is due at once.</summary>
internal static class Notices
{
    /// <summary>How long a link in a message opens its alarm.</summary>
    public static readonly TimeSpan LinkLifetime = TimeSpan.FromHours(24);

    public static Notice To(
        Person person,
        (Channel Channel, string Address) way,
        Alarm alarm,
        Guid id,
        DateTime now,
        MessageKind template,
        string text,
        string link
    ) =>
        new()
        {
            Id = id,
            AlarmId = alarm.Id,
            Round = alarm.Round,
            Channel = way.Channel,
            Recipient = person.Key,
            RecipientName = person.Name,
            Address = way.Address,
            Language = person.Language,
            Template = template,
            Text = text,
            Link = link,
            CreatedAt = now,
            DueAt = now,
        };

    /// <summary>One more notice to the recipient of an earlier one, with the same text unless another is set.</summary>
    public static Notice Anew(Notice told, Alarm alarm, Guid id, DateTime now) =>
        new()
        {
            Id = id,
            AlarmId = alarm.Id,
            StepId = told.StepId,
            Round = alarm.Round,
            Channel = told.Channel,
            Recipient = told.Recipient,
            RecipientName = told.RecipientName,
            Address = told.Address,
            Language = told.Language,
            Template = told.Template,
            Text = told.Text,
            Link = told.Link,
            CreatedAt = now,
            DueAt = now,
        };
}
