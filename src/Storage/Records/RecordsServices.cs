using Microsoft.Data.Sqlite;
using Microsoft.EntityFrameworkCore;
using Microsoft.EntityFrameworkCore.Design;
using Microsoft.EntityFrameworkCore.Diagnostics;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using System.Data.Common;
using Vigil.Model;

namespace Vigil.Storage.Records;

/// <summary>Section <c>Records</c>.</summary>
public static class RecordsServices
{
    /// <summary>Registers <c>IDbContextFactory&lt;RecordsDb&gt;</c> for the store that <c>Records:Store</c> names.</summary>
    public static IServiceCollection AddRecords(this IServiceCollection services, IConfiguration configuration, string dataPath) =>
        services.AddSingleton(CreateFactory(configuration["Records:Store"] ?? "Sqlite", configuration["Records:ConnectionString"], dataPath));

    /// <param name="store">Sqlite or Postgres.</param>
    /// <param name="connectionString">Null or empty: <c>records.db</c> in the data folder.</param>
    /// <param name="dataPath">Data:Path.</param>
    public static IDbContextFactory<RecordsDb> CreateFactory(string store, string? connectionString, string dataPath)
    {
        if (store.Equals("Postgres", StringComparison.OrdinalIgnoreCase))
        {
            var options = new DbContextOptionsBuilder<PostgresRecords>().UseNpgsql(connectionString).Options;
            return new Factory(() => new PostgresRecords(options));
        }

        if (string.IsNullOrEmpty(connectionString))
        {
            Directory.CreateDirectory(dataPath);
            connectionString = new SqliteConnectionStringBuilder { DataSource = Path.Combine(dataPath, "records.db"), DefaultTimeout = 10, Pooling = true }.ToString();
        }

        var sqlite = new DbContextOptionsBuilder<SqliteRecords>().UseSqlite(connectionString).AddInterceptors(new Pragmas()).Options;
        var line = new WriteLine();
        return new Factory(() => new SqliteRecords(sqlite) { WriteLine = line });
    }

    /// <summary>Brings the schema up to date.</summary>
    public static async Task MigrateAsync(this IDbContextFactory<RecordsDb> factory, CancellationToken cancellation = default)
    {
        await using var db = await factory.CreateDbContextAsync(cancellation);
        await db.Database.MigrateAsync(cancellation);
    }

    /// <summary>What is wrong with the section Records.</summary>
    public static IEnumerable<Problem> Check(IConfiguration configuration)
    {
        var store = configuration["Records:Store"] ?? "Sqlite";
        if (store.Equals("Postgres", StringComparison.OrdinalIgnoreCase))
        {
            if (string.IsNullOrEmpty(configuration["Records:ConnectionString"])) yield return new Problem("Records:ConnectionString", 0, "", "", "is needed when Records:Store is Postgres");
        }
        else if (!store.Equals("Sqlite", StringComparison.OrdinalIgnoreCase))
        {
            yield return new Problem("Records:Store", 0, "", store, "is neither Sqlite nor Postgres");
        }
    }

    private sealed class Factory(Func<RecordsDb> create) : IDbContextFactory<RecordsDb>
    {
        public RecordsDb CreateDbContext() => create();
    }

    /// <summary>WAL, so that readers and the writer don't wait for each other; FULL, so that a commit survives a power cut.</summary>
    private sealed class Pragmas : DbConnectionInterceptor
    {
        private const string Text = "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; PRAGMA foreign_keys=ON; PRAGMA busy_timeout=10000;";

        public override void ConnectionOpened(DbConnection connection, ConnectionEndEventData eventData)
        {
            using var command = connection.CreateCommand();
            command.CommandText = Text;
            command.ExecuteNonQuery();
        }

        public override async Task ConnectionOpenedAsync(DbConnection connection, ConnectionEndEventData eventData, CancellationToken cancellationToken = default)
        {
            await using var command = connection.CreateCommand();
            command.CommandText = Text;
            await command.ExecuteNonQueryAsync(cancellationToken);
        }
    }
}

/// <summary>For <c>dotnet ef migrations add</c> alone.</summary>
internal sealed class SqliteDesign : IDesignTimeDbContextFactory<SqliteRecords>
{
    public SqliteRecords CreateDbContext(string[] args) => new(new DbContextOptionsBuilder<SqliteRecords>().UseSqlite("Data Source=design.db").Options);
}

/// <summary>For <c>dotnet ef migrations add</c> alone.</summary>
internal sealed class PostgresDesign : IDesignTimeDbContextFactory<PostgresRecords>
{
    public PostgresRecords CreateDbContext(string[] args) => new(new DbContextOptionsBuilder<PostgresRecords>().UseNpgsql("Host=localhost;Database=design").Options);
}
