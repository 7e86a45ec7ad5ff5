using System.Text;
using System.Text.Json;
using Vigil.Ingest.Decoding;
using Vigil.Ingest.Profiles;
using Vigil.Model;
using Vigil.Tests.Ingest.Decoding;

namespace Vigil.Tests.Ingest;

/// <summary>Home Assistant's MQTT discovery: what is announced is known, and is read as announced.</summary>
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
        if (v.Text("unit") is { } unit) Assert.Equal(unit, a.Unit);
        if (v.Text("json_key") is { } key) Assert.Equal([key], a.Path);
        if (v["payload_on"] is { ValueKind: JsonValueKind.False }) Assert.Equal("false", a.On);
        Assert.NotNull(a.Metric);
    }

    [Fact]
    public void Abbreviations_a_tilde_and_a_template_are_understood_and_the_state_is_read_in_our_units()
    {
        var all = new Announcements();
        Assert.Null(all.Take("homeassistant/sensor/meter/total/config", """{"~":"esp/meter-1","stat_t":"~/state","val_tpl":"{{ value_json['water']['total'] | float }}","unit_of_meas":"L","dev_cla":"water","uniq_id":"w1","dev":{"ids":["meter-1"],"mf":"DIY","mdl":"ESP"}}"""u8).Reason);
        Assert.Null(all.Take("homeassistant/binary_sensor/meter/leak/config", """{"~":"esp/meter-1","stat_t":"~/state","val_tpl":"{{ value_json.leak }}","dev_cla":"moisture","pl_on":true,"uniq_id":"w2","dev":{"ids":"meter-1"}}"""u8).Reason);
        var readings = Read(all, "esp/meter-1/state", """{"water":{"total":12500},"leak":true}""");
        Assert.Equal([("meter-1", Metric.WaterVolume, 12.5), ("meter-1", Metric.WaterLeak, 1)], readings.Select(r => (r.Device.Value, r.Metric, r.Value)));
        Assert.Equal([Metric.WaterVolume], Read(all, "esp/meter-1/state", """{"water":{"total":1},"leak":null}""").Select(r => r.Metric)); // null is unknown, not false
    }

    [Fact]
    public void A_whole_device_in_one_message_and_its_removal()
    {
        var all = new Announcements();
        var (found, _) = all.Take("homeassistant/device/d1/config", """{"dev":{"ids":"d1","name":"Tür"},"cmps":{"a":{"p":"binary_sensor","device_class":"door","state_topic":"d1/door","unique_id":"d1_door"},"b":{"p":"sensor","device_class":"battery","unit_of_measurement":"%","state_topic":"d1/bat","unique_id":"d1_bat"}}}"""u8);
        Assert.Equal(["d1/door", "d1/bat"], found.Select(f => f.StateTopic));
        Assert.Equal(1, Assert.Single(Read(all, "d1/door", "ON")).Value);
        Assert.Equal(87, Assert.Single(Read(all, "d1/bat", "87")).Value);
        all.Take("homeassistant/binary_sensor/d1_door/config", []);
        Assert.Empty(Read(all, "d1/door", "ON"));
    }

    [Theory]
    [InlineData("{\"stat_t\":")]
    [InlineData("[]")]
    [InlineData("{\"name\":\"nothing to hear\"}")]
    public void What_is_no_announcement_is_refused_with_a_reason(string payload) => Assert.NotNull(new Announcements().Take("homeassistant/sensor/x/config", Encoding.UTF8.GetBytes(payload)).Reason);

    private static IReadOnlyList<Reading> Read(Announcements all, string topic, string payload)
    {
        var into = new DecodedPayload();
        into.Reset("", Outcome.Received);
        Assert.Null(all.Decode(topic, Encoding.UTF8.GetBytes(payload), into));
        return into.Readings;
    }
}
