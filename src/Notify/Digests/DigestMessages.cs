using System.Globalization;
using Vigil.Model;
using Vigil.Notify.Channels;
using Vigil.Notify.Messages;
using Vigil.Storage.Readings;
using Vigil.Storage.Records;

namespace Vigil.Notify.Digests;

/// <summary>The message of a daily digest, in its contact's language.</summary>
internal sealed class DigestMessages(MessageTexts messages, TimeZoneInfo zone, TimeProvider clock)
{
    public OutgoingNotice Of(Contact contact, string name, DateOnly day, DayAtHome life, Channel channel, string address)
    {
        var language = contact.Language == "en" ? "en" : "zh";
        var text = messages.Daily(language, name, day, Words(life.Use, life.Usual, language) + Words(life.Changes, language));
        var values = new Dictionary<string, string>
        {
            ["name"] = MessageTexts.Masked(name),
            ["what"] = "",
            ["kind"] = "daily",
            ["time"] = day.ToString("MM-dd", CultureInfo.InvariantCulture),
            ["link"] = "",
        };
        return new OutgoingNotice(
            clock.NewId(),
            channel,
            address,
            language,
            MessageKind.Daily,
            values,
            channel == Channel.Mail ? MessageTexts.DailySubject(language) : "",
            text,
            "",
            Critical: false
        );
    }

    private string Words(DayOfUse? day, OwnNormal usual, string language)
    {
        var zh = language == "zh";
        if (day is not { Litres: not null } and not { KilowattHours: not null })
            return zh ? "没有水电读数" : "no readings of water or electricity";
        string N(double value) => value.ToString(value >= 10 ? "0" : "0.0", CultureInfo.InvariantCulture);
        string T(DateTime time) => TimeZoneInfo.ConvertTimeFromUtc(time, zone).ToString("HH:mm", CultureInfo.InvariantCulture);
        var parts = new List<string>();
        if (day!.Litres is { } litres)
            parts.Add(
                (zh ? $"用水{N(litres)}升" : $"water {N(litres)} L")
                    + (
                        usual.Litres is { } often
                            ? zh
                                ? $"（平时{N(often)}）"
                                : $" (usually {N(often)})"
                            : ""
                    )
            );
        if (day is { FirstUse: { } first, LastUse: { } last })
            parts.Add(zh ? $"{T(first)}至{T(last)}" : $"from {T(first)} to {T(last)}");
        if (day.KilowattHours is { } energy)
            parts.Add(
                (zh ? $"用电{N(energy)}度" : $"electricity {N(energy)} kWh")
                    + (
                        usual.KilowattHours is { } most
                            ? zh
                                ? $"（平时{N(most)}）"
                                : $" (usually {N(most)})"
                            : ""
                    )
            );
        return string.Join(zh ? "，" : ", ", parts);
    }

    private static string Words(IReadOnlyList<SlowChange> changes, string language)
    {
        if (changes.Count == 0)
            return "";
        var said = changes.Select(c => ChangeWords.Of(c).In(language));
        return language == "zh" ? "。近两周：" + string.Join("；", said) : ". In the last two weeks: " + string.Join("; ", said);
    }
}
