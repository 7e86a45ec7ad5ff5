using System.Buffers.Binary;
using Vigil.Model;
using Vigil.Settings;

namespace Vigil.Ingest.Decoding;

/// <summary>
/// JT/T 808 (2011, 2013, 2019) BeiDou terminals: frames <c>7E … 7E</c>, escapes 7D 02 and 7D 01, XOR check byte, positions 0x0200, 0x0201, 0x0500 and
/// batches 0x0704. Latitude and longitude are magnitudes with south and west bits; times are GMT+8. The device is the phone number of the header
/// without leading zeros unless the profile keeps them. Alarm bit 0 is the SOS key of a person's locator.
/// </summary>
public sealed class Jt808Decoder : Decoder
{
    private const int LargestFrame = 1200; // 1023 bytes of body, the 2019 header and packet fields

    private readonly bool keepZeros;

    private Jt808Decoder(bool keepZeros) => this.keepZeros = keepZeros;

    /// <summary>Option <c>phone: stripped</c> takes the leading zeros of the number off.</summary>
    public static Decoder? Create(YamlSection profile)
    {
        var phone = profile.Text("phone") ?? "as-sent";
        if (phone is not ("as-sent" or "stripped")) profile.Refuse("phone", phone, "is neither as-sent nor stripped");
        return new Jt808Decoder(phone == "as-sent");
    }

    public override string? Decode(ReadOnlySpan<byte> payload, string topic, DecodedPayload into)
    {
        var any = false;
        Span<byte> frame = stackalloc byte[LargestFrame];
        while (true)
        {
            var start = payload.IndexOf((byte)0x7E);
            if (start < 0) return any ? null : "no JT/T 808 frame (7E … 7E) in it";
            payload = payload[(start + 1)..];
            if (payload.Length > 0 && payload[0] == 0x7E) continue; // two flags in a row: end of one frame, start of the next
            var end = payload.IndexOf((byte)0x7E);
            if (end < 0) return any && payload.Length == 0 ? null : "the frame has no closing 7E";
            if (Unescape(payload[..end], frame, out var length) is { } bad) return bad;
            if (Frame(frame[..length], into) is { } reason) return reason;
            any = true;
            payload = payload[(end + 1)..];
            if (payload.Length == 0) return null;
        }
    }

    private static string? Unescape(ReadOnlySpan<byte> wire, Span<byte> into, out int length)
    {
        length = 0;
        for (var i = 0; i < wire.Length; i++)
        {
            if (length == into.Length) return $"a frame of more than {LargestFrame} bytes";
            if (wire[i] != 0x7D)
            {
                into[length++] = wire[i];
                continue;
            }

            if (++i == wire.Length || wire[i] is not (1 or 2)) return "escape 7D is followed by neither 01 nor 02";
            into[length++] = wire[i] == 2 ? (byte)0x7E : (byte)0x7D;
        }

        return null;
    }

    private string? Frame(ReadOnlySpan<byte> frame, DecodedPayload into)
    {
        if (frame.Length < 13) return $"a frame of {frame.Length} bytes is shorter than its header";
        byte check = 0;
        foreach (var b in frame[..^1]) check ^= b;
        if (check != frame[^1]) return $"check byte is {frame[^1]:X2}, the bytes give {check:X2}";
        frame = frame[..^1];

        var id = BinaryPrimitives.ReadUInt16BigEndian(frame);
        var attributes = BinaryPrimitives.ReadUInt16BigEndian(frame[2..]);
        var is2019 = (attributes & 0x4000) != 0;
        var header = is2019 ? 17 : 12;
        var phone = frame.Slice(is2019 ? 5 : 4, is2019 ? 10 : 6);
        var parts = (attributes & 0x2000) != 0;
        if (parts) header += 4;
        if (frame.Length < header) return "the header is cut off";
        if ((attributes & 0x1C00) != 0) return "the body is encrypted (RSA), which is not supported";
        var bodyLength = attributes & 0x03FF;
        var body = frame[header..];
        if (body.Length < bodyLength) return $"the header says {bodyLength} bytes of body, {body.Length} came";
        body = body[..bodyLength];

        Span<char> digits = stackalloc char[20];
        for (var i = 0; i < phone.Length; i++)
        {
            digits[2 * i] = "0123456789ABCDEF"[phone[i] >> 4];
            digits[2 * i + 1] = "0123456789ABCDEF"[phone[i] & 15];
        }

        var number = (ReadOnlySpan<char>)digits[..(phone.Length * 2)];
        if (!keepZeros) number = number.TrimStart('0');
        if (into.Device.Length == 0 || !EndsLike(into.Device, number)) into.Device = number.ToString();

        if (parts)
        {
            var index = BinaryPrimitives.ReadUInt16BigEndian(frame[(header - 2)..]);
            if (index != 1) return null; // media and other long bodies come in parts; positions fit into the first
        }

        return id switch
        {
            0x0200 => Position(body, into, ReadingFlags.None),
            0x0201 or 0x0500 => body.Length < 2 ? "the reply is cut off" : Position(body[2..], into, ReadingFlags.None),
            0x0704 => Batch(body, into),
            0x0002 => Heartbeat(into),
            _ => null, // registration, authentication, media…: understood, says nothing of the person
        };
    }

    /// <summary>The registry may know the locator with or without the leading zeros that the header pads with.</summary>
    private static bool EndsLike(string known, ReadOnlySpan<char> number) => known.AsSpan().TrimStart('0').SequenceEqual(number.TrimStart('0'));

    private static string? Heartbeat(DecodedPayload into)
    {
        into.Add(Metric.Online, 1);
        return null;
    }

    /// <summary>0x0704: count, kind (0 normal, 1 back-fill of a dead spot), then length and a position each.</summary>
    private static string? Batch(ReadOnlySpan<byte> body, DecodedPayload into)
    {
        if (body.Length < 3) return "the batch is cut off";
        var flags = body[2] == 1 ? ReadingFlags.History : ReadingFlags.None;
        body = body[3..];
        while (body.Length >= 2)
        {
            var length = BinaryPrimitives.ReadUInt16BigEndian(body);
            if (body.Length < 2 + length) return "a position of the batch is cut off";
            if (Position(body.Slice(2, length), into, flags) is { } reason) return reason;
            body = body[(2 + length)..];
        }

        return null;
    }

    /// <summary>Table 23 of JT/T 808-2013: 28 bytes, then additional items (id, length, data).</summary>
    private static string? Position(ReadOnlySpan<byte> body, DecodedPayload into, ReadingFlags flags)
    {
        if (body.Length < 28) return $"a position has at least 28 bytes, {body.Length} came";
        var alarm = BinaryPrimitives.ReadUInt32BigEndian(body);
        var status = BinaryPrimitives.ReadUInt32BigEndian(body[4..]);
        var latitude = Magnitude(BinaryPrimitives.ReadUInt32BigEndian(body[8..])) * ((status & 4) != 0 ? -1 : 1);
        var longitude = Magnitude(BinaryPrimitives.ReadUInt32BigEndian(body[12..])) * ((status & 8) != 0 ? -1 : 1);
        var altitude = (short)BinaryPrimitives.ReadUInt16BigEndian(body[16..]);
        var speed = BinaryPrimitives.ReadUInt16BigEndian(body[18..]) / 36.0; // 0.1 km/h
        var course = BinaryPrimitives.ReadUInt16BigEndian(body[20..]);
        if (!TryTime(body.Slice(22, 6), out var time)) return $"time {Convert.ToHexString(body.Slice(22, 6))} is not BCD YYMMDDhhmmss";

        if ((alarm & 1) != 0) into.AddEvent(Metric.Button, "sos", time, flags: flags);
        if ((status & 2) != 0 && (latitude != 0 || longitude != 0))
        {
            into.AddLocation(latitude, longitude, time, speed: (float)speed, flags: flags);
            into.Add(Metric.LocationAltitude, altitude, time, flags: flags);
            into.Add(Metric.LocationCourse, course, time, flags: flags);
        }

        if ((alarm & 0x80) != 0) into.Add(Metric.BatteryLow, 1, time, flags: flags);
        if ((alarm & 0x100) != 0) into.Add(Metric.PowerLost, 1, time, flags: flags);
        if ((alarm & 0x2000_0000) != 0) into.AddEvent(Metric.DeviceAlarm, "collision", time, flags: flags);
        if ((alarm & 0x4000_0000) != 0) into.AddEvent(Metric.DeviceAlarm, "rollover", time, flags: flags);
        Items(body[28..], time, flags, into);
        return null;
    }

    private static void Items(ReadOnlySpan<byte> items, DateTime? time, ReadingFlags flags, DecodedPayload into)
    {
        while (items.Length >= 2 && items.Length >= 2 + items[1])
        {
            var data = items.Slice(2, items[1]);
            switch (items[0])
            {
                case 0x01 when data.Length == 4:
                    into.Add(Metric.VehicleMileage, BinaryPrimitives.ReadUInt32BigEndian(data) / 10.0, time, flags: flags);
                    break;
                case 0x30 when data.Length == 1:
                    into.Add(Metric.SignalStrength, data[0], time, flags: flags);
                    break;
                case 0x31 when data.Length == 1:
                    into.Add(Metric.LocationSatellites, data[0], time, flags: flags);
                    break;
            }

            items = items[(2 + data.Length)..];
        }
    }

    /// <summary>The standard sends magnitudes; some terminals send two's complement beside the bits.</summary>
    private static double Magnitude(uint raw) => raw > 0x8000_0000 ? (uint)-(int)raw / 1e6 : raw / 1e6;

    private static bool TryTime(ReadOnlySpan<byte> bcd, out DateTime? time)
    {
        time = null;
        if (bcd.IndexOfAnyExcept((byte)0) < 0) return true;
        Span<int> parts = stackalloc int[6];
        for (var i = 0; i < 6; i++)
        {
            if (bcd[i] >> 4 > 9 || (bcd[i] & 15) > 9) return false;
            parts[i] = (bcd[i] >> 4) * 10 + (bcd[i] & 15);
        }

        if (parts[1] is < 1 or > 12 || parts[2] < 1 || parts[2] > DateTime.DaysInMonth(2000 + parts[0], parts[1]) || parts[3] > 23 || parts[4] > 59 || parts[5] > 59)
        {
            time = DateTime.MinValue; // a clock that was never set: the arrival time is taken and flagged
            return true;
        }

        time = new DateTime(2000 + parts[0], parts[1], parts[2], parts[3], parts[4], parts[5], DateTimeKind.Utc).AddHours(-8);
        return true;
    }
}
