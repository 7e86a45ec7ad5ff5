using System.Text;
using Vigil.Ingest.Decoding;
using Vigil.Model;

namespace Vigil.Tests.Ingest.Decoding;

/// <summary>
/// SenML with words as values, and packs with a record that can't be used: what can be read is read, and the rest is kept with the reason.
/// </summary>
public sealed class SenMlDecoderTests
{
    [Theory]
    [InlineData("smoke", "on", 1)]
    [InlineData("smoke", "yes", 1)]
    [InlineData("smoke", "TRUE", 1)]
    [InlineData("smoke", "1", 1)]
    [InlineData("smoke", "alarm", 1)]
    [InlineData("smoke", "off", 0)]
    [InlineData("smoke", "clear", 0)]
    [InlineData("smoke", " no ", 0)]
    [InlineData("door.open", "open", 1)]
    [InlineData("door.open", "Closed", 0)]
    [InlineData("valve.closed", "closed", 1)]
    [InlineData("valve.closed", "open", 0)]
    [InlineData("valve.closed", "true", 1)]
    [InlineData("online", "offline", 0)]
    [InlineData("bed.occupied", "vacant", 0)]
    [InlineData("battery.level", "81.5", 81.5)]
    public void A_word_is_the_state_it_says(string metric, string word, double value)
    {
        var (reason, into) = Decode($$"""[{"bn":"smoke9/","n":"{{metric}}","vs":"{{word}}"}]""");
        Assert.Null(reason);
        Assert.Null(into.Partly);
        var reading = Assert.Single(into.Readings);
        Assert.Equal(("smoke9", metric, value), (reading.Device.Value, reading.Metric.Name, reading.Value));
    }

    [Theory]
    [InlineData("""[{"n":"smoke","vs":"perhaps"}]""", "record 1: 'perhaps' is no value of smoke")]
    [InlineData("""[{"n":"battery.level","vs":"on"}]""", "record 1: 'on' is no value of battery.level")]
    [InlineData("""[{"n":"battery.level","vs":"NaN"}]""", "record 1: 'NaN' is no value of battery.level")]
    [InlineData("""[{"n":"battery.level","vb":true}]""", "record 1: 'vb' is no value of battery.level")]
    [InlineData("""[{"n":"air.temperature","s":4}]""", "record 1: 's' is no value of air.temperature")]
    [InlineData("""[{"n":"location","v":23.1}]""", "record 1: 'v' is no value of location")]
    [InlineData("""[{"bv":1e308,"n":"battery.level","v":1e308}]""", "record 1: 'v' is no value of battery.level")]
    public void What_says_nothing_is_refused_with_why(string payload, string why)
    {
        var (reason, into) = Decode(payload);
        Assert.Equal(why, reason);
        Assert.Empty(into.Readings);
    }

    [Fact]
    public void A_detector_is_heard_although_what_stands_beside_it_cannot_be_used_and_that_is_said()
    {
        var (reason, into) = Decode(
            """
            [{"bn":"smoke9/","n":"firmware","vs":"1.2"},{"n":"smoke","vb":true},{"n":"battery.level","u":"kg","v":81},
             {"n":"air.temperature","v":21}]
            """
        );
        Assert.Null(reason);
        Assert.Equal([Metric.Smoke, Metric.AirTemperature], into.Readings.Select(r => r.Metric));
        Assert.Equal(
            "record 1: 'smoke9/firmware' does not end in one of Vigil's metrics; another record can't be used either",
            into.Partly?.En
        );
    }

    private static (string? Reason, DecodedPayload Into) Decode(string payload)
    {
        var into = new DecodedPayload();
        into.Reset("d", Outcome.Received);
        return (new SenMlDecoder().Decode(Encoding.UTF8.GetBytes(payload), "vigil/d/up", into)?.En, into);
    }
}
