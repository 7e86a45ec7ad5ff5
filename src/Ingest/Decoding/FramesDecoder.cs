using Vigil.Ingest.Decoding.LoRaWan;
using Vigil.Model;
using Vigil.Settings;

namespace Vigil.Ingest.Decoding;

/// <summary>Binary frames as the profile's <c>frames:</c> describes them, without an envelope (<c>format: frames</c>).</summary>
public sealed class FramesDecoder : Decoder
{
    private readonly Frames frames;

    private FramesDecoder(Frames frames) => this.frames = frames;

    /// <summary>Options of the profile: <c>frames</c>.</summary>
    public static Decoder? Create(YamlSection profile)
    {
        if (Frames.Read(profile) is { } frames)
            return new FramesDecoder(frames);
        profile.Refuse("frames", "", "are missing: a profile of this format says its frames");
        return null;
    }

    public override Wording? Decode(ReadOnlySpan<byte> payload, string topic, DecodedPayload into) =>
        frames.Decode(payload, UplinkContent.AnyPort, null, into);
}
