using System.Runtime.CompilerServices;
using DuckDB.NET.Data;
using Vigil.Model;

namespace Vigil.Storage.Readings.DuckDb;

/// <summary>Queries over connections of their own, so that they don't hold up the writer. Thread-safe.</summary>
/// <param name="path">The database file.</param>
/// <param name="createFile">Creates the file with its tables where it is missing.</param>
internal sealed class DuckDbReader(string path, Func<CancellationToken, Task> createFile)
{
    /// <summary>How many of a series' latest times a query remembers to leave out a reading that was stored twice.</summary>
    private const int TimesKept = 64;

    public IAsyncEnumerable<Reading> QueryAsync(ReadingQuery query, CancellationToken cancellation)
    {
        var devices = string.Join(',', query.Devices.Select((_, i) => $"$d{i}"));
        List<DuckDBParameter> which = [.. query.Devices.Select((d, i) => new DuckDBParameter($"d{i}", d.Value))];
        if (query.Metric is { } metric)
            which.Add(new DuckDBParameter("metric", metric.Name));
        return ReadAsync(
            ($"device IN ({devices})" + (query.Metric is null ? "" : " AND metric = $metric"), which),
            names =>
            {
                var where = $"series IN ({string.Join(',', names)}) AND time >= $from AND time < $to";
                return where + (query.Thinned is { } every ? Kept(where, every) : "") + " ORDER BY time, received, rowid";
            },
            [new("from", query.From), new("to", query.To)],
            query.Devices.Count == 0 ? 0 : query.Limit,
            cancellation
        );
    }

    /// <summary>The condition <see cref="ReadingQuery.Thinned"/>.</summary>
    private static string Kept(string where, TimeSpan every) =>
        " AND rowid IN (SELECT unnest([arg_min(rowid, time), arg_max(rowid, time), arg_max(rowid, value)]) FROM readings "
        + $"WHERE {where} GROUP BY series, epoch_us(time) // {(long)every.TotalMicroseconds}, value <> 0)";

    public IAsyncEnumerable<Reading> ReceivedSinceAsync(DateTime received, CancellationToken cancellation) =>
        ReadAsync(("true", []), _ => "received >= $since ORDER BY received, rowid", [new("since", received)], int.MaxValue, cancellation);

    public async Task<DuckDBConnection> OpenAsync(CancellationToken cancellation)
    {
        await createFile(cancellation);
        return await GuardedAsync(
            () =>
            {
                var connection = new DuckDBConnection($"DataSource={path}");
                connection.Open();
                return connection;
            },
            cancellation
        );
    }

    /// <summary>Runs a read on a thread of the pool, because DuckDB's calls block.</summary>
    /// <exception cref="ReadingStoreException">DuckDB could not read.</exception>
    public async Task<T> GuardedAsync<T>(Func<T> read, CancellationToken cancellation)
    {
        try
        {
            return await Task.Run(read, CancellationToken.None);
        }
        catch (DuckDBException e)
        {
            throw Unreadable(e, cancellation);
        }
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
        using var connection = await OpenAsync(cancellation);
        using var command = connection.CreateCommand();
        using var cancelling = cancellation.Register(command.Cancel);
        var (names, rows) = await GuardedAsync(
            () =>
            {
                var names = ReadNames(connection, which.Condition, which.Parameters);
                if (names.Count == 0)
                    return (names, (DuckDBDataReader?)null);
                command.CommandText =
                    "SELECT series, time, received, value, longitude, accuracy, speed, event, flags FROM readings "
                    + $"WHERE {where(names.Keys)}";
                foreach (var parameter in parameters)
                    command.Parameters.Add(parameter);
                command.UseStreamingMode = true;
                return (names, command.ExecuteReader());
            },
            cancellation
        );
        if (rows is null)
            yield break;
        using var _ = rows;
        var seen = new Dictionary<int, RecentTimes>();
        while (limit > 0 && Next(rows, cancellation))
        {
            cancellation.ThrowIfCancellationRequested();
            var id = rows.GetInt32(0);
            if (!names.TryGetValue(id, out var name))
                continue;
            var reading = Read(rows, name);
            if (!seen.TryGetValue(id, out var times))
                seen[id] = times = new RecentTimes(TimesKept);
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

    private bool Next(DuckDBDataReader rows, CancellationToken cancellation)
    {
        try
        {
            return rows.Read();
        }
        catch (DuckDBException e)
        {
            throw Unreadable(e, cancellation);
        }
    }

    /// <summary>DuckDB reports a query that was cancelled as an error of its own.</summary>
    private Exception Unreadable(DuckDBException e, CancellationToken cancellation) =>
        cancellation.IsCancellationRequested
            ? new OperationCanceledException(cancellation)
            : new ReadingStoreException($"DuckDB could not read {Path.GetFileName(path)}: {StoreFailure.FirstLine(e)}", e);
}
