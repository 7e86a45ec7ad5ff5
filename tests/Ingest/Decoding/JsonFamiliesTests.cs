using System.Text.Json;
using System.Text.RegularExpressions;
using Vigil.Ingest.Decoding;
using Vigil.Ingest.Profiles;
using Vigil.Model;

namespace Vigil.Tests.Ingest.Decoding;

/// <summary>
/// Decodes every payload of the JSON families with its generic profile: each number and flag that the source states becomes a reading of
/// the metric that its name is mapped to here, in our unit. A name that is neither mapped nor listed as unused fails.
/// </summary>
public sealed class JsonFamiliesTests
{
    /// <summary>Name (a regular expression) → metric, channel, factor to our unit. The first match counts.</summary>
    private static readonly (string Family, string Name, string Metric, string Channel, double Factor)[] Means =
    [
        ("tasmota", @"^ENERGY\.Total$", "electricity.energy", "", 1),
        ("tasmota", @"^ENERGY\.ExportActive$", "electricity.energy.export", "", 1),
        ("tasmota", @"^ENERGY\.Power$", "electricity.power", "", 1),
        ("tasmota", @"^ENERGY\.ApparentPower$", "electricity.power.apparent", "", 1),
        ("tasmota", @"^ENERGY\.ReactivePower$", "electricity.power.reactive", "", 1),
        ("tasmota", @"^ENERGY\.Factor$", "electricity.power.factor", "", 1),
        ("tasmota", @"^ENERGY\.Voltage$", "electricity.voltage", "", 1),
        ("tasmota", @"^ENERGY\.Current$", "electricity.current", "", 1),
        ("tasmota", @"^ENERGY\.CurrentNeutral$", "electricity.current", "n", 1),
        ("tasmota", @"^ENERGY\.Frequency$", "electricity.frequency", "", 1),
        ("tasmota", @"^TIC\.PAPP$", "electricity.power.apparent", "", 1),
        ("tasmota", @"^ANALOG\.A0$", "input.analog", "A0", 1),
        ("tasmota", "^online$", "online", "", 1),
        ("shelly", "^([abc])_act_power$", "electricity.power", "$1", 1),
        ("shelly", "^([abc])_aprt_power$", "electricity.power.apparent", "$1", 1),
        ("shelly", "^([abcn])_current$", "electricity.current", "$1", 1),
        ("shelly", "^([abc])_pf$", "electricity.power.factor", "$1", 1),
        ("shelly", "^([abc])_voltage$", "electricity.voltage", "$1", 1),
        ("shelly", "^([abc])_freq$", "electricity.frequency", "$1", 1),
        ("shelly", "^([abc])_total_act_energy$", "electricity.energy", "$1", 0.001),
        ("shelly", "^([abc])_total_act_ret_energy$", "electricity.energy.export", "$1", 0.001),
        ("shelly", "^total_act_power$", "electricity.power", "", 1),
        ("shelly", "^total_aprt_power$", "electricity.power.apparent", "", 1),
        ("shelly", "^total_current$", "electricity.current", "", 1),
        ("shelly", "^total_act$", "electricity.energy", "", 0.001),
        ("shelly", "^total_act_ret$", "electricity.energy.export", "", 0.001),
        ("shelly", "^total_act_energy$", "electricity.energy", "*", 0.001),
        ("shelly", "^total_act_ret_energy$", "electricity.energy.export", "*", 0.001),
        ("shelly", @"^aenergy\.total$", "electricity.energy", "*", 0.001),
        ("shelly", "^(energy_total|import_energy)$", "electricity.energy", "*", 1),
        ("shelly", @"^meters\.0\.power$|^(a?power)$", "electricity.power", "*", 1),
        ("shelly", @"^meters\.0\.total$", "electricity.energy", "0", 1 / 60_000.0),
        ("shelly", "^total$", "electricity.energy", "0", 0.001),
        ("shelly", "^voltage$", "electricity.voltage", "*", 1),
        ("shelly", "^current$", "electricity.current", "*", 1),
        ("shelly", "^freq$", "electricity.frequency", "*", 1),
        ("shelly", "^pf$", "electricity.power.factor", "*", 1),
        ("shelly", "^output$", "switch.on", "*", 1),
        ("shelly", "^temperature$", "device.temperature", "", 1),
        ("zigbee2mqtt", "^ac_frequency$", "electricity.frequency", "", 1),
        ("zigbee2mqtt", "^battery$", "battery.level", "", 1),
        ("zigbee2mqtt", "^battery_low$", "battery.low", "", 1),
        ("zigbee2mqtt", "^door_open$", "door.open", "", 1),
        ("zigbee2mqtt", "^current$", "electricity.current", "", 1),
        ("zigbee2mqtt", "^(current|power|voltage)_phase_([bc])$", "electricity.$1", "$2", 1),
        ("zigbee2mqtt", "^power_(apparent|reactive|factor)_phase_([bc])$", "electricity.power.$1", "$2", 1),
        ("zigbee2mqtt", "^current_neutral$", "electricity.current", "n", 1),
        ("zigbee2mqtt", "^device_temperature$", "device.temperature", "", 1),
        ("zigbee2mqtt", "^energy$", "electricity.energy", "", 1),
        ("zigbee2mqtt", "^gas$", "gas", "", 1),
        ("zigbee2mqtt", "^illuminance(_lux)?$", "illuminance", "", 1),
        ("zigbee2mqtt", "^linkquality$", "signal.strength", "", 1),
        ("zigbee2mqtt", "^occupancy$", "motion", "", 1),
        ("zigbee2mqtt", "^online$", "online", "", 1),
        ("zigbee2mqtt", "^power$", "electricity.power", "", 1),
        ("zigbee2mqtt", "^power_(apparent|factor|reactive)$", "electricity.power.$1", "", 1),
        ("zigbee2mqtt", "^presence$", "presence", "", 1),
        ("zigbee2mqtt", "^smoke$", "smoke", "", 1),
        ("zigbee2mqtt", "^state$", "switch.on", "", 1),
        ("zigbee2mqtt", "^tamper$", "tamper", "", 1),
        ("zigbee2mqtt", "^temperature$", "air.temperature", "", 1),
        ("zigbee2mqtt", "^voltage$", "battery.voltage|electricity.voltage", "", 0),
        ("zigbee2mqtt", "^water_leak$", "water.leak", "", 1),
        ("wmbusmeters", "^total_m3$", "water.volume|gas.volume|heat.volume", "", 1),
        ("wmbusmeters", "^total_forward_m3$", "water.volume", "forward", 1),
        ("wmbusmeters", "^total_backward.*m3$", "water.volume.reverse", "", 1),
        ("wmbusmeters", "^(volume_|current_)?flow_m3h$", "water.flow", "", 1 / 3600.0),
        ("wmbusmeters", "^flow_temperature_c$", "water.temperature", "", 1),
        ("wmbusmeters", "^temperature_c$", "air.temperature", "", 1),
        ("wmbusmeters", "^(a_counter|pulse_input_counter)$", "pulse.count", "a", 1),
        ("wmbusmeters", "^b_counter$", "pulse.count", "b", 1),
        ("wmbusmeters", "^battery_pct$", "battery.level", "", 1),
        ("wmbusmeters", "^voltage_v$", "battery.voltage", "", 1),
        (
            "wmbusmeters",
            "^(total_energy_consumption|total|positive_total_active_energy|total_active_positive_3phase)_kwh$",
            "electricity.energy",
            "",
            1
        ),
        ("wmbusmeters", @"^total_energy_consumption_(l\d)_kwh$", "electricity.energy", "$1", 1),
        (
            "wmbusmeters",
            @"^(?:total_energy_consumption_tariff_?|positive_tariff|total_tariff_)(\d)_(?:active_energy_)?kwh$",
            "electricity.energy",
            "t$1",
            1
        ),
        ("wmbusmeters", "^(total_energy_production|negative_total_active_energy)_kwh$", "electricity.energy.export", "", 1),
        ("wmbusmeters", @"^negative_tariff(\d)_active_energy_kwh$", "electricity.energy.export", "t$1", 1),
        (
            "wmbusmeters",
            "^(current_power_consumption|power|active_consumption|active_power_overall|three_phase_total_active_power"
                + "|active_positive_3phase)_kw$",
            "electricity.power",
            "",
            1000
        ),
        ("wmbusmeters", "^(current_power_production|active_negative_3phase)_kw$", "electricity.power.export", "", 1000),
        (
            "wmbusmeters",
            @"^(?:current_power_consumption_phase|active_power_at_phase_|active_power_l|active_consumption_l|power_l)(\d)_kw$",
            "electricity.power",
            "l$1",
            1000
        ),
        (
            "wmbusmeters",
            @"^reactive_power_(?:at_phase_|l)(\d)_kw$|^reactive_power_l(\d)_kvar$",
            "electricity.power.reactive",
            "l$1$2",
            1000
        ),
        (
            "wmbusmeters",
            "^(reactive_consumption_kw|reactive_power_overall_kw|three_phase_total_reactive_power_kvar|reactive_positive_3phase_kw)$",
            "electricity.power.reactive",
            "",
            1000
        ),
        ("wmbusmeters", "^reactive_negative_3phase_kw$", "electricity.power.reactive", "negative", 1000),
        ("wmbusmeters", @"^apparent_power_l(\d)_kva$", "electricity.power.apparent", "l$1", 1000),
        ("wmbusmeters", "^(apparent_consumption_kw|three_phase_total_apparent_power_kva)$", "electricity.power.apparent", "", 1000),
        ("wmbusmeters", @"^voltage_at_phase_(\d)_v$|^voltage_l?(\d)_n_v$", "electricity.voltage", "l$1$2", 1),
        ("wmbusmeters", "^voltage_average_ln_v$", "electricity.voltage", "", 1),
        ("wmbusmeters", @"^voltage_l?(\d)_l?(\d)_v$", "electricity.voltage", "l$1l$2", 1),
        ("wmbusmeters", "^voltage_average_ll_v$", "electricity.voltage", "ll", 1),
        ("wmbusmeters", @"^amperage_at_phase_(\d)_a$|^current_l(\d)_a$", "electricity.current", "l$1$2", 1),
        ("wmbusmeters", "^current_average_a$", "electricity.current", "", 1),
        ("wmbusmeters", "^current_in_neutral_a$", "electricity.current", "n", 1),
        ("wmbusmeters", "^frequency_hz$", "electricity.frequency", "", 1),
        ("wmbusmeters", "^power_factor$", "electricity.power.factor", "", 1),
        ("wmbusmeters", @"^at_phase_(\d)_power_factor$", "electricity.power.factor", "l$1", 1),
        (
            "wmbusmeters",
            "^(total_reactive_energy_consumption|positive_total_reactive_energy)_kvarh$|^total_reactive_positive_3phase_kwh$",
            "electricity.energy.reactive",
            "",
            1
        ),
        (
            "wmbusmeters",
            "^(total_reactive_energy_production|negative_total_reactive_energy)_kvarh$",
            "electricity.energy.reactive",
            "export",
            1
        ),
        (
            "wmbusmeters",
            @"^positive_tariff(\d)_reactive_energy_kvarh$|^total_reactive_tariff_(\d)_kwh$",
            "electricity.energy.reactive",
            "t$1$2",
            1
        ),
        ("wmbusmeters", @"^negative_tariff(\d)_reactive_energy_kvarh$", "electricity.energy.reactive", "export-t$1", 1),
        ("wmbusmeters", "^total_apparent_energy_consumption_kvah$", "electricity.energy.apparent", "", 1),
        ("wmbusmeters", "^total_apparent_energy_production_kvah$", "electricity.energy.apparent", "export", 1),
        (
            "wmbusmeters",
            "^(target_m3|consumption_at_set_date_m3|total_at_set_date_m3|consumption_at_reporting_date_m3)$",
            "water.volume.settlement|gas.volume.settlement|heat.volume.settlement",
            "",
            1
        ),
        ("wmbusmeters", "^(operating_time|on_time)_h$", "device.hours", "", 1),
    ];

    /// <summary>Names, by family, whose values no rule, page or reader of readings uses.</summary>
    private static readonly Dictionary<string, string> Unused = new()
    {
        // Totals of a day or of one message, times, the meter's own texts; what a node behind a radio bridge sends needs that node's
        // layout.
        ["tasmota"] = @"^ENERGY\.(TotalStartTime|Yesterday|Today|Period|Load)$|^Time$|^time_utc$|^(button|payload_hex|f_port)$",
        // counts belong to the relay, event_cnt only tells repeated events apart, ppm is no state.
        ["shelly"] = @"^counts\.|^event_cnt$|^(concentration|sensor_state|return_energy)$",
        // contact is the opposite of door_open. Left out: settings of a radar and the distance of a person (which doesn't say that somebody
        // is there), densities that an alarm bit already judges, the device's own clock.
        ["zigbee2mqtt"] =
            "^(contact$|breath_|move_|small_move_|detection_|fading_|none_delay|radar_|maximum_|minimum_|enable_|indicator|installation_"
            + "|sensitivity|target_distance|gas_density|smoke_density|device_time|power_outage_count|presence_state|sensor_status)",
        // Left out: totals of past months, versions, dates, flags in the meter's own words, counters of its tests, settings of transformers
        // and pulses.
        ["wmbusmeters"] =
            @"_date(_\d+)?$|_datetime$|^date|history|_months_ago_|consumption_at_set_date_\d+|historic|_version$|^version$|status|error"
            + "|_counter$|_id$|_no$|_nr$|fraud|^media$|^customer$|^location|^manufacturer$|^digital_|^unknown|^time_|_y$|_mode$|_unit$"
            + @"|_level$|^contents$|obstacle|last_month|max_flow|_s$|partial|duration|set_date_\d|some_sort|_period_|forward_at"
            + "|backward_at|target_year",
    };

    private static readonly Lazy<ProfileSet> Profiles = new(() =>
    {
        var problems = new List<Problem>();
        var set = ProfileSet.Load(Path.Combine(AppContext.BaseDirectory, "devices"), problems);
        Assert.Empty(problems);
        return set!;
    });

    public static TheoryData<string, string> All =>
        [
            .. new[] { "tasmota", "shelly", "zigbee2mqtt", "wmbusmeters" }.SelectMany(f =>
                Vector.Of(f).Where(v => !v.Negative).Select(v => (f, v.Id))
            ),
        ];

    public static TheoryData<string> Gateways => Vector.Ids("cn_gateway_json");

    [Theory, MemberData(nameof(Gateways))]
    public void A_Chinese_gateways_payload_says_what_its_source_states(string id)
    {
        var v = Vector.Find("cn_gateway_json", id);
        var into = new DecodedPayload();
        into.Reset("", Outcome.Received);
        var reason = Profiles.Value.Find("cn-gateway")!.Decoder.Decode(v.Bytes, v.Topic, into);
        if (v.Text("data_hex") is not null)
        {
            Assert.Contains("no whole DL/T 645 frame", reason?.En, StringComparison.Ordinal);
            return;
        }

        Assert.Null(reason);
        foreach (
            var (name, metric) in new[]
            {
                ("energy_total", Metric.ElectricityEnergy),
                ("energy_export", Metric.ElectricityEnergyExport),
                ("voltage", Metric.ElectricityVoltage),
                ("current", Metric.ElectricityCurrent),
                ("active_power_raw", Metric.ElectricityPower),
                ("rssi", Metric.SignalStrength),
            }
        )
            if (v.Number(name) is { } want)
                Assert.Equal(want, Assert.Single(into.Readings, r => r.Metric == metric).Value, 1e-9);
        foreach (var name in new[] { "imei", "serial", "dlt645.address" })
            if (v.Text(name) is { } device)
                Assert.Equal(device, into.Device);
        // 42949066.16 is a negative number that was read as unsigned
        Assert.DoesNotContain(into.Readings, r => r.Metric == Metric.ElectricityPowerReactive);
        Assert.DoesNotContain(into.Readings, r => r.Metric == Metric.Location); // "0", "0" is no position
    }

    [Theory, MemberData(nameof(All))]
    public void A_payload_says_what_its_source_states(string family, string id)
    {
        var v = Vector.Find(family, id);
        var profile = Profiles.Value.Find(
            v.Format == "shelly-gen1" ? "shelly-gen1"
            : family == "shelly" ? "shelly-gen2"
            : family
        )!;
        var into = new DecodedPayload();
        into.Reset(profile.DeviceFromTopic(v.Topic), Outcome.Received);
        Assert.Null(profile.Decoder.Decode(v.Bytes, v.Topic, into));
        foreach (var name in v.Names)
        {
            if (
                v[name] is not { } want
                || want.ValueKind is not (JsonValueKind.Number or JsonValueKind.True or JsonValueKind.False or JsonValueKind.Array)
            )
                continue;
            var rule = Array.Find(Means, m => m.Family == family && Regex.IsMatch(name, m.Name));
            if (rule.Family is null)
            {
                Assert.True(Regex.IsMatch(name, Unused[family]), $"'{name}' = {want} has no metric and is not among the unused");
                continue;
            }

            var metrics = Regex.Match(name, rule.Name).Result(rule.Metric).Split('|');
            var channel = Regex.Match(name, rule.Name).Result(rule.Channel);
            var numbers =
                want.ValueKind == JsonValueKind.Array
                    ? want.EnumerateArray().Select(e => e.GetDouble()).ToList()
                    :
                    [
                        want.ValueKind == JsonValueKind.Number ? want.GetDouble()
                        : want.ValueKind == JsonValueKind.True ? 1
                        : 0,
                    ];
            for (var i = 0; i < numbers.Count; i++)
            {
                var at = numbers.Count > 1 ? $"{i + 1}" : channel;
                // zigbee2mqtt's voltage is in V for a plug and in mV for a battery.
                double[] values = rule.Factor == 0 ? [numbers[i], numbers[i] / 1000] : [numbers[i] * rule.Factor];
                Assert.True(
                    into.Readings.Any(r =>
                        metrics.Contains(r.Metric.Name)
                        && (at == "*" || r.Channel == at)
                        && values.Any(n => Math.Abs(r.Value - n) <= 1e-9 + Math.Abs(n) * 1e-9)
                    ),
                    $"{name} = {numbers[i]}: no {string.Join(" or ", metrics)} [{at}] among "
                        + $"{string.Join(", ", into.Readings.Select(r => $"{r.Metric}[{r.Channel}]={r.Value}"))}"
                );
            }
        }
    }
}
