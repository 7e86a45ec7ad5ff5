using System.Text.Json;
using System.Text.RegularExpressions;
using Vigil.Ingest.Decoding;
using Vigil.Model;

namespace Vigil.Ingest.Profiles;

/// <summary>
/// Reads Home Assistant's MQTT discovery messages (https://www.home-assistant.io/integrations/mqtt#mqtt-discovery):
/// <c>homeassistant/{component}/[{node}/]{object}/config</c>, or one message per device with its components. Templates are understood as
/// far as they name a field; a template that computes is refused.
/// </summary>
internal static partial class DiscoveryMessage
{
    private static readonly Dictionary<string, string> Abbreviations = new(StringComparer.Ordinal)
    {
        ["stat_t"] = "state_topic",
        ["val_tpl"] = "value_template",
        ["unit_of_meas"] = "unit_of_measurement",
        ["dev_cla"] = "device_class",
        ["stat_cla"] = "state_class",
        ["uniq_id"] = "unique_id",
        ["obj_id"] = "object_id",
        ["dev"] = "device",
        ["ids"] = "identifiers",
        ["mf"] = "manufacturer",
        ["mdl"] = "model",
        ["pl_on"] = "payload_on",
        ["pl_off"] = "payload_off",
        ["stat_on"] = "state_on",
        ["stat_off"] = "state_off",
        ["t"] = "topic",
        ["pl"] = "payload",
        ["cmps"] = "components",
        ["p"] = "platform",
        ["atype"] = "automation_type",
    };

    /// <returns>What it announces, nothing for an empty message; the reason when it can't be read.</returns>
    public static (IReadOnlyList<Announcement> Announced, Wording? Reason) Read(string topic, ReadOnlySpan<byte> payload)
    {
        var levels = topic.Split('/');
        if (levels.Length is not (4 or 5))
            return (
                [],
                new Wording(
                    "a discovery topic is homeassistant/{component}/[{node}/]{object}/config",
                    "设备发现主题应为 homeassistant/{component}/[{node}/]{object}/config"
                )
            );
        if (payload.IsEmpty)
            return ([], null);
        if (JsonFields.TryParse(payload, out var document) is { } why)
            return ([], why);
        using (document)
        {
            var root = document.RootElement;
            if (root.ValueKind != JsonValueKind.Object)
                return ([], new Wording($"is not a JSON object but {root.ValueKind}", $"不是 JSON 对象，而是 {root.ValueKind}"));
            var found = new List<Announcement>();
            if (Field(root, "components") is { ValueKind: JsonValueKind.Object } components)
            {
                foreach (var c in components.EnumerateObject())
                    if (
                        c.Value.ValueKind == JsonValueKind.Object
                        && Read(root, c.Value, Text(c.Value, "platform") ?? "", c.Name, levels[^2]) is { } one
                    )
                        found.Add(one);
            }
            else if (Read(root, root, levels[1], levels[^2], levels.Length == 5 ? levels[2] : levels[^2]) is { } one)
            {
                found.Add(one);
            }

            return found.Count == 0
                ? ([], new Wording("announces no state topic, or a template that computes", "没有声明状态主题，或其模板含有运算"))
                : (found, null);
        }
    }

    private static Announcement? Read(JsonElement root, JsonElement entity, string component, string objectId, string node)
    {
        var near = Text(root, "~") ?? Text(entity, "~") ?? "";
        string Whole(string text) =>
            text.StartsWith('~') ? near + text[1..]
            : text.EndsWith('~') ? text[..^1] + near
            : text;
        var device = Field(root, "device");
        if ((Text(entity, "state_topic") ?? Text(entity, "topic")) is not { Length: > 0 } topic)
            return null;
        var ids = device is { } d ? Field(d, "identifiers") : null;
        var id =
            ids is { ValueKind: JsonValueKind.Array } list && list.GetArrayLength() > 0 ? list[0].ToString()
            : ids is { ValueKind: JsonValueKind.String } one ? one.GetString()!
            : node;
        if (!DeviceId.TryParse(id.Replace(' ', '_'), out var known))
            return null;
        var path = new List<string>();
        if (Text(entity, "value_template") is { } template)
        {
            // Taking only the field of a template that computes (value_json.e / 1000, a == b) would give a wrong value.
            if (PlainField().Match(template) is not { Success: true } match)
                return null;
            foreach (Capture part in match.Groups["part"].Captures)
                path.Add(part.Value.Trim('.', '[', ']', '\'', '"'));
        }

        var type = Text(entity, "device_class") ?? "";
        var maker = device is { } of ? $"{Text(of, "manufacturer")} {Text(of, "model")}".Trim() : "";
        return new Announcement(
            known.Value,
            device is { } named ? Text(named, "name") ?? known.Value : known.Value,
            maker,
            component,
            Text(entity, "unique_id") ?? Text(entity, "object_id") ?? objectId,
            Whole(topic),
            path,
            type,
            Text(entity, "unit_of_measurement") ?? "",
            Word(entity, "state_on") ?? Word(entity, "payload_on") ?? "ON",
            Word(entity, "state_off") ?? Word(entity, "payload_off") ?? "OFF",
            Announcement.MetricOf(component, type, Text(entity, "unit_of_measurement") ?? "")
        );
    }

    private static JsonElement? Field(JsonElement element, string name)
    {
        if (element.TryField(name, out var field))
            return field;
        foreach (var (shorter, longer) in Abbreviations)
            if (longer == name && element.TryField(shorter, out field))
                return field;
        return null;
    }

    private static string? Word(JsonElement element, string name) =>
        Text(element, name) ?? (Field(element, name) is { } flag ? flag.GetRawText() : null);

    private static string? Text(JsonElement element, string name) =>
        Field(element, name) is { ValueKind: JsonValueKind.String } text ? text.GetString() : null;

    /// <summary>
    /// <c>{{ value_json.a.b }}</c>, <c>{{ value_json['a'] | float }}</c>, <c>{{ value_json["a"][0] | round(1) }}</c>, <c>{{ value }}</c>:
    /// one field, with filters that don't change its value.
    /// </summary>
    [GeneratedRegex(
        """^\s*\{\{\s*value(?:_json(?<part>\.\w+|\[['"][^'"\]]+['"]\]|\[\d+\])+)?"""
            + """(?:\s*\|\s*(?:float|int|round|is_defined|string)(?:\([^)|]*\))?)*\s*\}\}\s*$"""
    )]
    private static partial Regex PlainField();
}
