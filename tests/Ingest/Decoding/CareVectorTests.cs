using System.Globalization;
using System.Text.Json;
using Vigil.Ingest.Decoding;
using Vigil.Ingest.Profiles;
using Vigil.Model;

namespace Vigil.Tests.Ingest.Decoding;

/// <summary>
/// Decodes every test vector of wearables and guardian devices with the profile that ships for it: each expected value that has a metric
/// becomes a reading, and nothing that its source calls no measurement does.
/// </summary>
public sealed class CareVectorTests
{
    private const string Family = "care_wearable_guardian";
    private static readonly ProfileSet Profiles = ProfileSet.Load(Path.Combine(AppContext.BaseDirectory, "devices"), []);

    private static readonly Dictionary<string, string> ProfileOf = new()
    {
        ["watch-3g-text"] = "care-watch",
        ["watch-iw-text"] = "care-watch",
        ["kati-watch-json"] = "imede/kati",
        ["drugbox-json"] = "scuiot/drug-box",
        ["milesight-vs373-json"] = "milesight/vs373-mqtt",
        ["lorawan-milesight"] = "milesight/vs373",
        ["theengs-ble-json"] = "theengs-ble",
        ["binary-demo"] = "thingsboard/simple-binary",
    };

    private static readonly Dictionary<string, Metric> Meaning = new()
    {
        ["battery"] = Metric.BatteryLevel,
        ["steps"] = Metric.Steps,
        ["satellites"] = Metric.LocationSatellites,
        ["heart_rate"] = Metric.HeartRate,
        ["act_bpm"] = Metric.HeartRate,
        ["systolic"] = Metric.BloodPressureSystolic,
        ["diastolic"] = Metric.BloodPressureDiastolic,
        ["spo2"] = Metric.BloodOxygen,
        ["blood_oxygen"] = Metric.BloodOxygen,
        ["temperature"] = Metric.BodyTemperature,
        ["door_open"] = Metric.DoorOpen,
        ["motion"] = Metric.Motion,
        ["illuminance"] = Metric.Illuminance,
        ["course"] = Metric.LocationCourse,
    };

    /// <summary>Expected names for which there is no metric, and why.</summary>
    private static readonly Dictionary<string, string> WithoutMetric = new()
    {
        ["vendor"] = "letters of the maker",
        ["type"] = "kind of frame",
        ["status_hex"] = "its bits are events and states",
        ["fix_valid"] = "decides about the place",
        ["rolls"] = "tumbling in sleep",
        ["blood_sugar_raw"] = "unit not stated; told in mmol/l, see the watch's tests",
        ["status"] = "what the alarm is doing",
        ["trigger_id"] = "a number",
        ["sub_region"] = "a number",
        ["protocol_version"] = "version",
        ["serial_number"] = "number",
        ["hardware_version"] = "version",
        ["firmware_version"] = "version",
        ["device_class"] = "radio class",
        ["button_code"] = "told as a word",
        ["packet"] = "counter of repeated advertisements",
        ["encrypted"] = "says nothing without the key",
        ["session"] = "number of a shower",
        ["litres"] = "of one shower, no total",
        ["energy"] = "of one shower, no total",
        ["serial"] = "number",
        ["device_id"] = "checked as the device",
        ["speed"] = "checked with the place",
    };

    public static TheoryData<string> All => Vector.Ids(Family);

    [Theory, MemberData(nameof(All))]
    public void What_the_source_states_comes_out(string id)
    {
        var v = Vector.Find(Family, id);
        var profile = Profiles.Find(ProfileOf[v.Format])!;
        var into = new DecodedPayload();
        into.Reset(profile.DeviceFromTopic(v.Topic), Outcome.Received);
        Assert.Null(profile.DecodeLine(v.Payload, v.Topic, into));
        foreach (var name in v.Names)
        {
            if (Meaning.TryGetValue(name, out var metric))
            {
                if (v.Format == "theengs-ble-json" && name == "temperature")
                    metric = Metric.WaterTemperature; // the water of the shower
                var expected = v.Flag(name) is { } flag ? (flag ? 1 : 0) : v.Number(name)!.Value;
                Assert.Equal(expected, Assert.Single(into.Readings, r => r.Metric == metric).Value, 1e-6);
                continue;
            }

            switch (name)
            {
                case "device_id":
                    Assert.Equal(v.Text(name), into.Device);
                    break;
                case "latitude" when v.Flag("fix_valid") != false:
                    var place = Assert.Single(into.Readings, r => r.Metric == Metric.Location);
                    Assert.Equal(v.Number("latitude")!.Value, place.Value, 1e-5);
                    Assert.Equal(v.Number("longitude")!.Value, place.Longitude, 1e-5);
                    if (v.Number("speed") is { } speed)
                        Assert.Equal(speed, place.Speed, 1e-5);
                    break;
                case "latitude":
                    Assert.DoesNotContain(into.Readings, r => r.Metric == Metric.Location);
                    break;
                case "longitude":
                    break;
                case "time_utc":
                    Assert.All(
                        into.Readings,
                        r =>
                            Assert.Equal(
                                DateTime.Parse(v.Text(name)!, CultureInfo.InvariantCulture, DateTimeStyles.AdjustToUniversal),
                                r.Time
                            )
                    );
                    break;
                case "device_time":
                    var zone = TimeZoneInfo.FindSystemTimeZoneById(v.Format == "kati-watch-json" ? "Asia/Bangkok" : "Asia/Shanghai");
                    Assert.All(
                        into.Readings,
                        r =>
                            Assert.Equal(
                                TimeZoneInfo.ConvertTimeToUtc(DateTime.Parse(v.Text(name)!, CultureInfo.InvariantCulture), zone),
                                r.Time
                            )
                    );
                    break;
                case "events" or "alarm" or "event":
                    Happened(v, name, into);
                    break;
                case "press":
                    Assert.Equal(
                        v.Text(name)!.TrimEnd('?') switch
                        {
                            "single" => "pressed",
                            "hold" => "long",
                            var word => word,
                        },
                        Assert.Single(into.Readings, r => r.Metric == Metric.Button).Event
                    );
                    break;
                case "contact":
                    Assert.Equal(v.Text(name) == "closed" ? 0 : 1, Assert.Single(into.Readings, r => r.Metric == Metric.DoorOpen).Value);
                    break;
                default:
                    Assert.True(WithoutMetric.ContainsKey(name), $"{name}: neither a metric nor a reason");
                    break;
            }
        }

        if (v["heart_rate"] is { ValueKind: JsonValueKind.Null })
            Assert.DoesNotContain(into.Readings, r => r.Metric == Metric.HeartRate);
        if (v["encrypted"] is not null)
            Assert.Empty(into.Readings);
    }

    [Fact]
    public void A_set_of_vital_signs_keeps_each_ones_own_time_as_history()
    {
        var into = Decode(
            "imede/kati",
            """{"IMEI":"1","timeStamps":"16/06/2025 12:30:45","battery":67,"data":[{"timestamp":1738331256,"heartRate":84}"""
                + """,{"timestamp":1738331856,"heartRate":0},{"heartRate":86,"timestamp":1738332456}]}"""
        );
        var pulse = into.Readings.Where(r => r.Metric == Metric.HeartRate).ToList();
        Assert.Equal([(84, 1738331256L), (86, 1738332456L)], pulse.Select(r => (r.Value, new DateTimeOffset(r.Time).ToUnixTimeSeconds())));
        Assert.All(pulse, r => Assert.True(r.Has(ReadingFlags.History)));
        var battery = Assert.Single(into.Readings, r => r.Metric == Metric.BatteryLevel);
        Assert.Equal((new DateTime(2025, 6, 16, 5, 30, 45, DateTimeKind.Utc), ReadingFlags.None), (battery.Time, battery.Flags));
    }

    [Fact]
    public void A_position_in_one_text_is_moved_from_the_maps_datum_and_has_its_own_time()
    {
        var into = Decode(
            "zhzyou/g616",
            """{"imei":"1","heartRate":"96","locationDate":"230817","locationTime":"091856","location":"113.4945307,22.2248915"}"""
        );
        var place = Assert.Single(into.Readings, r => r.Metric == Metric.Location);
        Assert.Equal((22.227687, 113.489245), (Math.Round(place.Value, 6), Math.Round(place.Longitude, 6)));
        Assert.Equal(new DateTime(2023, 8, 17, 1, 18, 56, DateTimeKind.Utc), place.Time);
        Assert.Equal(Outcome.Received, Assert.Single(into.Readings, r => r.Metric == Metric.HeartRate).Time);
    }

    [Fact]
    public void A_press_is_told_though_the_time_of_the_place_is_garbage()
    {
        var into = Decode(
            "zhzyou/g616",
            """{"imei":"1","sos":true,"locationDate":"999999","locationTime":"x","location":"113.4945307,22.2248915"}"""
        );
        Assert.Equal("sos", Assert.Single(into.Readings, r => r.Metric == Metric.Button).Event);
        Assert.True(Assert.Single(into.Readings, r => r.Metric == Metric.Location).Has(ReadingFlags.ClockWrong));
    }

    [Theory]
    [InlineData(
        "imede/kati",
        """{"IMEI":"1","heartRate":0,"spO2":0,"bodyTemperature":0,"bloodPressure":{"bp_sys":0,"bp_dia":0}"""
            + ""","location":{"GPS":{"latitude":0,"longitude":0}}}"""
    )]
    [InlineData(
        "zhzyou/g616",
        """{"imei":"1","heartRate":"0","bloodOxygen":"0","temperature":"0.0","bpSystolic":"0","bpDiastolic":"0","sos":false"""
            + ""","location":"0.000000,0.000000"}"""
    )]
    [InlineData("sleepace/reston", """[{"deviceId":"1","data":{"heart":0,"breath":255}}]""")]
    [InlineData("theengs-ble", """{"model_id":"H10","bpm":0}""")]
    public void Zero_is_no_measurement_and_no_place(string profile, string payload) => Assert.Empty(Decode(profile, payload).Readings);

    private static void Happened(Vector v, string name, DecodedPayload into)
    {
        var words = v[name] is { ValueKind: JsonValueKind.Array } list
            ? list.EnumerateArray().Select(e => e.GetString()!).ToList()
            : [v.Text(name)!];
        foreach (var word in words)
        {
            switch (word)
            {
                case "sos":
                    Assert.Equal("sos", Assert.Single(into.Readings, r => r.Metric == Metric.Button).Event);
                    break;
                case "fall":
                    Assert.Single(into.Readings, r => r.Metric == Metric.Fall);
                    break;
                case "take_off" or "removing":
                    Assert.Equal(0, Assert.Single(into.Readings, r => r.Metric == Metric.Worn).Value);
                    break;
                case "occupancy":
                    Assert.Equal(1, Assert.Single(into.Readings, r => r.Metric == Metric.Presence).Value);
                    break;
                case "out_of_bed":
                    Assert.Equal(0, Assert.Single(into.Readings, r => r.Metric == Metric.BedOccupied).Value);
                    break;
                default:
                    Assert.Fail($"'{word}' is not looked for");
                    break;
            }
        }

        if (name == "events" && !words.Contains("sos"))
            Assert.DoesNotContain(into.Readings, r => r.Metric == Metric.Button);
    }

    private static DecodedPayload Decode(string profile, string payload)
    {
        var into = new DecodedPayload();
        into.Reset("", Outcome.Received);
        Assert.Null(Profiles.Find(profile)!.DecodeLine(payload, "", into));
        return into;
    }
}
