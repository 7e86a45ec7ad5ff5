using Vigil.Settings;

namespace Vigil.Ingest.Decoding;

/// <summary>The wire formats by name. To add one: a decoder in its own file, and a line here.</summary>
public static class Formats
{
    private static readonly Dictionary<string, (bool Binary, Func<YamlSection, Decoder?> Create)> Known = new(StringComparer.Ordinal)
    {
        ["senml"] = (false, _ => new SenMlDecoder()),
        ["json"] = (false, JsonMapDecoder.Create),
        ["number"] = (false, NumberDecoder.Create),
        ["dlt645-2007"] = (true, _ => new Dlt645Decoder()),
        ["cjt188"] = (true, _ => new Cjt188Decoder()),
        ["jt808"] = (true, Jt808Decoder.Create),
        ["care-watch"] = (false, CareWatchDecoder.Create),
        ["nmea0183"] = (false, _ => new Nmea0183Decoder()),
        ["frames"] = (true, FramesDecoder.Create),
        ["lorawan"] = (false, LoRaWan.LoRaWanDecoder.Create),
        ["csv"] = (false, CsvDecoder.Create),
        ["cn-gateway"] = (false, _ => new CnGatewayDecoder()),
        ["tasmota"] = (false, TasmotaDecoder.Create),
        ["shelly"] = (false, _ => new ShellyDecoder()),
        ["chirpstack-v4"] = (false, LoRaWan.ChirpStackV4Decoder.Create),
        ["tts-v3"] = (false, LoRaWan.TheThingsStackV3Decoder.Create),
    };

    public static bool IsBinary(string format) => Known.TryGetValue(format, out var found) && found.Binary;

    /// <summary>Builds the decoder of a profile; null, with problems, when the format is unknown or its options are wrong.</summary>
    public static Decoder? Create(string format, YamlSection profile)
    {
        if (Known.TryGetValue(format, out var found))
            return found.Create(profile);
        if (format.Length > 0)
            profile.Refuse("format", format, "is not a format; known are " + string.Join(", ", Known.Keys.Order(StringComparer.Ordinal)));
        return null;
    }
}
