using System.Buffers.Binary;
using Vigil.Model;

namespace Vigil.Ingest.Decoding;

/// <summary>
/// The body of a JT/T 808 position (0x0200; table 23 of the 2013 edition): alarm bits, status bits, place, time, then additional items (id,
/// length, data). Latitude and longitude are magnitudes with south and west bits; times are GMT+8. Alarm bit 0 is the SOS key of a person's
/// locator.
/// </summary>
/// <remarks>
/// Without a fix (status bit 1) the position is the last known one or none: alarms and items are read, but no location. 0/0 is no position
/// either. An impossible time doesn't refuse an SOS: the arrival is used and flagged. Items beyond the standard's are ignored, because
/// makers use their ids differently.
/// </remarks>
internal static class Jt808Position
{
    private const int Fixed = 28;

    /// <summary>
    /// Alarm bits of table 24 (2013) and table 25 (2019) that become events; bits 0, 7 and 8 have metrics of their own, 15 to 17 were
    /// maker-specific before 2019.
    /// </summary>
    private static readonly string?[] Alarms =
    [
        null,
        "overspeed",
        "fatigue",
        "danger",
        "gnss-fault",
        "gnss-antenna-cut",
        "gnss-antenna-short",
        null,
        null,
        "lcd-fault",
        "tts-fault",
        "camera-fault",
        "ic-card-fault",
        "overspeed-warning",
        "fatigue-warning",
        "illegal-driving",
        "tyre-pressure",
        "blind-spot",
        "day-driving-timeout",
        "parking-timeout",
        "area",
        "route",
        "route-time",
        "route-deviation",
        "vss-fault",
        "fuel",
        "stolen",
        "illegal-ignition",
        "illegal-move",
        "collision",
        "rollover",
        "illegal-door",
    ];

    public static Wording? Read(ReadOnlySpan<byte> body, bool is2019, ReadingFlags flags, DecodedPayload into)
    {
        if (body.Length < Fixed)
            return new Wording(
                $"a position has at least {Fixed} bytes, {body.Length} came",
                $"位置至少 {Fixed} 字节，只有 {body.Length} 字节"
            );
        var alarm = BinaryPrimitives.ReadUInt32BigEndian(body);
        var status = BinaryPrimitives.ReadUInt32BigEndian(body[4..]);
        var time = Time(body.Slice(22, 6));

        // Alarms that need a person go first.
        if ((alarm & 1) != 0)
            into.AddEvent(Metric.Button, "sos", time, flags: flags);
        into.Add(Metric.ButtonHeld, alarm & 1, time, flags: flags); // the bit stays set from position to position until it is answered
        Place(body, status, time, flags, into);
        into.Add(Metric.BatteryLow, alarm >> 7 & 1, time, flags: flags);
        into.Add(Metric.PowerLost, alarm >> 8 & 1, time, flags: flags);
        for (var bit = 1; bit < Alarms.Length; bit++)
            if ((alarm >> bit & 1) != 0 && Alarms[bit] is { } word && (is2019 || bit is < 15 or > 17))
                into.AddEvent(Metric.DeviceAlarm, word, time, flags: flags);
        Items(body[Fixed..], is2019, time, flags, into);
        into.Add(Metric.VehicleIgnition, status & 1, time, flags: flags);
        return null;
    }

    private static void Place(ReadOnlySpan<byte> body, uint status, DateTime? time, ReadingFlags flags, DecodedPayload into)
    {
        var latitude = Magnitude(BinaryPrimitives.ReadUInt32BigEndian(body[8..])) * ((status & 4) != 0 ? -1 : 1);
        var longitude = Magnitude(BinaryPrimitives.ReadUInt32BigEndian(body[12..])) * ((status & 8) != 0 ? -1 : 1);
        if ((status & 2) == 0 || (latitude == 0 && longitude == 0))
            return;
        var speed = BinaryPrimitives.ReadUInt16BigEndian(body[18..]) / 36.0; // 0.1 km/h
        into.AddLocation(latitude, longitude, time, speed: (float)speed, flags: flags);
        into.Add(Metric.LocationAltitude, BinaryPrimitives.ReadInt16BigEndian(body[16..]), time, flags: flags);
        into.Add(Metric.LocationCourse, BinaryPrimitives.ReadUInt16BigEndian(body[20..]), time, flags: flags);
    }

    /// <summary>Table 27 of the 2013 edition. An item longer than the rest of the message ends the list.</summary>
    private static void Items(ReadOnlySpan<byte> items, bool is2019, DateTime? time, ReadingFlags flags, DecodedPayload into)
    {
        while (items.Length >= 2 && items.Length >= 2 + items[1])
        {
            var data = items.Slice(2, items[1]);
            switch (items[0], data.Length)
            {
                case (0x01, 4): // 0.1 km
                    into.Add(Metric.VehicleMileage, BinaryPrimitives.ReadUInt32BigEndian(data) / 10.0, time, flags: flags);
                    break;
                case (0x02, 2): // 0.1 L
                    into.Add(Metric.VehicleFuel, BinaryPrimitives.ReadUInt16BigEndian(data) / 10.0, time, flags: flags);
                    break;
                case (0x03, 2): // 0.1 km/h, by the driving recorder
                    into.Add(Metric.VehicleSpeed, BinaryPrimitives.ReadUInt16BigEndian(data) / 36.0, time, flags: flags);
                    break;
                case (0x06, 2) when is2019: // whole degrees, the top bit means minus
                    var raw = BinaryPrimitives.ReadUInt16BigEndian(data);
                    into.Add(Metric.AirTemperature, (raw & 0x7FFF) * ((raw & 0x8000) != 0 ? -1 : 1), time, flags: flags);
                    break;
                case (0x2B, 4): // AD0 in the low half, AD1 in the high one
                    into.Add(Metric.AnalogInput, BinaryPrimitives.ReadUInt16BigEndian(data[2..]), time, "0", flags);
                    into.Add(Metric.AnalogInput, BinaryPrimitives.ReadUInt16BigEndian(data), time, "1", flags);
                    break;
                case (0x30, 1):
                    into.Add(Metric.SignalStrength, data[0], time, flags: flags);
                    break;
                case (0x31, 1):
                    into.Add(Metric.LocationSatellites, data[0], time, flags: flags);
                    break;
            }

            items = items[(2 + data.Length)..];
        }
    }

    /// <summary>The standard sends magnitudes; some terminals send two's complement as well as the south and west bits.</summary>
    private static double Magnitude(uint raw) => raw > 0x8000_0000 ? (uint)-(int)raw / 1e6 : raw / 1e6;

    private static DateTime? Time(ReadOnlySpan<byte> bcd)
    {
        Span<int> parts = stackalloc int[6];
        for (var i = 0; i < 6; i++)
            if (!Bcd.TryRead(bcd[i], out parts[i]))
                return DateTime.MinValue;
        return Bcd.ChinaTime(2000 + parts[0], parts[1], parts[2], parts[3], parts[4], parts[5]);
    }
}
