using System.Globalization;
using Vigil.Model;

namespace Vigil.Ingest.Decoding.LoRaWan;

/// <summary>
/// Data records of EN 13757-3 (DIF, VIF, value): present values of energy, volume, power, flow and temperatures. Values of earlier storage
/// (tariffs and settlement) are skipped: only the running total is read. A record of unknown length ends the reading.
/// </summary>
internal static class MBusRecords
{
    public static MBusMedium Medium(byte code) =>
        code switch
        {
            0x02 => MBusMedium.Electricity,
            0x03 => MBusMedium.Gas,
            0x04 or 0x0A or 0x0B or 0x0C or 0x0D => MBusMedium.Heat,
            0x05 or 0x06 or 0x07 or 0x15 or 0x16 => MBusMedium.Water,
            _ => MBusMedium.Other,
        };

    /// <summary>Reads one record and removes it from the rest; false when it can't be understood or is cut off.</summary>
    public static bool TryRead(ref ReadOnlySpan<byte> rest, MBusMedium medium, DateTime? time, string channel, DecodedPayload into)
    {
        while (rest is [0x2F, ..])
            rest = rest[1..]; // idle filler
        if (rest.Length < 2)
            return false;
        var dif = rest[0];
        if ((dif & 0x0F) == 0x0F)
            return false; // the maker's own data
        var at = 1;
        var present = (dif & 0x70) == 0; // storage 0, present value
        for (var extension = dif; (extension & 0x80) != 0; at++)
        {
            if (at >= rest.Length)
                return false;
            extension = rest[at];
            present &= (extension & 0x7F) == 0; // no tariff, no storage
        }

        if (at >= rest.Length)
            return false;
        var vif = rest[at++];
        var code = vif & 0x7F;
        var second = -1;
        if (code is 0x7D or 0x7B)
        {
            if (at >= rest.Length)
                return false;
            second = rest[at++] & 0x7F;
        }

        // Extensions of the VIF change what it means (at the start of the period, per unit, errors): the value is skipped.
        for (var extension = second >= 0 ? rest[at - 1] : vif; (extension & 0x80) != 0; at++)
        {
            if (at >= rest.Length)
                return false;
            extension = rest[at];
            present = false;
        }

        if (Length(dif & 0x0F) is not (>= 0 and var length))
        {
            if ((dif & 0x0F) != 0x0D || at >= rest.Length || rest[at] >= 0xC0)
                return false;
            length = rest[at] + 1; // text
            present = false;
        }

        if (at + length > rest.Length)
            return false;
        var value = Value(dif & 0x0F, rest.Slice(at, length));
        rest = rest[(at + length)..];
        if (present && double.IsFinite(value))
            Add(code, second, value, medium, time, channel, into);
        return true;
    }

    private static int Length(int data) =>
        data switch
        {
            0 or 8 => 0,
            1 or 9 => 1,
            2 or 0x0A => 2,
            3 or 0x0B => 3,
            4 or 5 or 0x0C => 4,
            6 or 0x0E => 6,
            7 => 8,
            _ => -1,
        };

    private static double Value(int data, ReadOnlySpan<byte> bytes)
    {
        if (bytes.Length == 0)
            return double.NaN;
        if (data == 5)
            return BitConverter.ToSingle(bytes);
        if (data < 8)
        {
            long number = (sbyte)bytes[^1];
            for (var i = bytes.Length - 2; i >= 0; i--)
                number = number << 8 | bytes[i];
            return number;
        }

        double digits = 0;
        for (var i = bytes.Length - 1; i >= 0; i--)
        {
            // F as the first digit is a minus; any other digit above nine is invalid.
            if (i == bytes.Length - 1 && bytes[i] >> 4 == 0xF && (bytes[i] & 15) <= 9)
                digits = -(double)(bytes[i] & 15); // -0 keeps the sign
            else if (bytes[i] >> 4 > 9 || (bytes[i] & 15) > 9)
                return double.NaN;
            else
                digits = digits * 100 + Math.CopySign((bytes[i] >> 4) * 10 + (bytes[i] & 15), digits);
        }

        return digits;
    }

    private static void Add(int code, int second, double value, MBusMedium medium, DateTime? time, string channel, DecodedPayload into)
    {
        var heat = medium is MBusMedium.Heat or MBusMedium.Other;
        switch (code)
        {
            case <= 0x07:
                into.Add(
                    medium == MBusMedium.Electricity ? Metric.ElectricityEnergy : Metric.HeatEnergy,
                    value * Math.Pow(10, code - 6),
                    time,
                    channel
                ); // kWh
                break;
            case <= 0x0F:
                into.Add(
                    medium == MBusMedium.Electricity ? Metric.ElectricityEnergy : Metric.HeatEnergy,
                    value * Math.Pow(10, code - 8) / 3.6e6,
                    time,
                    channel
                ); // J
                break;
            case >= 0x10 and <= 0x17:
                into.Add(
                    medium switch
                    {
                        MBusMedium.Water => Metric.WaterVolume,
                        MBusMedium.Gas => Metric.GasVolume,
                        _ => Metric.HeatVolume,
                    },
                    value * Math.Pow(10, (code & 7) - 6),
                    time,
                    channel
                );
                break;
            case >= 0x28 and <= 0x2F:
                into.Add(
                    medium == MBusMedium.Electricity ? Metric.ElectricityPower : Metric.HeatPower,
                    value * Math.Pow(10, (code & 7) - 3),
                    time,
                    channel
                );
                break;
            case >= 0x38 and <= 0x3F when medium != MBusMedium.Gas:
                into.Add(
                    medium == MBusMedium.Water ? Metric.WaterFlow : Metric.HeatFlow,
                    value * Math.Pow(10, (code & 7) - 6) / 3600,
                    time,
                    channel
                );
                break;
            case >= 0x58 and <= 0x5B:
                if (heat)
                    into.Add(Metric.HeatTemperature, value * Math.Pow(10, (code & 3) - 3), time, Named(channel, "flow"));
                else
                    into.Add(Metric.WaterTemperature, value * Math.Pow(10, (code & 3) - 3), time, channel);
                break;
            case >= 0x5C and <= 0x5F when heat:
                into.Add(Metric.HeatTemperature, value * Math.Pow(10, (code & 3) - 3), time, Named(channel, "return"));
                break;
            case 0x7D when second == 0x17:
                into.Add(Metric.Fault, value == 0 ? 0 : 1, time, channel); // error flags
                break;
            case 0x7D when second is >= 0x40 and <= 0x4F && medium == MBusMedium.Electricity:
                into.Add(Metric.ElectricityVoltage, value * Math.Pow(10, (second & 15) - 9), time, channel);
                break;
            case 0x7D when second is >= 0x50 and <= 0x5F && medium == MBusMedium.Electricity:
                into.Add(Metric.ElectricityCurrent, value * Math.Pow(10, (second & 15) - 12), time, channel);
                break;
        }
    }

    private static string Named(string channel, string name) =>
        channel.Length == 0 ? name : string.Create(CultureInfo.InvariantCulture, $"{channel}.{name}");
}
