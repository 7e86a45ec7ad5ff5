using System.Text.Json;
using Vigil.Model;

namespace Vigil.Ingest.Decoding.LoRaWan;

/// <summary>What a decoder made of one uplink, or why it was rejected.</summary>
public sealed class CodecRun(JsonDocument? result, Wording? rejected) : IDisposable
{
    public Wording? Rejected { get; } = rejected;

    public JsonElement? Decoded => result?.RootElement.Field("decoded");

    public JsonElement? Normalised => result?.RootElement.Field("normalized");

    /// <summary>The decoder's own warnings.</summary>
    public JsonElement? Warnings => result?.RootElement.Field("warnings");

    internal void Map(DecodedPayload into, string model, DateTime? time)
    {
        if (Normalised is { } normalised)
            NormalisedPayload.Map(normalised, into, time);
        if (Decoded is { } decoded)
            ObjectMapping.Map(decoded, model, into, time);
    }

    public void Dispose() => result?.Dispose();
}
