using Microsoft.EntityFrameworkCore;
using Microsoft.EntityFrameworkCore.Storage;

namespace Vigil.Storage.Records;

/// <summary>
/// A write transaction that waits for its turn. SQLite allows one writer at a time; a writer that finds it busy retries now and then, in no
/// order, so that under load an emergency could fail to get in for ten seconds. Here the writers of this process queue, and critical alarms
/// and people's answers go first. PostgreSQL needs no queue.
/// </summary>
public sealed class WriteTurn : IAsyncDisposable
{
    private readonly IDbContextTransaction transaction;
    private readonly WriteLine? line;

    private WriteTurn(IDbContextTransaction transaction, WriteLine? line) => (this.transaction, this.line) = (transaction, line);

    /// <param name="db">The context of the transaction.</param>
    /// <param name="first">Goes before all writers without it: for critical alarms and people's answers.</param>
    /// <param name="cancellation">Leaves the queue.</param>
    public static async Task<WriteTurn> BeginAsync(RecordsDb db, bool first, CancellationToken cancellation)
    {
        var line = db.WriteLine;
        if (line is not null)
            await line.EnterAsync(first, cancellation);
        try
        {
            return new WriteTurn(await db.Database.BeginTransactionAsync(cancellation), line);
        }
        catch
        {
            line?.Leave();
            throw;
        }
    }

    public Task CommitAsync(CancellationToken cancellation) => transaction.CommitAsync(cancellation);

    public async ValueTask DisposeAsync()
    {
        try
        {
            await transaction.DisposeAsync();
        }
        finally
        {
            line?.Leave();
        }
    }
}

/// <summary>
/// The queue of writers: one at a time, in order of arrival, those who go first before the others. Of the others one is let in after so
/// many, so that signing in, the log and the watches go on in the longest storm. Thread-safe.
/// </summary>
internal sealed class WriteLine
{
    /// <summary>How many may go first in a row while others wait.</summary>
    internal const int MostFirst = 8;

    private readonly Lock gate = new();
    private readonly LinkedList<TaskCompletionSource> first = [],
        others = [];
    private bool taken;
    private int firstInARow;

    public async Task EnterAsync(bool goesFirst, CancellationToken cancellation)
    {
        TaskCompletionSource turn;
        lock (gate)
        {
            if (!taken)
            {
                taken = true;
                return;
            }

            turn = new(TaskCreationOptions.RunContinuationsAsynchronously);
            (goesFirst ? first : others).AddLast(turn);
        }

        await using var _ = cancellation.Register(() =>
        {
            lock (gate)
                if (!first.Remove(turn) && !others.Remove(turn))
                    return; // it is its turn already
            turn.TrySetCanceled(cancellation);
        });
        await turn.Task;
    }

    public void Leave()
    {
        TaskCompletionSource next;
        lock (gate)
        {
            var line = first.Count > 0 && (firstInARow < MostFirst || others.Count == 0) ? first : others;
            firstInARow = line == first ? firstInARow + 1 : 0;
            if (line.First is not { } head)
            {
                taken = false;
                return;
            }

            line.RemoveFirst();
            next = head.Value;
        }

        next.SetResult();
    }
}
