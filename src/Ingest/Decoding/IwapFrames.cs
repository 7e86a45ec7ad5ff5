using System.Buffers.Text;
using System.Text;
using Vigil.Model;

namespace Vigil.Ingest.Decoding;

/// <summary>
/// <c>IWAP…</c> frames of care watches, after the prefix: 00 login with the IMEI, 01 position, 03 heartbeat, 10 alarm, 49 pulse, 50
/// temperature, HT pulse and pressure, HP all of them. Only the login names the device; other frames are of the topic's device. Source:
/// "Protocol for GPS Watch" V1.0, 2019.
/// </summary>
internal readonly struct IwapFrames(Datum datum, TimeSpan clock)
{
    private const double MostGlucose = 33.3; // mmol/l; more is mg/dL, the unit is not stated
    private const double MilligramsPerMillimole = 18.0182;

    public Wording? Read(ReadOnlySpan<byte> frame, bool heartbeat, DecodedPayload into)
    {
        if (frame.Length < 2)
            return new Wording("the IWAP frame is cut off", "IWAP 帧不完整");
        var rest = frame[2..];
        var f = new TextFields(frame);
        if (heartbeat)
        {
            into.Add(Metric.Online, 1);
            Condition(f[1], null, into);
            return null;
        }

        switch ((char)frame[0], (char)frame[1])
        {
            case ('0', '0'):
                if (rest.Length is < 10 or > 20 || rest.IndexOfAnyExceptInRange((byte)'0', (byte)'9') >= 0)
                    return new Wording("the login has no IMEI", "登录包中没有 IMEI");
                into.Device = Encoding.ASCII.GetString(rest);
                into.Add(Metric.Online, 1);
                return null;
            case ('0', '1'):
                return Position(rest, false, into);
            case ('1', '0'):
                return Position(rest, true, into);
            case ('0', '2') or ('V', 'R') or ('H', 'D'): // cells and access points only, voice, ECG
                into.Add(Metric.Online, 1);
                return null;
            case ('0', '3'): // ,GSM3 satellites3 battery3 …,steps,rolls
                into.Add(Metric.Online, 1);
                Condition(f[1], null, into);
                WatchHealth.Say(Metric.Steps, f.Number(2), into);
                return null;
            case ('4', '9'):
                return WatchHealth.Heart(f.Number(1), "IWAP49", into);
            case ('5', '0'):
                WatchHealth.Say(Metric.BatteryLevel, f.Number(2), into);
                return WatchHealth.Vital(Metric.BodyTemperature, f.Number(1), "IWAP50", into);
            case ('H', 'T'):
                WatchHealth.Pressure(f.Number(2), f.Number(3), into);
                return WatchHealth.Heart(f.Number(1), "IWAPHT", into);
            case ('H', 'P'): // pulse, systolic, diastolic, SpO2, glucose, temperature: each may be empty
                if (f.Number(1) is { } pulse)
                    WatchHealth.Heart(pulse, "IWAPHP", into);
                WatchHealth.Pressure(f.Number(2), f.Number(3), into);
                if (f.Number(4) is { } oxygen)
                    WatchHealth.Vital(Metric.BloodOxygen, oxygen, "IWAPHP", into);
                if (f.Number(5) is > 0 and var glucose)
                    into.Add(Metric.BloodGlucose, glucose > MostGlucose ? glucose / MilligramsPerMillimole : glucose);
                if (f.Number(6) is { } temperature)
                    WatchHealth.Vital(Metric.BodyTemperature, temperature, "IWAPHP", into);
                return null;
            default:
                return null; // settings, voice, weather and answers
        }
    }

    // YYMMDD A|V ddmm.mmmm N|S dddmm.mmmm E|W sss.s (km/h) hhmmss ccc.cc GSM3 satellites3 battery3 … , MCC, MNC, LAC, cell, [alarm,] …
    private Wording? Position(ReadOnlySpan<byte> text, bool isAlarm, DecodedPayload into)
    {
        var comma = text.IndexOf((byte)',');
        var fix = comma < 0 ? text : text[..comma];
        var cells = new TextFields(comma < 0 ? default : text[comma..]);
        var fields = WatchFix.Read(fix);
        DateTime? time = fields is { } r ? WatchTime.Read(fix[..6], fix.Slice(r.TimeAt, 6), dayFirst: false, clock) : null;
        if (isAlarm)
        {
            // 00 none, 01 SOS, 02 low battery, 03 taken off, 05 and 06 falls.
            switch (cells.Text(5))
            {
                case "01":
                    into.AddEvent(Metric.Button, "sos", time);
                    break;
                case "02":
                    into.Add(Metric.BatteryLow, 1, time);
                    break;
                case "03":
                    into.Add(Metric.Worn, 0, time);
                    break;
                case "05" or "06":
                    into.AddEvent(Metric.Fall, "fall", time);
                    break;
                case "" when fields is null:
                    return new Wording("the alarm has neither a place nor a code", "报警中既没有位置也没有代码");
            }
        }
        else if (fields is null)
        {
            return new Wording(
                "the position is not date, validity, latitude, longitude, speed, time and course",
                "位置应包含日期、有效标志、纬度、经度、速度、时间和方向"
            );
        }

        if (fields is not { } f)
            return null;
        Condition(fix[f.ConditionAt..], time, into);
        if (!f.Valid || (f.Latitude == 0 && f.Longitude == 0))
            return null;
        var (latitude, longitude) = datum.ToWgs84(f.Latitude, f.Longitude);
        into.AddLocation(latitude, longitude, time, speed: (float)(f.Speed / 3.6));
        into.Add(Metric.LocationCourse, f.Course, time);
        return null;
    }

    /// <summary>Three digits each: GSM signal %, satellites, battery %; then the watch's modes.</summary>
    private static void Condition(ReadOnlySpan<byte> digits, DateTime? time, DecodedPayload into)
    {
        if (digits.Length < 9)
            return;
        WatchHealth.Say(Metric.SignalStrength, WatchFix.Digits(digits[..3]), into, time);
        WatchHealth.Say(Metric.LocationSatellites, WatchFix.Digits(digits.Slice(3, 3)), into, time);
        WatchHealth.Say(Metric.BatteryLevel, WatchFix.Digits(digits.Slice(6, 3)), into, time);
    }
}

/// <summary>The part of a position before the first comma: fields of fixed width, except that the minutes may have more decimals.</summary>
internal readonly record struct WatchFix(
    bool Valid,
    double Latitude,
    double Longitude,
    double Speed,
    int TimeAt,
    double Course,
    int ConditionAt
)
{
    public static WatchFix? Read(ReadOnlySpan<byte> text)
    {
        if (text.Length < 7 || (char)text[6] is not ('A' or 'V'))
            return null;
        var at = 7;
        if (
            Angle(text, ref at, "NS"u8) is not { } latitude
            || Angle(text, ref at, "EW"u8) is not { } longitude
            || text.Length < at + 5 + 6 + 6
        )
            return null;
        if (Number(text.Slice(at, 5)) is not { } speed || Number(text.Slice(at + 11, 6)) is not { } course)
            return null;
        return new WatchFix(text[6] == 'A', latitude, longitude, speed, at + 5, course, at + 17);
    }

    public static double? Digits(ReadOnlySpan<byte> text) => text.IndexOfAnyExceptInRange((byte)'0', (byte)'9') < 0 ? Number(text) : null;

    private static double? Angle(ReadOnlySpan<byte> text, ref int at, ReadOnlySpan<byte> sides)
    {
        var side = text[at..].IndexOfAny(sides);
        if (side < 3 || Number(text.Slice(at, side)) is not (>= 0 and var value))
            return null;
        var degrees = Math.Floor(value / 100);
        var minutes = value - degrees * 100;
        if (minutes >= 60 || degrees > 180)
            return null;
        var negative = text[at + side] == sides[1];
        at += side + 1;
        return (degrees + minutes / 60) * (negative ? -1 : 1);
    }

    private static double? Number(ReadOnlySpan<byte> text) =>
        Utf8Parser.TryParse(text, out double value, out var used) && used == text.Length && double.IsFinite(value) ? value : null;
}
