using DuckDB.NET.Data;
using Vigil.Model;

namespace Vigil.Storage.Readings.DuckDb;

/// <summary>
/// The one connection that writes, opened when it is first needed, with the series it knows. A damaged file is set aside and a new one
/// begun. Not thread-safe: the store lets one write in at a time.
/// </summary>
internal sealed class DuckDbWriter(string path, DuckDbOptions options, Troubles? troubles)
{
    private const string Schema = """
        CREATE TABLE IF NOT EXISTS series (
            id INTEGER PRIMARY KEY, device VARCHAR NOT NULL, metric VARCHAR NOT NULL, channel VARCHAR NOT NULL);
        CREATE TABLE IF NOT EXISTS readings (
            series INTEGER NOT NULL, time TIMESTAMP NOT NULL, received TIMESTAMP NOT NULL, value DOUBLE NOT NULL,
            longitude DOUBLE, accuracy FLOAT, speed FLOAT, event VARCHAR, flags UTINYINT NOT NULL);
        """;

    private DuckDBConnection? open;
    private SeriesTable series = new();

    public bool IsOpen => open is not null;

    public void EnsureOpen() => Execute("SELECT 1");

    /// <summary>Throws when nothing can be written, as on a full disk.</summary>
    public void EnsureWritable() =>
        Execute("CREATE TABLE IF NOT EXISTS probe (blank VARCHAR); INSERT INTO probe SELECT repeat('0', 65536); DROP TABLE probe;");

    public void Execute(string sql, params IEnumerable<DuckDBParameter> parameters)
    {
        using var command = Connection().CreateCommand();
        command.CommandText = sql;
        foreach (var parameter in parameters)
            command.Parameters.Add(parameter);
        command.ExecuteNonQuery();
    }

    /// <summary>Appends a batch in one transaction, without the readings that are already stored.</summary>
    public void Append(IReadOnlyList<Reading> readings)
    {
        var connection = Connection();
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

    /// <summary>Deletes all of some devices, their names too, and has the file rewritten without them.</summary>
    public void Forget(IReadOnlyList<DeviceId> devices)
    {
        var names = string.Join(", ", devices.Select((_, i) => $"$d{i}"));
        DuckDBParameter[] Named() => [.. devices.Select((d, i) => new DuckDBParameter($"d{i}", d.Value))];
        Execute($"DELETE FROM readings WHERE series IN (SELECT id FROM series WHERE device IN ({names}))", Named());
        Execute($"DELETE FROM series WHERE device IN ({names})", Named());
        try
        {
            Execute("CHECKPOINT");
        }
        catch (DuckDBException)
        {
            // a reader is in the way: it is rewritten with the next checkpoint
        }

        series.Forget(devices);
    }

    public void Close()
    {
        try
        {
            open?.Dispose();
        }
        catch (DuckDBException)
        {
            // the final checkpoint did not fit on the disk: the write-ahead log still holds everything
        }

        open = null;
    }

    private DuckDBConnection Connection()
    {
        if (open is { } connection)
            return connection;
        Directory.CreateDirectory(Path.GetDirectoryName(path)!);
        DamagedFile.SetLoneLogAside(path, troubles);
        for (var tries = 0; ; tries++)
        {
            try
            {
                return open = Open();
            }
            catch (DuckDBException e) when (DamagedFile.Newer(path, e) is { } newer)
            {
                throw newer;
            }
            // Up to twice: first the write-ahead log, then the file, where both are damaged.
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
            using var command = connection.CreateCommand();
            command.CommandText = $"""
                SET memory_limit='{options.MemoryLimit}'; SET threads={options.Threads}; SET wal_autocheckpoint='{options.CheckpointSize}';
                SET autoinstall_known_extensions=false; SET autoload_known_extensions=false;
                """;
            command.ExecuteNonQuery();
            command.CommandText = Schema;
            command.ExecuteNonQuery();
            series = SeriesTable.Load(connection);
        }
        catch
        {
            connection.Dispose();
            throw;
        }

        return connection;
    }
}
