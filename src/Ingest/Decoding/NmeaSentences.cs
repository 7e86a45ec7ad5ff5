using Vigil.Model;

namespace Vigil.Ingest.Decoding;

/// <summary>The sentences that are read, each by its list of fields. Others, and proprietary ones, are ignored.</summary>
internal static class NmeaSentences
{
    private const double MetresPerSecondPerKnot = 1852.0 / 3600;

    /// <returns>Null when understood or of no interest, else why it was refused.</returns>
    public static Wording? Read(ReadOnlySpan<byte> body, ref NmeaMoment moment, DecodedPayload into)
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
        moment.Enter(time, into);
        moment.Date ??= date;
        moment.Speed = knots * MetresPerSecondPerKnot;
        moment.Course = course;
        moment.Place(latitude, longitude, status != 'V' && f.Letter(12) != 'N', f.Letter(12) is 'E' or 'M' or 'S');
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
        moment.Enter(time, into);
        moment.Quality = quality;
        moment.Satellites = satellites;
        moment.Hdop = hdop;
        moment.Altitude = altitude;
        moment.Geoid = geoid;
        moment.Place(latitude, longitude, quality is > 0, quality is 6 or 7 or 8);
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
        moment.Enter(time, into);
        moment.Satellites = satellites;
        moment.Hdop = hdop;
        moment.Altitude = altitude;
        moment.Geoid = geoid;
        var measured = f[6].IndexOfAny("ADPRF"u8) >= 0;
        moment.Place(latitude, longitude, f[6].IndexOfAnyExcept((byte)'N') >= 0, !measured);
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
        moment.Enter(time, into);
        moment.Place(latitude, longitude, status != 'V' && f.Letter(7) != 'N', f.Letter(7) is 'E' or 'M' or 'S');
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
        moment.Enter(time, into);
        if (north is { } n && east is { } e)
            moment.Accuracy = Math.Sqrt(n * n + e * e);
        return null;
    }

    // time, day, month, year, zone hours, zone minutes
    private static Wording? Zda(ref NmeaFields f, ref NmeaMoment moment, DecodedPayload into)
    {
        if (f.Time(1, out var time) is { } bad)
            return bad;
        moment.Enter(time, into);
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
}
