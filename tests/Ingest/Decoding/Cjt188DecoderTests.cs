using System.Globalization;
using CsCheck;
using Vigil.Ingest.Decoding;
using Vigil.Model;

namespace Vigil.Tests.Ingest.Decoding;

public sealed class Cjt188DecoderTests
{
    private const string Family = "cjt188";
    private static readonly Cjt188Decoder Decoder = new();

    public static TheoryData<string> Good => Vector.Ids(Family, v => !v.Negative && v.Flag("is_error") != true);

    public static TheoryData<string> Bad => Vector.Ids(Family, v => v.Negative || v.Flag("is_error") == true);

    [Theory, MemberData(nameof(Good))]
    public void A_frame_becomes_what_its_source_says(string id)
    {
        var v = Vector.Find(Family, id);
        var outcome = Outcome.Of(Decoder, v.Bytes);
        Assert.Null(outcome.Rejected);
        if (v.Text("address") is { } address)
            Assert.Equal(address, outcome.Device);
        if (v.Number("volume") is { } volume)
            Assert.Equal(volume, outcome.The(Metric.WaterVolume).Value, 1e-9);
        else
            Assert.Empty(outcome.Readings);
        if (v.Number("settlement_volume") is { } settled)
            Assert.Equal(settled, outcome.The(Metric.WaterVolumeSettlement).Value, 1e-9);
        if (v.Text("valve") is { } valve)
        {
            if (valve is "open" or "closed")
                Assert.Equal(valve == "closed" ? 1 : 0, outcome.The(Metric.ValveClosed).Value);
            else
                Assert.False(outcome.Has(Metric.ValveClosed));
            if (valve == "fault")
                Assert.Equal(1, outcome.The(Metric.Fault, "valve").Value);
        }

        if (v.Flag("battery_low") is { } low)
            Assert.Equal(low ? 1 : 0, outcome.The(Metric.BatteryLow).Value);
        if (v.Text("time_local") is { } local)
            Assert.All(outcome.Readings, r => Assert.Equal(DateTime.Parse(local, CultureInfo.InvariantCulture).AddHours(-8), r.Time));
        else
            Assert.All(outcome.Readings, r => Assert.True(r.Time == Outcome.Received && r.Has(ReadingFlags.ArrivalTime)));
    }

    [Theory, MemberData(nameof(Bad))]
    public void A_broken_frame_and_an_error_reply_are_refused_with_a_reason(string id) =>
        Assert.NotNull(Outcome.Of(Decoder, Vector.Find(Family, id).Bytes).Rejected);

    [Theory]
    [InlineData(0x10, "7856341229", "water.volume", 123.45678)] // litres, XXXXXX.XX
    [InlineData(0x30, "785634122C", "gas.volume", 123456.78)]
    [InlineData(0x40, "7856341205", "electricity.energy", 123456.78)]
    [InlineData(0x20, "7856341211", "heat.energy", 123456.78 / 3.6 * 1000)] // GJ
    public void The_type_and_the_unit_make_the_metric(int type, string total, string metric, double value) =>
        Assert.Equal(value, Outcome.Of(Decoder, Frame(type, 0x81, "901F00" + total + "0000")).The(Metric.Parse(metric)).Value, 1e-6);

    [Fact]
    public void A_heat_meter_tells_heat_power_flow_volume_temperatures_and_hours()
    {
        var outcome = Outcome.Of(
            Decoder,
            Frame(
                0x20,
                0x81,
                "901F00"
                    + "0010000005"
                    + "0020000005"
                    + "5012000017"
                    + "3412000035"
                    + "009900002C"
                    + "503600"
                    + "254200"
                    + "451200"
                    + "00301208112620"
                    + "0400"
            )
        );
        Assert.Equal(10, outcome.The(Metric.HeatEnergySettlement).Value);
        Assert.Equal(20, outcome.The(Metric.HeatEnergy).Value);
        Assert.Equal(12_500, outcome.The(Metric.HeatPower).Value);
        Assert.Equal(0.1234 / 3600, outcome.The(Metric.HeatFlow).Value, 1e-12);
        Assert.Equal(99, outcome.The(Metric.HeatVolume).Value);
        Assert.Equal(36.5, outcome.The(Metric.HeatTemperature, "supply").Value);
        Assert.Equal(42.25, outcome.The(Metric.HeatTemperature, "return").Value);
        Assert.Equal(1245, outcome.The(Metric.DeviceHours).Value);
        Assert.Equal(1, outcome.The(Metric.BatteryLow).Value);
        Assert.Equal(new DateTime(2026, 11, 8, 4, 30, 0, DateTimeKind.Utc), outcome.The(Metric.HeatEnergy).Time);
    }

    [Fact]
    public void A_closed_valve_and_a_low_battery_are_told()
    {
        var outcome = Outcome.Of(Decoder, Frame(0x10, 0x81, "901F00" + "002301002C" + "000000002C" + "00000000000000" + "0500"));
        Assert.Equal(1, outcome.The(Metric.ValveClosed).Value);
        Assert.Equal(1, outcome.The(Metric.BatteryLow).Value);
    }

    [Fact]
    public void A_push_may_put_the_unit_before_the_value() =>
        Assert.Equal(
            123.45,
            Outcome.Of(Decoder, Frame(0x10, 0xA1, "901F00" + "2C45230100" + "2C00200100" + "0000")).The(Metric.WaterVolume).Value
        );

    [Fact]
    public void A_value_of_all_FF_is_not_supported_and_no_use() =>
        Assert.False(
            Outcome
                .Of(Decoder, Frame(0x10, 0x81, "901F00" + "FFFFFFFF2C" + "000000002C" + "00000000000000" + "0000"))
                .Has(Metric.WaterVolume)
        );

    [Fact]
    public void A_clock_most_significant_byte_first_is_read_and_garbage_is_flagged()
    {
        var turned = Outcome.Of(Decoder, Frame(0x10, 0x81, "901F00" + "002301002C" + "000000002C" + "20260811123000" + "0000"));
        Assert.Equal(new DateTime(2026, 8, 11, 4, 30, 0, DateTimeKind.Utc), turned.The(Metric.WaterVolume).Time);
        var garbage = Outcome
            .Of(Decoder, Frame(0x10, 0x81, "901F00" + "002301002C" + "000000002C" + "99999999999999" + "0000"))
            .The(Metric.WaterVolume);
        Assert.Equal(Outcome.Received, garbage.Time);
        Assert.True(garbage.Has(ReadingFlags.ClockWrong));
    }

    [Fact]
    public void Digits_above_nine_are_refused() =>
        Assert.Contains("BCD", Outcome.Of(Decoder, Frame(0x10, 0x81, "901F00" + "0A2301002C" + "0000")).Rejected, StringComparison.Ordinal);

    [Fact]
    public void A_settlement_of_an_earlier_month_is_not_the_total()
    {
        var outcome = Outcome.Of(Decoder, Frame(0x10, 0x81, "D12100" + "002301002C"));
        Assert.Equal(123, outcome.The(Metric.WaterVolumeSettlement, "m2").Value);
        Assert.False(outcome.Has(Metric.WaterVolume));
    }

    [Fact]
    public void Two_frames_in_one_payload_are_both_read()
    {
        byte[] both = [.. Vector.Find(Family, "cjt188-003").Bytes, .. Vector.Find(Family, "cjt188-014").Bytes];
        Assert.Equal(
            ["00000805000001", "00201510270588"],
            Outcome.Of(Decoder, both).Readings.Where(r => r.Metric == Metric.WaterVolume).Select(r => r.Device.Value)
        );
    }

    [Fact]
    public void A_frame_that_lost_address_bytes_is_refused_though_its_sum_is_right()
    {
        var whole = Frame(0x10, 0x81, "901F00" + "002301002C" + "000000002C" + "00000000000000" + "0000");
        byte[] lost = [.. whole[..2], .. whole[4..]]; // without two bytes of the address that were zero
        Assert.NotNull(Outcome.Of(Decoder, lost).Rejected);
    }

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

    private static byte[] Frame(int type, int control, string data)
    {
        var bytes = Convert.FromHexString(data);
        return Seal([0x68, (byte)type, 0x12, 0, 0, 0, 0, 0, 0, (byte)control, (byte)bytes.Length, .. bytes, 0, 0])!;
    }

    /// <summary>Corrects length, checksum and end of the first frame.</summary>
    private static byte[]? Seal(byte[] payload)
    {
        var at = Array.IndexOf(payload, (byte)0x68);
        if (at < 0 || payload.Length < at + 13)
            return null;
        var sealedFrame = (byte[])payload.Clone();
        sealedFrame[at + 10] = (byte)(payload.Length - at - 13);
        sealedFrame[^2] = (byte)sealedFrame[at..^2].Sum(b => b);
        sealedFrame[^1] = 0x16;
        return sealedFrame;
    }
}
