using Microsoft.EntityFrameworkCore;
using Microsoft.EntityFrameworkCore.Storage;

namespace Vigil.Storage.Records;

/// <summary>
/// A write transaction that waits for its turn. SQLite lets one writer in at a time and whoever finds it busy asks again now and then,
/// without any order: in a storm a cry for help could ask in vain for ten seconds. Here the writers of one process stand in a line, and
/// life stands in front of it. PostgreSQL needs none.
/// </summary>
public sealed class WriteTurn : IAsyncDisposable
{
    private readonly IDbContextTransaction transaction;
    private readonly WriteLine? line;

    private WriteTurn(IDbContextTransaction transaction, WriteLine? line) => (this.transaction, this.line) = (transaction, line);

    /// <param name="db">Whose transaction begins.</param>
    /// <param name="first">Before all that isn't: for critical alarms and for what people answer.</param>
    /// <param name="cancellation">Leaves the line.</param>
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

/// <summary>One writer at a time, in order of arrival, those who go first before the others. Thread-safe.</summary>
internal sealed class WriteLine
{
    private readonly Lock gate = new();
    private readonly LinkedList<TaskCompletionSource> first = [],
        others = [];
    private bool taken;

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
                    return; // it has its turn already
            turn.TrySetCanceled(cancellation);
        });
        await turn.Task;
    }

    public void Leave()
    {
        TaskCompletionSource next;
        lock (gate)
        {
            var line = first.Count > 0 ? first : others;
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
