using System.Diagnostics;
using System.Globalization;
using System.Text;
using Vigil.Ingest.Decoding;
using Vigil.Ingest.Profiles;
using Vigil.Model;

namespace Vigil.Bench;

/// <summary>
/// What reading one payload costs, by format: nanoseconds and allocated bytes on one thread, with an example of the shipped profile.
/// </summary>
internal static class DecodeLoad
{
    private static readonly string[] Shown =
    [
        "senml",
        "wmbusmeters",
        "zigbee2mqtt",
        "kamstrup/multical21",
        "tasmota",
        "shelly-gen2",
        "dlt645-2007",
        "cjt188",
        "jt808",
        "nmea0183",
        "care-watch",
        "chirpstack-v4",
        "tts-v3",
        "cn-gateway",
    ];

    public static int Run(Arguments arguments)
    {
        var problems = new List<Problem>();
        var profiles = ProfileSet.Load(arguments.Text("--devices") ?? "devices", problems);
        foreach (var problem in problems)
            Console.Error.WriteLine(problem);
        var rounds = arguments.Number("--rounds", 5);
        Console.WriteLine(
            "format                  bytes of payload  readings       ns  bytes allocated   (median of the rounds, one thread)"
        );
        var formats = new List<(string Id, int Payload, Func<long> Once, List<double> Nanoseconds)>();
        foreach (var id in Shown)
        {
            if (
                profiles.Find(id) is not { } profile
                || profile.Examples.FirstOrDefault(e => e.Rejected is null && e.Readings.Count > 0) is not { } example
            )
                continue;
            var payload = profile.IsBinary ? Convert.FromHexString(example.Payload) : Encoding.UTF8.GetBytes(example.Payload);
            var device = profile.DeviceFromTopic(example.Topic);
            var into = new DecodedPayload();
            long Once()
            {
                into.Reset(device, example.Received);
                if (profile.Decoder.Decode(payload, example.Topic, into) is { } why)
                    throw new InvalidOperationException($"{id}: {why}");
                return into.Readings.Count;
            }

            formats.Add((id, payload.Length, Once, []));
        }

        // All of them are warmed up before any is measured: they share the JSON reader, and the first one would pay for compiling it.
        for (var pass = 0; pass < 2; pass++)
            foreach (var format in formats)
                for (var warm = Stopwatch.GetTimestamp(); Stopwatch.GetElapsedTime(warm) < TimeSpan.FromMilliseconds(500); )
                    format.Once();
        const int Times = 20_000;
        for (var round = 0; round < rounds; round++)
            foreach (var (_, _, once, nanoseconds) in formats)
            {
                var begun = Stopwatch.GetTimestamp();
                for (var i = 0; i < Times; i++)
                    once();
                nanoseconds.Add(Stopwatch.GetElapsedTime(begun).TotalNanoseconds / Times);
            }

        foreach (var (id, payload, once, nanoseconds) in formats)
        {
            var bytes = GC.GetAllocatedBytesForCurrentThread();
            for (var i = 0; i < Times; i++)
                once();
            var allocated = (double)(GC.GetAllocatedBytesForCurrentThread() - bytes) / Times;
            nanoseconds.Sort();
            Console.WriteLine(
                string.Create(
                    CultureInfo.InvariantCulture,
                    $"{id, -24}{payload, 16}{once(), 10}{nanoseconds[rounds / 2], 9:0}{allocated, 17:0}"
                )
            );
        }

        return 0;
    }
}
