using System.Text;
using System.Text.Json;
using Vigil.Model;

namespace Vigil.Ingest.Decoding;

/// <summary>
/// Shelly. Second generation and later: <c>&lt;prefix&gt;/events/rpc</c> (NotifyStatus, NotifyFullStatus, NotifyEvent),
/// <c>&lt;prefix&gt;/status/&lt;component&gt;</c>,
/// <c>&lt;prefix&gt;/online</c>. First: <c>shellies/&lt;id&gt;/…</c> with a bare value a topic, <c>info</c> and <c>status</c> as JSON.
/// Source: https://shelly-api-docs.shelly.cloud (gen2 "Mqtt", "ComponentsAndServices"; gen1 "MQTT support").
/// </summary>
/// <remarks>
/// NotifyStatus is a difference: what is missing has not changed. Energy is Wh; on meters that have <c>ret_aenergy</c>, <c>aenergy</c>
/// counts both directions and import is the difference. The first generation's relays count watt-minutes, its energy meters Wh. A press in
/// button mode comes as btn_down, btn_up and single_push: the push is the press, btn_down is kept as "down", which no rule takes for a
/// call.
/// </remarks>
public sealed class ShellyDecoder : Decoder
{
    private const double WattMinutesPerKilowattHour = 60_000;

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
                : Bare(Encoding.UTF8.GetString(text), topic, into);
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
                    Notify(method, parameters, into);
            }
            else if (topic.StartsWith("shellies/", StringComparison.Ordinal) || IsFirstGeneration(root))
            {
                FirstGeneration(root, topic, into);
            }
            else
            {
                Component(
                    topic.LastIndexOf("/status/", StringComparison.Ordinal) is >= 0 and var at ? topic[(at + 8)..] : "",
                    root,
                    null,
                    into
                );
            }

            return null;
        }
    }

    private static void Notify(string method, JsonElement parameters, DecodedPayload into)
    {
        var time = Time(parameters);
        if (method != "NotifyEvent")
        {
            if (parameters.ValueKind != JsonValueKind.Object)
                return;
            foreach (var component in parameters.EnumerateObject())
                Component(component.Name, component.Value, time, into);
            return;
        }

        if (!parameters.TryField("events", out var events) || events.ValueKind != JsonValueKind.Array)
            return;
        foreach (var e in events.EnumerateArray())
        {
            var at = Time(e) ?? time;
            var channel = e.Text("id") ?? "";
            switch (e.Text("event"))
            {
                case "single_push" or "double_push" or "triple_push" or "long_push" or "hold_press":
                    into.AddEvent(Metric.Button, DeviceWords.OfEvent(e.Text("event")!), at, channel);
                    break;
                case "btn_down":
                    into.AddEvent(Metric.Button, "down", at, channel);
                    break;
                case "btn_up":
                    into.AddEvent(Metric.Button, "released", at, channel);
                    break;
                case "motion":
                    into.Add(Metric.Motion, 1, at, channel);
                    break;
                case "alarm" or "alarm_on" when e.Text("component")?.StartsWith("smoke", StringComparison.Ordinal) == true:
                    into.Add(Metric.Smoke, 1, at);
                    break;
                case "alarm" or "alarm_on" when e.Text("component")?.StartsWith("flood", StringComparison.Ordinal) == true:
                    into.Add(Metric.WaterLeak, 1, at);
                    break;
                default:
                    break; // settings, updates, scripts
            }
        }
    }

    /// <summary>A component's status: <c>switch:0</c>, <c>em:0</c>… Without its name (a bare status) the fields tell what it is.</summary>
    private static void Component(string name, JsonElement c, DateTime? time, DecodedPayload into)
    {
        if (c.ValueKind != JsonValueKind.Object)
            return;
        var colon = name.IndexOf(':', StringComparison.Ordinal);
        var kind = colon < 0 ? name : name[..colon];
        var id = colon < 0 ? c.Text("id") ?? "" : name[(colon + 1)..];
        switch (kind)
        {
            case "temperature":
                into.Say(Metric.AirTemperature, c.Number("tC"), time, Beyond(id, "0"));
                return;
            case "humidity":
                into.Say(Metric.AirHumidity, c.Number("rh"), time, Beyond(id, "0"));
                return;
            case "illuminance":
                into.Say(Metric.Illuminance, c.Number("lux"), time, Beyond(id, "0"));
                return;
            case "smoke":
                into.Say(Metric.Smoke, c.Flag("alarm"), time, Beyond(id, "0"));
                return;
            case "flood":
                into.Say(Metric.WaterLeak, c.Flag("alarm"), time, Beyond(id, "0"));
                return;
            case "voltmeter":
                into.Say(Metric.ElectricityVoltage, c.Number("voltage"), time, "voltmeter" + id);
                return;
            case "wifi":
                into.Say(Metric.SignalRssi, c.Number("rssi"), time);
                return;
            case "presence" or "presencezone":
                into.Say(Metric.Presence, c.Flag("value") ?? (c.Number("num_objects") is { } n ? n > 0 : null), time, Beyond(id, "0"));
                return;
            case "devicepower":
                if (c.TryField("battery", out var battery))
                {
                    into.Say(Metric.BatteryLevel, battery.Number("percent"), time);
                    into.Say(Metric.BatteryVoltage, battery.Number("V"), time);
                }

                return;
            case "input":
                into.Say(Metric.SwitchOn, c.Flag("state"), time, "input" + id);
                into.Say(Metric.AnalogInput, c.Number("percent"), time, "input" + id);
                if (c.TryField("counts", out var counts))
                    into.Say(Metric.PulseCount, counts.Number("total"), time, id);
                return;
            default:
                break;
        }

        into.Say(Metric.SwitchOn, c.Flag("output"), time, id);
        into.Say(Metric.ElectricityPower, c.Number("apower") ?? c.Number("act_power"), time, id);
        into.Say(Metric.ElectricityPowerApparent, c.Number("aprt_power"), time, id);
        into.Say(Metric.ElectricityVoltage, c.Number("voltage"), time, id);
        into.Say(Metric.ElectricityCurrent, c.Number("current"), time, id);
        into.Say(Metric.ElectricityPowerFactor, c.Number("pf"), time, id);
        into.Say(Metric.ElectricityFrequency, c.Number("freq"), time, id);
        if (c.TryField("aenergy", out var energy) && energy.Number("total") is { } both)
        {
            double? returned = c.TryField("ret_aenergy", out var back) ? back.Number("total") : null;
            into.Add(Metric.ElectricityEnergy, (both - (returned ?? 0)) / 1000, time, id);
            into.Say(Metric.ElectricityEnergyExport, returned / 1000, time, id);
        }

        if (c.TryField("temperature", out var temperature))
            into.Say(Metric.DeviceTemperature, temperature.Number("tC"), time);
        if (kind.Length == 0 && c.Number("tC") is { } bare)
            into.Add(Metric.AirTemperature, bare, time, Beyond(id, "0"));

        // Meters: em (three phases), em1 (one), emdata and em1data (their totals). A single-phase meter's channel is its id.
        var total = Beyond(id, "0");
        foreach (var phase in new[] { "a", "b", "c" })
        {
            var channel = total.Length > 0 ? id + phase : phase;
            into.Say(Metric.ElectricityPower, c.Number(phase + "_act_power"), time, channel);
            into.Say(Metric.ElectricityPowerApparent, c.Number(phase + "_aprt_power"), time, channel);
            into.Say(Metric.ElectricityVoltage, c.Number(phase + "_voltage"), time, channel);
            into.Say(Metric.ElectricityCurrent, c.Number(phase + "_current"), time, channel);
            into.Say(Metric.ElectricityPowerFactor, c.Number(phase + "_pf"), time, channel);
            into.Say(Metric.ElectricityFrequency, c.Number(phase + "_freq"), time, channel);
            into.Say(Metric.ElectricityEnergy, c.Number(phase + "_total_act_energy") / 1000, time, channel);
            into.Say(Metric.ElectricityEnergyExport, c.Number(phase + "_total_act_ret_energy") / 1000, time, channel);
        }

        into.Say(Metric.ElectricityCurrent, c.Number("n_current"), time, "n");
        into.Say(Metric.ElectricityPower, c.Number("total_act_power"), time, total);
        into.Say(Metric.ElectricityPowerApparent, c.Number("total_aprt_power"), time, total);
        into.Say(Metric.ElectricityCurrent, c.Number("total_current"), time, total);
        into.Say(Metric.ElectricityEnergy, c.Number("total_act") / 1000, time, total);
        into.Say(Metric.ElectricityEnergyExport, c.Number("total_act_ret") / 1000, time, total);
        into.Say(Metric.ElectricityEnergy, c.Number("total_act_energy") / 1000, time, id);
        into.Say(Metric.ElectricityEnergyExport, c.Number("total_act_ret_energy") / 1000, time, id);
    }

    private static bool IsFirstGeneration(JsonElement root)
    {
        foreach (var name in new[] { "meters", "emeters", "relays", "gas_sensor", "event_cnt", "unixtime", "bat", "tmp", "hum" })
            if (root.TryGetProperty(name, out _))
                return true;
        return false;
    }

    /// <summary>The <c>/status</c> document, whole or in part, or an input's event.</summary>
    private static void FirstGeneration(JsonElement s, string topic, DecodedPayload into)
    {
        if (s.TryField("event", out _))
        {
            if (s.Text("event") is { Length: > 0 } press)
                into.AddEvent(Metric.Button, DeviceWords.OfEvent(press), channel: Last(topic));
            return;
        }

        // 0 before the clock is set
        DateTime? time = s.Number("unixtime") is > 0 and < 1e11 and { } unix ? DateTime.UnixEpoch.AddSeconds(unix) : null;
        Each(s, "relays", (r, n) => into.Say(Metric.SwitchOn, r.Flag("ison"), time, n));
        Each(
            s,
            "meters",
            (m, n) =>
            {
                if (m.Flag("is_valid") == false)
                    return;
                into.Say(Metric.ElectricityPower, m.Number("power"), time, n);
                into.Say(Metric.ElectricityEnergy, m.Number("total") / WattMinutesPerKilowattHour, time, n);
            }
        );
        Each(
            s,
            "emeters",
            (m, n) =>
            {
                if (m.Flag("is_valid") == false)
                    return;
                into.Say(Metric.ElectricityPower, m.Number("power"), time, n);
                into.Say(Metric.ElectricityVoltage, m.Number("voltage"), time, n);
                into.Say(Metric.ElectricityCurrent, m.Number("current"), time, n);
                into.Say(Metric.ElectricityPowerFactor, m.Number("pf"), time, n);
                into.Say(Metric.ElectricityPowerReactive, m.Number("reactive"), time, n);
                into.Say(Metric.ElectricityEnergy, m.Number("total") / 1000, time, n);
                into.Say(Metric.ElectricityEnergyExport, m.Number("total_returned") / 1000, time, n);
            }
        );
        Each(s, "inputs", (i, n) => into.Say(Metric.SwitchOn, i.Flag("input"), time, "input" + n));
        if (s.TryField("gas_sensor", out var gas))
            into.Say(Metric.Gas, Alarm(gas.Text("alarm_state")), time);
        if (s.TryField("tmp", out var temperature) && temperature.Flag("is_valid") != false)
            into.Say(Metric.AirTemperature, temperature.Number("tC") ?? temperature.Number("value"), time);
        if (s.TryField("hum", out var humidity) && humidity.Flag("is_valid") != false)
            into.Say(Metric.AirHumidity, humidity.Number("value"), time);
        if (s.TryField("lux", out var light) && light.Flag("is_valid") != false)
            into.Say(Metric.Illuminance, light.Number("value"), time);
        if (s.TryField("bat", out var battery))
        {
            into.Say(Metric.BatteryLevel, battery.Number("value"), time);
            into.Say(Metric.BatteryVoltage, battery.Number("voltage"), time);
        }

        if (s.TryField("sensor", out var sensor))
        {
            into.Say(Metric.DoorOpen, Door(sensor.Text("state")), time);
            into.Say(Metric.Motion, sensor.Flag("motion"), time);
            into.Say(Metric.Vibration, sensor.Flag("vibration"), time);
        }

        into.Say(Metric.WaterLeak, s.Flag("flood"), time);
        into.Say(Metric.Smoke, s.Flag("smoke"), time);
        if (s.TryField("wifi_sta", out var wifi))
            into.Say(Metric.SignalRssi, wifi.Number("rssi"), time);
        into.Say(Metric.DeviceTemperature, s.Number("temperature"), time);
    }

    /// <summary>
    /// One value a topic: <c>shellies/&lt;id&gt;/relay/0/energy</c>, <c>…/sensor/flood</c>; <c>&lt;prefix&gt;/online</c>.
    /// </summary>
    private static Wording? Bare(string text, string topic, DecodedPayload into)
    {
        var levels = topic.Split('/');
        var last = levels[^1];
        if (last == "online")
            return Flag(Metric.Online, "");
        if (levels is not ["shellies", _, _, ..])
            return new Wording("is not JSON", "不是 JSON");
        switch (levels[2..])
        {
            case ["relay", var n]:
                return text == "overpower" ? null : Flag(Metric.SwitchOn, n);
            case ["input", var n]:
                return Flag(Metric.SwitchOn, "input" + n);
            case ["relay" or "meter" or "light" or "roller", var n, "power"]:
                return Number(Metric.ElectricityPower, n);
            case ["relay" or "meter" or "light" or "roller", var n, "energy"]:
                return Number(Metric.ElectricityEnergy, n, 1 / WattMinutesPerKilowattHour);
            case ["emeter", var n, "power"]:
                return Number(Metric.ElectricityPower, n);
            case ["emeter", var n, "voltage"]:
                return Number(Metric.ElectricityVoltage, n);
            case ["emeter", var n, "current"]:
                return Number(Metric.ElectricityCurrent, n);
            case ["emeter", var n, "pf"]:
                return Number(Metric.ElectricityPowerFactor, n);
            case ["emeter", var n, "reactive_power"]:
                return Number(Metric.ElectricityPowerReactive, n);
            case ["emeter", var n, "total"]:
                return Number(Metric.ElectricityEnergy, n, 0.001);
            case ["emeter", var n, "total_returned"]:
                return Number(Metric.ElectricityEnergyExport, n, 0.001);
            case ["emeter_n", "current"]:
                return Number(Metric.ElectricityCurrent, "n");
            case ["voltage"] or ["voltage", _]:
                return Number(Metric.ElectricityVoltage, "");
            case ["temperature"]:
                return Number(Metric.DeviceTemperature, "");
            case ["ext_temperature", var n]:
                return Number(Metric.AirTemperature, "ext" + n);
            case ["ext_humidity", var n]:
                return Number(Metric.AirHumidity, "ext" + n);
            case ["longpush", var n]:
                if (text == "1")
                    into.AddEvent(Metric.Button, "long", channel: n);
                return null;
            case ["sensor", "temperature"]:
                return Number(Metric.AirTemperature, "");
            case ["sensor", "humidity"]:
                return Number(Metric.AirHumidity, "");
            case ["sensor", "battery"]:
                return Number(Metric.BatteryLevel, "");
            case ["sensor", "lux"]:
                return Number(Metric.Illuminance, "");
            case ["sensor", "flood"]:
                return Flag(Metric.WaterLeak, "");
            case ["sensor", "smoke"]:
                return Flag(Metric.Smoke, "");
            case ["sensor", "motion"]:
                return Flag(Metric.Motion, "");
            case ["sensor", "vibration"]:
                return Flag(Metric.Vibration, "");
            case ["sensor", "state"]:
                into.Say(Metric.DoorOpen, Door(text));
                return null;
            case ["sensor", "gas"]:
                into.Say(Metric.Gas, Alarm(text));
                return null;
            default:
                return null; // settings, announcements, tilt, charger
        }

        Wording? Number(Metric metric, string channel, double scale = 1)
        {
            if (
                !double.TryParse(
                    text,
                    System.Globalization.NumberStyles.Float,
                    System.Globalization.CultureInfo.InvariantCulture,
                    out var value
                )
            )
                return new Wording($"'{text}' is not a number", $"“{text}”不是数字");
            into.Add(metric, value * scale, channel: channel);
            return null;
        }

        Wording? Flag(Metric metric, string channel)
        {
            if (JsonFields.Flag(text) is not { } on)
                return new Wording($"'{text}' is neither on nor off", $"“{text}”既不是 on 也不是 off");
            into.Add(metric, on ? 1 : 0, channel: channel);
            return null;
        }
    }

    private static void Each(JsonElement status, string name, Action<JsonElement, string> read)
    {
        if (!status.TryField(name, out var list) || list.ValueKind != JsonValueKind.Array)
            return;
        var index = 0;
        foreach (var item in list.EnumerateArray())
            read(item, (index++).ToString(System.Globalization.CultureInfo.InvariantCulture));
    }

    private static DateTime? Time(JsonElement element) =>
        element.Number("ts") is { } seconds
            ? seconds is > -6e10 and < 1e11
                ? DateTime.UnixEpoch.AddMilliseconds(Math.Round(seconds * 1000))
                : DateTime.MaxValue
            : null;

    /// <summary>none, mild, heavy; a self test says nothing of the air.</summary>
    private static bool? Alarm(string? state) =>
        state switch
        {
            "none" => false,
            "mild" or "heavy" => true,
            _ => null,
        };

    private static bool? Door(string? state) =>
        state switch
        {
            "open" => true,
            "close" or "closed" => false,
            _ => null,
        };

    private static string Beyond(string id, string usual) => id == usual ? "" : id;

    private static string Last(string topic) =>
        topic.LastIndexOf('/') is >= 0 and var at && int.TryParse(topic[(at + 1)..], out _) ? topic[(at + 1)..] : "0";
}
