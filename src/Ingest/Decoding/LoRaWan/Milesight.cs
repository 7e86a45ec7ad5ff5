using System.Buffers.Binary;
using Vigil.Model;

namespace Vigil.Ingest.Decoding.LoRaWan;

/// <summary>
/// Milesight's channel-type-value uplinks (user guides of the AM, AT, CT, EM, TS, UC, VS, WS and WT series, "Payload"), little-endian, port
/// 85. Where models differ (a state, history, an alarm with its value) the profile's <c>items:</c> say what a channel means, and go first.
/// An unknown type ends the reading, because its length is unknown too.
/// </summary>
internal sealed class Milesight
{
    private readonly Metric? state;
    private readonly FrameItems? own;

    private Milesight(Metric? state, FrameItems? own)
    {
        this.state = state;
        this.own = own;
    }

    /// <param name="state">What a value of type 00 means where the profile doesn't say.</param>
    /// <param name="own">The profile's items by channel and type.</param>
    public static Layout For(Metric? state, FrameItems? own) => new Milesight(state, own).Read;

    private Wording? Read(ReadOnlySpan<byte> rest, int port, DateTime? time, DecodedPayload into)
    {
        if (port is not (85 or UplinkContent.AnyPort))
            return new Wording($"port {port}: Milesight devices report on port 85", $"端口 {port} 不对：Milesight 设备通过端口 85 上报");
        if (rest.Length < 3)
            return new Wording(
                $"{rest.Length} bytes: too short for a channel, a type and a value",
                $"只有 {rest.Length} 字节：不足一个通道、类型和数值"
            );
        var any = false;
        while (rest.Length >= 2)
        {
            byte channel = rest[0],
                type = rest[1];
            var value = rest[2..];
            if (own is not null && own.TryFind(channel << 8 | type, out var item))
            {
                if (value.Length < item.Length)
                    return new Wording($"channel {channel:x2} type {type:x2} is cut off", $"通道 {channel:x2} 类型 {type:x2} 不完整");
                item.Decode(value[..item.Length], time, into);
                rest = value[item.Length..];
                any = true;
                continue;
            }

            var length = Length(channel, type);
            if (length < 0)
                return any
                    ? null
                    : new Wording(
                        $"channel {channel:x2} type {type:x2} is not known for this model",
                        $"该型号没有通道 {channel:x2} 类型 {type:x2}"
                    );
            if (value.Length < length)
                return new Wording($"channel {channel:x2} type {type:x2} is cut off", $"通道 {channel:x2} 类型 {type:x2} 不完整");
            Add(channel, type, value[..length], time, into);
            rest = value[length..];
            any = true;
        }

        return null;
    }

    private static int Length(byte channel, byte type) =>
        (channel, type) switch
        {
            (0xFF, 0x09 or 0x0A or 0xFF or 0x18) => 2,
            (0xFF, 0x01 or 0x0B or 0x0F or 0x2E or 0x3F or 0x26 or 0xFE) => 1,
            (0xFF, 0x12 or 0x16) => 8,
            (0xFF, 0x08) => 6,
            (0xFF, 0x34) => 3,
            // A threshold alarm: the value, then which alarm; with 98 and 99 the largest and the smallest value come first.
            (>= 0x83 and <= 0x8F, 0x67 or 0x68 or 0x73 or 0x82) => type == 0x68 ? 2 : 3,
            (>= 0x84 and <= 0x88, 0x98 or 0x99) => 7,
            (_, 0xD7 or 0xE9) => type == 0xD7 ? 4 : 5,
            (_, 0xCE or 0xCD or 0xDC or 0xDD or 0xE0) => -1, // history: the model's
            (_, 0x75 or 0x00 or 0x01 or 0x68 or 0x81 or 0x70 or 0x29 or 0x8E or 0xCB or 0xCD) => 1,
            (_, 0x67 or 0x73 or 0x74 or 0x77 or 0x7B or 0x7D or 0x7F or 0x82 or 0xC9 or 0xCA or 0x98 or 0x99 or 0xE6) => 2,
            (_, 0x80 or 0x83 or 0x90 or 0x94 or 0x97 or 0xC8) => 4,
            (0x04 or 0x06, 0x88) or (_, 0xD9) => 9,
            (_, 0x6A) => 2,
            (_, 0x65 or 0xD4) => 6,
            (_, 0xCF) => 7,
            (_, 0xE1) => 8,
            _ => -1,
        };

    private void Add(byte channel, byte type, ReadOnlySpan<byte> value, DateTime? time, DecodedPayload into)
    {
        switch (type)
        {
            case 0x75 when channel <= 0x02:
                into.Add(Metric.BatteryLevel, value[0], time, channel == 0x02 ? "node" : "");
                break;
            case 0x67 when U16(value) is not (0xFFFF or 0x8000 or 0x7FFF):
                into.Add(Metric.AirTemperature, BinaryPrimitives.ReadInt16LittleEndian(value) / 10.0, time);
                break;
            case 0x68 when value[0] <= 200:
                into.Add(Metric.AirHumidity, value[0] / 2.0, time);
                break;
            case 0x73:
                into.Add(Metric.AirPressure, U16(value) * 10.0, time);
                break; // tenths of hPa
            case 0x74:
                into.Add(Metric.ElectricityVoltage, U16(value) / 10.0, time);
                break;
            case 0x80:
                into.Add(Metric.ElectricityPower, BinaryPrimitives.ReadUInt32LittleEndian(value), time);
                break;
            case 0x81:
                into.Add(Metric.ElectricityPowerFactor, value[0] / 100.0, time);
                break;
            case 0x83:
                into.Add(Metric.ElectricityEnergy, BinaryPrimitives.ReadUInt32LittleEndian(value) / 1000.0, time);
                break;
            case 0xC9 when channel == 0x07:
                into.Add(Metric.ElectricityCurrent, U16(value) / 1000.0, time);
                break;
            case 0x98 or 0x99:
                Current(channel, type, value, time, into);
                break;
            case 0xC8:
                into.Add(Metric.PulseCount, BinaryPrimitives.ReadUInt32LittleEndian(value), time);
                break;
            case 0x70:
                into.Add(Metric.SwitchOn, value[0] & 1, time);
                break;
            case 0x2E when channel == 0xFF && value[0] is >= 1 and <= 3:
                into.AddEvent(
                    Metric.Button,
                    value[0] switch
                    {
                        1 => "pressed",
                        2 => "long",
                        _ => "double",
                    },
                    time
                );
                break;
            case 0x34 when channel == 0xFF && value[2] is >= 1 and <= 3:
                into.AddEvent(
                    Metric.Button,
                    value[2] switch
                    {
                        1 => "pressed",
                        2 => "double",
                        _ => "long",
                    },
                    time,
                    value[0].ToString(System.Globalization.CultureInfo.InvariantCulture)
                );
                break;
            // The second state of the WS301 is its mount. The maker's sample calls 1 "installed", other documents the opposite: not read
            // until it has been checked with a device.
            case 0x00 when state == Metric.DoorOpen && channel == 0x04:
                break;
            case 0x00 when state is not null:
                into.Add(state, value[0] == 0 ? 0 : 1, time);
                break;
            case 0x88:
                int latitude = BinaryPrimitives.ReadInt32LittleEndian(value),
                    longitude = BinaryPrimitives.ReadInt32LittleEndian(value[4..]);
                if ((latitude != 0 || longitude != 0) && latitude != -1)
                    into.AddLocation(latitude / 1e6, longitude / 1e6, time);
                break;
        }
    }

    /// <summary>
    /// A current clamp: type 98 in hundredths on one channel, 99 in tenths on three. In an alarm the largest and the smallest value of the
    /// interval come before the present one.
    /// </summary>
    private static void Current(byte channel, byte type, ReadOnlySpan<byte> value, DateTime? time, DecodedPayload into)
    {
        var input =
            type == 0x98
                ? ""
                : ((channel & 0x7F) / 2 - 1) switch
                {
                    1 => "1",
                    2 => "2",
                    _ => "3",
                };
        var raw = U16(value.Length == 7 ? value[4..] : value);
        into.Add(Metric.Fault, raw == 0xFFFF ? 1 : 0, time, input);
        if (raw != 0xFFFF)
            into.Add(Metric.ElectricityCurrent, raw / (type == 0x98 ? 100.0 : 10.0), time, input);
    }

    private static ushort U16(ReadOnlySpan<byte> value) => BinaryPrimitives.ReadUInt16LittleEndian(value);
}
