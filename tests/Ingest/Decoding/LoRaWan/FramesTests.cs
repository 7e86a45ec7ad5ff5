using System.Globalization;
using Vigil.Ingest.Decoding;
using Vigil.Ingest.Profiles;
using Vigil.Model;

namespace Vigil.Tests.Ingest.Decoding.LoRaWan;

/// <summary>
/// Binary frames described in a profile: what may be written there, how frames are read, and which mistakes are reported.
/// </summary>
public sealed class FramesTests
{
    [Theory]
    [InlineData("{at: 0, as: u16, metric: pulse.count}", "0102", 258)]
    [InlineData("{at: 0, as: u16le, metric: pulse.count}", "0102", 513)]
    [InlineData("{at: -2, as: u16, metric: pulse.count}", "ffff0102", 258)]
    [InlineData("{at: 0, as: i16, scale: 0.1, metric: air.temperature}", "ff9c", -10)]
    [InlineData("{at: 0, as: i24le, metric: air.temperature}", "feffff", -2)]
    [InlineData("{at: 0, as: i32le, bits: 27-0, metric: air.temperature}", "ffffff0f", -1)]
    [InlineData("{at: 0, as: i16, bits: 15-10, metric: air.temperature}", "8400", -31)]
    [InlineData("{at: 0, bits: 3-0, scale: 0.1, offset: 2.5, metric: battery.voltage}", "fb", 3.6)]
    [InlineData("{at: 0, bits: 7, metric: battery.low}", "80", 1)]
    [InlineData("{at: 0, as: bcd4le, scale: 0.01, unit: kWh, metric: electricity.energy}", "78563412", 123456.78)]
    [InlineData("{at: 0, as: f32le, unit: L, metric: water.volume}", "00403944", 0.741)]
    [InlineData("{at: 0, as: u64le, unit: Wh, metric: electricity.energy}", "e803000000000000", 1)]
    [InlineData("{at: 0, as: f64le, angle: ddmm, metric: air.temperature}", "c3f5285cef75a140", 22.58279167)]
    [InlineData("{at: 0, as: u16, unit: mA, metric: electricity.current, times: {at: 2}}", "03e80a", 10)]
    [InlineData("{at: 0, metric: smoke, values: {1: 1, 2|7: 0}}", "07", 0)]
    [InlineData("{at: 0, metric: battery.level, when: {'1.7-6': '2|3'}}", "50c0", 80)]
    public void A_field_is_read_as_it_is_written(string field, string hex, double value) =>
        Assert.Equal(value, Assert.Single(Decode($"read: [{field}]", hex).Readings).Value, 1e-6);

    [Theory]
    [InlineData("{at: 0, metric: battery.level, max: 100}", "ff")]
    [InlineData("{at: 0, as: i16, metric: air.temperature, invalid: [32767]}", "7fff")]
    [InlineData("{at: 0, as: bcd2, metric: pulse.count}", "1a00")]
    [InlineData("{at: 0, metric: button, values: {1: sos}}", "00")]
    [InlineData("{at: 4, metric: battery.level, optional: true}", "00")]
    [InlineData("{at: 0, metric: battery.level, when: {'1': '01'}}", "0102")]
    public void What_says_nothing_is_no_reading(string field, string hex) => Assert.Empty(Decode($"read: [{field}]", hex).Readings);

    [Fact]
    public void Items_follow_each_other_with_their_own_times_and_an_unknown_one_ends_them()
    {
        var into = Decode(
            (
                "{from: 1, tail: 1, key: 1, items: {'01': {length: 1, read: [{at: 0, metric: battery.level}]}, '02': {history: true, "
                + "time: {at: 0, as: u32, from: '2013-01-01T00:00:00Z'}, length: 5, read: [{at: 4, metric: water.leak}]}}}"
            )[1..^1],
            "aa0150020000000a0199ff01"
        );
        Assert.Equal(80, Assert.Single(into.Readings, r => r.Metric == Metric.BatteryLevel).Value);
        var leak = Assert.Single(into.Readings, r => r.Metric == Metric.WaterLeak);
        Assert.Equal((1, new DateTime(2013, 1, 1, 0, 0, 10, DateTimeKind.Utc), ReadingFlags.History), (leak.Value, leak.Time, leak.Flags));
    }

    [Theory]
    [InlineData("port: 2, length: 3, is: {'0': '05'}, read: []", "0500", "Wrong payload length")]
    [InlineData("port: 2, length: 3, is: {'0': '05'}, read: []", "060000", "begins with 060000")]
    [InlineData("read: [{at: 3, metric: battery.level}]", "0102", "Wrong payload length")]
    [InlineData("key: 1, items: {'01': {length: 4}}", "0102", "is cut off")]
    [InlineData("key: 1, items: {'01': {length: 4}}", "0202", "is not known")]
    public void A_frame_that_is_not_one_is_refused_before_anything_of_it_is_told(string frame, string hex, string why)
    {
        var into = new DecodedPayload();
        into.Reset("", Outcome.Received);
        Assert.Contains(why, Profile(frame, out _)!.DecodeLine(hex, "", into)?.En, StringComparison.Ordinal);
        Assert.Empty(into.Readings);
    }

    [Fact]
    public void A_wrong_port_names_the_right_ones()
    {
        var into = new DecodedPayload();
        into.Reset("", Outcome.Received);
        Assert.Equal(
            "unknown FPort: port 9, this model reports on port 2, 5",
            Profile("port: [2, 5], read: []", out _)!.DecodeLine("00", "", into, 9)?.En
        );
    }

    [Theory]
    [InlineData("read: [{at: 0, as: u12, metric: battery.level}]", "u12")]
    [InlineData("read: [{at: x, metric: battery.level}]", "place in a frame")]
    [InlineData("read: [{at: 0, bits: 9-2, metric: battery.level}]", "place in a frame")]
    [InlineData("read: [{at: 0, metric: button}]", "an event needs")]
    [InlineData("read: [{at: 0, metric: no.such}]", "is not a metric")]
    [InlineData("read: [{at: 0, metric: battery.level, unit: kWh}]", "can't be converted")]
    [InlineData("read: [{at: 0, metric: battery.level, tiems: {at: 1}}]", "is not known here")]
    [InlineData("is: {'0': 'zz'}", "hexadecimal values")]
    [InlineData("port: 300", "0 to 255")]
    [InlineData("items: {'1': {length: 1}}", "is not a key of 2 bytes")]
    [InlineData("items: {'0175': {length: 1, read: [{at: 2, metric: battery.level}]}}", "is shorter than")]
    public void A_mistake_is_named_with_its_line(string frame, string what)
    {
        Assert.Null(Profile(frame, out var problems));
        Assert.Contains(problems, p => p.ToString().Contains(what, StringComparison.Ordinal) && p.Line > 0);
    }

    [Fact]
    public void Further_models_are_found_by_their_own_names_and_counted_once()
    {
        var profiles = ProfileSet.Load(Path.Combine(AppContext.BaseDirectory, "devices"), []);
        Assert.Same(profiles.Find("netvox/r312"), profiles.Find("netvox/rb02i"));
        Assert.Single(profiles.All, p => p.Id == "netvox/r312");
    }

    private static DecodedPayload Decode(string frame, string hex)
    {
        var into = new DecodedPayload();
        into.Reset("", Outcome.Received);
        var profile = Profile(frame, out var problems);
        Assert.Empty(problems);
        var reason = profile!.DecodeLine(hex, "", into);
        Assert.True(reason is null, reason?.En);
        return into;
    }

    private static Profile? Profile(string frame, out List<Problem> problems)
    {
        var folder = Directory.CreateTempSubdirectory("frames");
        try
        {
            File.WriteAllText(
                Path.Combine(folder.FullName, "m.yaml"),
                string.Create(
                    CultureInfo.InvariantCulture,
                    $"id: v/m\nformat: lorawan\nmatch: {{topic: 'a/{{device}}'}}\nframes:\n  - {{{frame}}}\n"
                )
            );
            problems = [];
            return ProfileSet.Load(folder.FullName, problems).Find("v/m");
        }
        finally
        {
            folder.Delete(recursive: true);
        }
    }
}
