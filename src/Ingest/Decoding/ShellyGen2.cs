using System.Text.Json;
using Vigil.Model;

namespace Vigil.Ingest.Decoding;

/// <summary>Shelly's second generation and later: RPC notifications and the status of components.</summary>
/// <remarks>
/// NotifyStatus holds only what changed. Energy is in Wh; on meters that have <c>ret_aenergy</c>, <c>aenergy</c> counts both directions and
/// the import is the difference. A press in button mode comes as btn_down, btn_up and single_push: single_push is the press, and btn_down
/// becomes the word "down", which no rule takes for a call for help.
/// </remarks>
internal static class ShellyGen2
{
    /// <summary>NotifyStatus, NotifyFullStatus and NotifyEvent.</summary>
    public static void Notify(string method, JsonElement parameters, DecodedPayload into)
    {
        var time = Time(parameters);
        if (method != "NotifyEvent")
        {
            if (parameters.ValueKind != JsonValueKind.Object)
                return;
            foreach (var component in parameters.EnumerateObject())
                Status(component.Name, component.Value, time, into);
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

    /// <summary>One component's status: <c>switch:0</c>, <c>em:0</c>… Without a name its fields tell what it is.</summary>
    public static void Status(string name, JsonElement c, DateTime? time, DecodedPayload into)
    {
        if (c.ValueKind != JsonValueKind.Object)
            return;
        var colon = name.IndexOf(':', StringComparison.Ordinal);
        var kind = colon < 0 ? name : name[..colon];
        var id = colon < 0 ? c.Text("id") ?? "" : name[(colon + 1)..];
        switch (kind)
        {
            case "temperature":
                into.Say(Metric.AirTemperature, c.Number("tC"), time, ChannelOf(id, "0"));
                return;
            case "humidity":
                into.Say(Metric.AirHumidity, c.Number("rh"), time, ChannelOf(id, "0"));
                return;
            case "illuminance":
                into.Say(Metric.Illuminance, c.Number("lux"), time, ChannelOf(id, "0"));
                return;
            case "smoke":
                into.Say(Metric.Smoke, c.Flag("alarm"), time, ChannelOf(id, "0"));
                return;
            case "flood":
                into.Say(Metric.WaterLeak, c.Flag("alarm"), time, ChannelOf(id, "0"));
                return;
            case "voltmeter":
                into.Say(Metric.ElectricityVoltage, c.Number("voltage"), time, "voltmeter" + id);
                return;
            case "wifi":
                into.Say(Metric.SignalRssi, c.Number("rssi"), time);
                return;
            case "presence" or "presencezone":
                into.Say(Metric.Presence, c.Flag("value") ?? (c.Number("num_objects") is { } n ? n > 0 : null), time, ChannelOf(id, "0"));
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
            into.Add(Metric.AirTemperature, bare, time, ChannelOf(id, "0"));

        // Meters: em (three phases), em1 (one phase), emdata and em1data (their totals). A single-phase meter's channel is its id.
        var total = ChannelOf(id, "0");
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

    private static DateTime? Time(JsonElement element) =>
        element.Number("ts") is { } seconds
            ? seconds is > -6e10 and < 1e11
                ? DateTime.UnixEpoch.AddMilliseconds(Math.Round(seconds * 1000))
                : DateTime.MaxValue
            : null;

    /// <summary>The usual id is the device itself and no channel; any other id is one.</summary>
    private static string ChannelOf(string id, string usual) => id == usual ? "" : id;
}
