using System.Collections.Frozen;
using System.Text.Json;
using Vigil.Model;

namespace Vigil.Ingest.Decoding.LoRaWan;

/// <summary>
/// Field names that are a model's own: "status" is a press for one, an open door for the next. A model is known from the profile, from the
/// network server (<c>version_ids</c>, the name of the device profile), from the decoder's file or from the object itself; where only its
/// shape tells, the shape is written down. What isn't known here means nothing.
/// </summary>
internal static class ModelNames
{
    private static readonly (string Field, Meaning[] Means)[] Electricity =
    [
        ("vol", [new(Metric.ElectricityVoltage)]),
        ("current", [new(Metric.ElectricityCurrent, "mA")]),
        ("power", [new(Metric.ElectricityPower)]),
        ("energy", [new(Metric.ElectricityEnergy, "Wh")]),
        ("poweroffalarm", [new(Metric.PowerLost)]),
        ("onoff", [new(Metric.SwitchOn)]),
    ];

    // A parking space that is taken is nobody's presence.
    private static readonly (string, Meaning[])[] Parking = [("occupied", []), ("occupancy", [])];

    private static readonly Meaning[] Sos = [new(Metric.Button) { Event = "sos" }],
        Pressed = [new(Metric.Button)],
        Leak = [new(Metric.WaterLeak)],
        Open = [new(Metric.DoorOpen)],
        Moved = [new(Metric.Vibration)],
        Sat = [new(Metric.Presence)];

    // TX_Reason of ELV: "User_Button_Event", "Short App Button Pressed", "Cyclic Timer".
    private static readonly Meaning[] ElvReason = [new(Metric.Button) { Values = [("long", "long"), ("button", "pressed")] }];

    private static readonly (string Models, (string Field, Meaning[] Means)[] Names)[] Table =
    [
        // Browan: one word for all of them.
        ("browan/tbpb100", [("status", Sos)]),
        ("browan/tbdw100", [("status", Open)]),
        ("browan/tbms100", [("status", [new(Metric.Motion)])]),
        ("browan/tbwl100", [("status", Leak)]),
        ("browan/l0010", [("pressure", [])]), // of a gas bottle
        // Netvox names its model in the object.
        ("netvox/r312 netvox/r312a netvox/rb02i", [("alarm", Sos)]),
        ("netvox/r718t netvox/r718t2", [("alarm", Pressed)]),
        ("netvox/rb02b netvox/rb02c", [("key", Pressed)]),
        ("netvox/r311a netvox/r718f netvox/r730f", [("onoff", Open)]),
        ("netvox/r311cc netvox/r718f2 netvox/r718lb2", [("status", Open)]),
        ("netvox/r311cb", [("status1", [new(Metric.DoorOpen) { Channel = "1" }])]),
        ("netvox/r718lb netvox/r730lb", [("status", Open)]),
        (
            "netvox/r718da netvox/r718db netvox/r718mba netvox/r311fa netvox/r730mba netvox/r730da netvox/r730db netvox/r718da2"
                + " netvox/r718db2",
            [("status", Moved)]
        ),
        ("netvox/r720b", [("alarm", Moved)]),
        ("netvox/r311wa", [("status", Sat)]),
        ("netvox/r718waa netvox/r718wba", [("status", Leak)]),
        ("netvox/r720flt", [("faultalarm", [new(Metric.Fault)])]),
        ("netvox/r809a netvox/r816b", Electricity),
        ("netvox/ra10", [("onoff", [new(Metric.SwitchOn)])]),
        ("netvox/rp02", [("voltage", [new(Metric.ElectricityVoltage)]), ("temperature", [new(Metric.DeviceTemperature)])]),
        // Milesight
        (
            "milesight/gs101",
            [
                ("state", [new(Metric.Gas)]),
                (
                    "alarm",
                    [
                        new(Metric.PowerLost) { Values = [("power down", "1"), ("power on", "0")] },
                        new(Metric.Fault) { Values = [("sensor failure", "1"), ("sensor recover", "0")] },
                    ]
                ),
            ]
        ),
        (
            "milesight/ws52x milesight/ws521 milesight/ws523 milesight/ws525",
            [("button", [new(Metric.SwitchOn)]), ("energy", [new(Metric.ElectricityEnergy, "Wh")])]
        ),
        (
            "milesight/am104 milesight/am107 milesight/am307 milesight/am307l milesight/am308 milesight/am308l milesight/am319"
                + " milesight/am319l",
            [("activity", [new(Metric.Motion)])]
        ),
        ("milesight/em300-di", [("pulse", [new(Metric.PulseCount)])]),
        ("milesight/em500-pp", [("pressure", [new(Metric.WaterPressure, "kPa")])]),
        // Dragino: ALARM_status of a tracker is its button; that of a sensor is a limit.
        ("dragino/lgt92", [("alarmstatus", Sos)]),
        ("dragino/trackerd", [("alarmstatus", Sos), ("transport", [new(Metric.Motion) { Values = [("move", "1"), ("still", "0")] }])]),
        ("dragino/lbt1", [("alarm", Sos)]),
        // ELV
        (
            "elv/elv-bm-trx1 elv/elv-lw-gps1 elv/elv-lw-mob elv/elv-lw-omo",
            [
                ("txreason", ElvReason),
                ("accelerated", [new(Metric.Motion)]),
                ("thsensortemperature", [new(Metric.AirTemperature)]),
                ("thsensorhumidity", [new(Metric.AirHumidity)]),
            ]
        ),
        ("elv/elv-lw-int1", [("deviceeventbutton", Pressed)]),
        (
            "elv/elv-lw-esi",
            [
                (
                    "energycounter",
                    [
                        new(Metric.ElectricityEnergyExport) { UnitSaid = true, When = ("consumptiontype", "delivery") },
                        new(Metric.ElectricityEnergy) { UnitSaid = true },
                        new(Metric.GasVolume) { UnitSaid = true },
                    ]
                ),
            ]
        ),
        // Dingtek: in a bin or a drain, what moves is the thing; a bare "battery" is the alarm.
        ("dingtek/dc410", [("motion", Moved), ("battery", [new(Metric.BatteryLow)])]),
        ("dingtek/df530 dingtek/df702", [("battery", [new(Metric.BatteryLow)])]),
        ("dingtek/df556", [("volt", [new(Metric.BatteryVoltage, "cV")])]),
        // Contacts whose use the decoder names or the maker sells them for.
        ("laird/rs1xx-ext-multi-sensor", [("state", [new(Metric.DoorOpen) { When = ("operatingmode", "door sensor") }])]),
        ("arwin-technology/lrs20600", [("inputstatus", Open)]),
        ("arwin-technology/lrs20310", [("event", [new(Metric.WaterLeak) { Values = [("water_leak_alert", "1"), ("", "0")] }])]),
        (
            "arwin-technology/lrs2m001-4xxx",
            [
                ("activeenergy", [new(Metric.ElectricityEnergy) { Channel = "{channel}{phase}" }]),
                ("activepow", [new(Metric.ElectricityPower) { Channel = "{channel}{phase}" }]),
                ("current", [new(Metric.ElectricityCurrent) { Channel = "{channel}{phase}" }]),
                ("phaseav", [new(Metric.ElectricityVoltage) { Channel = "a" }]),
                ("phasebv", [new(Metric.ElectricityVoltage) { Channel = "b" }]),
                ("phasecv", [new(Metric.ElectricityVoltage) { Channel = "c" }]),
            ]
        ),
        (
            "enless-wireless/tx-contact-600-039 enless-wireless/tx-pulse-600 enless-wireless/tx-pulse-atex-600-037"
                + " enless-wireless/tx-pulse-led-600-038 enless-wireless/enlessdecoder",
            [
                ("pulsech1leak", [new(Metric.WaterLeak) { Channel = "1" }]),
                ("pulsech2leak", [new(Metric.WaterLeak) { Channel = "2" }]),
                ("pulseocleak", [new(Metric.WaterLeak) { Channel = "oc" }]),
                ("pulseoc", [new(Metric.PulseCount) { Channel = "oc" }]),
            ]
        ),
        // Sensative: the door's own report says true for closed, the one joined with a temperature true for open.
        (
            "sensative/strips sensative/strips-lora-guard sensative/strips-lora-comfort",
            [("door", [new(Metric.DoorOpen) { Inverted = true, When = ("temperature", "") }, new(Metric.DoorOpen)])]
        ),
        ("moko/lw001-bg moko/lw001-bgpro", [("demolishstate", [new(Metric.Tamper)])]),
        (
            "nexelec/origin-plus nexelec/origin nexelec/guard nexelec/guard-plus",
            [
                (
                    "antiteardetectionstatus",
                    [new(Metric.Tamper) { Values = [("removed", "1"), ("installed", "0"), ("base detected", "0")] }]
                ),
                ("batterylevel", [new(Metric.BatteryLow) { Values = [("low", "1"), ("critical", "1"), ("high", "0"), ("medium", "0")] }]),
            ]
        ),
        (
            "nexelec/sign nexelec/rise nexelec/move nexelec/feel",
            [("batterylevel", [new(Metric.BatteryLow) { Values = [("low", "1"), ("critical", "1"), ("high", "0"), ("medium", "0")] }])]
        ),
        ("te-connectivity/8911ex te-connectivity/89xxex", [("battery", [new(Metric.BatteryLow) { Values = [("ok", "0"), ("low", "1")] }])]),
        ("mclimate/co2-display", [("ppm", [new(Metric.AirCarbonDioxide)])]),
        ("twtg/ds-vb-01-xx twtg/decoder_vb_doc-e_rev-4", [("trigger", [new(Metric.Button) { Values = [("button", "pressed")] }])]),
        ("aquascope/aqs aquascope/bvs", [("valve", [new(Metric.ValveClosed) { Inverted = true }])]),
        ("keller/adt1-box keller/arc1-box keller/keller keller/kellerpayload", [("pbaro", [new(Metric.AirPressure, "bar")])]),
        // Meters
        ("minol-zenner/edc-communication-module", [("metervalues", [new(Metric.WaterVolume, "L")]), ("hwerror", [new(Metric.Fault)])]),
        (
            "b-meters/iwmlr3",
            [
                (
                    "valuecounter",
                    [
                        new(Metric.WaterVolume, "L") { When = ("vif", "13") },
                        new(Metric.WaterVolume, "10L") { When = ("vif", "140") },
                        new(Metric.WaterVolume, "100L") { When = ("vif", "1500") },
                    ]
                ),
                (
                    "flowcounter",
                    [
                        new(Metric.WaterVolumeReverse, "L") { When = ("vif", "13") },
                        new(Metric.WaterVolumeReverse, "10L") { When = ("vif", "140") },
                        new(Metric.WaterVolumeReverse, "100L") { When = ("vif", "1500") },
                    ]
                ),
                (
                    "alarm",
                    [
                        new(Metric.Tamper) { Values = [("0", "1"), ("1", "1"), ("2", "1")] },
                        new(Metric.WaterLeak) { Values = [("3", "1")] },
                        new(Metric.BatteryLow) { Values = [("5", "1")] },
                    ]
                ),
            ]
        ),
        (
            "elvaco/cmi4110 elvaco/cmi4111 elvaco/cmi4130 elvaco/cmi4140 elvaco/cmi4160",
            [
                ("energy", [new(Metric.HeatEnergy)]),
                ("volume", [new(Metric.HeatVolume)]),
                ("power", [new(Metric.HeatPower, "kW")]),
                ("flow", [new(Metric.HeatFlow, "m3/h")]),
                ("flowtemperature", [new(Metric.HeatTemperature) { Channel = "flow" }]),
                ("returntemperature", [new(Metric.HeatTemperature) { Channel = "return" }]),
            ]
        ),
        (
            "adeunis/tic-cbe-linky-mono adeunis/tic-cbe-linky-tri adeunis/tic_cbe_linky_mono_lib adeunis/tic_cbe_linky_tri_lib",
            [
                ("base", [new(Metric.ElectricityEnergy) { UnitSaid = true }]),
                ("hchc", [new(Metric.ElectricityEnergy) { UnitSaid = true, Channel = "hc" }]),
                ("hchp", [new(Metric.ElectricityEnergy) { UnitSaid = true, Channel = "hp" }]),
                ("papp", [new(Metric.ElectricityPowerApparent) { UnitSaid = true }]),
                ("iinst", [new(Metric.ElectricityCurrent) { UnitSaid = true }]),
            ]
        ),
        (
            "adeunis/pulse adeunis/pulse-4 adeunis/pulse-nb-iot adeunis/pulse_lib adeunis/pulse_nbiot_lib",
            [("countervalues", [new(Metric.PulseCount)])]
        ),
        // What the general words would get wrong.
        (
            "bosch/tps110 bosch/tpl110-0292 nwave/nps310sm nwave/nps405 nwave/nps405fm"
                + " tekzitel/tekzipark netvox/r719a dingtek/do200 dingtek/do201 dingtek/do202",
            Parking
        ),
        ("decentlab/dl-dlr2-005", [("voltage", [])]), // its input, not its battery
        ("decentlab/dl-dlr2-002", [("pulsecount", [])]), // of one interval
        (
            "decentlab/dl-dlr2-010",
            [
                ("ch0pulsecount", []),
                ("ch1pulsecount", []),
                ("ch0cumulativepulsecount", [new(Metric.PulseCount) { Channel = "0" }]),
                ("ch1cumulativepulsecount", [new(Metric.PulseCount) { Channel = "1" }]),
            ]
        ),
        (
            "decentlab/dl-pr21 decentlab/dl-pr21-1-10 decentlab/dl-pr26 decentlab/dl-pr26-0-1 decentlab/dl-pr36 decentlab/dl-pr36-8192"
                + " decentlab/dl-pr36ctd decentlab/dl-pr36ctd-8192-1024",
            [("pressure", [new(Metric.WaterPressure, "bar")])]
        ),
        ("ellenex/pts2-l", [("pressure", [])]), // of a pipe, in the unit of its order code
        (
            "imst/ioke868",
            [
                (
                    "value",
                    [
                        new(Metric.ElectricityEnergy)
                        {
                            UnitSaid = true,
                            Channel = "",
                            When = ("obisid", "1_0_1_8_0_255"),
                        },
                        new(Metric.ElectricityEnergy)
                        {
                            UnitSaid = true,
                            Channel = "t1",
                            When = ("obisid", "1_0_1_8_1_255"),
                        },
                        new(Metric.ElectricityEnergy)
                        {
                            UnitSaid = true,
                            Channel = "t2",
                            When = ("obisid", "1_0_1_8_2_255"),
                        },
                        new(Metric.ElectricityEnergyExport)
                        {
                            UnitSaid = true,
                            Channel = "",
                            When = ("obisid", "1_0_2_8_0_255"),
                        },
                    ]
                ),
            ]
        ),
        ("opensource/esp32-paxcounter opensource/esp32-paxcounter-packed", [("voltage", [new(Metric.BatteryVoltage, "mV")])]),
    ];

    /// <summary>
    /// Objects that only one model's decoder writes: all of the fields are there (and, of the first, no others).
    /// </summary>
    private static readonly (string Model, bool Only, string[] Fields)[] Shapes =
    [
        ("browan/tbpb100", true, ["status", "battery", "temperatureboard"]),
        ("dragino/lgt92", false, ["alarmstatus", "md", "lon"]),
        ("elvaco/cmi4140", false, ["energy", "volume", "flowtemperature", "returntemperature"]),
        ("elv/elv-lw-mob", false, ["txreason", "supplyvoltage"]),
        ("tekzitel/tekzipark", false, ["occupied", "parkingid"]),
        ("milesight/gs101", false, ["state", "valve", "relay"]),
        ("b-meters/iwmlr3", false, ["valuecounter", "flowcounter", "vif"]),
        ("laird/rs1xx-ext-multi-sensor", false, ["operatingmode", "state"]),
    ];

    private static readonly FrozenDictionary<string, (string Vendor, Dictionary<string, Meaning[]> Names)> ByModel = Build();

    private static readonly FrozenDictionary<string, (string Vendor, Dictionary<string, Meaning[]> Names)>.AlternateLookup<
        ReadOnlySpan<char>
    > BySpan = ByModel.GetAlternateLookup<ReadOnlySpan<char>>();

    /// <summary>The names of a model; null where it has none of its own.</summary>
    /// <param name="model"><c>vendor/model</c>, or a text in which the model's name is a word; empty where unknown.</param>
    /// <param name="decoded">The decoder's object.</param>
    public static Dictionary<string, Meaning[]>? Of(string model, JsonElement decoded)
    {
        if (decoded.ValueKind != JsonValueKind.Object)
            return null;
        // Netvox: { "Device": "R312", … }.
        if (
            decoded.TryGetProperty("Device", out var named)
            && named.ValueKind == JsonValueKind.String
            && Find("netvox", named.GetString()) is { } own
        )
            return own;
        var slash = model.IndexOf('/', StringComparison.Ordinal);
        if (slash > 0)
        {
            if (Find(model.AsSpan(0, slash), model.AsSpan(slash + 1)) is { } known)
                return known;
        }
        else if (model.Length > 0)
        {
            if (Find("", model) is { } whole)
                return whole;
            foreach (var word in model.AsSpan().SplitAny(' ', ',', '(', ')'))
                if (Find("", model.AsSpan()[word]) is { } known)
                    return known;
        }

        return ByShape(decoded);
    }

    private static Dictionary<string, Meaning[]>? Find(ReadOnlySpan<char> vendor, ReadOnlySpan<char> model)
    {
        if (model.IsEmpty || !BySpan.TryGetValue(model, out var found))
            return null;
        // "milesight" is "milesight-iot" elsewhere.
        return
            vendor.StartsWith(found.Vendor, StringComparison.OrdinalIgnoreCase)
            || found.Vendor.AsSpan().StartsWith(vendor, StringComparison.OrdinalIgnoreCase)
            ? found.Names
            : null;
    }

    private static Dictionary<string, Meaning[]>? ByShape(JsonElement decoded)
    {
        Span<char> buffer = stackalloc char[DecodedNames.LongestKey];
        Span<int> seen = stackalloc int[Shapes.Length];
        seen.Clear();
        var fields = 0;
        foreach (var field in decoded.EnumerateObject())
        {
            fields++;
            var key = DecodedNames.Key(field, buffer);
            if (!key.IsEmpty && ShapeStarts[key[0] & 127, key.Length & 31] && ShapeFields.TryGetValue(key, out var shapes))
                foreach (var shape in shapes)
                    seen[shape]++;
        }

        for (var i = 0; i < Shapes.Length; i++)
            if (seen[i] == Shapes[i].Fields.Length && (!Shapes[i].Only || fields == seen[i]))
                return ByModel[Shapes[i].Model[(Shapes[i].Model.IndexOf('/', StringComparison.Ordinal) + 1)..]].Names;
        return null;
    }

    private static readonly Dictionary<string, int[]>.AlternateLookup<ReadOnlySpan<char>> ShapeFields = Shapes
        .SelectMany((shape, i) => shape.Fields.Select(field => (field, i)))
        .GroupBy(x => x.field)
        .ToDictionary(g => g.Key, g => g.Select(x => x.i).ToArray())
        .GetAlternateLookup<ReadOnlySpan<char>>();

    /// <summary>First letter and length of those fields: most others differ.</summary>
    private static readonly bool[,] ShapeStarts = Starts();

    private static bool[,] Starts()
    {
        var starts = new bool[128, 32];
        foreach (var field in Shapes.SelectMany(s => s.Fields))
            starts[field[0], field.Length] = true;
        return starts;
    }

    private static FrozenDictionary<string, (string, Dictionary<string, Meaning[]>)> Build()
    {
        var all = new Dictionary<string, (string, Dictionary<string, Meaning[]>)>(StringComparer.OrdinalIgnoreCase);
        foreach (var (models, names) in Table)
        {
            var own = names.ToDictionary(n => n.Field, n => n.Means);
            foreach (var model in models.Split(' '))
            {
                var slash = model.IndexOf('/', StringComparison.Ordinal);
                all.Add(model[(slash + 1)..], (model[..slash], own));
            }
        }

        return all.ToFrozenDictionary(StringComparer.OrdinalIgnoreCase);
    }
}
