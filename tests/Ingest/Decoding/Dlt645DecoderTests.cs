using CsCheck;
using Vigil.Ingest.Decoding;
using Vigil.Model;

namespace Vigil.Tests.Ingest.Decoding;

public sealed class Dlt645DecoderTests
{
    private const string Family = "dlt645";
    private static readonly Dlt645Decoder Decoder = new();

    private static readonly (string Name, Metric Metric, string Channel)[] Names =
    [
        ("energy_combined_total", Metric.ElectricityEnergy, ""),
        ("energy_forward_total", Metric.ElectricityEnergy, ""),
        ("energy_reverse_total", Metric.ElectricityEnergyExport, ""),
        ("reactive_combined2_total", Metric.ElectricityEnergyReactive, "combined2"),
        ("voltage_a", Metric.ElectricityVoltage, "l1"),
        ("voltage_c", Metric.ElectricityVoltage, "l3"),
        ("current_a", Metric.ElectricityCurrent, "l1"),
        ("current_b", Metric.ElectricityCurrent, "l2"),
        ("power_factor_total", Metric.ElectricityPowerFactor, ""),
        ("frequency", Metric.ElectricityFrequency, ""),
    ];

    public static TheoryData<string> Good => Vector.Ids(Family, v => !v.Negative && v.Text("error_code") is null);

    public static TheoryData<string> Bad => Vector.Ids(Family, v => v.Negative || v.Text("error_code") is not null);

    [Theory, MemberData(nameof(Good))]
    public void A_frame_becomes_what_its_source_says(string id)
    {
        var v = Vector.Find(Family, id);
        var outcome = Outcome.Of(Decoder, v.Bytes);
        Assert.Null(outcome.Rejected);
        if (v.Text("address") is { } address)
            Assert.Equal(address, outcome.Device);
        var wanted = Names.Where(n => v.Number(n.Name) is not null).ToList();
        foreach (var (name, metric, channel) in wanted)
            Assert.Equal(v.Number(name)!.Value, outcome.The(metric, channel).Value, 1e-9);
        var told = v.Names.Except(["di", "address", "control", "direction", "address_reply", "hex_roundtrip", "raw_value_le_hex"]);
        Assert.Equal(told.Order(), wanted.Select(w => w.Name).Order()); // fails when the vectors get a name that isn't mapped here yet
        if (v.Text("raw_value_le_hex") is null)
            Assert.Equal(wanted.Count, outcome.Readings.Count);
    }

    [Theory, MemberData(nameof(Bad))]
    public void A_broken_frame_and_an_error_reply_are_refused_with_a_reason(string id) =>
        Assert.NotNull(Outcome.Of(Decoder, Vector.Find(Family, id).Bytes).Rejected);

    [Fact]
    public void An_error_reply_says_which() =>
        Assert.Contains("password", Outcome.Of(Decoder, Vector.Find(Family, "dlt645-029").Bytes).Rejected, StringComparison.Ordinal);

    [Fact]
    public void A_block_of_energies_is_the_total_and_its_tariffs()
    {
        var outcome = Outcome.Of(Decoder, Vector.Find(Family, "dlt645-018").Bytes);
        Assert.Equal([("", 3.89), ("t1", 0), ("t2", 0), ("t3", 3.89), ("t4", 0)], outcome.Readings.Select(r => (r.Channel, r.Value)));
    }

    [Theory]
    [InlineData("00010300", "12345678", "electricity.energy", "t3", 123456.78)]
    [InlineData("00020000", "00000126", "electricity.energy.export", "", 1.26)]
    [InlineData("00000000", "80000126", "electricity.energy", "", -1.26)] // the top bit is the sign of the combined total
    [InlineData("00150000", "00000126", "electricity.energy", "l1", 1.26)]
    [InlineData("002A0000", "00000126", "electricity.energy.export", "l2", 1.26)]
    [InlineData("003D0000", "00000126", "electricity.energy", "l3", 1.26)]
    [InlineData("00050000", "00000126", "electricity.energy.reactive", "q1", 1.26)]
    [InlineData("00010001", "00000126", "electricity.energy.settlement", "m1", 1.26)]
    [InlineData("02010200", "2214", "electricity.voltage", "l2", 221.4)]
    [InlineData("02020300", "812345", "electricity.current", "l3", -12.345)]
    [InlineData("02030000", "012345", "electricity.power", "", 1234.5)]
    [InlineData("02030100", "812345", "electricity.power", "l1", -1234.5)]
    [InlineData("02040000", "012345", "electricity.power.reactive", "", 1234.5)]
    [InlineData("02050000", "012345", "electricity.power.apparent", "", 1234.5)]
    [InlineData("02060100", "0501", "electricity.power.factor", "l1", 0.501)]
    [InlineData("02070200", "1203", "electricity.phase.angle", "l2", 120.3)]
    [InlineData("02800001", "000123", "electricity.current", "n", 0.123)]
    [InlineData("02800002", "5003", "electricity.frequency", "", 50.03)]
    [InlineData("02800007", "8125", "device.temperature", "", -12.5)]
    [InlineData("02800008", "0361", "battery.voltage", "", 3.61)]
    [InlineData("04000501", "0004", "battery.low", "", 1)]
    [InlineData("04000503", "0010", "switch.on", "", 0)] // the relay has switched the home off
    public void An_identifier_has_its_metric_channel_unit_and_sign(
        string identifier,
        string value,
        string metric,
        string channel,
        double expected
    ) => Assert.Equal(expected, Outcome.Of(Decoder, Frame(0x91, identifier, value)).The(Metric.Parse(metric), channel).Value, 1e-9);

    [Fact]
    public void A_block_of_voltages_is_three_phases() =>
        Assert.Equal(
            [("l1", 220.1), ("l2", 221.2), ("l3", 222.3)],
            Outcome.Of(Decoder, Frame(0x91, "0201FF00", "222322122201")).Readings.Select(r => (r.Channel, r.Value))
        );

    [Fact]
    public void The_highest_demand_has_the_time_it_was_at()
    {
        var demand = Outcome.Of(Decoder, Frame(0x91, "01010000", "2611081830" + "012345")).The(Metric.ElectricityPowerDemand, "highest");
        Assert.Equal(1234.5, demand.Value, 1e-9);
        Assert.Equal(new DateTime(2026, 11, 8, 10, 30, 0, DateTimeKind.Utc), demand.Time);
        Assert.True(demand.Has(ReadingFlags.History));
    }

    [Theory]
    [InlineData("00010000", "0000012A", "BCD")]
    [InlineData("00010000", "0126", "needs 4 bytes")]
    public void A_value_that_cannot_be_is_named_in_the_refusal(string identifier, string value, string why) =>
        Assert.Contains(why, Outcome.Of(Decoder, Frame(0x91, identifier, value)).Rejected, StringComparison.Ordinal);

    [Fact]
    public void All_FF_is_not_supported_and_no_use() => Assert.Empty(Outcome.Of(Decoder, Frame(0x91, "00010000", "FFFFFFFF")).Readings);

    [Fact]
    public void A_broadcast_address_does_not_rename_the_device() =>
        Assert.Equal(
            "000000000161",
            Outcome.Of(Decoder, Frame(0x91, "00010000", "00000126", "AAAAAAAAAAAA"), topicDevice: "000000000161").Device
        );

    [Fact]
    public void A_reply_of_the_1997_edition_is_refused_by_name() =>
        Assert.Contains("1997", Outcome.Of(Decoder, Frame(0x81, "00010000", "00000126")).Rejected, StringComparison.Ordinal);

    [Fact]
    public void Frames_are_found_between_the_bytes_of_gateways_and_each_other()
    {
        byte[] all =
        [
            0xD8,
            0xB0,
            0x4C,
            0xBD,
            0xD1,
            0x47,
            .. Frame(0x91, "00010000", "00000126"),
            0xFE,
            0xFE,
            0xFE,
            0xFE,
            0xFE,
            0xFE,
            .. Frame(0x91, "02010100", "2214"),
            0x0D,
            0x0A,
        ];
        Assert.Equal([1.26, 221.4], Outcome.Of(Decoder, all).Readings.Select(r => r.Value));
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

    /// <param name="control">The control byte C.</param>
    /// <param name="identifier">DI3 DI2 DI1 DI0, as the standard prints it.</param>
    /// <param name="value">The most significant byte first, as the standard prints it.</param>
    /// <param name="address">The meter's number.</param>
    private static byte[] Frame(byte control, string identifier, string value, string address = "000000000161")
    {
        var data = Convert.FromHexString(value + identifier).Reverse().ToArray();
        return Seal([
            0x68,
            .. Convert.FromHexString(address).Reverse(),
            0x68,
            control,
            (byte)data.Length,
            .. data.Select(b => (byte)(b + 0x33)),
            0,
            0,
        ])!;
    }

    /// <summary>Corrects length, checksum and end of the first frame.</summary>
    private static byte[]? Seal(byte[] payload)
    {
        var at = Array.IndexOf(payload, (byte)0x68);
        if (at < 0 || payload.Length < at + 12)
            return null;
        var sealedFrame = (byte[])payload.Clone();
        sealedFrame[at + 7] = 0x68;
        sealedFrame[at + 9] = (byte)(payload.Length - at - 12);
        sealedFrame[^2] = (byte)sealedFrame[at..^2].Sum(b => b);
        sealedFrame[^1] = 0x16;
        return sealedFrame;
    }
}
