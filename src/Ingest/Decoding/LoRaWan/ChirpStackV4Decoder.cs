using System.Text.Json;
using Vigil.Model;
using Vigil.Settings;

namespace Vigil.Ingest.Decoding.LoRaWan;

/// <summary>
/// ChirpStack v4 events as JSON (chirpstack.io/docs/chirpstack/integrations/events.html). Protobuf leaves zero fields out, fPort too.
/// A repeated event has the same <c>deduplicationId</c> and therefore the same time: a reading is unique by series and time, so it is
/// stored once.
/// </summary>
public sealed class ChirpStackV4Decoder : UplinkDecoder
{
    private ChirpStackV4Decoder(UplinkContent content)
        : base(content) { }

    /// <summary>Options of the profile: <c>frames</c>, <c>payload</c> or <c>codec</c>.</summary>
    public static Decoder Create(YamlSection profile) => new ChirpStackV4Decoder(UplinkContent.Create(profile));

    private protected override Wording? Message(JsonElement root, string topic, DecodedPayload into) => Event(root, topic, Content, into);

    internal static Wording? Event(JsonElement root, string topic, UplinkContent content, DecodedPayload into)
    {
        if (root.Field("deviceInfo") is not { } info)
            return new Wording(
                "no deviceInfo: not a ChirpStack v4 event (v3 has applicationID and devEUI at the top)",
                "没有 deviceInfo：不是 ChirpStack v4 的事件（v3 的 applicationID 和 devEUI 在最外层）"
            );
        if (info.Text("devEui") is not { Length: 16 } device)
            return new Wording("deviceInfo has no devEui of 16 hexadecimal digits", "deviceInfo 中没有 16 位十六进制的 devEui");
        into.Device = device.ToLowerInvariant();
        var time = root.TimeOf("time");
        var kind = topic.Contains("/event/", StringComparison.Ordinal) ? topic[(topic.LastIndexOf('/') + 1)..] : Kind(root);
        switch (kind)
        {
            case "up":
                var port =
                    root.Field("fPort") is { ValueKind: JsonValueKind.Number } field && field.TryGetInt32(out var number) ? number : 0;
                var named = info.Text("deviceProfileName") ?? "";
                if (
                    content.Read(root.Field("data"), port, root.Field("object"), root.Field("normalizedPayload"), named, time, into) is
                    { } reason
                )
                    return reason;
                UplinkContent.Signal(root.Field("rxInfo"), time, into);
                return null;
            case "status":
                var mains = root.Field("externalPowerSource") is { ValueKind: JsonValueKind.True };
                var unknown = root.Field("batteryLevelUnavailable") is { ValueKind: JsonValueKind.True };
                if (!mains && !unknown)
                    into.Add(
                        Metric.BatteryLevel,
                        root.Field("batteryLevel") is { } level ? UplinkFields.Number(level) ?? double.NaN : 0,
                        time
                    );
                return null;
            case "location":
                return root.Field("location") is { } location
                    ? UplinkContent.Location(location, time, into)
                    : new Wording("a location event without location", "位置事件中没有 location");
            case "integration":
                return root.Field("object") is { } found
                    ? content.Read(null, 0, found, null, info.Text("deviceProfileName") ?? "", time, into)
                    : null;
            case "join" or "ack" or "txack" or "log":
                return null;
            default:
                return new Wording($"'{kind}' is not an event of ChirpStack v4", $"“{kind}”不是 ChirpStack v4 的事件");
        }
    }

    private static string Kind(JsonElement root) =>
        root.Field("location") is not null ? "location"
        : root.Field("data") is not null || root.Field("rxInfo") is not null || root.Field("fPort") is not null ? "up"
        : root.Field("margin") is not null
        || root.Field("batteryLevel") is not null
        || root.Field("batteryLevelUnavailable") is not null
        || root.Field("externalPowerSource") is not null
            ? "status"
        : root.Field("level") is not null ? "log"
        : root.Field("integrationName") is not null ? "integration"
        : root.Field("object") is not null ? "up"
        : "join";
}
