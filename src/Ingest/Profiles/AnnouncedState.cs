using System.Globalization;
using System.Text;
using System.Text.Json;
using Vigil.Ingest.Decoding;
using Vigil.Model;

namespace Vigil.Ingest.Profiles;

/// <summary>Reads a message on a state topic by what a device has announced (<see cref="Announcement"/>).</summary>
internal static class AnnouncedState
{
    /// <param name="entities">What was announced for the topic.</param>
    /// <param name="payload">The message.</param>
    /// <param name="into">Gets the readings.</param>
    /// <returns>Why it can't be read; null when it can.</returns>
    public static Wording? Decode(Announcement[] entities, ReadOnlySpan<byte> payload, DecodedPayload into)
    {
        JsonDocument? document = null;
        if (entities.Any(e => e.Path.Count > 0) && JsonFields.TryParse(payload, out document) is { } why)
            return why;
        using (document)
        {
            var text = Encoding.UTF8.GetString(payload).Trim();
            foreach (var e in entities)
            {
                if (e.Metric is not { } metric)
                    continue;
                into.Device = e.Device;
                var value = text;
                if (e.Path.Count > 0)
                {
                    if (Follow(document!.RootElement, e.Path) is not { } field)
                        continue; // missing is not false
                    value = field.ValueKind == JsonValueKind.String ? field.GetString()! : field.GetRawText();
                }

                if (metric.Kind == MetricKind.Event)
                {
                    if (value.Length is > 0 and <= 64)
                        into.AddEvent(metric, DeviceWords.OfEvent(value));
                }
                else if (metric.Kind == MetricKind.State)
                {
                    if (value.Equals(e.On, StringComparison.OrdinalIgnoreCase))
                        into.Add(metric, 1);
                    else if (value.Equals(e.Off, StringComparison.OrdinalIgnoreCase))
                        into.Add(metric, 0);
                }
                else if (
                    double.TryParse(value, NumberStyles.Float, CultureInfo.InvariantCulture, out var number)
                    && Units.TryConvert(e.Unit, metric.Unit, out var conversion)
                )
                {
                    into.Add(metric, conversion.Apply(number));
                }
            }

            return null;
        }
    }

    private static JsonElement? Follow(JsonElement element, IReadOnlyList<string> path)
    {
        foreach (var part in path)
        {
            if (
                element.ValueKind == JsonValueKind.Array
                && int.TryParse(part, CultureInfo.InvariantCulture, out var index)
                && index >= 0
                && index < element.GetArrayLength()
            )
                element = element[index];
            else if (!element.TryField(part, out element))
                return null;
        }

        return element.ValueKind == JsonValueKind.Null ? null : element;
    }
}
