using System.Buffers.Binary;
using System.Globalization;
using Vigil.Model;

namespace Vigil.Ingest.Decoding;

/// <summary>
/// DL/T 645-2007 electricity meters: wake-up bytes FE, <c>68 A0…A5 68 C L DATA CS 16</c>; the address is BCD, least significant byte first; every data
/// byte carries +0x33; CS is the sum from the first 68, modulo 256 (§7.2). Read replies (C = 91) carry a data identifier and a BCD value.
/// Bytes of a gateway before the frame are skipped.
/// </summary>
public sealed class Dlt645Decoder : Decoder
{
    public override string? Decode(ReadOnlySpan<byte> payload, string topic, DecodedPayload into)
    {
        string? why = null; // of the first candidate: later ones are bytes of the data that look like a start
        var understood = false;
        for (var at = 0; at + 12 <= payload.Length; at++)
        {
            if (payload[at] != 0x68 || payload[at + 7] != 0x68) continue;
            var length = payload[at + 9];
            var end = at + 10 + length;
            if (end + 2 > payload.Length)
            {
                why ??= $"the frame says {length} data bytes, but only {payload.Length - at - 10} follow";
                continue;
            }

            byte sum = 0;
            foreach (var b in payload[at..end]) sum += b;
            if (payload[end] != sum)
            {
                why ??= $"checksum is {payload[end]:X2}, the bytes add up to {sum:X2}";
                continue;
            }

            if (payload[end + 1] != 0x16)
            {
                why ??= $"the frame ends in {payload[end + 1]:X2} in place of 16";
                continue;
            }

            if (Frame(payload.Slice(at, 10 + length), into) is { } reason) return reason;
            understood = true;
            at = end + 1;
        }

        return understood ? null : why ?? "no DL/T 645 frame (68 … 68 … 16) in it";
    }

    private static string? Frame(ReadOnlySpan<byte> frame, DecodedPayload into)
    {
        Span<char> address = stackalloc char[12];
        for (var i = 0; i < 6; i++)
        {
            var b = frame[6 - i];
            address[2 * i] = Digit(b >> 4);
            address[2 * i + 1] = Digit(b & 15);
        }

        into.Device = address.ToString();
        var control = frame[8];
        if ((control & 0x80) == 0) return null; // a request of the master: says nothing of the meter
        Span<byte> data = stackalloc byte[frame.Length - 10];
        for (var i = 0; i < data.Length; i++) data[i] = (byte)(frame[10 + i] - 0x33);
        if ((control & 0x40) != 0)
        {
            var error = data.Length > 0 ? data[0] : (byte)0;
            return $"the meter answered with an error ({error:X2}: {ErrorText(error)})";
        }

        if ((control & 0x1F) is not (0x11 or 0x12)) return null; // addresses, relay control, clock: nothing measured
        if (data.Length < 5) return "a read reply without a value";
        return Value(BinaryPrimitives.ReadUInt32LittleEndian(data), data[4..], into);
    }

    /// <summary>Data identifiers of appendix A.1 and A.2: DI3 DI2 DI1 DI0.</summary>
    private static string? Value(uint di, ReadOnlySpan<byte> data, DecodedPayload into)
    {
        byte di3 = (byte)(di >> 24), di2 = (byte)(di >> 16), di1 = (byte)(di >> 8), di0 = (byte)di;
        switch (di3)
        {
            case 0x00 when di0 == 0 && di2 is 1 or 2 or 0 or 3 or 4:
                // Energy: DI1 is the tariff, FF the block of all of them. Combined (DI2 = 0) is import where the meter has no other.
                var metric = di2 switch { 2 => Metric.ElectricityEnergyExport, 0 or 1 => Metric.ElectricityEnergy, _ => null };
                if (metric is null) return null;
                return Block(data, 4, 0.01, metric, di1, i => i == 0 ? "" : $"t{i}", into, signed: di2 == 0);
            case 0x02:
                return di2 switch
                {
                    0x01 => Block(data, 2, 0.1, Metric.ElectricityVoltage, di1, i => $"l{i + 1}", into, first: 1),
                    0x02 => Block(data, 3, 0.001, Metric.ElectricityCurrent, di1, i => $"l{i + 1}", into, first: 1, signed: true),
                    0x03 => Block(data, 3, 0.1, Metric.ElectricityPower, di1, i => i == 0 ? "" : $"l{i}", into, signed: true),
                    0x04 => Block(data, 3, 0.1, Metric.ElectricityPowerReactive, di1, i => i == 0 ? "" : $"l{i}", into, signed: true),
                    0x05 => Block(data, 3, 0.1, Metric.ElectricityPowerApparent, di1, i => i == 0 ? "" : $"l{i}", into, signed: true),
                    0x06 => Block(data, 2, 0.001, Metric.ElectricityPowerFactor, di1, i => i == 0 ? "" : $"l{i}", into, signed: true),
                    0x80 when di is 0x02800002 => Block(data, 2, 0.01, Metric.ElectricityFrequency, 0, _ => "", into),
                    0x80 when di is 0x02800007 => Block(data, 2, 0.1, Metric.DeviceTemperature, 0, _ => "", into, signed: true),
                    0x80 when di is 0x02800008 => Block(data, 2, 0.01, Metric.BatteryVoltage, 0, _ => "", into),
                    _ => null,
                };
            default:
                return null;
        }
    }

    /// <param name="data">One value, or a block of them when DI1 is FF.</param>
    /// <param name="width">Bytes of one value.</param>
    /// <param name="scale">To the metric's unit.</param>
    /// <param name="metric">What is measured.</param>
    /// <param name="di1">Which value, or FF.</param>
    /// <param name="channel">Channel of the n-th value of a block.</param>
    /// <param name="into">Where it goes.</param>
    /// <param name="first">DI1 of the block's first value.</param>
    /// <param name="signed">The top bit of the most significant byte means minus.</param>
    private static string? Block(
        ReadOnlySpan<byte> data, int width, double scale, Metric metric, byte di1, Func<int, string> channel, DecodedPayload into, int first = 0, bool signed = false)
    {
        if (di1 != 0xFF)
        {
            if (data.Length < width) return $"{metric} needs {width} bytes, {data.Length} came";
            return One(data[..width], scale, metric, channel(Math.Max(0, di1 - first)), into, signed);
        }

        for (var i = 0; (i + 1) * width <= data.Length; i++)
            if (One(data.Slice(i * width, width), scale, metric, channel(i), into, signed) is { } reason) return reason;
        return null;
    }

    private static string? One(ReadOnlySpan<byte> bcd, double scale, Metric metric, string channel, DecodedPayload into, bool signed)
    {
        if (bcd.IndexOfAnyExcept((byte)0xFF) < 0) return null; // not supported by this meter
        long value = 0;
        var negative = false;
        for (var i = bcd.Length - 1; i >= 0; i--)
        {
            var b = bcd[i];
            if (signed && i == bcd.Length - 1 && b >= 0x80)
            {
                negative = true;
                b &= 0x7F;
            }

            if (b >> 4 > 9 || (b & 15) > 9) return $"{metric}: byte {b:X2} is not BCD";
            value = value * 100 + (b >> 4) * 10 + (b & 15);
        }

        into.Add(metric, Math.Round((negative ? -value : value) * scale, 6), channel: channel);
        return null;
    }

    private static char Digit(int nibble) => "0123456789ABCDEF"[nibble];

    private static string ErrorText(byte error) => string.Join(", ", new[]
    {
        (1, "other"), (2, "no such data"), (4, "password wrong or not allowed"), (8, "rate can't be changed"), (16, "too many zones"), (32, "too many tariffs"), (64, "too many rates"),
    }.Where(e => (error & e.Item1) != 0).Select(e => e.Item2).DefaultIfEmpty(error.ToString("X2", CultureInfo.InvariantCulture)));
}
