using System.Collections.Frozen;

namespace Vigil.Model;

/// <summary>
/// What is measured: a dotted name with one canonical unit, converted at decode. Units are SenML's (RFC 8428, RFC 8798) where it has one,
/// else UCUM. Interned: two metrics are the same exactly when they are the same object.
/// </summary>
public sealed class Metric
{
    private static readonly List<Metric> Known = [];

    public static readonly Metric WaterVolume = new("water.volume", "m3", MetricKind.Cumulative, LifeSign.Use(1));
    public static readonly Metric WaterVolumeReverse = new("water.volume.reverse", "m3", MetricKind.Cumulative);
    public static readonly Metric WaterFlow = new("water.flow", "m3/s", MetricKind.Gauge);
    public static readonly Metric WaterTemperature = new("water.temperature", "Cel", MetricKind.Gauge);
    public static readonly Metric WaterPressure = new("water.pressure", "Pa", MetricKind.Gauge);
    public static readonly Metric WaterLeak = new("water.leak", "/", MetricKind.State);
    public static readonly Metric ElectricityEnergy = new("electricity.energy", "kWh", MetricKind.Cumulative, LifeSign.Use(1));
    public static readonly Metric ElectricityEnergyExport = new("electricity.energy.export", "kWh", MetricKind.Cumulative);
    public static readonly Metric ElectricityEnergyReactive = new("electricity.energy.reactive", "kvarh", MetricKind.Cumulative);
    public static readonly Metric ElectricityEnergyApparent = new("electricity.energy.apparent", "kVAh", MetricKind.Cumulative);
    public static readonly Metric ElectricityPowerDemand = new("electricity.power.demand", "W", MetricKind.Gauge);
    public static readonly Metric ElectricityPhaseAngle = new("electricity.phase.angle", "deg", MetricKind.Gauge);
    public static readonly Metric ElectricityPower = new("electricity.power", "W", MetricKind.Gauge, LifeSign.Appliance(0.5f));
    public static readonly Metric ElectricityPowerExport = new("electricity.power.export", "W", MetricKind.Gauge);
    public static readonly Metric ElectricityPowerReactive = new("electricity.power.reactive", "var", MetricKind.Gauge);
    public static readonly Metric ElectricityPowerApparent = new("electricity.power.apparent", "VA", MetricKind.Gauge);
    public static readonly Metric ElectricityPowerFactor = new("electricity.power.factor", "/", MetricKind.Gauge);
    public static readonly Metric ElectricityVoltage = new("electricity.voltage", "V", MetricKind.Gauge);
    public static readonly Metric ElectricityCurrent = new("electricity.current", "A", MetricKind.Gauge);
    public static readonly Metric ElectricityFrequency = new("electricity.frequency", "Hz", MetricKind.Gauge);
    public static readonly Metric GasVolume = new("gas.volume", "m3", MetricKind.Cumulative, LifeSign.Use(0.4f));
    public static readonly Metric HeatVolume = new("heat.volume", "m3", MetricKind.Cumulative);
    public static readonly Metric HeatEnergy = new("heat.energy", "kWh", MetricKind.Cumulative);
    public static readonly Metric HeatPower = new("heat.power", "W", MetricKind.Gauge);
    public static readonly Metric HeatFlow = new("heat.flow", "m3/s", MetricKind.Gauge);
    public static readonly Metric HeatTemperature = new("heat.temperature", "Cel", MetricKind.Gauge);

    /// <summary>A total as it was on the last settlement day: a snapshot, never a sign of use.</summary>
    public static readonly Metric WaterVolumeSettlement = new("water.volume.settlement", "m3", MetricKind.Gauge);
    public static readonly Metric GasVolumeSettlement = new("gas.volume.settlement", "m3", MetricKind.Gauge);
    public static readonly Metric HeatVolumeSettlement = new("heat.volume.settlement", "m3", MetricKind.Gauge);
    public static readonly Metric HeatEnergySettlement = new("heat.energy.settlement", "kWh", MetricKind.Gauge);
    public static readonly Metric ElectricityEnergySettlement = new("electricity.energy.settlement", "kWh", MetricKind.Gauge);
    public static readonly Metric DeviceHours = new("device.hours", "h", MetricKind.Cumulative);
    public static readonly Metric PulseCount = new("pulse.count", "count", MetricKind.Cumulative);
    public static readonly Metric Location = new("location", "lat,lon", MetricKind.Location, LifeSign.Travel(0.7f));
    public static readonly Metric LocationAltitude = new("location.altitude", "m", MetricKind.Gauge);
    public static readonly Metric LocationCourse = new("location.course", "deg", MetricKind.Gauge);
    public static readonly Metric LocationSatellites = new("location.satellites", "count", MetricKind.Gauge);
    public static readonly Metric LocationSatellitesInView = new("location.satellites.view", "count", MetricKind.Gauge);
    public static readonly Metric LocationQuality = new("location.quality", "/", MetricKind.Gauge);
    public static readonly Metric LocationHdop = new("location.hdop", "/", MetricKind.Gauge);
    public static readonly Metric LocationPdop = new("location.pdop", "/", MetricKind.Gauge);
    public static readonly Metric LocationVdop = new("location.vdop", "/", MetricKind.Gauge);
    public static readonly Metric LocationGeoid = new("location.geoid", "m", MetricKind.Gauge);
    public static readonly Metric VehicleSpeed = new("vehicle.speed", "m/s", MetricKind.Gauge);
    public static readonly Metric VehicleFuel = new("vehicle.fuel", "l", MetricKind.Gauge);
    public static readonly Metric VehicleIgnition = new("vehicle.ignition", "/", MetricKind.State);
    public static readonly Metric AnalogInput = new("input.analog", "/", MetricKind.Gauge);
    public static readonly Metric VehicleMileage = new("vehicle.mileage", "km", MetricKind.Cumulative);
    public static readonly Metric SignalStrength = new("signal.strength", "/", MetricKind.Gauge);
    public static readonly Metric HeartRate = new("heart.rate", "beat/min", MetricKind.Gauge);
    public static readonly Metric RespirationRate = new("respiration.rate", "/min", MetricKind.Gauge);
    public static readonly Metric BloodOxygen = new("blood.oxygen", "%", MetricKind.Gauge);
    public static readonly Metric BloodPressureSystolic = new(
        "blood.pressure.systolic",
        "mm[Hg]",
        MetricKind.Gauge,
        LifeSign.Measurement(1)
    );
    public static readonly Metric BloodPressureDiastolic = new("blood.pressure.diastolic", "mm[Hg]", MetricKind.Gauge);
    public static readonly Metric BloodGlucose = new("blood.glucose", "mmol/l", MetricKind.Gauge, LifeSign.Measurement(1));
    public static readonly Metric BodyTemperature = new("body.temperature", "Cel", MetricKind.Gauge);
    public static readonly Metric BodyWeight = new("body.weight", "kg", MetricKind.Gauge, LifeSign.Measurement(1));
    public static readonly Metric Steps = new("steps", "count", MetricKind.Cumulative, LifeSign.Steps(0.7f));
    public static readonly Metric AirTemperature = new("air.temperature", "Cel", MetricKind.Gauge);
    public static readonly Metric AirHumidity = new("air.humidity", "%RH", MetricKind.Gauge);
    public static readonly Metric AirPressure = new("air.pressure", "Pa", MetricKind.Gauge);
    public static readonly Metric AirCarbonDioxide = new("air.co2", "ppm", MetricKind.Gauge);
    public static readonly Metric DeviceTemperature = new("device.temperature", "Cel", MetricKind.Gauge);
    public static readonly Metric Illuminance = new("illuminance", "lx", MetricKind.Gauge);
    public static readonly Metric BatteryLevel = new("battery.level", "%", MetricKind.Gauge);
    public static readonly Metric BatteryVoltage = new("battery.voltage", "V", MetricKind.Gauge);
    public static readonly Metric BatteryLow = new("battery.low", "/", MetricKind.State);
    public static readonly Metric SignalRssi = new("signal.rssi", "dBm", MetricKind.Gauge);
    public static readonly Metric SignalSnr = new("signal.snr", "dB", MetricKind.Gauge);
    public static readonly Metric Presence = new("presence", "/", MetricKind.State, LifeSign.Movement(0.5f));
    public static readonly Metric BedOccupied = new("bed.occupied", "/", MetricKind.State, LifeSign.Bed(0.6f));
    public static readonly Metric DoorOpen = new("door.open", "/", MetricKind.State, LifeSign.Door(0.7f));
    public static readonly Metric Smoke = new("smoke", "/", MetricKind.State);
    public static readonly Metric Gas = new("gas", "/", MetricKind.State);
    public static readonly Metric Tamper = new("tamper", "/", MetricKind.State);
    public static readonly Metric PowerLost = new("power.lost", "/", MetricKind.State);
    public static readonly Metric ValveClosed = new("valve.closed", "/", MetricKind.State);
    public static readonly Metric Worn = new("worn", "/", MetricKind.State, LifeSign.Worn(0.7f));
    public static readonly Metric Motion = new("motion", "/", MetricKind.State, LifeSign.Movement(0.5f));
    public static readonly Metric Vibration = new("vibration", "/", MetricKind.State, LifeSign.Movement(0.3f));
    public static readonly Metric SwitchOn = new("switch.on", "/", MetricKind.State, LifeSign.Switch(0.5f));
    public static readonly Metric Online = new("online", "/", MetricKind.State);
    public static readonly Metric Fault = new("fault", "/", MetricKind.State);
    public static readonly Metric Button = new("button", "", MetricKind.Event, LifeSign.Press(1));

    /// <summary>
    /// A key that a device reports as a state: while it is 1, further presses of the device are repetitions of the same one.
    /// </summary>
    public static readonly Metric ButtonHeld = new("button.held", "/", MetricKind.State);
    public static readonly Metric Fall = new("fall", "", MetricKind.Event);
    public static readonly Metric VoiceHelp = new("voice.help", "", MetricKind.Event, LifeSign.Press(1));
    public static readonly Metric DeviceAlarm = new("device.alarm", "", MetricKind.Event);

    private static readonly FrozenDictionary<string, Metric> ByName = Known.ToFrozenDictionary(m => m.Name, StringComparer.Ordinal);

    private static readonly FrozenDictionary<string, Metric>.AlternateLookup<ReadOnlySpan<char>> BySpan = ByName.GetAlternateLookup<
        ReadOnlySpan<char>
    >();

    private Metric(string name, string unit, MetricKind kind, LifeSign life = default)
    {
        Life = life;
        Name = name;
        Unit = unit;
        Kind = kind;
        Index = Known.Count;
        Class = Consents.ClassOf(name);
        EndedBy = Consents.EndingMetric(name);
        Known.Add(this);
    }

    /// <summary>Dotted name, such as <c>water.volume</c>.</summary>
    public string Name { get; }

    /// <summary>Canonical unit of every stored value; <c>/</c> for states and ratios, empty for events.</summary>
    public string Unit { get; }

    public MetricKind Kind { get; }

    /// <summary>
    /// Whether and how strongly a reading tells that somebody lives here and is up. What a device measures by itself at its own times (a
    /// watch's pulse, a room's temperature) tells nothing: it would go on while its wearer lies on the floor.
    /// </summary>
    public LifeSign Life { get; }

    /// <summary>What it says of a person.</summary>
    public DataClass Class { get; }

    /// <summary>Under any of these its readings are neither stored nor judged.</summary>
    public Refusals EndedBy { get; }

    /// <summary>Dense number within this process only, for arrays; never stored.</summary>
    public int Index { get; }

    public static IReadOnlyList<Metric> All => Known;

    public static bool TryParse(string? name, out Metric metric)
    {
        if (name is not null && ByName.TryGetValue(name, out var found))
        {
            metric = found;
            return true;
        }

        metric = null!;
        return false;
    }

    /// <summary>The same without making a string.</summary>
    public static bool TryParse(ReadOnlySpan<char> name, out Metric metric)
    {
        if (BySpan.TryGetValue(name, out var found))
        {
            metric = found;
            return true;
        }

        metric = null!;
        return false;
    }

    /// <exception cref="FormatException">The name is not in the vocabulary.</exception>
    public static Metric Parse(string name) =>
        TryParse(name, out var metric)
            ? metric
            : throw new FormatException($"'{name}' is not a metric; the vocabulary is in src/Model/Metric.cs");

    /// <summary>SOS, fall, smoke, gas and voice help: never waits for a batch, a slow store or a limit (invariant 2).</summary>
    public bool IsLifeSafety =>
        ReferenceEquals(this, Button)
        || ReferenceEquals(this, Fall)
        || ReferenceEquals(this, Smoke)
        || ReferenceEquals(this, Gas)
        || ReferenceEquals(this, VoiceHelp);

    public override string ToString() => Name;
}
