using System.Diagnostics;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Vigil.Storage.Records;

namespace Vigil.Registry.Search;

/// <summary>
/// Reads the names, addresses, categories and contacts' names of all residents into memory and follows their changes, whoever makes them:
/// an edit, an import, an erasure. In memory, so that it works alike on both databases and costs no writer anything.
/// </summary>
public sealed partial class SearchIndex(IDbContextFactory<RecordsDb> records, ILogger<SearchIndex> log) : BackgroundService
{
    private const int Batch = 2000;

    /// <summary>With more changed homes all are read again.</summary>
    private const int Many = 50_000;

    /// <summary>In real time, in which people search, also where the service's clock runs faster (the demo).</summary>
    private static readonly TimeSpan Every = TimeSpan.FromSeconds(1);

    private readonly SemaphoreSlim turn = new(1, 1);
    private volatile ResidentTexts? texts;
    private long place;
    private long followed;

    /// <summary>Null until everything has been read, after a start.</summary>
    internal ResidentTexts? Texts => texts;

    /// <summary>How long the last reading of everything took.</summary>
    public TimeSpan ReadTook { get; private set; }

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        while (!stoppingToken.IsCancellationRequested)
        {
            try
            {
                await FollowAsync(stoppingToken);
            }
            catch (Exception e) when (e is not OutOfMemoryException && !stoppingToken.IsCancellationRequested)
            {
                LogFailed(log, e);
            }

            await Task.Delay(Every, TimeProvider.System, stoppingToken);
        }
    }

    /// <summary>Takes over what was changed since the last time; everything at first.</summary>
    public async Task FollowAsync(CancellationToken cancellation)
    {
        await turn.WaitAsync(cancellation);
        try
        {
            await using var db = await records.CreateDbContextAsync(cancellation);
            db.ChangeTracker.QueryTrackingBehavior = QueryTrackingBehavior.NoTracking;
            var stamp = Stopwatch.GetTimestamp();
            if (texts is not { IsWorn: false } known || Stopwatch.GetElapsedTime(followed, stamp) > ChangeFeed.Kept / 2)
            {
                (place, followed) = (await ReadAllAsync(db, cancellation), stamp);
                return;
            }

            var (changed, next) = await ChangeFeed.SinceAsync(db, place, cancellation);
            var homes = changed.Where(c => c.Part == RegistryPart.Home).Select(c => c.Subject).ToList();
            // Who was erased is not named: only reading all finds who is gone.
            if (homes.Count > Many || changed.Any(c => c.Subject == ChangeFeed.Anybody))
                next = await ReadAllAsync(db, cancellation);
            else
                foreach (var ids in homes.Chunk(Batch))
                {
                    var there = await PutAsync(db, known, db.Residents.Where(r => ids.Contains(r.Id)), cancellation);
                    foreach (var gone in ids.Except(there, StringComparer.Ordinal))
                        known.Remove(gone);
                }

            (place, followed) = (next, stamp);
        }
        finally
        {
            turn.Release();
        }
    }

    public override void Dispose()
    {
        turn.Dispose();
        base.Dispose();
    }

    /// <returns>The place in the feed from which on changes are not in it.</returns>
    private async Task<long> ReadAllAsync(RecordsDb db, CancellationToken cancellation)
    {
        var (begun, from, all) = (Stopwatch.GetTimestamp(), await ChangeFeed.NowAsync(db, cancellation), new ResidentTexts());
        for (var after = ""; ; )
        {
            var last = after;
            var some = await PutAsync(
                db,
                all,
#pragma warning disable CA1309 // the database compares, in the order in which it sorts
                db.Residents.Where(r => string.Compare(r.Id, last) > 0).OrderBy(r => r.Id).Take(Batch),
#pragma warning restore CA1309
                cancellation
            );
            if (some.Count == 0)
                break;
            after = some[^1];
        }

        all.Trim();
        texts = all;
        ReadTook = Stopwatch.GetElapsedTime(begun);
        LogRead(log, all.Count, ReadTook.TotalSeconds);
        return from;
    }

    private static async Task<List<string>> PutAsync(
        RecordsDb db,
        ResidentTexts into,
        IQueryable<Resident> of,
        CancellationToken cancellation
    )
    {
        var residents = await of.Select(r => new
            {
                r.Id,
                r.Area,
                r.Name,
                r.Address,
                r.Categories,
            })
            .ToListAsync(cancellation);
        var ids = residents.ConvertAll(r => r.Id);
        var contacts = (
            await db.Contacts.Where(c => ids.Contains(c.ResidentId)).Select(c => new { c.ResidentId, c.Name }).ToListAsync(cancellation)
        ).ToLookup(c => c.ResidentId, c => c.Name, StringComparer.Ordinal);
        foreach (var r in residents)
            into.Put(r.Id, r.Area, r.Name, r.Address, r.Categories, contacts[r.Id]);
        return ids;
    }

    [LoggerMessage(Level = LogLevel.Information, Message = "Search: {Residents} residents read in {Seconds:0.0} s")]
    private static partial void LogRead(ILogger logger, int residents, double seconds);

    [LoggerMessage(Level = LogLevel.Error, Message = "The registry's changes could not be taken into the search; it is tried again")]
    private static partial void LogFailed(ILogger logger, Exception e);
}
