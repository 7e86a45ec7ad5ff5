using System.Globalization;
using System.Text;
using CsCheck;
using Vigil.Ingest.Decoding;
using Vigil.Model;

namespace Vigil.Tests.Ingest.Decoding;

public sealed class CareWatchDecoderTests
{
    private const string Family = "care_wearable_guardian";
    private static readonly CareWatchDecoder Decoder = new();

    public static TheoryData<string> All => Vector.Ids(Family, v => v.Format is "watch-3g-text" or "watch-iw-text");

    [Theory, MemberData(nameof(All))]
    public void A_frame_becomes_what_its_source_says(string id)
    {
        var v = Vector.Find(Family, id);
        var outcome = Outcome.Of(Decoder, v.Bytes);
        Assert.Null(outcome.Rejected);
        if (v.Text("device_id") is { } device)
            Assert.Equal(device, outcome.Device);
        if (v.Number("latitude") is { } latitude && v.Flag("fix_valid") != false)
        {
            var place = outcome.The(Metric.Location);
            Assert.Equal(latitude, place.Value, 1e-5);
            Assert.Equal(v.Number("longitude")!.Value, place.Longitude, 1e-5);
        }
        else
        {
            Assert.False(outcome.Has(Metric.Location));
        }

        if (v.Text("time_utc") is { } time)
            Assert.All(
                outcome.Readings,
                r => Assert.Equal(DateTime.Parse(time, CultureInfo.InvariantCulture, DateTimeStyles.AdjustToUniversal), r.Time)
            );
        foreach (
            var (name, metric) in new[]
            {
                ("battery", Metric.BatteryLevel),
                ("steps", Metric.Steps),
                ("satellites", Metric.LocationSatellites),
                ("heart_rate", Metric.HeartRate),
                ("systolic", Metric.BloodPressureSystolic),
                ("diastolic", Metric.BloodPressureDiastolic),
                ("spo2", Metric.BloodOxygen),
                ("blood_oxygen", Metric.BloodOxygen),
                ("temperature", Metric.BodyTemperature),
            }
        )
        {
            if (v.Number(name) is { } value)
                Assert.Equal(value, outcome.The(metric).Value);
        }

        if (v[name: "heart_rate"] is { ValueKind: System.Text.Json.JsonValueKind.Null })
            Assert.False(outcome.Has(Metric.HeartRate));
        var events = v["events"] is { } list ? list.EnumerateArray().Select(e => e.GetString()!).ToList() : [];
        if (v.Text("alarm") is "sos")
            events.Add("sos");
        Assert.Equal(events.Contains("sos"), outcome.Has(Metric.Button));
        Assert.Equal(events.Contains("take_off"), outcome.Readings.Any(r => r.Metric == Metric.Worn && r.Value == 0));
        Assert.False(outcome.Has(Metric.Fall));
    }

    [Theory]
    [InlineData("00200000")]
    [InlineData("00400000")]
    public void Both_fall_bits_are_a_fall(string status) => Assert.Equal("fall", Of(Ud("AL", status)).The(Metric.Fall).Event);

    [Theory]
    [InlineData("00020000", 1)]
    [InlineData("00000001", 1)]
    [InlineData("00000000", 0)]
    public void A_low_battery_is_an_alarm_bit_or_a_state_bit(string status, double low) =>
        Assert.Equal(low, Of(Ud("UD", status)).The(Metric.BatteryLow).Value);

    [Theory]
    [InlineData("UD_4G")]
    [InlineData("AL_TDSCDMA")]
    [InlineData("WT")]
    [InlineData("UD_WCDMA")]
    public void A_position_is_one_whatever_radio_stands_behind_its_kind(string kind) =>
        Assert.True(Of(Ud(kind, "00000000")).Has(Metric.Location));

    [Fact]
    public void The_makers_older_devices_speak_the_same_with_another_prefix()
    {
        var place = Of("TRVAP01261101A2232.9806N11404.9355E036.0061830323.8706000908000102,460,0,9520,3671#").The(Metric.Location);
        Assert.Equal(new DateTime(2026, 11, 1, 6, 18, 30, DateTimeKind.Utc), place.Time);
        var beat = Of("TRVCP01,06000908000102#");
        Assert.Equal((80, 1), (beat.The(Metric.BatteryLevel).Value, beat.The(Metric.Online).Value));
    }

    [Fact]
    public void Back_fill_is_history() => Assert.True(Of(Ud("UD2", "00000000")).The(Metric.Location).Has(ReadingFlags.History));

    [Theory]
    [InlineData("[3G*1*0000*heart,0]")]
    [InlineData("[3G*1*0000*heart,255]")]
    [InlineData("[3G*1*0000*oxygen,0,0]")]
    [InlineData("[3G*1*0000*btemp2,1,0]")]
    [InlineData("[3G*1*0000*bphrt,0,0,0]")]
    [InlineData("IWAPHT,0,0,0#")]
    public void Nothing_measured_is_no_reading(string frame)
    {
        var outcome = Of(frame);
        Assert.Null(outcome.Rejected);
        Assert.Empty(outcome.Readings);
    }

    [Fact]
    public void Blood_pressure_and_pulse_come_together()
    {
        var outcome = Of("[3G*1*000C*bphrt,130,85,72,0,0,0,0]");
        Assert.Equal(
            (130, 85, 72, 1),
            (
                outcome.The(Metric.BloodPressureSystolic).Value,
                outcome.The(Metric.BloodPressureDiastolic).Value,
                outcome.The(Metric.HeartRate).Value,
                outcome.The(Metric.Worn).Value
            )
        );
    }

    [Theory]
    [InlineData("01", "button", "sos")]
    [InlineData("05", "fall", "fall")]
    [InlineData("06", "fall", "fall")]
    public void An_alarm_of_the_other_protocol_has_a_code(string code, string metric, string word) =>
        Assert.Equal(
            word,
            Of($"IWAP10261101A2232.9806N11404.9355E000.1061830323.8706000908000502,460,0,9520,3671,{code},zh-cn,00#")
                .The(Metric.Parse(metric))
                .Event
        );

    [Fact]
    public void A_position_of_the_other_protocol_has_time_speed_battery_and_satellites()
    {
        var outcome = Of("IWAP01261101A2232.9806N11404.9355E036.0061830323.8706000908000102,460,0,9520,3671#");
        var place = outcome.The(Metric.Location);
        Assert.Equal(new DateTime(2026, 11, 1, 6, 18, 30, DateTimeKind.Utc), place.Time);
        Assert.Equal(10, place.Speed, 1e-5);
        Assert.Equal(
            (80, 9, 60, 323.87),
            (
                outcome.The(Metric.BatteryLevel).Value,
                outcome.The(Metric.LocationSatellites).Value,
                outcome.The(Metric.SignalStrength).Value,
                outcome.The(Metric.LocationCourse).Value
            )
        );
    }

    [Fact]
    public void A_heartbeat_of_the_other_protocol_counts_steps()
    {
        var outcome = Of("IWAP03,06000908000102,5555,30#");
        Assert.Equal(
            (5555, 80, 1),
            (outcome.The(Metric.Steps).Value, outcome.The(Metric.BatteryLevel).Value, outcome.The(Metric.Online).Value)
        );
    }

    [Fact]
    public void Positions_in_the_datum_of_a_map_are_moved_to_the_satellites_one()
    {
        var place = Outcome
            .Of(new CareWatchDecoder(Datum.Gcj02), Encoding.ASCII.GetBytes(Ud("UD", "00000000", "22.540796", "113.917176")))
            .The(Metric.Location);
        Assert.Equal(22.543847, place.Value, 1e-5);
        Assert.Equal(113.912316, place.Longitude, 1e-5);
    }

    [Fact]
    public void A_clock_in_Chinese_time_is_moved_to_utc() =>
        Assert.Equal(
            new DateTime(2026, 11, 1, 4, 0, 0, DateTimeKind.Utc),
            Outcome.Of(new CareWatchDecoder(chinaTime: true), Encoding.ASCII.GetBytes(Ud("UD", "00000000"))).The(Metric.Location).Time
        );

    [Fact]
    public void An_sos_with_a_garbage_clock_is_still_told() =>
        Assert.Equal("sos", Of(Ud("AL", "00010000").Replace("011126", "991399", StringComparison.Ordinal)).The(Metric.Button).Event);

    [Fact]
    public void Several_frames_in_one_payload_are_all_read_and_a_broken_one_costs_only_itself()
    {
        var outcome = Of("[3G*7*0008*heart,61][3G*7*" + "[3G*8*0008*heart,62]IWAP49,63#[3G*9*00");
        Assert.Equal([61, 62, 63], outcome.Readings.Where(r => r.Metric == Metric.HeartRate).Select(r => r.Value));
    }

    [Theory]
    [InlineData("[3G*6907919734*003e*AL_LTE,170525,214118,V", "closing")]
    [InlineData("[3G*1*0000*heart,many]", "number")]
    [InlineData("[3G*1*0000*UD,170525,214118,V,0,N]", "17 fields")]
    [InlineData("[3G**0000*LK]", "device")]
    [InlineData("[3G*1*zz*LK]", "length")]
    [InlineData("hello", "no watch frame")]
    public void What_cannot_be_read_is_refused_with_a_reason(string payload, string why) =>
        Assert.Contains(why, Of(payload).Rejected, StringComparison.Ordinal);

    [Fact]
    public void No_bytes_whatever_throw()
    {
        var good = Vector.Of(Family).Where(v => v.Format is "watch-3g-text" or "watch-iw-text").Select(v => v.Bytes).ToArray();
        Mutation
            .Of(good)
            .Sample(
                b =>
                {
                    Outcome.Of(Decoder, b);
                },
                iter: 20_000
            );
    }

    private static Outcome Of(string text) => Outcome.Of(Decoder, Encoding.ASCII.GetBytes(text));

    private static string Ud(string kind, string status, string latitude = "22.571707", string longitude = "113.8613968") =>
        $"[3G*8800000015*0087*{kind},011126,120000,A,{latitude},N,{longitude},E,0.1,0.0,100,7,60,90,1000,50,{status},0]";
}
