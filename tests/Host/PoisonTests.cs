using Microsoft.Data.Sqlite;
using Microsoft.EntityFrameworkCore;
using Vigil.Host.Intake;
using Vigil.Ingest.Mqtt;
using Vigil.Model;
using Vigil.Storage.Readings.DuckDb;
using Vigil.Storage.Records;
using Vigil.Tests.Servers;
using Vigil.Tests.Storage.Records;

namespace Vigil.Tests.Host;

/// <summary>A row that the database refuses never stops the other rows. The same tests on both databases.</summary>
public abstract class PoisonTests : IAsyncLifetime
{
    private protected PipelineParts Parts { get; private set; } = null!;

    private protected string Folder { get; } = Directory.CreateTempSubdirectory("vigil-poison-").FullName;

    private protected abstract Task<IDbContextFactory<RecordsDb>> RecordsAsync();

    /// <summary>Makes the database itself refuse rows of a table whose text contains "poison".</summary>
    private protected abstract Task RefuseAsync(string table, string column);

    public async ValueTask InitializeAsync() =>
        Parts = await PipelineParts.CreateAsync(
            Folder,
            await RecordsAsync(),
            new DuckDbReadingStore(Path.Combine(Folder, "readings.duckdb"), new())
        );

    public ValueTask DisposeAsync()
    {
        GC.SuppressFinalize(this);
        return Parts.DisposeAsync();
    }

    [Fact]
    public async Task A_NUL_in_a_press_in_a_refused_payload_and_in_a_strangers_name_stops_nobody()
    {
        await Parts.Pipeline.StartAsync(CancellationToken.None);
        Assert.Equal(Receipt.Committed, await Parts.SayAsync("sos-1", """[{"n":"button","vs":"so\u0000s","t":1767225600}]"""));
        Assert.Equal(Receipt.Committed, await Parts.SayAsync("sos-1", """{"n":"bu\u0000tton"}""", "vigil/un\0readable/up"));
        Assert.Equal(Receipt.Committed, await Parts.SayAsync("sos-1", "x\0y", "no/profile/\0"));
        Assert.Equal(Receipt.Committed, await Parts.SayAsync("", """[{"n":"water.volume","u":"m3","v":1}]""", "vigil/stran\0ger/up"));
        Assert.Equal(
            Receipt.Committed,
            await Parts.SayAsync("", """[{"n":"water.volume","u":"m3","v":1}]""", $"vigil/{new string('长', 4000)}/up")
        );
        Assert.Equal(Receipt.Committed, await Parts.SayAsync("sos-1", """[{"n":"button","vs":"so\ud800s"}]"""));
        Assert.Equal(
            Receipt.Committed,
            await Parts.SayAsync(
                "",
                """{"state_topic":"a\u0000b","device":{"identifiers":["esp"],"name":"ki\u0000tchen"}}""",
                "homeassistant/sensor/esp/total/config"
            )
        );

        Assert.Equal(Receipt.Committed, await Parts.SayAsync("sos-2", """[{"n":"button","vs":"sos","t":1767225600}]"""));
        await Parts.Sightings.FlushAsync(CancellationToken.None);
        var alarms = await Parts.AlarmsAsync();
        Assert.Equal([("R1", "sos"), ("R2", "sos")], alarms.Select(a => (a.Subject, a.Kind)));
        Assert.Contains("so\uFFFDs", alarms[0].Reason, StringComparison.Ordinal);
        await using var db = Parts.Records.CreateDbContext();
        Assert.Contains(await db.Unbound.Select(u => u.Id).ToListAsync(), id => id == "stran\uFFFDger");
        Assert.Equal(2, await db.Devices.CountAsync(d => d.LastSeenAt != null));
        Assert.Equal("", Parts.SetAside); // nothing had to be set aside: the text was made storable before
        Assert.Null(Parts.Pipeline.Trouble);
    }

    [Fact]
    public async Task A_finding_that_the_store_refuses_is_set_aside_a_plain_alarm_stands_in_its_place_and_the_others_are_committed()
    {
        await RefuseAsync("Alarms", "Reason");
        var findings = Enumerable
            .Range(0, 300)
            .Select(i =>
                PipelineParts.Finding(
                    i % 2 == 0 ? AlarmKind.Sos : AlarmKind.NoWater,
                    $"S{i:000}",
                    i == 100 || i == 201 ? "poison" : "a reason"
                )
            )
            .ToList();
        Assert.True(await Parts.Uncommitted.CommitAsync(findings));
        var alarms = await Parts.AlarmsAsync();
        Assert.Equal(300, alarms.Count);
        Assert.Equal(["S100", "S201"], alarms.Where(a => a.Reason != "a reason").Select(a => a.Subject));
        Assert.Contains("could not be stored as it was said", alarms[100].Reason, StringComparison.Ordinal);
        Assert.Equal(("sos", Severity.Critical), (alarms[100].Kind, alarms[100].Severity));
        Assert.Equal(
            2,
            Parts
                .SetAside.Split('\n', StringSplitOptions.RemoveEmptyEntries)
                .Count(l => l.Contains("\"reason\":\"poison\"", StringComparison.Ordinal))
        );
        Assert.Contains(Parts.Troubles.Now, t => t.Case.StartsWith("set-aside", StringComparison.Ordinal));

        // When a replay finds the same again it is known already; and the next press is committed.
        Assert.True(await Parts.Uncommitted.CommitAsync([findings[100], PipelineParts.Finding(AlarmKind.Sos, "R1")]));
        Assert.Equal(301, (await Parts.AlarmsAsync()).Count);
        Assert.Null(Parts.Pipeline.Trouble);
    }

    [Fact]
    public async Task A_payload_that_the_store_refuses_is_set_aside_and_its_batch_mates_are_kept_and_acknowledged()
    {
        await RefuseAsync("Rejected", "Topic");
        // All of them wait before the pipeline starts, so they are in one batch.
        List<Task<Receipt>> said =
        [
            .. new[] { "a/first", "a/poison", "a/last" }.Select(t => Parts.SayAsync("", "{", t)),
            Parts.SayAsync("sos-1", """[{"n":"air.temperature","u":"Cel","v":20,"t":1767225600}]"""),
        ];
        await Parts.Pipeline.StartAsync(CancellationToken.None);
        Assert.All(await Task.WhenAll(said), r => Assert.Equal(Receipt.Committed, r));
        await using var db = Parts.Records.CreateDbContext();
        Assert.Equal(["a/first", "a/last"], await db.Rejected.OrderBy(r => r.Topic).Select(r => r.Topic).ToListAsync());
        Assert.Contains("a/poison", Parts.SetAside, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_stranger_that_the_store_refuses_is_set_aside_and_the_others_wait_to_be_bound()
    {
        await RefuseAsync("Unbound", "Topic");
        await Parts.Pipeline.StartAsync(CancellationToken.None);
        foreach (var device in new[] { "new-1", "poison-1", "new-2" })
            Assert.Equal(Receipt.Committed, await Parts.SayAsync("", """[{"n":"water.volume","u":"m3","v":1}]""", $"vigil/{device}/up"));
        Assert.True(await Parts.Sightings.FlushAsync(CancellationToken.None));
        await using var db = Parts.Records.CreateDbContext();
        Assert.Equal(["new-1", "new-2"], await db.Unbound.OrderBy(u => u.Id).Select(u => u.Id).ToListAsync());
        Assert.Contains("poison-1", Parts.SetAside, StringComparison.Ordinal);
    }
}

public sealed class PoisonOnSqliteTests : PoisonTests
{
    private protected override async Task<IDbContextFactory<RecordsDb>> RecordsAsync() => await FreshRecords.SqliteAsync(Folder);

    private protected override async Task RefuseAsync(string table, string column)
    {
        await using var db = Parts.Records.CreateDbContext();
        var sql =
            $"""CREATE TRIGGER refuse BEFORE INSERT ON "{table}" WHEN NEW."{column}" LIKE '%poison%' """
            + "BEGIN SELECT RAISE(ABORT, 'no poison'); END";
        await db.Database.ExecuteSqlRawAsync(sql);
    }

    [Fact]
    public async Task A_reading_that_DuckDB_refuses_is_set_aside_and_the_others_are_stored()
    {
        var path = Path.Combine(Folder, "strict.duckdb");
        await using (var strict = new DuckDB.NET.Data.DuckDBConnection($"DataSource={path}"))
        {
            await strict.OpenAsync();
            await using var command = strict.CreateCommand();
            command.CommandText = """
                CREATE TABLE readings (
                    series INTEGER NOT NULL, time TIMESTAMP NOT NULL, received TIMESTAMP NOT NULL,
                    value DOUBLE NOT NULL CHECK (value < 1000),
                    longitude DOUBLE, accuracy FLOAT, speed FLOAT, event VARCHAR, flags UTINYINT NOT NULL)
                """;
            await command.ExecuteNonQueryAsync();
        }

        await using var parts = await PipelineParts.CreateAsync(
            Directory.CreateTempSubdirectory("vigil-poison-").FullName,
            await FreshRecords.SqliteAsync(Path.Combine(Folder, "strict")),
            new DuckDbReadingStore(path, new())
        );
        List<Task<Receipt>> said =
        [
            .. new[] { 20, 1021, 22 }.Select(v =>
                parts.SayAsync("sos-1", $$"""[{"n":"air.pressure","u":"Pa","v":{{v}},"t":{{1767225600 + v}}}]""")
            ),
        ];
        await parts.Pipeline.StartAsync(CancellationToken.None);
        Assert.All(await Task.WhenAll(said), r => Assert.Equal(Receipt.Committed, r));
        var stored = new List<double>();
        await foreach (var r in parts.Readings.ReceivedSinceAsync(DateTime.UnixEpoch, CancellationToken.None))
            stored.Add(r.Value);
        Assert.Equal([20.0, 22.0], stored);
        Assert.Contains("1021", parts.SetAside, StringComparison.Ordinal);
        Assert.Contains(parts.Troubles.Now, t => t.Case == "set-aside: a reading");
        Assert.Null(parts.Pipeline.Trouble);
    }
}

[Trait("Category", "Server")]
public sealed class PoisonOnPostgresTests(PostgresServer server) : PoisonTests, IClassFixture<PostgresServer>
{
    private protected override async Task<IDbContextFactory<RecordsDb>> RecordsAsync() =>
        await FreshRecords.PostgresAsync(await server.CreateDatabaseAsync());

    private protected override async Task RefuseAsync(string table, string column)
    {
        await using var db = Parts.Records.CreateDbContext();
        var sql = $"""
            CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
                IF NEW."{column}" LIKE '%poison%' THEN RAISE EXCEPTION 'no poison' USING ERRCODE = '22021'; END IF;
                RETURN NEW; END $$;
            CREATE TRIGGER refuse BEFORE INSERT ON "{table}" FOR EACH ROW EXECUTE FUNCTION refuse();
            """;
        await db.Database.ExecuteSqlRawAsync(sql);
    }

    [Fact]
    public async Task A_finding_with_a_NUL_that_came_another_way_is_found_among_two_hundred_and_set_aside()
    {
        var findings = Enumerable
            .Range(0, 200)
            .Select(i => PipelineParts.Finding(AlarmKind.Sos, $"S{i:000}", i == 77 ? "so\0s" : "a reason"))
            .ToList();
        Assert.True(await Parts.Uncommitted.CommitAsync(findings));
        Assert.Equal(200, (await Parts.AlarmsAsync()).Count);
        Assert.Contains("22021", Parts.SetAside, StringComparison.Ordinal);
    }
}

/// <summary>A store that is down is not mistaken for one that refuses a row, and a trouble ends as soon as its store works.</summary>
public sealed class StoreTroubleTests : IAsyncLifetime
{
    private readonly string folder = Directory.CreateTempSubdirectory("vigil-trouble-").FullName;
    private BrokenRecords records = null!;
    private BrokenReadings readings = null!;
    private PipelineParts parts = null!;

    public async ValueTask InitializeAsync()
    {
        records = new BrokenRecords(await FreshRecords.SqliteAsync(folder));
        readings = new BrokenReadings(new DuckDbReadingStore(Path.Combine(folder, "readings.duckdb"), new()));
        parts = await PipelineParts.CreateAsync(folder, records, readings);
    }

    public ValueTask DisposeAsync() => parts.DisposeAsync();

    [Fact]
    public async Task A_store_that_is_down_has_nothing_set_aside_and_everything_is_owed_until_it_is_back()
    {
        foreach (
            var failure in new Exception[]
            {
                new SqliteException("database or disk is full", 13),
                new SqliteException("database is locked", 5),
                new SqliteException("disk I/O error", 10),
                new Npgsql.NpgsqlException("Exception while reading from stream", new TimeoutException()),
                new DbUpdateException("x", new Npgsql.PostgresException("terminating connection", "FATAL", "FATAL", "57P01")),
                new InvalidOperationException("likely transient", new Npgsql.NpgsqlException("x", new IOException("reset"))),
            }
        )
        {
            records.Failure = () => failure;
            Assert.False(
                await parts.Uncommitted.CommitAsync([PipelineParts.Finding(AlarmKind.Sos, $"S{failure.GetHashCode()}")]),
                failure.Message
            );
            Assert.Equal(failure.Message, parts.Pipeline.Trouble);
        }

        Assert.Equal("", parts.SetAside);
        records.Failure = null;
        Assert.True(await parts.Uncommitted.CommitAsync([]));
        Assert.Equal(6, (await parts.AlarmsAsync()).Count);
        Assert.Null(parts.Pipeline.Trouble); // although no reading has come since
    }

    [Fact]
    public async Task A_trouble_with_readings_is_over_when_they_can_be_written_again_though_no_device_speaks()
    {
        await parts.Pipeline.StartAsync(CancellationToken.None);
        readings.IsBroken = true;
        Assert.Equal(Receipt.NotStored, await parts.SayAsync("sos-1", """[{"n":"air.temperature","u":"Cel","v":20}]"""));
        Assert.Equal("out of order", parts.Pipeline.Trouble);
        await parts.Pipeline.LookAgainAsync(CancellationToken.None);
        Assert.Equal("out of order", parts.Pipeline.Trouble);
        readings.IsBroken = false;
        await parts.Pipeline.LookAgainAsync(CancellationToken.None);
        Assert.Null(parts.Pipeline.Trouble);
        Assert.Equal("", parts.SetAside);
    }

    [Fact]
    public async Task Presses_that_waited_while_the_store_failed_do_not_each_wait_for_it_again()
    {
        var (begun, go) = (new TaskCompletionSource(), new TaskCompletionSource());
        var tries = 0;
        records.Failure = () =>
        {
            Interlocked.Increment(ref tries);
            begun.TrySetResult();
            go.Task.Wait();
            return new SqliteException("database is locked", 5);
        };
        var first = Task.Run(async () => await parts.Uncommitted.CommitAsync([PipelineParts.Finding(AlarmKind.Sos, "S0")]));
        await begun.Task;
        List<Task<bool>> others =
        [
            .. Enumerable.Range(1, 50).Select(i => parts.Uncommitted.CommitAsync([PipelineParts.Finding(AlarmKind.Sos, $"S{i}")]).AsTask()),
        ];
        go.SetResult();
        Assert.False(await first);
        Assert.All(await Task.WhenAll(others), Assert.False);
        Assert.Equal(1, tries);
        records.Failure = null;
        Assert.True(await parts.Uncommitted.CommitAsync([])); // each finding that was not committed was kept to be committed later
        Assert.Equal(51, (await parts.AlarmsAsync()).Count);
    }

    [Fact]
    public async Task A_press_does_not_wait_for_what_is_noted_of_devices()
    {
        var (noting, go) = (new TaskCompletionSource(), new TaskCompletionSource());
        await parts.Pipeline.StartAsync(CancellationToken.None);
        Assert.Equal(Receipt.Committed, await parts.SayAsync("sos-1", """[{"n":"air.temperature","u":"Cel","v":20}]"""));
        records.Failure = () =>
        {
            noting.SetResult();
            go.Task.Wait();
            return null;
        };
        var flush = Task.Run(() => parts.Sightings.FlushAsync(CancellationToken.None));
        await noting.Task;
        records.Failure = null;
        Assert.Equal(Receipt.Committed, await parts.SayAsync("sos-2", """[{"n":"button","vs":"sos"}]"""));
        Assert.False(flush.IsCompleted);
        go.SetResult();
        Assert.True(await flush);
    }

    [Fact]
    public async Task A_snapshot_waits_for_the_findings_of_what_it_knows()
    {
        var (committing, go) = (new TaskCompletionSource(), new TaskCompletionSource());
        await parts.Pipeline.StartAsync(CancellationToken.None);
        records.Failure = () =>
        {
            committing.TrySetResult();
            go.Task.Wait();
            return new SqliteException("disk I/O error", 10);
        };
        var press = Task.Run(() => parts.SayAsync("sos-1", """[{"n":"button","vs":"sos"}]"""));
        await committing.Task;
        var settled = parts.Uncommitted.SettledAsync();
        Assert.False(settled.IsCompleted);
        go.SetResult();
        Assert.Equal(Receipt.NotStored, await press);
        Assert.False(await settled); // a snapshot of rules that already know the press would lose its alarm in a crash
        records.Failure = null;
        Assert.True(await parts.Uncommitted.SettledAsync());
    }

    private sealed class BrokenRecords(IDbContextFactory<RecordsDb> inner) : IDbContextFactory<RecordsDb>
    {
        /// <summary>The exception of the next accesses; null lets them through.</summary>
        public Func<Exception?>? Failure { get; set; }

        public RecordsDb CreateDbContext() => Failure?.Invoke() is { } failure ? throw failure : inner.CreateDbContext();
    }

    private sealed class BrokenReadings(Vigil.Storage.Readings.IReadingStore inner) : Vigil.Storage.Readings.IReadingStore
    {
        public bool IsBroken { get; set; }

        public string? Concern => inner.Concern;

        public Task AppendAsync(IReadOnlyList<Reading> readings, CancellationToken cancellation) =>
            IsBroken
                ? Task.FromException(new Vigil.Storage.Readings.ReadingStoreException("out of order"))
                : inner.AppendAsync(readings, cancellation);

        public Task<string?> ProbeAsync(CancellationToken cancellation) =>
            IsBroken ? Task.FromResult<string?>("out of order") : inner.ProbeAsync(cancellation);

        public IAsyncEnumerable<Reading> QueryAsync(Vigil.Storage.Readings.ReadingQuery query, CancellationToken cancellation) =>
            inner.QueryAsync(query, cancellation);

        public IAsyncEnumerable<Reading> ReceivedSinceAsync(DateTime received, CancellationToken cancellation) =>
            inner.ReceivedSinceAsync(received, cancellation);

        public Task DeleteBeforeAsync(DateTime time, CancellationToken cancellation) => inner.DeleteBeforeAsync(time, cancellation);

        public Task DeleteAsync(IReadOnlyList<DeviceSpan> devices, CancellationToken cancellation) =>
            inner.DeleteAsync(devices, cancellation);

        public Task DeleteAsync(
            IReadOnlyList<DeviceSpan>? devices,
            IReadOnlyList<Metric> metrics,
            DateTime before,
            CancellationToken cancellation,
            DateTime from = default
        ) => inner.DeleteAsync(devices, metrics, before, cancellation);

        public ValueTask DisposeAsync() => inner.DisposeAsync();
    }
}
