using System.Globalization;

namespace Vigil.Rules.Inactivity;

/// <summary>How unusual a silence is, with its reason in words.</summary>
/// <param name="Chance">That a silence lasts this long in this home: 0 to 1.</param>
/// <param name="UsedDays">Comparable days on which something was used in the same hours.</param>
/// <param name="OfDays">Comparable days.</param>
/// <param name="Learned">False while only the fixed rule holds.</param>
public readonly record struct Surprise(double Chance, int UsedDays, int OfDays, bool Learned, string Reason, string ReasonZh)
{
    internal static Surprise Of(
        double chance,
        (int Used, int Of, long Usually) days,
        bool learned,
        LifeMeter meter,
        DateTime last,
        DateTime at,
        double flatBelow
    )
    {
        var c = CultureInfo.InvariantCulture;
        var name = meter == LifeMeter.Water ? "water" : "electricity";
        var nameZh = meter == LifeMeter.Water ? "用水" : "用电";
        var since = last.ToString(last.Date == at.Date ? "HH:mm" : "d MMM HH:mm", c);
        var sinceZh = last.ToString(last.Date == at.Date ? "HH:mm" : "M月d日 HH:mm", c);
        var hours = (at - last).TotalHours.ToString("0.#", c);
        if (flatBelow > 0)
        {
            var least = flatBelow.ToString("0.##", c);
            return new(
                chance,
                days.Used,
                days.Of,
                learned,
                $"electricity nearly flat: far less than the {least} kWh that this home never fell below in three hours; now "
                    + $"{at.ToString("HH:mm", c)} and no use since {since}",
                $"电表几乎不走：远低于该户三小时内最低的{least}千瓦时；现在{at.ToString("HH:mm", c)}，自{sinceZh}起没有用电"
            );
        }

        if (!learned || days.Of < 7)
        {
            return new(
                chance,
                days.Used,
                days.Of,
                learned,
                $"no {name} for {hours} h: now {at.ToString("HH:mm", c)} and nothing since {since} (this home's habits are still "
                    + $"being learned)",
                $"{hours}小时没有{nameZh}：现在{at.ToString("HH:mm", c)}，自{sinceZh}起没有{nameZh}（仍在学习该户的生活规律）"
            );
        }

        var usually = new DateTime(days.Usually, DateTimeKind.Unspecified);
        var (part, partZh) = PartOfDay(usually);
        return new(
            chance,
            days.Used,
            days.Of,
            learned,
            string.Create(
                c,
                $"on {days.Used} of the last {days.Of} {part} {name} was used before {usually:HH:mm}; now {at:HH:mm} and nothing "
                    + $"since {since}"
            ),
            string.Create(
                c,
                $"最近{days.Of}个{partZh}中有{days.Used}个在{usually:HH:mm}前有{nameZh}；现在{at:HH:mm}，自{sinceZh}起没有{nameZh}"
            )
        );
    }

    internal static (string En, string Zh) PartOfDay(DateTime local) =>
        local.Hour switch
        {
            >= 5 and < 12 => ("mornings", "早晨"),
            >= 12 and < 18 => ("afternoons", "下午"),
            >= 18 => ("evenings", "晚上"),
            _ => ("nights", "夜里"),
        };
}
