using System.Text;
using Vigil.Model;
using Vigil.Settings;

namespace Vigil.Ingest.Decoding;

/// <summary>
/// Text protocols of Chinese 4G care watches: <c>[3G*id*LEN*CONTENT]</c> (also SG, CS, and ZJ with an index before LEN) and <c>IWAP…#</c>
/// (<see cref="IwapFrames"/>). Sources: the makers' protocol documents as published by traccar (https://www.traccar.org/protocols,
/// "Watch").
/// </summary>
/// <remarks>
/// LEN is not checked: published frames and firmware versions disagree on what it counts. Times are UTC unless the profile says
/// <c>clock: china</c>; positions are WGS-84 unless it says <c>datum: gcj02</c> or <c>bd09</c>.
/// </remarks>
public sealed class CareWatchDecoder : Decoder
{
    private const int LongestId = 32;

    private readonly Datum datum;
    private readonly TimeSpan clock;

    public CareWatchDecoder(Datum datum = Datum.Wgs84, bool chinaTime = false)
    {
        this.datum = datum;
        clock = chinaTime ? TimeSpan.FromHours(8) : TimeSpan.Zero;
    }

    /// <summary>Options <c>datum: wgs84 | gcj02 | bd09</c> and <c>clock: utc | china</c>.</summary>
    public static Decoder? Create(YamlSection profile)
    {
        var name = profile.Text("datum") ?? "wgs84";
        if (!Enum.TryParse<Datum>(name, ignoreCase: true, out var datum) || !Enum.IsDefined(datum))
            profile.Refuse("datum", name, "is none of wgs84, gcj02, bd09");
        var clock = profile.Text("clock") ?? "utc";
        if (clock is not ("utc" or "china"))
            profile.Refuse("clock", clock, "is neither utc nor china");
        return new CareWatchDecoder(datum, clock == "china");
    }

    public override Wording? Decode(ReadOnlySpan<byte> payload, string topic, DecodedPayload into)
    {
        Wording? why = null;
        var understood = false;
        while (payload.Length > 0)
        {
            int bracket = payload.IndexOf((byte)'['),
                iwap = Iwap(payload);
            if (bracket < 0 && iwap < 0)
                break;
            if (iwap >= 0 && (bracket < 0 || iwap < bracket))
            {
                var maker = payload[iwap] == 'T' ? 3 : 2;
                var heartbeat = payload[iwap + maker] == 'C';
                payload = payload[(iwap + maker + 2)..];
                var end = payload.IndexOfAny("#\r\n"u8);
                var frame = end < 0 ? payload : payload[..end];
                payload = payload[frame.Length..];
                if (new IwapFrames(datum, clock).Read(frame, heartbeat, into) is { } wrong)
                    why ??= wrong;
                else
                    understood = true;
                continue;
            }

            payload = payload[(bracket + 1)..];
            var close = payload.IndexOf((byte)']');
            if (close < 0)
            {
                why ??= new Wording("the frame has no closing ]", "帧没有结束符 ]");
                break;
            }

            var reason = Frame(payload[..close], into);
            understood |= reason is null;
            why ??= reason;
            var next = payload[..close].IndexOf((byte)'[');
            payload = reason is null || next < 0 ? payload[(close + 1)..] : payload[next..]; // a frame that was cut off before the next one
        }

        into.Partly = why;
        return understood ? null : why ?? new Wording("no watch frame ([3G*…] or IWAP…) in it", "没有手表的帧（[3G*…] 或 IWAP…）");
    }

    /// <summary>IWAP and, of the same maker's older devices, TRVAP; IWCP01 and TRVCP01 are their heartbeat, read like 03.</summary>
    private static int Iwap(ReadOnlySpan<byte> payload)
    {
        var least = -1;
        foreach (
            var at in (ReadOnlySpan<int>)
                [payload.IndexOf("IWAP"u8), payload.IndexOf("TRVAP"u8), payload.IndexOf("IWCP"u8), payload.IndexOf("TRVCP"u8)]
        )
            if (at >= 0 && (least < 0 || at < least))
                least = at;
        return least;
    }

    /// <summary>Without the brackets: vendor, id, the index of ZJ, LEN, content.</summary>
    private Wording? Frame(ReadOnlySpan<byte> frame, DecodedPayload into)
    {
        var star = frame.IndexOf((byte)'*');
        if (star is not 2)
            return new Wording("the frame does not start with two letters of the maker and *", "帧不以厂商的两个字母和 * 开头");
        frame = frame[3..];
        star = frame.IndexOf((byte)'*');
        if (star is < 1 or > LongestId || frame[..star].IndexOfAnyExceptInRange((byte)'0', (byte)'z') >= 0)
            return new Wording("the frame names no device", "帧中没有设备号");
        var id = Encoding.ASCII.GetString(frame[..star]);
        frame = frame[(star + 1)..];
        if (frame is [_, _, _, _, (byte)'*', _, _, _, _, (byte)'*', ..] && IsHex(frame[..4]) && IsHex(frame.Slice(5, 4)))
            frame = frame[5..]; // the index of ZJ
        if (frame is not [_, _, _, _, (byte)'*', ..] || !IsHex(frame[..4]))
            return new Wording("the length is not four hexadecimal digits", "长度不是四位十六进制数");
        into.Device = id;
        return new CareWatchContent(datum, clock).Read(new TextFields(frame[5..]), into);
    }

    private static bool IsHex(ReadOnlySpan<byte> text)
    {
        foreach (var c in text)
            if (!char.IsAsciiHexDigit((char)c))
                return false;
        return true;
    }
}
