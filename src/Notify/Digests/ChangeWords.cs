using System.Globalization;
using Vigil.Model;
using Vigil.Storage.Records;

namespace Vigil.Notify.Digests;

/// <summary>A slow change in a sentence: what is measured now and what it was, and no conclusion from it.</summary>
public static class ChangeWords
{
    public static Wording Of(SlowChange change)
    {
        var (month, monthZh) = (
            change.Month.ToString("MMMM", CultureInfo.InvariantCulture),
            $"{change.Month.Month.ToString(CultureInfo.InvariantCulture)}月"
        );
        var (now, then) = (Value(change.Figure, change.Now), Value(change.Figure, change.Before));
        return change.Figure switch
        {
            DailyFigure.Rises => Rises(change, month, monthZh),
            DailyFigure.BedExits => new(
                $"leaves the bed {now} times a night (in {month} {then})",
                $"夜间离床{now}次（{monthZh}为{then}次）"
            ),
            DailyFigure.ToiletVisits => new(
                $"goes to the toilet {now} times a day (in {month} {then})",
                $"每天如厕{now}次（{monthZh}为{then}次）"
            ),
            DailyFigure.Meals => new(
                $"uses the fridge, kettle or cooker {now} times a day (in {month} {then})",
                $"每天使用冰箱、水壶或炉灶{now}次（{monthZh}为{then}次）"
            ),
            DailyFigure.TimeOut => new($"is out {now} hours a day (in {month} {then})", $"每天外出{now}小时（{monthZh}为{then}小时）"),
            DailyFigure.Water => new($"uses {now} L of water a day (in {month} {then})", $"每天用水{now}升（{monthZh}为{then}升）"),
            DailyFigure.Electricity => new(
                $"uses {now} kWh of electricity a day (in {month} {then})",
                $"每天用电{now}度（{monthZh}为{then}度）"
            ),
            _ => Wording.None, // of a newer version
        };
    }

    /// <summary>As pages and messages write it: a time of day, a count, hours, litres, kWh.</summary>
    public static string Value(DailyFigure figure, double value) =>
        figure switch
        {
            DailyFigure.Rises => TimeOnly.MinValue.AddMinutes(value).ToString("HH:mm", CultureInfo.InvariantCulture),
            DailyFigure.TimeOut => (value / 60).ToString("0.#", CultureInfo.InvariantCulture),
            DailyFigure.Water => value.ToString("0", CultureInfo.InvariantCulture),
            _ => value.ToString("0.#", CultureInfo.InvariantCulture),
        };

    private static Wording Rises(SlowChange change, string month, string monthZh)
    {
        var later = change.Now > change.Before;
        var halves = (int)Math.Round(Math.Abs(change.Now - change.Before) / 30);
        var (now, then) = (Value(change.Figure, change.Now), Value(change.Figure, change.Before));
        return new Wording(
            $"rises {Hours(halves)} {(later ? "later" : "earlier")} than in {month} ({now}, then {then})",
            $"起床比{monthZh}{(later ? "晚" : "早")}{HoursZh(halves)}（现在{now}，当时{then}）"
        );
    }

    private static string Hours(int halves) =>
        halves switch
        {
            2 => "an hour",
            3 => "an hour and a half",
            4 => "two hours",
            6 => "three hours",
            _ => (halves / 2.0).ToString("0.#", CultureInfo.InvariantCulture) + " hours",
        };

    private static string HoursZh(int halves) =>
        halves switch
        {
            2 => "一小时",
            3 => "一个半小时",
            4 => "两小时",
            6 => "三小时",
            _ => (halves / 2.0).ToString("0.#", CultureInfo.InvariantCulture) + "小时",
        };
}
