using System.Text;
using Vigil.Ingest.Decoding;
using Vigil.Ingest.Profiles;
using Vigil.Model;

namespace Vigil.Tests.Ingest.Decoding;

/// <summary>JSON with a mapping, from devices that write sloppy JSON.</summary>
public sealed class JsonMapDecoderTests
{
    [Fact]
    public void A_press_is_told_although_its_time_cannot_be_read_and_a_mere_value_is_refused()
    {
        var press = Read("""{"action":"emergency","last_seen":"yesterday"}""");
        Assert.Equal(("sos", true), (press.Single(r => r.Metric == Metric.Button).Event, press[0].Has(ReadingFlags.ClockWrong)));
        Assert.Contains("is not a time", Why("""{"temperature":21,"last_seen":"yesterday"}"""), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("""{"battery":80,"battery":5}""", "twice")]
    [InlineData("""{"battery":80}{"battery":5}""", "after a single JSON value")]
    [InlineData("""{"battery":1e999}""", null)]
    [InlineData("""{"battery":NaN}""", "not JSON")]
    public void What_is_ambiguous_or_no_JSON_is_refused_and_a_number_beyond_numbers_says_nothing(string payload, string? why)
    {
        if (why is null)
            Assert.Empty(Read(payload));
        else
            Assert.Contains(why, Why(payload), StringComparison.Ordinal);
    }

    [Fact]
    public void Too_deep_is_refused_and_a_byte_order_mark_is_not()
    {
        Assert.Contains(
            "not JSON",
            Why(string.Concat(Enumerable.Repeat("{\"a\":", 40)) + "1" + new string('}', 40)),
            StringComparison.Ordinal
        );
        Assert.Equal(80, Assert.Single(Read("\uFEFF{\"battery\":80}")).Value);
    }

    [Theory]
    [InlineData("senml", "vigil/w-1/up", """[{"n":"button","vs":"sos","t":-62135596801}]""")]
    [InlineData("zigbee2mqtt", "zigbee2mqtt/d", """{"action":"emergency","last_seen":-99999999999}""")]
    public void A_press_before_the_beginning_of_time_is_told_with_its_clock_marked(string profile, string topic, string payload)
    {
        var into = new DecodedPayload();
        into.Reset("w-1", Outcome.Received);
        Assert.Null(
            ProfileSet
                .Load(Path.Combine(AppContext.BaseDirectory, "devices"), [])
                .Find(profile)!
                .Decode(Encoding.UTF8.GetBytes(payload), topic, into)
        );
        var press = into.Readings.Single(r => r.Metric == Metric.Button);
        Assert.Equal((Outcome.Received, true), (press.Time, press.Has(ReadingFlags.ClockWrong)));
    }

    private static IReadOnlyList<Reading> Read(string payload)
    {
        var (reason, into) = Decode(payload);
        Assert.Null(reason);
        return into.Readings;
    }

    private static string Why(string payload) => Decode(payload).Reason ?? "nothing";

    private static (string? Reason, DecodedPayload Into) Decode(string payload)
    {
        var profile = ProfileSet.Load(Path.Combine(AppContext.BaseDirectory, "devices"), []).Find("zigbee2mqtt")!;
        var into = new DecodedPayload();
        into.Reset("d", Outcome.Received);
        return (profile.Decoder.Decode(Encoding.UTF8.GetBytes(payload), "zigbee2mqtt/d", into)?.En, into);
    }
}
