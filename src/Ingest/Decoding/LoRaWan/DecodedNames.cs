using System.Collections.Concurrent;
using System.Collections.Frozen;
using System.Runtime.InteropServices;
using System.Text.Json;
using Vigil.Model;

namespace Vigil.Ingest.Decoding.LoRaWan;

/// <summary>
/// Field names that mean the same whichever decoder writes them. A name whose meaning differs between models is in
/// <see cref="ModelNames"/>; a total without a unit (volume, energy) gives a reading only where a unit stands beside it or in its name: a
/// wrong unit is worse than none. <c>docs/lorawan.md</c> tells what is left unread.
/// </summary>
internal static class DecodedNames
{
    /// <summary>Longer names are none of ours.</summary>
    public const int LongestKey = 64;

    private static readonly FrozenDictionary<string, Meaning[]> Fields = Build();

    private static readonly FrozenDictionary<string, Meaning[]>.AlternateLookup<ReadOnlySpan<char>> BySpan = Fields.GetAlternateLookup<
        ReadOnlySpan<char>
    >();

    /// <summary>Units at the end of a name (<c>volume_m3</c>, <c>battery_mv</c>), the longer before those they end with.</summary>
    private static readonly (string End, string Unit)[] UnitEnds =
    [
        ("percentage", "%"),
        ("percent", "%"),
        ("celsius", "Cel"),
        ("liters", "L"),
        ("litres", "L"),
        ("liter", "L"),
        ("degc", "Cel"),
        ("mbar", "mbar"),
        ("kwh", "kWh"),
        ("mwh", "MWh"),
        ("hpa", "hPa"),
        ("kpa", "kPa"),
        ("mpa", "MPa"),
        ("bar", "bar"),
        ("pct", "%"),
        ("perc", "%"),
        ("ppm", "ppm"),
        ("lux", "lx"),
        ("wh", "Wh"),
        ("pa", "Pa"),
        ("mv", "mV"),
        ("ma", "mA"),
        ("kw", "kW"),
        ("m3", "m3"),
        ("v", "V"),
        ("a", "A"),
        ("w", "W"),
        ("l", "L"),
        ("c", "Cel"),
    ];

    /// <summary>
    /// Finds a name, also one with a unit or a number behind it: the probes WaterLeak_1 and WaterLeak_2 are two channels.
    /// </summary>
    /// <param name="key">The name as <see cref="Key"/> writes it.</param>
    /// <param name="own">The model's own names, which come first; null where the model has none.</param>
    /// <param name="found">Its meanings; empty where the model says that it has none.</param>
    /// <param name="unit">The unit that the name ends with; empty where it has none.</param>
    /// <param name="number">The number behind the name.</param>
    public static bool TryFind(
        ReadOnlySpan<char> key,
        Dictionary<string, Meaning[]>? own,
        out Meaning[] found,
        out string unit,
        out ReadOnlySpan<char> number
    )
    {
        if (own is not null)
            return TrySearch(key, own, out found, out unit, out number);
        // The same names come again and again; most are none of ours.
        if (!Met.GetAlternateLookup<ReadOnlySpan<char>>().TryGetValue(key, out var met))
        {
            var known = TrySearch(key, null, out found, out unit, out number);
            met = new Resolved(known, found, unit, number.Length);
            if (Met.Count < MostMet)
                Met.TryAdd(key.ToString(), met);
        }

        found = met.Found;
        unit = met.Unit;
        number = met.Digits > 0 ? key[^met.Digits..] : default;
        return met.Known;
    }

    private const int MostMet = 4096;

    private static readonly ConcurrentDictionary<string, Resolved> Met = new(StringComparer.Ordinal);

    private sealed record Resolved(bool Known, Meaning[] Found, string Unit, int Digits);

    private static bool TrySearch(
        ReadOnlySpan<char> key,
        Dictionary<string, Meaning[]>? own,
        out Meaning[] found,
        out string unit,
        out ReadOnlySpan<char> number
    )
    {
        unit = "";
        number = default;
        if (TryName(key, own, out found))
            return true;
        var bare = key.TrimEnd("0123456789");
        if (bare.Length < key.Length && TryName(bare, own, out found))
        {
            number = key[bare.Length..];
            return true;
        }

        foreach (var (end, named) in UnitEnds)
        {
            var stem =
                key.EndsWith(end, StringComparison.Ordinal) ? key
                : bare.EndsWith(end, StringComparison.Ordinal) ? bare
                : default;
            if (stem.IsEmpty || !TryName(stem[..^end.Length], own, out found) || !Array.Exists(found, m => m.Takes(named)))
                continue;
            unit = named;
            number = key[stem.Length..];
            return true;
        }

        found = [];
        return false;
    }

    private static bool TryName(ReadOnlySpan<char> name, Dictionary<string, Meaning[]>? own, out Meaning[] found) =>
        (own is not null && own.GetAlternateLookup<ReadOnlySpan<char>>().TryGetValue(name, out found!))
        || BySpan.TryGetValue(name, out found!);

    /// <summary>
    /// A name in lower case without separators: Water_Leak and waterLeak are the same. Empty for a name that is too long.
    /// </summary>
    public static ReadOnlySpan<char> Key(JsonProperty field, Span<char> into)
    {
        var raw = JsonMarshal.GetRawUtf8PropertyName(field);
        if (raw.Contains((byte)'\\'))
            return Key(field.Name, into);
        var length = 0;
        foreach (var b in raw)
        {
            if (!char.IsAsciiLetterOrDigit((char)b))
                continue;
            if (length == into.Length)
                return default;
            into[length++] = (char)(b is >= (byte)'A' and <= (byte)'Z' ? b | 0x20 : b);
        }

        return into[..length];
    }

    public static ReadOnlySpan<char> Key(ReadOnlySpan<char> name, Span<char> into)
    {
        var length = 0;
        foreach (var c in name)
        {
            if (!char.IsAsciiLetterOrDigit(c))
                continue;
            if (length == into.Length)
                return default;
            into[length++] = char.ToLowerInvariant(c);
        }

        return into[..length];
    }

    private static FrozenDictionary<string, Meaning[]> Build()
    {
        var fields = new Dictionary<string, Meaning[]>();
        void Add(string names, params Meaning[] meanings)
        {
            foreach (var name in names.Split(' ', StringSplitOptions.RemoveEmptyEntries))
                fields.Add(name, meanings);
        }

        // Calls for help and presses.
        Add(
            "sos sosevent sosalarm sosstatus emergency emergencyalarm panic panicalarm panicbutton",
            new Meaning(Metric.Button) { Event = "sos" }
        );
        Add("button buttonevent buttonpress buttonpressed press pushbutton pushbuttonaction", new Meaning(Metric.Button));
        Add("fall falldetected mandown", new Meaning(Metric.Fall) { Event = "fall" });
        // An alarm is a call for help only where it says so: that of a socket or of an air sensor isn't one.
        Add(
            "alarm",
            new Meaning(Metric.Button) { Values = [("sos", "sos"), ("panic", "sos"), ("emergency", "sos")] },
            new Meaning(Metric.Fall) { Values = [("fall", "fall")] }
        );

        // Smoke, gas, leak.
        Add("smoke smokestatus smokealarm smokedetected firealarm alarmfire fire", new Meaning(Metric.Smoke));
        // A number under these is a concentration.
        Add("gas co carbonmonoxide", new Meaning(Metric.Gas) { TextOnly = true });
        Add("gasstatus gasalarm gasleak gasleakage gasdetected coalarm costatus codetected", new Meaning(Metric.Gas));
        Add(
            "waterleak waterleakage waterleakstatus waterleakalarm waterleakdetected waterdetected leak leakage leakagestatus leakstatus"
                + " leakalarm leakdetected tankleakalarm flood floodstatus floodalarm flooddetected burst burstalarm",
            new Meaning(Metric.WaterLeak)
        );
        Add("water", new Meaning(Metric.WaterLeak) { TextOnly = true });
        // ELV: drops are a leak of their own beside the puddle.
        Add("moisture", new Meaning(Metric.WaterLeak) { TextOnly = true, Channel = "moisture" });

        // Doors, motion, presence, tamper.
        Add("door doorstatus dooropen dooropenstatus doorstate doorwindow magnet magnetstatus", new Meaning(Metric.DoorOpen));
        Add("motion motionstatus motionstate motiondetected motioneventcount pir pirstatus pirstate", new Meaning(Metric.Motion));
        Add("presence presencedetected presencedetectedwhensending occupancy occupied occupy", new Meaning(Metric.Presence));
        Add("bedoccupied", new Meaning(Metric.BedOccupied));
        Add("worn", new Meaning(Metric.Worn));
        Add(
            "tamper tamperstatus tamperstate tamperalarm tamperreport boxtamper disassembledalarm removaldetection",
            new Meaning(Metric.Tamper)
        );
        Add("shockevent accelerationalarm vibration", new Meaning(Metric.Vibration));
        Add("inmovement ismovement", new Meaning(Metric.Motion));
        Add("socketstatus", new Meaning(Metric.SwitchOn));
        Add("valve", new Meaning(Metric.ValveClosed) { TextOnly = true, Values = [("clos", "1"), ("open", "0")] });

        // Batteries. Without a unit, the range tells volts from millivolts.
        Meaning percent = new(Metric.BatteryLevel) { Whole = true },
            volts = new(Metric.BatteryVoltage),
            millivolts = new(Metric.BatteryVoltage, "mV");
        Add("battery bat batt batterylevel batlevel battlevel", percent, volts, millivolts);
        Add(
            "batteryvoltage batvoltage battvoltage batteryvol batteryvolt battvolt volt vbat vbatt supplyvoltage systemvoltage"
                + " storagevoltage disposablebatteryvoltage rechargeablebatteryvoltage batteryvoltagelevel",
            volts,
            millivolts
        );
        Add("vdd batteryactive", millivolts);
        Add(
            "batterypercent batterypercentage batteryperc batterycapacity batterycapacitypercentage batterymain batterylifetime"
                + " rembattcapacitysensor backupbatt",
            new Meaning(Metric.BatteryLevel)
        );
        Add(
            "batterylow lowbattery alarmbattery batteryalarm lowbatteryalarm batteryendoflife lowsupplyvoltage energystoragelow",
            new Meaning(Metric.BatteryLow)
        );
        Add("batterytransducer", new Meaning(Metric.BatteryLevel) { Channel = "transducer" });
        Add("goodbattery batteryok", new Meaning(Metric.BatteryLow) { Inverted = true });
        // Dragino: ultra low, low, OK, good.
        Add("batstatus", new Meaning(Metric.BatteryLow) { Values = [("0", "1"), ("1", "1"), ("2", "0"), ("3", "0")] });
        Add("batteryhealth", new Meaning(Metric.BatteryLow) { Values = [("normal", "0"), ("good", "0"), ("low", "1"), ("bad", "1")] });
        Add("voltage", volts, new Meaning(Metric.ElectricityVoltage), millivolts, new Meaning(Metric.ElectricityVoltage, "mV"));

        // Meters.
        Add("totalvolume", new Meaning(Metric.WaterVolume, "L")); // Quandify CubicMeter
        Add("volume currentvolume watervolume watertotal total metervolume", Total(Metric.WaterVolume));
        Add("gasvolume", Total(Metric.GasVolume));
        Add("reversevolume volumereverse backflowvolume", Total(Metric.WaterVolumeReverse));
        Add("energy activeenergy totalenergy activeenergyimport energyimport", Total(Metric.ElectricityEnergy));
        Add("activeenergyexport energyexport", Total(Metric.ElectricityEnergyExport));
        Add("activeenergyimportt", Total(Metric.ElectricityEnergy) with { Channel = "t#" });
        Add("activeenergyexportt", Total(Metric.ElectricityEnergyExport) with { Channel = "t#" });
        Add("reactiveenergyimportt", Total(Metric.ElectricityEnergyReactive) with { Channel = "t#" });
        Add("reactiveenergyexportt", Total(Metric.ElectricityEnergyReactive) with { Channel = "export t#" });
        Add("heatenergy", Total(Metric.HeatEnergy));
        Add("pulseabs pulsecount pulsecounter cumulativepulsecount", new Meaning(Metric.PulseCount));
        Add("pulsech", new Meaning(Metric.PulseCount));
        Add("activepower", new Meaning(Metric.ElectricityPower));
        Add("power", new Meaning(Metric.ElectricityPower) { UnitSaid = true });
        Add("powerconsumption", new Meaning(Metric.ElectricityEnergy, "Wh")); // Milesight sockets
        Add("voltagev", new Meaning(Metric.ElectricityVoltage));
        Add("current", new Meaning(Metric.ElectricityCurrent) { UnitSaid = true });

        // Air and light.
        Add(
            "temperature temp airtemperature ambienttemperature ambienttemp sensortemperature roomtemperature externaltemperature tempcsht"
                + " tempcds",
            new Meaning(Metric.AirTemperature)
        );
        Add("watertemperature watertemp", new Meaning(Metric.WaterTemperature));
        Add(
            "temperatureboard mcutemperature onboardtemperature ictemperature cputemp devicetemperature",
            new Meaning(Metric.DeviceTemperature)
        );
        Add("humidity humi humsht relativehumidity airhumidity", new Meaning(Metric.AirHumidity));
        Add("co2 co2concentration co2pressurecompensated", new Meaning(Metric.AirCarbonDioxide));
        Add(
            "pressure airpressure barometricpressure atmosphericpressure ambientpressure",
            new Meaning(Metric.AirPressure, "hPa"),
            new Meaning(Metric.AirPressure),
            new Meaning(Metric.AirPressure, "kPa"),
            new Meaning(Metric.AirPressure, "bar")
        );
        Add("illuminance illumination light lux", new Meaning(Metric.Illuminance));

        // Health.
        Add("heartrate", new Meaning(Metric.HeartRate));
        Add("spo2", new Meaning(Metric.BloodOxygen));
        Add("steps stepcount", new Meaning(Metric.Steps));
        Add("respirationrate", new Meaning(Metric.RespirationRate));
        Add("bodytemperature", new Meaning(Metric.BodyTemperature));
        return fields.ToFrozenDictionary(StringComparer.Ordinal);
    }

    private static Meaning Total(Metric metric) => new(metric) { UnitSaid = true };
}
