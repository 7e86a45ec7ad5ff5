using System.Text;
using CsCheck;
using Vigil.Ingest.Decoding;
using Vigil.Model;

namespace Vigil.Tests.Ingest.Decoding;

public sealed class Nmea0183DecoderTests
{
    private const string Family = "nmea_beidou";
    private static readonly Nmea0183Decoder Decoder = new();

    public static TheoryData<string> Good => Vector.Ids(Family, v => !v.Negative);

    public static TheoryData<string> Bad => Vector.Ids(Family, v => v.Negative);

    [Theory, MemberData(nameof(Good))]
    public void A_sentence_becomes_what_its_source_says(string id)
    {
        var v = Vector.Find(Family, id);
        var outcome = Outcome.Of(Decoder, v.Bytes);
        Assert.Null(outcome.Rejected);
        var valid = v.Flag("valid") != false && v.Number("fix_quality") != 0 && v.Text("modes")?.Trim('N') != "";
        if (v.Number("latitude") is { } latitude && valid)
        {
            var place = outcome.The(Metric.Location);
            Assert.Equal(latitude, place.Value, 1e-6);
            Assert.Equal(v.Number("longitude")!.Value, place.Longitude, 1e-6);
            if (v.Number("speed_kn") is { } knots)
                Assert.Equal(knots * 1852 / 3600, place.Speed, 1e-4);
            else
                Assert.True(float.IsNaN(place.Speed));
            if (v.Text("time_utc") is { } time)
                Assert.Equal(DateTime.Parse(time, null, System.Globalization.DateTimeStyles.RoundtripKind), place.Time);
            else if (v.Text("time_of_day_utc") is { } ofDay)
                Assert.Equal(TimeSpan.Parse(ofDay), place.Time.TimeOfDay);
            if (v.Text("date") is { } date)
                Assert.Equal(date, $"{place.Time:yyyy-MM-dd}");
            Assert.True(place.Time <= Outcome.Received);
        }
        else
        {
            Assert.False(outcome.Has(Metric.Location));
        }

        foreach (
            var (name, metric) in new[]
            {
                ("altitude_msl", Metric.LocationAltitude),
                ("course", Metric.LocationCourse),
                ("fix_quality", Metric.LocationQuality),
                ("satellites_used", Metric.LocationSatellites),
                ("hdop", Metric.LocationHdop),
                ("pdop", Metric.LocationPdop),
                ("vdop", Metric.LocationVdop),
            }
        )
        {
            if (v.Number(name) is { } value)
                Assert.Equal(value, outcome.The(metric).Value, 1e-9);
            else
                Assert.False(outcome.Has(metric));
        }

        if (v.Number("in_view") is { } view && v.Number("index") == 1)
            Assert.Equal(view, outcome.The(Metric.LocationSatellitesInView, "beidou").Value);
    }

    [Theory, MemberData(nameof(Bad))]
    public void A_broken_sentence_is_refused_with_a_reason(string id) =>
        Assert.NotNull(Outcome.Of(Decoder, Vector.Find(Family, id).Bytes).Rejected);

    [Fact]
    public void Sentences_of_one_moment_become_one_location_with_the_date_of_rmc_and_the_height_of_gga()
    {
        var outcome = Of(
            "$GNGGA,031649.50,4958.42331,N,00909.23445,E,1,09,1.08,156.1,M,47.7,M,,*4A\r\n"
                + "$GNRMC,031649.50,A,4958.42331,N,00909.23445,E,1.039,,250516,,,A*6F\r\n"
        );
        var place = outcome.The(Metric.Location);
        Assert.Equal(new DateTime(2016, 5, 25, 3, 16, 49, 500, DateTimeKind.Utc), place.Time);
        Assert.Equal(1.039 * 1852 / 3600, place.Speed, 1e-5);
        Assert.Equal(5.4, place.Accuracy, 1e-4); // HDOP 1.08 × 5 m
        var height = outcome.The(Metric.LocationAltitude);
        Assert.Equal(156.1, height.Value);
        Assert.Equal(place.Time, height.Time);
    }

    [Fact]
    public void Two_moments_become_two_locations()
    {
        var outcome = Of(
            "$GNRMC,000653.00,A,4404.12994,N,12118.84613,W,0.052,,090624,,,A,V*08\r\n"
                + "$GNGGA,000653.00,4404.12994,N,12118.84613,W,1,29,0.69,1109.2,M,,M,,*71\r\n"
                + "$GNRMC,000654.00,A,4404.12993,N,12118.84616,W,0.071,,090624,,,A,V*0C\r\n"
                + "$GNGGA,000654.00,4404.12993,N,12118.84616,W,1,29,0.63,1109.3,M,,M,,*7F\r\n"
        );
        Assert.Equal(["00:06:53", "00:06:54"], outcome.Readings.Where(r => r.Metric == Metric.Location).Select(r => $"{r.Time:HH:mm:ss}"));
        Assert.Equal([1109.2, 1109.3], outcome.Readings.Where(r => r.Metric == Metric.LocationAltitude).Select(r => r.Value));
    }

    [Theory]
    [InlineData("$GBGGA,071634.00,2239.372067,N,11402.653048,E,1,00,500.0,,,,,,*4B")] // HDOP 500
    [InlineData("$GNRMC,095200.993,A,3028.09020,N,11423.28576,E,0.24,0.00,270225,,,E,V*0C")] // dead reckoning
    public void A_position_that_is_no_fix_to_act_on_is_suspect(string sentence) =>
        Assert.True(Of(sentence).The(Metric.Location).Has(ReadingFlags.Suspect));

    [Fact]
    public void A_time_of_day_without_a_date_is_the_latest_one_before_the_arrival()
    {
        var outcome = Outcome.Of(
            Decoder,
            Encoding.ASCII.GetBytes(Sum("GNGGA,235950.00,2239.372067,N,11402.653048,E,1,08,1.0,20.0,M,0.0,M,,")),
            new DateTime(2026, 3, 2, 0, 0, 5, DateTimeKind.Utc)
        );
        Assert.Equal(new DateTime(2026, 3, 1, 23, 59, 50, DateTimeKind.Utc), outcome.The(Metric.Location).Time);
    }

    [Fact]
    public void A_clock_that_was_never_set_is_replaced_by_the_arrival()
    {
        var place = Of(Sum("GBRMC,000010.700,A,2239.372067,N,11402.653048,E,0.1,,050180,,,A,V")).The(Metric.Location);
        Assert.Equal(Outcome.Received, place.Time);
        Assert.True(place.Has(ReadingFlags.ClockWrong));
    }

    [Fact]
    public void A_broken_sentence_beside_good_ones_costs_only_itself() =>
        Assert.Equal(
            31.205761167,
            Of("$GNGGA,0312*00\r\n$BDRMC,025551.000,A,3112.34567,N,12134.56789,E,0.10,15.0,300426,,,A,V*07\r\n$GNGSA,A,3")
                .The(Metric.Location)
                .Value,
            1e-8
        );

    [Theory]
    [InlineData("GNRMC,025551.000,A,9112.34567,N,12134.56789,E,0.10,15.0,300426,,,A", "out of range")]
    [InlineData("GNRMC,025551.000,A,3160.00000,N,12134.56789,E,0.10,15.0,300426,,,A", "out of range")]
    [InlineData("GNRMC,025551.000,A,3112.34567,X,12134.56789,E,0.10,15.0,300426,,,A", "side")]
    [InlineData("GNRMC,255551.000,A,3112.34567,N,12134.56789,E,0.10,15.0,300426,,,A", "hhmmss")]
    [InlineData("GNRMC,025551.000,A,3112.34567,N,12134.56789,E,fast,15.0,300426,,,A", "speed")]
    [InlineData("GNRMC,025551.000,A,3112.34567,N,12134.56789,E,0.10,15.0,310226,,,A", "date")]
    public void A_field_that_cannot_be_is_named_in_the_refusal(string body, string why) =>
        Assert.Contains(why, Of(Sum(body)).Rejected, StringComparison.Ordinal);

    [Fact]
    public void No_bytes_whatever_throw()
    {
        var good = Vector.Of(Family).Select(v => v.Bytes).ToArray();
        Mutation
            .Of(good)
            .Sample(
                b =>
                {
                    Outcome.Of(Decoder, b);
                },
                iter: 5_000
            );
    }

    private static Outcome Of(string text) => Outcome.Of(Decoder, Encoding.ASCII.GetBytes(text));

    private static string Sum(string body) => $"${body}*{body.Aggregate(0, (x, c) => x ^ c):X2}";
}
