using System.Data.Common;
using Microsoft.Data.Sqlite;
using Microsoft.EntityFrameworkCore;
using Microsoft.EntityFrameworkCore.Design;
using Microsoft.EntityFrameworkCore.Diagnostics;
using Microsoft.EntityFrameworkCore.Infrastructure;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.DependencyInjection.Extensions;
using Vigil.Model;

namespace Vigil.Storage.Records;

/// <summary>Section <c>Records</c>.</summary>
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

    /// <summary>The store that the settings name.</summary>
    public static RecordsFactory CreateFactory(IConfiguration configuration, string dataPath) =>
        CreateFactory(
            configuration["Records:Store"] ?? "Sqlite",
            configuration["Records:ConnectionString"],
            dataPath,
            null,
            KeyFile(configuration, dataPath)
        );

    /// <summary>
    /// <c>Records:KeyFile</c>, else <c>keys/fields.key</c> in the data folder: what opens the encrypted columns. No backup or export
    /// carries it.
    /// </summary>
    public static string KeyFile(IConfiguration configuration, string dataPath) =>
        configuration["Records:KeyFile"] is { Length: > 0 } file ? Path.GetFullPath(file) : KeyFile(dataPath);

    private static string KeyFile(string dataPath) => Path.Combine(dataPath, "keys", "fields.key");

    /// <param name="store">Sqlite or Postgres.</param>
    /// <param name="connectionString">Null or empty: <c>records.db</c> in the data folder.</param>
    /// <param name="dataPath">Data:Path.</param>
    /// <param name="keys">Opens the encrypted columns; null for those of the data folder.</param>
    /// <param name="keyFile">Where they stand when <paramref name="keys"/> is null; null for the data folder.</param>
    /// <exception cref="UnusableDataException">The keys are missing though something is sealed with them.</exception>
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
                .AddInterceptors(new Pragmas())
                .ReplaceService<IModelCacheKeyFactory, ModelByKeys>()
                .Options;

        var (creating, file) = (OnSqlite(connectionString), SealedValues.FileOf(connectionString));
        // A file that is deleted under a running service would be made anew, empty, by the next connection, and nobody would see that
        // everything is gone.
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
    /// The records for whoever raises alarms, tells of them or lets devices in: on PostgreSQL with connections of their own and short
    /// timeouts.
    /// </summary>
    public static IDbContextFactory<RecordsDb> AlarmRecords(this IServiceProvider services) =>
        services.GetRequiredService<IDbContextFactory<RecordsDb>>() is var all && all is RecordsFactory factory ? factory.ForAlarms : all;

    /// <summary>The keys of the section.</summary>
    public static IReadOnlyList<string> Settings { get; } = ["Records:Store", "Records:ConnectionString", "Records:KeyFile"];

    /// <summary>What is wrong with the section Records.</summary>
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

    /// <summary>WAL, so that readers and the writer don't wait for each other; FULL, so that a commit survives a power cut.</summary>
    private sealed class Pragmas : DbConnectionInterceptor
    {
        private const string Text = "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; PRAGMA foreign_keys=ON; PRAGMA busy_timeout=10000;";

        public override void ConnectionOpened(DbConnection connection, ConnectionEndEventData eventData)
        {
            if (IsReadOnly(connection))
                return;
            using var command = connection.CreateCommand();
            command.CommandText = Text;
            command.ExecuteNonQuery();
        }

        public override async Task ConnectionOpenedAsync(
            DbConnection connection,
            ConnectionEndEventData eventData,
            CancellationToken cancellationToken = default
        )
        {
            if (IsReadOnly(connection))
                return;
            await using var command = connection.CreateCommand();
            command.CommandText = Text;
            await command.ExecuteNonQueryAsync(cancellationToken);
        }

        /// <summary>
        /// EF looks with one whether the file is there; a restored file is no write-ahead one yet, and a reader can't make it one.
        /// </summary>
        private static bool IsReadOnly(DbConnection connection) =>
            new SqliteConnectionStringBuilder(connection.ConnectionString).Mode == SqliteOpenMode.ReadOnly;
    }
}

/// <summary>Opens the records: all of them, or those of an area.</summary>
public sealed class RecordsFactory(Func<string, RecordsDb> create, RecordsFactory? forAlarms = null) : IDbContextFactory<RecordsDb>
{
    /// <summary>The same records over connections that only alarms use; on SQLite there is nothing to keep apart.</summary>
    public RecordsFactory ForAlarms => forAlarms ?? this;

    /// <summary>The file of SQLite; null on PostgreSQL.</summary>
    public string? SqliteFile { get; init; }

    /// <summary>What the sealed columns are opened with.</summary>
    public FieldKeys? Keys { get; init; }

    public RecordsDb CreateDbContext() => create("");

    /// <summary>As the interface has it, so that the class alone is enough.</summary>
    public Task<RecordsDb> CreateDbContextAsync(CancellationToken cancellationToken = default) => Task.FromResult(create(""));

    /// <summary>Rows that hold a sealed value which could not be opened since the start: table, id and column, never the value.</summary>
    public async Task<IReadOnlyList<string>> UnreadableAsync(CancellationToken cancellation)
    {
        await using var db = create("");
        return await DamageWatch.RowsAsync(db, db.Keys!.Unreadable, cancellation);
    }

    /// <param name="within">Area code that everything seen begins with.</param>
    public RecordsDb CreateDbContext(string within)
    {
        var db = create(within);
        db.ForPeople = true;
        return db;
    }
}

/// <summary>For <c>dotnet ef migrations add</c> alone.</summary>
internal sealed class SqliteDesign : IDesignTimeDbContextFactory<SqliteRecords>
{
    public SqliteRecords CreateDbContext(string[] args) =>
        new(new DbContextOptionsBuilder<SqliteRecords>().UseSqlite("Data Source=design.db").Options);
}

/// <summary>For <c>dotnet ef migrations add</c> alone.</summary>
internal sealed class PostgresDesign : IDesignTimeDbContextFactory<PostgresRecords>
{
    public PostgresRecords CreateDbContext(string[] args) =>
        new(new DbContextOptionsBuilder<PostgresRecords>().UseNpgsql("Host=localhost;Database=design").Options);
}
