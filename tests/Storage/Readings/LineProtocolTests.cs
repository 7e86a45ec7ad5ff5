using System.Globalization;
using System.Text;
using CsCheck;
using Vigil.Model;
using Vigil.Storage.Readings.Influx;

namespace Vigil.Tests.Storage.Readings;

public class LineProtocolTests
{
    private static readonly DateTime Noon = new(2026, 3, 1, 4, 0, 0, DateTimeKind.Utc);

    /// <summary>Texts with many characters that have a meaning in line protocol.</summary>
    private static readonly Gen<string> Nasty = Gen.Frequency(
            (
                3,
                Gen.OneOf(
                    new[] { ",", "=", " ", "\"", "\\", "\n", "\r", "\t", "%", "%5C", "\0", "\x7F", "水", "🆘", "é" }
                        .Select(t => Gen.Const(t))
                        .ToArray()
                )
            ),
            (2, Gen.Char.AlphaNumeric.Select(c => c.ToString()))
        )
        .Array[1, 24]
        .Select(string.Concat);

    private static readonly Gen<Reading> Readings = Gen.Select(
            Gen.Int[0, Metric.All.Count - 1],
            Nasty,
            Gen.OneOf(Gen.Const(""), Nasty),
            Gen.OneOf(Nasty.Select(t => (string?)t), Gen.Const((string?)null)),
            Gen.Double,
            Gen.Int[-1000000, 1000000],
            Gen.Bool,
            Gen.Long[0, 4_000_000_000_000_000]
        )
        .Select(
            (metric, device, channel, word, any, thousandths, few, microseconds) =>
                new Reading
                {
                    Device = new DeviceId(device),
                    Metric = Metric.All[metric],
                    Channel = channel,
                    Event = word,
                    Value = few ? thousandths / 1000.0 : any,
                    Longitude = Metric.All[metric].Kind == MetricKind.Location ? thousandths / 7.0 : 0,
                    Accuracy = thousandths / 3f,
                    Speed = few ? float.NaN : 1.5f,
                    Time = DateTime.UnixEpoch.AddTicks(microseconds * 10),
                    Received = DateTime.UnixEpoch.AddTicks(microseconds * 10 + 70),
                    Flags = (ReadingFlags)(thousandths & 63),
                }
        );

    [Fact]
    public void Whatever_a_reading_holds_a_reader_of_the_protocol_gets_back() =>
        Readings
            .Array[1, 5]
            .Sample(
                batch =>
                {
                    using var output = new PooledBytes(16);
                    foreach (var reading in batch)
                        LineProtocol.Write(output, reading);
                    var lines = LineProtocolReader.Read(Encoding.UTF8.GetString(output.Memory.Span));
                    Assert.Equal(batch.Length, lines.Count);
                    foreach (var (reading, line) in batch.Zip(lines))
                    {
                        Assert.Equal(reading.Metric.Name, line.Measurement);
                        Assert.Equal(reading.Device.Value, LineProtocol.Decode(line.Tags["device"]));
                        Assert.Equal(LineProtocol.Encode(reading.Device.Value), line.Tags["device"]);
                        Assert.Equal(reading.Channel, LineProtocol.Decode(line.Tags.GetValueOrDefault("channel", "")));
                        Assert.Equal(reading.Event, line.Fields.TryGetValue("event", out var word) ? LineProtocol.Decode(word) : null);
                        Assert.Equal(double.IsFinite(reading.Value), line.Fields.ContainsKey("value"));
                        if (double.IsFinite(reading.Value))
                            Assert.Equal(reading.Value, double.Parse(line.Fields["value"], CultureInfo.InvariantCulture));
                        Assert.Equal(LineProtocol.Nanoseconds(reading.Received) + "i", line.Fields["received"]);
                        Assert.Equal((int)reading.Flags + "i", line.Fields["flags"]);
                        Assert.Equal(reading.Time, LineProtocol.Time(line.Time));
                        if (reading.Metric.Kind != MetricKind.Location)
                            continue;
                        Assert.Equal(reading.Longitude, double.Parse(line.Fields["longitude"], CultureInfo.InvariantCulture));
                        Assert.Equal(reading.Accuracy, float.Parse(line.Fields["accuracy"], CultureInfo.InvariantCulture));
                    }
                },
                iter: 20_000
            );

    [Fact]
    public void A_plain_reading_is_a_plain_line()
    {
        using var output = new PooledBytes(16);
        LineProtocol.Write(
            output,
            new Reading
            {
                Device = new DeviceId("meter 7,a=b"),
                Metric = Metric.WaterVolume,
                Channel = "t1",
                Time = Noon,
                Received = Noon.AddSeconds(2),
                Value = -12.05,
            }
        );
        Assert.Equal(
            "water.volume,device=meter\\ 7\\,a\\=b,channel=t1 received=1772337602000000000i,flags=0i,value=-12.05 1772337600000000000\n",
            Encoding.UTF8.GetString(output.Memory.Span)
        );
    }

    [Theory]
    [InlineData("100%", "100%25")]
    [InlineData("a\\", "a%5C")]
    [InlineData("水表 1", "水表 1")]
    public void Only_what_the_protocol_cannot_hold_is_encoded(string text, string encoded)
    {
        Assert.Equal(encoded, LineProtocol.Encode(text));
        Assert.Equal(text, LineProtocol.Decode(encoded));
    }

    [Theory]
    [InlineData("50%")]
    [InlineData("%zz")]
    [InlineData("%4")]
    public void A_per_cent_sign_that_somebody_else_wrote_stays(string text) => Assert.Equal(text, LineProtocol.Decode(text));
}
