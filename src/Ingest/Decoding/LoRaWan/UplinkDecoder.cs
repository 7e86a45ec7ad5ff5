using System.Text.Json;
using Vigil.Model;
using Vigil.Settings;

namespace Vigil.Ingest.Decoding.LoRaWan;

/// <summary>Uplinks in the envelope of a network server, as JSON.</summary>
public abstract class UplinkDecoder : Decoder
{
    private protected UplinkDecoder(UplinkContent content) => Content = content;

    /// <summary>Can read bare frames of its model with <see cref="DecodeFrame"/>.</summary>
    public bool ReadsFrames => Content.ReadsFrames;

    private protected UplinkContent Content { get; }

    public sealed override Wording? Decode(ReadOnlySpan<byte> payload, string topic, DecodedPayload into)
    {
        if (JsonFields.TryParse(payload, out var document) is { } why)
            return why;
        using (document)
            return Message(document.RootElement, topic, into);
    }

    /// <summary>The bytes of a frame without an envelope, as <c>vigil decode</c> and a manual have them.</summary>
    /// <param name="frame">The frame's payload.</param>
    /// <param name="port">fPort; null takes any port of the model.</param>
    /// <param name="into">Where readings go.</param>
    /// <returns>Null when understood, else why it was refused.</returns>
    public Wording? DecodeFrame(ReadOnlySpan<byte> frame, int? port, DecodedPayload into) =>
        Content.ReadFrame(frame, port ?? UplinkContent.AnyPort, null, into);

    private protected abstract Wording? Message(JsonElement root, string topic, DecodedPayload into);
}

/// <summary>
/// A device behind any network server: accepts the envelopes of ChirpStack v4 and of The Things Stack v3 (<c>format: lorawan</c>).
/// </summary>
public sealed class LoRaWanDecoder : UplinkDecoder
{
    private LoRaWanDecoder(UplinkContent content)
        : base(content) { }

    /// <summary>Options of the profile: <c>frames</c>, <c>payload</c> or <c>codec</c>.</summary>
    public static Decoder Create(YamlSection profile) => new LoRaWanDecoder(UplinkContent.Create(profile));

    private protected override Wording? Message(JsonElement root, string topic, DecodedPayload into) =>
        root.Field("deviceInfo") is not null
            ? ChirpStackV4Decoder.Event(root, topic, Content, into)
            : TheThingsStackV3Decoder.Message(root, Content, into);
}
