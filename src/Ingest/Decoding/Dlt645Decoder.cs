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

    public override Wording? Decode(ReadOnlySpan<byte> payload, string topic, DecodedPayload into)
    {
        Wording? why = null; // of the first candidate: later ones are data bytes that look like a start
        var understood = false;
        for (var at = 0; at + Header + 2 <= payload.Length; at++)
        {
            if (payload[at] != 0x68 || payload[at + 7] != 0x68)
                continue;
            var length = payload[at + 9];
            var end = at + Header + length;
            if (end + 2 > payload.Length)
            {
                why ??= new Wording(
                    $"the frame says {length} data bytes, but only {payload.Length - at - Header - 2} follow before the check byte",
                    $"帧内写明 {length} 字节数据，校验码之前只有 {payload.Length - at - Header - 2} 字节"
                );
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

            if (Frame(payload[at..end], into) is { } reason)
                into.Partly = why = reason;
            else
                understood = true;
            at = end + 1;
        }

        return understood ? null : why ?? new Wording("no DL/T 645 frame (68 … 68 … 16) in it", "没有 DL/T 645 帧（68 … 68 … 16）");
    }

    private static Wording? Frame(ReadOnlySpan<byte> frame, DecodedPayload into)
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
            var why = ErrorText(error);
            return new Wording($"the meter answered with an error ({error:X2}: {why.En})", $"电表返回错误（{error:X2}：{why.Zh}）");
        }

        switch (control & 0x1F)
        {
            case 0x01:
                return new Wording(
                    "a reply of DL/T 645-1997 (control 81, two-byte identifiers); this is the 2007 edition",
                    "是 DL/T 645-1997 的应答（控制码 81，两字节标识）；本系统按 2007 版读取"
                );
            case 0x11:
                if (data.Length < 5)
                    return new Wording("a read reply without a value", "读数应答中没有数值");
                return Dlt645Identifiers.Read(BinaryPrimitives.ReadUInt32LittleEndian(data), data[4..], into);
            default:
                return null; // addresses, clock, relay control; the rest of a long block (92), which doesn't tell its place in the block
        }
    }

    /// <summary>Error information word of §7.3.</summary>
    private static Wording ErrorText(byte error) =>
        Array.FindAll(Errors, e => (error & e.Bit) != 0) is { Length: > 0 } said
            ? Wording.Join([.. said.Select(e => e.Means)])
            : Wording.Same(error.ToString("X2", CultureInfo.InvariantCulture));

    private static readonly (int Bit, Wording Means)[] Errors =
    [
        (1, new Wording("other", "其他错误")),
        (2, new Wording("no such data", "无请求数据")),
        (4, new Wording("password wrong or not allowed", "密码错或未授权")),
        (8, new Wording("rate can't be changed", "通信速率不能更改")),
        (16, new Wording("too many zones", "年时区数超")),
        (32, new Wording("too many tariffs", "日时段数超")),
        (64, new Wording("too many rates", "费率数超")),
    ];
}
