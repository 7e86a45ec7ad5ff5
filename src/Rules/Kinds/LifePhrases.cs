using Vigil.Model;
using Vigil.Rules.Inactivity;

namespace Vigil.Rules.Kinds;

/// <summary>
/// Why a home's silence is told: what was expected, and what was last seen. "On 27 of the last 28 mornings there was life before 08:00; now
/// 10:10, last movement (bedroom) at 23:40, water flat since 22:05".
/// </summary>
internal static class LifePhrases
{
    /// <summary>How many sensors are named.</summary>
    private const int Most = 3;

    public static Wording Why(in RuleContext context, HomeLife life, long at)
    {
        var (more, moreZh) = Phrases.OtherEvidence(context.Home, context.Zone, AlarmKind.Inactivity, at);
        var (last, lastZh) = LastSigns(context, life, at);
        var (now, nowZh) = (context.At(at, at), context.AtZh(at, at));
        if (life.IsOut)
        {
            var left = context.At(life.NewestSign, at);
            return new(
                $"not back: left at {left}, {Phrases.Span(at - life.NewestSign)} ago; most outings last "
                    + $"{Phrases.Span(life.Outings.Usual)}, hardly any longer than {Phrases.Span(life.Outings.Longest)}{more}",
                $"外出未归：{context.AtZh(life.NewestSign, at)}出门，已{Phrases.SpanZh(at - life.NewestSign)}；平时外出多为"
                    + $"{Phrases.SpanZh(life.Outings.Usual)}，很少超过{Phrases.SpanZh(life.Outings.Longest)}{moreZh}"
            );
        }

        var (either, eitherZh) = IsUnheard(life, at)
            ? (
                ", and nothing at all was received since: either nobody is up or the sensors don't reach us, please look",
                "，此后也没有收到任何数据：可能无人活动，也可能传感器失联，请探访核实"
            )
            : ("", "");
        var (used, of, usually) = life.Compare(at);
        if (!life.Learned || of < 7 || used == 0)
        {
            var (learns, learnsZh) = life.Learned
                ? ("", "")
                : (" (this home's habits are still being learned)", "（仍在学习该户的生活规律）");
            return new(
                $"no sign of life for {Phrases.Span(at - life.Sure)}: now {now}{last}{more}{either}{learns}",
                $"{Phrases.SpanZh(at - life.Sure)}没有生活迹象：现在{nowZh}{lastZh}{moreZh}{eitherZh}{learnsZh}"
            );
        }
        var by = new DateTime(usually, DateTimeKind.Unspecified);
        var (part, partZh) = Surprise.PartOfDay(by);
        return new(
            FormattableString.Invariant(
                $"on {used} of the last {of} {part} there was a sign of life before {by:HH:mm}; now {now}{last}{more}{either}"
            ),
            FormattableString.Invariant($"最近{of}个{partZh}中有{used}个在{by:HH:mm}前有生活迹象；现在{nowZh}{lastZh}{moreZh}{eitherZh}")
        );
    }

    /// <summary>What a sensor shows, with the name it has in the registry.</summary>
    public static Wording Source(in RuleContext context, in LifeSource source)
    {
        var what = Of(source.Sense);
        if (source.Series < 0)
            return what;
        var series = context.Home.Series[source.Series];
        var id = context.Home.Devices[series.Device].Id;
        var label = context.Home.Facts?.Devices.FirstOrDefault(d => d.Id.Value == id).Label;
        var name = label is { Length: > 0 } ? label : id;
        return new($"{what.En} (\"{name}\")", $"{what.Zh}（{name}）"); // people write it in any language
    }

    private static Wording Of(LifeSense sense) =>
        sense switch
        {
            LifeSense.Use => new("use", "使用"),
            LifeSense.Movement => new("movement", "活动"),
            LifeSense.Door => new("door", "门"),
            LifeSense.Bed => new("getting up or lying down", "起卧"),
            LifeSense.Switch => new("switching", "开关"),
            LifeSense.Appliance => new("appliance in use", "电器使用"),
            LifeSense.Press => new("press or call", "按键或呼叫"),
            LifeSense.Measurement => new("measurement", "测量"),
            LifeSense.Steps => new("steps", "步行"),
            LifeSense.Worn => new("watch put on or off", "佩戴变化"),
            LifeSense.Travel => new("journey", "外出移动"),
            _ => new("sign of life", "生活迹象"),
        };

    /// <summary>The sensors that were the last to show life, newest first. Meters are named among the other evidence.</summary>
    private static (string En, string Zh) LastSigns(in RuleContext context, HomeLife life, long at)
    {
        var (en, zh) = ("", "");
        foreach (var source in life.Sources.Where(s => s.Series >= 0).OrderByDescending(s => s.Newest).Take(Most))
        {
            var what = Source(context, source);
            var place = en.Length == 0 ? ", last " : ", ";
            en += $"{place}{what.En} at {context.At(source.Newest, at)}";
            zh += $"{(zh.Length == 0 ? "，最后：" : "、")}{context.AtZh(source.Newest, at)}{what.Zh}";
        }

        return (en, zh);
    }

    /// <summary>No device of the home was heard for most of the silence, not even its battery.</summary>
    private static bool IsUnheard(HomeLife life, long at) =>
        at - life.Heard > 3 * TimeSpan.TicksPerHour && at - life.Heard > (at - life.NewestSign) / 2;
}
