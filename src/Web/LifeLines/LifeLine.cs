using Microsoft.EntityFrameworkCore;
using Vigil.Model;
using Vigil.Storage.Readings;
using Vigil.Storage.Records;

namespace Vigil.Web.LifeLines;

/// <summary>The signs of life of all devices of one home on one line of time.</summary>
/// <param name="Newest">The last sign, also where it lies before the left end; null: none in the day before it either.</param>
public sealed record LifeLine(
    Zoom Zoom,
    DateTime From,
    DateTime Until,
    IReadOnlyList<LifeRow> Rows,
    SignOfLife? Newest,
    IReadOnlyList<Silence> Silences,
    IReadOnlyList<Outing> Outings,
    IReadOnlyList<Absence> Absences,
    IReadOnlyList<Alarm> Alarms
)
{
    /// <summary>More are no longer told apart on a screen.</summary>
    private const int MostAlarms = 200;

    /// <summary>Signs are looked for so far before the left end: a silence has its true length, a meter the total before.</summary>
    private static readonly TimeSpan Before = TimeSpan.FromDays(1);

    private static readonly Metric[] OfLife = [.. Metric.All.Where(m => m.Life.IsOne)];

    /// <param name="store">Where readings are.</param>
    /// <param name="db">Records of the reader's area.</param>
    /// <param name="resident">Whose home.</param>
    /// <param name="devices">When which devices were in it.</param>
    /// <param name="refused">By the resident: readings of it aren't shown.</param>
    /// <param name="zoom">How much is shown.</param>
    /// <param name="until">The right end, UTC.</param>
    /// <param name="cancellation">Stops between readings.</param>
    /// <exception cref="ReadingStoreException">The readings could not be read.</exception>
    public static async Task<LifeLine> ReadAsync(
        IReadingStore store,
        RecordsDb db,
        string resident,
        IReadOnlyList<DeviceSpan> devices,
        Refusals refused,
        Zoom zoom,
        DateTime until,
        CancellationToken cancellation
    )
    {
        var from = until - zoom.Span;
        var readings = new List<Reading>();
        foreach (var metric in OfLife.Where(m => (m.EndedBy & refused) == 0))
        await foreach (var reading in store.QueryAsync(devices, metric, from - Before, until, cancellation, thinned: zoom.Thinned))
            readings.Add(reading);

        var absences = await db
            .Absences.AsNoTracking()
            .Where(a => a.ResidentId == resident && a.From < until && a.Until > from && (a.EndedAt == null || a.EndedAt > from))
            .OrderBy(a => a.From)
            .ToListAsync(cancellation);
        var alarms = await db
            .Alarms.AsNoTracking()
            .Where(a => a.ResidentId == resident && a.OpenedAt >= from && a.OpenedAt <= until)
            .OrderByDescending(a => a.OpenedAt)
            .Take(MostAlarms)
            .ToListAsync(cancellation);
        alarms.Reverse();
        return Of(readings, zoom, until) with { Absences = absences, Alarms = alarms };
    }

    /// <summary>Pure: what readings alone tell.</summary>
    /// <param name="readings">Those of each metric in order of time.</param>
    /// <param name="zoom">How much is shown.</param>
    /// <param name="until">The right end, UTC.</param>
    public static LifeLine Of(IReadOnlyList<Reading> readings, Zoom zoom, DateTime until)
    {
        var from = until - zoom.Span;
        var rows = LifeRow.Of(readings, from, until, zoom);
        List<SignOfLife> signs = [.. rows.SelectMany(r => r.Signs).OrderBy(s => s.Time)];
        return new LifeLine(
            zoom,
            from,
            until,
            rows,
            signs.Count > 0 ? signs[^1] : null,
            // Without any reading nobody can say that it was silent.
            rows.Count == 0
                ? []
                : [.. Silence.Of(signs, from - Before, until, zoom.LeastSilence).Where(s => s.Until > from)],
            [.. Outing.Of(signs, until).Where(o => (o.Until ?? until) > from)],
            [],
            []
        );
    }

    /// <summary>In how many hours of the line any of these told of life.</summary>
    public int Hours(IEnumerable<LifeRow> rows) =>
        rows.SelectMany(r => r.Signs).Where(s => s.Time >= From).Select(s => s.Time.Ticks / TimeSpan.TicksPerHour).Distinct().Count();
}
