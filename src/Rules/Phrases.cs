using System.Globalization;
using Vigil.Model;

namespace Vigil.Rules;

/// <summary>Times, amounts and lists as people read them, in English and Chinese, for the reasons of findings.</summary>
internal static class Phrases
{
    private static readonly CultureInfo English = CultureInfo.InvariantCulture;

    /// <summary>"21:40", or "2 Jan 21:40" when it is another day than <paramref name="seenFrom"/>.</summary>
    public static string At(long ticks, TimeZoneInfo zone, long seenFrom)
    {
        var (local, other) = Local(ticks, seenFrom, zone);
        return local.ToString(local.Date == other.Date ? "HH:mm" : "d MMM HH:mm", English);
    }

    public static string AtZh(long ticks, TimeZoneInfo zone, long seenFrom)
    {
        var (local, other) = Local(ticks, seenFrom, zone);
        return local.ToString(local.Date == other.Date ? "HH:mm" : "M月d日 HH:mm", English);
    }

    /// <summary>With the year, for clocks that are wrong.</summary>
    public static string Moment(long ticks, TimeZoneInfo zone) => ToLocal(ticks, zone).ToString("yyyy-MM-dd HH:mm", English);

    public static string Span(long ticks)
    {
        var span = TimeSpan.FromTicks(ticks);
        return span.TotalHours >= 48 && span.TotalHours % 24 == 0 ? string.Create(English, $"{span.TotalDays:0} d")
            : span.TotalMinutes >= 120 ? string.Create(English, $"{span.TotalHours:0.#} h")
            : string.Create(English, $"{span.TotalMinutes:0.#} min");
    }

    public static string SpanZh(long ticks) =>
        Span(ticks)
            .Replace(" min", "分钟", StringComparison.Ordinal)
            .Replace(" h", "小时", StringComparison.Ordinal)
            .Replace(" d", "天", StringComparison.Ordinal);

    /// <summary>Water in litres below 1 m³, else in m³.</summary>
    public static string Water(double cubicMetres) =>
        cubicMetres < 1 ? string.Create(English, $"{cubicMetres * 1000:0.#} L") : string.Create(English, $"{cubicMetres:0.##} m³");

    public static string Energy(double kilowattHours) => string.Create(English, $"{kilowattHours:0.##} kWh");

    public static string Number(double value) => string.Create(English, $"{value:0.##}");

    /// <summary>The permanent name of an episode: its kind, and when it began by reading time.</summary>
    public static string Episode(AlarmKind kind, long start, string? device)
    {
        var name = string.Create(English, $"{kind.Name}/{new DateTime(start, DateTimeKind.Utc):yyyy-MM-ddTHH:mm:ss.FFFFFFF}Z");
        return device is null ? name : $"{name}/{device}";
    }

    /// <summary>What a finding that was held back is about, to go before "since".</summary>
    public static (string En, string Zh) HeldBack(AlarmKind kind) =>
        kind.Name switch
        {
            "no-water" => ("no water", "没有用水"),
            "no-electricity" => ("no electricity", "没有用电"),
            "inactivity" => ("no sign of life", "没有生活迹象"),
            "device-silent" => ("nothing received", "没有收到数据"),
            "device-never-seen" => ("installed and never heard", "安装后从未收到数据"),
            "water-running" => ("water running", "水一直在流"),
            "water-leak" => ("water leak", "漏水报警"),
            "overuse" => ("more used than usual limits allow", "用量超限"),
            "battery-low" => ("battery low", "电量低"),
            "tamper" => ("device opened or removed", "设备被拆动"),
            "clock-wrong" => ("wrong clock", "设备时间错误"),
            "not-back" => ("not back home", "外出未归"),
            "sensor-fault" => ("a sensor without a sign", "传感器无反应"),
            "wandering" => ("away from home", "离家在外"),
            "vital-sign" => ("a vital sign beyond its limits", "生命体征异常"),
            "cold-home" => ("a cold home", "室温过低"),
            "hot-home" => ("a hot home", "室温过高"),
            "door-open" => ("a door open", "门一直开着"),
            "outage" => ("an outage of the area", "区域中断"),
            "out-of-bed" => ("out of bed", "离床未归"),
            var name => (name, "异常"),
        };

    public static DateTime ToLocal(long ticks, TimeZoneInfo zone) =>
        TimeZoneInfo.ConvertTimeFromUtc(
            new DateTime(Math.Clamp(ticks, TimeSpan.TicksPerDay, DateTime.MaxValue.Ticks - TimeSpan.TicksPerDay), DateTimeKind.Utc),
            zone
        );

    private static (DateTime At, DateTime From) Local(long ticks, long seenFrom, TimeZoneInfo zone) =>
        (ToLocal(ticks, zone), ToLocal(seenFrom, zone));

    /// <summary>
    /// What the other devices of the home show, for the reason: "electricity flat since 22:05, door not opened since 18:10".
    /// </summary>
    public static (string En, string Zh) OtherEvidence(Home home, TimeZoneInfo zone, AlarmKind but, long at)
    {
        var en = new List<string>();
        var zh = new List<string>();
        var contrary = false;
        // What speaks against it. Chinese says 但 before the first alone.
        void But(string said, string saidZh)
        {
            en.Add("but " + said);
            zh.Add(contrary ? saidZh : "但" + saidZh);
            contrary = true;
        }

        void Meter(UseTracker? use, AlarmKind kind, string name, string nameZh)
        {
            if (use is null || ReferenceEquals(but, kind) || use.ReportedUntil == 0)
                return;
            if (use.ReportedUntil < at - 6 * TimeSpan.TicksPerHour)
            {
                en.Add($"{name} meter not heard since {At(use.ReportedUntil, zone, at)}");
                zh.Add($"{nameZh}表自{AtZh(use.ReportedUntil, zone, at)}起没有读数");
            }
            else if (use.LastUse > 0 && use.LastUse < at - TimeSpan.TicksPerHour)
            {
                en.Add($"{name} flat since {At(use.LastUse, zone, at)}");
                zh.Add($"{nameZh}自{AtZh(use.LastUse, zone, at)}起没有使用");
            }
            else if (use.LastUse > 0)
            {
                But($"{name} was used at {At(use.LastUse, zone, at)}", $"{nameZh}在{AtZh(use.LastUse, zone, at)}有使用");
            }
        }

        var moved = 0L;
        Meter(home.Water, AlarmKind.NoWater, "water", "用水");
        Meter(home.Electricity, AlarmKind.NoElectricity, "electricity", "用电");
        for (var i = 0; i < home.SeriesCount; i++)
        {
            ref var s = ref home.Series[i];
            // A home's sensors are named by whoever tells of its silence.
            if (s.Time == 0 || (ReferenceEquals(but, AlarmKind.Inactivity) && s.Metric.Life.IsOne))
                continue;
            var t = At(s.Time, zone, at);
            var tz = AtZh(s.Time, zone, at);
            if (ReferenceEquals(s.Metric, Metric.DoorOpen) && !ReferenceEquals(but, AlarmKind.DoorOpen))
            {
                t = At(s.Since, zone, at);
                tz = AtZh(s.Since, zone, at);
                en.Add(s.Value != 0 ? $"door open since {t}" : $"door not opened since {t}");
                zh.Add(s.Value != 0 ? $"门自{tz}起开着" : $"门自{tz}起未开");
            }
            else if (ReferenceEquals(s.Metric, Metric.BedOccupied) && !ReferenceEquals(but, AlarmKind.OutOfBed))
            {
                en.Add(s.Value != 0 ? $"in bed at {t}" : $"out of bed at {t}");
                zh.Add(s.Value != 0 ? $"{tz}在床" : $"{tz}离床");
            }
            else if ((ReferenceEquals(s.Metric, Metric.Presence) || ReferenceEquals(s.Metric, Metric.Motion)) && s.Since > 0)
            {
                moved = Math.Max(moved, s.Since);
            }
            else if (ReferenceEquals(s.Metric, Metric.PowerLost) && s.Value != 0)
            {
                en.Add($"mains power lost at {At(s.Since, zone, at)}");
                zh.Add($"{AtZh(s.Since, zone, at)}起断电");
            }
            else if (
                ReferenceEquals(s.Metric, Metric.HeartRate)
                && s.Time > at - 12 * TimeSpan.TicksPerHour
                && !ReferenceEquals(but, AlarmKind.VitalSign)
            )
            {
                But($"heart rate {Number(s.Value)} at {t}", $"{tz}心率{Number(s.Value)}");
            }
            else if (ReferenceEquals(s.Metric, Metric.Location) && home.Facts?.Home is null && home.Rules.Zones.Count == 0)
            {
                en.Add($"locator heard at {t}");
                zh.Add($"定位器{tz}有定位");
            }
            else if (ReferenceEquals(s.Metric, Metric.Location) && !ReferenceEquals(but, AlarmKind.Wandering))
            {
                en.Add(s.Since > 0 ? $"locator outside the home zone at {t}" : $"locator at home at {t}");
                zh.Add(s.Since > 0 ? $"定位器{tz}在家外" : $"定位器{tz}在家");
            }
        }

        if (moved > 0)
        {
            en.Add($"last movement seen at {At(moved, zone, at)}");
            zh.Add($"{AtZh(moved, zone, at)}最后一次感应到活动");
        }

        return en.Count == 0 ? ("", "") : (", " + string.Join(", ", en), "，" + string.Join("，", zh));
    }
}
