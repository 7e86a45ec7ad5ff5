using System.Globalization;
using System.Text.Json;
using Vigil.Ingest.Decoding;
using Vigil.Ingest.Profiles;
using Vigil.Model;

namespace Vigil.Tests.Ingest.Decoding.LoRaWan;

/// <summary>
/// Decodes every codec vector with the profile of its model: each value that the source states and that has a metric becomes a reading; for
/// the others the lists below give the reason.
/// </summary>
public sealed class LoRaWanVectorTests
{
    private const string Family = "lorawan_codec";

    /// <summary>
    /// Beginning of the codec's name, field (a trailing * stands for any ending), metric[channel], and a factor or the source's word for
    /// the value.
    /// </summary>
    private const string Meanings = """
        adeunis/pulse      bytes.counterValues              pulse.count[a]                    1
        adeunis/           bytes.status.lowBattery          battery.low                       1
        adeunis/tic        bytes.status.readError           fault                             1
        adeunis/tic        bytes.EAP_s                      electricity.energy                1
        adeunis/tic        bytes.ER+P_s                     electricity.energy.reactive       1
        adeunis/tic        bytes.EaP-1_s                    electricity.energy.settlement     1
        minol-zenner/      meter_values                     water.volume                      0.001
        minol-zenner/      battery_low                      battery.low                       1
        minol-zenner/      removal_detection                tamper                            1
        minol-zenner/      hw_error                         fault                             1
        elv/elv-lw-esi     Supply_Voltage                   battery.voltage                   0.001
        elv/elv-lw-gps1    Supply_Voltage                   battery.voltage                   0.001
        elv/               Supply_Voltage                   battery.voltage                   1
        elv/elv-lw-swd     Moisture                         water.leak                        1
        elv/elv-lw-swd     Error_Msg                        fault                             1
        arwin-technology/lrs2m001-4xxx  current             electricity.current[*]            1
        arwin-technology/lrs2m001-4xxx  active_pow          electricity.power[*]              1
        arwin-technology/lrs2m001-4xxx  power_factor        electricity.power.factor[*]       1
        arwin-technology/lrs2m001-4xxx  active_energy       electricity.energy[*]             1
        arwin-technology/lrs20310  event                    water.leak                        water_leak_alert=1
        iot-factory/       battery_pct                      battery.level                     1
        enless-wireless/   values.pulse_ch1                 pulse.count[1]                    1
        enless-wireless/   values.pulse_ch2                 pulse.count[2]                    1
        enless-wireless/   values.pulse_oc                  pulse.count[oc]                   1
        enless-wireless/   alarm_status.pulse_ch1_leak      water.leak[1]                     1
        enless-wireless/   alarm_status.pulse_ch2_leak      water.leak[2]                     1
        enless-wireless/   alarm_status.pulse_oc_leak       water.leak[oc]                    1
        elvaco/            energy                           heat.energy                       1
        elvaco/            volume                           heat.volume                       1
        elvaco/            power                            heat.power                        1000
        elvaco/            flow                             heat.flow                         0.000277777777778
        elvaco/            flow_temperature                 heat.temperature[flow]            1
        elvaco/            return_temperature               heat.temperature[return]          1
        elvaco/            error_flag                       fault                             10000=1
        netvox/            Volt                             battery.voltage                   1
        netvox/r809a       OnOff                            switch.on                         ON=1|OFF=0
        netvox/r809a       Energy                           electricity.energy                0.001
        netvox/r809a       PowerOffAlarm                    power.lost                        No alarm=0
        netvox/r809a       Vol                              electricity.voltage               1
        netvox/r809a       Current                          electricity.current               0.001
        netvox/r809a       Power                            electricity.power                 1
        netvox/r718n1      Current                          electricity.current               0.001
        netvox/r312        Alarm                            button                            1=sos
        netvox/r311a       OnOff                            door.open                         1
        netvox/r311w       WaterLeak_1                      water.leak[1]                     NoLeak=0|Leak=1
        netvox/r311w       WaterLeak_2                      water.leak[2]                     NoLeak=0|Leak=1
        netvox/ra02a       FireAlarm                        smoke                             Alarm=1
        netvox/            Temp                             air.temperature                   1
        netvox/            Illuminance                      illuminance                       1
        netvox/            Occupy                           presence                          1
        netvox/            DisassembledAlarm                tamper                            1
        dragino/lds02      BAT_V                            battery.voltage                   1
        dragino/lds02      DOOR_OPEN_STATUS                 door.open                         1
        dragino/lgt92      BatV                             battery.voltage                   1
        dragino/lgt92      ALARM_status                     button                            false=
        laird/             state                            door.open                         Open=1
        elsys/             pulseAbs                         pulse.count[1]                    1
        elsys/             temperature                      air.temperature                   1
        elsys/             humidity                         air.humidity                      1
        elsys/             occupancy                        presence                          2=1
        mclimate/          boxTamper                        tamper                            1
        mclimate/          flood                            water.leak                        1
        mclimate/          battery                          battery.voltage                   1
        aquascope/wwd      leak                             water.leak                        1
        aquascope/wwd      battery                          battery.level                     1
        aquascope/wwd      temperature                      air.temperature                   1
        arwin-technology/lrs20310  battery                  battery.level                     1
        digital-matter/    batV                             battery.voltage                   1
        digital-matter/    inTrip                           motion                            1
        digital-matter/    cached.latitudeDeg               latitude                          1
        digital-matter/    cached.longitudeDeg              longitude                         1
        digital-matter/    latitudeDeg                      latitude                          1
        digital-matter/    longitudeDeg                     longitude                         1
        digital-matter/    headingDeg                       location.course                   1
        digital-matter/    speedKmph                        speed                             0.277777777778
        elv/elv-lw-gps1    altitude                         location.altitude                 1
        dnt/               gnss.altitude                    location.altitude                 1
        dnt/               gnss.latitude                    latitude                          1
        dnt/               gnss.longitude                   longitude                         1
        dnt/               voltage                          battery.voltage                   1
        comtac/            batVoltage                       battery.voltage                   1
        comtac/            temp                             device.temperature                1
        comtac/            gpsLat                           latitude                          1
        comtac/            gpsLong                          longitude                         1
        comtac/            gpsSAT                           location.satellites               1
        browan/            battery                          battery.voltage                   1
        browan/tbms100     status                           motion                            1
        browan/            temperatureBoard                 air.temperature                   1
        tektelic/t0006129  sensor_data.acceleration_alarm   motion                            1
        tektelic/          sensor_data.temperature          air.temperature                   1
        moko/              battery voltage                  battery.voltage                   3.4V=3.4
        moko/              ic_temperature                   device.temperature                30°C=30
        moko/              motion_state                     motion                            1=1|0=0
        moko/              low_power_state                  battery.low                       1=1|0=0
        milesight-iot/ws301  door                           door.open                         open=1
        milesight-iot/vs373  detection_status               presence                          vacant=0
        milesight-iot/vs373  region_1_occupancy             presence[region1]                 vacant=0|occupied=1
        milesight-iot/vs373  region_2_occupancy             presence[region2]                 vacant=0|occupied=1
        milesight-iot/vs373  region_3_occupancy             presence[region3]                 vacant=0|occupied=1
        milesight-iot/vs373  region_4_occupancy             presence[region4]                 vacant=0|occupied=1
        at101              motion_status                    motion                            moving=1
        ct101              current_sensor_status            fault                             read failed=1
        ct101              current                          electricity.current               1
        em300-di-hall      water                            water.volume                      0.001
        gs524n             temperature                      air.temperature                   1
        vs340              occupancy                        presence                          vacant=0
        ws101              button_event.status              button                            short press=pressed
        ws202              pir                              motion                            trigger=1
        ws203              occupancy                        presence                          vacant=0
        em300-mcs          magnet_status                    door.open                         open=1
        ws301              magnet_status                    door.open                         open=1
        ws303              leakage_status                   water.leak                        normal=0
        ws513              current                          electricity.current               0.001
        ws513              power_factor                     electricity.power.factor          0.01
        ws513              active_power                     electricity.power                 1
        ws513              power_consumption                electricity.energy                0.001
        ws513              socket_status                    switch.on                         on=1
        ws513              voltage                          electricity.voltage               1
        src/               totalVolume                      water.volume                      0.001
        src/               normalized.metering.water.total  water.volume                      0.001
        src/               isSensing                        fault                             true=0|false=1
        src/               batteryRecovered                 battery.voltage                   0.001
        src/               normalized.battery               battery.voltage                   1
        src/               ambientTemperature               air.temperature                   1
        src/               normalized.air.temperature       air.temperature                   1
        src/               waterTemperatureMin              water.temperature[min]            1
        src/               waterTemperatureMax              water.temperature[max]            1
        src/               normalized.water.temperature.min  water.temperature[min]            1
        src/               normalized.water.temperature.max  water.temperature[max]            1
        *                  battery                          battery.level                     1
        *                  temperature                      air.temperature                   1
        *                  humidity                         air.humidity                      1
        *                  latitude                         latitude                          1
        *                  longitude                        longitude                         1
        """;

    /// <summary>Values that no metric holds, and sources that contradict their own bytes.</summary>
    private const string WithoutMetric = """
        b-meters/          *                 values printed do not follow from the bytes printed (73802 litres, not 5180): the bytes count
        ks-technologies/   *                 the frame has no position key and the printed longitude is -1618: it is refused
        imst/              *                 a meter number alone
        adeunis/tic        bytes.E*          energy of ten minutes, apparent energy and earlier reactive registers
        adeunis/           bytes.*           kind and counter of the frame, configuration, what the decoder says about itself, times
        minol-zenner/      *                 kinds of tampering and battery age beside the states that are kept
        elv/               *                 reasons and units in words; power and energy stand in lists, see the meter interface's test
        arwin-technology/  *                 channel and phase are the reading's channel; the level of a leak beside its state
        iot-factory/       *                 serial numbers, versions; the meter's records are tested beside the layout
        enless-wireless/   *                 flow alarms set by the installer, states of the inputs, version
        elvaco/            serial            a meter number
        netvox/            Device            the model
        netvox/            *Alarm            alarms of the device's own limits: the rules judge
        netvox/            FunctionKeyTrigger which hand-set function is pressed
        netvox/r718n3      *                 several phases: see the test of the multipliers
        netvox/            Multiplier        applied to the current
        dragino/lds02      *                 counts and durations since power-on
        dragino/lgt92      *                 attitude, firmware, settings
        laird/             *                 settings and counters
        elsys/             *                 acceleration; pulses since the last frame
        mclimate/          reason            why it was sent
        aquascope/wwd      remote            a remote input
        digital-matter/    type              kind of frame
        digital-matter/    fixFailed         becomes the flag suspect, see the tests of positions
        digital-matter/    cached.*          speed and course of a position that is not the present one
        dnt/               *                 reason, seconds to fix, precision
        comtac/            *                 addresses of access points, words for the position
        browan/            *                 times and counts since power-on
        tektelic/          *                 raw bytes, port
        moko/              *                 firmware, counters, states of the case
        milesight-iot/vs373  *               durations; the target's state in words
        at101              *                 position of the case, Wi-Fi scan
        ct101              *                 serial number, versions, the device's own limits
        em300-di-hall      *                 conversion factors, the device's own alarm; history is tested beside
        em310-udl          *                 a distance has no metric
        gs301              *                 ammonia and hydrogen sulphide have no metric
        gs524n             *                 version; a test alarm is no smoke
        ws202              daylight          light or dark
        ws203              *                 why it was sent; history is tested beside
        ws301              tamper_status     the sources disagree on its polarity
        uc511              *                 history is tested beside
        src/               *                 Quandify: uptime, error code in words, battery before it recovered, heat, code of the leak
        *                  history           history is tested beside: own time, flag
        """;

    private static readonly ProfileSet Profiles = ProfileSet.Load(Path.Combine(AppContext.BaseDirectory, "devices"), []);
    private static readonly (string Codec, string Field, string Metric, string Means)[] Table =
    [
        .. Meanings.Split('\n', StringSplitOptions.RemoveEmptyEntries).Select(Columns),
    ];
    private static readonly string[][] Without =
    [
        .. WithoutMetric
            .Split('\n', StringSplitOptions.RemoveEmptyEntries)
            .Select(l => l.Split(' ', 3, StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries)),
    ];

    public static TheoryData<string> Good => Vector.Ids(Family, v => !v.Negative);

    public static TheoryData<string> Bad => Vector.Ids(Family, v => v.Negative);

    [Theory, MemberData(nameof(Good))]
    public void What_the_source_states_comes_out(string id)
    {
        var vector = Vector.Find(Family, id);
        var (into, reason) = Decode(vector);
        if (vector.Codec.StartsWith("ks-technologies/", StringComparison.Ordinal))
        {
            Assert.Contains("no frame", reason!);
            return;
        }

        Assert.True(reason is null, reason);
        foreach (var name in vector.Names)
        {
            if (vector.Codec == "b-meters/iwmlr3" || Meaning(vector.Codec, name) is not { } means)
            {
                Assert.True(
                    Without.Any(w => Fits(w[0], vector.Codec) && Fits(w[1], name)),
                    $"{vector.Codec} {name}: neither a metric nor a reason"
                );
                continue;
            }

            Check(vector, name, means.Metric, means.Means, into);
        }
    }

    [Theory, MemberData(nameof(Bad))]
    public void What_has_to_be_refused_says_why(string id)
    {
        var vector = Vector.Find(Family, id);
        Assert.Contains(vector.Text("error")!.Split('(')[0].Trim(), Decode(vector).Reason, StringComparison.OrdinalIgnoreCase);
    }

    [Fact]
    public void A_meter_interface_tells_consumption_from_delivery()
    {
        var (consumed, _) = Decode(Vector.Find(Family, "lorawan_codec-012"));
        Assert.Equal((36754.42, 7000.78), (One(consumed, "electricity.energy"), One(consumed, "electricity.power")));
        var (delivered, _) = Decode(Vector.Find(Family, "lorawan_codec-013"));
        Assert.Equal((1234.52, 4_000_000.0), (One(delivered, "electricity.energy.export"), One(delivered, "electricity.power.export")));
    }

    [Fact]
    public void Multipliers_are_applied_per_phase()
    {
        var (known, _) = Decode(Vector.Find(Family, "lorawan_codec-027"));
        Assert.Equal([10, 1, 700], known.Readings.Where(r => r.Metric == Metric.ElectricityCurrent).Select(r => Math.Round(r.Value, 9)));
        var (first, _) = Decode(Vector.Find(Family, "lorawan_codec-026"));
        Assert.Equal([1], first.Readings.Where(r => r.Metric == Metric.ElectricityCurrent).Select(r => r.Value));
    }

    [Fact]
    public void Every_history_item_keeps_its_own_time_and_no_other_value_is_live()
    {
        foreach (var vector in Vector.Of(Family).Where(v => v["history"] is { ValueKind: JsonValueKind.Array }))
        {
            var (into, reason) = Decode(vector);
            Assert.Null(reason);
            foreach (var sample in vector["history"]!.Value.EnumerateArray())
            {
                var then = DateTime.UnixEpoch.AddSeconds(sample.GetProperty("timestamp").GetInt64());
                var sampled = into.Readings.Where(r => r.Time == then).ToList();
                Assert.NotEmpty(sampled);
                Assert.All(sampled, r => Assert.True(r.Has(ReadingFlags.History)));
                void Is(string field, Metric metric, Func<JsonElement, double> value)
                {
                    if (sample.TryGetProperty(field, out var stated))
                        Assert.Equal(value(stated), Assert.Single(sampled, r => r.Metric == metric).Value, 1e-9);
                }

                Is("temperature", Metric.AirTemperature, e => e.GetDouble());
                Is("humidity", Metric.AirHumidity, e => e.GetDouble());
                Is("pulse", Metric.PulseCount, e => e.GetDouble());
                Is("water", Metric.WaterVolume, e => double.Parse(e.GetString()!, CultureInfo.InvariantCulture) / 1000);
                Is("leakage_status", Metric.WaterLeak, e => e.GetString() == "leak" ? 1 : 0);
                Is("magnet_status", Metric.DoorOpen, e => e.GetString() == "open" ? 1 : 0);
                Is("valve_2", Metric.ValveClosed, e => e.GetString() == "open" ? 0 : 1);
            }
        }
    }

    [Fact]
    public void The_same_bytes_are_a_leak_for_one_model_and_a_person_for_another()
    {
        Assert.Equal(1, One(Bare("milesight/ws303", "017564030001"), "water.leak"));
        Assert.Equal(1, One(Bare("milesight/vs340", "017564030001"), "presence"));
    }

    [Fact]
    public void A_cached_position_is_kept_but_flagged_and_no_fix_is_no_place()
    {
        var cached = Assert.Single(Bare("digital-matter/oyster", "85a8c5ebd8763f0b0301be").Readings, r => r.Metric == Metric.Location);
        Assert.True(cached.Has(ReadingFlags.Suspect));
        Assert.DoesNotContain(Bare("dragino/lgt92", "00000000000000000c2e64").Readings, r => r.Metric == Metric.Location);
        Assert.DoesNotContain(Bare("milesight/at101", "0488ffffffffffffffff02").Readings, r => r.Metric == Metric.Location);
    }

    [Fact]
    public void Two_leak_probes_stay_two()
    {
        var leaks = Bare("netvox/r311w", "0106011e00010000000000")
            .Readings.Where(r => r.Metric == Metric.WaterLeak)
            .Select(r => (r.Channel, r.Value));
        Assert.Equal([("1", 0), ("2", 1)], leaks);
    }

    [Fact]
    public void Records_of_an_m_bus_gateway_keeps_the_meters_own_times()
    {
        var (into, reason) = Decode(Vector.Find(Family, "lorawan_codec-018"));
        Assert.Null(reason);
        var totals = into.Readings.Where(r => r.Metric == Metric.ElectricityEnergy && r.Channel == "21211208").ToList();
        Assert.Equal([0, 0.54], totals.Select(r => Math.Round(r.Value, 9)));
        Assert.All(totals, r => Assert.Equal(DateTime.UnixEpoch.AddSeconds(0x65783adb), r.Time));
    }

    private static void Check(Vector vector, string name, string metric, string means, DecodedPayload into)
    {
        var expected = vector[name]!.Value;
        if (expected.ValueKind == JsonValueKind.Array)
            expected = expected[0];
        if (metric is "latitude" or "longitude" or "speed")
        {
            if (into.Readings.All(r => r.Metric != Metric.Location) && metric == "speed")
                return; // a cached position has no speed
            var place = Assert.Single(into.Readings, r => r.Metric == Metric.Location);
            var part = metric switch
            {
                "latitude" => place.Value,
                "longitude" => place.Longitude,
                _ => place.Speed,
            };
            Assert.Equal(expected.GetDouble() * double.Parse(means, CultureInfo.InvariantCulture), part, 1e-6);
            return;
        }

        var open = metric.IndexOf('[', StringComparison.Ordinal);
        var channel = open < 0 ? "" : metric[(open + 1)..^1];
        var wanted = Metric.Parse(open < 0 ? metric : metric[..open]);
        var found = into
            .Readings.Where(r => r.Metric == wanted && (channel == "*" || r.Channel == channel) && !r.Has(ReadingFlags.History))
            .ToList();
        if (means.Contains('=', StringComparison.Ordinal))
        {
            var raw = expected.ValueKind == JsonValueKind.String ? expected.GetString() : expected.GetRawText();
            var word = means.Split('|').Select(p => p.Split('=')).First(p => p[0] == raw)[1];
            if (word.Length == 0)
                Assert.Empty(found);
            else if (wanted.Kind == MetricKind.Event)
                Assert.Equal(word, Assert.Single(found).Event);
            else
                Assert.All(
                    found.Count == 0 ? throw new Xunit.Sdk.XunitException($"{name}: no {wanted}") : found,
                    r => Assert.Equal(double.Parse(word, CultureInfo.InvariantCulture), r.Value, 1e-9)
                );
            return;
        }

        var number =
            expected.ValueKind switch
            {
                JsonValueKind.True => 1,
                JsonValueKind.False => 0,
                _ => expected.GetDouble(),
            } * double.Parse(means, CultureInfo.InvariantCulture);
        Assert.True(found.Count > 0, $"{name}: no {wanted}[{channel}]; there are {string.Join(", ", into.Readings)}");
        Assert.All(found, r => Assert.Equal(number, r.Value, Math.Max(1e-9, Math.Abs(number) * 1e-6)));
    }

    private static (string Metric, string Means)? Meaning(string codec, string field)
    {
        foreach (var (start, name, metric, means) in Table)
            if (
                Fits(start, codec)
                && Fits(name, field)
                && (start != "*" || !Without.Any(w => w[0] != "*" && Fits(w[0], codec) && Fits(w[1], field) && w[1] != "*"))
            )
                return (metric, means);
        return null;
    }

    private static bool Fits(string pattern, string text) =>
        pattern == "*"
        || (
            pattern.StartsWith('*')
                ? text.EndsWith(pattern[1..], StringComparison.Ordinal)
                : text.StartsWith(pattern.TrimEnd('*'), StringComparison.Ordinal)
                    && (
                        pattern.EndsWith('*') || pattern.EndsWith('/') || pattern.Contains('/', StringComparison.Ordinal) || text == pattern
                    )
        );

    private static (string, string, string, string) Columns(string line)
    {
        // Columns are separated by two or more spaces; words within a column by one.
        var parts = System.Text.RegularExpressions.Regex.Split(line.Trim(), "\\s{2,}");
        if (parts.Length == 3)
            parts = [.. parts[0].Split(' '), .. parts[1..]];
        if (parts.Length != 4)
            throw new FormatException(line);
        return (parts[0], parts[1], parts[2], parts[3]);
    }

    private static double One(DecodedPayload into, string metric) =>
        Assert.Single(into.Readings, r => r.Metric == Metric.Parse(metric)).Value;

    private static DecodedPayload Bare(string profile, string hex)
    {
        var into = new DecodedPayload();
        into.Reset("", Outcome.Received);
        Assert.Null(Profiles.Find(profile)!.DecodeLine(hex, "", into));
        return into;
    }

    private static (DecodedPayload Into, string? Reason) Decode(Vector vector)
    {
        var into = new DecodedPayload();
        into.Reset("", Outcome.Received);
        return (into, Profiles.Find(ProfileOf(vector.Codec))!.DecodeLine(vector.Payload, "", into, vector.Port)?.En);
    }

    private static string ProfileOf(string codec) =>
        codec.Split(' ')[0] switch
        {
            "src/uplink.test.js" => "quandify/cubicmeter-1.1",
            var bare when !bare.Contains('/', StringComparison.Ordinal) => "milesight/" + bare,
            var known => known,
        };
}
