using System.CommandLine;
using System.Globalization;
using System.Text;
using Vigil.Ingest;
using Vigil.Ingest.Decoding;
using Vigil.Ingest.Decoding.LoRaWan;
using Vigil.Ingest.Profiles;
using Vigil.Model;

namespace Vigil.Host.Commands;

/// <summary><c>vigil decode</c>: decodes payloads from standard input, one a line, and writes their readings to standard output.</summary>
internal static class DecodeCommand
{
    public static Command Create()
    {
        var profile = new Option<string?>("--profile") { Description = "Id of a device profile (see: vigil profiles)" };
        var topic = new Option<string>("--topic") { Description = "Topic the payloads came on", DefaultValueFactory = _ => "" };
        var receivedAt = new Option<string?>("--received") { Description = "Time of arrival, ISO 8601 (default: now)" };
        var codec = new Option<string?>("--codec") { Description = "A LoRaWAN JavaScript decoder file, run as it is" };
        var port = new Option<int?>("--port")
        {
            Description = "fPort of bare LoRaWAN frames in hex, for --codec (default 1) or a LoRaWAN --profile (default: any)",
        };
        var devices = new Option<string?>("--devices") { Description = "Folder of device profiles (default: those that ship)" };
        var command = new Command(
            "decode",
            "Reads payloads, a line each (hex for binary formats, else text), and prints their readings as JSON"
        )
        {
            profile,
            topic,
            receivedAt,
            codec,
            port,
            devices,
        };
        command.SetAction(result =>
        {
            var received = TimeProvider.System.GetUtcNow().UtcDateTime;
            if (result.GetValue(receivedAt) is { } text)
            {
                if (!DateTimeOffset.TryParse(text, CultureInfo.InvariantCulture, DateTimeStyles.AssumeUniversal, out var at))
                    return Fail($"--received '{text}' is not a time such as 2026-01-01T00:00:00Z");
                received = at.UtcDateTime;
            }

            if (result.GetValue(codec) is { } file)
                return Codec(file, result.GetValue(port) ?? 1, received);
            if (result.GetValue(profile) is not { } id)
                return Fail("--profile ID or --codec FILE.js is needed");
            var problems = new List<Problem>();
            var profiles = ProfileSet.Load(result.GetValue(devices) ?? Settings.DevicesPath(null), problems);
            if (profiles.Find(id) is not { } found)
            {
                // A profile with a mistake isn't loaded; then its problem is the answer.
                foreach (var problem in problems)
                    Console.Error.WriteLine(problem);
                return Fail($"there is no profile '{id}' (see: vigil profiles)");
            }

            return Decode(found, result.GetValue(topic)!, result.GetValue(port), received);
        });
        return command;
    }

    private static int Decode(Profile profile, string topic, int? port, DateTime received)
    {
        using var output = new StreamWriter(Console.OpenStandardOutput(), new UTF8Encoding(false)) { AutoFlush = false };
        using var input = new StreamReader(Console.OpenStandardInput(), new UTF8Encoding(false));
        var decoded = new DecodedPayload();
        var refused = false;
        while (input.ReadLine() is { } line)
        {
            if (string.IsNullOrWhiteSpace(line))
                continue;
            decoded.Reset(profile.DeviceFromTopic(topic), received);
            var reason = profile.DecodeLine(line, topic, decoded, port);
            refused |= reason is not null;
            DecodeOutput.Write(output, decoded, reason);
        }

        return refused ? 1 : 0;
    }

    private static int Codec(string file, int port, DateTime received)
    {
        LoRaWanCodec codec;
        try
        {
            codec = LoRaWanCodec.Load(file);
        }
        catch (Exception e) when (e is IOException or FormatException or UnauthorizedAccessException)
        {
            return Fail($"{file}: {e.Message}");
        }

        var refused = false;
        while (Console.In.ReadLine() is { } line)
        {
            if (string.IsNullOrWhiteSpace(line))
                continue;
            Console.Out.WriteLine(codec.DecodeLine(line, port, received, out var accepted));
            refused |= !accepted;
        }

        return refused ? 1 : 0;
    }

    private static int Fail(string message)
    {
        Console.Error.WriteLine("vigil decode: " + message);
        return 2;
    }
}
