using System.Globalization;
using System.Text.Json;
using Vigil.Ingest.Decoding;
using Vigil.Ingest.Decoding.LoRaWan;
using Vigil.Model;

namespace Vigil.Tests.Ingest.Decoding.LoRaWan;

/// <summary>
/// Which readings the objects of LoRaWAN decoders become. The objects are written by hand after what the decoders of the named models
/// write.
/// </summary>
public sealed class DecodedObjectTests
{
    private static readonly DateTime Received = new(2026, 1, 1, 0, 0, 0, DateTimeKind.Utc);

    private static DecodedPayload Map(string model, string decoded)
    {
        var into = new DecodedPayload();
        into.Reset("d", Received);
        using var document = JsonDocument.Parse(decoded);
        ObjectMapping.Map(document.RootElement, model, into, null);
        return into;
    }

    private static string Text(Reading r) =>
        r.Metric.Name
        + (r.Channel.Length > 0 ? $"[{r.Channel}]" : "")
        + "="
        + (
            r.Metric.Kind == MetricKind.Location
                ? string.Create(CultureInfo.InvariantCulture, $"{r.Value},{r.Longitude}")
                : r.Event ?? Math.Round(r.Value, 6).ToString(CultureInfo.InvariantCulture)
        )
        + (r.Has(ReadingFlags.Suspect) ? "?" : "");

    private static string Readings(string model, string decoded) => string.Join(' ', Map(model, decoded).Readings.Select(Text));

    [Theory]
    [InlineData("netvox/r312", """{"Device":"R312","Alarm":1}""", "button=sos")]
    [InlineData("", """{"Device":"R312A","Alarm":1}""", "button=sos")]
    [InlineData("", """{"Device":"RB02I","Alarm":1}""", "button=sos")]
    [InlineData("", """{"Device":"RB02I","Alarm":0}""", "")]
    [InlineData("", """{"Device":"R309","EmergencyAlarm":1}""", "button=sos")]
    [InlineData("", """{"Device":"R718T2","Alarm1":0,"Alarm2":1}""", "button[2]=pressed")]
    [InlineData("", """{"Device":"RB02B","Key_1":1,"Key_2":0}""", "button[1]=pressed")]
    [InlineData("browan/tbpb100", """{"status":1,"battery":3.9}""", "button=sos battery.voltage=3.9")]
    [InlineData("", """{"status":1,"battery":3.9,"temperatureBoard":23}""", "button=sos battery.voltage=3.9 device.temperature=23")]
    [InlineData("browan/tbpb100", """{"status":0}""", "")]
    [InlineData("dragino/trackerd", """{"ALARM_status":"TRUE"}""", "button=sos")]
    [InlineData("", """{"ALARM_status":true,"MD":"Move","LON":true}""", "button=sos")]
    [InlineData("elv/elv-bm-trx1", """{"TX_Reason":"User_Button_Event"}""", "button=pressed")]
    [InlineData("elv/elv-lw-mob", """{"TX_Reason":"Short App Button Pressed"}""", "button=pressed")]
    [InlineData("elv/elv-lw-mob", """{"TX_Reason":"Cyclic Timer"}""", "")]
    [InlineData("elv/elv-lw-int1", """{"Device_Event_Button":"Y"}""", "button=pressed")]
    [InlineData("", """{"Button":{"Event":"Button 1","State":"Pressed"}}""", "button=pressed")]
    [InlineData("", """{"Button":{"Event":"Button 1","State":"Released"}}""", "")]
    [InlineData("nexelec/sign", """{"buttonPress":"Button pressed"}""", "button=pressed")]
    [InlineData("nexelec/sign", """{"buttonPress":"Button not pressed"}""", "")]
    [InlineData("milesight/ws136", """{"button":3}""", "button[3]=pressed")]
    [InlineData("lansitec/helmet-sensor", """{"type":"Alarm","alarm":"SOS"}""", "button=sos")]
    [InlineData("lansitec/helmet-sensor", """{"type":"Alarm","alarm":"Fall"}""", "fall=fall")]
    public void Who_presses_is_heard(string model, string decoded, string expected) => Assert.Equal(expected, Readings(model, decoded));

    [Theory]
    [InlineData("dragino/laq4", """{"Alarm_status":"TRUE"}""", "")] // an alarm about air quality
    [InlineData("", """{"Alarm_status":"TRUE","CO2_ppm":523}""", "air.co2=523")]
    [InlineData("milesight-iot/ws52x", """{"button":"open"}""", "switch.on=1")]
    [InlineData("", """{"button":"open"}""", "")]
    [InlineData("", """{"alarm":true}""", "")]
    [InlineData("netvox/r720b", """{"Device":"R720B","Alarm":"ON"}""", "vibration=1")]
    [InlineData("dingtek/df703", """{"alarmFall":true}""", "")] // a waste bin that fell over
    [InlineData("", """{"Device":"R809A","OverCurrentAlarm":"Alarm"}""", "")]
    public void What_is_no_call_for_help_does_not_become_one(string model, string decoded, string expected) =>
        Assert.Equal(expected, Readings(model, decoded));

    [Theory]
    [InlineData("", """{"Device":"RA02C","COAlarm":"Alarm","HighTempAlarm":"No Alarm"}""", "gas=1")]
    [InlineData("", """{"Device":"RA02A","FireAlarm":"No Alarm"}""", "smoke=0")]
    [InlineData("milesight/gs101", """{"state":"abnormal"}""", "gas=1")]
    [InlineData("", """{"state":"normal","valve":"open","relay":"close"}""", "gas=0 valve.closed=0")]
    [InlineData("", """{"gas_status":"abnormal"}""", "gas=1")]
    [InlineData("", """{"smokeAlarm":"Local smoke Alarm activated"}""", "smoke=1")]
    [InlineData("", """{"smokeAlarm":"Smoke Alarm non-activated"}""", "smoke=0")]
    [InlineData("", """{"smokeSensorStatus":"Smoke sensor fault"}""", "")]
    [InlineData("", """{"CO":45}""", "")] // parts per million alone are no alarm
    [InlineData("browan/tbwl100", """{"status":1}""", "water.leak=1")]
    [InlineData("milesight/ws303", """{"leak_status":"leak"}""", "water.leak=1")]
    [InlineData("milesight/em300-sld", """{"water":"normal"}""", "water.leak=0")]
    [InlineData("elv/elv-lw-swd", """{"Moisture":false,"Water":true}""", "water.leak[moisture]=0 water.leak=1")]
    [InlineData("netvox/r718pa", """{"water":256}""", "")] // soil moisture
    [InlineData("aquascope/bvs", """{"leak":"N"}""", "water.leak=0")]
    [InlineData("", """{"Water":{"Event":"Water Present"}}""", "water.leak=1")]
    [InlineData("", """{"Water":{"Event":"Water Not Present"}}""", "water.leak=0")]
    [InlineData("axioma/qalcosonic-w1", """{"burst":true}""", "water.leak=1")]
    [InlineData("arwin-technology/lrs20310", """{"event":"water_leak_alert"}""", "water.leak=1")]
    [InlineData("arwin-technology/lrs20310", """{"event":"heartbeat"}""", "water.leak=0")]
    [InlineData("", """{"WaterLeak":"NoSensor"}""", "")]
    public void Smoke_gas_and_leaks_are_told(string model, string decoded, string expected) =>
        Assert.Equal(expected, Readings(model, decoded));

    [Theory]
    [InlineData("browan/tbdw100", """{"status":1,"time":0,"count":5}""", "door.open=1")]
    [InlineData("browan/tbms100", """{"status":1,"time":0,"count":5}""", "motion=1")]
    [InlineData("", """{"status":1,"time":0,"count":5}""", "")] // a door or a motion sensor: only the model says which
    [InlineData("", """{"Device":"R311A","OnOff":1}""", "door.open=1")]
    [InlineData("", """{"Device":"R809A","OnOff":"ON"}""", "switch.on=1")]
    [InlineData("", """{"Device":"R718F2","status1":1,"status2":0}""", "door.open[1]=1 door.open[2]=0")]
    [InlineData("milesight/em300-mcs", """{"magnet":1}""", "door.open=1")]
    [InlineData("sensative/strips", """{"door":{"value":true}}""", "door.open=0")]
    [InlineData("sensative/strips", """{"door":{"value":true},"temperature":21}""", "door.open=1 air.temperature=21")]
    [InlineData("", """{"operatingMode":"Door Sensor","state":"Open"}""", "door.open=1")]
    [InlineData("", """{"operatingMode":"Pushbutton","state":"Open"}""", "")]
    [InlineData("milesight/am319", """{"activity":"trigger"}""", "motion=1")]
    [InlineData("", """{"presenceDetectedWhenSending":true}""", "presence=1")]
    [InlineData("nwave/nps405", """{"type":"parking_status","occupied":true}""", "")] // a parked car
    [InlineData("dingtek/dc410", """{"motion":true,"battery":true}""", "vibration=1 battery.low=1")] // a manhole cover
    [InlineData("minol-zenner/edc-communication-module", """{"removal_detection":1}""", "tamper=1")]
    [InlineData("", """{"DoorWindow":{"Event":"Closed"},"Tamper":{"Event":"Open"}}""", "door.open=0 tamper=1")]
    public void Doors_motion_presence_and_tampering_are_told(string model, string decoded, string expected) =>
        Assert.Equal(expected, Readings(model, decoded));

    [Theory]
    [InlineData("dnt/dnt-lw-etrv", """{"battery_voltage":{"value":"3320","unit":"mV"}}""", "battery.voltage=3.32")]
    [InlineData("terabee/lora-lm-xl", """{"batteryVoltage":3600}""", "battery.voltage=3.6")]
    [InlineData("noah/trashbin-sensor", """{"voltage":13060}""", "battery.voltage=13.06")]
    [InlineData("", """{"voltage":228.5}""", "electricity.voltage=228.5")]
    [InlineData("", """{"battery_mv":3100}""", "battery.voltage=3.1")]
    [InlineData("", """{"battery":2.74}""", "battery.voltage=2.74")]
    [InlineData("", """{"battery":"76%"}""", "battery.level=76")]
    [InlineData("", """{"BatV":52.214}""", "battery.voltage=52.214?")]
    [InlineData("", """{"Bat_mV":1}""", "battery.voltage=0.001?")]
    [InlineData("", """{"battery":255}""", "battery.level=255?")]
    [InlineData("", """{"Volt":"2.3(low battery)"}""", "battery.low=1 battery.voltage=2.3")]
    [InlineData("elsys/elt-2", """{"pressure":100729.105}""", "air.pressure=100729.105")]
    [InlineData("", """{"pressure":1004.7}""", "air.pressure=100470")]
    [InlineData("", """{"barometric_pressure":{"unit":"Pa","value":96412}}""", "air.pressure=96412")]
    [InlineData("", """{"pressure":{"unit":"bar","value":0.98}}""", "air.pressure=98000")]
    [InlineData("", """{"pressure":{"unit":"Pa","value":1000}}""", "air.pressure=1000?")]
    [InlineData("", """{"pressure":0.98,"unit":"bar"}""", "air.pressure=98000")]
    [InlineData("", """{"temperature":{"value":68,"unit":"F"}}""", "air.temperature=20")]
    [InlineData("", """{"temperature":{"value":293,"unit":"Rankine"}}""", "")]
    [InlineData("", """{"unit":"MPa","temperature":21}""", "air.temperature=21")]
    [InlineData("", """{"temperature":6550.9}""", "air.temperature=6550.9?")]
    [InlineData("", """{"temperature":120}""", "air.temperature=120")] // possible: a smoke detector in a fire
    [InlineData("", """{"humidity":409.5}""", "air.humidity=409.5?")]
    [InlineData("", """{"latitude":39.5,"longitude":-1618.4}""", "location=39.5,-1618.4?")]
    [InlineData("decentlab/dl-dlr2-005", """{"voltage":{"unit":"V","value":2.08}}""", "")] // the voltage at its input, not of its battery
    public void A_unit_comes_from_the_name_from_beside_or_from_what_is_possible(string model, string decoded, string expected) =>
        Assert.Equal(expected, Readings(model, decoded));

    [Theory]
    [InlineData("axioma/qalcosonic-w1", """{"current_volume_m3":12.5}""", "water.volume=12.5")]
    [InlineData("", """{"volume":12.5}""", "")] // litres or cubic metres: nobody knows
    [InlineData("", """{"volume":12500,"volume_unit":"L"}""", "water.volume=12.5")]
    [InlineData("minol-zenner/edc-communication-module", """{"meter_values":[12,13,15]}""", "water.volume=0.012")]
    [InlineData(
        "b-meters/iwmlr3",
        """{"valueCounter":73802,"flowCounter":290,"vif":13}""",
        "water.volume=73.802 water.volume.reverse=0.29"
    )]
    [InlineData("b-meters/iwmlr3", """{"valueCounter":7,"flowCounter":0,"vif":1500}""", "water.volume=0.7 water.volume.reverse=0")]
    [InlineData("elvaco/cmi4110", """{"energy":2616752,"volume":9989.97}""", "heat.energy=2616752 heat.volume=9989.97")]
    [InlineData("milesight-iot/ws52x", """{"energy":1110}""", "electricity.energy=1.11")]
    [InlineData("", """{"energy":1110}""", "")]
    [InlineData("", """{"measurement":{"desc":"energy","unit":"Wh","value":540}}""", "electricity.energy=0.54")]
    [InlineData("", """{"Active Energy Import T1":{"unit":"Wh","value":1810}}""", "electricity.energy[t1]=1.81")]
    [InlineData("adeunis/tic-cbe-linky-tri", """{"BASE":{"unit":"Wh","value":4660}}""", "electricity.energy=4.66")]
    [InlineData("adeunis/comfort", """{"temperature":{"unit":"°C","values":[19.7,19.9]}}""", "air.temperature=19.7")]
    [InlineData(
        "elv/elv-lw-esi",
        """{"Consumption_Type":["Delivery"],"Energy_Counter_Unit":["kWh"],"Energy_Counter":[1234.52]}""",
        "electricity.energy.export=1234.52"
    )]
    [InlineData(
        "elv/elv-lw-esi",
        """{"Consumption_Type":["Consumption"],"Energy_Counter_Unit":["m^3"],"Energy_Counter":[10.024]}""",
        "gas.volume=10.024"
    )]
    [InlineData("decentlab/dl-dlr2-002", """{"pulse_count":{"value":4},"cumulative_pulse_count":{"value":90}}""", "pulse.count=90")]
    [InlineData("elsys/ems", """{"pulse1":8465}""", "")] // pulses since the last report, no total
    public void A_meter_counts_where_its_unit_is_known(string model, string decoded, string expected) =>
        Assert.Equal(expected, Readings(model, decoded));

    [Fact]
    public void A_backlog_has_its_own_time_and_is_no_live_alarm()
    {
        var one = Map(
            "laird/rs1xx-temp-rh-sensor",
            """
            {"msgType":"SendBackLogMessage","temperature":21.5,
             "timestamp":{"year":2025,"month":"March","day":4,"hours":5,"minutes":6,"seconds":7}}
            """
        );
        var reading = Assert.Single(one.Readings);
        Assert.Equal(new DateTime(2025, 3, 4, 5, 6, 7, DateTimeKind.Utc), reading.Time);
        Assert.True(reading.Has(ReadingFlags.History));

        var many = Map(
            "laird/rs1xx-temp-rh-sensor",
            """
            {"msgType":"SendBackLogMessages","readings":[
              {"timestamp":{"year":2025,"month":"March","day":4,"hours":5,"minutes":0,"seconds":0},"temperature":21},
              {"timestamp":{"year":2025,"month":"March","day":4,"hours":6,"minutes":0,"seconds":0},"temperature":22}]}
            """
        );
        Assert.Equal([(5, 21.0), (6, 22.0)], many.Readings.Select(r => (r.Time.Hour, r.Value)));
        Assert.All(many.Readings, r => Assert.True(r.Has(ReadingFlags.History)));

        // The timestamp is when the list began, so it holds for the first value only; the battery level is measured at arrival.
        var list = Map(
            "laird/rs1xx-temp-rh-sensor",
            """
            {"msgType":"Laird_Agg_TH","batteryCapacity":"80-100%",
             "timestamp":{"year":2025,"month":"March","day":4,"hours":5,"minutes":0,"seconds":0},
             "readings":[{"temperature":21},{"temperature":22}]}
            """
        );
        Assert.Equal(
            [("battery.level", Received), ("air.temperature", new DateTime(2025, 3, 4, 5, 0, 0, DateTimeKind.Utc))],
            list.Readings.Select(r => (r.Metric.Name, r.Time))
        );
    }

    [Fact]
    public void How_a_device_is_set_is_not_what_it_measures() =>
        Assert.Equal("", Readings("", """{"payloadmask":{"battery":0},"config":{"temperature":30},"BatteryChange":0.1}"""));

    /// <summary>The model's name comes from the network server, with or without the vendor, or from the decoder's file.</summary>
    [Theory]
    [InlineData("TBDW100 Tabs Door & Window Sensor", "door.open=1")]
    [InlineData("tbms100", "motion=1")]
    [InlineData("Browan/TBMS100", "motion=1")]
    [InlineData("othervendor/tbms100", "")]
    [InlineData("Somebody's sensor", "")]
    public void A_model_is_known_by_what_the_network_server_calls_it(string model, string expected) =>
        Assert.Equal(expected, Readings(model, """{"status":1,"count":5}"""));
}
