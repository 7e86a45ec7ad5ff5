using System.Buffers.Binary;
using System.Globalization;
using System.Text.Json;
using CsCheck;
using Vigil.Ingest.Decoding;
using Vigil.Model;

namespace Vigil.Tests.Ingest.Decoding;

public sealed class Jt808DecoderTests
{
    private const string Family = "jt808";
    private const uint Fix = 2;
    private static readonly Jt808Decoder Decoder = new();

    public static TheoryData<string> Good => Vector.Ids(Family, v => !v.Negative);

    public static TheoryData<string> Bad => Vector.Ids(Family, v => v.Negative);

    [Theory, MemberData(nameof(Good))]
    public void A_frame_becomes_what_its_source_says(string id)
    {
        var v = Vector.Find(Family, id);
        // Three vectors are the body of a position only, so they are put into a frame here.
        var outcome = Outcome.Of(Decoder, v.Format.EndsWith("-body", StringComparison.Ordinal) ? Frame(0x0200, v.Bytes) : v.Bytes);
        Assert.Null(outcome.Rejected);
        if (v.Text("phone_bcd") is { } phone)
            Assert.Equal(phone, outcome.Device);
        if (v.Derived("positions") is { } positions)
        {
            var at = 0;
            foreach (var position in positions.EnumerateArray())
            {
                var flat = position.EnumerateObject().ToDictionary(p => p.Name, p => p.Value.GetProperty("value"));
                Compare(
                    name => flat.TryGetValue(name, out var value) && value.ValueKind != JsonValueKind.Null ? value : null,
                    Positions(outcome)[at++],
                    v.Number("batch_type") == 1
                );
            }

            Assert.Equal(at, Positions(outcome).Count);
        }
        else if (v.Derived("status_flags") is not null)
        {
            Compare(v.Derived, outcome.Readings, history: false);
        }
        else
        {
            Assert.All(outcome.Readings, r => Assert.Equal(Metric.Online, r.Metric));
        }
    }

    [Theory, MemberData(nameof(Bad))]
    public void A_broken_frame_is_refused_with_a_reason(string id) =>
        Assert.NotNull(Outcome.Of(Decoder, Vector.Find(Family, id).Bytes).Rejected);

    [Fact]
    public void An_sos_is_told_even_when_clock_and_place_are_garbage()
    {
        var outcome = Outcome.Of(Decoder, Frame(0x0200, Body(alarm: 1, status: 0, 0, 0, "FF9999999999")));
        var press = outcome.The(Metric.Button);
        Assert.Equal("sos", press.Event);
        Assert.Equal(Outcome.Received, press.Time);
        Assert.True(press.Has(ReadingFlags.ClockWrong));
        Assert.False(outcome.Has(Metric.Location));
    }

    [Fact]
    public void A_broken_frame_does_not_cost_the_sos_beside_it()
    {
        byte[] both = [.. Vector.Find(Family, "jt808-106").Bytes, .. Frame(0x0200, Body(1, Fix, 22_500_000, 113_900_000, "261101120000"))];
        Assert.Equal("sos", Outcome.Of(Decoder, both).The(Metric.Button).Event);
    }

    [Fact]
    public void Frames_may_share_their_flag()
    {
        byte[] both =
        [
            .. Frame(0x0200, Body(0, Fix, 22_500_000, 113_900_000, "261101120000"))[..^1],
            .. Frame(0x0200, Body(1, Fix, 22_600_000, 113_900_000, "261101120001")),
        ];
        var outcome = Outcome.Of(Decoder, both);
        Assert.Equal([22.5, 22.6], outcome.Readings.Where(r => r.Metric == Metric.Location).Select(r => r.Value));
        Assert.True(outcome.Has(Metric.Button));
    }

    [Theory]
    [InlineData(0u, 22.5, 113.9)]
    [InlineData(4u, -22.5, 113.9)]
    [InlineData(8u, 22.5, -113.9)]
    [InlineData(12u, -22.5, -113.9)]
    public void South_and_west_are_bits_beside_a_magnitude(uint bits, double latitude, double longitude)
    {
        var place = Outcome.Of(Decoder, Frame(0x0200, Body(0, Fix | bits, 22_500_000, 113_900_000, "261101120000"))).The(Metric.Location);
        Assert.Equal((latitude, longitude), (place.Value, place.Longitude));
    }

    [Fact]
    public void A_position_without_a_fix_or_at_null_island_is_no_location()
    {
        Assert.False(Outcome.Of(Decoder, Frame(0x0200, Body(0, 0, 22_500_000, 113_900_000, "261101120000"))).Has(Metric.Location));
        Assert.False(Outcome.Of(Decoder, Frame(0x0200, Body(0, Fix, 0, 0, "261101120000"))).Has(Metric.Location));
    }

    [Fact]
    public void A_latitude_above_ninety_is_suspect() =>
        Assert.True(
            Outcome
                .Of(Decoder, Frame(0x0200, Body(0, Fix, 116_307_629, 40_058_359, "261101120000")))
                .The(Metric.Location)
                .Has(ReadingFlags.Suspect)
        );

    [Fact]
    public void Back_fill_is_history_and_a_clock_of_zeros_is_the_arrival()
    {
        var body = Body(0, Fix, 22_500_000, 113_900_000, "000000000000");
        var outcome = Outcome.Of(Decoder, Frame(0x0704, [0, 1, 1, 0, (byte)body.Length, .. body]));
        var place = outcome.The(Metric.Location);
        Assert.True(place.Has(ReadingFlags.History) && place.Has(ReadingFlags.ArrivalTime) && !place.Has(ReadingFlags.ClockWrong));
        Assert.Equal(Outcome.Received, place.Time);
    }

    [Fact]
    public void The_supply_is_told_when_it_goes_and_when_it_comes_back()
    {
        Assert.Equal(1, Outcome.Of(Decoder, Frame(0x0200, Body(0x180, Fix, 1, 1, "261101120000"))).The(Metric.PowerLost).Value);
        Assert.Equal(1, Outcome.Of(Decoder, Frame(0x0200, Body(0x180, Fix, 1, 1, "261101120000"))).The(Metric.BatteryLow).Value);
        Assert.Equal(0, Outcome.Of(Decoder, Frame(0x0200, Body(0, Fix, 1, 1, "261101120000"))).The(Metric.PowerLost).Value);
    }

    [Fact]
    public void A_collision_is_an_alarm_with_a_word() =>
        Assert.Equal(
            "collision",
            Outcome.Of(Decoder, Frame(0x0200, Body(1u << 29, Fix, 1, 1, "261101120000"))).The(Metric.DeviceAlarm).Event
        );

    [Fact]
    public void Both_halves_of_the_analog_item_are_told()
    {
        var outcome = Outcome.Of(Decoder, Frame(0x0200, [.. Body(0, Fix, 1, 1, "261101120000"), 0x2B, 4, 0, 7, 1, 0]));
        Assert.Equal((256, 7), (outcome.The(Metric.AnalogInput, "0").Value, outcome.The(Metric.AnalogInput, "1").Value));
    }

    [Fact]
    public void Parts_in_one_payload_are_one_message_and_a_lone_first_part_is_read_as_far_as_it_goes()
    {
        var position = Body(0, Fix, 22_500_000, 113_900_000, "261101120000");
        byte[] batch = [0, 3, 0, .. Item(position), .. Item(position), .. Item(position)];
        byte[] first = Frame(0x0704, batch[..70], part: 1, parts: 2),
            second = Frame(0x0704, batch[70..], part: 2, parts: 2);
        Assert.Equal(3, Positions(Outcome.Of(Decoder, [.. first, .. second])).Count);
        Assert.Equal(2, Positions(Outcome.Of(Decoder, first)).Count);
        var rest = Outcome.Of(Decoder, second);
        Assert.Null(rest.Rejected);
        Assert.Empty(rest.Readings);

        static byte[] Item(byte[] body) => [0, (byte)body.Length, .. body];
    }

    [Fact]
    public void The_registrys_name_of_a_locator_stays_when_only_padding_differs() =>
        Assert.Equal("12345678901", Outcome.Of(Decoder, Frame(0x0002, [], phone: "012345678901"), topicDevice: "12345678901").Device);

    [Fact]
    public void No_bytes_whatever_throw()
    {
        var good = Vector.Of(Family).Select(v => v.Bytes).ToArray();
        Mutation
            .Of(good, Seal)
            .Sample(
                b =>
                {
                    Outcome.Of(Decoder, b);
                },
                iter: 20_000
            );
    }

    private static void Compare(Func<string, JsonElement?> expected, IReadOnlyList<Reading> readings, bool history)
    {
        var outcome = new Outcome(null, "", readings);
        var time = DateTime.Parse(
            expected("time_utc")!.Value.GetString()!,
            CultureInfo.InvariantCulture,
            DateTimeStyles.AdjustToUniversal | DateTimeStyles.AssumeUniversal
        );
        if (time > Outcome.Received)
            time = Outcome.Received;
        Assert.All(readings, r => Assert.Equal((time, history), (r.Time, r.Has(ReadingFlags.History))));
        double latitude = expected("latitude_deg")!.Value.GetDouble(),
            longitude = expected("longitude_deg")!.Value.GetDouble();
        if (expected("fix_valid")!.Value.GetBoolean() && (latitude != 0 || longitude != 0))
        {
            var place = outcome.The(Metric.Location);
            Assert.Equal(latitude, place.Value, 1e-9);
            Assert.Equal(longitude, place.Longitude, 1e-9);
            Assert.Equal(expected("speed_kmh")!.Value.GetDouble() / 3.6, place.Speed, 1e-4);
            Assert.Equal(Math.Abs(latitude) > 90, place.Has(ReadingFlags.Suspect));
            Assert.Equal(unchecked((short)expected("altitude_m")!.Value.GetInt32()), outcome.The(Metric.LocationAltitude).Value);
            Assert.Equal(expected("course_deg")!.Value.GetDouble(), outcome.The(Metric.LocationCourse).Value);
        }
        else
        {
            Assert.False(outcome.Has(Metric.Location));
        }

        Assert.Equal(expected("acc_on")!.Value.GetBoolean() ? 1 : 0, outcome.The(Metric.VehicleIgnition).Value);
        var alarms = expected("alarms")!.Value.EnumerateArray().Select(a => a.GetString()!).ToList();
        Assert.Equal(alarms.Contains("sos"), outcome.Has(Metric.Button));
        Assert.Equal(alarms.Contains("main_power_undervoltage") ? 1 : 0, outcome.The(Metric.BatteryLow).Value);
        Assert.Equal(alarms.Contains("main_power_lost") ? 1 : 0, outcome.The(Metric.PowerLost).Value);
        Assert.Equal(
            alarms.Except(["sos", "main_power_undervoltage", "main_power_lost", "vehicle_stolen"]).Select(a => a.Replace('_', '-')).Order(),
            readings.Where(r => r.Metric == Metric.DeviceAlarm && r.Event != "stolen").Select(r => r.Event!).Order()
        );
        foreach (
            var (name, metric, scale) in new[]
            {
                ("mileage_km", Metric.VehicleMileage, 1),
                ("fuel_l", Metric.VehicleFuel, 1),
                ("recorder_speed_kmh", Metric.VehicleSpeed, 1 / 3.6),
                ("signal_strength", Metric.SignalStrength, 1),
                ("satellites", Metric.LocationSatellites, 1),
            }
        )
        {
            if (expected(name) is { ValueKind: JsonValueKind.Number } value)
                Assert.Contains(readings, r => r.Metric == metric && Math.Abs(r.Value - value.GetDouble() * scale) < 1e-9);
        }

        if (expected("analog_raw") is { ValueKind: JsonValueKind.Number } analog)
            Assert.Equal(
                (analog.GetUInt32() & 0xFFFF, analog.GetUInt32() >> 16),
                ((uint)outcome.The(Metric.AnalogInput, "0").Value, (uint)outcome.The(Metric.AnalogInput, "1").Value)
            );
    }

    /// <summary>The readings of a batch, by position: the ignition is the last reading of each position.</summary>
    private static List<List<Reading>> Positions(Outcome outcome)
    {
        var all = new List<List<Reading>>();
        var current = new List<Reading>();
        foreach (var r in outcome.Readings)
        {
            current.Add(r);
            if (r.Metric != Metric.VehicleIgnition)
                continue;
            all.Add(current);
            current = [];
        }

        return all;
    }

    private static byte[] Body(uint alarm, uint status, uint latitude, uint longitude, string time)
    {
        var body = new byte[28];
        BinaryPrimitives.WriteUInt32BigEndian(body, alarm);
        BinaryPrimitives.WriteUInt32BigEndian(body.AsSpan(4), status);
        BinaryPrimitives.WriteUInt32BigEndian(body.AsSpan(8), latitude);
        BinaryPrimitives.WriteUInt32BigEndian(body.AsSpan(12), longitude);
        Convert.FromHexString(time).CopyTo(body, 22);
        return body;
    }

    private static byte[] Frame(ushort id, byte[] body, int part = 0, int parts = 0, string phone = "013800138000")
    {
        List<byte> message =
        [
            (byte)(id >> 8),
            (byte)id,
            (byte)(body.Length >> 8 | (parts > 0 ? 0x20 : 0)),
            (byte)body.Length,
            .. Convert.FromHexString(phone),
            0,
            (byte)part,
        ];
        if (parts > 0)
            message.AddRange([0, (byte)parts, 0, (byte)part]);
        message.AddRange(body);
        message.Add(message.Aggregate((byte)0, (x, b) => (byte)(x ^ b)));
        return
        [
            0x7E,
            .. message.SelectMany(b =>
                b switch
                {
                    0x7E => new byte[] { 0x7D, 2 },
                    0x7D => [0x7D, 1],
                    _ => [b],
                }
            ),
            0x7E,
        ];
    }

    /// <summary>Corrects the check byte of the first frame.</summary>
    private static byte[]? Seal(byte[] payload)
    {
        if (payload.Length < 16 || payload[0] != 0x7E)
            return null;
        var inner = payload[1..^1].Where(b => b is not (0x7E or 0x7D)).ToArray();
        if (inner.Length < 2)
            return null;
        inner[^1] = inner[..^1].Aggregate((byte)0, (x, b) => (byte)(x ^ b));
        return inner[^1] is 0x7E or 0x7D ? null : [0x7E, .. inner, 0x7E];
    }
}
