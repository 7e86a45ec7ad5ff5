using System.Buffers;
using System.Buffers.Binary;
using Vigil.Model;
using Vigil.Settings;

namespace Vigil.Ingest.Decoding;

/// <summary>
/// JT/T 808 (2011, 2013, 2019) BeiDou terminals: frames <c>7E … 7E</c>, escapes 7D 02 and 7D 01, XOR check byte, positions 0x0200, 0x0201,
/// 0x0500 and batches 0x0704. The device is the phone number in the header, with its leading zeros unless the profile strips them.
/// </summary>
/// <remarks>
/// Parts of one message (attribute bit 13) are joined when they come in one payload, never over several: a part that waited in memory would
/// be acknowledged and then lost with the process. The first part is then read as far as it goes, which is enough for a position. A frame
/// with a right check byte is read even if its header states a wrong length, because it may hold an SOS.
/// </remarks>
public sealed class Jt808Decoder : Decoder
{
    private const int LargestFrame = 2048; // 1023 bytes of body by the standard; some terminals send more under a wrapped length

    private readonly bool keepZeros;

    public Jt808Decoder(bool keepZeros = true) => this.keepZeros = keepZeros;

    /// <summary>Option <c>phone: stripped</c> removes the leading zeros of the number.</summary>
    public static Decoder? Create(YamlSection profile)
    {
        var phone = profile.Text("phone") ?? "as-sent";
        if (phone is not ("as-sent" or "stripped"))
            profile.Refuse("phone", phone, "is neither as-sent nor stripped");
        return new Jt808Decoder(phone == "as-sent");
    }

    public override Wording? Decode(ReadOnlySpan<byte> payload, string topic, DecodedPayload into)
    {
        Wording? why = null;
        var understood = false;
        var parts = new Jt808Parts();
        Span<byte> frame = stackalloc byte[LargestFrame];
        try
        {
            while (payload.IndexOf((byte)0x7E) is var start and >= 0)
            {
                payload = payload[(start + 1)..];
                var end = payload.IndexOf((byte)0x7E);
                if (end == 0)
                    continue; // two flags in a row: the end of one frame, the start of the next
                if (end < 0)
                {
                    if (payload.Length > 0 || !understood)
                        why ??= new Wording("the frame has no closing 7E", "帧没有结束符 7E");
                    break;
                }

                if ((Unescape(payload[..end], frame, out var length) ?? Frame(frame[..length], ref parts, into)) is { } reason)
                    why ??= reason;
                else
                    understood = true;
                payload = payload[end..]; // this flag may be the start of the next frame
            }

            if (Finish(ref parts, into) is { } partly)
                why ??= partly;
        }
        finally
        {
            parts.Release();
        }

        into.Partly = why;
        return understood ? null : why ?? new Wording("no JT/T 808 frame (7E … 7E) in it", "没有 JT/T 808 帧（7E … 7E）");
    }

    private static Wording? Unescape(ReadOnlySpan<byte> wire, Span<byte> into, out int length)
    {
        length = 0;
        for (var i = 0; i < wire.Length; i++)
        {
            if (length == into.Length)
                return new Wording($"a frame of more than {LargestFrame} bytes", $"帧超过 {LargestFrame} 字节");
            if (wire[i] != 0x7D)
            {
                into[length++] = wire[i];
                continue;
            }

            if (++i == wire.Length || wire[i] is not (1 or 2))
                return new Wording("escape 7D is followed by neither 01 nor 02", "转义符 7D 之后既不是 01 也不是 02");
            into[length++] = wire[i] == 2 ? (byte)0x7E : (byte)0x7D;
        }

        return null;
    }

    private Wording? Frame(ReadOnlySpan<byte> frame, ref Jt808Parts parts, DecodedPayload into)
    {
        if (frame.Length < 13)
            return new Wording(
                $"a frame of {frame.Length} bytes is shorter than its header",
                $"帧只有 {frame.Length} 字节，不足一个消息头"
            );
        byte check = 0;
        foreach (var b in frame[..^1])
            check ^= b;
        if (check != frame[^1])
            return new Wording(
                $"check byte is {frame[^1]:X2}, the bytes give {check:X2}",
                $"校验码为 {frame[^1]:X2}，按内容计算应为 {check:X2}"
            );
        frame = frame[..^1];

        var id = BinaryPrimitives.ReadUInt16BigEndian(frame);
        var attributes = BinaryPrimitives.ReadUInt16BigEndian(frame[2..]);
        var is2019 = (attributes & 0x4000) != 0;
        var inParts = (attributes & 0x2000) != 0;
        var header = (is2019 ? 17 : 12) + (inParts ? 4 : 0);
        if (frame.Length < header)
            return new Wording("the header is cut off", "消息头不完整");
        if ((attributes & 0x1C00) != 0)
            return new Wording("the body is encrypted (RSA), which is not supported", "消息体已加密（RSA），暂不支持");
        var body = frame[header..];
        if (body.Length > (attributes & 0x03FF) && body.Length < 1024)
            body = body[..(attributes & 0x03FF)];

        Name(frame.Slice(is2019 ? 5 : 4, is2019 ? 10 : 6), into);
        if (!inParts)
            return Jt808Message.Read(id, body, is2019, false, into);

        var total = BinaryPrimitives.ReadUInt16BigEndian(frame[(header - 4)..]);
        var index = BinaryPrimitives.ReadUInt16BigEndian(frame[(header - 2)..]);
        if (index != parts.Next || (parts.Next > 1 && (parts.Id != id || parts.Device != into.Device)))
        {
            Finish(ref parts, into);
            if (index != 1)
                return null; // its beginning came in an earlier payload
        }

        parts.Id = id;
        parts.Device = into.Device;
        parts.Is2019 = is2019;
        if (parts.Append(body) && index < total)
        {
            parts.Next = index + 1;
            return null;
        }

        parts.Whole = index == total;
        return Finish(ref parts, into);
    }

    private void Name(ReadOnlySpan<byte> phone, DecodedPayload into)
    {
        var number = Bcd.Text(phone, leastSignificantFirst: false);
        // The registry may have the number with or without the leading zeros that pad it in the header: then the topic's name is kept.
        if (into.Device.Length > 0 && into.Device.AsSpan().TrimStart('0').SequenceEqual(number.AsSpan().TrimStart('0')))
            return;
        into.Device = keepZeros ? number : number.TrimStart('0');
    }

    /// <summary>Reads the parts that came of a message, complete or not.</summary>
    private static Wording? Finish(ref Jt808Parts parts, DecodedPayload into)
    {
        if (parts.Body.Length == 0)
            return null;
        var device = into.Device;
        into.Device = parts.Device;
        var reason = Jt808Message.Read(parts.Id, parts.Body, parts.Is2019, !parts.Whole, into);
        into.Device = device;
        parts.Clear();
        return reason;
    }
}
