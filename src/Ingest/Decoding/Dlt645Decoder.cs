using System.Buffers.Binary;
using System.Globalization;
using Vigil.Model;

namespace Vigil.Ingest.Decoding;

/// <summary>
/// DL/T 645-2007 electricity meters: any number of wake-up bytes FE, <c>68 A0…A5 68 C L DATA CS 16</c>; the address is BCD, least
/// significant byte first; every data byte carries +0x33; CS is the sum from the first 68, modulo 256 (§7.2). Read replies (C = 91, B1)
/// carry a data identifier and a BCD value. Bytes of a gateway around the frame (its MAC, a 376.1 frame) are skipped.
/// </summary>
public sealed class Dlt645Decoder : Decoder
{
    private const int Header = 10;

    public override string? Decode(ReadOnlySpan<byte> payload, string topic, DecodedPayload into)
    {
        string? why = null; // of the first candidate: later ones are data bytes that look like a start
        var understood = false;
        for (var at = 0; at + Header + 2 <= payload.Length; at++)
        {
            if (payload[at] != 0x68 || payload[at + 7] != 0x68)
                continue;
            var length = payload[at + 9];
            var end = at + Header + length;
            if (end + 2 > payload.Length)
            {
                why ??= $"the frame says {length} data bytes, but only {payload.Length - at - Header - 2} follow before the check byte";
                continue;
            }

            byte sum = 0;
            foreach (var b in payload[at..end])
                sum += b;
            if (payload[end] != sum)
            {
                why ??= $"checksum is {payload[end]:X2}, the bytes add up to {sum:X2}";
                if (payload[end + 1] == 0x16)
                    into.Partly = why; // a frame except for its checksum
                continue;
            }

            if (payload[end + 1] != 0x16)
            {
                why ??= $"the frame ends in {payload[end + 1]:X2} in place of 16";
                continue;
            }

            if (Frame(payload[at..end], into) is { } reason)
                into.Partly = why = reason;
            else
                understood = true;
            at = end + 1;
        }

        return understood ? null : why ?? "no DL/T 645 frame (68 … 68 … 16) in it";
    }

    private static string? Frame(ReadOnlySpan<byte> frame, DecodedPayload into)
    {
        var address = frame.Slice(1, 6);
        var broadcast = address.IndexOfAnyExcept((byte)0xAA) < 0 || address.IndexOfAnyExcept((byte)0x99) < 0;
        if (!broadcast)
            into.Device = Bcd.Text(address, leastSignificantFirst: true);
        var control = frame[8];
        if ((control & 0x80) == 0)
            return null; // a request to the meter
        Span<byte> data = stackalloc byte[frame.Length - Header];
        for (var i = 0; i < data.Length; i++)
            data[i] = (byte)(frame[Header + i] - 0x33);
        if ((control & 0x40) != 0)
        {
            var error = data.Length > 0 ? data[0] : (byte)0;
            return $"the meter answered with an error ({error:X2}: {ErrorText(error)})";
        }

        switch (control & 0x1F)
        {
            case 0x01:
                return "a reply of DL/T 645-1997 (control 81, two-byte identifiers); this is the 2007 edition";
            case 0x11:
                if (data.Length < 5)
                    return "a read reply without a value";
                return Dlt645Identifiers.Read(BinaryPrimitives.ReadUInt32LittleEndian(data), data[4..], into);
            default:
                return null; // addresses, clock, relay control; the rest of a long block (92), which doesn't tell its place in the block
        }
    }

    /// <summary>Error information word of §7.3.</summary>
    private static string ErrorText(byte error) =>
        string.Join(
            ", ",
            new[]
            {
                (1, "other"),
                (2, "no such data"),
                (4, "password wrong or not allowed"),
                (8, "rate can't be changed"),
                (16, "too many zones"),
                (32, "too many tariffs"),
                (64, "too many rates"),
            }
                .Where(e => (error & e.Item1) != 0)
                .Select(e => e.Item2)
                .DefaultIfEmpty(error.ToString("X2", CultureInfo.InvariantCulture))
        );
}
