using System.Text;
using System.Text.Json;
using Vigil.Ingest.Decoding;
using Vigil.Ingest.Profiles;
using Vigil.Model;
using Vigil.Tests.Ingest.Decoding;

namespace Vigil.Tests.Ingest;

/// <summary>Home Assistant's MQTT discovery: a device that was announced is known, and its messages are read as announced.</summary>
public sealed class AnnouncementsTests
{
    public static TheoryData<string> All => Vector.Ids("ha_discovery");

    [Theory, MemberData(nameof(All))]
    public void An_announcement_says_what_its_source_states(string id)
    {
        var v = Vector.Find("ha_discovery", id);
        var (found, reason) = new Announcements().Take(v.Topic, v.Bytes);
        Assert.Null(reason);
        var a = Assert.Single(found);
        Assert.Equal((v.Text("component"), v.Text("state_topic"), v.Text("device_class")), (a.Component, a.StateTopic, a.Class));
        if (v.Text("unit") is { } unit)
            Assert.Equal(unit, a.Unit);
        if (v.Text("json_key") is { } key)
            Assert.Equal([key], a.Path);
        if (v["payload_on"] is { ValueKind: JsonValueKind.False })
            Assert.Equal("false", a.On);
        Assert.NotNull(a.Metric);
    }

    [Theory]
    [InlineData("""{"unit_of_measurement":"\ud800","state_topic":"t"}""", "UTF-16")]
    [InlineData("{\"name\":\"\u00ff\",\"state_topic\":\"t\",\"device\":{\"name\":\"\u00ff\"}}", "UTF-8")]
    public void A_text_that_is_none_is_refused_with_a_reason_and_stops_nobody(string payload, string why)
    {
        // In Latin-1 ÿ is a single byte that is not valid UTF-8.
        var all = new Announcements();
        Assert.Contains(
            why,
            all.Take("homeassistant/sensor/meter/total/config", Encoding.Latin1.GetBytes(payload)).Reason?.En,
            StringComparison.Ordinal
        );
        Assert.Null(
            all.Take(
                "homeassistant/binary_sensor/x/leak/config",
                """{"state_topic":"a/b","value_template":"{{ value_json.leak }}","device_class":"moisture"}"""u8
            ).Reason
        );
        var into = new DecodedPayload();
        into.Reset("", DateTime.UnixEpoch);
        Assert.Contains("UTF-16", all.Decode("a/b", """{"leak":"\udc00"}"""u8, into)?.En, StringComparison.Ordinal);
    }

    [Fact]
    public void Abbreviations_a_tilde_and_a_template_are_understood_and_the_state_is_read_in_our_units()
    {
        var all = new Announcements();
        Assert.Null(
            all.Take(
                "homeassistant/sensor/meter/total/config",
                """
                {"~":"esp/meter-1","stat_t":"~/state","val_tpl":"{{ value_json['water']['total'] | float }}","unit_of_meas":"L",
                 "dev_cla":"water","uniq_id":"w1","dev":{"ids":["meter-1"],"mf":"DIY","mdl":"ESP"}}
                """u8
            ).Reason
        );
        Assert.Null(
            all.Take(
                "homeassistant/binary_sensor/meter/leak/config",
                """
                {"~":"esp/meter-1","stat_t":"~/state","val_tpl":"{{ value_json.leak }}","dev_cla":"moisture","pl_on":true,
                 "uniq_id":"w2","dev":{"ids":"meter-1"}}
                """u8
            ).Reason
        );
        var readings = Read(all, "esp/meter-1/state", """{"water":{"total":12500},"leak":true}""");
        Assert.Equal(
            [("meter-1", Metric.WaterLeak, 1), ("meter-1", Metric.WaterVolume, 12.5)],
            readings.Select(r => (r.Device.Value, r.Metric, r.Value))
        );
        // null means unknown, not false
        Assert.Equal([Metric.WaterVolume], Read(all, "esp/meter-1/state", """{"water":{"total":1},"leak":null}""").Select(r => r.Metric));
    }

    [Fact]
    public void A_whole_device_in_one_message_and_its_removal()
    {
        var all = new Announcements();
        var (found, _) = all.Take(
            "homeassistant/device/d1/config",
            """
            {"dev":{"ids":"d1","name":"Tür"},"cmps":{
             "a":{"p":"binary_sensor","device_class":"door","state_topic":"d1/door","unique_id":"d1_door"},
             "b":{"p":"sensor","device_class":"battery","unit_of_measurement":"%","state_topic":"d1/bat","unique_id":"d1_bat"}}}
            """u8
        );
        Assert.Equal(["d1/door", "d1/bat"], found.Select(f => f.StateTopic));
        Assert.Equal(1, Assert.Single(Read(all, "d1/door", "ON")).Value);
        Assert.Equal(87, Assert.Single(Read(all, "d1/bat", "87")).Value);
        Assert.Equal(0, Assert.Single(Read(all, "d1/door", "OFF")).Value);
        Assert.Empty(Read(all, "d1/door", "unavailable")); // unavailable doesn't mean that the door is closed
        all.Take("homeassistant/device/d1/config", []);
        Assert.False(all.Knows("d1/door"));
    }

    [Fact]
    public void Announced_anew_on_another_topic_the_old_one_is_silent()
    {
        var all = new Announcements();
        all.Take(
            "homeassistant/sensor/n/t/config",
            """{"stat_t":"old","dev_cla":"temperature","uniq_id":"longer-than-the-topic","dev":{"ids":"n"}}"""u8
        );
        all.Take(
            "homeassistant/sensor/n/t/config",
            """{"stat_t":"new","dev_cla":"temperature","uniq_id":"longer-than-the-topic","dev":{"ids":"n"}}"""u8
        );
        Assert.Equal((false, true), (all.Knows("old"), all.Knows("new")));
    }

    [Theory]
    [InlineData("{\"stat_t\":")]
    [InlineData("[]")]
    [InlineData("{\"name\":\"nothing to hear\"}")]
    [InlineData("{\"stat_t\":\"a\",\"dev_cla\":\"energy\",\"val_tpl\":\"{{ value_json.e / 1000 }}\"}")]
    [InlineData("{\"stat_t\":\"a\",\"dev_cla\":\"smoke\",\"val_tpl\":\"{{ 'ON' if value_json.s == 1 else 'OFF' }}\"}")]
    public void What_is_no_announcement_is_refused_with_a_reason(string payload) =>
        Assert.NotNull(new Announcements().Take("homeassistant/sensor/x/config", Encoding.UTF8.GetBytes(payload)).Reason);

    private static IReadOnlyList<Reading> Read(Announcements all, string topic, string payload)
    {
        var into = new DecodedPayload();
        into.Reset("", Outcome.Received);
        Assert.Null(all.Decode(topic, Encoding.UTF8.GetBytes(payload), into));
        return into.Readings;
    }
}
