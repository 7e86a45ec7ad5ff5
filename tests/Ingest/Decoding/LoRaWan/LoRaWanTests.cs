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
                    Assert.Contains(expected, reason ?? "(accepted)", StringComparison.Ordinal);
                    continue;
                }

                Assert.True(reason is null, $"{profile.Id} line {example.Line}: {reason}");
                foreach (var r in example.Readings)
                    Assert.True(into.Readings.Any(x => x.Metric.Name == r.Metric && x.Event == r.Event && (r.Value is not { } v || Math.Abs(x.Value - v) < 1e-9)
                        && (r.Latitude is not { } lat || (Math.Abs(x.Value - lat) < 1e-7 && Math.Abs(x.Longitude - r.Longitude!.Value) < 1e-7))), $"{profile.Id} line {example.Line}: {r}; has {string.Join(", ", into.Readings)}");
            }
        }

        Assert.True(seen >= 14, $"{seen} profiles");
    }

    [Fact]
    public void Every_envelope_vector_is_understood_and_names_its_device()
    {
        foreach (var line in File.ReadLines(Path.Combine(AppContext.BaseDirectory, "data/vectors/lorawan_envelope.jsonl")))
        {
            using var vector = JsonDocument.Parse(line);
            var root = vector.RootElement;
            var id = root.GetProperty("id").GetString();
            var into = new DecodedPayload();
            into.Reset("", Received);
            var reason = Profiles.Find(root.GetProperty("format").GetString()!)!.DecodeLine(root.GetProperty("payload").GetString()!, "", into);
            Assert.True(reason is null, $"{id}: {reason}");
            var expected = root.GetProperty("expected");
            if (expected.TryGetProperty("dev_eui", out var eui) && eui.GetProperty("value").GetString() is { } device) Assert.Equal(device.ToLowerInvariant(), into.Device);
            if (expected.TryGetProperty("air.temperature", out var air)) Assert.Equal(air.GetProperty("value").GetDouble(), Assert.Single(into.Readings, r => r.Metric == Metric.AirTemperature).Value);
        }
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
        Assert.Empty(Decode("tts-v3", """{"decoded_payload":{"fixFailed":true,"cached":{"latitudeDeg":-33.9,"longitudeDeg":18.8}}}""").Readings);
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
    public void A_hostile_decoder_ends_with_a_reason(string body)
    {
        using var run = LoRaWanCodec.Parse($"function decodeUplink(i){{ {body} }}").Run([1, 2], 1, Received);
        Assert.NotNull(run.Rejected);
    }

    [Fact]
    public void What_one_call_poisons_the_next_does_not_see()
    {
        var codec = LoRaWanCodec.Parse("function decodeUplink(i){ var was = Object.prototype.seen || 0; Object.prototype.seen = 1; return { data: { was: was } } }");
        for (var i = 0; i < 2; i++)
        {
            using var run = codec.Run([1], 1, Received);
            Assert.Equal(0, run.Decoded!.Value.GetProperty("was").GetInt32());
        }
    }

    [Fact]
    public void Random_bytes_never_throw() => Gen.Select(Gen.Byte.Array[0, 60], Gen.Int[0, 255]).Sample((bytes, port) =>
    {
        foreach (var profile in Profiles.All.Where(p => p.Format is "chirpstack-v4" or "lorawan"))
        {
            var text = JsonSerializer.Serialize(new { deviceInfo = new { devEui = "0101010101010101" }, fPort = port % 3 == 0 ? 85 : port % 3 == 1 ? 1 : port, data = Convert.ToBase64String(bytes) });
            var into = new DecodedPayload();
            into.Reset("", Received);
            var reason = profile.DecodeLine(text, "", into);
            Assert.DoesNotContain("decoder failed", reason ?? "", StringComparison.Ordinal);
        }
    });

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
        while (!Directory.Exists(Path.Combine(folder.FullName, "devices"))) folder = folder.Parent!;
        var problems = new List<Problem>();
        var set = ProfileSet.Load(Path.Combine(folder.FullName, "devices"), problems);
        Assert.Empty(problems);
        return set;
    }
}
