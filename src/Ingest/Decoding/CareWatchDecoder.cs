using System.Text;
using Vigil.Model;
using Vigil.Settings;

namespace Vigil.Ingest.Decoding;

/// <summary>
/// Text protocols of Chinese 4G care watches: <c>[3G*id*LEN*CONTENT]</c> (also SG, CS, and ZJ with an index before LEN) and <c>IWAP…#</c>
/// (<see cref="IwapFrames"/>). Sources: the makers' protocol documents as published by traccar (https://www.traccar.org/protocols,
/// "Watch").
/// </summary>
/// <remarks>
/// LEN is not checked: published frames and firmwares disagree on it. Times are UTC unless the profile says <c>clock: china</c>; positions
/// WGS-84 unless it says <c>datum: gcj02</c> or <c>bd09</c>. UD2 is back-fill of a dead spot. A health value of 0 or 255 is no measurement
/// and never a reading.
/// </remarks>
public sealed class CareWatchDecoder : Decoder
{
    private const int LongestId = 32;

    private readonly Datum datum;
    private readonly TimeSpan clock;

    public CareWatchDecoder(Datum datum = Datum.Wgs84, bool chinaTime = false)
    {
        this.datum = datum;
        clock = chinaTime ? TimeSpan.FromHours(8) : TimeSpan.Zero;
    }

    /// <summary>Options <c>datum: wgs84 | gcj02 | bd09</c> and <c>clock: utc | china</c>.</summary>
    public static Decoder? Create(YamlSection profile)
    {
        var name = profile.Text("datum") ?? "wgs84";
        if (!Enum.TryParse<Datum>(name, ignoreCase: true, out var datum) || !Enum.IsDefined(datum))
            profile.Refuse("datum", name, "is none of wgs84, gcj02, bd09");
        var clock = profile.Text("clock") ?? "utc";
        if (clock is not ("utc" or "china"))
            profile.Refuse("clock", clock, "is neither utc nor china");
        return new CareWatchDecoder(datum, clock == "china");
    }

    public override Wording? Decode(ReadOnlySpan<byte> payload, string topic, DecodedPayload into)
    {
        Wording? why = null;
        var understood = false;
        while (payload.Length > 0)
        {
            int bracket = payload.IndexOf((byte)'['),
                iwap = Iwap(payload);
            if (bracket < 0 && iwap < 0)
                break;
            if (iwap >= 0 && (bracket < 0 || iwap < bracket))
            {
                var maker = payload[iwap] == 'T' ? 3 : 2;
                var heartbeat = payload[iwap + maker] == 'C';
                payload = payload[(iwap + maker + 2)..];
                var end = payload.IndexOfAny("#\r\n"u8);
                var frame = end < 0 ? payload : payload[..end];
                payload = payload[frame.Length..];
                if (new IwapFrames(datum, clock).Read(frame, heartbeat, into) is { } wrong)
                    why ??= wrong;
                else
                    understood = true;
                continue;
            }

            payload = payload[(bracket + 1)..];
            var close = payload.IndexOf((byte)']');
            if (close < 0)
            {
                why ??= new Wording("the frame has no closing ]", "帧没有结束符 ]");
                break;
            }

            var reason = Frame(payload[..close], into);
            understood |= reason is null;
            why ??= reason;
            var next = payload[..close].IndexOf((byte)'[');
            payload = reason is null || next < 0 ? payload[(close + 1)..] : payload[next..]; // a frame that was cut off before the next one
        }

        into.Partly = why;
        return understood ? null : why ?? new Wording("no watch frame ([3G*…] or IWAP…) in it", "没有手表的帧（[3G*…] 或 IWAP…）");
    }

    /// <summary>IWAP and, of the same maker's older devices, TRVAP; IWCP01 and TRVCP01 are their heartbeat, read like 03.</summary>
    private static int Iwap(ReadOnlySpan<byte> payload)
    {
        var least = -1;
        foreach (
            var at in (ReadOnlySpan<int>)
                [payload.IndexOf("IWAP"u8), payload.IndexOf("TRVAP"u8), payload.IndexOf("IWCP"u8), payload.IndexOf("TRVCP"u8)]
        )
            if (at >= 0 && (least < 0 || at < least))
                least = at;
        return least;
    }

    /// <summary>Without the brackets: vendor, id, the index of ZJ, LEN, content.</summary>
    private Wording? Frame(ReadOnlySpan<byte> frame, DecodedPayload into)
    {
        var star = frame.IndexOf((byte)'*');
        if (star is not 2)
            return new Wording("the frame does not start with two letters of the maker and *", "帧不以厂商的两个字母和 * 开头");
        frame = frame[3..];
        star = frame.IndexOf((byte)'*');
        if (star is < 1 or > LongestId || frame[..star].IndexOfAnyExceptInRange((byte)'0', (byte)'z') >= 0)
            return new Wording("the frame names no device", "帧中没有设备号");
        var id = Encoding.ASCII.GetString(frame[..star]);
        frame = frame[(star + 1)..];
        if (frame is [_, _, _, _, (byte)'*', _, _, _, _, (byte)'*', ..] && IsHex(frame[..4]) && IsHex(frame.Slice(5, 4)))
            frame = frame[5..]; // the index of ZJ
        if (frame is not [_, _, _, _, (byte)'*', ..] || !IsHex(frame[..4]))
            return new Wording("the length is not four hexadecimal digits", "长度不是四位十六进制数");
        into.Device = id;
        return Content(new TextFields(frame[5..]), into);
    }

    private Wording? Content(TextFields f, DecodedPayload into)
    {
        var kind = f.Text(0).ToUpperInvariant();
        switch (kind)
        {
            // UD_LTE, UD2_WCDMA, AL_4G, UD_TDSCDMA, WT: the radio stands behind the kind.
            case ['U', 'D', ..] or ['A', 'L'] or ['A', 'L', '_', ..] or ['W', 'T'] or ['W', 'T', '_', ..]:
                return Position(kind.StartsWith("UD2", StringComparison.Ordinal) ? ReadingFlags.History : ReadingFlags.None, f, into);
            case "LK":
                into.Add(Metric.Online, 1);
                if (f.Count < 4)
                    return null; // LK alone, or a firmware that leaves fields out: which ones it doesn't say
                Say(Metric.Steps, f.Number(1), into);
                Say(Metric.BatteryLevel, f.Number(3), into);
                return null;
            case "HEART" or "PULSE":
                return Heart(f.Number(1), kind, into);
            case "BPHRT":
                Pressure(f.Number(1), f.Number(2), into);
                return Heart(f.Number(3), kind, into);
            case "BLOOD":
                Pressure(f.Number(1), f.Number(2), into);
                return f.Number(1) is null ? new Wording($"{kind} has no number", $"{kind} 中没有数值") : null;
            case "OXYGEN":
                return Vital(Metric.BloodOxygen, f.Count > 2 ? f.Number(2) : f.Number(1), kind, into);
            case "TEMP" or "BTEMP":
                return Vital(Metric.BodyTemperature, f.Number(1), kind, into);
            case "BTEMP2":
                return Vital(Metric.BodyTemperature, f.Count > 2 ? f.Number(2) : f.Number(1), kind, into);
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

        // Bits 16 on are alarms, the low half states. First what somebody has to come for.
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
        Say(Metric.BatteryLevel, f.Number(13), into, time, flags);
        Say(Metric.Steps, f.Number(14), into, time, flags);
        Say(Metric.SignalStrength, f.Number(12), into, time, flags);
        Say(Metric.LocationSatellites, f.Number(11), into, time, flags);
        if (f.Text(3) != "A" || f.Number(4) is not { } latitude || f.Number(6) is not { } longitude || (latitude == 0 && longitude == 0))
            return null;

        // Some firmwares write a minus and the letter: a number that is negative already is not turned again.
        if (f.Text(5) == "S" && latitude > 0)
            latitude = -latitude;
        if (f.Text(7) == "W" && longitude > 0)
            longitude = -longitude;
        (latitude, longitude) = datum.ToWgs84(latitude, longitude);
        into.AddLocation(latitude, longitude, time, speed: (float)(f.Number(8) / 3.6 ?? double.NaN), flags: flags);
        Say(Metric.LocationCourse, f.Number(9), into, time, flags);
        Say(Metric.LocationAltitude, f.Number(10), into, time, flags);
        return null;
    }

    /// <summary>A pulse is measured on a wrist: the watch is worn. Without one it may be or not.</summary>
    internal static Wording? Heart(double? value, string kind, DecodedPayload into)
    {
        if (Vital(Metric.HeartRate, value, kind, into) is { } reason)
            return reason;
        if (value is > 0 and < 255)
            into.Add(Metric.Worn, 1);
        return null;
    }

    internal static Wording? Vital(Metric metric, double? value, string kind, DecodedPayload into)
    {
        if (value is not { } v)
            return new Wording($"{kind} has no number", $"{kind} 中没有数值");
        if (v is > 0 and < 255)
            into.Add(metric, v);
        return null;
    }

    internal static void Pressure(double? systolic, double? diastolic, DecodedPayload into)
    {
        if (systolic is not (> 0 and < 255 or > 255 and < 400) || diastolic is not (> 0 and < 255))
            return; // half a pressure is none
        into.Add(Metric.BloodPressureSystolic, systolic.Value);
        into.Add(Metric.BloodPressureDiastolic, diastolic.Value);
    }

    internal static void Say(
        Metric metric,
        double? value,
        DecodedPayload into,
        DateTime? time = null,
        ReadingFlags flags = ReadingFlags.None
    )
    {
        if (value is >= 0 || (value is { } && ReferenceEquals(metric, Metric.LocationAltitude)))
            into.Add(metric, value.Value, time, flags: flags);
    }

    private static bool IsHex(ReadOnlySpan<byte> text)
    {
        foreach (var c in text)
            if (!char.IsAsciiHexDigit((char)c))
                return false;
        return true;
    }
}
