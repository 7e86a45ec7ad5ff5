using System.Buffers.Binary;
using Vigil.Model;

namespace Vigil.Ingest.Decoding.LoRaWan;

/// <summary>Payloads of radio modules that forward the records of other meters and sensors.</summary>
internal static class GatewayLayouts
{
    /// <summary>
    /// Elvaco CMi4110, 4111, 4130, 4140, 4160 heat meter modules, port 2: a byte for the message type, then M-Bus records (CMi41xx user
    /// manuals, "Message format").
    /// </summary>
    public static Wording? Elvaco(ReadOnlySpan<byte> bytes, int port, DateTime? time, DecodedPayload into)
    {
        if (port is not (2 or UplinkContent.AnyPort))
            return new Wording($"unknown FPort: port {port}, these modules report on port 2", $"端口 {port} 不对：该型号通过端口 2 上报");
        if (bytes.Length < 12)
            return new Wording(
                $"Wrong payload length: {bytes.Length} bytes hold no records of a meter",
                $"长度不对：{bytes.Length} 字节中没有表计记录"
            );
        var rest = bytes[1..];
        var any = false;
        while (rest.Length > 1 && MBusRecords.TryRead(ref rest, MBusMedium.Heat, time, "", into))
            any = true;
        return any ? null : new Wording("no record of EN 13757-3 begins behind the first byte", "首字节之后没有 EN 13757-3 记录");
    }

    /// <summary>
    /// IoT Factory devices, port 10, little-endian: power supply (bit 0 mains, else per cent), flags for the rest of the header, then
    /// records with a type (12 bits), a reason and a time each. A record of an unknown type ends the reading.
    /// </summary>
    public static Wording? IotFactory(ReadOnlySpan<byte> bytes, int port, DateTime? time, DecodedPayload into)
    {
        if (port is not (10 or UplinkContent.AnyPort))
            return new Wording($"unknown FPort: port {port}, these devices report on port 10", $"端口 {port} 不对：该型号通过端口 10 上报");
        if (bytes.Length < 2)
            return new Wording($"Wrong payload length: {bytes.Length} bytes are no head", $"长度不对：{bytes.Length} 字节不足一个头部");
        var head = 2 + ((bytes[1] & 0x01) != 0 ? 4 : 0) + ((bytes[1] & 0x10) != 0 ? 2 : 0);
        if (bytes.Length < head + 6)
            return new Wording($"Wrong payload length: {bytes.Length} bytes hold no record", $"长度不对：{bytes.Length} 字节中没有记录");
        if ((bytes[0] & 1) == 0)
            into.Add(Metric.BatteryLevel, bytes[0] >> 1, time);
        var rest = bytes[head..];
        while (rest.Length >= 6)
        {
            int kind = BinaryPrimitives.ReadUInt16LittleEndian(rest),
                type = kind & 0x0FFF,
                reason = kind >> 12;
            DateTime at = DateTime.UnixEpoch.AddSeconds(BinaryPrimitives.ReadUInt32LittleEndian(rest[2..]));
            rest = rest[6..];
            if (!Record(type, reason, at, ref rest, into))
                return null;
        }

        return null;
    }

    private static bool Record(int type, int reason, DateTime at, ref ReadOnlySpan<byte> rest, DecodedPayload into)
    {
        var length = type switch
        {
            0x00 => 3,
            0x03 => 14,
            0x05 => 2,
            0x0B => 2,
            0x0D => 5,
            0x11 => 0,
            0x16 => 7,
            0x18 => 2,
            _ => -1,
        };
        if (length < 0 || rest.Length < length)
            return false;
        var value = rest[..length];
        rest = rest[length..];
        switch (type)
        {
            case 0x03:
                int latitude = BinaryPrimitives.ReadInt32LittleEndian(value),
                    longitude = BinaryPrimitives.ReadInt32LittleEndian(value[4..]);
                if (latitude != 0 || longitude != 0)
                    into.AddLocation(
                        latitude / 1e5,
                        longitude / 1e5,
                        at,
                        speed: (float)(BinaryPrimitives.ReadUInt16LittleEndian(value[10..]) / 3.6)
                    );
                break;
            case 0x05 when reason is 2 or 3:
                into.Add(Metric.Motion, reason - 2, at);
                break;
            case 0x0B:
                into.Add(Metric.SwitchOn, value[1] & 1, at, Number(value[0]));
                break;
            case 0x0D:
                into.Add(Metric.PulseCount, BinaryPrimitives.ReadUInt32LittleEndian(value[1..]), at, Number(value[0]));
                break;
            case 0x11 when reason is 1 or 2:
                into.AddEvent(Metric.Button, "sos", at);
                break;
            case 0x18 when BinaryPrimitives.ReadUInt16LittleEndian(value) <= 1000:
                into.Add(Metric.AirHumidity, BinaryPrimitives.ReadUInt16LittleEndian(value) / 10.0, at);
                break;
            case 0x16: // an answer of a meter: its number in BCD, medium, status, one record
                var meter = $"{BinaryPrimitives.ReadUInt32LittleEndian(value[1..]):x8}";
                return MBusRecords.TryRead(ref rest, MBusRecords.Medium(value[5]), at, meter, into);
        }

        return true;
    }

    /// <summary>
    /// IMST iO880A and IO-Ke868 readers of electricity meters, port 5 (69 in segments): fields of type, length and content; an object has
    /// the groups of its OBIS code, unit, scaler and mantissa (IEC 62056-6-1 and -6-2: 1.8.0 import, 2.8.0 export, 16.7.0 power; unit 30
    /// Wh, 27 W), big-endian.
    /// </summary>
    public static Wording? Obis(ReadOnlySpan<byte> bytes, int port, DateTime? time, DecodedPayload into)
    {
        if (port is 3 or 67)
            return null; // status
        if (port is not (5 or 69 or UplinkContent.AnyPort))
            return new Wording($"unknown FPort: port {port}, this reader reports on port 5", $"端口 {port} 不对：该采集器通过端口 5 上报");
        var rest = port == 69 && bytes.Length > 0 ? bytes[1..] : bytes;
        if (rest.Length < 2)
            return new Wording($"Wrong payload length: {bytes.Length} bytes hold no field", $"长度不对：{bytes.Length} 字节中没有字段");
        while (rest.Length >= 2)
        {
            int type = rest[0],
                length = rest[1];
            if (rest.Length < 2 + length)
                return new Wording($"the field of type {type:x2} is cut off", $"类型 {type:x2} 的字段不完整");
            if (type == 0x40)
                Object(rest.Slice(2, length), time, into);
            rest = rest[(2 + length)..];
        }

        return null;
    }

    private static void Object(ReadOnlySpan<byte> content, DateTime? time, DecodedPayload into)
    {
        if (content.Length < 1)
            return;
        Span<byte> groups = stackalloc byte[6];
        var at = 1;
        for (var group = 0; group < 6; group++)
        {
            if ((content[0] & 0x80 >> group) == 0)
                continue;
            if (at >= content.Length)
                return;
            groups[group] = content[at++];
        }

        if (content.Length < at + 3 || content.Length - at - 2 > 8)
            return;
        double scale = Math.Pow(10, (sbyte)content[at + 1]);
        long mantissa = (sbyte)content[at + 2];
        foreach (var b in content[(at + 3)..])
            mantissa = mantissa << 8 | b;
        var tariff = groups[4] == 0 ? "" : "t" + Number(groups[4]);
        switch (groups[2], groups[3], content[at])
        {
            case (1, 8, 30):
                into.Add(Metric.ElectricityEnergy, mantissa * scale / 1000, time, tariff);
                break;
            case (2, 8, 30):
                into.Add(Metric.ElectricityEnergyExport, mantissa * scale / 1000, time, tariff);
                break;
            case (16, 7, 27) or (1, 7, 27):
                into.Add(Metric.ElectricityPower, mantissa * scale, time);
                break;
        }
    }

    private static string Number(byte number) => number.ToString(System.Globalization.CultureInfo.InvariantCulture);
}
