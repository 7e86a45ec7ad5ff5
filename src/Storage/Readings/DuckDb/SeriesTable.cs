using DuckDB.NET.Data;
using Vigil.Model;

namespace Vigil.Storage.Readings.DuckDb;

/// <summary>What identifies a series. Readings refer to it by a number instead of repeating three texts.</summary>
internal sealed record SeriesName(DeviceId Device, Metric Metric, string Channel);

/// <summary>The table <c>series</c> as the writer caches it: the number and the latest times of each series; numbers new series.</summary>
internal sealed class SeriesTable
{
    /// <summary>How many of a series' latest times are kept to recognise a redelivery; 128 bytes a series.</summary>
    private const int TimesKept = 16;

    /// <summary>Only readings committed shortly before a stop can be redelivered after it: so far back times are loaded.</summary>
    private const string Remembered = "INTERVAL 10 MINUTE";

    /// <summary>
    /// Most series of one device. A device that invents a new channel with every reading would fill the table: further channels share one
    /// series for each metric.
    /// </summary>
    internal const int MostOfDevice = 1024;

    /// <summary>Channel of the shared series.</summary>
    private const string OtherChannels = "other";

    private readonly Dictionary<(string Device, Metric Metric, string Channel), Series> known = [];
    private readonly Dictionary<string, int> ofDevice = new(StringComparer.Ordinal);
    private int lastId;

    public static SeriesTable Load(DuckDBConnection connection)
    {
        var table = new SeriesTable();
        var byId = new Dictionary<int, Series>();
        using var command = connection.CreateCommand();
        command.CommandText = "SELECT id, device, metric, channel FROM series";
        using (var rows = command.ExecuteReader())
        {
            while (rows.Read())
            {
                var id = rows.GetInt32(0);
                table.lastId = Math.Max(table.lastId, id);
                if (!Metric.TryParse(rows.GetString(2), out var metric))
                    continue; // a metric of a later version: its number stays reserved
                var device = rows.GetString(1);
                table.known[(device, metric, rows.GetString(3))] = byId[id] = new Series(id);
                table.ofDevice[device] = table.ofDevice.GetValueOrDefault(device) + 1;
            }
        }

        command.CommandText = $"SELECT series, time FROM readings WHERE received >= (SELECT max(received) FROM readings) - {Remembered}";
        using (var rows = command.ExecuteReader())
            while (rows.Read())
                if (byId.TryGetValue(rows.GetInt32(0), out var series))
                    series.IsNew(rows.GetDateTime(1));
        return table;
    }

    public Series Find(in Reading reading) =>
        known.TryGetValue((reading.Device.Value, reading.Metric, reading.Channel), out var series)
            ? series
            : known[(reading.Device.Value, reading.Metric, OtherChannels)];

    /// <summary>The series of some devices are gone; their numbers are not given again while the service runs.</summary>
    public void Forget(IReadOnlyList<DeviceId> devices)
    {
        var gone = devices.Select(d => d.Value).Where(ofDevice.Remove).ToHashSet(StringComparer.Ordinal);
        if (gone.Count > 0)
            foreach (var key in known.Keys.Where(k => gone.Contains(k.Device)).ToList())
                known.Remove(key);
    }

    /// <summary>Numbers the series that a batch contains for the first time, in the transaction of that batch.</summary>
    public void AddMissing(DuckDBConnection connection, IReadOnlyList<Reading> readings)
    {
        DuckDBAppender? appender = null;
        try
        {
            for (var i = 0; i < readings.Count; i++)
            {
                var reading = readings[i];
                var key = (reading.Device.Value, reading.Metric, reading.Channel);
                if (known.ContainsKey(key))
                    continue;
                var (device, count) = (reading.Device.Value, ofDevice.GetValueOrDefault(reading.Device.Value));
                if (count >= MostOfDevice && known.ContainsKey(key = (device, reading.Metric, OtherChannels)))
                    continue;
                known[key] = new Series(++lastId);
                ofDevice[device] = count + 1;
                appender ??= connection.CreateAppender("series");
                appender
                    .CreateRow()
                    .AppendValue(lastId)
                    .AppendValue(device)
                    .AppendValue(reading.Metric.Name)
                    .AppendValue(key.Channel)
                    .EndRow();
            }
        }
        finally
        {
            appender?.Dispose();
        }
    }

    internal sealed class Series(int id)
    {
        private readonly RecentTimes recent = new(TimesKept);

        public int Id => id;

        public bool IsNew(DateTime time) => recent.Add(time.Ticks);
    }
}
