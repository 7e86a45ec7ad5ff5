using System.Buffers.Binary;
using Vigil.Model;

namespace Vigil.Ingest.Decoding.LoRaWan;

/// <summary>
/// Adeunis field test device and demo mote (user guide, "Payload"): a byte of flags, then the fields that they announce: temperature,
/// position (degrees and minutes in BCD, the hemisphere in the last bit; newer devices add a byte of quality), counters, battery, level and
/// ratio of the last downlink.
/// </summary>
internal static class AdeunisFieldTest
{
    public static Wording? Read(ReadOnlySpan<byte> bytes, int port, DateTime? time, DecodedPayload into)
    {
        if (bytes.Length < 2)
            return new Wording($"Wrong payload length: {bytes.Length} bytes", $"长度不对：{bytes.Length} 字节");
        var flags = bytes[0];
        bool temperature = (flags & 0x80) != 0,
            position = (flags & 0x10) != 0,
            up = (flags & 0x08) != 0,
            down = (flags & 0x04) != 0,
            battery = (flags & 0x02) != 0,
            radio = (flags & 0x01) != 0;
        var length = 1 + (temperature ? 1 : 0) + (position ? 8 : 0) + (up ? 1 : 0) + (down ? 1 : 0) + (battery ? 2 : 0) + (radio ? 2 : 0);
        var quality = position && bytes.Length == length + 1;
        if (bytes.Length != length && !quality)
            return new Wording(
                $"Wrong payload length: {bytes.Length} bytes, the flags ask for {length}",
                $"长度不对：{bytes.Length} 字节，按标志位应为 {length} 字节"
            );
        if ((flags & 0x20) != 0)
            into.AddEvent(Metric.Button, "pressed", time);
        if ((flags & 0x40) != 0)
            into.Add(Metric.Motion, 1, time);
        var rest = bytes[1..];
        if (temperature)
        {
            into.Add(Metric.AirTemperature, (sbyte)rest[0], time);
            rest = rest[1..];
        }

        if (position)
        {
            // 45 00 58 40 is 45° 00.584' north, 00 43 96 20 is 004° 39.62' east.
            double latitude = Angle(rest[..4], 2),
                longitude = Angle(rest[4..8], 3);
            if (latitude != 0 || longitude != 0)
                into.AddLocation(latitude, longitude, time);
            if (quality)
                into.Add(Metric.LocationSatellites, rest[8] & 15, time);
            rest = rest[(quality ? 9 : 8)..];
        }

        rest = rest[((up ? 1 : 0) + (down ? 1 : 0))..];
        if (battery)
            into.Add(Metric.BatteryVoltage, BinaryPrimitives.ReadUInt16BigEndian(rest) / 1000.0, time);
        return null;
    }

    private static double Angle(ReadOnlySpan<byte> bcd, int degrees)
    {
        double whole = 0,
            minutes = 0,
            scale = 10;
        for (var i = 0; i < 7; i++)
        {
            var digit = i % 2 == 0 ? bcd[i / 2] >> 4 : bcd[i / 2] & 15;
            if (digit > 9)
                return double.NaN;
            if (i < degrees)
                whole = whole * 10 + digit;
            else
            {
                minutes += digit * scale;
                scale /= 10;
            }
        }

        return (whole + minutes / 60) * ((bcd[3] & 1) != 0 ? -1 : 1);
    }
}
