using System.Text;
using Vigil.Ingest.Decoding;
using Vigil.Model;

namespace Vigil.Ingest.Profiles;

/// <summary>A payload that a person pastes, decoded as the service and <c>vigil decode</c> decode it.</summary>
public static class TypedPayload
{
    /// <returns>Null when understood, else why it was refused.</returns>
    public static Wording? Decode(Profile profile, string text, TypedAs typed, string topic, int? port, DecodedPayload into)
    {
        var trimmed = text.Trim();
        switch (typed)
        {
            case TypedAs.Text:
                return profile.Decode(Encoding.UTF8.GetBytes(text), topic, into);
            case TypedAs.Hex:
                return Hex(trimmed) is { } hex
                    ? Bytes(profile, hex, topic, port, into)
                    : new Wording("is not hexadecimal text", "不是十六进制文字");
            case TypedAs.Base64:
                return Base64(trimmed) is { } bytes
                    ? Bytes(profile, bytes, topic, port, into)
                    : new Wording("is not base64", "不是 base64");
            default:
                var isText = trimmed.StartsWith('{') || trimmed.StartsWith('[');
                // Copied from a list of refused payloads, a text stands in hexadecimal digits too.
                if (!isText && Hex(trimmed) is { Length: > 3 } digits && digits[0] is (byte)'{' or (byte)'[')
                    return Bytes(profile, digits, topic, port, into);
                if (!isText && Hex(trimmed) is null && Base64(trimmed) is { } binary && (profile.IsBinary || profile.ReadsFrames))
                    return Bytes(profile, binary, topic, port, into);
                return profile.DecodeLine(trimmed, topic, into, port);
        }
    }

    /// <summary>Bytes as they come over MQTT; of a LoRaWAN model also a bare frame.</summary>
    private static Wording? Bytes(Profile profile, byte[] bytes, string topic, int? port, DecodedPayload into) =>
        profile.ReadsFrames && !bytes.AsSpan().TrimStart((byte)' ').StartsWith("{"u8)
            ? profile.DecodeLine(Convert.ToHexString(bytes), topic, into, port)
            : profile.Decode(bytes, topic, into);

    private static byte[]? Hex(string text)
    {
        var bytes = new byte[text.Length / 2 + 1];
        return Profile.TryHex(Encoding.UTF8.GetBytes(text), bytes, out var length) ? bytes[..length] : null;
    }

    private static byte[]? Base64(string text)
    {
        var bytes = new byte[text.Length];
        return text.Length > 0 && Convert.TryFromBase64String(text, bytes, out var length) ? bytes[..length] : null;
    }
}
