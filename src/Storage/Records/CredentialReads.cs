using Microsoft.EntityFrameworkCore;

namespace Vigil.Storage.Records;

/// <summary>
/// Reads credentials for logins in batches: those that wait while one query runs are read together by the next, life-safety devices first.
/// When two thousand devices reconnect at once this takes a few dozen queries and one connection, without a cache that could be out of
/// date.
/// </summary>
internal sealed class CredentialReads(IDbContextFactory<RecordsDb> records)
{
    private const int AtOnce = 64;

    private readonly Lock gate = new();
    private readonly Queue<Read> first = new(),
        others = new();
    private bool running;

    public Task<Credential?> FindAsync(string username, bool goesFirst, CancellationToken cancellation)
    {
        var read = new Read(username, cancellation);
        lock (gate)
        {
            (goesFirst ? first : others).Enqueue(read);
            if (!running)
            {
                running = true;
                _ = Task.Run(RunAsync, CancellationToken.None);
            }
        }

        return read.Found.Task.WaitAsync(cancellation);
    }

    private async Task RunAsync()
    {
        var batch = new List<Read>(AtOnce);
        while (Take(batch))
        {
            try
            {
                var names = batch.ConvertAll(r => r.Username);
                await using var db = await records.CreateDbContextAsync();
                var rows = await db
                    .Credentials.AsNoTracking()
                    .Where(c => names.Contains(c.Username) && !c.Disabled)
                    .ToDictionaryAsync(c => c.Username, StringComparer.Ordinal);
                foreach (var read in batch)
                    read.Found.TrySetResult(rows.GetValueOrDefault(read.Username));
            }
            catch (Exception e) when (e is not OutOfMemoryException)
            {
                foreach (var read in batch)
                    read.Found.TrySetException(e);
            }
        }
    }

    private bool Take(List<Read> batch)
    {
        batch.Clear();
        lock (gate)
        {
            while (batch.Count < AtOnce && (first.TryDequeue(out var next) || others.TryDequeue(out next)))
                if (!next.Cancellation.IsCancellationRequested)
                    batch.Add(next);
            return running = batch.Count > 0;
        }
    }

    private sealed record Read(string Username, CancellationToken Cancellation)
    {
        public TaskCompletionSource<Credential?> Found { get; } = new(TaskCreationOptions.RunContinuationsAsynchronously);
    }
}
