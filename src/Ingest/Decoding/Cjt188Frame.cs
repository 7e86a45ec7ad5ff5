using Vigil.Model;

namespace Vigil.Ingest.Decoding;

/// <summary>The data of one CJ/T 188 frame.</summary>
/// <remarks>
/// Variants found in the field are read too: identifiers in both byte orders (90 1F and 1F 90), replies without a unit (then m³) or without
/// clock and state, the unit before the value in pushes (C = A1), a clock most significant byte first, FF FF FF FF for "not supported".
/// </remarks>
internal static class Cjt188Frame
{
    /// <summary>Reads a frame whose checksum is right, from its first 68 to before the checksum.</summary>
    public static Wording? Read(ReadOnlySpan<byte> frame, DecodedPayload into)
    {
        byte type = frame[1],
            control = frame[9];
        var data = frame[Cjt188Decoder.Header..];
        if (type is < 0x10 or > 0x4F)
            return new Wording(
                $"type {type:X2} is no meter of water (10–19), heat (20–29), gas (30–39) or electricity (40–49)",
                $"类型 {type:X2} 不是水表（10–19）、热量表（20–29）、燃气表（30–39）或电表（40–49）"
            );
        into.Device = Bcd.Text(frame.Slice(2, 7), leastSignificantFirst: true);
        if ((control & 0x80) == 0)
            return null; // a request to the meter
        if ((control & 0x40) != 0)
            return new Wording(
                $"the meter answered with an error (control {control:X2}, data {Convert.ToHexString(data)})",
                $"表计返回错误（控制码 {control:X2}，数据 {Convert.ToHexString(data)}）"
            );
        if (data.Length < 3)
            return null;
        int identifier = data[0] << 8 | data[1];
        if (identifier is 0x1F90 || data[0] is >= 0x20 and <= 0x2B && data[1] == 0xD1 || identifier is 0x17A0)
            identifier = data[1] << 8 | data[0];
        var values = data[3..]; // after the serial number
        return identifier switch
        {
            0x901F when (type & 0xF0) == 0x20 && values.Length >= 43 => Heat(type, values, into),
            0x901F => Total(type, control, values, into),
            >= 0xD120 and <= 0xD12B => Month(type, identifier - 0xD11F, values, into),
            0xA017 => State(values, null, into), // the reply to valve control
            _ => null, // address, price, settlement day, key…: nothing measured
        };
    }

    /// <summary>901F of water, gas and electricity: total and settlement total with their units, clock, state.</summary>
    private static Wording? Total(byte type, byte control, ReadOnlySpan<byte> values, DecodedPayload into)
    {
        if (control == 0xA1 && UnitsFirst(values))
        {
            if (Cjt188Values.Quantity(type, values.Slice(1, 4), values[0], false, null, into) is { } wrong)
                return wrong;
            values = values[5..];
            if (values.Length >= 5 && Cjt188Units.IsUnit(values[0]))
            {
                Cjt188Values.Quantity(type, values.Slice(1, 4), values[0], true, null, into);
                values = values[5..];
            }

            var pushed = Clock(ref values);
            return State(values, pushed, into);
        }

        if (values.Length < 4)
            return new Wording($"a reading of {values.Length} bytes has no total", $"读数只有 {values.Length} 字节，没有累计量");
        var hasUnit = values.Length >= 5 && Cjt188Units.IsUnit(values[4]);
        if (!hasUnit && values.Length is not (4 or 6))
            return new Wording($"unit {values[4]:X2} is not one of CJ/T 188", $"单位 {values[4]:X2} 不是 CJ/T 188 的单位");
        var total = values[..4];
        var unit = hasUnit ? values[4] : (byte)0x2C;
        values = values[(hasUnit ? 5 : 4)..];
        var settled = values.Length >= 5 && Cjt188Units.IsUnit(values[4]) ? values[..5] : default;
        if (settled.Length > 0)
            values = values[5..];
        var time = Clock(ref values);
        if (Cjt188Values.Quantity(type, total, unit, false, time, into) is { } reason)
            return reason;
        if (settled.Length > 0)
            Cjt188Values.Quantity(type, settled[..4], settled[4], true, time, into);
        return State(values, time, into);
    }

    /// <summary>Pushes (C = A1) of some makers put the unit before each value.</summary>
    private static bool UnitsFirst(ReadOnlySpan<byte> values)
    {
        if (values.Length < 5 || !Cjt188Units.IsUnit(values[0]))
            return false;
        return !Cjt188Units.IsUnit(values[4]) || values.Length < 10 || Cjt188Units.IsUnit(values[5]) || !Cjt188Units.IsUnit(values[9]);
    }

    /// <summary>
    /// 901F of heat meters: settlement heat, heat, power, flow (XXXX.XXXX), volume, with a unit each; supply and return temperature
    /// (XXXX.XX), hours, clock, state.
    /// </summary>
    private static Wording? Heat(byte type, ReadOnlySpan<byte> values, DecodedPayload into)
    {
        var rest = values[34..];
        var time = Clock(ref rest);
        for (var i = 0; i < 5; i++)
        {
            var unit = values[5 * i + 4];
            if (Cjt188Values.Quantity(type, values.Slice(5 * i, 4), unit, i == 0, time, into, i == 3 ? 1e-4 : 0.01) is { } reason && i == 1)
                return reason;
        }

        Cjt188Values.Number(values.Slice(25, 3), 0.01, Metric.HeatTemperature, "supply", time, into);
        Cjt188Values.Number(values.Slice(28, 3), 0.01, Metric.HeatTemperature, "return", time, into);
        Cjt188Values.Number(values.Slice(31, 3), 1, Metric.DeviceHours, "", time, into);
        return State(rest, time, into);
    }

    /// <summary>D120–D12B: the settlement total of one to twelve months ago.</summary>
    private static Wording? Month(byte type, int month, ReadOnlySpan<byte> values, DecodedPayload into)
    {
        if (values.Length < 4)
            return new Wording($"a settlement of {values.Length} bytes has no total", $"结算数据只有 {values.Length} 字节，没有累计量");
        return Cjt188Values.Quantity(type, values[..4], values.Length > 4 ? values[4] : (byte)0x2C, true, null, into, channel: $"m{month}");
    }

    /// <summary>
    /// ST, byte 0: bits 0 and 1 the valve (00 open, 01 closed, 11 out of order), bit 2 the battery. Byte 1 is the maker's.
    /// </summary>
    private static Wording? State(ReadOnlySpan<byte> state, DateTime? time, DecodedPayload into)
    {
        if (state.Length < 2 || state[..2].IndexOfAnyExcept((byte)0xFF) < 0)
            return null;
        var valve = state[0] & 3;
        if (valve < 2)
            into.Add(Metric.ValveClosed, valve, time);
        if (valve != 2)
            into.Add(Metric.Fault, valve == 3 ? 1 : 0, time, "valve");
        into.Add(Metric.BatteryLow, state[0] >> 2 & 1, time);
        return null;
    }

    /// <summary>
    /// Seven BCD bytes from the second to the century, or the other way round; takes them off the front where there are enough.
    /// </summary>
    private static DateTime? Clock(ref ReadOnlySpan<byte> values)
    {
        if (values.Length < 7)
            return null;
        var clock = values[..7];
        values = values[7..];
        if (clock.IndexOfAnyExcept((byte)0) < 0 || clock.IndexOfAnyExcept((byte)0xFF) < 0)
            return null;
        Span<int> parts = stackalloc int[7];
        for (var i = 0; i < 7; i++)
            if (!Bcd.TryRead(clock[i], out parts[i]))
                return DateTime.MinValue;
        if (parts[6] is not (19 or 20) && parts[0] == 20)
            parts.Reverse();
        return parts[6] is 19 or 20
            ? Bcd.ChinaTime(parts[6] * 100 + parts[5], parts[4], parts[3], parts[2], parts[1], parts[0]) ?? DateTime.MinValue
            : DateTime.MinValue;
    }
}
