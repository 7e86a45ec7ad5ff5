using System.Buffers.Text;
using Vigil.Model;

namespace Vigil.Ingest.Decoding;

/// <summary>
/// NMEA 0183 (IEC 61162-1) of any talker: BD and GB BeiDou, GN mixed, GP, GL, GA, GQ, QZ. Sentences of one moment (the same time of day)
/// become one location: RMC gives date, speed and course, GGA altitude and quality, GST or HDOP the accuracy. The device comes from the
/// topic: sentences name none.
/// </summary>
public sealed class Nmea0183Decoder : Decoder
{
    private const int LongestSentence = 1024; // the standard says 82; GSV of new receivers and proprietary ones are longer

    public override Wording? Decode(ReadOnlySpan<byte> payload, string topic, DecodedPayload into)
    {
        Wording? why = null;
        var moment = new NmeaMoment();
        while (payload.IndexOfAny((byte)'$', (byte)'!') is var start and >= 0)
        {
            payload = payload[(start + 1)..];
            var end = payload.IndexOfAny("\r\n$!"u8);
            var sentence = end < 0 ? payload : payload[..end];
            payload = payload[sentence.Length..];
            if (Check(sentence, out var body) is { } bad)
            {
                why ??= bad;
                continue;
            }

            if (NmeaSentences.Read(body, ref moment, into) is { } reason)
                why ??= reason;
            else
                moment.Understood = true;
        }

        moment.AddTo(into);
        into.Partly = why;
        return moment.Understood ? null : why ?? new Wording("no NMEA 0183 sentence ($…*hh) in it", "没有 NMEA 0183 语句（$…*hh）");
    }

    /// <summary>The XOR of the characters between $ and *, in two hexadecimal digits of either case.</summary>
    private static Wording? Check(ReadOnlySpan<byte> sentence, out ReadOnlySpan<byte> body)
    {
        body = default;
        var star = sentence.IndexOf((byte)'*');
        if (star < 0)
            return new Wording("the sentence has no checksum (*hh)", "语句没有校验和（*hh）");
        if (star < 5 || star > LongestSentence)
            return new Wording("the sentence is shorter than its name or longer than any", "语句过短或过长");
        body = sentence[..star];
        var digits = sentence[(star + 1)..].TrimEnd(" \t\0"u8);
        if (digits.Length != 2 || !Utf8Parser.TryParse(digits, out byte stated, out var used, 'X') || used != 2)
            return new Wording(
                "the checksum is not two hexadecimal digits: the sentence is cut off",
                "校验和不是两位十六进制数：语句不完整"
            );
        byte sum = 0;
        foreach (var b in body)
            sum ^= b;
        return sum == stated
            ? null
            : new Wording($"checksum is {stated:X2}, the characters give {sum:X2}", $"校验和为 {stated:X2}，按内容计算应为 {sum:X2}");
    }
}
