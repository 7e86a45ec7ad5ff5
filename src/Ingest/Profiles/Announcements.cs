using System.Collections.Concurrent;
using System.Globalization;
using System.Text;
using System.Text.Json;
using System.Text.RegularExpressions;
using Vigil.Ingest.Decoding;
using Vigil.Model;

namespace Vigil.Ingest.Profiles;

/// <summary>One thing that a device announced of itself by Home Assistant's MQTT discovery.</summary>
/// <param name="Device">Its first identifier.</param>
/// <param name="Name">What people call it.</param>
/// <param name="Model">Maker and model.</param>
/// <param name="Component">sensor, binary_sensor, switch, event, device_automation…</param>
/// <param name="Entity">The entity's own id.</param>
/// <param name="StateTopic">Where it speaks.</param>
/// <param name="Path">Fields to follow in its JSON; empty where the payload is the value.</param>
/// <param name="Class">device_class, such as energy or moisture.</param>
/// <param name="Unit">As announced.</param>
/// <param name="On">What counts as on.</param>
/// <param name="Off">What counts as off; anything else (unavailable, unknown) says nothing.</param>
/// <param name="Metric">What it is in Vigil's vocabulary; null where it is nothing that Vigil watches.</param>
public sealed record Announcement(
    string Device,
    string Name,
    string Model,
    string Component,
    string Entity,
    string StateTopic,
    IReadOnlyList<string> Path,
    string Class,
    string Unit,
    string On,
    string Off,
    Metric? Metric
);

/// <summary>
/// What devices announced of themselves (https://www.home-assistant.io/integrations/mqtt#mqtt-discovery):
/// <c>homeassistant/{component}/[{node}/]{object}/config</c>, or one message a device with its components. An announced device waits to be
/// bound; topics that no profile knows are read as announced. Templates are understood as far as they name a field; a template that
/// computes is not run.
/// </summary>
public sealed partial class Announcements
{
    private const int Most = 20_000;

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

    /// <summary>Config topic → what it announces: announced anew it replaces, emptied it goes.</summary>
    private readonly ConcurrentDictionary<string, IReadOnlyList<Announcement>> byConfig = new(StringComparer.Ordinal);
    private readonly ConcurrentDictionary<string, Announcement[]> byTopic = new(StringComparer.Ordinal);

    /// <summary>State topic → config topic → what speaks there: one announcement arranges its own topics anew, not those of all.</summary>
    private readonly Dictionary<string, SortedDictionary<string, Announcement[]>> speakers = new(StringComparer.Ordinal);
    private readonly Lock arranging = new();

    public static bool IsConfig(string topic) =>
        topic.StartsWith("homeassistant/", StringComparison.Ordinal) && topic.EndsWith("/config", StringComparison.Ordinal);

    /// <summary>Takes in a discovery message. An empty one takes the entity away.</summary>
    /// <param name="topic">The discovery topic.</param>
    /// <param name="payload">What it says.</param>
    /// <param name="maySpeakOn">Whether its sender may publish on a topic: nobody announces, changes or takes away what others speak
    /// on.</param>
    /// <returns>What it announces; the reason when it can't be read or is not its sender's to say.</returns>
    public (IReadOnlyList<Announcement> Announced, Wording? Reason) Take(
        string topic,
        ReadOnlySpan<byte> payload,
        Func<string, bool>? maySpeakOn = null
    )
    {
        try
        {
            var (found, reason) = Read(topic, payload);
            if (reason is not null)
                return ([], reason);
            if (
                maySpeakOn is not null
                && found.Concat(byConfig.GetValueOrDefault(topic) ?? []).FirstOrDefault(a => !maySpeakOn(a.StateTopic)) is { } foreign
            )
                return (
                    [],
                    new Wording(
                        $"announces {foreign.StateTopic}, on which its sender may not speak",
                        $"声明了 {foreign.StateTopic}，但其发送者无权使用该主题"
                    )
                );
            Put(topic, found);
            return (found, null);
        }
        catch (InvalidOperationException e) when (JsonFields.IsBadText(e))
        {
            return ([], JsonFields.BadText(e));
        }
    }

    /// <summary>Takes in what was announced before a start.</summary>
    public void TakeAll(IEnumerable<(string Topic, byte[] Payload)> announced)
    {
        foreach (var (topic, payload) in announced)
        {
            try
            {
                if (Read(topic, payload) is { Reason: null, Announced: { Count: > 0 } found })
                    Put(topic, found);
            }
            catch (InvalidOperationException e) when (JsonFields.IsBadText(e))
            {
                // it was taken once, by a version that read it
            }
        }
    }

    private (IReadOnlyList<Announcement> Announced, Wording? Reason) Read(string topic, ReadOnlySpan<byte> payload)
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

            if (found.Count == 0)
                return ([], new Wording("announces no state topic, or a template that computes", "没有声明状态主题，或其模板含有运算"));
            if (byConfig.Count >= Most && !byConfig.ContainsKey(topic))
                return ([], new Wording($"more than {Most} announcements", $"声明超过 {Most} 条"));
            return (found, null);
        }
    }

    private void Put(string config, IReadOnlyList<Announcement> found)
    {
        lock (arranging)
        {
            var touched = new HashSet<string>(StringComparer.Ordinal);
            foreach (var before in byConfig.GetValueOrDefault(config) ?? [])
                if (speakers[before.StateTopic].Remove(config))
                    touched.Add(before.StateTopic);
            if (found.Count > 0)
                byConfig[config] = found;
            else
                byConfig.TryRemove(config, out _);
            foreach (var spoken in found.GroupBy(a => a.StateTopic, StringComparer.Ordinal))
            {
                if (!speakers.TryGetValue(spoken.Key, out var there))
                    speakers[spoken.Key] = there = new SortedDictionary<string, Announcement[]>(StringComparer.Ordinal);
                there[config] = [.. spoken];
                touched.Add(spoken.Key);
            }

            foreach (var topic in touched)
            {
                if (speakers[topic].Count > 0)
                    byTopic[topic] = [.. speakers[topic].Values.SelectMany(a => a)];
                else if (speakers.Remove(topic))
                    byTopic.TryRemove(topic, out _);
            }
        }
    }

    /// <summary>Whether somebody announced to speak on this topic.</summary>
    public bool Knows(string topic) => byTopic.ContainsKey(topic);

    /// <summary>Reads a state topic as it was announced.</summary>
    public Wording? Decode(string topic, ReadOnlySpan<byte> payload, DecodedPayload into)
    {
        try
        {
            return DecodeText(topic, payload, into);
        }
        catch (InvalidOperationException e) when (JsonFields.IsBadText(e))
        {
            return JsonFields.BadText(e);
        }
    }

    private Wording? DecodeText(string topic, ReadOnlySpan<byte> payload, DecodedPayload into)
    {
        if (!byTopic.TryGetValue(topic, out var entities))
            return new Wording("nobody announced this topic", "没有设备声明过该主题");
        JsonDocument? document = null;
        if (entities.Any(e => e.Path.Count > 0) && JsonFields.TryParse(payload, out document) is { } why)
            return why;
        using (document)
        {
            var text = Encoding.UTF8.GetString(payload).Trim();
            foreach (var e in entities)
            {
                if (e.Metric is not { } metric)
                    continue;
                into.Device = e.Device;
                var value = text;
                if (e.Path.Count > 0)
                {
                    if (Follow(document!.RootElement, e.Path) is not { } field)
                        continue; // missing is not false
                    value = field.ValueKind == JsonValueKind.String ? field.GetString()! : field.GetRawText();
                }

                if (metric.Kind == MetricKind.Event)
                {
                    if (value.Length is > 0 and <= 64)
                        into.AddEvent(metric, DeviceWords.OfEvent(value));
                }
                else if (metric.Kind == MetricKind.State)
                {
                    if (value.Equals(e.On, StringComparison.OrdinalIgnoreCase))
                        into.Add(metric, 1);
                    else if (value.Equals(e.Off, StringComparison.OrdinalIgnoreCase))
                        into.Add(metric, 0);
                }
                else if (
                    double.TryParse(value, NumberStyles.Float, CultureInfo.InvariantCulture, out var number)
                    && Units.TryConvert(e.Unit, metric.Unit, out var conversion)
                )
                {
                    into.Add(metric, conversion.Apply(number));
                }
            }

            return null;
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
            // What computes (value_json.e / 1000, a == b) would be a wrong value if only its field were taken.
            if (Named().Match(template) is not { Success: true } match)
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
            MetricOf(component, type, Text(entity, "unit_of_measurement") ?? "")
        );
    }

    private static Metric? MetricOf(string component, string type, string unit) =>
        (component, type) switch
        {
            ("sensor", "energy") => Metric.ElectricityEnergy,
            ("sensor", "power") => Metric.ElectricityPower,
            ("sensor", "current") => Metric.ElectricityCurrent,
            ("sensor", "frequency") => Metric.ElectricityFrequency,
            ("sensor", "voltage") => unit == "mV" ? Metric.BatteryVoltage : Metric.ElectricityVoltage,
            ("sensor", "apparent_power") => Metric.ElectricityPowerApparent,
            ("sensor", "reactive_power") => Metric.ElectricityPowerReactive,
            ("sensor", "power_factor") => Metric.ElectricityPowerFactor,
            ("sensor", "water") => Metric.WaterVolume,
            ("sensor", "gas") => Metric.GasVolume,
            ("sensor", "volume_flow_rate") => Metric.WaterFlow,
            ("sensor", "temperature") => Metric.AirTemperature,
            ("sensor", "humidity") => Metric.AirHumidity,
            ("sensor", "pressure" or "atmospheric_pressure") => Metric.AirPressure,
            ("sensor", "carbon_dioxide") => Metric.AirCarbonDioxide,
            ("sensor", "illuminance") => Metric.Illuminance,
            ("sensor", "battery") => Metric.BatteryLevel,
            ("sensor", "signal_strength") => Metric.SignalRssi,
            ("binary_sensor", "door" or "window" or "opening" or "garage_door") => Metric.DoorOpen,
            ("binary_sensor", "smoke") => Metric.Smoke,
            ("binary_sensor", "gas" or "carbon_monoxide") => Metric.Gas,
            ("binary_sensor", "moisture") => Metric.WaterLeak,
            ("binary_sensor", "motion") => Metric.Motion,
            ("binary_sensor", "occupancy" or "presence") => Metric.Presence,
            ("binary_sensor", "tamper") => Metric.Tamper,
            ("binary_sensor", "vibration") => Metric.Vibration,
            ("binary_sensor", "battery") => Metric.BatteryLow,
            ("binary_sensor", "connectivity") => Metric.Online,
            ("binary_sensor", "problem") => Metric.Fault,
            ("binary_sensor", "power" or "plug") => Metric.SwitchOn,
            ("switch", _) => Metric.SwitchOn,
            ("event", "button") or ("device_automation", _) => Metric.Button,
            _ => null,
        };

    private static JsonElement? Follow(JsonElement element, IReadOnlyList<string> path)
    {
        foreach (var part in path)
        {
            if (
                element.ValueKind == JsonValueKind.Array
                && int.TryParse(part, CultureInfo.InvariantCulture, out var index)
                && index >= 0
                && index < element.GetArrayLength()
            )
                element = element[index];
            else if (!element.TryField(part, out element))
                return null;
        }

        return element.ValueKind == JsonValueKind.Null ? null : element;
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
    /// <c>{{ value_json.a.b }}</c>, <c>{{ value_json['a'] | float }}</c>, <c>{{ value_json["a"][0] | round(1) }}</c>, <c>{{ value }}</c>: a
    /// field and filters that keep its value, nothing else.
    /// </summary>
    [GeneratedRegex(
        """^\s*\{\{\s*value(?:_json(?<part>\.\w+|\[['"][^'"\]]+['"]\]|\[\d+\])+)?"""
            + """(?:\s*\|\s*(?:float|int|round|is_defined|string)(?:\([^)|]*\))?)*\s*\}\}\s*$"""
    )]
    private static partial Regex Named();
}
