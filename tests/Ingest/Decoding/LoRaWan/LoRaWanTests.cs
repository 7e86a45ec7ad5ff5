using System.Text.Json;
using CsCheck;
using Vigil.Ingest.Decoding;
using Vigil.Ingest.Decoding.LoRaWan;
using Vigil.Ingest.Profiles;
using Vigil.Model;

namespace Vigil.Tests.Ingest.Decoding.LoRaWan;

public sealed class LoRaWanTests
{
    private static readonly DateTime Received = new(2026, 1, 1, 0, 0, 0, DateTimeKind.Utc);
    private static readonly ProfileSet Profiles = Load();

    [Fact]
    public void Every_lorawan_profile_keeps_what_its_examples_promise()
    {
        var seen = 0;
        foreach (var profile in Profiles.All.Where(p => p.Format is "chirpstack-v4" or "tts-v3" or "lorawan"))
        {
            seen++;
            Assert.Contains(profile.Examples, e => e.Rejected is not null);
            foreach (var example in profile.Examples)
            {
                var into = new DecodedPayload();
                into.Reset("", example.Received);
                var reason = profile.DecodeLine(example.Payload, example.Topic, into);
                if (example.Rejected is { } expected)
                {
                    Assert.Contains(expected, reason?.En ?? "(accepted)", StringComparison.Ordinal);
                    continue;
                }

                Assert.True(reason is null, $"{profile.Id} line {example.Line}: {reason}");
                foreach (var r in example.Readings)
                    Assert.True(
                        into.Readings.Any(x =>
                            x.Metric.Name == r.Metric
                            && x.Event == r.Event
                            && (r.Value is not { } v || Math.Abs(x.Value - v) < 1e-9)
                            && (
                                r.Latitude is not { } lat
                                || (Math.Abs(x.Value - lat) < 1e-7 && Math.Abs(x.Longitude - r.Longitude!.Value) < 1e-7)
                            )
                        ),
                        $"{profile.Id} line {example.Line}: {r}; has {string.Join(", ", into.Readings)}"
                    );
            }
        }

        Assert.True(seen >= 14, $"{seen} profiles");
    }

    public static TheoryData<string> Envelopes => Vector.Ids("lorawan_envelope");

    [Theory, MemberData(nameof(Envelopes))]
    public void An_envelope_is_understood_by_its_own_profile_and_by_any_devices(string id)
    {
        var v = Vector.Find("lorawan_envelope", id);
        foreach (var profile in new[] { v.Format, "netvox/r312" })
        {
            var into = new DecodedPayload();
            into.Reset("", Received);
            var reason = Profiles.Find(profile)!.DecodeLine(v.Payload, v.Topic, into);
            if (v.Negative)
            {
                Assert.NotNull(reason);
                continue;
            }

            // The bytes in this envelope come from another model.
            if (profile != v.Format && v.Text("data_hex") is not null)
            {
                Assert.NotNull(reason);
                continue;
            }

            Assert.True(reason is null, reason?.En);
            if (v.Text("dev_eui") is { } eui)
                Assert.Equal(eui.ToLowerInvariant(), into.Device);
            else if (v.Text("device_id") is { } name)
                Assert.Equal(name, into.Device);
            if (v.Number("air.temperature") is { } air)
                Assert.Equal(air, Assert.Single(into.Readings, r => r.Metric == Metric.AirTemperature).Value);
            if (v.Number("latitude") is { } north)
                Assert.Equal(
                    (north, v.Number("longitude")!.Value),
                    Assert.Single(into.Readings, r => r.Metric == Metric.Location) is var place ? (place.Value, place.Longitude) : default
                );
            if (v.Text("event") is "up" && v.Text("time") is { } time)
                Assert.All(
                    into.Readings,
                    r =>
                        Assert.Equal(
                            DateTimeOffset.Parse(time.Remove(27, 2), System.Globalization.CultureInfo.InvariantCulture).UtcDateTime,
                            r.Time
                        )
                );
        }
    }

    [Fact]
    public void A_normalised_payload_is_mapped_by_its_vocabulary_as_a_list_and_as_an_object()
    {
        const string one = """
            {"time":"2025-12-31T20:00:00Z","battery":3.6,
             "air":{"temperature":21.5,"relativeHumidity":40,"pressure":1013,"co2":600,"lightIntensity":80,"location":"indoor"},
             "metering":{"water":{"total":5342}},"water":{"leak":true,"temperature":{"min":10,"max":12,"avg":11}},
             "action":{"motion":{"detected":true},"contactState":"closed"},"position":{"latitude":22.5,"longitude":113.9}}
            """;
        foreach (
            var payload in new[]
            {
                "{\"uplink_message\":{\"normalized_payload\":[" + one + "]}}",
                "{\"uplink_normalized\":{\"normalized_payload\":" + one + "}}",
            }
        )
        {
            var readings = Decode("tts-v3", payload).Readings;
            foreach (
                var (metric, channel, value) in new[]
                {
                    (Metric.BatteryVoltage, "", 3.6),
                    (Metric.AirTemperature, "", 21.5),
                    (Metric.AirHumidity, "", 40),
                    (Metric.AirPressure, "", 101300),
                    (Metric.AirCarbonDioxide, "", 600),
                    (Metric.Illuminance, "", 80),
                    (Metric.WaterVolume, "", 5.342),
                    (Metric.WaterLeak, "", 1),
                    (Metric.WaterTemperature, "min", 10),
                    (Metric.WaterTemperature, "max", 12),
                    (Metric.WaterTemperature, "", 11),
                    (Metric.Motion, "", 1),
                    (Metric.DoorOpen, "", 0),
                    (Metric.Location, "", 22.5),
                }
            )
                Assert.Equal(value, Assert.Single(readings, r => r.Metric == metric && r.Channel == channel).Value, 1e-9);
            Assert.All(readings, r => Assert.Equal(new DateTime(2025, 12, 31, 20, 0, 0, DateTimeKind.Utc), r.Time));
        }
    }

    [Theory]
    [InlineData("""{"WaterLeak_1":"NoLeak","WaterLeak_2":"Leak"}""", "water.leak", "1=0 2=1")]
    [InlineData("""{"leak1":true,"leak2":false}""", "water.leak", "1=1 2=0")]
    [InlineData("""{"door":{"value":true}}""", "door.open", "=1")]
    [InlineData("""{"temperature":{"value":21.5,"unit":"°C"}}""", "air.temperature", "=21.5")]
    [InlineData("""{"TempC1":21.5,"TempC2":22.5}""", "air.temperature", "1=21.5 2=22.5")]
    [InlineData("""{"battery":87}""", "battery.level", "=87")]
    [InlineData("""{"battery":3.6}""", "battery.voltage", "=3.6")]
    [InlineData("""{"BatV":"3.118"}""", "battery.voltage", "=3.118")]
    public void Several_probes_of_a_decoded_object_stay_several(string decoded, string metric, string expected)
    {
        var found = Decode("chirpstack-v4", "{\"deviceInfo\":{\"devEui\":\"0101010101010101\"},\"fPort\":2,\"object\":" + decoded + "}")
            .Readings.Where(r => r.Metric.Name == metric);
        Assert.Equal(
            expected,
            string.Join(' ', found.Select(r => $"{r.Channel}={r.Value.ToString(System.Globalization.CultureInfo.InvariantCulture)}"))
        );
    }

    [Theory]
    [InlineData("press", "single", "pressed")]
    [InlineData("sos", "true", "sos")]
    [InlineData("fall", "true", "fall")]
    [InlineData("emergency", "1", "sos")]
    public void A_press_in_a_decoded_object_is_an_event(string key, string value, string word)
    {
        var raw = value is "true" or "1" ? value : JsonSerializer.Serialize(value);
        Assert.Equal(
            word,
            Assert
                .Single(
                    Decode(
                        "chirpstack-v4",
                        "{\"deviceInfo\":{\"devEui\":\"0101010101010101\"},\"fPort\":2,\"object\":{\"" + key + "\":" + raw + "}}"
                    ).Readings
                )
                .Event
        );
    }

    [Fact]
    public void A_model_reads_its_frames_whichever_server_carries_them_and_takes_the_decoded_object_without_one()
    {
        Assert.Equal(
            "sos",
            Assert
                .Single(
                    Decode("netvox/r312", """{"deviceInfo":{"devEui":"0101010101010101"},"fPort":6,"data":"AVUBHgEAAAAAAAA="}""").Readings,
                    r => r.Metric == Metric.Button
                )
                .Event
        );
        Assert.Equal(
            "sos",
            Assert
                .Single(
                    Decode(
                        "netvox/r312",
                        """{"end_device_ids":{"dev_eui":"0101010101010101"}"""
                            + ""","uplink_message":{"f_port":6,"frm_payload":"AVUBHgEAAAAAAAA="}}"""
                    ).Readings,
                    r => r.Metric == Metric.Button
                )
                .Event
        );
        Assert.Equal(
            "sos",
            Assert
                .Single(
                    Decode("netvox/r312", """{"deviceInfo":{"devEui":"0101010101010101"},"object":{"sos":true}}""").Readings,
                    r => r.Metric == Metric.Button
                )
                .Event
        );
    }

    [Fact]
    public void History_keeps_its_own_time_and_is_no_live_alarm()
    {
        var profile = Profiles.Find("milesight/em300-mld")!;
        var into = new DecodedPayload();
        into.Reset("", Received);
        Assert.Null(profile.DecodeLine(profile.Examples[0].Payload, "", into));
        var leak = Assert.Single(into.Readings);
        Assert.True(leak.Has(ReadingFlags.History));
        Assert.Equal(new DateTime(2022, 10, 12, 8, 2, 38, DateTimeKind.Utc), leak.Time);
    }

    [Fact]
    public void A_tracker_without_a_fix_is_not_at_zero_zero()
    {
        Assert.Empty(Decode("tts-v3", """{"decoded_payload":{"latitude":0,"longitude":0}}""").Readings);
        Assert.Empty(
            Decode("tts-v3", """{"decoded_payload":{"fixFailed":true,"cached":{"latitudeDeg":-33.9,"longitudeDeg":18.8}}}""").Readings
        );
    }

    [Fact]
    public void A_javascript_decoder_runs_as_it_is_and_litres_become_cubic_metres()
    {
        var codec = LoRaWanCodec.Load(Path.Combine(AppContext.BaseDirectory, "data/codecs/water.js"));
        using var line = JsonDocument.Parse(codec.DecodeLine("e80300000a", 1, Received, out var accepted));
        Assert.True(accepted);
        Assert.Equal("m-0a", line.RootElement.GetProperty("decoded").GetProperty("id").GetString());
        Assert.Equal(2, line.RootElement.GetProperty("normalized").GetArrayLength());
        var water = line.RootElement.GetProperty("readings")[0];
        Assert.Equal("water.volume", water.GetProperty("metric").GetString());
        Assert.Equal(1.0, water.GetProperty("value").GetDouble());
        Assert.Contains("unknown FPort", codec.DecodeLine("e80300000a", 9, Received, out accepted), StringComparison.Ordinal);
        Assert.False(accepted);
    }

    [Theory]
    [InlineData("for(;;){}")]
    [InlineData("var a=[]; for(;;) a.push(new Array(1000).fill('x'.repeat(1000)));")]
    [InlineData("var s='x'; for(;;) s+=s;")]
    [InlineData("'x'.repeat(1e9)")]
    [InlineData("(function f(){ return f()+1; })()")]
    [InlineData("/^(a+)+$/.test('aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaab')&&0; for(;;){}")]
    [InlineData("throw { not: 'an error' }")]
    [InlineData("var o={}; o.o=o; return {data:o}")]
    [InlineData("/(x+x+)+y/.test('xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx'); return {data:{}}")]
    [InlineData("var a=[]; for(var i=0;i<190000;i++) a=[a]; return {data:{text:String(a)}}")]
    [InlineData(
        "var o={}; for(var i=0;i<190000;i++) o=Object.create(o); return {data:{text:o.leak, n:'x' in o, s:o.toString()}, errors:['deep']}"
    )]
    [InlineData("var p={}; for(var i=0;i<190000;i++) p=new Proxy(p,{}); return {data:{leak:p.leak}, errors:['deep']}")]
    [InlineData("var f=function(){ return 1 }; for(var i=0;i<190000;i++) f=f.bind(null); return {data:{n:f()}, errors:['deep']}")]
    [InlineData("var a=[]; for(var i=0;i<190000;i++) a=[a]; a.flat(Infinity); return {errors:['deep']}")]
    [InlineData("var s='['.repeat(60000); JSON.parse(s)")]
    [InlineData("var s='('.repeat(60000); new RegExp(s)")]
    [InlineData("return {data:{s:Array(1e6).join('x'.repeat(60000))}}")]
    [InlineData("return {data:{s:Array(60000).fill('x'.repeat(60000)).join('')}}")]
    [InlineData("return {data:{s:'x'.repeat(30000).replace(/x/g,'y'.repeat(30000))}}")]
    [InlineData("return {data:{s:'x'.repeat(30000).replace(/x+/,'$&'.repeat(30000))}}")]
    [InlineData("return {data:{s:String.raw({raw:Array(60000).fill('x'.repeat(60000))})}}")]
    [InlineData("var s='x'.repeat(60000); for(var k=0;k<20;k++) s=s.concat(s,s,s,s,s,s,s,s); return {data:{s:s}}")]
    [InlineData("return new Promise(function(){})")]
    [InlineData("return Promise.resolve({data:{leak:true}})")]
    [InlineData("var o={}; for(var i=0;i<200000;i++) o={o:o}; return {data:o}")]
    [InlineData("return {data:new Array(100000000)}")]
    [InlineData("var a=[]; a.length=4294967295; return {data:a.fill(1)}")]
    [InlineData("return {data:new Uint8Array(2000000000)}")]
    [InlineData("return {data:{get leak(){ for(;;){} }}}")]
    [InlineData("return {errors:{length:1e9}}")]
    [InlineData("return {errors:['first','second']}")]
    [InlineData("return {errors:'text'}")]
    [InlineData("return 7")]
    [InlineData("return null")]
    [InlineData("return")]
    [InlineData("eval('1')")]
    [InlineData("new Function('return 1')()")]
    [InlineData("require('fs')")]
    [InlineData("[1,2,3].sort(function(){ for(;;){} })")]
    [InlineData("'a'.replace(/a/g,function(){ for(;;){} })")]
    [InlineData("throw new Error('x'.repeat(60000))")]
    public void A_hostile_decoder_ends_with_a_reason(string body)
    {
        var clock = System.Diagnostics.Stopwatch.StartNew();
        using var run = LoRaWanCodec.Parse($"function decodeUplink(i){{ {body} }}").Run([1, 2], 1, Received);
        Assert.NotNull(run.Rejected);
        Assert.InRange(run.Rejected.En.Length, 10, 600);
        Assert.True(clock.Elapsed < TimeSpan.FromSeconds(10), $"{clock.Elapsed}");
    }

    [Theory]
    [InlineData("return {data:{leak:true, toJSON:function(){ for(;;){} }}}")]
    [InlineData("JSON.stringify=function(){ return 'x' }; JSON=null; return {data:{leak:true}}")]
    [InlineData("return {data:{leak:true, other:new Proxy({},{get:function(){ for(;;){} }})}}")]
    [InlineData("return {data:{leak:true, nan:NaN, at:new Date(0), when:new Date('x'), raw:new Uint8Array(3), f:function(){}}}")]
    public void What_a_decoder_puts_beside_its_values_does_not_reach_us(string body)
    {
        using var run = LoRaWanCodec.Parse($"function decodeUplink(i){{ {body} }}").Run([1, 2], 1, Received);
        Assert.True(run.Rejected is null, run.Rejected?.En);
        Assert.True(run.Decoded!.Value.GetProperty("leak").GetBoolean());
    }

    [Fact]
    public void Prototypes_that_a_decoder_changes_put_nothing_into_its_readings()
    {
        var line = LoRaWanCodec
            .Parse("Object.prototype.sos = true; Array.prototype.fall = 1; function decodeUplink(i){ return { data: { leak: true } } }")
            .DecodeLine("01", 1, Received, out var accepted);
        Assert.True(accepted, line);
        Assert.Equal(
            "water.leak",
            Assert.Single(JsonDocument.Parse(line).RootElement.GetProperty("readings").EnumerateArray()).GetProperty("metric").GetString()
        );
    }

    [Theory]
    [InlineData(
        "return {data:{n:i.bytes.length, plain:Array.isArray(i.bytes), last:i.bytes.slice(-1)[0], port:i.fPort}}",
        """{"n":2,"plain":true,"last":255,"port":7}"""
    )]
    [InlineData(
        "return {data:{ok:[1,'a',null].join() + '|' + String([[1],[2]]) + '|' + 'a-b'.replace(/-/g,'+') + '|' + 'x'.replace('x', "
            + "function(){ return 'y' })}}",
        """{"ok":"1,a,|1,2|a+b|y"}"""
    )]
    [InlineData("return {data:{ok:i.bytes.map(function(b){return b.toString(16)}).join('')}}", """{"ok":"1ff"}""")]
    [InlineData("return {data:{y:i.recvTime.getUTCFullYear()}, warnings:['weak battery'], errors:[]}", """{"y":2026}""")]
    public void A_decoder_gets_bytes_as_a_plain_list_the_port_and_the_time(string body, string decoded)
    {
        using var run = LoRaWanCodec.Parse($"function decodeUplink(i){{ {body} }}").Run([1, 255], 7, Received);
        Assert.Null(run.Rejected);
        Assert.Equal(decoded, run.Decoded!.Value.GetRawText());
    }

    [Fact]
    public void Errors_of_a_decoder_are_its_reason_and_warnings_go_with_the_values()
    {
        using var refused = LoRaWanCodec
            .Parse("function decodeUplink(i){ return {errors:['unknown FPort','bad length']} }")
            .Run([1], 1, Received);
        Assert.Equal("the decoder refused it: unknown FPort; bad length", refused.Rejected?.En);
        var line = LoRaWanCodec
            .Parse("function decodeUplink(i){ return {data:{leak:true}, warnings:['fix failed']} }")
            .DecodeLine("01", 1, Received, out var accepted);
        Assert.True(accepted);
        Assert.Equal("fix failed", JsonDocument.Parse(line).RootElement.GetProperty("warnings")[0].GetString());
        using var normal = LoRaWanCodec
            .Parse("function decodeUplink(i){ return {data:{leak:true}} } function normalizeUplink(i){ return {errors:['no unit']} }")
            .Run([1], 1, Received);
        Assert.Null(normal.Rejected);
        Assert.Null(normal.Normalised);
    }

    [Theory]
    [InlineData("function Decoder(bytes, port){ return {leak: bytes[0] === 1 && port === 3} }")]
    [InlineData(
        "function Decode(fPort, bytes, variables){ return {leak: bytes[0] === 1 && fPort === 3 && typeof variables === 'object'} }"
    )]
    [InlineData("const decodeUplink = ({bytes, fPort}) => ({data: {leak: bytes[0] === 1 && fPort === 3}})")]
    [InlineData("module.exports = {}; exports.x = 1; function decodeUplink(i){ return {data:{leak: i.bytes[0] === 1 && i.fPort === 3}} }")]
    [InlineData("var decodeUplink = function(i){ console.log('x', i); return {data:{leak: i.bytes[0] === 1 && i.fPort === 3}} }")]
    public void Older_and_newer_ways_to_write_a_decoder_all_run(string source)
    {
        using var run = LoRaWanCodec.Parse(source).Run([1], 3, Received);
        Assert.True(run.Rejected is null, run.Rejected?.En);
        Assert.True(run.Decoded!.Value.GetProperty("leak").GetBoolean());
    }

    [Fact]
    public void What_one_call_poisons_the_next_does_not_see()
    {
        var codec = LoRaWanCodec.Parse(
            "function decodeUplink(i){ var was = Object.prototype.seen || 0; Object.prototype.seen = 1; return { data: { was: was } } }"
        );
        for (var i = 0; i < 2; i++)
        {
            using var run = codec.Run([1], 1, Received);
            Assert.Equal(0, run.Decoded!.Value.GetProperty("was").GetInt32());
        }
    }

    [Fact]
    public void Random_bytes_never_throw() =>
        Gen.Select(Gen.Byte.Array[0, 60], Gen.Int[0, 255])
            .Sample(
                (bytes, port) =>
                {
                    foreach (var profile in Profiles.All.Where(p => p.Format is "chirpstack-v4" or "lorawan"))
                    {
                        var text = JsonSerializer.Serialize(
                            new
                            {
                                deviceInfo = new { devEui = "0101010101010101" },
                                fPort = port % 3 == 0 ? 85
                                : port % 3 == 1 ? 1
                                : port,
                                data = Convert.ToBase64String(bytes),
                            }
                        );
                        var into = new DecodedPayload();
                        into.Reset("", Received);
                        var reason = profile.DecodeLine(text, "", into);
                        Assert.DoesNotContain("decoder failed", reason?.En ?? "", StringComparison.Ordinal);
                    }
                }
            );

    private static DecodedPayload Decode(string profile, string payload)
    {
        var into = new DecodedPayload();
        into.Reset("", Received);
        Assert.Null(Profiles.Find(profile)!.DecodeLine(payload, "", into));
        return into;
    }

    private static ProfileSet Load()
    {
        var folder = new DirectoryInfo(AppContext.BaseDirectory);
        while (!Directory.Exists(Path.Combine(folder.FullName, "devices")))
            folder = folder.Parent!;
        var problems = new List<Problem>();
        var set = ProfileSet.Load(Path.Combine(folder.FullName, "devices"), problems);
        Assert.Empty(problems);
        return set;
    }
}
