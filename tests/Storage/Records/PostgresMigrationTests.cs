using Microsoft.EntityFrameworkCore;
using Npgsql;
using Vigil.Model;
using Vigil.Storage.Records;
using Vigil.Tests.Servers;
using static Vigil.Tests.Web.Running;

namespace Vigil.Tests.Storage.Records;

[Trait("Category", "Server")]
public sealed class PostgresMigrationTests(PostgresServer server) : IClassFixture<PostgresServer>, IDisposable
{
    private readonly string folder = Directory.CreateTempSubdirectory("vigil-migration-").FullName;

    public void Dispose() => Directory.Delete(folder, recursive: true);

    [Fact]
    public async Task A_start_waits_for_the_instance_that_holds_the_schema_says_so_and_goes_on_when_its_session_dies()
    {
        var connectionString = await server.CreateDatabaseAsync();
        var records = RecordsServices.CreateFactory("Postgres", connectionString, folder);
        await records.MigrateAsync(Token);
        var said = new TaskCompletionSource<string>(TaskCreationOptions.RunContinuationsAsynchronously);
        var other = new NpgsqlConnection(connectionString + ";Pooling=false");
        await other.OpenAsync(Token);
        await using (var command = new NpgsqlCommand("BEGIN; LOCK TABLE \"__EFMigrationsHistory\" IN ACCESS EXCLUSIVE MODE", other))
            await command.ExecuteNonQueryAsync(Token);
        var start = records.MigrateAsync(what => said.TrySetResult(what), Token);
        Assert.Contains("another instance", await said.Task.WaitAsync(TimeSpan.FromSeconds(60), Token), StringComparison.Ordinal);
        Assert.False(start.IsCompleted);
        await other.DisposeAsync();
        await start.WaitAsync(TimeSpan.FromSeconds(60), Token);
    }

    [Fact]
    public async Task Missing_keys_are_never_made_anew_over_what_PostgreSQL_holds_sealed()
    {
        var connectionString = await server.CreateDatabaseAsync();
        var records = RecordsServices.CreateFactory("Postgres", connectionString, folder);
        await records.MigrateAsync(Token);
        await using (var db = records.CreateDbContext())
        {
            db.Residents.Add(
                new Resident
                {
                    Id = "R1",
                    Name = "王秀英",
                    Area = "440100001001",
                    Phone = "+8613800138000",
                }
            );
            await db.SaveChangesAsync(Token);
        }

        File.Delete(Path.Combine(folder, "keys", "fields.key"));
        Assert.Throws<UnusableDataException>(() => RecordsServices.CreateFactory("Postgres", connectionString, folder));
        Assert.False(File.Exists(Path.Combine(folder, "keys", "fields.key")));
    }
}
