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

    public override Wording? Decode(ReadOnlySpan<byte> payload, string topic, DecodedPayload into)
    {
        Wording? why = null; // of the first candidate: later ones are data bytes that look like a start
        var understood = false;
        for (var at = 0; at + Header + 2 <= payload.Length; at++)
        {
            if (payload[at] != 0x68)
                continue;
            var end = at + Header + payload[at + 10];
            if (end + 2 > payload.Length)
            {
                why ??= TooShort(payload[at + 10], Math.Max(0, payload.Length - at - Header - 2));
                continue;
            }

            byte sum = 0;
            foreach (var b in payload[at..end])
                sum += b;
            if (payload[end] != sum)
            {
                why ??= new Wording(
                    $"checksum is {payload[end]:X2}, the bytes add up to {sum:X2}",
                    $"校验和为 {payload[end]:X2}，按内容计算应为 {sum:X2}"
                );
                if (payload[end + 1] == 0x16)
                    into.Partly = why; // a frame except for its checksum
                continue;
            }

            if (payload[end + 1] != 0x16)
            {
                why ??= new Wording($"the frame ends in {payload[end + 1]:X2} in place of 16", $"帧以 {payload[end + 1]:X2} 结尾，应为 16");
                continue;
            }

            if (Cjt188Frame.Read(payload[at..end], into) is { } reason)
                into.Partly = why = reason;
            else
                understood = true;
            at = end + 1;
        }

        return understood ? null : why ?? new Wording("no CJ/T 188 frame (68 … 16) in it", "没有 CJ/T 188 帧（68 … 16）");
    }

    private static Wording TooShort(int said, int came) =>
        new Wording(
            $"the frame says {said} data bytes, but only {came} follow before the check byte",
            $"帧内写明 {said} 字节数据，校验码之前只有 {came} 字节"
        );
}
