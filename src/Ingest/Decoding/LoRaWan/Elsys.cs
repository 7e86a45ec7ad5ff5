using System.Buffers.Binary;
using Vigil.Model;

namespace Vigil.Ingest.Decoding.LoRaWan;

/// <summary>
/// Elsys sensors (elsys.se, "Sensor payload"): a type byte, then a big-endian value of the type's length; 3E begins the settings, which go
/// to the end. Port 6 is settings only.
/// </summary>
internal static class Elsys
{
    public static Wording? Read(ReadOnlySpan<byte> rest, int port, DateTime? time, DecodedPayload into)
    {
        if (port == 6)
            return null; // settings
        if (rest.Length < 2)
            return new Wording($"{rest.Length} bytes: too short for a type and a value", $"只有 {rest.Length} 字节：不足一个类型和数值");
        var any = false;
        while (rest.Length > 0)
        {
            var type = rest[0];
            if (type == 0x3E)
                return null; // settings follow to the end
            var length = Length(type);
            if (length < 0)
                return any ? null : new Wording($"type {type:x2} is not one of Elsys", $"类型 {type:x2} 不是 Elsys 的类型");
            if (rest.Length < 1 + length)
                return new Wording($"type {type:x2} is cut off", $"类型 {type:x2} 不完整");
            Add(type, rest.Slice(1, length), time, into);
            rest = rest[(1 + length)..];
            any = true;
        }

        return null;
    }

    private static int Length(byte type) =>
        type switch
        {
            0x02 or 0x05 or 0x0D or 0x0F or 0x11 or 0x12 or 0x1A => 1,
            0x01 or 0x04 or 0x06 or 0x07 or 0x08 or 0x0A or 0x0C or 0x0E or 0x15 or 0x16 or 0x18 or 0x19 or 0x1C => 2,
            0x03 => 3,
            0x0B or 0x10 or 0x14 or 0x17 or 0x1B or 0x3D => 4,
            0x09 => 6,
            0x13 => 65,
            _ => -1,
        };

    private static void Add(byte type, ReadOnlySpan<byte> value, DateTime? time, DecodedPayload into)
    {
        switch (type)
        {
            case 0x01:
                into.Add(Metric.AirTemperature, I16(value) / 10.0, time);
                break;
            case 0x02:
                into.Add(Metric.AirHumidity, value[0], time);
                break;
            case 0x04:
                into.Add(Metric.Illuminance, U16(value), time);
                break;
            case 0x05:
                into.Add(Metric.Motion, value[0] == 0 ? 0 : 1, time);
                break; // movements since the last frame
            case 0x06:
                into.Add(Metric.AirCarbonDioxide, U16(value), time);
                break;
            case 0x07:
                into.Add(Metric.BatteryVoltage, U16(value) / 1000.0, time);
                break;
            case 0x08:
                into.Add(Metric.AnalogInput, U16(value) / 1000.0, time, "1");
                break;
            case 0x18:
                into.Add(Metric.AnalogInput, U16(value) / 1000.0, time, "2");
                break;
            case 0x09:
                int latitude = I24(value),
                    longitude = I24(value[3..]); // little-endian, unlike the rest
                if (latitude != 0 || longitude != 0)
                    into.AddLocation(latitude / 1e4, longitude / 1e4, time);
                break;
            case 0x0B:
                into.Add(Metric.PulseCount, BinaryPrimitives.ReadUInt32BigEndian(value), time, "1");
                break;
            case 0x17:
                into.Add(Metric.PulseCount, BinaryPrimitives.ReadUInt32BigEndian(value), time, "2");
                break;
            case 0x0C:
                into.Add(Metric.AirTemperature, I16(value) / 10.0, time, "external");
                break;
            case 0x19:
                into.Add(Metric.AirTemperature, I16(value) / 10.0, time, "external2");
                break;
            case 0x11:
                into.Add(Metric.Presence, value[0] == 0 ? 0 : 1, time);
                break; // 0 empty, 1 pending, 2 occupied
            case 0x12:
                into.Add(Metric.WaterLeak, value[0] == 0 ? 0 : 1, time);
                break;
            case 0x14:
                into.Add(Metric.AirPressure, BinaryPrimitives.ReadInt32BigEndian(value) / 10.0, time);
                break; // thousandths of hPa
            case 0x1A:
                into.Add(Metric.DoorOpen, value[0] == 0 ? 0 : 1, time, "2");
                break;
            case 0x0D:
                into.Add(Metric.DoorOpen, value[0] == 0 ? 0 : 1, time);
                break;
        }
    }

    private static ushort U16(ReadOnlySpan<byte> value) => BinaryPrimitives.ReadUInt16BigEndian(value);

    private static short I16(ReadOnlySpan<byte> value) => BinaryPrimitives.ReadInt16BigEndian(value);

    private static int I24(ReadOnlySpan<byte> value) => (value[2] << 24 | value[1] << 16 | value[0] << 8) >> 8;
}
