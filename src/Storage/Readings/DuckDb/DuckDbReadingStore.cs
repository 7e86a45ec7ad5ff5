using System.Runtime.CompilerServices;
using DuckDB.NET.Data;
using Vigil.Model;

namespace Vigil.Storage.Readings.DuckDb;

/// <summary>
/// The embedded store: one writer appends in a transaction, readers have connections of their own. A committed transaction is in the
/// write-ahead log, synced, and survives kill -9. No primary key on readings (its index would live in memory and slow every append):
/// redelivery is kept out by the recent times of each series, and every read is distinct by series and time, the first arrival standing.
/// </summary>
public sealed class DuckDbReadingStore : IReadingStore
{
    private const string Schema = """
        CREATE TABLE IF NOT EXISTS series (
            id INTEGER PRIMARY KEY, device VARCHAR NOT NULL, metric VARCHAR NOT NULL, channel VARCHAR NOT NULL);
        CREATE TABLE IF NOT EXISTS readings (
            series INTEGER NOT NULL, time TIMESTAMP NOT NULL, received TIMESTAMP NOT NULL, value DOUBLE NOT NULL,
            longitude DOUBLE, accuracy FLOAT, speed FLOAT, event VARCHAR, flags UTINYINT NOT NULL);
        """;

    /// <summary>
    /// Beyond this the log was not folded into the file for long, mostly because a reader holds on to it; the next start would replay all
    /// of it.
    /// </summary>
    private const long LargeLog = 1L << 30;

    private readonly string path;
    private readonly DuckDbOptions options;
    private readonly SemaphoreSlim writing = new(1, 1);
    private DuckDBConnection? writer;
    private SeriesTable series = new();
    private string? failure;
    private int damagedWrites;

    /// <summary>
    /// A block may be damaged that only a write touches: so many in a row, with the file opened anew each time, are no accident.
    /// </summary>
    private const int DamagedWritesAtMost = 3;

    private readonly Troubles? troubles;

    public DuckDbReadingStore(string path, DuckDbOptions options, Troubles? troubles = null)
    {
        this.path = Path.GetFullPath(path);
        this.options = options;
        this.troubles = troubles;
    }

    /// <summary>The database file.</summary>
    public string FilePath => path;

    public string? Concern
    {
        get
        {
            if (failure is { } why)
                return why;
            var log = new FileInfo(path + ".wal");
            if (log.Exists && log.Length > LargeLog)
                return $"the write-ahead log of {Path.GetFileName(path)} has grown to {log.Length >> 20} MiB";
            var free = new DriveInfo(path).AvailableFreeSpace;
            return free < options.LowDiskBytes ? $"only {free >> 20} MiB are free where {Path.GetFileName(path)} stands" : null;
        }
    }

    public Task AppendAsync(IReadOnlyList<Reading> readings, CancellationToken cancellation) =>
        readings.Count == 0 ? Task.CompletedTask : WriteAsync(() => Append(readings), $"append {readings.Count} readings", cancellation);

    public IAsyncEnumerable<Reading> QueryAsync(ReadingQuery query, CancellationToken cancellation)
    {
        var devices = string.Join(',', query.Devices.Select((_, i) => $"$d{i}"));
        List<DuckDBParameter> which = [.. query.Devices.Select((d, i) => new DuckDBParameter($"d{i}", d.Value))];
        if (query.Metric is { } metric)
            which.Add(new DuckDBParameter("metric", metric.Name));
        return ReadAsync(
            ($"device IN ({devices})" + (query.Metric is null ? "" : " AND metric = $metric"), which),
            names => $"series IN ({string.Join(',', names)}) AND time >= $from AND time < $to ORDER BY time, received, rowid",
            [new("from", query.From), new("to", query.To)],
            query.Devices.Count == 0 ? 0 : query.Limit,
            cancellation
        );
    }

    public IAsyncEnumerable<Reading> ReceivedSinceAsync(DateTime received, CancellationToken cancellation) =>
        ReadAsync(("true", []), _ => "received >= $since ORDER BY received, rowid", [new("since", received)], int.MaxValue, cancellation);

    public async Task<string?> ProbeAsync(CancellationToken cancellation)
    {
        if (!await writing.WaitAsync(TimeSpan.FromSeconds(5), cancellation))
            return "DuckDB has been busy with one append for more than 5 s";
        writing.Release();
        try
        {
            // What failed before is tried: an empty transaction would succeed on a full disk too.
            await WriteAsync(failure is null ? () => Execute(Writer(), "SELECT 1") : ProveWritable, "be written to", cancellation);
            return null;
        }
        catch (ReadingStoreException e)
        {
            return e.Message;
        }
    }

    public Task DeleteBeforeAsync(DateTime time, CancellationToken cancellation) =>
        WriteAsync(
            () =>
            {
                using var command = Writer().CreateCommand();
                command.CommandText = "DELETE FROM readings WHERE time < $time";
                command.Parameters.Add(new DuckDBParameter("time", time));
                command.ExecuteNonQuery();
            },
            "delete old readings",
            cancellation
        );

    public Task DeleteAsync(IReadOnlyList<DeviceId> devices, CancellationToken cancellation) =>
        WriteAsync(
            () =>
            {
                using var command = Writer().CreateCommand();
                command.CommandText =
                    $"DELETE FROM readings WHERE series IN (SELECT id FROM series WHERE device IN "
                    + $"({string.Join(", ", devices.Select((_, i) => $"$d{i}"))}))";
                for (var i = 0; i < devices.Count; i++)
                    command.Parameters.Add(new DuckDBParameter($"d{i}", devices[i].Value));
                if (devices.Count > 0)
                    command.ExecuteNonQuery();
            },
            "delete the readings of devices",
            cancellation
        );

    public async ValueTask DisposeAsync()
    {
        await writing.WaitAsync();
        Close();
        writing.Dispose();
    }

    private void Append(IReadOnlyList<Reading> readings)
    {
        var connection = Writer();
        using var transaction = connection.BeginTransaction();
        series.AddMissing(connection, readings);
        using (var appender = connection.CreateAppender("readings"))
        {
            for (var i = 0; i < readings.Count; i++)
            {
                var reading = readings[i];
                var of = series.Find(reading);
                var time = reading.Time.ToMicroseconds();
                if (!of.IsNew(time))
                    continue;
                var row = appender.CreateRow();
                row.AppendValue(of.Id).AppendValue(time).AppendValue(reading.Received.ToMicroseconds()).AppendValue(reading.Value);
                if (reading.Metric.Kind == MetricKind.Location)
                    row.AppendValue(reading.Longitude).AppendValue(reading.Accuracy).AppendValue(reading.Speed);
                else
                    row.AppendNullValue().AppendNullValue().AppendNullValue();
                if (reading.Event is { } word)
                    row.AppendValue(word);
                else
                    row.AppendNullValue();
                row.AppendValue((byte)reading.Flags).EndRow();
            }
        }

        transaction.Commit();
    }

    /// <summary>DuckDB's calls block, so they run on a thread of the pool; one at a time.</summary>
    private async Task WriteAsync(Action write, string what, CancellationToken cancellation)
    {
        await writing.WaitAsync(cancellation);
        try
        {
            await Task.Run(write, CancellationToken.None);
            (failure, damagedWrites) = (null, 0);
        }
        catch (Exception e) when (e is not (OutOfMemoryException or UnusableDataException))
        {
            // A connection that failed midway is not trusted, nor is what is remembered of series and recent times:
            // the next write opens the file anew and reads back what is really there. So a full disk heals without a restart.
            Close();
            if (DamagedFile.IsDamage(e) && ++damagedWrites >= DamagedWritesAtMost)
                DamagedFile.SetAside(path, e, troubles);
            failure = $"DuckDB could not {what} in {Path.GetFileName(path)}: {FirstLine(e.Message)}";
            throw new ReadingStoreException(failure, e);
        }
        finally
        {
            writing.Release();
        }
    }

    private DuckDBConnection Writer()
    {
        if (writer is { } open)
            return open;
        Directory.CreateDirectory(Path.GetDirectoryName(path)!);
        DamagedFile.SetLoneLogAside(path, troubles);
        for (var tries = 0; ; tries++)
        {
            try
            {
                return writer = Open();
            }
            catch (DuckDBException e) when (DamagedFile.Newer(path, e) is { } newer)
            {
                throw newer;
            }
            // Twice: the log first, then the file, where both are damaged.
            catch (DuckDBException e) when (tries < 2 && DamagedFile.IsDamage(e))
            {
                DamagedFile.SetAside(path, e, troubles);
            }
        }
    }

    private DuckDBConnection Open()
    {
        var connection = new DuckDBConnection($"DataSource={path}");
        try
        {
            connection.Open();
            Execute(
                connection,
                $"""
                SET memory_limit='{options.MemoryLimit}'; SET threads={options.Threads}; SET wal_autocheckpoint='{options.CheckpointSize}';
                SET autoinstall_known_extensions=false; SET autoload_known_extensions=false;
                """
            );
            Execute(connection, Schema);
            series = SeriesTable.Load(connection);
        }
        catch
        {
            connection.Dispose();
            throw;
        }

        return connection;
    }

    /// <summary>
    /// A consistent copy while readings are appended and read: one read transaction in DuckDB's own means, nobody waits. Every block is
    /// read, so damage that no query has touched yet is found here.
    /// </summary>
    /// <returns>How many rows, and when the newest arrived; null when there are none.</returns>
    public async Task<(long Rows, DateTime? Newest)> CopyAsync(string to, CancellationToken cancellation)
    {
        using var connection = await ReaderAsync(cancellation);
        return await Guarded(() =>
        {
            using var command = connection.CreateCommand();
            using var cancelling = cancellation.Register(command.Cancel);
            command.CommandText = "SELECT current_database()";
            var name = (string)command.ExecuteScalar()!;
            Execute(connection, $"ATTACH '{to.Replace("'", "''", StringComparison.Ordinal)}' AS vigil_backup");
            try
            {
                command.CommandText = $"COPY FROM DATABASE \"{name.Replace("\"", "\"\"", StringComparison.Ordinal)}\" TO vigil_backup";
                command.ExecuteNonQuery();
                command.CommandText = "SELECT count(*), max(received) FROM vigil_backup.readings";
                using var row = command.ExecuteReader();
                row.Read();
                return (row.GetInt64(0), row.IsDBNull(1) ? (DateTime?)null : DateTime.SpecifyKind(row.GetDateTime(1), DateTimeKind.Utc));
            }
            finally
            {
                Execute(connection, "DETACH vigil_backup"); // folds its log into the file
            }
        });
    }

    /// <summary>Opens a file nobody uses and reads all of it; what is wrong, null when nothing is.</summary>
    public static (string? Wrong, long Rows, DateTime? Newest) Check(string file)
    {
        try
        {
            using var connection = new DuckDBConnection($"DataSource={file};ACCESS_MODE=READ_ONLY");
            connection.Open();
            using var command = connection.CreateCommand();
            command.CommandText =
                "SELECT count(*), max(received), max(hash(series, time, received, value, longitude, accuracy, speed, event, flags)) "
                + "FROM readings";
            using var row = command.ExecuteReader();
            row.Read();
            return (null, row.GetInt64(0), row.IsDBNull(1) ? null : DateTime.SpecifyKind(row.GetDateTime(1), DateTimeKind.Utc));
        }
        catch (DuckDBException e)
        {
            return (FirstLine(e.Message), 0, null);
        }
    }

    private void ProveWritable()
    {
        var connection = Writer();
        Execute(
            connection,
            "CREATE TABLE IF NOT EXISTS probe (blank VARCHAR); INSERT INTO probe SELECT repeat('0', 65536); DROP TABLE probe;"
        );
    }

    private void Close()
    {
        try
        {
            writer?.Dispose();
        }
        catch (DuckDBException)
        {
            // the last checkpoint did not fit on the disk: the log still holds everything
        }

        writer = null;
    }

    /// <param name="which">Condition on the table series, with its parameters.</param>
    /// <param name="where">Condition and order of the readings, given the numbers of those series.</param>
    private async IAsyncEnumerable<Reading> ReadAsync(
        (string Condition, List<DuckDBParameter> Parameters) which,
        Func<IEnumerable<int>, string> where,
        DuckDBParameter[] parameters,
        int limit,
        [EnumeratorCancellation] CancellationToken cancellation
    )
    {
        if (limit <= 0)
            yield break;
        using var connection = await ReaderAsync(cancellation);
        using var command = connection.CreateCommand();
        using var cancelling = cancellation.Register(command.Cancel);
        var (names, rows) = await Guarded(() =>
        {
            var names = ReadNames(connection, which.Condition, which.Parameters);
            if (names.Count == 0)
                return (names, (DuckDBDataReader?)null);
            command.CommandText =
                $"SELECT series, time, received, value, longitude, accuracy, speed, event, flags FROM readings WHERE {where(names.Keys)}";
            foreach (var parameter in parameters)
                command.Parameters.Add(parameter);
            command.UseStreamingMode = true;
            return (names, command.ExecuteReader());
        });
        if (rows is null)
            yield break;
        using var _ = rows;
        var seen = new Dictionary<int, RecentTimes>();
        while (limit > 0 && Next(rows))
        {
            cancellation.ThrowIfCancellationRequested();
            var id = rows.GetInt32(0);
            if (!names.TryGetValue(id, out var name))
                continue;
            var reading = Read(rows, name);
            if (!seen.TryGetValue(id, out var times))
                seen[id] = times = new RecentTimes(64);
            if (!times.Add(reading.Time.Ticks))
                continue;
            limit--;
            yield return reading;
        }
    }

    private static Dictionary<int, SeriesName> ReadNames(DuckDBConnection connection, string condition, List<DuckDBParameter> parameters)
    {
        var names = new Dictionary<int, SeriesName>();
        using var command = connection.CreateCommand();
        command.CommandText = $"SELECT id, device, metric, channel FROM series WHERE {condition}";
        foreach (var parameter in parameters)
            command.Parameters.Add(parameter);
        using var rows = command.ExecuteReader();
        while (rows.Read())
            if (Metric.TryParse(rows.GetString(2), out var metric))
                names[rows.GetInt32(0)] = new SeriesName(new DeviceId(rows.GetString(1)), metric, rows.GetString(3));
        return names;
    }

    private static Reading Read(DuckDBDataReader rows, SeriesName name) =>
        new()
        {
            Device = name.Device,
            Metric = name.Metric,
            Channel = name.Channel,
            Time = DateTime.SpecifyKind(rows.GetDateTime(1), DateTimeKind.Utc),
            Received = DateTime.SpecifyKind(rows.GetDateTime(2), DateTimeKind.Utc),
            Value = rows.GetDouble(3),
            Longitude = rows.IsDBNull(4) ? 0 : rows.GetDouble(4),
            Accuracy = rows.IsDBNull(5) ? float.NaN : rows.GetFloat(5),
            Speed = rows.IsDBNull(6) ? float.NaN : rows.GetFloat(6),
            Event = rows.IsDBNull(7) ? null : rows.GetString(7),
            Flags = (ReadingFlags)rows.GetByte(8),
        };

    private async Task<DuckDBConnection> ReaderAsync(CancellationToken cancellation)
    {
        // The writer makes the file and its tables on a first start.
        if (writer is null)
            await WriteAsync(() => Writer(), "be opened", cancellation);
        return await Guarded(() =>
        {
            var connection = new DuckDBConnection($"DataSource={path}");
            connection.Open();
            return connection;
        });
    }

    private bool Next(DuckDBDataReader rows)
    {
        try
        {
            return rows.Read();
        }
        catch (DuckDBException e)
        {
            throw Unreadable(e);
        }
    }

    private async Task<T> Guarded<T>(Func<T> read)
    {
        try
        {
            return await Task.Run(read);
        }
        catch (DuckDBException e)
        {
            throw Unreadable(e);
        }
    }

    private ReadingStoreException Unreadable(DuckDBException e) =>
        new($"DuckDB could not read {Path.GetFileName(path)}: {FirstLine(e.Message)}", e);

    private static void Execute(DuckDBConnection connection, string sql)
    {
        using var command = connection.CreateCommand();
        command.CommandText = sql;
        command.ExecuteNonQuery();
    }

    private static string FirstLine(string message) => message.Split('\n', 2)[0].Trim();
}
