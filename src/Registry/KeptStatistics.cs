using System.Collections.Concurrent;
using System.Diagnostics;
using Vigil.Registry.Search;
using Vigil.Storage.Records;

namespace Vigil.Registry;

/// <summary>
/// Statistics for pages and the API. Those of a large registry take the database seconds: they are kept, and shown while newer ones are
/// made once they are older than ten minutes; of those that nobody asked for in twenty minutes the newer ones are waited for. Thread-safe.
/// </summary>
public sealed class KeptStatistics(RecordsFactory records, SearchIndex index, TimeZoneInfo zone, TimeProvider clock)
{
    /// <summary>Of fewer residents they are made anew each time.</summary>
    private const int Few = 20_000;

    /// <summary>Periods that are kept; beyond, all are forgotten.</summary>
    private const int Most = 200;

    private static readonly TimeSpan Fresh = TimeSpan.FromMinutes(10),
        Oldest = TimeSpan.FromMinutes(20);

    private readonly ConcurrentDictionary<Period, Kept> kept = [];

    /// <summary>Of the last days, up to now.</summary>
    /// <param name="within">Of areas whose code begins with this.</param>
    /// <param name="back">How far.</param>
    /// <param name="cancellation">Ends the waiting.</param>
    public Task<Statistics> LatelyAsync(string within, TimeSpan back, CancellationToken cancellation) =>
        OfAsync(new Period(within, null, null, back), cancellation);

    /// <summary>Of a period, which is asked for again and again: the caller says its end, and doesn't mean "up to now".</summary>
    public Task<Statistics> OfAsync(string within, DateTime from, DateTime to, CancellationToken cancellation) =>
        OfAsync(new Period(within, from, to, default), cancellation);

    /// <summary>From a moment up to now.</summary>
    public Task<Statistics> NowAsync(string within, DateTime from, CancellationToken cancellation) =>
        OfAsync(new Period(within, from, null, default), cancellation);

    private Task<Statistics> OfAsync(Period period, CancellationToken cancellation)
    {
        if (index.Texts is not { Count: > Few })
            return ReadAsync(period, cancellation);
        if (kept.Count > Most)
            kept.Clear();
        return kept.GetOrAdd(period, _ => new Kept())
            .OfAsync(() => Task.Run(() => ReadAsync(period, CancellationToken.None), CancellationToken.None))
            .WaitAsync(cancellation);
    }

    private async Task<Statistics> ReadAsync(Period period, CancellationToken cancellation)
    {
        var now = clock.GetUtcNow().UtcDateTime;
        await using var db = records.CreateDbContext(period.Within);
        return await Statistics.ReadAsync(db, period.From ?? now - period.Back, period.To ?? now, zone, cancellation);
    }

    private readonly record struct Period(string Within, DateTime? From, DateTime? To, TimeSpan Back);

    private sealed class Kept
    {
        private readonly Lock gate = new();
        private Task<Statistics>? shown,
            next;
        private long at;

        public Task<Statistics> OfAsync(Func<Task<Statistics>> read)
        {
            lock (gate)
            {
                if (next is { IsCompleted: true })
                {
                    if (next.IsCompletedSuccessfully)
                        shown = next;
                    next = null;
                }

                if (shown is null or { IsFaulted: true } || (shown.IsCompleted && next is null && Stopwatch.GetElapsedTime(at) > Oldest))
                    (shown, at) = (read(), Stopwatch.GetTimestamp());
                else if (next is null && shown.IsCompleted && Stopwatch.GetElapsedTime(at) > Fresh)
                    (next, at) = (read(), Stopwatch.GetTimestamp());
                return shown;
            }
        }
    }
}
