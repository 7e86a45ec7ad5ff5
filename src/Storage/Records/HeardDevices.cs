using System.Globalization;
using System.Text.Json;
using Microsoft.Data.Sqlite;
using Microsoft.EntityFrameworkCore;
using Npgsql;

namespace Vigil.Storage.Records;

/// <summary>When a registered device was heard.</summary>
/// <param name="Device">Its id.</param>
/// <param name="First">The first time, for a device that was never heard before, UTC.</param>
/// <param name="Last">The newest time, UTC.</param>
public readonly record struct HeardDevice(string Device, DateTime First, DateTime Last);

/// <summary>
/// Writes when registered devices were heard: thousands of rows in one statement. Row by row, the 200,000 devices of a county keep the only
/// writer of SQLite busy for most of a minute.
/// </summary>
public static class HeardDevices
{
    /// <summary>As EF Core stores a <see cref="DateTime"/> in SQLite.</summary>
    private const string SqliteTime = "yyyy-MM-dd HH:mm:ss.FFFFFFF";

    /// <summary>Within the caller's transaction. A device that is registered waits no longer to be bound.</summary>
    public static async Task WriteAsync(RecordsDb db, IReadOnlyCollection<HeardDevice> heard, CancellationToken cancellation)
    {
        if (db.Database.IsSqlite())
        {
            var rows = new SqliteParameter(
                "heard",
                JsonSerializer.Serialize(heard.Select(h => new[] { h.Device, Text(h.First), Text(h.Last) }))
            );
            await db.Database.ExecuteSqlRawAsync(
                """
                UPDATE "Devices" SET "LastSeenAt" = heard.last, "FirstSeenAt" = COALESCE("FirstSeenAt", heard.first)
                FROM (SELECT value ->> 0 AS id, value ->> 1 AS first, value ->> 2 AS last FROM json_each(@heard)) AS heard
                WHERE "Devices"."Id" = heard.id
                """,
                [rows],
                cancellation
            );
            await db.Database.ExecuteSqlRawAsync(
                """DELETE FROM "Unbound" WHERE "Id" IN (SELECT value ->> 0 FROM json_each(@heard))""",
                [rows],
                cancellation
            );
            return;
        }

        var ids = new NpgsqlParameter<string[]>("ids", [.. heard.Select(h => h.Device)]);
        await db.Database.ExecuteSqlRawAsync(
            """
            UPDATE "Devices" SET "LastSeenAt" = heard.last, "FirstSeenAt" = COALESCE("FirstSeenAt", heard.first)
            FROM unnest(@ids, @firsts, @lasts) AS heard (id, first, last)
            WHERE "Devices"."Id" = heard.id
            """,
            [
                ids,
                new NpgsqlParameter<DateTime[]>("firsts", [.. heard.Select(h => h.First)]),
                new NpgsqlParameter<DateTime[]>("lasts", [.. heard.Select(h => h.Last)]),
            ],
            cancellation
        );
        await db.Database.ExecuteSqlRawAsync("""DELETE FROM "Unbound" WHERE "Id" = ANY (@ids)""", [ids.Clone()], cancellation);
    }

    private static string Text(DateTime time) => time.ToString(SqliteTime, CultureInfo.InvariantCulture);
}
