using Vigil.Model;

namespace Vigil.Host.Intake;

/// <summary>Rows as they are written into <c>set-aside.jsonl</c>, for people to read.</summary>
internal static class SetAsideRows
{
    public static object Of(Reading r) =>
        new
        {
            device = r.Device.Value,
            metric = r.Metric.Name,
            channel = r.Channel,
            time = r.Time,
            received = r.Received,
            value = $"{r.Value:R}",
            longitude = $"{r.Longitude:R}",
            @event = r.Event,
            flags = r.Flags.ToString(),
        };

    public static object Of(Finding f) =>
        new
        {
            subject = f.Subject,
            kind = f.Kind.Name,
            severity = f.Severity.ToString(),
            change = f.Change.ToString(),
            episode = f.Episode,
            sequence = f.Sequence,
            time = f.Time,
            reason = f.Reason,
            reasonZh = f.ReasonZh,
            device = f.Device?.Value,
        };
}
