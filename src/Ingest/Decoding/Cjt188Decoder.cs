using Vigil.Model;

namespace Vigil.Ingest.Decoding;

/// <summary>
/// CJ/T 188 (2004, 2018) meters of water, heat, gas and electricity: any number of wake-up bytes FE, <c>68 T A0…A6 C L DATA CS 16</c>; the
/// address is 7 bytes, least significant first (the last two are the maker); CS is the sum from 68 on, modulo 256 (§6). Data are not
/// masked, unlike DL/T 645. Bytes of a gateway before or after the frame are skipped. The meter's clock is Chinese time (GMT+8).
/// </summary>
public sealed class Cjt188Decoder : Decoder
{
    /// <summary>Bytes before the data.</summary>
    internal const int Header = 11;

    public override string? Decode(ReadOnlySpan<byte> payload, string topic, DecodedPayload into)
    {
        string? why = null; // of the first candidate: later ones are data bytes that look like a start
        var understood = false;
        for (var at = 0; at + Header + 2 <= payload.Length; at++)
        {
            if (payload[at] != 0x68)
                continue;
            var end = at + Header + payload[at + 10];
            if (end + 2 > payload.Length)
            {
                why ??=
                    $"the frame says {payload[at + 10]} data bytes, but only {Math.Max(0, payload.Length - at - Header - 2)} follow "
                    + $"before the check byte";
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

            if (Cjt188Frame.Read(payload[at..end], into) is { } reason)
                into.Partly = why = reason;
            else
                understood = true;
            at = end + 1;
        }

        return understood ? null : why ?? "no CJ/T 188 frame (68 … 16) in it";
    }
}
