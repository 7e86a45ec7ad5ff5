using System.Text;
using System.Text.Json;
using Vigil.Model;

namespace Vigil.Ingest.Decoding;

/// <summary>
/// Shelly. Second generation and later: <c>&lt;prefix&gt;/events/rpc</c>, <c>&lt;prefix&gt;/status/&lt;component&gt;</c>,
/// <c>&lt;prefix&gt;/online</c>. First generation: <c>shellies/&lt;id&gt;/…</c> with one bare value per topic, <c>info</c> and
/// <c>status</c> as JSON. Source: https://shelly-api-docs.shelly.cloud (gen2 "Mqtt", "ComponentsAndServices"; gen1 "MQTT support").
/// </summary>
public sealed class ShellyDecoder : Decoder
{
    public override Wording? Decode(ReadOnlySpan<byte> payload, string topic, DecodedPayload into)
    {
        if (payload.StartsWith("\uFEFF"u8))
            payload = payload[3..];
        var text = payload.Trim(" \t\r\n"u8);
        if (text.Length == 0)
            return new Wording("empty payload", "内容为空");
        var first = text[0];
        if (first is not ((byte)'{' or (byte)'['))
            return text.Length > 32
                ? new Wording("is neither JSON nor one value", "既不是 JSON 也不是单个数值")
                : ShellyGen1Topic.Read(Encoding.UTF8.GetString(text), topic, into);
        if (JsonFields.TryParse(payload, out var document) is { } why)
            return why;
        using (document)
        {
            var root = document.RootElement;
            if (root.ValueKind != JsonValueKind.Object)
                return new Wording($"is not a JSON object but {root.ValueKind}", $"不是 JSON 对象，而是 {root.ValueKind}");
            if (root.Text("method") is { } method)
            {
                if (topic.Length == 0 && root.Text("src") is { } source && DeviceId.TryParse(source, out var id))
                    into.Device = id.Value;
                if (!root.TryField("params", out var parameters))
                    return new Wording($"'{method}' has no params", $"“{method}”没有 params");
                if (method.StartsWith("Notify", StringComparison.Ordinal))
                    ShellyGen2.Notify(method, parameters, into);
            }
            else if (topic.StartsWith("shellies/", StringComparison.Ordinal) || ShellyGen1Status.IsStatus(root))
            {
                ShellyGen1Status.Read(root, topic, into);
            }
            else
            {
                ShellyGen2.Status(
                    topic.LastIndexOf("/status/", StringComparison.Ordinal) is >= 0 and var at ? topic[(at + 8)..] : "",
                    root,
                    null,
                    into
                );
            }

            return null;
        }
    }
}
