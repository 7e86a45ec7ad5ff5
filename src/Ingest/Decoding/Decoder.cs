using Vigil.Model;

namespace Vigil.Ingest.Decoding;

/// <summary>
/// Decodes one wire format. One instance serves one profile, is built once, keeps no state between payloads and may be called from many
/// threads. A payload that can't be read is no exception: the returned text says why, in words an installer understands.
/// </summary>
public abstract class Decoder
{
    /// <summary>Appends the readings of a payload to <paramref name="into"/>.</summary>
    /// <param name="payload">The bytes of the format itself: the profile's hex or base64 encoding is removed already.</param>
    /// <param name="topic">The topic it came on; empty in <c>vigil decode</c> without <c>--topic</c>.</param>
    /// <param name="into">Where readings go; knows the device named by the topic and the time of arrival.</param>
    /// <returns>Null when understood (even without any reading), else why it was refused.</returns>
    public abstract Wording? Decode(ReadOnlySpan<byte> payload, string topic, DecodedPayload into);
}
