using System.Text.Json;
using Vigil.Model;

namespace Vigil.Storage.Readings.Influx;

/// <summary>Selects points and turns them back into readings.</summary>
internal static class InfluxReadings
{
    private const string Selected =
        "SELECT \"value\"::field, \"received\"::field, \"flags\"::field, \"longitude\"::field, \"accuracy\"::field, "
        + "\"speed\"::field, \"event\"::field, \"device\"::tag, \"channel\"::tag";

    /// <param name="api">The server.</param>
    /// <param name="metric">One metric; null for all.</param>
    /// <param name="where">Condition in InfluxQL.</param>
    /// <param name="cancellation">Stops between two chunks of the answer.</param>
    public static async Task<List<Reading>> SelectAsync(InfluxApi api, Metric? metric, string where, CancellationToken cancellation)
    {
        var found = new List<Reading>();
        var (devices, channels) = (
            new Dictionary<string, DeviceId>(StringComparer.Ordinal),
            new Dictionary<string, string>(StringComparer.Ordinal)
        );
        await foreach (
            var series in api.QueryAsync(
                $"{Selected} FROM {(metric is null ? "/.*/" : $"\"{metric.Name}\"")} WHERE {where}",
                changes: false,
                cancellation
            )
        )
        {
            if (!Metric.TryParse(series.GetProperty("name").GetString(), out var of))
                continue; // written by a later version, or by somebody else
            foreach (var row in series.GetProperty("values").EnumerateArray())
            {
                if (row[2].ValueKind != JsonValueKind.Number || row[8].GetString() is not { } device)
                    continue; // written by somebody else: without arrival time or device
                if (!devices.TryGetValue(device, out var id))
                    devices[device] = id = new DeviceId(LineProtocol.Decode(device));
                var channel = row[9].GetString() ?? "";
                if (!channels.TryGetValue(channel, out var decoded))
                    channels[channel] = decoded = LineProtocol.Decode(channel);
                found.Add(Read(row, id, of, decoded));
            }
        }

        return found;
    }

    private static Reading Read(JsonElement row, DeviceId device, Metric metric, string channel) =>
        new()
        {
            Device = device,
            Metric = metric,
            Channel = channel,
            Time = LineProtocol.Time(row[0].GetInt64()),
            Received = LineProtocol.Time(row[2].GetInt64()),
            Value = Number(row[1], double.NaN),
            Flags = row[3].ValueKind == JsonValueKind.Number ? (ReadingFlags)row[3].GetInt32() : ReadingFlags.None,
            Longitude = Number(row[4], 0),
            Accuracy = (float)Number(row[5], double.NaN),
            Speed = (float)Number(row[6], double.NaN),
            Event = row[7].GetString() is { } word ? LineProtocol.Decode(word) : null,
        };

    private static double Number(JsonElement value, double missing) =>
        value.ValueKind == JsonValueKind.Number ? value.GetDouble() : missing;
}
