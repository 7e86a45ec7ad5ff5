using Vigil.Ingest.Decoding;
using Vigil.Ingest.Decoding.LoRaWan;
using Vigil.Ingest.Profiles;
using Vigil.Model;

namespace Vigil.Tests.Fuzz;

/// <summary>Any bytes from a device are read or refused with a reason, quickly, and what was read is possible in the real world.</summary>
public sealed class DecoderFuzzTests
{
    private static readonly DateTime Received = new(2027, 1, 1, 12, 0, 0, DateTimeKind.Utc);

    [Fact]
    public Task No_payload_of_any_profile_breaks_its_decoder_or_becomes_a_reading_that_cannot_be()
    {
        var decoded = new DecodedPayload();
        return Fuzzing.RunAsync(
            "decoders",
            random =>
            {
                var (family, topic, payload) = Family.Next(random);
                return new Sample($"{family.Profile.Id} {topic}", payload);
            },
            sample =>
            {
                var (id, topic) = (sample.About.Split(' ', 2)[0], sample.About.Split(' ', 2)[1]);
                Decode(Family.Of(id).Profile, topic, sample.Bytes, decoded);
            }
        );
    }

    [Fact]
    public Task No_announcement_breaks_what_it_announces()
    {
        var config = Ingest.Decoding.Vector.Of("ha_discovery").Select(v => v.Bytes).ToList();
        var topics = Ingest.Decoding.Vector.Of("ha_discovery").Select(v => v.Topic).ToList();
        var states = Family.All.Where(f => f.Profile.Format == "json").SelectMany(f => f.Payloads).ToList();
        var decoded = new DecodedPayload();
        return Fuzzing.RunAsync(
            "announcements",
            random => new Sample($"{topics[random.Next(topics.Count)]} {random.Next()}", Mutator.Next(random, config)),
            sample =>
            {
                var announcements = new Announcements();
                var (topic, seed) = (
                    sample.About.Split(' ')[0],
                    int.Parse(sample.About.Split(' ')[1], System.Globalization.CultureInfo.InvariantCulture)
                );
                var (found, _) = announcements.Take(topic, sample.Bytes);
                var random = new Random(seed);
                foreach (var one in found.Take(3))
                {
                    decoded.Reset("", Received);
                    announcements.Decode(one.StateTopic, Mutator.Next(random, states), decoded);
                    foreach (var reading in decoded.Readings)
                        CanBe(reading);
                }
            }
        );
    }

    [Fact]
    public async Task No_script_of_a_LoRaWAN_codec_runs_or_grows_without_end()
    {
        // Each of these runs into another limit; one run may last as long as the limit of time allows.
        string[] bodies =
        [
            "for(;;){}",
            "while(true) x += 'x'",
            "var a=[]; for(;;) a.push(a.slice())",
            "function f(){ return f() } f()",
            "var s='x'; for(;;) s += s",
            "'x'.repeat(1e9)",
            "new Array(1e9).fill(0)",
            "new Uint8Array(1e9)",
            "/^(a+)+$/.test('aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa!')",
            "var o={}; o.o=o; return {data:o}",
            "return {data:{get x(){ for(;;){} }}}",
            "return {data:new Proxy({},{ownKeys(){return ['a']}})}",
            "var d={}; var e=d; for(var i=0;i<100000;i++){ e.n={}; e=e.n } return {data:d}",
            "return {data:{a:NaN,b:Infinity,c:-0,d:1e308*10}}",
            "throw {toString(){ throw 1 }}",
            "return Promise.resolve(1)",
            "return {data:{temperature:'9'.repeat(65536)}}",
            "return {data:{'a\\u0000b':'c\\u0000d', button:'so\\u0000s'}}",
            "[1,2,3].sort(()=>{ for(;;){} })",
            "JSON.parse('['.repeat(60000))",
            "eval('1')",
            "new Function('for(;;){}')()",
            "return {data:bytes}",
            "return {errors:['x'.repeat(60000)]}",
            "var a=[1]; a.length=4294967295; return {data:a.join()}",
            "return {data:{battery:1e400, water:{total:-1}}}",
            "String.fromCharCode.apply(null, new Array(1000000))",
            "return {data:Array.from({length:1e6},()=>({}))}",
            "'x'.padStart(1e9)",
            "'aaaa'.replace(/a/g, 'x'.repeat(60000))",
            "return {warnings:[{}], data:{a:1}}",
            "Object.prototype.data = 1; return {}",
            "structuredClone({})",
        ];
        await Fuzzing.RunAsync(
            "codecs",
            random =>
            {
                var body = string.Join(";\n", Enumerable.Range(0, 1 + random.Next(3)).Select(_ => bodies[random.Next(bodies.Length)]));
                var bytes = System.Text.Encoding.UTF8.GetBytes(
                    $"function decodeUplink(input) {{ var bytes = input.bytes, x = '';\n{body}\nreturn {{data:{{battery:bytes.length}}}} }}"
                );
                return new Sample($"{random.Next(256)}", random.Next(4) == 0 ? Mutator.Bytes(random, bytes, [bytes]) : bytes);
            },
            sample =>
            {
                LoRaWanCodec codec;
                try
                {
                    codec = LoRaWanCodec.Parse(System.Text.Encoding.UTF8.GetString(sample.Bytes));
                }
                catch (FormatException)
                {
                    return;
                }

                var begun = System.Diagnostics.Stopwatch.GetTimestamp();
                codec.DecodeLine("01A4100027", int.Parse(sample.About, System.Globalization.CultureInfo.InvariantCulture), Received, out _);
                var took = System.Diagnostics.Stopwatch.GetElapsedTime(begun);
                if (took > TimeSpan.FromSeconds(10))
                    throw new TimeoutException($"took {took.TotalSeconds:F1} s");
            },
            mostBytes: long.MaxValue
        );
    }

    [Fact]
    public Task No_uplink_breaks_a_codec_of_JavaScript()
    {
        var codec = LoRaWanCodec.Load(Path.Combine(AppContext.BaseDirectory, "data", "codecs", "water.js"));
        return Fuzzing.RunAsync(
            "codec-uplinks",
            random => new Sample(
                $"{random.Next(-1, 257)}",
                Mutator.Bytes(random, Convert.FromHexString("01A4100027"), [Convert.FromHexString("0102030405")])
            ),
            sample =>
                codec.DecodeLine(
                    Convert.ToHexString(sample.Bytes),
                    int.Parse(sample.About, System.Globalization.CultureInfo.InvariantCulture),
                    Received,
                    out _
                )
        );
    }

    internal static void Decode(Profile profile, string topic, byte[] payload, DecodedPayload into)
    {
        into.Reset(profile.DeviceFromTopic(topic), Received);
        var reason = profile.Decode(payload, topic, into);
        if (reason is not null)
        {
            // This reason means that an exception was caught as a last resort: a fault, since the decoder should say what is wrong with the
            // payload.
            if (reason.En.Contains("decoder failed", StringComparison.Ordinal))
                throw new InvalidOperationException(reason.En);
            return;
        }

        foreach (var reading in into.Readings)
            CanBe(reading);
    }

    private static void CanBe(in Reading r)
    {
        if (!double.IsFinite(r.Value) || !double.IsFinite(r.Longitude))
            throw new InvalidOperationException($"{r.Metric} is {r.Value}, {r.Longitude}");
        if (float.IsInfinity(r.Accuracy) || float.IsInfinity(r.Speed) || r.Accuracy < 0)
            throw new InvalidOperationException($"{r.Metric}: accuracy {r.Accuracy}, speed {r.Speed}");
        if (r.Time.Kind != DateTimeKind.Utc)
            throw new InvalidOperationException($"{r.Metric}: the time is {r.Time.Kind}");
        if (r.Time < DecodedPayload.EarliestPlausible || r.Time > Received + DecodedPayload.FutureTolerance)
            throw new InvalidOperationException($"{r.Metric} at {r.Time:O}");
        if (r.Received != Received)
            throw new InvalidOperationException($"received {r.Received:O}");
        if (r.Metric.Kind == MetricKind.Event && string.IsNullOrEmpty(r.Event))
            throw new InvalidOperationException($"{r.Metric} without a word");
        if (r.Metric.Kind == MetricKind.State && r.Value is not (0 or 1))
            throw new InvalidOperationException($"{r.Metric} is {r.Value}");
        if (r.Channel.Length > 1024)
            throw new InvalidOperationException($"{r.Metric}: a channel of {r.Channel.Length} characters");
        if (r.Event?.Length > 1024)
            throw new InvalidOperationException($"{r.Metric}: a word of {r.Event.Length} characters");
    }
}
