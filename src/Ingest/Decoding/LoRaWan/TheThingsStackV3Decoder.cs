using System.Text.Json;
using Vigil.Model;
using Vigil.Settings;

namespace Vigil.Ingest.Decoding.LoRaWan;

/// <summary>
/// The Things Stack v3 messages as JSON (thethingsindustries.com/docs/integrations/data-formats). Zero fields are absent, f_port too.
/// A repeated uplink has the same <c>received_at</c>: a reading is unique by series and time, so it is stored once.
/// </summary>
public sealed class TheThingsStackV3Decoder : UplinkDecoder
{
    private static readonly string[] Silent =
    [
        "join_accept",
        "downlink_ack",
        "downlink_nack",
        "downlink_sent",
        "downlink_failed",
        "downlink_queued",
        "downlink_queue_invalidated",
        "service_data",
    ];

    private TheThingsStackV3Decoder(UplinkContent content)
        : base(content) { }

    /// <summary>Options of the profile: <c>frames</c>, <c>payload</c> or <c>codec</c>.</summary>
    public static Decoder Create(YamlSection profile) => new TheThingsStackV3Decoder(UplinkContent.Create(profile));

    private protected override Wording? Message(JsonElement root, string topic, DecodedPayload into) => Message(root, Content, into);

    internal static Wording? Message(JsonElement root, UplinkContent content, DecodedPayload into)
    {
        // Events of the stack's own event stream carry the message in "data"; the MQTT integration sends it bare.
        if (root.Field("data") is { ValueKind: JsonValueKind.Object } data && root.Field("name") is not null)
            root = data;
        if (
            root.Field("end_device_ids") is { } ids
            && (ids.Text("dev_eui")?.ToLowerInvariant() ?? ids.Text("device_id")) is { Length: > 0 } device
        )
            into.Device = device;
        var time = root.TimeOf("received_at");
        if (root.Field("location_solved") is { } solved)
            return solved.Field("location") is { } location
                ? UplinkContent.Location(location, time, into)
                : new Wording("location_solved without location", "location_solved 中没有 location");
        var up = root.Field("uplink_message") ?? root.Field("uplink_normalized");
        // Samples of payload formatters show the uplink's inside without the envelope.
        if (up is null && (root.Field("decoded_payload") is not null || root.Field("normalized_payload") is not null))
            up = root;
        if (up is not { } uplink)
            return Array.Exists(Silent, name => root.Field(name) is not null)
                ? null
                : new Wording(
                    "is not a message of The Things Stack v3: neither uplink_message nor another known one",
                    "不是 The Things Stack v3 的消息：没有 uplink_message，也没有其他已知内容"
                );
        time = uplink.TimeOf("received_at") ?? time;
        var port = uplink.Field("f_port") is { ValueKind: JsonValueKind.Number } field && field.TryGetInt32(out var number) ? number : 0;
        var named =
            uplink.Field("version_ids") is { } version && version.Text("brand_id") is { } brand && version.Text("model_id") is { } model
                ? $"{brand}/{model}"
                : "";
        if (
            content.Read(
                uplink.Field("frm_payload"),
                port,
                uplink.Field("decoded_payload"),
                uplink.Field("normalized_payload"),
                named,
                time,
                into
            ) is
            { } reason
        )
            return reason;
        if (
            uplink.Field("last_battery_percentage")?.Field("value") is { } level
            && UplinkFields.Number(level) is { } percent
            && !into.Readings.Any(r => r.Metric == Metric.BatteryLevel)
        )
            into.Add(Metric.BatteryLevel, percent, uplink.Field("last_battery_percentage")?.TimeOf("received_at") ?? time);
        UplinkContent.Signal(uplink.Field("rx_metadata"), time, into);
        return null;
    }
}
