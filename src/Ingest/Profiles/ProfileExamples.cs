using Vigil.Ingest.Decoding;
using Vigil.Model;

namespace Vigil.Ingest.Profiles;

/// <summary>
/// Runs the examples of a profile: real payloads must decode to the readings they list, and the others must be refused.
/// </summary>
public static class ProfileExamples
{
    public static IEnumerable<Problem> Check(Profile profile)
    {
        if (!profile.Examples.Any(e => e.Rejected is null))
            yield return new Problem(profile.File, 1, profile.Id, "", "has no example of a payload that is read");
        if (!profile.Examples.Any(e => e.Rejected is not null))
            yield return new Problem(profile.File, 1, profile.Id, "", "has no example of a payload that is refused");
        foreach (var example in profile.Examples)
        foreach (var problem in Check(profile, example))
            yield return new Problem(
                profile.File,
                example.Line,
                profile.Id,
                example.Payload.Length > 80 ? example.Payload[..80] + "…" : example.Payload,
                problem
            );
    }

    private static IEnumerable<string> Check(Profile profile, ProfileExample example)
    {
        var decoded = new DecodedPayload();
        decoded.Reset(profile.DeviceFromTopic(example.Topic), example.Received);
        var reason = profile.DecodeLine(example.Payload, example.Topic, decoded);
        if (example.Rejected is { } expected)
        {
            if (reason is null)
                yield return "was read, but is to be refused";
            else if (!reason.En.Contains(expected, StringComparison.OrdinalIgnoreCase))
                yield return $"was refused because it {reason}; the example says '{expected}'";
            yield break;
        }

        if (reason is not null)
        {
            yield return $"was refused: {reason}";
            yield break;
        }

        if (example.Device is { } device && decoded.Device != device)
            yield return $"the device is '{decoded.Device}'; the example says '{device}'";
        foreach (var want in example.Readings)
        {
            if (!decoded.Readings.Any(r => Fits(r, want)))
                yield return $"line {want.Line}: no reading {want.Metric} "
                    + $"{want.Value}{want.Event}{want.Latitude}{(want.Channel is { } c ? $" on channel {c}" : "")}; there are: "
                    + $"{string.Join("; ", decoded.Readings.Select(Shown))}";
        }

        if (decoded.Readings.Count != example.Readings.Count)
            yield return $"{decoded.Readings.Count} readings; the example lists {example.Readings.Count}: "
                + $"{string.Join("; ", decoded.Readings.Select(Shown))}";
    }

    private static bool Fits(in Reading reading, ExpectedReading want) =>
        reading.Metric.Name == want.Metric
        && (want.Channel ?? "") == reading.Channel
        && reading.Event == want.Event
        && (want.Time is not { } t || t == reading.Time)
        && (want.Value is not { } v || Math.Abs(v - reading.Value) <= Math.Max(1e-9, Math.Abs(v) * 1e-6))
        && (
            want.Latitude is not { } lat
            || (Math.Abs(lat - reading.Value) < 1e-5 && Math.Abs((want.Longitude ?? 0) - reading.Longitude) < 1e-5)
        );

    private static string Shown(Reading r) =>
        (
            $"{r.Metric} {(r.Event ?? (r.Metric.Kind == MetricKind.Location ? $"{r.Value},{r.Longitude}" : $"{r.Value:G12}"))} "
            + $"{r.Channel} {r.Time:O}"
        ).Replace("  ", " ", StringComparison.Ordinal);
}
