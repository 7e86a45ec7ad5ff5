using System.Data.Common;
using Npgsql;

namespace Vigil.Storage.Records;

/// <summary>
/// Defaults for what the connection string leaves open: time limits, so that no call waits for ever for a server that hangs, and a
/// connection pool of their own for alarms, so that pages, exports and readings can't use it up.
/// </summary>
internal static class NpgsqlDefaults
{
    /// <summary>The connection string for everything but alarms.</summary>
    public static string Common(string? connectionString) => With(connectionString, "vigil", commandSeconds: 20, connections: 50);

    /// <summary>For alarms, notices and device logins. Its time limit is shorter, because all of these are retried.</summary>
    public static string Alarms(string? connectionString)
    {
        var builder = new NpgsqlConnectionStringBuilder(With(connectionString, "vigil", commandSeconds: 5, connections: 20));
        builder.MaxPoolSize = Math.Min(builder.MaxPoolSize, 20);
        builder.MinPoolSize = Math.Min(builder.MinPoolSize, builder.MaxPoolSize);
        builder.ApplicationName += "-alarms"; // Npgsql has a pool for each connection string
        return builder.ConnectionString;
    }

    private static string With(string? connectionString, string name, int commandSeconds, int connections)
    {
        var named = new DbConnectionStringBuilder { ConnectionString = connectionString ?? "" }
            .Keys!.Cast<string>()
            .Select(Bare)
            .ToHashSet(StringComparer.Ordinal);
        var builder = new NpgsqlConnectionStringBuilder(connectionString);
        if (!named.Contains("timeout"))
            builder.Timeout = 5;
        if (!named.Contains("commandtimeout"))
            builder.CommandTimeout = commandSeconds;
        if (!named.Contains("cancellationtimeout"))
            builder.CancellationTimeout = 1000;
        if (!named.Contains("keepalive"))
            builder.KeepAlive = 15;
        if (!named.Contains("maximumpoolsize") && !named.Contains("maxpoolsize"))
            builder.MaxPoolSize = Math.Max(connections, builder.MinPoolSize);
        if (!named.Contains("applicationname"))
            builder.ApplicationName = name;
        return builder.ConnectionString;
    }

    private static string Bare(string keyword) => keyword.Replace(" ", "", StringComparison.Ordinal).ToLowerInvariant();
}
