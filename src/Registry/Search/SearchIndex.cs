using System.Diagnostics;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Vigil.Storage.Records;

namespace Vigil.Registry.Search;

/// <summary>
/// Reads the names, addresses, categories and contacts' names of all residents and the ids of all devices into memory and follows their
/// changes, whoever makes them: an edit, an import, an erasure. In memory, so that it works alike on both databases and costs no writer
/// anything.
/// </summary>
public sealed partial class SearchIndex(IDbContextFactory<RecordsDb> records, ILogger<SearchIndex> log) : BackgroundService
{
    private const int Batch = 2000;

    /// <summary>With more changed homes, or devices of as many homes, all are read again.</summary>
    private const int Many = 50_000;

    private const int DevicesEach = 4;

    /// <summary>
    /// Somebody who asks for a list waits for as many changes as this, and in a larger registry for no reading of all of it.
    /// </summary>
    private const int Few = 1000;

    /// <summary>Somebody who asks for a list waits no longer than this while changes are taken over.</summary>
    private static readonly TimeSpan Patience = TimeSpan.FromMilliseconds(200);

    /// <summary>In real time, in which people search, also where the service's clock runs faster (the demo).</summary>
    private static readonly TimeSpan Every = TimeSpan.FromSeconds(1);

    private readonly SemaphoreSlim turn = new(1, 1);
    private volatile ResidentTexts? texts;
    private volatile DeviceIds? devices;
    private volatile ResidentTexts? visitsAreIn;
    private long place;
    private long followed;

    /// <summary>Where homes were before a look that isn't at its end: their devices are to be found in another area afterwards.</summary>
    private readonly Dictionary<string, string?> areas = new(StringComparer.Ordinal);

    /// <summary>Null until everything has been read, after a start.</summary>
    internal ResidentTexts? Texts => texts;

    internal DeviceIds? Devices => devices;

    /// <summary>
    /// The residents with when they were last visited: not so exactly as the records have it, for a visit changes no registry.
    /// </summary>
    internal ResidentTexts? Visits => visitsAreIn;

    /// <summary>Somebody was visited: no change of the registry, so the feed doesn't say it.</summary>
    public void WasVisited(Visit visit)
    {
        if (visit.Form != "remote")
            texts?.WasVisited(visit.ResidentId, visit.Time, atHome: visit.Form == "home");
    }

    /// <summary>How long the last reading of all residents took.</summary>
    public TimeSpan ReadTook { get; private set; }

    /// <summary>How long the last reading of all visits took.</summary>
    public TimeSpan VisitsTook { get; private set; }

    /// <summary>How long the last reading of all devices took.</summary>
    public TimeSpan DevicesTook { get; private set; }

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
            await TakeAsync(waitedFor: false, cancellation);
        }
        finally
        {
            turn.Release();
        }
    }

    /// <summary>
    /// Takes over what was changed up to now, for a list that shall show what its reader has just saved. Of a great many changes, or where
    /// all has to be read anew, the list is as old as the last look: a second.
    /// </summary>
    public async Task CatchUpAsync(CancellationToken cancellation)
    {
        if (texts is null || !await turn.WaitAsync(Patience, cancellation))
            return;
        try
        {
            await TakeAsync(waitedFor: true, cancellation);
        }
        finally
        {
            turn.Release();
        }
    }

    private async Task TakeAsync(bool waitedFor, CancellationToken cancellation)
    {
        await using var db = await records.CreateDbContextAsync(cancellation);
        db.ChangeTracker.QueryTrackingBehavior = QueryTrackingBehavior.NoTracking;
        var stamp = Stopwatch.GetTimestamp();
        if (
            texts is not { IsWorn: false } known
            || devices is not { IsWorn: false } ids
            || !ReferenceEquals(visitsAreIn, known) // a reading of all broke off
            || Stopwatch.GetElapsedTime(followed, stamp) > ChangeFeed.Kept / 2
        )
        {
            if (!waitedFor || texts is null or { Count: <= Few })
                (place, followed) = (await ReadAllAsync(db, cancellation), stamp);
            return;
        }

        var (changed, next) = await ChangeFeed.SinceAsync(db, place, cancellation);
        var homes = changed.Where(c => c.Part == RegistryPart.Home).Select(c => c.Subject).ToList();
        var moved = changed.Where(c => c.Part == RegistryPart.Device).Select(c => c.Subject).ToHashSet(StringComparer.Ordinal);
        // Who was erased is not named: only reading all finds who is gone.
        var all = homes.Count > Many || moved.Count > Many * DevicesEach || changed.Any(c => c.Subject == ChangeFeed.Anybody);
        if (waitedFor && (all ? known.Count > Few : homes.Count + moved.Count > Few))
            return;
        if (all)
        {
            next = await ReadAllAsync(db, cancellation);
        }
        else
        {
            foreach (var some in homes.Chunk(Batch))
                await TakeHomesAsync(db, known, some, moved, cancellation);
            foreach (var some in moved.Chunk(Batch))
                await TakeDevicesAsync(db, known, ids, some, cancellation);
            areas.Clear();
        }

        (place, followed) = (next, stamp);
    }

    private async Task TakeHomesAsync(
        RecordsDb db,
        ResidentTexts known,
        string[] homes,
        HashSet<string> moved,
        CancellationToken cancellation
    )
    {
        foreach (var home in homes)
            areas.TryAdd(home, known.AreaOf(home));
        var there = await PutAsync(db, known, db.Residents.Where(r => homes.Contains(r.Id)), cancellation);
        foreach (var gone in homes.Except(there, StringComparer.Ordinal))
            known.Remove(gone);
        // Its devices are in another area now.
        var elsewhere = there.Where(h => areas[h] != known.AreaOf(h)).ToList();
        if (elsewhere.Count > 0)
            moved.UnionWith(await db.Devices.Where(d => elsewhere.Contains(d.ResidentId!)).Select(d => d.Id).ToListAsync(cancellation));
    }

    private static async Task TakeDevicesAsync(
        RecordsDb db,
        ResidentTexts known,
        DeviceIds into,
        string[] some,
        CancellationToken cancellation
    )
    {
        var there = await RowsAsync(db.Devices.Where(d => some.Contains(d.Id)), cancellation);
        foreach (var d in there)
            into.Put(d.Id, d.AreaIn(known), d.Label, d.Status, d.Heard);
        foreach (var gone in some.Except(there.Select(d => d.Id), StringComparer.Ordinal))
            into.Put(gone, null, "", DeviceStatus.InStock, heard: false);
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

        all.ReadInOrder();
        texts = all;
        ReadTook = Stopwatch.GetElapsedTime(begun);
        LogRead(log, all.Count, ReadTook.TotalSeconds);
        await ReadDevicesAsync(db, all, cancellation);
        await ReadVisitsAsync(db, all, cancellation);
        return from;
    }

    private async Task ReadDevicesAsync(RecordsDb db, ResidentTexts residents, CancellationToken cancellation)
    {
        var (begun, all) = (Stopwatch.GetTimestamp(), new DeviceIds());
        for (var after = ""; ; )
        {
            var last = after;
#pragma warning disable CA1309 // the database compares, in the order in which it sorts
            var some = await RowsAsync(
                db.Devices.Where(d => string.Compare(d.Id, last) > 0).OrderBy(d => d.Id).Take(Batch * DevicesEach),
                cancellation
            );
#pragma warning restore CA1309
            if (some.Count == 0)
                break;
            foreach (var d in some)
                all.Append(d.Id, d.AreaIn(residents), d.Label, d.Status, d.Heard);
            after = some[^1].Id;
        }

        all.Read();
        devices = all;
        DevicesTook = Stopwatch.GetElapsedTime(begun);
        LogDevices(log, all.Count, DevicesTook.TotalSeconds);
    }

    private async Task ReadVisitsAsync(RecordsDb db, ResidentTexts residents, CancellationToken cancellation)
    {
        var begun = Stopwatch.GetTimestamp();
        for (var after = ""; ; )
        {
            var last = after;
#pragma warning disable CA1309 // the database compares, in the order in which it sorts
            var some = await VisitPlan.LastAsync(
                db.Visits.Where(v => string.Compare(v.ResidentId, last) > 0),
                Batch * DevicesEach,
                cancellation
            );
#pragma warning restore CA1309
            if (some.Count == 0)
                break;
            foreach (var (id, (seen, atHome)) in some)
                residents.Visited(id, seen, atHome);
            after = some[^1].Resident;
        }

        visitsAreIn = residents;
        VisitsTook = Stopwatch.GetElapsedTime(begun);
    }

    private static Task<List<DeviceRow>> RowsAsync(IQueryable<Device> of, CancellationToken cancellation) =>
        of.Select(d => new DeviceRow(d.Id, d.ResidentId, d.StockArea, d.Label, d.RetiredAt != null, d.FirstSeenAt != null))
            .ToListAsync(cancellation);

    private sealed record DeviceRow(string Id, string? Home, string StockArea, string Label, bool Retired, bool Heard)
    {
        public DeviceStatus Status =>
            Retired ? DeviceStatus.Retired
            : Home is null ? DeviceStatus.InStock
            : DeviceStatus.InHome;

        /// <summary>Of a home that is not known yet: of no area, until its own change is read.</summary>
        public string AreaIn(ResidentTexts residents) => Home is null ? StockArea : residents.AreaOf(Home) ?? "";
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
                r.ConsentService,
                r.KeyClass,
                r.CreatedAt,
            })
            .ToListAsync(cancellation);
        var ids = residents.ConvertAll(r => r.Id);
        var contacts = (
            await db.Contacts.Where(c => ids.Contains(c.ResidentId)).Select(c => new { c.ResidentId, c.Name }).ToListAsync(cancellation)
        ).ToLookup(c => c.ResidentId, c => c.Name, StringComparer.Ordinal);
        foreach (var r in residents)
            into.Put(
                r.Id,
                r.Area,
                r.Name,
                r.Address,
                r.Categories,
                new Care(r.ConsentService, r.KeyClass, VisitPlan.IsDisabled(r.Categories), Care.Seconds(r.CreatedAt)),
                contacts[r.Id]
            );
        return ids;
    }

    [LoggerMessage(Level = LogLevel.Information, Message = "Search: {Residents} residents read in {Seconds:0.0} s")]
    private static partial void LogRead(ILogger logger, int residents, double seconds);

    [LoggerMessage(Level = LogLevel.Information, Message = "Search: {Devices} devices read in {Seconds:0.0} s")]
    private static partial void LogDevices(ILogger logger, int devices, double seconds);

    [LoggerMessage(Level = LogLevel.Error, Message = "The registry's changes could not be taken into the search; it is tried again")]
    private static partial void LogFailed(ILogger logger, Exception e);
}
