using System.Diagnostics;
using System.Globalization;
using Microsoft.Data.Sqlite;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.DependencyInjection;
using Vigil.Ingest.Mqtt;
using Vigil.Model;
using Vigil.Storage.Records;
using Vigil.Tests.Servers;

namespace Vigil.Tests.Host;

/// <summary>The whole service while the records' database is frozen, killed, locked or out of connections.</summary>
[Trait("Category", "Server")]
public sealed class RecordsFaultTests
{
    private static CancellationToken Stop => TestContext.Current.CancellationToken;

    [Fact]
    public async Task A_frozen_PostgreSQL_is_said_within_five_seconds_and_presses_are_taken_again_when_it_thaws()
    {
        await using var server = new PostgresServer();
        await server.InitializeAsync();
        await using var service = await ServiceUnderTest.StartAsync(await SettingsAsync(server));
        await service.RegisterAsync(21);
        Assert.Equal(Receipt.Committed, await PressAsync(service, 0));
        await server.FreezeAsync();
        try
        {
            var begun = Stopwatch.GetTimestamp();
            await service.UntilAsync(
                "/healthz/ready",
                (status, text) => status == 503 && text.Contains("the records", StringComparison.Ordinal),
                seconds: 5
            );
            Assert.InRange(Stopwatch.GetElapsedTime(begun).TotalSeconds, 0, 5);

            // Others press meanwhile: none is acknowledged, and none waits for ever.
            begun = Stopwatch.GetTimestamp();
            Assert.All(
                await Task.WhenAll(Enumerable.Range(1, 20).Select(i => PressAsync(service, i))),
                r => Assert.Equal(Receipt.NotStored, r)
            );
            Assert.InRange(Stopwatch.GetElapsedTime(begun).TotalSeconds, 0, 30);
        }
        finally
        {
            await server.ThawAsync();
        }

        await service.UntilAsync("/healthz/ready", (status, _) => status == 200);
        for (var i = 1; i <= 20; i++)
            Assert.Equal(Receipt.Committed, await PressAsync(service, i));
        await OnceEachAsync(service, 21);
    }

    [Fact]
    public async Task A_PostgreSQL_that_is_killed_under_load_loses_and_doubles_no_press()
    {
        await using var server = new PostgresServer();
        await server.InitializeAsync();
        await using var service = await ServiceUnderTest.StartAsync(await SettingsAsync(server));
        await service.RegisterAsync(160);
        var acknowledged = 0;
        var half = new TaskCompletionSource();
        var pressing = Task.WhenAll(
            Enumerable
                .Range(0, 8)
                .Select(async lane =>
                {
                    for (var i = lane; i < 160; i += 8)
                    {
                        // A device sends a press again until it is acknowledged.
                        while (await PressAsync(service, i) != Receipt.Committed)
                            await Task.Delay(TimeSpan.FromMilliseconds(50), TimeProvider.System, Stop);
                        if (Interlocked.Increment(ref acknowledged) == 40)
                            half.SetResult();
                    }
                })
        );
        await half.Task;
        await server.KillAsync();
        await server.StartAsync();
        await pressing;
        await service.UntilAsync("/healthz/ready", (status, _) => status == 200);
        await OnceEachAsync(service, 160);
    }

    [Fact]
    public async Task A_press_has_a_connection_when_everything_else_has_taken_all_of_its_own()
    {
        await using var server = new PostgresServer();
        await server.InitializeAsync();
        await using var service = await ServiceUnderTest.StartAsync(await SettingsAsync(server));
        var held = new List<RecordsDb>();
        try
        {
            // Takes all forty connections that the connection string allows, as pages, exports and telemetry that hang would.
            for (var i = 0; i < 40; i++)
            {
                held.Add(await service.Records.CreateDbContextAsync(Stop));
                try
                {
                    await held[^1].Database.OpenConnectionAsync(Stop);
                }
                catch (Npgsql.NpgsqlException)
                {
                    break; // the service itself holds some of the forty
                }
            }

            var begun = Stopwatch.GetTimestamp();
            Assert.Equal(Receipt.Committed, await service.PressAsync());
            Assert.InRange(Stopwatch.GetElapsedTime(begun).TotalSeconds, 0, 5);
        }
        finally
        {
            foreach (var db in held)
                await db.DisposeAsync();
        }

        await OnceEachAsync(service, 1);
    }

    [Fact]
    public async Task A_foreign_lock_on_the_records_is_waited_for_then_not_acknowledged_and_over_when_it_ends()
    {
        var folder = Directory.CreateTempSubdirectory("vigil-lock-").FullName;
        try
        {
            await using var service = await ServiceUnderTest.StartAsync([], folder);
            await service.RegisterAsync(1);
            await using var foreign = new SqliteConnection($"Data Source={Path.Combine(folder, "records.db")};Pooling=false");
            await foreign.OpenAsync(Stop);
            await ExecuteAsync(foreign, "BEGIN IMMEDIATE");
            var begun = Stopwatch.GetTimestamp();
            Assert.Equal(Receipt.NotStored, await PressAsync(service, 0));
            Assert.InRange(Stopwatch.GetElapsedTime(begun).TotalSeconds, 5, 40);
            await service.UntilAsync(
                "/healthz/ready",
                (status, text) => status == 503 && text.Contains("locked", StringComparison.Ordinal)
            );
            await ExecuteAsync(foreign, "ROLLBACK");
            await service.UntilAsync("/healthz/ready", (status, _) => status == 200);
            Assert.Equal(Receipt.Committed, await PressAsync(service, 0));
            await OnceEachAsync(service, 1);
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }
    }

    [Fact]
    public async Task A_reader_that_keeps_the_log_of_the_records_from_being_folded_in_is_told_of()
    {
        var folder = Directory.CreateTempSubdirectory("vigil-wal-").FullName;
        try
        {
            await using var service = await ServiceUnderTest.StartAsync([], folder);
            await using (var reader = new SqliteConnection($"Data Source={Path.Combine(folder, "records.db")};Pooling=false"))
            {
                await reader.OpenAsync(Stop);
                await ExecuteAsync(reader, "BEGIN; SELECT count(*) FROM Residents;");
                for (var i = 0; i < 70; i++)
                {
                    await using var db = await service.Records.CreateDbContextAsync(Stop);
                    db.Rejected.Add(
                        new RejectedPayload
                        {
                            Topic = "a/b",
                            Reason = Wording.Same("large"),
                            Payload = new byte[1 << 20],
                            Received = DateTime.UnixEpoch,
                        }
                    );
                    await db.SaveChangesAsync(Stop);
                }

                await service.UntilAsync(
                    "/healthz/ready",
                    (_, text) => text.Contains("the write-ahead log of records.db", StringComparison.Ordinal)
                );
                Assert.Equal(Receipt.Committed, await service.PressAsync()); // this is a warning only, and the work goes on
            }
        }
        finally
        {
            Directory.Delete(folder, recursive: true);
        }
    }

    private static async Task<Dictionary<string, string?>> SettingsAsync(PostgresServer server) =>
        new() { ["Records:Store"] = "Postgres", ["Records:ConnectionString"] = await server.CreateDatabaseAsync() };

    /// <summary>Each home's press has a fixed time, so that sending it again is the same press.</summary>
    private static Task<Receipt> PressAsync(ServiceUnderTest service, int home) =>
        service
            .SayAsync(
                $"press-{home}",
                string.Create(CultureInfo.InvariantCulture, $$"""[{"n":"button","vs":"sos","t":{{Origin + home}}}]""")
            )
            .AsTask();

    private static readonly long Origin = TimeProvider.System.GetUtcNow().ToUnixTimeSeconds() - 200;

    /// <summary>Every home that pressed has one alarm, and nobody was told twice.</summary>
    private static async Task OnceEachAsync(ServiceUnderTest service, int presses)
    {
        await using var db = await service.Records.CreateDbContextAsync(Stop);
        var alarms = await db.Alarms.Where(a => a.Kind == "sos").Select(a => new { a.Subject, a.Repeats }).ToListAsync(Stop);
        Assert.Equal(presses, alarms.Count);
        Assert.All(alarms, a => Assert.Equal(0, a.Repeats));
        Assert.Equal(presses, await db.Findings.CountAsync(f => f.Key.Contains("|sos|"), Stop));
    }

    private static async Task ExecuteAsync(SqliteConnection connection, string sql)
    {
        await using var command = connection.CreateCommand();
        command.CommandText = sql;
        await command.ExecuteNonQueryAsync(Stop);
    }
}
