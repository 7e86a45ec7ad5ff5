using Microsoft.EntityFrameworkCore;
using Vigil.Storage;
using Vigil.Storage.Records;

namespace Vigil.Host;

/// <summary>
/// Whether the records answer within a few seconds: a server that hangs accepts connections without answering. Only one query runs at a
/// time.
/// </summary>
internal sealed class RecordsProbe(IDbContextFactory<RecordsDb> records)
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(3);

    private readonly Lock gate = new();
    private Task<string?> asked = Task.FromResult<string?>(null);

    /// <summary>Null when they answer; else why not.</summary>
    public async Task<string?> LookAsync()
    {
        Task<string?> answer;
        lock (gate)
        {
            if (asked.IsCompleted)
                asked = Task.Run(AskAsync);
            answer = asked;
        }

        try
        {
            return await answer.WaitAsync(Patience);
        }
        catch (TimeoutException)
        {
            return $"the records have not answered for {Patience.TotalSeconds:0} s";
        }
    }

    /// <summary>Whether a row can be written now; tries it in a transaction that is rolled back.</summary>
    public async Task<bool> WorksAsync()
    {
        try
        {
            await using var db = await records.CreateDbContextAsync();
            await using var transaction = await WriteTurn.BeginAsync(db, first: true, CancellationToken.None);
            db.Findings.Add(new CommittedFinding { Key = $"probe|{Guid.NewGuid()}", CommittedAt = DateTime.UnixEpoch });
            await db.SaveChangesAsync();
            return true;
        }
        catch (Exception e) when (e is not OutOfMemoryException)
        {
            return false;
        }
    }

    private async Task<string?> AskAsync()
    {
        try
        {
            await using var db = await records.CreateDbContextAsync();
            await db.Areas.AnyAsync();
            return null;
        }
        catch (Exception e) when (e is not OutOfMemoryException)
        {
            return $"the records can't be read: {StoreFailure.FirstLine(e)}";
        }
    }
}
