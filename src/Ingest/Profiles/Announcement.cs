using Vigil.Model;

namespace Vigil.Ingest.Profiles;

/// <summary>One entity that a device announced by Home Assistant's MQTT discovery.</summary>
/// <param name="Device">Its first identifier.</param>
/// <param name="Name">What people call it.</param>
/// <param name="Model">Maker and model.</param>
/// <param name="Component">sensor, binary_sensor, switch, event, device_automation…</param>
/// <param name="Entity">The entity's own id.</param>
/// <param name="StateTopic">Where its state is published.</param>
/// <param name="Path">Fields to follow in its JSON; empty where the payload is the value.</param>
/// <param name="Class">device_class, such as energy or moisture.</param>
/// <param name="Unit">As announced.</param>
/// <param name="On">What counts as on.</param>
/// <param name="Off">What counts as off; anything else (unavailable, unknown) is ignored.</param>
/// <param name="Metric">The metric it is read as; null for what Vigil doesn't watch.</param>
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
)
{
    /// <summary>The metric of a component and device class; null where there is none.</summary>
    public static Metric? MetricOf(string component, string type, string unit) =>
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
}
