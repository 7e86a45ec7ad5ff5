using System.Buffers.Text;
using Vigil.Model;

namespace Vigil.Ingest.Decoding;

/// <summary>
/// NMEA 0183 (IEC 61162-1) of any talker: BD and GB BeiDou, GN mixed, GP, GL, GA, GQ, QZ. Sentences of one moment (the same time of day)
/// become one location: RMC gives date, speed and course, GGA altitude and quality, GST or HDOP the accuracy. The device comes from the
/// topic: sentences name none.
/// </summary>
/// <remarks>
/// Accuracy without GST is HDOP × user range error: 5 m alone, 2 m differential, 0.5 m float and 0.05 m fixed RTK (GPS SPS performance
/// standard, order of magnitude). A time of day without a date is the latest such moment that is not after the arrival. Estimated, manual
/// and simulated positions (mode E, M, S; quality 6, 7, 8), positions of no satellite and those with an HDOP above 20 are flagged suspect:
/// they are no fix to act on.
/// </remarks>
public sealed class Nmea0183Decoder : Decoder
{
    private const int LongestSentence = 1024; // the standard says 82; GSV of new receivers and proprietary ones are longer
    private const double MetresPerSecondPerKnot = 1852.0 / 3600;
    private const double WorstHdop = 20;

    public override Wording? Decode(ReadOnlySpan<byte> payload, string topic, DecodedPayload into)
    {
        Wording? why = null;
        var moment = new NmeaMoment();
        while (payload.IndexOfAny((byte)'$', (byte)'!') is var start and >= 0)
        {
            payload = payload[(start + 1)..];
            var end = payload.IndexOfAny("\r\n$!"u8);
            var sentence = end < 0 ? payload : payload[..end];
            payload = payload[sentence.Length..];
            if (Check(sentence, out var body) is { } bad)
            {
                why ??= bad;
                continue;
            }

            if (Sentence(body, ref moment, into) is { } reason)
                why ??= reason;
            else
                moment.Understood = true;
        }

        Flush(ref moment, into);
        into.Partly = why;
        return moment.Understood ? null : why ?? new Wording("no NMEA 0183 sentence ($…*hh) in it", "没有 NMEA 0183 语句（$…*hh）");
    }

    /// <summary>The XOR of the characters between $ and *, in two hexadecimal digits of either case.</summary>
    private static Wording? Check(ReadOnlySpan<byte> sentence, out ReadOnlySpan<byte> body)
    {
        body = default;
        var star = sentence.IndexOf((byte)'*');
        if (star < 0)
            return new Wording("the sentence has no checksum (*hh)", "语句没有校验和（*hh）");
        if (star < 5 || star > LongestSentence)
            return new Wording("the sentence is shorter than its name or longer than any", "语句过短或过长");
        body = sentence[..star];
        var digits = sentence[(star + 1)..].TrimEnd(" \t\0"u8);
        if (digits.Length != 2 || !Utf8Parser.TryParse(digits, out byte stated, out var used, 'X') || used != 2)
            return new Wording(
                "the checksum is not two hexadecimal digits: the sentence is cut off",
                "校验和不是两位十六进制数：语句不完整"
            );
        byte sum = 0;
        foreach (var b in body)
            sum ^= b;
        return sum == stated
            ? null
            : new Wording($"checksum is {stated:X2}, the characters give {sum:X2}", $"校验和为 {stated:X2}，按内容计算应为 {sum:X2}");
    }

    private static Wording? Sentence(ReadOnlySpan<byte> body, ref NmeaMoment moment, DecodedPayload into)
    {
        if (body[0] == 'P')
            return null; // proprietary
        var f = new NmeaFields(body);
        var kind = f[0].Length == 5 ? f[0][2..] : default;
        if (kind.SequenceEqual("RMC"u8))
            return Rmc(ref f, ref moment, into);
        if (kind.SequenceEqual("GGA"u8))
            return Gga(ref f, ref moment, into);
        if (kind.SequenceEqual("GNS"u8))
            return Gns(ref f, ref moment, into);
        if (kind.SequenceEqual("GLL"u8))
            return Gll(ref f, ref moment, into);
        if (kind.SequenceEqual("VTG"u8))
            return Vtg(ref f, ref moment);
        if (kind.SequenceEqual("GSA"u8))
            return Gsa(ref f, ref moment);
        if (kind.SequenceEqual("GST"u8))
            return Gst(ref f, ref moment, into);
        if (kind.SequenceEqual("ZDA"u8))
            return Zda(ref f, ref moment, into);
        if (kind.SequenceEqual("GSV"u8))
            return Gsv(ref f, into);
        return null;
    }

    // time, A/V, lat, N/S, lon, E/W, knots, course, ddmmyy, variation, E/W [, mode [, navigational status: V beside A is normal]]
    private static Wording? Rmc(ref NmeaFields f, ref NmeaMoment moment, DecodedPayload into)
    {
        if (f.Time(1, out var time) is { } bad)
            return bad;
        var status = f.Letter(2);
        if (status is not ('A' or 'V'))
            return new Wording($"validity is '{status}', neither A nor V", $"有效标志为“{status}”，既不是 A 也不是 V");
        if (f.Date(9, out var date) is { } wrong)
            return wrong;
        if (f.Number(7, ("speed", "速度"), out var knots) is { } speedWrong)
            return speedWrong;
        if (f.Number(8, ("course", "航向"), out var course) is { } courseWrong)
            return courseWrong;
        if (f.Position(3, out var latitude, out var longitude) is { } placeWrong)
            return placeWrong;
        Enter(time, ref moment, into);
        moment.Date ??= date;
        moment.Speed = knots * MetresPerSecondPerKnot;
        moment.Course = course;
        Place(ref moment, latitude, longitude, status != 'V' && f.Letter(12) != 'N', f.Letter(12) is 'E' or 'M' or 'S');
        return null;
    }

    // time, lat, N/S, lon, E/W, quality 0–8, satellites, HDOP, altitude, M, geoid, M, age, station
    private static Wording? Gga(ref NmeaFields f, ref NmeaMoment moment, DecodedPayload into)
    {
        if (f.Time(1, out var time) is { } bad)
            return bad;
        if (f.Position(2, out var latitude, out var longitude) is { } placeWrong)
            return placeWrong;
        if (f.Number(6, ("fix quality", "定位质量"), out var quality) is { } qualityWrong)
            return qualityWrong;
        if (f.Number(7, ("number of satellites", "卫星数"), out var satellites) is { } satellitesWrong)
            return satellitesWrong;
        if (f.Number(8, ("HDOP", "HDOP"), out var hdop) is { } hdopWrong)
            return hdopWrong;
        if (f.Number(9, ("altitude", "海拔"), out var altitude) is { } altitudeWrong)
            return altitudeWrong;
        if (f.Number(11, ("geoid separation", "大地水准面差距"), out var geoid) is { } geoidWrong)
            return geoidWrong;
        Enter(time, ref moment, into);
        moment.Quality = quality;
        moment.Satellites = satellites;
        moment.Hdop = hdop;
        moment.Altitude = altitude;
        moment.Geoid = geoid;
        Place(ref moment, latitude, longitude, quality is > 0, quality is 6 or 7 or 8);
        return null;
    }

    // time, lat, N/S, lon, E/W, a mode letter a constellation, satellites, HDOP, altitude, geoid, age, station [, navigational status]
    private static Wording? Gns(ref NmeaFields f, ref NmeaMoment moment, DecodedPayload into)
    {
        if (f.Time(1, out var time) is { } bad)
            return bad;
        if (f.Position(2, out var latitude, out var longitude) is { } placeWrong)
            return placeWrong;
        if (f.Number(7, ("number of satellites", "卫星数"), out var satellites) is { } satellitesWrong)
            return satellitesWrong;
        if (f.Number(8, ("HDOP", "HDOP"), out var hdop) is { } hdopWrong)
            return hdopWrong;
        if (f.Number(9, ("altitude", "海拔"), out var altitude) is { } altitudeWrong)
            return altitudeWrong;
        if (f.Number(10, ("geoid separation", "大地水准面差距"), out var geoid) is { } geoidWrong)
            return geoidWrong;
        Enter(time, ref moment, into);
        moment.Satellites = satellites;
        moment.Hdop = hdop;
        moment.Altitude = altitude;
        moment.Geoid = geoid;
        var measured = f[6].IndexOfAny("ADPRF"u8) >= 0;
        Place(ref moment, latitude, longitude, f[6].IndexOfAnyExcept((byte)'N') >= 0, !measured);
        return null;
    }

    // lat, N/S, lon, E/W, time, A/V [, mode]
    private static Wording? Gll(ref NmeaFields f, ref NmeaMoment moment, DecodedPayload into)
    {
        if (f.Time(5, out var time) is { } bad)
            return bad;
        if (f.Position(1, out var latitude, out var longitude) is { } placeWrong)
            return placeWrong;
        var status = f.Letter(6); // NMEA 0183 before 2.0 had none
        if (status is not ('A' or 'V' or '\0'))
            return new Wording($"validity is '{status}', neither A nor V", $"有效标志为“{status}”，既不是 A 也不是 V");
        Enter(time, ref moment, into);
        Place(ref moment, latitude, longitude, status != 'V' && f.Letter(7) != 'N', f.Letter(7) is 'E' or 'M' or 'S');
        return null;
    }

    // course, T, course, M, knots, N, km/h, K [, mode]
    private static Wording? Vtg(ref NmeaFields f, ref NmeaMoment moment)
    {
        if (f.Number(1, ("course", "航向"), out var course) is { } courseWrong)
            return courseWrong;
        if (f.Number(5, ("speed", "速度"), out var knots) is { } knotsWrong)
            return knotsWrong;
        if (f.Number(7, ("speed", "速度"), out var kilometresPerHour) is { } speedWrong)
            return speedWrong;
        if (f.Letter(9) == 'N')
            return null;
        moment.Course ??= course;
        moment.Speed ??= knots * MetresPerSecondPerKnot ?? kilometresPerHour / 3.6;
        return null;
    }

    // A/M, 1 no fix 2 2D 3 3D, twelve satellites, PDOP, HDOP, VDOP [, system]
    private static Wording? Gsa(ref NmeaFields f, ref NmeaMoment moment)
    {
        if (f.Number(15, ("PDOP", "PDOP"), out var pdop) is { } pdopWrong)
            return pdopWrong;
        if (f.Number(16, ("HDOP", "HDOP"), out var hdop) is { } hdopWrong)
            return hdopWrong;
        if (f.Number(17, ("VDOP", "VDOP"), out var vdop) is { } vdopWrong)
            return vdopWrong;
        moment.Pdop ??= pdop;
        moment.Hdop ??= hdop;
        moment.Vdop ??= vdop;
        return null;
    }

    // time, residuals, semi-major, semi-minor, orientation, σ latitude, σ longitude, σ altitude (m)
    private static Wording? Gst(ref NmeaFields f, ref NmeaMoment moment, DecodedPayload into)
    {
        if (f.Time(1, out var time) is { } bad)
            return bad;
        if (f.Number(6, ("latitude error", "纬度误差"), out var north) is { } northWrong)
            return northWrong;
        if (f.Number(7, ("longitude error", "经度误差"), out var east) is { } eastWrong)
            return eastWrong;
        Enter(time, ref moment, into);
        if (north is { } n && east is { } e)
            moment.Accuracy = Math.Sqrt(n * n + e * e);
        return null;
    }

    // time, day, month, year, zone hours, zone minutes
    private static Wording? Zda(ref NmeaFields f, ref NmeaMoment moment, DecodedPayload into)
    {
        if (f.Time(1, out var time) is { } bad)
            return bad;
        Enter(time, ref moment, into);
        if (
            f.Number(2, ("day", "日"), out var day) is null
            && f.Number(3, ("month", "月"), out var month) is null
            && f.Number(4, ("year", "年"), out var year) is null
            && year is >= 1 and <= 9999
            && month is >= 1 and <= 12
            && day >= 1
            && day <= DateTime.DaysInMonth((int)year, (int)month)
        )
            moment.Date ??= new DateTime((int)year, (int)month, (int)day, 0, 0, 0, DateTimeKind.Utc);
        return null;
    }

    // messages, index, satellites in view, then four satellites. Every message of a cycle repeats the count: the first one is taken.
    private static Wording? Gsv(ref NmeaFields f, DecodedPayload into)
    {
        if (f.Number(2, ("message index", "语句序号"), out var index) is { } indexWrong)
            return indexWrong;
        if (f.Number(3, ("satellites in view", "可见卫星数"), out var inView) is { } viewWrong)
            return viewWrong;
        if (index == 1 && inView is { } count)
            into.Add(Metric.LocationSatellitesInView, count, channel: Constellation(f[0]));
        return null;
    }

    private static string Constellation(ReadOnlySpan<byte> name) =>
        ((char)name[0], (char)name[1]) switch
        {
            ('B', 'D') or ('G', 'B') => "beidou",
            ('G', 'P') => "gps",
            ('G', 'L') => "glonass",
            ('G', 'A') => "galileo",
            ('G', 'Q') or ('Q', 'Z') => "qzss",
            ('G', 'I') => "navic",
            _ => "",
        };

    /// <summary>A sentence of another time of day ends the moment before it; the date goes on.</summary>
    private static void Enter(TimeSpan? time, ref NmeaMoment moment, DecodedPayload into)
    {
        if (time is null || moment.Time == time)
            return;
        if (moment.Time is not null)
        {
            var next = new NmeaMoment { Understood = moment.Understood, Date = moment.Time < time ? moment.Date : null };
            Flush(ref moment, into);
            moment = next;
        }

        moment.Time = time;
    }

    private static void Place(ref NmeaMoment moment, double? latitude, double? longitude, bool valid, bool guessed)
    {
        if (!valid)
            moment.NoFix = true;
        moment.Guessed |= guessed;
        moment.Latitude ??= latitude;
        moment.Longitude ??= longitude;
    }

    private static void Flush(ref NmeaMoment moment, DecodedPayload into)
    {
        var time = When(in moment, into.Received);
        var flags = moment.Guessed || moment.Hdop > WorstHdop || moment.Satellites == 0 ? ReadingFlags.Suspect : ReadingFlags.None;
        if (!moment.NoFix)
        {
            if (moment is { Latitude: { } latitude, Longitude: { } longitude } && (latitude != 0 || longitude != 0))
                into.AddLocation(
                    latitude,
                    longitude,
                    time,
                    (float)(moment.Accuracy ?? RangeError(moment.Quality) * moment.Hdop ?? double.NaN),
                    (float)(moment.Speed ?? double.NaN),
                    flags
                );
            Say(Metric.LocationAltitude, moment.Altitude);
            Say(Metric.LocationGeoid, moment.Geoid);
            Say(Metric.LocationCourse, moment.Course);
        }

        flags = ReadingFlags.None;
        Say(Metric.LocationQuality, moment.Quality);
        Say(Metric.LocationSatellites, moment.Satellites);
        Say(Metric.LocationHdop, moment.Hdop);
        Say(Metric.LocationPdop, moment.Pdop);
        Say(Metric.LocationVdop, moment.Vdop);

        void Say(Metric metric, double? value)
        {
            if (value is { } v)
                into.Add(metric, v, time, flags: flags);
        }
    }

    private static double RangeError(double? quality) =>
        quality switch
        {
            2 => 2,
            4 => 0.05,
            5 => 0.5,
            _ => 5,
        };

    private static DateTime? When(in NmeaMoment moment, DateTime received)
    {
        if (moment.Time is not { } time)
            return null;
        if (moment.Date is { } date)
            return date + time;
        if (moment.NoFix || received == default)
            return null; // the clock may not have been set yet
        var at = received.Date + time;
        return at > received + DecodedPayload.FutureTolerance && at > DateTime.MinValue.AddDays(1) ? at.AddDays(-1) : at;
    }
}
