using System.Collections.Concurrent;
using System.Diagnostics;
using System.Diagnostics.Metrics;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Vigil.Model;
using Vigil.Rules;
using Vigil.Storage.Records;

namespace Vigil.Registry.Protection;

/// <summary>
/// Which homes are protected right now, and what the others lack: <see cref="ProtectionGap"/>. The registry's part is read once and follows
/// its changes; the devices' part is asked of the running rules every few seconds, in memory. So no page and no metric looks at all homes.
/// Thread-safe.
/// </summary>
public sealed partial class ProtectedNow(
    IDbContextFactory<RecordsDb> records,
    ContactWays ways,
    IsCallButton isButton,
    ProtectionOptions options,
    TimeProvider clock,
    TimeZoneInfo zone,
    Meter meter,
    ILogger<ProtectedNow> log,
    SignsOf? signs = null
) : BackgroundService
{
    /// <summary>With more changed homes all are read again.</summary>
    private const int Many = 20_000;

    /// <summary>
    /// All is read again this often, for what makes no change of the registry's feed: a button that was unbound, a number that a provider
    /// has blocked.
    /// </summary>
    private static readonly TimeSpan Whole = TimeSpan.FromHours(6);

    /// <summary>Between two looks in real time, where the service's clock runs faster (the demo).</summary>
    private static readonly TimeSpan Pause = TimeSpan.FromMilliseconds(500);

    /// <summary>A test press is dated by the button, and arrives later.</summary>
    private static readonly TimeSpan LateTest = TimeSpan.FromHours(1);

    private readonly HomesRead read = new(ways, isButton, options);
    private readonly Dictionary<string, GuardedHome> homes = new(StringComparer.Ordinal);
    private readonly ConcurrentQueue<string> numbers = new();
    private readonly SemaphoreSlim turn = new(1, 1);
    private List<Visitor> visitors = [];
    private long place;
    private long? followed,
        readWhole;

    /// <summary>A home came or went: all are put in order again; else only those that were read anew take the old ones' places.</summary>
    private bool reordered;
    private readonly List<GuardedHome> replaced = [];
    private volatile State now = new([], new ProtectionCounts(), null);

    /// <summary>How long the last look took, without what it read anew.</summary>
    public TimeSpan LookTook { get; private set; }

    /// <summary>How long the last reading of all homes took.</summary>
    public TimeSpan ReadTook { get; private set; }

    public ProtectionSummary Of(ProtectionFilter filter)
    {
        var state = now;
        return state.Counts.Sum(filter, state.At);
    }

    /// <summary>A number was verified or has failed: the homes whose contacts have it are looked at anew.</summary>
    public void NumberChanged(string address) => numbers.Enqueue(address);

    /// <summary>Waits for the first look, after a start.</summary>
    public Task ReadyAsync(CancellationToken cancellation) => now.At is null ? LookAsync(cancellation) : Task.CompletedTask;

    /// <summary>Homes in the order of their numbers.</summary>
    /// <param name="filter">Of whom.</param>
    /// <param name="gap">That lack this; null: that are not protected.</param>
    /// <param name="offset">Skipped.</param>
    /// <param name="limit">At most.</param>
    /// <returns>A page, and how many there are in all.</returns>
    public (IReadOnlyList<GuardedHome> Page, int Total) Find(ProtectionFilter filter, ProtectionGap? gap, int offset, int limit)
    {
        var (page, total) = (new List<GuardedHome>(), 0);
        foreach (var home in now.Ordered)
        {
            if (gap is { } one ? !home.Lacks(one) : home.IsProtected)
                continue;
            if (!filter.Takes(home.Area, home.KeyClass))
                continue;
            if (total++ >= offset && page.Count < limit)
                page.Add(home);
        }

        return (page, total);
    }

    /// <summary>What a home lacks; null where it isn't known.</summary>
    public GuardedHome? Find(string resident) =>
        now.Ordered is var ordered && PlaceOf(ordered, resident) is >= 0 and var at ? ordered[at] : null;

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        var all = new ProtectionFilter("");
        meter.CreateObservableGauge("vigil_homes_protected", () => Of(all).Protected, description: "Homes that are protected now");
        meter.CreateObservableGauge("vigil_homes_unprotected", () => ByReason(unprotects: true), description: "Homes, by what they lack");
        meter.CreateObservableGauge(
            "vigil_homes_weak",
            () => ByReason(unprotects: false),
            description: "Homes with a weakness, which alone leaves them protected, by which"
        );
        while (!stoppingToken.IsCancellationRequested)
        {
            try
            {
                await LookAsync(stoppingToken);
            }
            catch (Exception e) when (e is not OutOfMemoryException && !stoppingToken.IsCancellationRequested)
            {
                LogFailed(log, e);
            }

            await Task.Delay(TimeSpan.FromSeconds(options.EverySeconds), clock, stoppingToken);
            await Task.Delay(Pause, TimeProvider.System, stoppingToken);
        }
    }

    private IEnumerable<Measurement<int>> ByReason(bool unprotects) =>
        Of(new ProtectionFilter(""))
            .ByGap.Where(g => g.Key.Unprotects() == unprotects)
            .Select(g => new Measurement<int>(g.Value, new KeyValuePair<string, object?>("reason", g.Key.Word())));

    /// <summary>Takes over what was changed in the registry, then judges all homes by what their devices could show now.</summary>
    public async Task LookAsync(CancellationToken cancellation)
    {
        await turn.WaitAsync(cancellation);
        try
        {
            await FollowAsync(cancellation);
            Judge();
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

    private async Task FollowAsync(CancellationToken cancellation)
    {
        await using var db = await records.CreateDbContextAsync(cancellation);
        db.ChangeTracker.QueryTrackingBehavior = QueryTrackingBehavior.NoTracking;
        var stamp = Stopwatch.GetTimestamp(); // the feed is kept by the database's clock
        var (changed, next) = followed is null
            ? ([], await ChangeFeed.NowAsync(db, cancellation))
            : await ChangeFeed.SinceAsync(db, place, cancellation);
        if (
            followed is not { } last
            || Stopwatch.GetElapsedTime(last, stamp) > ChangeFeed.Kept / 2
            || readWhole is not { } whole
            || Stopwatch.GetElapsedTime(whole, stamp) > Whole
            || changed.Count > Many
            || changed.Any(c => c.Subject == ChangeFeed.Anybody) // who was erased is not named
        )
        {
            await ReadAllAsync(db, cancellation);
            readWhole = stamp;
        }
        else
        {
            await TakeAsync(db, changed, cancellation);
        }

        (followed, place) = (stamp, next);
    }

    private async Task ReadAllAsync(RecordsDb db, CancellationToken cancellation)
    {
        var begun = Stopwatch.GetTimestamp();
        visitors = await db.Visitors.ToListAsync(cancellation);
        var found = new Dictionary<string, GuardedHome>(StringComparer.Ordinal);
        for (var after = ""; ; )
        {
            var some = await read.NextAsync(db, after, cancellation);
            if (some.Count == 0)
                break;
            foreach (var home in some)
                found[home.Id] = home;
            after = some[^1].Id;
        }

        homes.Clear();
        foreach (var (id, home) in found)
            homes[id] = home;
        reordered = true;
        ReadTook = Stopwatch.GetElapsedTime(begun);
        LogRead(log, homes.Count, ReadTook.TotalSeconds);
    }

    private async Task TakeAsync(RecordsDb db, IReadOnlyList<(RegistryPart Part, string Subject)> changed, CancellationToken cancellation)
    {
        var touched = changed.Where(c => c.Part == RegistryPart.Home).Select(c => c.Subject).ToHashSet(StringComparer.Ordinal);
        foreach (var some in changed.Where(c => c.Part == RegistryPart.Device).Select(c => c.Subject).Chunk(HomesRead.Batch))
            touched.UnionWith(
                await db
                    .Devices.Where(d => some.Contains(d.Id) && d.ResidentId != null)
                    .Select(d => d.ResidentId!)
                    .ToListAsync(cancellation)
            );
        var lately = clock.GetUtcNow().UtcDateTime - LateTest;
        touched.UnionWith(
            await db
                .Devices.Where(d => d.TestedAt >= lately && d.ResidentId != null)
                .Select(d => d.ResidentId!)
                .Distinct()
                .Take(Many)
                .ToListAsync(cancellation)
        );
        var tested = new HashSet<string>(StringComparer.Ordinal);
        while (numbers.TryDequeue(out var number))
            tested.Add(number);
        try
        {
            foreach (var some in tested.Chunk(HomesRead.Batch))
                touched.UnionWith(
                    await db
                        .Contacts.Where(c => some.Contains(c.Phone) || some.Contains(c.Mail))
                        .Select(c => c.ResidentId)
                        .ToListAsync(cancellation)
                );
        }
        catch
        {
            foreach (var number in tested)
                numbers.Enqueue(number); // the next look takes them
            throw;
        }

        foreach (var some in touched.Chunk(HomesRead.Batch))
        {
            var there = await read.OfAsync(db, some, cancellation);
            foreach (var home in there)
            {
                reordered |= !homes.ContainsKey(home.Id);
                homes[home.Id] = home;
                replaced.Add(home);
            }

            foreach (var gone in some.Except(there.Select(h => h.Id), StringComparer.Ordinal))
                reordered |= homes.Remove(gone);
        }

        if (changed.Any(c => c.Part == RegistryPart.Visitor))
            visitors = await db.Visitors.ToListAsync(cancellation);
    }

    private void Judge()
    {
        var begun = Stopwatch.GetTimestamp();
        var at = clock.GetUtcNow().UtcDateTime;
        var (usable, present) = (ways.Usable(), Present(DateOnly.FromDateTime(TimeZoneInfo.ConvertTimeFromUtc(at, zone))));
        var counts = new ProtectionCounts();
        foreach (var home in homes.Values)
        {
            home.Judge(signs is null ? home.Registered : signs(new ResidentId(home.Id)), at, usable, present);
            counts.Add(home);
        }

        now = new State(Ordered(), counts, at);
        reordered = false;
        replaced.Clear();
        LookTook = Stopwatch.GetElapsedTime(begun);
    }

    private GuardedHome[] Ordered()
    {
        var ordered = now.Ordered;
        if (reordered)
        {
            ordered = [.. homes.Values];
            Array.Sort(ordered, static (a, b) => string.CompareOrdinal(a.Id, b.Id));
        }
        else if (replaced.Count > 0)
        {
            ordered = [.. ordered]; // somebody may be reading the other
            foreach (var home in replaced)
                ordered[PlaceOf(ordered, home.Id)] = home;
        }

        return ordered;
    }

    /// <summary>Where a home stands; negative where it doesn't.</summary>
    private static int PlaceOf(GuardedHome[] ordered, string resident)
    {
        var (low, high) = (0, ordered.Length - 1);
        while (low <= high)
        {
            var middle = (low + high) / 2;
            var order = string.CompareOrdinal(ordered[middle].Id, resident);
            if (order == 0)
                return middle;
            (low, high) = order < 0 ? (middle + 1, high) : (low, middle - 1);
        }

        return -1;
    }

    /// <summary>Visitors who are not away, or for whom somebody stands in who isn't.</summary>
    private HashSet<string> Present(DateOnly today)
    {
        var known = visitors.ToDictionary(v => v.Id, StringComparer.Ordinal);
        var there = new HashSet<string>(StringComparer.Ordinal);
        foreach (var visitor in visitors)
        {
            var standing = visitor;
            for (var i = 0; standing is not null && standing.IsAway(today); i++)
                standing = i < Visitor.LongestChain && standing.SubstituteId is { } next ? known.GetValueOrDefault(next) : null;
            if (standing is not null)
                there.Add(visitor.Id);
        }

        return there;
    }

    [LoggerMessage(Level = LogLevel.Information, Message = "Protection: {Homes} homes read in {Seconds:0.0} s")]
    private static partial void LogRead(ILogger logger, int homes, double seconds);

    [LoggerMessage(Level = LogLevel.Error, Message = "Which homes are protected could not be found out; it is tried again")]
    private static partial void LogFailed(ILogger logger, Exception e);

    private sealed record State(GuardedHome[] Ordered, ProtectionCounts Counts, DateTime? At);
}
