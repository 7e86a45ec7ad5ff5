using System.Runtime.CompilerServices;
using DuckDB.NET.Data;
using Vigil.Model;

namespace Vigil.Storage.Readings.DuckDb;

/// <summary>
/// The embedded store: one writer appends in a transaction, readers have connections of their own. A committed transaction survives kill -9.
/// No primary key on readings (its index would live in memory and slow every append): redelivery is kept out by the recent keys of each series,
/// and every read is distinct by series and time. Times have DuckDB's precision, a microsecond.
/// </summary>
public sealed class DuckDbReadingStore : IReadingStore
{
    /// <summary>How many of a series' latest times are remembered to keep a redelivery out of the table.</summary>
    private const int RecentKeys = 16;

    private const string Schema = """
        CREATE TABLE IF NOT EXISTS series (id INTEGER PRIMARY KEY, device VARCHAR NOT NULL, metric VARCHAR NOT NULL, channel VARCHAR NOT NULL);
        CREATE TABLE IF NOT EXISTS readings (
            series INTEGER NOT NULL, time TIMESTAMP NOT NULL, received TIMESTAMP NOT NULL, value DOUBLE NOT NULL,
            longitude DOUBLE, accuracy FLOAT, speed FLOAT, event VARCHAR, flags UTINYINT NOT NULL);
        """;

    private readonly string path;
    private readonly string settings;
    private readonly SemaphoreSlim writing = new(1, 1);
    private readonly Dictionary<(string Device, string Metric, string Channel), Series> seriesByKey = [];
    private DuckDBConnection? writer;

    public DuckDbReadingStore(string path, DuckDbOptions options)
    {
        this.path = path;
        settings = $"SET memory_limit='{options.MemoryLimit}'; SET threads=2; SET wal_autocheckpoint='64MB'; SET preserve_insertion_order=true; SET TimeZone='UTC';";
        Directory.CreateDirectory(Path.GetDirectoryName(Path.GetFullPath(path))!);
    }

    public async Task AppendAsync(IReadOnlyList<Reading> readings, CancellationToken cancellation)
    {
        await writing.WaitAsync(cancellation);
        try
        {
            // DuckDB's calls block: they run on a thread of the pool, not on the caller's.
            await Task.Run(() => Append(readings), CancellationToken.None);
        }
        catch (Exception e) when (e is DuckDBException or IOException or InvalidOperationException)
        {
            // A connection that failed in the middle is not trusted: the next append opens the file anew and reads back what is really there.
            Close();
            throw new ReadingStoreException($"DuckDB could not append {readings.Count} readings to {Path.GetFileName(path)}: {e.Message}", e);
        }
        finally
        {
            writing.Release();
        }
    }

    public async IAsyncEnumerable<Reading> QueryAsync(ReadingQuery query, [EnumeratorCancellation] CancellationToken cancellation)
    {
        if (query.Devices.Count == 0) yield break;
        using var connection = await ReaderAsync(cancellation);
        using var command = connection.CreateCommand();
        var names = string.Join(',', query.Devices.Select((_, i) => $"$d{i}"));
        for (var i = 0; i < query.Devices.Count; i++) command.Parameters.Add(new DuckDBParameter($"d{i}", query.Devices[i].Value));
        command.Parameters.Add(new DuckDBParameter("from", query.From));
        command.Parameters.Add(new DuckDBParameter("to", query.To));
        var metric = "";
        if (query.Metric is not null)
        {
            metric = " AND s.metric = $metric";
            command.Parameters.Add(new DuckDBParameter("metric", query.Metric.Name));
        }

        command.CommandText = $"""
            SELECT s.device, s.metric, s.channel, r.time, min(r.received) AS received, first(r.value ORDER BY r.received), first(r.longitude ORDER BY r.received),
                   first(r.accuracy ORDER BY r.received), first(r.speed ORDER BY r.received), first(r.event ORDER BY r.received), first(r.flags ORDER BY r.received)
            FROM readings r JOIN series s ON s.id = r.series
            WHERE s.device IN ({names}){metric} AND r.time >= $from AND r.time < $to
            GROUP BY s.device, s.metric, s.channel, r.time ORDER BY r.time, received, s.device, s.metric, s.channel LIMIT {query.Limit}
            """;
        await foreach (var reading in ReadAsync(command, cancellation)) yield return reading;
    }

    public async IAsyncEnumerable<Reading> ReceivedSinceAsync(DateTime received, [EnumeratorCancellation] CancellationToken cancellation)
    {
        using var connection = await ReaderAsync(cancellation);
        using var command = connection.CreateCommand();
        command.CommandText = """
            SELECT s.device, s.metric, s.channel, r.time, r.received, r.value, r.longitude, r.accuracy, r.speed, r.event, r.flags
            FROM readings r JOIN series s ON s.id = r.series WHERE r.received >= $received ORDER BY r.received, r.rowid
            """;
        command.Parameters.Add(new DuckDBParameter("received", received));
        var seen = new HashSet<(string, Metric, string, DateTime)>();
        await foreach (var reading in ReadAsync(command, cancellation))
            if (seen.Add((reading.Device.Value, reading.Metric, reading.Channel, reading.Time))) yield return reading;
    }

    public async Task<string?> ProbeAsync(CancellationToken cancellation)
    {
        await writing.WaitAsync(cancellation);
        try
        {
            return await Task.Run(() =>
            {
                using var command = Writer().CreateCommand();
                command.CommandText = "SELECT 1";
                command.ExecuteScalar();
                return (string?)null;
            }, cancellation);
        }
        catch (Exception e) when (e is DuckDBException or IOException)
        {
            Close();
            return $"DuckDB: {e.Message}";
        }
        finally
        {
            writing.Release();
        }
    }

    public async Task DeleteBeforeAsync(DateTime time, CancellationToken cancellation)
    {
        await writing.WaitAsync(cancellation);
        try
        {
            await Task.Run(() =>
            {
                using var command = Writer().CreateCommand();
                command.CommandText = "DELETE FROM readings WHERE time < $time; CHECKPOINT;";
                command.Parameters.Add(new DuckDBParameter("time", time));
                command.ExecuteNonQuery();
            }, cancellation);
        }
        finally
        {
            writing.Release();
        }
    }

    public async ValueTask DisposeAsync()
    {
        await writing.WaitAsync();
        Close();
        writing.Dispose();
    }

    private void Append(IReadOnlyList<Reading> readings)
    {
        var connection = Writer();
        var added = new List<(Series Series, DateTime Time)>(readings.Count);
        using var transaction = connection.BeginTransaction();
        try
        {
            AddNewSeries(connection, readings);
            using (var appender = connection.CreateAppender("readings"))
            {
                foreach (var reading in readings)
                {
                    var series = seriesByKey[(reading.Device.Value, reading.Metric.Name, reading.Channel)];
                    var time = Microseconds(reading.Time);
                    if (!series.IsNew(time)) continue;
                    added.Add((series, time));
                    var row = appender.CreateRow();
                    row.AppendValue(series.Id).AppendValue(time).AppendValue(Microseconds(reading.Received)).AppendValue(reading.Value);
                    if (reading.Metric.Kind == MetricKind.Location) row.AppendValue(reading.Longitude).AppendValue(reading.Accuracy).AppendValue(reading.Speed);
                    else row.AppendNullValue().AppendNullValue().AppendNullValue();
                    if (reading.Event is { } word) row.AppendValue(word);
                    else row.AppendNullValue();
                    row.AppendValue((byte)reading.Flags).EndRow();
                }
            }

            transaction.Commit();
        }
        catch
        {
            // What the recent keys say must be stored: they are forgotten together with the rows.
            foreach (var (series, time) in added) series.Forget(time);
            throw;
        }
    }

    private void AddNewSeries(DuckDBConnection connection, IReadOnlyList<Reading> readings)
    {
        List<(Series, (string, string, string))>? made = null;
        foreach (var reading in readings)
        {
            var key = (reading.Device.Value, reading.Metric.Name, reading.Channel);
            if (seriesByKey.ContainsKey(key)) continue;
            var series = new Series(seriesByKey.Count + 1);
            seriesByKey[key] = series;
            (made ??= []).Add((series, key));
        }

        if (made is null) return;
        using var appender = connection.CreateAppender("series");
        foreach (var (series, (device, metric, channel)) in made)
            appender.CreateRow().AppendValue(series.Id).AppendValue(device).AppendValue(metric).AppendValue(channel).EndRow();
    }

    private DuckDBConnection Writer()
    {
        if (writer is { } open) return open;
        var connection = new DuckDBConnection($"DataSource={path}");
        try
        {
            connection.Open();
            using var command = connection.CreateCommand();
            command.CommandText = settings + Schema;
            command.ExecuteNonQuery();
            seriesByKey.Clear();
            command.CommandText = "SELECT id, device, metric, channel FROM series";
            using (var rows = command.ExecuteReader())
                while (rows.Read())
                    seriesByKey[(rows.GetString(1), rows.GetString(2), rows.GetString(3))] = new Series(rows.GetInt32(0));
            Remember(command);
        }
        catch
        {
            connection.Dispose();
            throw;
        }

        return writer = connection;
    }

    /// <summary>The latest times of every series, so that what was acknowledged before a restart is not stored twice after it.</summary>
    private void Remember(DuckDBCommand command)
    {
        var byId = seriesByKey.Values.ToDictionary(s => s.Id);
        command.CommandText = $"SELECT series, time FROM readings WHERE received >= (SELECT max(received) FROM readings) - INTERVAL 1 DAY QUALIFY row_number() OVER (PARTITION BY series ORDER BY rowid DESC) <= {RecentKeys}";
        using var rows = command.ExecuteReader();
        while (rows.Read()) byId[rows.GetInt32(0)].IsNew(DateTime.SpecifyKind(rows.GetDateTime(1), DateTimeKind.Utc));
    }

    private void Close()
    {
        writer?.Dispose();
        writer = null;
    }

    private async Task<DuckDBConnection> ReaderAsync(CancellationToken cancellation)
    {
        await writing.WaitAsync(cancellation);
        try
        {
            Writer(); // makes the file and its tables on a first start
        }
        finally
        {
            writing.Release();
        }

        var connection = new DuckDBConnection($"DataSource={path}");
        await connection.OpenAsync(cancellation);
        return connection;
    }

    private static async IAsyncEnumerable<Reading> ReadAsync(DuckDBCommand command, [EnumeratorCancellation] CancellationToken cancellation)
    {
        using var rows = await command.ExecuteReaderAsync(cancellation);
        while (await rows.ReadAsync(cancellation))
        {
            if (!Metric.TryParse(rows.GetString(1), out var metric)) continue; // written by a later version
            yield return new Reading
            {
                Device = new DeviceId(rows.GetString(0)), Metric = metric, Channel = rows.GetString(2),
                Time = DateTime.SpecifyKind(rows.GetDateTime(3), DateTimeKind.Utc), Received = DateTime.SpecifyKind(rows.GetDateTime(4), DateTimeKind.Utc),
                Value = rows.GetDouble(5), Longitude = rows.IsDBNull(6) ? 0 : rows.GetDouble(6),
                Accuracy = rows.IsDBNull(7) ? float.NaN : rows.GetFloat(7), Speed = rows.IsDBNull(8) ? float.NaN : rows.GetFloat(8),
                Event = rows.IsDBNull(9) ? null : rows.GetString(9), Flags = (ReadingFlags)rows.GetByte(10),
            };
        }
    }

    private static DateTime Microseconds(DateTime time) => time.AddTicks(-(time.Ticks % TimeSpan.TicksPerMicrosecond));

    /// <summary>A series and the ring of its latest times.</summary>
    private sealed class Series(int id)
    {
        private readonly long[] recent = new long[RecentKeys];
        private int next;

        public int Id => id;

        public bool IsNew(DateTime time)
        {
            if (Array.IndexOf(recent, time.Ticks) >= 0) return false;
            recent[next] = time.Ticks;
            next = (next + 1) % RecentKeys;
            return true;
        }

        public void Forget(DateTime time)
        {
            var index = Array.IndexOf(recent, time.Ticks);
            if (index >= 0) recent[index] = 0;
        }
    }
}
