using Vigil.Ingest.Decoding;
using Vigil.Ingest.Profiles;
using Vigil.Model;

namespace Vigil.Tests.Ingest.Decoding.LoRaWan;

/// <summary>Layouts that are code, tested with frames from makers' manuals and standards.</summary>
public sealed class LayoutTests
{
    private static readonly ProfileSet Profiles = ProfileSet.Load(Path.Combine(AppContext.BaseDirectory, "devices"), []);

    [Theory]
    [InlineData("03670110056700ff", "air.temperature[3]=27.2 air.temperature[5]=25.5")]
    [InlineData("01670000026850", "air.temperature[1]=0 air.humidity[2]=40")]
    [InlineData("0167ffd7", "air.temperature[1]=-4.1")]
    [InlineData(
        "037401cc0475012c058000c80683000003e8",
        "electricity.voltage[3]=4.6 electricity.current[4]=0.3 electricity.power[5]=200 electricity.energy[6]=1"
    )]
    [InlineData("01850000000a026601", "presence[2]=1")]
    [InlineData("0178640265012c", "battery.level[1]=100 illuminance[2]=300")]
    public void Cayenne_keeps_the_channel(string hex, string readings) => Assert.Equal(readings, Shown("cayenne-lpp", hex));

    [Fact]
    public void Cayenne_without_a_fix_has_no_place() => Assert.Equal("", Shown("cayenne-lpp", "0188000000000000000000"));

    [Theory]
    [InlineData("06765ff2960a4b4504d2fb2e", 42.3519, -87.9094)] // the user manual's example
    [InlineData("015a785406cf33d80d2060004b0190", 22.70626, 114.24252)]
    public void Both_generations_of_a_tracker_are_read(string hex, double latitude, double longitude)
    {
        var place = Assert.Single(Decode("dragino/lgt92", hex).Readings, r => r.Metric == Metric.Location);
        Assert.Equal((latitude, longitude), (Math.Round(place.Value, 6), Math.Round(place.Longitude, 6)));
    }

    [Theory]
    [InlineData("4b45", true)]
    [InlineData("0b45", false)]
    public void The_alarm_bit_of_the_manual_is_the_sos_button(string battery, bool pressed)
    {
        var readings = Decode("dragino/lgt92", "00000000" + "00000000" + battery + "64").Readings;
        Assert.Equal(pressed, readings.Any(r => r.Metric == Metric.Button && r.Event == "sos"));
        Assert.Equal(2.885, Assert.Single(readings, r => r.Metric == Metric.BatteryVoltage).Value);
    }

    [Theory]
    [InlineData("0fffff0fffff0b4504d2fb2e")]
    [InlineData("ffffffffffffffff0b4564")]
    [InlineData("00000000000000000b4564")]
    public void A_receiver_that_is_off_or_blind_has_no_place(string hex) =>
        Assert.DoesNotContain(Decode("dragino/lgt92", hex).Readings, r => r.Metric == Metric.Location);

    [Fact]
    public void A_meters_records_of_other_storage_and_tariffs_are_not_the_running_total()
    {
        // 04 06 total 10 kWh, 44 06 the same on the last settlement day, 84 10 06 tariff 1, 0C 06 F-sign BCD, 04 6D time.
        var shown = Shown("elvaco/cmi4140", "15" + "04060a000000" + "440605000000" + "84100603000000" + "046d00000000" + "0213e803");
        Assert.Equal("heat.energy=10 heat.volume=1", shown);
        Assert.Equal("heat.energy=-12", Shown("elvaco/cmi4140", "15" + "0c06120000f0" + "2f2f2f2f2f2f"));
    }

    [Fact]
    public void A_frame_of_a_field_test_device_is_as_long_as_its_flags_say()
    {
        var place = Assert.Single(
            Decode("adeunis/field-test", "9f14520572600000598017fefe105f1707").Readings,
            r => r.Metric == Metric.Location
        );
        Assert.Equal((52.095433, 0.099667), (Math.Round(place.Value, 6), Math.Round(place.Longitude, 6)));
        var into = new DecodedPayload();
        into.Reset("", Outcome.Received);
        Assert.Contains(
            "flags ask for",
            Profiles.Find("adeunis/field-test")!.DecodeLine("9f1452057260", "", into)?.En,
            StringComparison.Ordinal
        );
    }

    [Theory]
    [InlineData("0ea0355d30293500009a", "35 and more")]
    [InlineData("0ea0355d", "35 and more")]
    public void A_cut_meter_frame_is_refused(string hex, string why)
    {
        var into = new DecodedPayload();
        into.Reset("", Outcome.Received);
        Assert.Contains(why, Profiles.Find("axioma/qalcosonic-w1")!.DecodeLine(hex, "", into, 100)?.En, StringComparison.Ordinal);
    }

    private static string Shown(string profile, string hex) =>
        string.Join(
            ' ',
            Decode(profile, hex)
                .Readings.Select(r =>
                    $"{r.Metric}{(r.Channel.Length > 0 ? $"[{r.Channel}]" : "")}="
                    + Math.Round(r.Value, 6).ToString(System.Globalization.CultureInfo.InvariantCulture)
                )
        );

    private static DecodedPayload Decode(string profile, string hex)
    {
        var into = new DecodedPayload();
        into.Reset("", Outcome.Received);
        var reason = Profiles.Find(profile)!.DecodeLine(hex, "", into);
        Assert.True(reason is null, reason?.En);
        return into;
    }
}
