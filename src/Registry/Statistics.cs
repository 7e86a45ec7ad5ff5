using System.Globalization;
using Microsoft.EntityFrameworkCore;
using Vigil.Model;
using Vigil.Storage.Records;

namespace Vigil.Registry;

/// <summary>
/// Figures of the service against the call-centre standards (97.5 % of critical alarms answered within 60 s, 99 % within 180 s, on site
/// within 45 min for 90 %), false alarms per resident-month by reason, the monthly visit rate by town, and the devices that are silent.
/// </summary>
/// <param name="From">UTC, inclusive.</param>
/// <param name="To">UTC, exclusive.</param>
/// <param name="Residents">In the registry now.</param>
/// <param name="Alarms">Opened in the period.</param>
/// <param name="ByKind">Alarms by kind.</param>
/// <param name="ByResolution">Resolved alarms by outcome.</param>
/// <param name="FalsePerResidentMonth">False alarms per resident and 30 days; null without residents.</param>
/// <param name="FalseByReason">The same, by reason.</param>
/// <param name="Critical">Critical alarms opened in the period.</param>
/// <param name="CriticalAnsweredWithin60s">Share of them, 0–1.</param>
/// <param name="CriticalAnsweredWithin180s">Share of them, 0–1.</param>
/// <param name="OnSiteWithin45min">Share, 0–1, of the alarms that led to a visit at home; null where none did.</param>
/// <param name="VisitedShare">Residents visited in the period, 0–1.</param>
/// <param name="VisitRates">By month and town.</param>
/// <param name="Devices">Devices in homes.</param>
/// <param name="DevicesSilent">Of them, not heard for a day and for three of their reporting periods.</param>
/// <param name="DevicesNeverSeen">Of them, never heard.</param>
public sealed record Statistics(
    DateTime From,
    DateTime To,
    int Residents,
    int Alarms,
    IReadOnlyDictionary<string, int> ByKind,
    IReadOnlyDictionary<string, int> ByResolution,
    double? FalsePerResidentMonth,
    IReadOnlyDictionary<string, double> FalseByReason,
    int Critical,
    double? CriticalAnsweredWithin60s,
    double? CriticalAnsweredWithin180s,
    double? OnSiteWithin45min,
    double? VisitedShare,
    IReadOnlyList<VisitRate> VisitRates,
    int Devices,
    int DevicesSilent,
    int DevicesNeverSeen
)
{
    public static async Task<Statistics> ReadAsync(
        IDbContextFactory<RecordsDb> records,
        DateTime from,
        DateTime to,
        TimeZoneInfo zone,
        CancellationToken cancellation
    )
    {
        await using var db = await records.CreateDbContextAsync(cancellation);
        return await ReadAsync(db, from, to, zone, cancellation);
    }

    /// <remarks>The database counts: a county's residents and devices are not brought here.</remarks>
    internal static async Task<Statistics> ReadAsync(
        RecordsDb db,
        DateTime from,
        DateTime to,
        TimeZoneInfo zone,
        CancellationToken cancellation
    )
    {
        var alarms = await db
            .Alarms.AsNoTracking()
            .Where(a => a.OpenedAt >= from && a.OpenedAt < to)
            .Select(a => new
            {
                a.Id,
                a.Kind,
                a.Severity,
                a.OpenedAt,
                a.AcknowledgedAt,
                a.Resolution,
            })
            .ToListAsync(cancellation);
        var first = CalendarMonth.Of(from, zone);
        var since = CalendarMonth.StartOf(first, zone);
        // Whole imports have one time of creation, so these are few.
        var residents = await db
            .Residents.GroupBy(r => new
            {
                Town = r.Area.Substring(0, 9),
                r.ConsentService,
                r.CreatedAt,
            })
            .Select(g => new
            {
                g.Key.Town,
                g.Key.ConsentService,
                g.Key.CreatedAt,
                Count = g.Count(),
            })
            .ToListAsync(cancellation);
        var count = residents.Sum(r => r.Count);
        var forAlarms = await db
            .Visits.Where(v => v.Time >= since && v.Time < to && v.Form == "home" && v.AlarmId != null)
            .Select(v => new { v.Time, AlarmId = v.AlarmId!.Value })
            .ToListAsync(cancellation);
        var (devices, silent, never) = await DevicesAsync(db, to, cancellation);
        var towns = await db.Areas.AsNoTracking().Where(a => a.Code.Length == 9).ToDictionaryAsync(a => a.Code, a => a.Name, cancellation);

        var critical = alarms.Where(a => a.Severity == Severity.Critical).ToList();
        var answered = critical
            .Where(a => a.AcknowledgedAt is not null)
            .Select(a => (a.AcknowledgedAt!.Value - a.OpenedAt).TotalSeconds)
            .ToList();
        double? Share(double seconds) => critical.Count == 0 ? null : (double)answered.Count(s => s <= seconds) / critical.Count;
        var opened = alarms.ToDictionary(a => a.Id, a => a.OpenedAt);
        var onSite = forAlarms
            .Where(v => opened.ContainsKey(v.AlarmId))
            .GroupBy(v => v.AlarmId)
            .Select(g => g.Min(v => v.Time) - opened[g.Key])
            .ToList();
        var months = Math.Max((to - from).TotalDays / 30, 1.0 / 30) * count;
        var wrong = alarms.Where(a => a.Resolution is >= Resolution.FalseAway and <= Resolution.FalseMistake).ToList();

        var rates = new List<VisitRate>();
        for (var month = first; CalendarMonth.StartOf(month, zone) < to; month = month.AddMonths(1))
        {
            var (start, end) = (CalendarMonth.StartOf(month, zone), CalendarMonth.StartOf(month.AddMonths(1), zone));
            var (after, before) = (start, end < to ? end : to);
            var visited = await (
                from v in db.Visits
                join r in db.Residents on v.ResidentId equals r.Id
                where v.Time >= after && v.Time < before && r.ConsentService && r.CreatedAt < end
                group v.ResidentId by r.Area.Substring(0, 9) into town
                select new { town.Key, Count = town.Distinct().Count() }
            ).ToDictionaryAsync(t => t.Key, t => t.Count, StringComparer.Ordinal, cancellation);
            rates.AddRange(
                residents
                    .Where(r => r.ConsentService && r.CreatedAt < end)
                    .GroupBy(r => r.Town, StringComparer.Ordinal)
                    .OrderBy(g => g.Key, StringComparer.Ordinal)
                    .Select(g => new VisitRate(
                        month.ToString("yyyy-MM", CultureInfo.InvariantCulture),
                        g.Key,
                        towns.GetValueOrDefault(g.Key, g.Key),
                        g.Sum(r => r.Count),
                        visited.GetValueOrDefault(g.Key)
                    ))
            );
        }

        var seen = await db.Visits.Where(v => v.Time >= from && v.Time < to).Select(v => v.ResidentId).Distinct().CountAsync(cancellation);
        return new Statistics(
            from,
            to,
            count,
            alarms.Count,
            alarms.GroupBy(a => a.Kind).OrderByDescending(g => g.Count()).ToDictionary(g => g.Key, g => g.Count()),
            alarms
                .Where(a => a.Resolution != Resolution.None)
                .GroupBy(a => a.Resolution)
                .OrderBy(g => g.Key)
                .ToDictionary(g => g.Key.ToString(), g => g.Count()),
            count == 0 ? null : wrong.Count / months,
            count == 0
                ? new Dictionary<string, double>()
                : wrong.GroupBy(a => a.Resolution).OrderBy(g => g.Key).ToDictionary(g => g.Key.ToString(), g => g.Count() / months),
            critical.Count,
            Share(60),
            Share(180),
            onSite.Count == 0 ? null : (double)onSite.Count(t => t <= TimeSpan.FromMinutes(45)) / onSite.Count,
            count == 0 ? null : (double)seen / count,
            rates,
            devices,
            silent,
            never
        );
    }

    /// <summary>Of the devices in homes: how many, not heard for a day and three of their reporting periods, never heard.</summary>
    private static async Task<(int All, int Silent, int Never)> DevicesAsync(RecordsDb db, DateTime to, CancellationToken cancellation)
    {
        const int day = 24 * 60;
        var homes = db.Devices.Where(d => d.ResidentId != null);
        var byPeriod = await homes
            .GroupBy(d => d.ReportMinutes)
            .Select(g => new
            {
                g.Key,
                Count = g.Count(),
                Never = g.Count(d => d.LastSeenAt == null),
            })
            .ToListAsync(cancellation);
        var dayAgo = to.AddMinutes(-day);
        var silent = await homes.CountAsync(
            d => (d.ReportMinutes == null || d.ReportMinutes * 3 <= day) && d.LastSeenAt < dayAgo,
            cancellation
        );
        foreach (var minutes in byPeriod.Select(p => p.Key).Where(m => m * 3 > day))
        {
            var before = to.AddMinutes(-3 * minutes!.Value);
            silent += await homes.CountAsync(d => d.ReportMinutes == minutes && d.LastSeenAt < before, cancellation);
        }

        return (byPeriod.Sum(p => p.Count), silent, byPeriod.Sum(p => p.Never));
    }

    /// <summary>The figures as rows of a sheet.</summary>
    public IEnumerable<IReadOnlyList<object?>> Rows()
    {
        yield return ["from", "", From];
        yield return ["to", "", To];
        yield return ["residents", "", Residents];
        yield return ["alarms", "", Alarms];
        foreach (var (kind, count) in ByKind)
            yield return ["alarms by kind", kind, count];
        foreach (var (resolution, count) in ByResolution)
            yield return ["alarms by resolution", resolution, count];
        yield return ["false alarms per resident-month", "", FalsePerResidentMonth];
        foreach (var (resolution, rate) in FalseByReason)
            yield return ["false alarms per resident-month", resolution, rate];
        yield return ["critical alarms", "", Critical];
        yield return ["critical answered within 60 s", "", CriticalAnsweredWithin60s];
        yield return ["critical answered within 180 s", "", CriticalAnsweredWithin180s];
        yield return ["on site within 45 min", "", OnSiteWithin45min];
        yield return ["residents visited, share", "", VisitedShare];
        foreach (var rate in VisitRates)
            yield return [$"visit rate {rate.Month}", $"{rate.Area} {rate.Name}", rate.Share];
        yield return ["devices", "", Devices];
        yield return ["devices silent", "", DevicesSilent];
        yield return ["devices never seen", "", DevicesNeverSeen];
    }
}
