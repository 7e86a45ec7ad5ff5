using DuckDB.NET.Data;

namespace Vigil.Storage.Readings.DuckDb;

/// <summary>Copies of the database file for a backup, and whether such a copy can be read.</summary>
public static class DuckDbCopy
{
    /// <summary>
    /// A consistent copy by DuckDB itself in one read transaction: appends and queries go on meanwhile. Every block is read, so damage
    /// that no query has touched yet is found here.
    /// </summary>
    /// <returns>How many rows, and when the newest arrived; null when there are none.</returns>
    internal static async Task<(long Rows, DateTime? Newest)> MakeAsync(DuckDbReader reader, string to, CancellationToken cancellation)
    {
        using var connection = await reader.OpenAsync(cancellation);
        return await reader.GuardedAsync(
            () =>
            {
                using var command = connection.CreateCommand();
                using var cancelling = cancellation.Register(command.Cancel);
                command.CommandText = "SELECT current_database()";
                var name = (string)command.ExecuteScalar()!;
                command.CommandText = $"ATTACH '{to.Replace("'", "''", StringComparison.Ordinal)}' AS vigil_backup";
                command.ExecuteNonQuery();
                try
                {
                    command.CommandText = $"COPY FROM DATABASE \"{name.Replace("\"", "\"\"", StringComparison.Ordinal)}\" TO vigil_backup";
                    command.ExecuteNonQuery();
                    command.CommandText = "SELECT count(*), max(received) FROM vigil_backup.readings";
                    return RowsAndNewest(command);
                }
                finally
                {
                    using var detach = connection.CreateCommand();
                    detach.CommandText = "DETACH vigil_backup"; // checkpoints the copy's write-ahead log into its file
                    detach.ExecuteNonQuery();
                }
            },
            cancellation
        );
    }

    /// <summary>Opens a file that nobody uses and reads all of it.</summary>
    /// <returns>What is wrong with it, null when nothing is; how many rows it has, and when the newest arrived.</returns>
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
            var (rows, newest) = RowsAndNewest(command);
            return (null, rows, newest);
        }
        catch (DuckDBException e)
        {
            return (StoreFailure.FirstLine(e), 0, null);
        }
    }

    private static (long Rows, DateTime? Newest) RowsAndNewest(DuckDBCommand command)
    {
        using var row = command.ExecuteReader();
        row.Read();
        return (row.GetInt64(0), row.IsDBNull(1) ? null : DateTime.SpecifyKind(row.GetDateTime(1), DateTimeKind.Utc));
    }
}
