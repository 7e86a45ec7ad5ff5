using Microsoft.Data.Sqlite;
using Microsoft.EntityFrameworkCore;
using Microsoft.EntityFrameworkCore.Infrastructure;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.DependencyInjection.Extensions;
using Vigil.Model;

namespace Vigil.Storage.Records;

/// <summary>Section <c>Records</c>: the store of the records.</summary>
public static class RecordsServices
{
    /// <summary>Registers <c>IDbContextFactory&lt;RecordsDb&gt;</c> for the store that <c>Records:Store</c> names.</summary>
    public static IServiceCollection AddRecords(this IServiceCollection services, IConfiguration configuration, string dataPath) =>
        services
            .AddSingleton(CreateFactory(configuration, dataPath))
            .AddSingleton<IDbContextFactory<RecordsDb>>(s => s.GetRequiredService<RecordsFactory>())
            .AddHostedService<DamageWatch>()
            .AddTroubles();

    private static IServiceCollection AddTroubles(this IServiceCollection services)
    {
        services.TryAddSingleton<Troubles>();
        return services;
    }

    /// <summary>Opens the store that the settings name.</summary>
    public static RecordsFactory CreateFactory(IConfiguration configuration, string dataPath) =>
        CreateFactory(
            configuration["Records:Store"] ?? "Sqlite",
            configuration["Records:ConnectionString"],
            dataPath,
            null,
            KeyFile(configuration, dataPath)
        );

    /// <summary>
    /// File of the keys of the sealed columns: <c>Records:KeyFile</c>, by default <c>keys/fields.key</c> in the data folder. No backup and
    /// no export contains it.
    /// </summary>
    public static string KeyFile(IConfiguration configuration, string dataPath) =>
        configuration["Records:KeyFile"] is { Length: > 0 } file ? Path.GetFullPath(file) : KeyFile(dataPath);

    private static string KeyFile(string dataPath) => Path.Combine(dataPath, "keys", "fields.key");

    /// <param name="store">Sqlite or Postgres.</param>
    /// <param name="connectionString">Null or empty: <c>records.db</c> in the data folder.</param>
    /// <param name="dataPath">Data:Path.</param>
    /// <param name="keys">Keys of the sealed columns; null to read them from a file.</param>
    /// <param name="keyFile">That file; null for the one in the data folder.</param>
    /// <exception cref="UnusableDataException">The keys are missing, but values are sealed with them.</exception>
    public static RecordsFactory CreateFactory(
        string store,
        string? connectionString,
        string dataPath,
        FieldKeys? keys = null,
        string? keyFile = null
    )
    {
        if (store.Equals("Postgres", StringComparison.OrdinalIgnoreCase))
        {
            var bare = new DbContextOptionsBuilder<PostgresRecords>()
                .UseNpgsql(NpgsqlDefaults.Common(connectionString))
                .ReplaceService<IModelCacheKeyFactory, ModelByKeys>()
                .Options;
            keys ??= FieldKeys.Open(keyFile ?? KeyFile(dataPath), () => SealedValues.Key(new PostgresRecords(bare)));
            RecordsFactory Of(string connection, RecordsFactory? alarms)
            {
                var options = new DbContextOptionsBuilder<PostgresRecords>()
                    .UseNpgsql(connection)
                    .ReplaceService<IModelCacheKeyFactory, ModelByKeys>()
                    .Options;
                return new RecordsFactory(within => new PostgresRecords(options, keys) { Within = within }, alarms) { Keys = keys };
            }

            return Of(NpgsqlDefaults.Common(connectionString), Of(NpgsqlDefaults.Alarms(connectionString), null));
        }

        if (string.IsNullOrEmpty(connectionString))
        {
            Directory.CreateDirectory(dataPath);
            connectionString = new SqliteConnectionStringBuilder
            {
                DataSource = Path.Combine(dataPath, "records.db"),
                DefaultTimeout = 10,
                Pooling = true,
            }.ToString();
        }

        DbContextOptions<SqliteRecords> OnSqlite(string connection) =>
            new DbContextOptionsBuilder<SqliteRecords>()
                .UseSqlite(connection)
                .AddInterceptors(new SqlitePragmas(), WritersInLine.Shared)
                .ReplaceService<IModelCacheKeyFactory, ModelByKeys>()
                .Options;

        var (creating, file) = (OnSqlite(connectionString), SealedValues.FileOf(connectionString));
        // Once the file exists, connections may not create it: else a file deleted while the service runs would be replaced by an empty
        // one, and the loss would go unnoticed.
        var existing = file is null
            ? creating
            : OnSqlite(new SqliteConnectionStringBuilder(connectionString) { Mode = SqliteOpenMode.ReadWrite }.ToString());
        var exists = file is null;
        DbContextOptions<SqliteRecords> Options() => exists || (exists = File.Exists(file)) ? existing : creating;
        keys ??= FieldKeys.Open(keyFile ?? KeyFile(dataPath), () => SealedValues.Key(new SqliteRecords(Options())));
        var line = new WriteLine();
        return new RecordsFactory(within => new SqliteRecords(Options(), keys) { Within = within, WriteLine = line })
        {
            SqliteFile = file,
            Keys = keys,
        };
    }

    /// <summary>
    /// The records for raising alarms, notifying people and device logins: on PostgreSQL over connections of their own, with short
    /// timeouts.
    /// </summary>
    public static IDbContextFactory<RecordsDb> AlarmRecords(this IServiceProvider services) =>
        services.GetRequiredService<IDbContextFactory<RecordsDb>>() is var all && all is RecordsFactory factory ? factory.ForAlarms : all;

    /// <summary>Names of all settings of the section.</summary>
    public static IReadOnlyList<string> Settings { get; } = ["Records:Store", "Records:ConnectionString", "Records:KeyFile"];

    /// <summary>All problems of the section.</summary>
    public static IEnumerable<Problem> Check(IConfiguration configuration)
    {
        var store = configuration["Records:Store"] ?? "Sqlite";
        if (store.Equals("Postgres", StringComparison.OrdinalIgnoreCase))
        {
            if (string.IsNullOrEmpty(configuration["Records:ConnectionString"]))
                yield return new Problem("Records:ConnectionString", 0, "", "", "is needed when Records:Store is Postgres");
        }
        else if (!store.Equals("Sqlite", StringComparison.OrdinalIgnoreCase))
        {
            yield return new Problem("Records:Store", 0, "", store, "is neither Sqlite nor Postgres");
        }
    }
}
