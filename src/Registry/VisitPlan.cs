using Microsoft.EntityFrameworkCore;
using Vigil.Storage.Records;

namespace Vigil.Registry;

/// <summary>A visit that is due.</summary>
/// <param name="Resident">The resident's id.</param>
/// <param name="Name">The resident's name.</param>
/// <param name="Area">Village, 12 digits.</param>
/// <param name="Address">Where to go.</param>
/// <param name="VisitorId">The assigned visitor (探访关爱服务联系人); null where none is.</param>
/// <param name="Cause">alarm, watch, disabled, key or monthly.</param>
/// <param name="Alarm">The alarm for which it is due.</param>
/// <param name="Due">By when, UTC; in the past when it is late.</param>
/// <param name="Last">The last visit, UTC; null when there is none.</param>
public sealed record VisitAsked(
    string Resident,
    string Name,
    string Area,
    string Address,
    string? VisitorId,
    string Cause,
    Guid? Alarm,
    DateTime Due,
    DateTime? Last
);

/// <summary>
/// Who is to be visited: at once for an alarm or under heightened watch, else as often as the policy document asks
/// (二（五）): disabled residents at home at least once a month, everybody once a month (月探访率 100 %), key residents (重点) every fortnight.
/// </summary>
public static class VisitPlan
{
    /// <summary>28 days, so that each calendar month has a visit.</summary>
    private static readonly TimeSpan Month = TimeSpan.FromDays(28);

    private static readonly TimeSpan Fortnight = TimeSpan.FromDays(14);

    /// <summary>The call-centre standard: somebody is on site within 45 min.</summary>
    private static readonly TimeSpan OnSite = TimeSpan.FromMinutes(45);

    /// <summary>The visits due within a time ahead, the most urgent first; one per resident.</summary>
    /// <param name="records">The records of one area, or all.</param>
    /// <param name="visitor">Only this visitor's residents; null for all.</param>
    /// <param name="now">UTC.</param>
    /// <param name="ahead">Visits due later than this from now are left out.</param>
    /// <param name="cancellation">Cancels the reading.</param>
    public static async Task<IReadOnlyList<VisitAsked>> ReadAsync(
        IDbContextFactory<RecordsDb> records,
        string? visitor,
        DateTime now,
        TimeSpan ahead,
        CancellationToken cancellation
    )
    {
        await using var db = await records.CreateDbContextAsync(cancellation);
        var residents = await db
            .Residents.AsNoTracking()
            // Who refused visits is visited for an alarm all the same: the contacts are told of it, and somebody has to look.
            .Where(r => r.ConsentService || db.Alarms.Any(a => a.ResidentId == r.Id && a.State != AlarmState.Resolved))
            .Where(r => visitor == null || r.VisitorId == visitor)
            .ToListAsync(cancellation);
        var last = await db
            .Visits.Where(v => v.Form != "remote")
            .GroupBy(v => v.ResidentId)
            .Select(g => new { g.Key, Time = g.Max(v => v.Time) })
            .ToDictionaryAsync(v => v.Key, v => v.Time, cancellation);
        var atHome = await db
            .Visits.Where(v => v.Form == "home")
            .GroupBy(v => v.ResidentId)
            .Select(g => new { g.Key, Time = g.Max(v => v.Time) })
            .ToDictionaryAsync(v => v.Key, v => v.Time, cancellation);
        // An alarm needs a visit once the visitor's step of its escalation ran or somebody took it in hand.
        var alarms = (
            await db
                .Alarms.AsNoTracking()
                .Where(a => a.ResidentId != null && a.State != AlarmState.Resolved)
                .Where(a => a.State == AlarmState.InHand || a.Steps.Any(s => s.To == "visitor" && s.State == StepState.Done))
                .Select(a => new
                {
                    a.Id,
                    Resident = a.ResidentId!,
                    a.Severity,
                    Since = a.Steps.Where(s => s.To == "visitor").Min(s => s.StartedAt) ?? a.AcknowledgedAt ?? a.OpenedAt,
                })
                .ToListAsync(cancellation)
        ).OrderByDescending(a => a.Severity).ThenBy(a => a.Since).ToLookup(a => a.Resident, StringComparer.Ordinal);
        var watches = await db.Areas.AsNoTracking().Where(a => a.WatchUntil > now).ToListAsync(cancellation);

        var asked = new List<VisitAsked>();
        foreach (var r in residents)
        {
            DateTime? seen = last.TryGetValue(r.Id, out var l) ? l : null;
            DateTime? visitedAtHome = atHome.TryGetValue(r.Id, out var h) ? h : null;
            if (alarms[r.Id].FirstOrDefault() is { } alarm)
            {
                Ask("alarm", alarm.Since + OnSite, alarm.Id);
                continue;
            }

            if (!r.ConsentService)
                continue;

            var watch = watches.Where(w => r.Area.StartsWith(w.Code, StringComparison.Ordinal)).MinBy(w => w.WatchFrom);
            if (watch is not null && !(seen >= (watch.WatchFrom ?? now)))
            {
                Ask("watch", Min(watch.WatchUntil!.Value, (watch.WatchFrom ?? now).AddDays(1)));
                continue;
            }

            var disabled = IsDisabled(r);
            var (cause, period, from) =
                r.KeyClass ? ("key", Fortnight, seen)
                : disabled ? ("disabled", Month, visitedAtHome)
                : ("monthly", Month, seen);
            var due = (from ?? r.CreatedAt) + period;
            // A key resident who is disabled has to be visited at home each month all the same.
            if (disabled && r.KeyClass && (visitedAtHome ?? r.CreatedAt) + Month < due)
                (cause, due) = ("disabled", (visitedAtHome ?? r.CreatedAt) + Month);
            if (due <= now + ahead)
                Ask(cause, due);

            void Ask(string why, DateTime by, Guid? of = null) =>
                asked.Add(new VisitAsked(r.Id, r.Name, r.Area, r.Address, r.VisitorId, why, of, by, seen));
        }

        return
        [
            .. asked
                .OrderBy(a => a.Cause is not "alarm")
                .ThenBy(a => a.Cause is not "watch")
                .ThenBy(a => a.Due)
                .ThenBy(a => a.Resident, StringComparer.Ordinal),
        ];
    }

    /// <summary>失能 or 重残 among the categories of Annex 1.</summary>
    public static bool IsDisabled(Resident resident) =>
        resident.Categories.Contains("失能", StringComparison.Ordinal) || resident.Categories.Contains("重残", StringComparison.Ordinal);

    private static DateTime Min(DateTime a, DateTime b) => a < b ? a : b;
}
