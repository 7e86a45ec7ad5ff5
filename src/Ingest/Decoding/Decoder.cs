using Vigil.Model;

namespace Vigil.Ingest.Decoding;

/// <summary>
/// Reads one wire format. One instance serves one profile, is built once, holds no state between payloads and may be called from many
/// threads. A payload that can't be read is a value, not an exception: the returned text says why, in words an installer understands.
/// </summary>
public abstract class Decoder
{
    /// <summary>Appends what the payload says to <paramref name="into"/>.</summary>
    /// <param name="payload">The bytes of the format itself: hex or base64 around a binary frame has been taken off as the profile
    /// says.</param>
    /// <param name="topic">The topic it came on; empty in <c>vigil decode</c> without <c>--topic</c>.</param>
    /// <param name="into">Where readings go; knows the device named by the topic and the time of arrival.</param>
    /// <returns>Null when understood (even if nothing in it is of interest), else why it was refused.</returns>
    public abstract Wording? Decode(ReadOnlySpan<byte> payload, string topic, DecodedPayload into);
}
