using System.Text;
using Vigil.Ingest.Profiles;
using Vigil.Model;

namespace Vigil.Tests.Ingest.Decoding;

/// <summary>JSON as attackers and broken devices write it, for every decoder that reads JSON.</summary>
public sealed class JsonStrictnessTests
{
    private static readonly Lazy<ProfileSet> Profiles = new(() =>
    {
        var problems = new List<Problem>();
        var profiles = ProfileSet.Load(Path.Combine(AppContext.BaseDirectory, "devices"), problems);
        Assert.Empty(problems);
        return profiles;
    });

    /// <summary>Profile, topic, a good payload, and the same payload with a mapped name twice in one object.</summary>
    public static TheoryData<string, string, string, string> Families =>
        new()
        {
            { "senml", "vigil/d1/up", """[{"n":"button","vs":"sos"}]""", """[{"n":"button","vs":"sos","vs":"test"}]""" },
            { "senml", "vigil/d1/up", """[{"n":"button","vs":"sos"}]""", """[{"n":"button","vs":"sos","\u0076s":"test"}]""" },
            { "zigbee2mqtt", "zigbee2mqtt/d1", """{"action":"emergency"}""", """{"action":"emergency","action":"release"}""" },
            {
                "tasmota",
                "tele/d1/SENSOR",
                """{"Time":"2026-12-01T00:00:00","ENERGY":{"Total":1.5,"Power":3}}""",
                """{"Time":"2026-12-01T00:00:00","ENERGY":{"Total":1.5,"Total":9}}"""
            },
            {
                "shelly-gen2",
                "d1/status/switch:0",
                """{"id":0,"apower":5.0,"aenergy":{"total":100.0}}""",
                """{"id":0,"apower":5.0,"apower":7.0,"aenergy":{"total":100.0}}"""
            },
            {
                "wmbusmeters",
                "wmbusmeters/d1",
                """{"media":"cold water","id":"d1","total_m3":1.5,"timestamp":"2026-12-01T00:00:00Z"}""",
                """{"media":"cold water","id":"d1","total_m3":1.5,"total_m3":2.5,"timestamp":"2026-12-01T00:00:00Z"}"""
            },
            {
                "chirpstack-v4",
                "application/1/device/0102030405060708/event/up",
                """{"deviceInfo":{"devEui":"0102030405060708"},"fPort":2,"object":{"temperature":21.5}}""",
                """{"deviceInfo":{"devEui":"0102030405060708"},"fPort":2,"fPort":3,"object":{"temperature":21.5}}"""
            },
            {
                "tts-v3",
                "v3/app/devices/d1/up",
                """{"end_device_ids":{"device_id":"d1"},"uplink_message":{"f_port":1,"decoded_payload":{"temperature":21.5}}}""",
                """{"end_device_ids":{"device_id":"d1","device_id":"d2"}"""
                    + ""","uplink_message":{"f_port":1,"decoded_payload":{"temperature":21.5}}}"""
            },
        };

    [Theory]
    [MemberData(nameof(Families))]
    public void A_name_that_stands_twice_is_refused_with_a_reason(string profile, string topic, string good, string twice)
    {
        Assert.Null(Decode(profile, topic, good).Reason);
        Assert.NotNull(Decode(profile, topic, twice).Reason);
    }

    [Theory]
    [MemberData(nameof(Families))]
    public void A_byte_order_mark_is_no_matter_and_what_follows_or_breaks_off_is_refused(
        string profile,
        string topic,
        string good,
        string twice
    )
    {
        Assert.NotEqual(good, twice);
        Assert.Null(Decode(profile, topic, "\uFEFF" + good).Reason);
        Assert.NotNull(Decode(profile, topic, good + good).Reason);
        Assert.NotNull(Decode(profile, topic, good[..^1]).Reason);
        Assert.NotNull(Decode(profile, topic, good.Replace(":", ":NaN,", StringComparison.Ordinal)).Reason);
    }

    [Theory]
    [MemberData(nameof(Families))]
    public void Depth_and_a_number_beyond_all_numbers_become_no_reading(string profile, string topic, string good, string twice)
    {
        Assert.NotEqual(good, twice);
        var deep = good.Insert(
            good.IndexOf('{', StringComparison.Ordinal) + 1,
            $"\"x\":{string.Concat(Enumerable.Repeat("[", 40))}{new string(']', 40)},"
        );
        Assert.NotNull(Decode(profile, topic, deep).Reason);
        var huge = System.Text.RegularExpressions.Regex.Replace(good, @":\d+(\.\d+)?(?=[,}])", ":1e309");
        var (_, readings) = Decode(profile, topic, huge);
        Assert.All(readings, r => Assert.True(double.IsFinite(r.Value)));
    }

    [Fact]
    public void Beside_a_number_beyond_all_numbers_a_press_is_told_and_the_payload_kept()
    {
        var into = new Vigil.Ingest.Decoding.DecodedPayload();
        into.Reset("d1", Outcome.Received);
        Assert.Null(Profiles.Value.Find("zigbee2mqtt")!.Decode("""{"action":"emergency","battery":1e309}"""u8, "zigbee2mqtt/d1", into));
        Assert.Equal("sos", Assert.Single(into.Readings).Event);
        Assert.Contains("1e309", into.Partly?.En, StringComparison.Ordinal);
    }

    [Theory]
    [MemberData(nameof(Families))]
    public void Ten_thousand_fields_are_read_in_no_time(string profile, string topic, string good, string twice)
    {
        Assert.NotEqual(good, twice);
        var fields = string.Concat(Enumerable.Range(0, 10_000).Select(i => $"\"f{i}\":{i},"));
        var many = good.Insert(good.IndexOf('{', StringComparison.Ordinal) + 1, fields);
        var begun = TimeProvider.System.GetTimestamp();
        Decode(profile, topic, many);
        Assert.True(TimeProvider.System.GetElapsedTime(begun) < TimeSpan.FromSeconds(2)); // quadratic work would take many times as long
    }

    private static (string? Reason, IReadOnlyList<Reading> Readings) Decode(string id, string topic, string payload)
    {
        var profile = Profiles.Value.Find(id)!;
        var into = new Vigil.Ingest.Decoding.DecodedPayload();
        into.Reset(profile.DeviceFromTopic(topic), Outcome.Received);
        var reason = profile.Decode(Encoding.UTF8.GetBytes(payload), topic, into);
        return (reason?.En, [.. into.Readings]);
    }
}
