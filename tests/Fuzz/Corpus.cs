using System.Text;
using Vigil.Ingest.Decoding;
using Vigil.Ingest.Profiles;
using Vigil.Model;
using Vigil.Tests.Ingest.Decoding;

namespace Vigil.Tests.Fuzz;

/// <summary>Real payloads of one profile, as they are sent over MQTT: the profile's examples and the test vectors of its format.</summary>
internal sealed record Family(Profile Profile, IReadOnlyList<string> Topics, IReadOnlyList<byte[]> Payloads)
{
    private static readonly Lazy<IReadOnlyList<Family>> Loaded = new(Load);

    /// <summary>Every profile of <c>devices/</c>.</summary>
    public static IReadOnlyList<Family> All => Loaded.Value;

    /// <summary>The profile with an id, such as <c>senml</c>.</summary>
    public static Family Of(string id) => All.Single(f => f.Profile.Id == id);

    /// <summary>
    /// A hostile message for any profile. One in ten gets another of the profile's topics; two of three binary frames get a correct
    /// checksum.
    /// </summary>
    public static (Family Family, string Topic, byte[] Payload) Next(Random random)
    {
        var family = All[random.Next(All.Count)];
        var payload = Mutator.Next(random, family.Payloads);
        if (random.Next(3) > 0)
            payload = FrameChecksums.Sealed(family.Profile.Format, payload) ?? payload;
        return (family, family.Topics[random.Next(10) == 0 ? random.Next(family.Topics.Count) : 0], payload);
    }

    private static List<Family> Load()
    {
        var problems = new List<Problem>();
        var profiles = ProfileSet.Load(Path.Combine(AppContext.BaseDirectory, "devices"), problems);
        Assert.Empty(problems);
        var vectors = Directory
            .GetFiles(Path.Combine(AppContext.BaseDirectory, "data", "vectors"), "*.jsonl")
            .Select(Path.GetFileNameWithoutExtension)
            .Where(f => f != "coord_transform")
            .SelectMany(f => Vector.Of(f!))
            .ToLookup(v => v.Format);
        var families = new List<Family>();
        foreach (var profile in profiles.All)
        {
            var topics = profile.Examples.Select(e => e.Topic).Where(t => t.Length > 0).Distinct().ToList();
            if (topics.Count == 0)
                topics.Add(
                    profile
                        .Topics[0]
                        .ToString()
                        .Replace("{device}", "fuzz-1", StringComparison.Ordinal)
                        .Replace("+", "x", StringComparison.Ordinal)
                        .Replace("#", "x", StringComparison.Ordinal)
                );
            var payloads = profile
                .Examples.Select(e => OnMqtt(profile, e.Payload))
                .Concat(vectors[profile.Format].Select(v => Wrapped(profile, v.Bytes)))
                .Where(p => p.Length > 0)
                .ToList();
            if (payloads.Count > 0)
                families.Add(new Family(profile, topics, payloads));
        }

        return families;
    }

    /// <summary>Examples of binary formats are written in hexadecimal; here they become the bytes that are sent over MQTT.</summary>
    private static byte[] OnMqtt(Profile profile, string line)
    {
        var text = Encoding.UTF8.GetBytes(line);
        if (!profile.IsBinary || profile.Encoding != PayloadEncoding.Raw)
            return text;
        var bytes = new byte[text.Length / 2 + 1];
        return Profile.TryHex(text, bytes, out var length) ? bytes[..length] : text;
    }

    private static byte[] Wrapped(Profile profile, byte[] bytes) =>
        profile.Encoding switch
        {
            PayloadEncoding.Hex => Encoding.ASCII.GetBytes(Convert.ToHexString(bytes)),
            PayloadEncoding.Base64 => Encoding.ASCII.GetBytes(Convert.ToBase64String(bytes)),
            _ => bytes,
        };
}

/// <summary>
/// Corrects checksum and length of a changed frame, so that the decoder doesn't stop at them and its later parts are tested too.
/// </summary>
internal static class FrameChecksums
{
    /// <summary>Null when the format has no checksum or the payload is too short for one.</summary>
    public static byte[]? Sealed(string format, byte[] payload) =>
        format switch
        {
            "dlt645-2007" => Meter(payload, lengthAt: 9, shortest: 12),
            "cjt188" => Meter(payload, lengthAt: 10, shortest: 13),
            "jt808" => Jt808(payload),
            "nmea0183" => Nmea(payload),
            "care-watch" => CareWatch(payload),
            _ => null,
        };

    private static byte[]? Meter(byte[] payload, int lengthAt, int shortest)
    {
        var at = Array.IndexOf(payload, (byte)0x68);
        if (at < 0 || payload.Length < at + shortest)
            return null;
        var frame = (byte[])payload.Clone();
        if (lengthAt == 9)
            frame[at + 7] = 0x68;
        frame[at + lengthAt] = (byte)(payload.Length - at - shortest);
        frame[^2] = (byte)frame[at..^2].Sum(b => b);
        frame[^1] = 0x16;
        return frame;
    }

    private static byte[]? Jt808(byte[] payload)
    {
        if (payload.Length < 16 || payload[0] != 0x7E)
            return null;
        var inner = payload[1..^1].Where(b => b is not (0x7E or 0x7D)).ToArray();
        if (inner.Length < 2)
            return null;
        inner[^1] = inner[..^1].Aggregate((byte)0, (x, b) => (byte)(x ^ b));
        return inner[^1] is 0x7E or 0x7D ? null : [0x7E, .. inner, 0x7E];
    }

    /// <summary>The checksum <c>*hh</c> of each sentence.</summary>
    private static byte[]? Nmea(byte[] payload)
    {
        var lines = Encoding.Latin1.GetString(payload).Split('\n');
        for (var i = 0; i < lines.Length; i++)
        {
            var line = lines[i].TrimEnd('\r');
            if (line.Length < 4 || line[0] is not ('$' or '!') || line.LastIndexOf('*') is not (> 0 and var star))
                continue;
            lines[i] = $"{line[..star]}*{line[1..star].Aggregate(0, (x, c) => x ^ c) & 0xFF:X2}";
        }

        return Encoding.Latin1.GetBytes(string.Join("\r\n", lines));
    }

    /// <summary>The length <c>LEN</c> in hexadecimal of <c>[3G*id*LEN*…]</c>.</summary>
    private static byte[]? CareWatch(byte[] payload)
    {
        var parts = Encoding.Latin1.GetString(payload).Split('*', 4);
        if (parts.Length < 4 || !parts[0].StartsWith('[') || !parts[3].EndsWith(']'))
            return null;
        return Encoding.Latin1.GetBytes($"{parts[0]}*{parts[1]}*{parts[3].Length - 1:X4}*{parts[3]}");
    }
}
