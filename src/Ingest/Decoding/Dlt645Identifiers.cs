using Vigil.Model;

namespace Vigil.Ingest.Decoding;

/// <summary>
/// Data identifiers DI3 DI2 DI1 DI0 of DL/T 645-2007, appendix A: energy (A.1), demand (A.2), variables (A.3), state words (A.5). FF in DI1
/// or DI0 is a block of all. Phases are channels l1, l2, l3, tariffs t1, t2…; the total has no channel. Identifiers that
/// are not listed here (parameters, events, profiles) are accepted without a reading.
/// </summary>
internal static class Dlt645Identifiers
{
    private enum Channels
    {
        /// <summary>DI1 is 0 for the total, then l1, l2, l3.</summary>
        TotalAndPhases,

        /// <summary>DI1 is 1, 2, 3 for l1, l2, l3.</summary>
        Phases,

        /// <summary>DI1 is 0 for the total, then t1, t2…</summary>
        Tariffs,

        /// <summary>As <see cref="Tariffs"/>, by settlement day.</summary>
        Days,
    }

    private readonly record struct Quantity(
        Metric Metric,
        int Width,
        double Scale,
        bool Signed,
        Channels Channels = Channels.Tariffs,
        string Prefix = ""
    );

    public static Wording? Read(uint identifier, ReadOnlySpan<byte> data, DecodedPayload into)
    {
        byte di3 = (byte)(identifier >> 24),
            di2 = (byte)(identifier >> 16),
            di1 = (byte)(identifier >> 8),
            di0 = (byte)identifier;
        switch (di3)
        {
            case 0x00 when Energy(di2) is { } energy:
                if (di0 == 0)
                    return Values(energy, di1, data, into);
                // DI0 1 to 12: the total on earlier settlement days; read for active energy only.
                if (di2 is 0 or 1 && di1 == 0 && di0 <= 12)
                    return Value(data, energy with { Metric = Metric.ElectricityEnergySettlement }, $"m{di0}", into);
                return di0 == 0xFF && di1 != 0xFF
                    ? Values(energy with { Channels = Channels.Days, Prefix = di1 == 0 ? "" : $"t{di1}" }, 0xFF, data, into)
                    : null;
            case 0x01 when di0 == 0 && di1 != 0xFF && di2 is 1 or 2:
                return Demand(di1, di2, data, into);
            case 0x02 when di2 == 0x80 && di1 == 0 && Variable(di0) is { } single:
                return Value(data, single.Quantity, single.Channel, into);
            case 0x02 when di0 == 0 && Measured(di2) is { } measured:
                return Values(measured, di1, data, into);
            case 0x04 when di2 == 0 && di1 == 5:
                return States(di0, data, into);
            default:
                return null;
        }
    }

    /// <summary>Table A.1, XXXXXX.XX kWh, kvarh or kVAh. Combined (0) is import where the meter has no other.</summary>
    private static Quantity? Energy(byte di2) =>
        di2 switch
        {
            0x00 => new(Metric.ElectricityEnergy, 4, 0.01, true),
            0x01 => new(Metric.ElectricityEnergy, 4, 0.01, false),
            0x02 => new(Metric.ElectricityEnergyExport, 4, 0.01, false),
            0x03 => new(Metric.ElectricityEnergyReactive, 4, 0.01, true, Prefix: "combined1"),
            0x04 => new(Metric.ElectricityEnergyReactive, 4, 0.01, true, Prefix: "combined2"),
            >= 0x05 and <= 0x08 => new(Metric.ElectricityEnergyReactive, 4, 0.01, false, Prefix: $"q{di2 - 4}"),
            0x09 => new(Metric.ElectricityEnergyApparent, 4, 0.01, false),
            0x0A => new(Metric.ElectricityEnergyApparent, 4, 0.01, false, Prefix: "export"),
            0x15 or 0x29 or 0x3D => new(Metric.ElectricityEnergy, 4, 0.01, false, Prefix: $"l{(di2 - 0x15) / 0x14 + 1}"),
            0x16 or 0x2A or 0x3E => new(Metric.ElectricityEnergyExport, 4, 0.01, false, Prefix: $"l{(di2 - 0x16) / 0x14 + 1}"),
            _ => null,
        };

    /// <summary>Table A.3: XXX.X V, XXX.XXX A, XX.XXXX kW, kvar and kVA, X.XXX, XXX.X°.</summary>
    private static Quantity? Measured(byte di2) =>
        di2 switch
        {
            0x01 => new(Metric.ElectricityVoltage, 2, 0.1, false, Channels.Phases),
            0x02 => new(Metric.ElectricityCurrent, 3, 0.001, true, Channels.Phases),
            0x03 => new(Metric.ElectricityPower, 3, 0.1, true, Channels.TotalAndPhases),
            0x04 => new(Metric.ElectricityPowerReactive, 3, 0.1, true, Channels.TotalAndPhases),
            0x05 => new(Metric.ElectricityPowerApparent, 3, 0.1, true, Channels.TotalAndPhases),
            0x06 => new(Metric.ElectricityPowerFactor, 2, 0.001, true, Channels.TotalAndPhases),
            0x07 => new(Metric.ElectricityPhaseAngle, 2, 0.1, false, Channels.Phases),
            _ => null,
        };

    /// <summary>028000xx of table A.3. The batteries are the meter's own: for its clock, and for reading it during a power cut.</summary>
    private static (Quantity Quantity, string Channel)? Variable(byte di0) =>
        di0 switch
        {
            0x01 => (new(Metric.ElectricityCurrent, 3, 0.001, true), "n"),
            0x02 => (new(Metric.ElectricityFrequency, 2, 0.01, false), ""),
            0x03 => (new(Metric.ElectricityPower, 3, 0.1, true), "minute"),
            0x04 => (new(Metric.ElectricityPowerDemand, 3, 0.1, true), ""),
            0x07 => (new(Metric.DeviceTemperature, 2, 0.1, true), ""),
            0x08 => (new(Metric.BatteryVoltage, 2, 0.01, false), ""),
            0x09 => (new(Metric.BatteryVoltage, 2, 0.01, false), "reading"),
            _ => null,
        };

    /// <summary>Table A.2: the highest demand, XX.XXXX kW, and its time, least significant byte (minute) first, Chinese time.</summary>
    private static Wording? Demand(byte di1, byte di2, ReadOnlySpan<byte> data, DecodedPayload into)
    {
        if (data.Length < 8)
            return new Wording($"a highest demand has 8 bytes, {data.Length} came", $"最大需量应为 8 字节，只有 {data.Length} 字节");
        if (data[..8].IndexOfAnyExcept((byte)0xFF) < 0)
            return null;
        if (!Bcd.TryReadLittleEndian(data[..3], out var digits))
            return new Wording(
                $"the demand {Convert.ToHexString(data[..3])} is not BCD",
                $"需量 {Convert.ToHexString(data[..3])} 不是 BCD 码"
            );
        Span<int> parts = stackalloc int[5];
        var time = (DateTime?)DateTime.MinValue;
        if (
            Bcd.TryRead(data[3], out parts[0])
            && Bcd.TryRead(data[4], out parts[1])
            && Bcd.TryRead(data[5], out parts[2])
            && Bcd.TryRead(data[6], out parts[3])
            && Bcd.TryRead(data[7], out parts[4])
        )
            time = Bcd.ChinaTime(2000 + parts[4], parts[3], parts[2], parts[1], parts[0], 0);
        var channel = Join(di2 == 2 ? "export" : "", di1 == 0 ? "" : $"t{di1}");
        into.Add(Metric.ElectricityPowerDemand, digits * 0.1, time, Join("highest", channel), ReadingFlags.History);
        return null;
    }

    /// <summary>
    /// 040005xx, table C.1 and C.3: word 1 bits 2 and 3 the clock's and the reading battery, word 3 bit 4 the relay (1 = cut off).
    /// </summary>
    private static Wording? States(byte word, ReadOnlySpan<byte> data, DecodedPayload into)
    {
        if (data.Length < 2)
            return new Wording("a state word has 2 bytes", "状态字应为 2 字节");
        if (word is 1 or 0xFF)
        {
            into.Add(Metric.BatteryLow, data[0] >> 2 & 1);
            into.Add(Metric.BatteryLow, data[0] >> 3 & 1, channel: "reading");
        }

        if (word == 3 || (word == 0xFF && data.Length >= 6))
            into.Add(Metric.SwitchOn, 1 - (data[word == 3 ? 0 : 4] >> 4 & 1));
        return null;
    }

    /// <summary>One value, or a block of them when DI1 is FF.</summary>
    private static Wording? Values(in Quantity quantity, byte di1, ReadOnlySpan<byte> data, DecodedPayload into)
    {
        var first = quantity.Channels == Channels.Phases ? 1 : 0;
        if (di1 != 0xFF)
            return Value(data, quantity, Channel(quantity, di1), into);
        if (data.Length < quantity.Width)
            return new Wording(
                $"{quantity.Metric} needs {quantity.Width} bytes, {data.Length} came",
                $"{quantity.Metric} 应为 {quantity.Width} 字节，只有 {data.Length} 字节"
            );
        for (var i = 0; (i + 1) * quantity.Width <= data.Length; i++)
        {
            var day = quantity.Channels == Channels.Days && i > 0;
            // Of earlier settlement days only imported energy has a metric.
            if (day && !ReferenceEquals(quantity.Metric, Metric.ElectricityEnergy))
                return null;
            var each = day ? quantity with { Metric = Metric.ElectricityEnergySettlement } : quantity;
            if (Value(data.Slice(i * quantity.Width, quantity.Width), each, Channel(quantity, first + i), into) is { } reason)
                return reason;
        }

        return null;
    }

    private static string Channel(in Quantity quantity, int number) =>
        Join(
            quantity.Prefix,
            quantity.Channels switch
            {
                _ when number == 0 => "",
                Channels.Tariffs => $"t{number}",
                Channels.Days => $"m{number}",
                _ => $"l{number}",
            }
        );

    private static string Join(string a, string b) =>
        a.Length == 0 ? b
        : b.Length == 0 ? a
        : $"{a}.{b}";

    private static Wording? Value(ReadOnlySpan<byte> data, in Quantity quantity, string channel, DecodedPayload into)
    {
        if (data.Length < quantity.Width)
            return new Wording(
                $"{quantity.Metric} needs {quantity.Width} bytes, {data.Length} came",
                $"{quantity.Metric} 应为 {quantity.Width} 字节，只有 {data.Length} 字节"
            );
        Span<byte> bcd = stackalloc byte[4];
        bcd = bcd[..quantity.Width];
        data[..quantity.Width].CopyTo(bcd);
        if (bcd.IndexOfAnyExcept((byte)0xFF) < 0)
            return null; // not supported by this meter
        var negative = quantity.Signed && bcd[^1] >= 0x80;
        if (negative)
            bcd[^1] &= 0x7F;
        if (!Bcd.TryReadLittleEndian(bcd, out var digits))
            return new Wording(
                $"{quantity.Metric}: {Convert.ToHexString(data[..quantity.Width])} is not BCD",
                $"{quantity.Metric}：{Convert.ToHexString(data[..quantity.Width])} 不是 BCD 码"
            );
        into.Add(quantity.Metric, Math.Round((negative ? -digits : digits) * quantity.Scale, 6), channel: channel);
        return null;
    }
}
