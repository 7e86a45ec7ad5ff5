using System.Buffers;
using System.Buffers.Text;
using System.Runtime.InteropServices;
using System.Text;
using System.Text.Json;
using Vigil.Model;
using Vigil.Settings;

namespace Vigil.Ingest.Decoding.LoRaWan;

/// <summary>
/// How a profile reads the payload of an uplink: by its own description of frames (<c>frames:</c>), a built-in layout (<c>payload:</c>), a
/// downloaded decoder (<c>codec:</c>), or else from the object that the network server decoded. The model decides and nothing is guessed
/// from the bytes: the same bytes mean leak for one model and occupied for another.
/// </summary>
internal sealed class UplinkContent
{
    /// <summary>The port of a frame that was given without one (<c>vigil decode</c> without <c>--port</c>).</summary>
    public const int AnyPort = -1;

    private const int LargestFrame = 1024;

    private readonly Layout? layout;
    private readonly LoRaWanCodec? codec;

    // vendor/model of the profile; empty of a generic one.
    private readonly string model;

    private UplinkContent(Layout? layout, LoRaWanCodec? codec, string model)
    {
        this.layout = layout;
        this.codec = codec;
        this.model = model;
    }

    /// <summary>Reads the payload's bytes itself, not only the object that a network server decoded.</summary>
    public bool ReadsFrames => layout is not null || codec is not null;

    public static UplinkContent Create(YamlSection profile)
    {
        LoRaWanCodec? codec = null;
        Layout? layout = Frames.Read(profile) is { } frames ? frames.Decode : null;
        if (profile.Text("payload") is { } name)
        {
            if (layout is not null)
                profile.Refuse("payload", name, "stands beside frames: one of them says what the bytes mean");
            layout = Layouts.Find(name, FrameItems.Read(profile));
            if (layout is null)
                profile.Refuse("payload", name, "is not a layout; known are " + string.Join(", ", Layouts.Names));
        }

        if (profile.Text("codec") is { } file)
        {
            try
            {
                codec = LoRaWanCodec.Load(file);
            }
            catch (Exception e) when (e is IOException or UnauthorizedAccessException or FormatException)
            {
                profile.Refuse("codec", file, e.Message);
            }
        }

        var id = profile.Text("id") ?? "";
        return new UplinkContent(layout, codec, id.Contains('/', StringComparison.Ordinal) ? id : codec?.Model ?? "");
    }

    /// <summary>Reads the bytes of a frame.</summary>
    public Wording? ReadFrame(ReadOnlySpan<byte> frame, int port, DateTime? time, DecodedPayload into)
    {
        if (layout is not null)
            return layout(frame, port, time, into);
        if (codec is null)
            return new Wording(
                "the profile names no layout and no codec for the bytes of a frame",
                "型号文件既没有写明帧格式，也没有解码脚本"
            );
        using var run = codec.Run(frame, port == AnyPort ? 1 : port, time ?? into.Received);
        if (run.Rejected is not null)
            return run.Rejected;
        run.Map(into, model, time);
        return null;
    }

    /// <param name="base64">The frame.</param>
    /// <param name="port">fPort.</param>
    /// <param name="decoded">The object that the network server's decoder made.</param>
    /// <param name="normalised">The same in the normalised vocabulary.</param>
    /// <param name="named">What the network server calls the model: vendor/model or a text; empty where it doesn't say.</param>
    /// <param name="time">The uplink's time.</param>
    /// <param name="into">Where readings go.</param>
    public Wording? Read(
        JsonElement? base64,
        int port,
        JsonElement? decoded,
        JsonElement? normalised,
        string named,
        DateTime? time,
        DecodedPayload into
    )
    {
        if (ReadsFrames && base64 is { ValueKind: JsonValueKind.String } text)
        {
            Span<byte> bytes = stackalloc byte[LargestFrame];
            if (!TryBase64(text, bytes, out var length))
                return new Wording(
                    $"the frame's payload is not base64 of at most {LargestFrame} bytes",
                    $"帧内容不是 {LargestFrame} 字节以内的 base64"
                );
            if (length > 0)
                return ReadFrame(bytes[..length], port, time, into);
        }

        if (normalised is { } known)
            NormalisedPayload.Map(known, into, time);
        if (decoded is { } own)
            ObjectMapping.Map(own, model.Length > 0 ? model : named, into, time);
        return null;
    }

    /// <summary>Decodes from the JSON bytes without making a string; only a text with escapes (\/) is unescaped first.</summary>
    private static bool TryBase64(JsonElement element, Span<byte> into, out int length)
    {
        length = 0;
        var text = JsonMarshal.GetRawUtf8Value(element)[1..^1];
        if (text.Contains((byte)'\\'))
            text = Encoding.UTF8.GetBytes(element.GetString()!);
        return Base64.GetMaxDecodedFromUtf8Length(text.Length) <= into.Length
            && Base64.DecodeFromUtf8(text, into, out _, out length) == OperationStatus.Done;
    }

    /// <summary>The signal at the gateway with the best reception, by which an installer judges the place.</summary>
    public static void Signal(JsonElement? gateways, DateTime? time, DecodedPayload into)
    {
        if (gateways is not { ValueKind: JsonValueKind.Array } all)
            return;
        double best = double.NegativeInfinity,
            snr = double.NaN;
        foreach (var gateway in all.EnumerateArray())
        {
            if (gateway.Field("rssi") is not { } field || UplinkFields.Number(field) is not { } rssi || rssi <= best)
                continue;
            best = rssi;
            snr = gateway.Field("snr") is { } ratio ? UplinkFields.Number(ratio) ?? double.NaN : 0; // absent is 0 dB
        }

        if (double.IsNegativeInfinity(best))
            return;
        into.Add(Metric.SignalRssi, best, time);
        into.Add(Metric.SignalSnr, snr, time);
    }

    public static Wording? Location(JsonElement location, DateTime? time, DecodedPayload into)
    {
        double Part(string name) => location.Field(name) is { } field ? UplinkFields.Number(field) ?? double.NaN : 0;
        double latitude = Part("latitude"),
            longitude = Part("longitude"),
            accuracy = Part("accuracy");
        if (latitude != 0 || longitude != 0)
            into.AddLocation(latitude, longitude, time, accuracy > 0 ? (float)accuracy : float.NaN);
        return null;
    }
}
