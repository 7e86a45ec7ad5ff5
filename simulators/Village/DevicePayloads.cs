using System.Buffers.Binary;
using System.Globalization;
using System.Text;

namespace Vigil.Village;

/// <summary>
/// What real devices put on the wire. Each function writes one payload of one format, the sources are those of the device profiles.
/// </summary>
public static class DevicePayloads
{
    /// <summary>Kamstrup Multical 21 as wmbusmeters publishes it.</summary>
    public static byte[] Multical21(string id, double totalCubicMetres, DateTimeOffset time) =>
        Encoding.UTF8.GetBytes(
            string.Create(
                CultureInfo.InvariantCulture,
                $$"""
                {"_":"telegram","media":"cold water","meter":"multical21","name":"Water{{id}}","id":"{{id}}","status":"OK"
                """
                    + $$""","total_m3":{{totalCubicMetres:0.000}},"flow_temperature_c":18,"external_temperature_c":22"""
                    + $$""","timestamp":"{{time.UtcDateTime:yyyy-MM-ddTHH:mm:ssZ}}"}"""
            )
        );

    /// <summary>
    /// DL/T 645-2007 reply to "read forward active energy" (DI 00010000): wake-up bytes, address and value in BCD, least significant byte
    /// first, every data byte + 0x33, sum of all bytes from the first 68.
    /// </summary>
    public static byte[] Dlt645Energy(string address, double kilowattHours)
    {
        var frame = new byte[4 + 20];
        frame.AsSpan(0, 4).Fill(0xFE);
        var f = frame.AsSpan(4);
        f[0] = f[7] = 0x68;
        WriteBcd(f[1..7], long.Parse(address, CultureInfo.InvariantCulture));
        f[8] = 0x91;
        f[9] = 8;
        BinaryPrimitives.WriteUInt32LittleEndian(f[10..], 0x00010000);
        WriteBcd(f[14..18], (long)Math.Round(kilowattHours * 100));
        for (var i = 10; i < 18; i++)
            f[i] += 0x33;
        byte sum = 0;
        foreach (var b in f[..18])
            sum += b;
        f[18] = sum;
        f[19] = 0x16;
        return frame;
    }

    /// <summary>JT/T 808-2013 position report (0x0200) of a locator; <paramref name="sos"/> sets alarm bit 0. Time is GMT+8.</summary>
    public static byte[] Jt808Position(string phone, double latitude, double longitude, DateTimeOffset time, bool sos, ushort serial)
    {
        var body = new byte[28];
        BinaryPrimitives.WriteUInt32BigEndian(body, sos ? 1u : 0u);
        BinaryPrimitives.WriteUInt32BigEndian(body.AsSpan(4), 0b11 | (latitude < 0 ? 4u : 0) | (longitude < 0 ? 8u : 0));
        BinaryPrimitives.WriteUInt32BigEndian(body.AsSpan(8), (uint)Math.Round(Math.Abs(latitude) * 1e6));
        BinaryPrimitives.WriteUInt32BigEndian(body.AsSpan(12), (uint)Math.Round(Math.Abs(longitude) * 1e6));
        var local = time.ToOffset(TimeSpan.FromHours(8));
        var digits = local.ToString("yyMMddHHmmss", CultureInfo.InvariantCulture);
        for (var i = 0; i < 6; i++)
            body[22 + i] = (byte)((digits[2 * i] - '0') << 4 | (digits[2 * i + 1] - '0'));

        var message = new byte[12 + body.Length + 1];
        BinaryPrimitives.WriteUInt16BigEndian(message, 0x0200);
        BinaryPrimitives.WriteUInt16BigEndian(message.AsSpan(2), (ushort)body.Length);
        var bcd = phone.PadLeft(12, '0');
        for (var i = 0; i < 6; i++)
            message[4 + i] = (byte)((bcd[2 * i] - '0') << 4 | (bcd[2 * i + 1] - '0'));
        BinaryPrimitives.WriteUInt16BigEndian(message.AsSpan(10), serial);
        body.CopyTo(message, 12);
        byte check = 0;
        foreach (var b in message.AsSpan(..^1))
            check ^= b;
        message[^1] = check;

        using var wire = new MemoryStream();
        wire.WriteByte(0x7E);
        foreach (var b in message)
        {
            if (b is 0x7E or 0x7D)
            {
                wire.WriteByte(0x7D);
                wire.WriteByte((byte)(b == 0x7E ? 2 : 1));
            }
            else
            {
                wire.WriteByte(b);
            }
        }

        wire.WriteByte(0x7E);
        return wire.ToArray();
    }

    /// <summary>A Zigbee emergency button as zigbee2mqtt publishes it.</summary>
    public static byte[] ZigbeeButton(string action, int battery) =>
        Encoding.UTF8.GetBytes($$"""{"action":"{{action}}","battery":{{battery}},"linkquality":96,"voltage":2900}""");

    /// <summary>Vigil's own payload: a SenML pack (RFC 8428).</summary>
    public static byte[] SenMl(string device, DateTimeOffset time, params (string Name, string Unit, double Value)[] records)
    {
        var text = new StringBuilder("[");
        for (var i = 0; i < records.Length; i++)
        {
            var (name, unit, value) = records[i];
            if (i == 0)
                text.Append(CultureInfo.InvariantCulture, $$"""{"bn":"{{device}}/","bt":{{time.ToUnixTimeSeconds()}},""");
            else
                text.Append(",{");
            text.Append(CultureInfo.InvariantCulture, $"\"n\":\"{name}\",\"u\":\"{unit}\",\"v\":{value:0.###}}}");
        }

        return Encoding.UTF8.GetBytes(text.Append(']').ToString());
    }

    private static void WriteBcd(Span<byte> into, long value)
    {
        for (var i = 0; i < into.Length; i++, value /= 100)
            into[i] = (byte)((value % 100 / 10 << 4) | (value % 10));
    }
}
