using Vigil.Model;
using Vigil.Storage.Records;

namespace Vigil.Notify;

/// <summary>Adds lines to the timelines of alarms, in the caller's transaction.</summary>
internal static class Timeline
{
    public static void Add(RecordsDb db, Guid alarm, DateTime now, TimelineEvent what, string who, string text, string textZh) =>
        db.Timeline.Add(
            new TimelineEntry
            {
                AlarmId = alarm,
                Time = now,
                What = what,
                Who = who,
                Text = text,
                TextZh = textZh,
            }
        );

    public static void Add(RecordsDb db, Guid alarm, DateTime now, TimelineEvent what, string who, Wording text) =>
        Add(db, alarm, now, what, who, text.En, text.Zh);

    /// <summary>What became of one message. The line begins with channel and recipient: "sms to 王大".</summary>
    /// <param name="text">Follows them, with the colon or space before it.</param>
    public static void Add(RecordsDb db, Notice notice, DateTime now, TimelineEvent what, string who, string text, string textZh) =>
        Add(
            db,
            notice.AlarmId,
            now,
            what,
            who,
            $"{notice.Channel.Word()} to {notice.RecipientName}{text}",
            $"{ChannelWords.Of(notice.Channel).Zh} → {notice.RecipientName}{textZh}"
        );

    /// <summary>How often it has happened by now, where people were not told of each time it did.</summary>
    public static void Counted(RecordsDb db, Alarm alarm, DateTime now)
    {
        var (what, whatZh) = alarm.Kind == AlarmKind.Sos.Name ? ("pressed", "按下") : ("happened", "发生");
        Add(
            db,
            alarm.Id,
            now,
            TimelineEvent.Counted,
            AlarmLife.Rules,
            $"{what} {alarm.Repeats + 1} times by now",
            $"至此共{whatZh} {alarm.Repeats + 1} 次"
        );
    }
}
