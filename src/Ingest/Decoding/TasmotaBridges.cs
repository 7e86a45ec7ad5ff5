using System.Text.Json;
using Vigil.Model;

namespace Vigil.Ingest.Decoding;

/// <summary>Devices that a Tasmota bridge hears by radio and passes on.</summary>
internal static class TasmotaBridges
{
    private const int LongestName = 64;

    /// <summary>Zigbee: each object is one device, named by its name or its short address.</summary>
    public static void Zigbee(JsonElement devices, DateTime? time, DecodedPayload into)
    {
        if (devices.ValueKind != JsonValueKind.Object)
            return;
        foreach (var entry in devices.EnumerateObject())
        {
            var d = entry.Value;
            if (d.ValueKind != JsonValueKind.Object)
                continue;
            Name(into, d.Text("Name") is { Length: > 0 } name ? name : d.Text("Device") ?? entry.Name);
            TasmotaSensors.Sensor(d, "", time, false, false, into);
            into.Say(Metric.SwitchOn, d.Flag("Power"), time);
            into.Say(Metric.ElectricityPower, d.Number("ActivePower"), time);
            into.Say(Metric.ElectricityVoltage, d.Number("RMSVoltage"), time);
            into.Say(Metric.ElectricityCurrent, d.Number("RMSCurrent"), time);
            into.Say(Metric.BatteryVoltage, d.Number("BatteryVoltage"), time);
            into.Say(Metric.SignalStrength, d.Number("LinkQuality"), time);
            into.Say(Metric.Motion, d.Flag("Occupancy") ?? d.Flag("Movement"), time);
            into.Say(Metric.DoorOpen, d.Flag("Contact"), time); // the IAS zone's alarm bit: 1 is open
            into.Say(Metric.WaterLeak, d.Flag("Water"), time);
            into.Say(Metric.Smoke, d.Flag("Fire") ?? d.Flag("Smoke"), time);
            into.Say(Metric.Gas, d.Flag("CO") ?? d.Flag("Gas"), time);
            into.Say(Metric.Vibration, d.Flag("Vibration"), time);
            into.Say(Metric.BatteryLow, d.Flag("BatteryLow"), time);
            if (d.Flag("Panic") == true)
                into.AddEvent(Metric.Button, "sos", time);
            if (d.Text("Click") is { Length: > 0 } click)
                into.AddEvent(Metric.Button, DeviceWords.OfEvent(click), time);
        }
    }

    /// <summary>
    /// LoRaWAN: signal strength alone. The node's payload needs its maker's layout, which the topic doesn't name.
    /// </summary>
    public static void LoRaWan(JsonElement nodes, DateTime? time, DecodedPayload into)
    {
        if (nodes.ValueKind != JsonValueKind.Object)
            return;
        foreach (var entry in nodes.EnumerateObject())
        {
            Name(into, entry.Value.Text("DevEUIh") is { } high && entry.Value.Text("DevEUIl") is { } low ? high + low : entry.Name);
            into.Say(Metric.SignalRssi, entry.Value.Number("RSSI"), time);
            into.Say(Metric.SignalSnr, entry.Value.Number("SNR"), time);
        }
    }

    private static void Name(DecodedPayload into, string name)
    {
        if (name.Length <= LongestName && DeviceId.TryParse(name.Replace(' ', '_'), out var id))
            into.Device = id.Value;
    }
}
