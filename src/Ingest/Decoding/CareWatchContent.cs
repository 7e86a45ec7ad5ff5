using Vigil.Model;

namespace Vigil.Ingest.Decoding;

/// <summary>The content of a <c>[3G*…]</c> frame after its header: a kind and its fields.</summary>
/// <remarks>UD2 is back-fill after a gap in coverage.</remarks>
internal readonly struct CareWatchContent(Datum datum, TimeSpan clock)
{
    public Wording? Read(TextFields f, DecodedPayload into)
    {
        var kind = f.Text(0).ToUpperInvariant();
        switch (kind)
        {
            // UD_LTE, UD2_WCDMA, AL_4G, UD_TDSCDMA, WT: the radio network follows the kind.
            case ['U', 'D', ..] or ['A', 'L'] or ['A', 'L', '_', ..] or ['W', 'T'] or ['W', 'T', '_', ..]:
                return Position(kind.StartsWith("UD2", StringComparison.Ordinal) ? ReadingFlags.History : ReadingFlags.None, f, into);
            case "LK":
                into.Add(Metric.Online, 1);
                if (f.Count < 4)
                    return null; // LK alone; or some fields are left out, and it doesn't say which
                WatchHealth.Say(Metric.Steps, f.Number(1), into);
                WatchHealth.Say(Metric.BatteryLevel, f.Number(3), into);
                return null;
            case "HEART" or "PULSE":
                return WatchHealth.Heart(f.Number(1), kind, into);
            case "BPHRT":
                WatchHealth.Pressure(f.Number(1), f.Number(2), into);
                return WatchHealth.Heart(f.Number(3), kind, into);
            case "BLOOD":
                WatchHealth.Pressure(f.Number(1), f.Number(2), into);
                return f.Number(1) is null ? new Wording($"{kind} has no number", $"{kind} 中没有数值") : null;
            case "OXYGEN":
                return WatchHealth.Vital(Metric.BloodOxygen, f.Count > 2 ? f.Number(2) : f.Number(1), kind, into);
            case "TEMP" or "BTEMP":
                return WatchHealth.Vital(Metric.BodyTemperature, f.Number(1), kind, into);
            case "BTEMP2":
                return WatchHealth.Vital(Metric.BodyTemperature, f.Count > 2 ? f.Number(2) : f.Number(1), kind, into);
            default:
                return null; // voice, pictures, settings and the answers to them
        }
    }

    // kind, DDMMYY, hhmmss, A/V, lat, N/S, lon, E/W, km/h, course, altitude, satellites, GSM %, battery %, steps, tumbles, status in hex,
    // cells…
    private Wording? Position(ReadingFlags flags, TextFields f, DecodedPayload into)
    {
        if (f.Count < 17)
            return new Wording($"a position has at least 17 fields, {f.Count} came", $"位置至少 17 个字段，只有 {f.Count} 个");
        if (f.Hex(16) is not { } status)
            return new Wording($"status '{f.Text(16)}' is not hexadecimal", $"状态“{f.Text(16)}”不是十六进制");
        var time = WatchTime.Read(f[1], f[2], dayFirst: true, clock);

        // The upper half holds alarms, the lower states. Alarms that need a person go first.
        if ((status & 1 << 16) != 0)
            into.AddEvent(Metric.Button, "sos", time, flags: flags);
        if ((status & (1 << 21 | 1 << 22)) != 0)
            into.AddEvent(Metric.Fall, "fall", time, flags: flags);
        if ((status & 1 << 18) != 0)
            into.AddEvent(Metric.DeviceAlarm, "left-fence", time, flags: flags);
        if ((status & 1 << 19) != 0)
            into.AddEvent(Metric.DeviceAlarm, "entered-fence", time, flags: flags);
        if ((status & 1 << 20) != 0)
            into.Add(Metric.Worn, 0, time, flags: flags);
        into.Add(Metric.BatteryLow, (status & (1 | 1 << 17)) != 0 ? 1 : 0, time, flags: flags);
        WatchHealth.Say(Metric.BatteryLevel, f.Number(13), into, time, flags);
        WatchHealth.Say(Metric.Steps, f.Number(14), into, time, flags);
        WatchHealth.Say(Metric.SignalStrength, f.Number(12), into, time, flags);
        WatchHealth.Say(Metric.LocationSatellites, f.Number(11), into, time, flags);
        if (f.Text(3) != "A" || f.Number(4) is not { } latitude || f.Number(6) is not { } longitude || (latitude == 0 && longitude == 0))
            return null;

        // Some firmware writes both a minus and the letter: a negative number is not negated again.
        if (f.Text(5) == "S" && latitude > 0)
            latitude = -latitude;
        if (f.Text(7) == "W" && longitude > 0)
            longitude = -longitude;
        (latitude, longitude) = datum.ToWgs84(latitude, longitude);
        into.AddLocation(latitude, longitude, time, speed: (float)(f.Number(8) / 3.6 ?? double.NaN), flags: flags);
        WatchHealth.Say(Metric.LocationCourse, f.Number(9), into, time, flags);
        WatchHealth.Say(Metric.LocationAltitude, f.Number(10), into, time, flags);
        return null;
    }
}
