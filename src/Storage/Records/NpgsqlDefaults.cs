using System.Data.Common;
using Npgsql;

namespace Vigil.Storage.Records;

/// <summary>
/// What a connection to PostgreSQL has where the connection string doesn't say: no call waits for ever for a server that is frozen, and
/// alarms have connections of their own, so that no page, export or telemetry can take the last one.
/// </summary>
internal static class NpgsqlDefaults
{
    /// <summary>For everything but alarms.</summary>
    public static string Common(string? connectionString) => With(connectionString, "vigil", commandSeconds: 20, connections: 50);

    /// <summary>For alarms, what people are told of them, and logins of devices. What takes longer is tried again.</summary>
    public static string Alarms(string? connectionString)
    {
        var builder = new NpgsqlConnectionStringBuilder(With(connectionString, "vigil", commandSeconds: 5, connections: 20));
        builder.MaxPoolSize = Math.Min(builder.MaxPoolSize, 20);
        builder.MinPoolSize = Math.Min(builder.MinPoolSize, builder.MaxPoolSize);
        builder.ApplicationName += "-alarms"; // another connection string is another pool
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
