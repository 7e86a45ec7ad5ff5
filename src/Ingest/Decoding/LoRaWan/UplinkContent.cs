using System.Text.Json;
using Vigil.Model;
using Vigil.Settings;

namespace Vigil.Ingest.Decoding.LoRaWan;

/// <summary>
/// What a profile says about the content of an uplink: our own layout (<c>payload:</c>), a downloaded decoder (<c>codec:</c>), or neither:
/// then the network server's decoded object is read. The model decides, never the bytes: the same bytes mean leak for one model and occupied for another.
/// </summary>
internal sealed class UplinkContent
{
    private readonly Layout? layout;
    private readonly LoRaWanCodec? codec;

    private UplinkContent(Layout? layout, LoRaWanCodec? codec)
    {
        this.layout = layout;
        this.codec = codec;
    }

    public static UplinkContent Create(YamlSection profile)
    {
        Layout? layout = null;
        LoRaWanCodec? codec = null;
        if (profile.Text("payload") is { } name && !Layouts.TryFind(name, out layout)) profile.Refuse("payload", name, "is not a layout; known are " + string.Join(", ", Layouts.Names));
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

        return new UplinkContent(layout, codec);
    }

    public string? Read(string? base64, int port, JsonElement? decoded, JsonElement? normalised, DateTime? time, DecodedPayload into)
    {
        if ((layout is not null || codec is not null) && base64 is { Length: > 0 })
        {
            var bytes = new byte[base64.Length];
            if (!Convert.TryFromBase64String(base64, bytes, out var length)) return "the frame's payload is not base64";
            if (layout is not null) return layout(bytes.AsSpan(0, length), port, time, into);
            var run = codec!.Run(bytes.AsSpan(0, length), port, time ?? into.Received);
            if (run.Rejected is not null) return run.Rejected;
            using (run)
            {
                run.Map(into, time);
                return null;
            }
        }

        if (normalised is { } known) ObjectMapping.MapNormalised(known, into, time);
        if (decoded is { } own) ObjectMapping.Map(own, into, time);
        return null;
    }

    /// <summary>The gateway that heard the device best: by it an installer judges the place.</summary>
    public static void Signal(JsonElement? gateways, DateTime? time, DecodedPayload into)
    {
        if (gateways is not { ValueKind: JsonValueKind.Array } all) return;
        double best = double.NegativeInfinity, snr = double.NaN;
        foreach (var gateway in all.EnumerateArray())
        {
            if (gateway.Field("rssi") is not { } field || Json.Number(field) is not { } rssi || rssi <= best) continue;
            best = rssi;
            snr = gateway.Field("snr") is { } ratio ? Json.Number(ratio) ?? double.NaN : 0; // absent is 0 dB
        }

        if (double.IsNegativeInfinity(best)) return;
        into.Add(Metric.SignalRssi, best, time);
        into.Add(Metric.SignalSnr, snr, time);
    }

    public static string? Location(JsonElement location, DateTime? time, DecodedPayload into)
    {
        double Part(string name) => location.Field(name) is { } field ? Json.Number(field) ?? double.NaN : 0;
        double latitude = Part("latitude"), longitude = Part("longitude"), accuracy = Part("accuracy");
        if (latitude != 0 || longitude != 0) into.AddLocation(latitude, longitude, time, accuracy > 0 ? (float)accuracy : float.NaN);
        return null;
    }
}
