using System.IO.Compression;
using System.Text.Json;
using Microsoft.EntityFrameworkCore;
using Vigil.Storage.Records;

namespace Vigil.Registry;

/// <summary>
/// An import that was checked and is being written, as it is kept in the records: its file, and how many of its rows have been written.
/// Each transaction moves that forward, so that whoever goes on after a crash repeats no row and leaves none out; and each keeps what it
/// writes, so that an import that is cancelled can be taken back to its beginning.
/// </summary>
internal sealed class UnfinishedImport
{
    /// <summary>Characters of base64 in one row: each row is a short transaction.</summary>
    private const int Piece = 256 * 1024;

    /// <summary>How long a writer is believed to be alive after its last transaction.</summary>
    internal static readonly TimeSpan Alive = TimeSpan.FromSeconds(30);

    private readonly IDbContextFactory<RecordsDb> records;
    private readonly TimeProvider clock;
    private readonly Guid writer;
    private readonly DateTime started;

    /// <summary>Number of the piece that holds what was written last: below 0, downwards.</summary>
    private int kept;

    private UnfinishedImport(IDbContextFactory<RecordsDb> records, TimeProvider clock, ImportRun run, ImportOptions options)
    {
        (this.records, this.clock, writer, started) = (records, clock, run.Writer, run.StartedAt);
        (File, Done, Options) = (run.File, run.Done, options with { Who = run.Who });
    }

    public string File { get; }

    /// <summary>Rows that were written before; below 0 when it was cancelled and is being taken back.</summary>
    public int Done { get; }

    public bool IsTakenBack => Done < 0;

    public ImportOptions Options { get; }

    /// <summary>Keeps the file in the records. From the return of this method on the import is written, whatever happens.</summary>
    /// <returns>Null when another import is being written.</returns>
    public static async Task<UnfinishedImport?> BeginAsync(
        IDbContextFactory<RecordsDb> records,
        TimeProvider clock,
        Stream content,
        string file,
        ImportOptions options,
        CancellationToken cancellation
    )
    {
        var now = clock.GetUtcNow().UtcDateTime;
        var run = new ImportRun
        {
            File = file,
            Who = options.Who,
            StartedAt = now,
            Options = JsonSerializer.Serialize(options with { Who = "" }),
            Writer = Guid.NewGuid(),
            AliveUntil = now + Alive,
        };
        await using var db = await records.CreateDbContextAsync(cancellation);
        if (await db.ImportRuns.AnyAsync(cancellation))
            return null;
        db.Add(run);
        try
        {
            await db.SaveChangesAsync(cancellation);
        }
        catch (DbUpdateException) when (!cancellation.IsCancellationRequested)
        {
            return null; // another one was faster
        }

        try
        {
            using var packed = new MemoryStream();
            await using (var zip = new GZipStream(packed, CompressionLevel.Fastest, leaveOpen: true))
                await content.CopyToAsync(zip, cancellation);
            var text = Convert.ToBase64String(packed.GetBuffer(), 0, (int)packed.Length);
            for (var at = 0; at < text.Length; at += Piece)
            {
                db.ChangeTracker.Clear();
                db.Add(new ImportPiece { Number = at / Piece, Content = text.Substring(at, Math.Min(Piece, text.Length - at)) });
                await db.SaveChangesAsync(cancellation);
            }
        }
        catch
        {
            await DropAsync(db, run.Writer);
            throw;
        }

        var until = clock.GetUtcNow().UtcDateTime + Alive;
        await Mine(db, run.Writer)
            .ExecuteUpdateAsync(r => r.SetProperty(x => x.Ready, true).SetProperty(x => x.AliveUntil, until), CancellationToken.None);
        return new UnfinishedImport(records, clock, run, options);
    }

    /// <summary>The import whose process has died; it is this process's from now on. One that was not begun is dropped.</summary>
    public static async Task<UnfinishedImport?> TakeOverAsync(
        IDbContextFactory<RecordsDb> records,
        TimeProvider clock,
        CancellationToken cancellation
    )
    {
        var now = clock.GetUtcNow().UtcDateTime;
        await using var db = await records.CreateDbContextAsync(cancellation);
        if (await db.ImportRuns.AsNoTracking().FirstOrDefaultAsync(cancellation) is not { } run || run.AliveUntil > now)
            return null;
        var (before, until) = (run.Writer, now + Alive);
        run.Writer = Guid.NewGuid();
        var taken = await Mine(db, before)
            .ExecuteUpdateAsync(r => r.SetProperty(x => x.Writer, run.Writer).SetProperty(x => x.AliveUntil, until), cancellation);
        if (taken == 0)
            return null; // another process was faster
        if (run.Ready)
            return new UnfinishedImport(records, clock, run, JsonSerializer.Deserialize<ImportOptions>(run.Options)!)
            {
                kept = Math.Min(0, await db.ImportPieces.MinAsync(p => (int?)p.Number, cancellation) ?? 0),
            };
        await DropAsync(db, run.Writer);
        return null;
    }

    /// <summary>The file, as it was given.</summary>
    public async Task<Stream> ContentAsync(CancellationToken cancellation)
    {
        await using var db = await records.CreateDbContextAsync(cancellation);
        var pieces = await db
            .ImportPieces.AsNoTracking()
            .Where(p => p.Number >= 0)
            .OrderBy(p => p.Number)
            .Select(p => p.Content)
            .ToListAsync(cancellation);
        await using var zip = new GZipStream(new MemoryStream(Convert.FromBase64String(string.Concat(pieces))), CompressionMode.Decompress);
        var content = new MemoryStream();
        await zip.CopyToAsync(content, cancellation);
        content.Position = 0;
        return content;
    }

    /// <summary>Within the transaction that writes these rows.</summary>
    /// <exception cref="InvalidOperationException">Another process has taken over.</exception>
    public async Task GoOnAsync(RecordsDb db, int done)
    {
        var until = clock.GetUtcNow().UtcDateTime + Alive;
        var mine = await Mine(db, writer).ExecuteUpdateAsync(r => r.SetProperty(x => x.Done, done).SetProperty(x => x.AliveUntil, until));
        if (mine == 0)
            throw new InvalidOperationException("another process has gone on with this import, because this one paused for too long");
    }

    /// <summary>Within the transaction that writes them.</summary>
    public async Task KeepAsync(RecordsDb db, WrittenRows written) =>
        await db.InsertAsync([new ImportPiece { Number = --kept, Content = written.Pack() }], CancellationToken.None);

    /// <summary>From here on it is taken back, whoever goes on with it.</summary>
    public Task CancelAsync(RecordsDb db) => GoOnAsync(db, -1);

    /// <summary>Takes back what one transaction has written, the last first; false when there is nothing left of the import.</summary>
    public async Task<bool> TakeBackAsync(RecordsDb db, DateTime now)
    {
        await using var turn = await WriteTurn.BeginAsync(db, first: false, CancellationToken.None);
        var last = await db.ImportPieces.Where(p => p.Number < 0).OrderBy(p => p.Number).FirstOrDefaultAsync();
        if (last is null)
        {
            await EndAsync(db);
            if (Options.Who.Length > 0)
                db.AddAudit(now, Options.Who, "import", File, "cancelled while it was written; taken back");
        }
        else
        {
            await GoOnAsync(db, -1);
            await WrittenRows.Unpack(last.Content).TakeBackAsync(db, started);
            db.Remove(last);
        }

        await db.SaveChangesAsync();
        await turn.CommitAsync(CancellationToken.None);
        return last is not null;
    }

    /// <summary>Within the last transaction.</summary>
    public async Task EndAsync(RecordsDb db)
    {
        await GoOnAsync(db, int.MaxValue);
        await db.ImportPieces.ExecuteDeleteAsync();
        await Mine(db, writer).ExecuteDeleteAsync();
    }

    private static IQueryable<ImportRun> Mine(RecordsDb db, Guid writer) => db.ImportRuns.Where(r => r.Writer == writer);

    private static async Task DropAsync(RecordsDb db, Guid writer)
    {
        await db.ImportPieces.ExecuteDeleteAsync();
        await Mine(db, writer).ExecuteDeleteAsync();
    }
}
