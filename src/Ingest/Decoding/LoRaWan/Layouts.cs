using System.Buffers.Binary;
using System.Collections.Frozen;
using Vigil.Model;

namespace Vigil.Ingest.Decoding.LoRaWan;

/// <summary>Reads the payload of one model's uplinks. Returns null when understood, else why it was refused.</summary>
internal delegate Wording? Layout(ReadOnlySpan<byte> bytes, int port, DateTime? time, DecodedPayload into);

/// <summary>The built-in payload layouts, by the name that a profile gives as <c>payload:</c>.</summary>
internal static class Layouts
{
    private static readonly FrozenDictionary<string, Func<FrameItems?, Layout>> Known = new Dictionary<string, Func<FrameItems?, Layout>>
    {
        ["adeunis-field-test"] = _ => AdeunisFieldTest.Read,
        ["axioma-w1"] = _ => MeterLayouts.AxiomaW1,
        ["cayenne-lpp"] = _ => CayenneLpp.Read,
        ["elvaco"] = _ => GatewayLayouts.Elvaco,
        ["iot-factory"] = _ => GatewayLayouts.IotFactory,
        ["obis"] = _ => GatewayLayouts.Obis,
        ["elsys"] = _ => Elsys.Read,
        ["quandify"] = _ => MeterLayouts.Quandify,
        ["dragino-lds02"] = _ => DraginoLayouts.Lds02,
        ["dragino-lgt92"] = _ => DraginoLayouts.Lgt92,
        ["milesight-leak"] = items => Milesight.For(Metric.WaterLeak, items),
        ["milesight-door"] = items => Milesight.For(Metric.DoorOpen, items),
        ["milesight-occupancy"] = items => Milesight.For(Metric.Presence, items),
        ["milesight"] = items => Milesight.For(null, items),
    }.ToFrozenDictionary(StringComparer.Ordinal);

    public static IEnumerable<string> Names => Known.Keys.Order(StringComparer.Ordinal);

    /// <param name="items">From the profile: what some channels mean in this model.</param>
    public static Layout? Find(string name, FrameItems? items) => Known.TryGetValue(name, out var create) ? create(items) : null;
}

/// <summary>Payloads of water meters.</summary>
internal static class MeterLayouts
{
    /// <summary>
    /// Axioma Qalcosonic W1, port 100: time u32, status, litres u32, all little-endian, then a log (none, 14-bit differences, or a first
    /// total and 16-bit differences). Port 103 is an alarm: time and status. Status: bit 2 battery low, bit 3 a lasting error; the upper
    /// half 3 leakage, B burst, D manipulation.
    /// </summary>
    public static Wording? AxiomaW1(ReadOnlySpan<byte> bytes, int port, DateTime? time, DecodedPayload into)
    {
        if (port is not (100 or 103 or UplinkContent.AnyPort))
            return new Wording(
                $"port {port}: an Axioma W1 reports on port 100, alarms on 103",
                $"端口 {port} 不对：Axioma W1 通过端口 100 上报，报警用端口 103"
            );
        var alarm = bytes.Length == 5;
        if (!alarm && bytes.Length is not (9 or >= 35 and <= 64))
            return new Wording(
                $"{bytes.Length} bytes: an Axioma W1 sends 5 for an alarm, 9 or 35 and more with its log",
                $"{bytes.Length} 字节不对：Axioma W1 的报警为 5 字节，读数为 9 字节，带历史为 35 字节以上"
            );
        var at = DateTime.UnixEpoch.AddSeconds(BinaryPrimitives.ReadUInt32LittleEndian(bytes));
        if (!alarm)
            into.Add(Metric.WaterVolume, BinaryPrimitives.ReadUInt32LittleEndian(bytes[5..]) / 1000.0, at);
        into.Add(Metric.BatteryLow, (bytes[4] & 0x04) >> 2, at);
        into.Add(Metric.Fault, (bytes[4] & 0x08) >> 3, at);
        if ((bytes[4] & 0x10) != 0 && bytes[4] >> 4 is 0x3 or 0xB)
            into.Add(Metric.WaterLeak, 1, at);
        if ((bytes[4] & 0x10) != 0 && bytes[4] >> 4 == 0xD)
            into.Add(Metric.Tamper, 1, at);
        return null;
    }

    /// <summary>
    /// Quandify CubicMeter 1.1 status report (port 1, 28 bytes): error code u16 at 4 (bit 15: not sensing water), litres u32 at 6, leak
    /// state at 22, little-endian.
    /// </summary>
    public static Wording? Quandify(ReadOnlySpan<byte> bytes, int port, DateTime? time, DecodedPayload into)
    {
        if (port is not (1 or UplinkContent.AnyPort))
            return null; // port 6 answers a configuration
        if (bytes.Length != 28)
            return new Wording($"Wrong payload length ({bytes.Length}), should be 28 bytes", $"长度不对（{bytes.Length}），应为 28 字节");
        var sensing = (bytes[5] & 0x80) == 0;
        // A sensor that was taken off its pipe repeats the last volume, which must not look like "no use".
        into.Add(
            Metric.WaterVolume,
            BinaryPrimitives.ReadUInt32LittleEndian(bytes[6..]) / 1000.0,
            time,
            flags: sensing ? ReadingFlags.None : ReadingFlags.Suspect
        );
        into.Add(Metric.Fault, sensing ? 0 : 1, time);
        into.Add(Metric.WaterLeak, bytes[22] > 2 ? 1 : 0, time);
        into.Add(Metric.BatteryVoltage, (1800 + bytes[24] * 8) / 1000.0, time); // recovered after the transmission
        into.Add(Metric.WaterTemperature, bytes[25] * 0.5 - 20, time, "min");
        into.Add(Metric.WaterTemperature, bytes[26] * 0.5 - 20, time, "max");
        into.Add(Metric.AirTemperature, bytes[27] * 0.5 - 20, time);
        return null;
    }
}

/// <summary>Payloads of Dragino devices, big-endian.</summary>
internal static class DraginoLayouts
{
    /// <summary>
    /// LDS02 and LWL02 share the frame: bit 15 open, bit 14 leak, 14 bits of millivolts, then the mode (1 door, 2 leak, 3 both). Port 10.
    /// </summary>
    public static Wording? Lds02(ReadOnlySpan<byte> bytes, int port, DateTime? time, DecodedPayload into)
    {
        if (port is not (10 or 7 or UplinkContent.AnyPort))
            return new Wording("unknown FPort", $"端口 {port} 不对");
        if (bytes.Length < 3)
            return new Wording($"{bytes.Length} bytes: at least 3 are needed", $"{bytes.Length} 字节不对：至少 3 字节");
        var head = BinaryPrimitives.ReadUInt16BigEndian(bytes);
        into.Add(Metric.BatteryVoltage, (head & 0x3FFF) / 1000.0, time);
        if (bytes[2] == 1)
            into.Add(Metric.DoorOpen, head >> 15, time);
        else if (bytes[2] == 2)
            into.Add(Metric.WaterLeak, (head >> 14) & 1, time);
        else if (bytes[2] == 3)
        {
            into.Add(Metric.DoorOpen, head >> 15, time);
            into.Add(Metric.WaterLeak, (head >> 14) & 1, time);
        }
        else
            return new Wording($"mode {bytes[2]} is neither door nor leak", $"模式 {bytes[2]} 既不是门磁也不是漏水");
        return null;
    }

    /// <summary>
    /// LGT-92 (user manual 2.3.1): latitude and longitude, "Alarm & BAT" (bit 14 is the alarm of the SOS button, 14 bits of millivolts), a
    /// flag byte, roll and pitch, from firmware 1.5 HDOP and altitude. Coordinates have four bytes in millionths, before firmware 1.4 three
    /// in ten-thousandths. All zero is no fix; 0FFFFF or FFFFFFFF is a receiver switched off to save power.
    /// </summary>
    public static Wording? Lgt92(ReadOnlySpan<byte> bytes, int port, DateTime? time, DecodedPayload into)
    {
        if (port is not (2 or UplinkContent.AnyPort))
            return new Wording("unknown FPort", $"端口 {port} 不对");
        if (bytes.Length is not (8 or 11 or 12 or 15 or 18))
            return new Wording(
                $"{bytes.Length} bytes: an LGT-92 sends 11, 15 or 18, its first firmware 8 or 12",
                $"{bytes.Length} 字节不对：LGT-92 发送 11、15 或 18 字节，早期固件 8 或 12 字节"
            );
        var old = bytes.Length is 8 or 12;
        double latitude,
            longitude;
        if (old)
        {
            latitude = (BinaryPrimitives.ReadInt32BigEndian(bytes) >> 8) / 1e4;
            longitude = ((bytes[3] << 24 | bytes[4] << 16 | bytes[5] << 8) >> 8) / 1e4;
        }
        else
        {
            latitude = BinaryPrimitives.ReadInt32BigEndian(bytes) / 1e6;
            longitude = BinaryPrimitives.ReadInt32BigEndian(bytes[4..]) / 1e6;
        }

        var rest = bytes[(old ? 6 : 8)..];
        var off = old ? latitude == 104.8575 && longitude == 104.8575 : latitude == longitude && latitude is -1e-6 or 1048575 / 1e6;
        if ((latitude != 0 || longitude != 0) && !off)
            into.AddLocation(latitude, longitude, time);
        var tail = BinaryPrimitives.ReadUInt16BigEndian(rest);
        into.Add(Metric.BatteryVoltage, (tail & 0x3FFF) / 1000.0, time);
        if ((tail & 0x4000) != 0)
            into.AddEvent(Metric.Button, "sos", time);
        if (bytes.Length == 18)
        {
            into.Add(Metric.LocationHdop, bytes[15] / 100.0, time);
            into.Add(Metric.LocationAltitude, BinaryPrimitives.ReadInt16BigEndian(bytes[16..]) / 100.0, time);
        }

        return null;
    }
}
