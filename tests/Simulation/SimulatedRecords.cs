using System.Data.Common;
using Microsoft.Data.Sqlite;
using Microsoft.EntityFrameworkCore;
using Microsoft.EntityFrameworkCore.Diagnostics;
using Microsoft.EntityFrameworkCore.Infrastructure;
using Vigil.Storage.Records;

namespace Vigil.Tests.Simulation;

/// <summary>
/// The product's records on a real SQLite in memory-backed files, with faults in front of it: a statement or a commit fails, is slow, or
/// succeeds and reports a failure. Waiting for another writer takes simulated time. A crash closes every connection, so that what was not
/// committed is rolled back.
/// </summary>
internal sealed class SimulatedRecords : IDisposable
{
    private static readonly TimeSpan Busy = TimeSpan.FromSeconds(10);

    private readonly Random random;
    private readonly InjectedFaults faults;
    private readonly Journal journal;
    private readonly SimulatedClock clock;
    private readonly HashSet<DbConnection> open = [];
    private readonly Queue<TaskCompletionSource> waiting = new();
    private readonly DbContextOptions<SqliteRecords> options;
    private readonly SimulatedRegistry.Template village;
    private DbConnection? writer;

    public SimulatedRecords(
        SimulatedRegistry.Template village,
        string folder,
        Random random,
        InjectedFaults faults,
        Journal journal,
        SimulatedClock clock
    )
    {
        (this.village, this.random, this.faults, this.journal, this.clock) = (village, random, faults, journal, clock);
        var path = Path.Combine(folder, "records.db");
        File.WriteAllBytes(path, village.Records);
        ConnectionString = new SqliteConnectionStringBuilder
        {
            DataSource = path,
            DefaultTimeout = 1,
            Pooling = true,
        }.ToString();
        options = new DbContextOptionsBuilder<SqliteRecords>()
            .UseSqlite(ConnectionString)
            .ReplaceService<IModelCacheKeyFactory, ModelByKeys>()
            .AddInterceptors(WritersInLine.Shared, new Connections(this), new Transactions(this), new Commands(this))
            .Options;
    }

    public string ConnectionString { get; }

    /// <summary>Opens the records for one start of the service; its writers queue in this process only.</summary>
    public RecordsFactory Open()
    {
        var line = new WriteLine();
        return new RecordsFactory(within => new SqliteRecords(options, village.Keys) { Within = within, WriteLine = line });
    }

    public void Crash()
    {
        foreach (var connection in open.ToList())
            connection.Close();
        open.Clear();
        waiting.Clear();
        writer = null;
    }

    public void Dispose()
    {
        Crash();
        using var connection = new SqliteConnection(ConnectionString);
        SqliteConnection.ClearPool(connection);
    }

    private async ValueTask BeginAsync(DbConnection connection)
    {
        await faults.PointAsync(Place.Records, "beginning of a transaction").ConfigureAwait(false);
        FailMaybe();
        await EnterAsync(connection).ConfigureAwait(false);
        writer = connection;
    }

    /// <summary>Waits until nobody else writes, as SQLite's busy handler does.</summary>
    private async ValueTask EnterAsync(DbConnection connection)
    {
        var since = clock.Elapsed;
        while (writer is not null && writer != connection)
        {
            journal.Cover("a writer waited for another");
            var turn = new TaskCompletionSource();
            waiting.Enqueue(turn);
            await Task.WhenAny(turn.Task, Task.Delay(Busy, clock)).ConfigureAwait(false);
            if (clock.Elapsed - since >= Busy)
                throw new SqliteException("database is locked", 5);
        }
    }

    private void Leave(DbConnection connection)
    {
        if (writer != connection)
            return;
        writer = null;
        while (waiting.TryDequeue(out var turn))
            faults.Thread?.PostBare(() => turn.TrySetResult());
    }

    private void FailMaybe()
    {
        if (!faults.Fails(Place.Records))
            return;
        journal.Cover("the records failed");
        throw new SqliteException("disk I/O error", 10);
    }

    private sealed class Connections(SimulatedRecords records) : DbConnectionInterceptor
    {
        /// <summary>
        /// The product's settings, but without real waiting and without syncs, since the machine itself doesn't fail here. The file is in
        /// WAL mode already.
        /// </summary>
        private const string Pragmas = "PRAGMA synchronous=OFF; PRAGMA foreign_keys=ON; PRAGMA busy_timeout=0;";

        public override void ConnectionOpened(DbConnection connection, ConnectionEndEventData eventData)
        {
            records.open.Add(connection);
            using var command = connection.CreateCommand();
            command.CommandText = Pragmas;
            command.ExecuteNonQuery();
        }

        public override Task ConnectionOpenedAsync(
            DbConnection connection,
            ConnectionEndEventData eventData,
            CancellationToken cancellationToken = default
        )
        {
            ConnectionOpened(connection, eventData);
            return Task.CompletedTask;
        }

        public override void ConnectionClosed(DbConnection connection, ConnectionEndEventData eventData)
        {
            records.open.Remove(connection);
            records.Leave(connection);
        }

        public override Task ConnectionClosedAsync(DbConnection connection, ConnectionEndEventData eventData)
        {
            ConnectionClosed(connection, eventData);
            return Task.CompletedTask;
        }
    }

    private sealed class Transactions(SimulatedRecords records) : DbTransactionInterceptor
    {
        public override async ValueTask<InterceptionResult<DbTransaction>> TransactionStartingAsync(
            DbConnection connection,
            TransactionStartingEventData eventData,
            InterceptionResult<DbTransaction> result,
            CancellationToken cancellationToken = default
        )
        {
            await records.BeginAsync(connection).ConfigureAwait(false);
            return result;
        }

        public override async ValueTask<InterceptionResult> TransactionCommittingAsync(
            DbTransaction transaction,
            TransactionEventData eventData,
            InterceptionResult result,
            CancellationToken cancellationToken = default
        )
        {
            await records.faults.PointAsync(Place.Records, "before a commit").ConfigureAwait(false);
            records.FailMaybe();
            return result;
        }

        public override async Task TransactionCommittedAsync(
            DbTransaction transaction,
            TransactionEndEventData eventData,
            CancellationToken cancellationToken = default
        )
        {
            records.Leave(eventData.Context!.Database.GetDbConnection());
            await records.faults.PointAsync(Place.Records, "between a commit and whoever waits for it").ConfigureAwait(false);
            if (!records.faults.Fails(Place.Records) || records.random.Next(2) == 0)
                return;
            records.journal.Cover("a commit succeeded and said that it failed");
            throw new SqliteException("disk I/O error", 10);
        }

        public override Task TransactionRolledBackAsync(
            DbTransaction transaction,
            TransactionEndEventData eventData,
            CancellationToken cancellationToken = default
        )
        {
            records.Leave(eventData.Context!.Database.GetDbConnection());
            return Task.CompletedTask;
        }
    }

    private sealed class Commands(SimulatedRecords records) : DbCommandInterceptor
    {
        public override async ValueTask<InterceptionResult<DbDataReader>> ReaderExecutingAsync(
            DbCommand command,
            CommandEventData eventData,
            InterceptionResult<DbDataReader> result,
            CancellationToken cancellationToken = default
        )
        {
            await BeforeAsync(command, eventData).ConfigureAwait(false);
            return result;
        }

        public override async ValueTask<InterceptionResult<int>> NonQueryExecutingAsync(
            DbCommand command,
            CommandEventData eventData,
            InterceptionResult<int> result,
            CancellationToken cancellationToken = default
        )
        {
            await BeforeAsync(command, eventData).ConfigureAwait(false);
            return result;
        }

        public override async ValueTask<InterceptionResult<object>> ScalarExecutingAsync(
            DbCommand command,
            CommandEventData eventData,
            InterceptionResult<object> result,
            CancellationToken cancellationToken = default
        )
        {
            await BeforeAsync(command, eventData).ConfigureAwait(false);
            return result;
        }

        private async ValueTask BeforeAsync(DbCommand command, CommandEventData eventData)
        {
            // Between the statements of one SaveChanges, EF continues on any thread, which can't be repeated: so only its beginning and end
            // are slowed down.
            var reads = command.CommandText.StartsWith("SELECT", StringComparison.Ordinal);
            await records
                .faults.PointAsync(Place.Records, reads ? "a query" : "a statement", eventData.CommandSource != CommandSource.SaveChanges)
                .ConfigureAwait(false);
            records.FailMaybe();
            // A statement without a transaction is a transaction of its own.
            if (!reads && command.Transaction is null && !command.CommandText.StartsWith("PRAGMA", StringComparison.Ordinal))
                await records.EnterAsync(command.Connection!).ConfigureAwait(false);
        }
    }
}
