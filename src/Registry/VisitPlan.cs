using Microsoft.EntityFrameworkCore;
using Vigil.Model;
using Vigil.Registry.Search;
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
    private const string Watch = "watch";

    /// <summary>28 days, so that each calendar month has a visit.</summary>
    private static readonly TimeSpan Month = TimeSpan.FromDays(28);

    private static readonly TimeSpan Fortnight = TimeSpan.FromDays(14);

    /// <summary>The call-centre standard: somebody is on site within 45 min.</summary>
    private static readonly TimeSpan OnSite = TimeSpan.FromMinutes(45);

    /// <summary>In a registry of more residents the plan is made from what is known in memory.</summary>
    private const int Few = 10_000;

    /// <summary>What is known in memory may be old, where another process records visits: a page is filled up so often.</summary>
    private const int Tries = 20;

    /// <summary>Of so many residents the last visits are read anew then.</summary>
    private const int ReadAnew = 5000;

    /// <summary>A page of the visits due within a time ahead, the most urgent first; one per resident.</summary>
    /// <param name="records">The records of one area, or all.</param>
    /// <param name="index">What is known in memory.</param>
    /// <param name="visitor">Only this visitor's residents; null for all.</param>
    /// <param name="now">UTC.</param>
    /// <param name="ahead">Visits due later than this from now are left out.</param>
    /// <param name="offset">Skipped.</param>
    /// <param name="limit">At most.</param>
    /// <param name="cancellation">Cancels the reading.</param>
    /// <param name="few">Of no more residents the records are asked.</param>
    /// <returns>The page as the records have it, and how many there are in all.</returns>
    public static async Task<(IReadOnlyList<VisitAsked> Page, int Total)> PageAsync(
        IDbContextFactory<RecordsDb> records,
        SearchIndex index,
        string? visitor,
        DateTime now,
        TimeSpan ahead,
        int offset,
        int limit,
        CancellationToken cancellation,
        int few = Few
    )
    {
        if (visitor is not null || index.Visits is not { } residents || residents.Count <= few)
        {
            var all = await ReadAsync(records, visitor, now, ahead, cancellation);
            return ([.. all.Skip(offset).Take(limit)], all.Count);
        }

        await using var db = await records.CreateDbContextAsync(cancellation);
        var (alarms, watches) = (await AlarmsAsync(db, cancellation), await WatchesAsync(db, now, cancellation));
        var alarmed = alarms.Select(a => a.Key).ToHashSet(StringComparer.Ordinal);
        var first = await OfAsync(db, [.. alarmed], alarms, watches, now, ahead, cancellation);
        var (page, total) = (first.Skip(offset).Take(limit).ToList(), 0);
        var (from, most) = (Math.Max(offset - first.Count, 0), limit - page.Count);
        IReadOnlyList<VisitAsked> rest = [];
        for (var tries = 0; tries < Tries; tries++)
        {
            (var ids, total) = residents.Due(db.Within, Urgency, alarmed, from, most);
            rest = await OfAsync(db, ids, alarms, watches, now, ahead, cancellation);
            if (rest.Count == ids.Count)
                break;
            // Visited meanwhile, and not due any more; most likely others behind them were too.
            var (doubted, _) = residents.Due(db.Within, Urgency, alarmed, from, Math.Max(most, ReadAnew));
            var seen = await db.Residents.Where(r => EF.Parameter(doubted).Contains(r.Id)).Select(r => r.Id).ToListAsync(cancellation);
            var last = (
                await LastAsync(db.Visits.Where(v => EF.Parameter(seen).Contains(v.ResidentId)), seen.Count, cancellation)
            ).ToDictionary(l => l.Resident, l => l.Last, StringComparer.Ordinal);
            foreach (var id in seen)
                residents.Visited(id, last.GetValueOrDefault(id).Seen, last.GetValueOrDefault(id).AtHome);
        }

        return ([.. page, .. rest], first.Count + total);

        (bool Watched, DateTime Due)? Urgency(string area, Care care) =>
            DueOf(
                care.Consents,
                care.KeyClass,
                care.Disabled,
                Care.Time(care.Created)!.Value,
                Care.Time(care.Last),
                Care.Time(care.LastAtHome),
                WatchOver(area, watches),
                now,
                ahead
            )
                is { } due
                ? (due.Cause == Watch, due.Due)
                : null;
    }

    /// <summary>All visits due within a time ahead, the most urgent first; one per resident.</summary>
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
        var of = db.Residents.AsNoTracking();
        if (visitor is not null)
            of = of.Where(r => r.VisitorId == visitor);
        var residents = await CaredForAsync(of, cancellation);
        var visits = db.Visits.AsNoTracking();
        if (visitor is not null)
        {
            var ids = residents.ConvertAll(r => r.Id);
            visits = visits.Where(v => EF.Parameter(ids).Contains(v.ResidentId));
        }

        var last = await LastAsync(visits, int.MaxValue, cancellation);
        return Plan(residents, last, await AlarmsAsync(db, cancellation), await WatchesAsync(db, now, cancellation), now, ahead);
    }

    /// <summary>When residents were last visited, in any form but remotely, and when at home; by their numbers.</summary>
    internal static async Task<List<(string Resident, (DateTime? Seen, DateTime? AtHome) Last)>> LastAsync(
        IQueryable<Visit> visits,
        int most,
        CancellationToken cancellation
    ) =>
        (
            await visits
                .Where(v => v.Form != "remote")
                .GroupBy(v => v.ResidentId)
                .Select(g => new
                {
                    g.Key,
                    Seen = (DateTime?)g.Max(v => v.Time),
                    AtHome = g.Max(v => v.Form == "home" ? (DateTime?)v.Time : null),
                })
                .OrderBy(v => v.Key)
                .Take(most)
                .ToListAsync(cancellation)
        ).ConvertAll(v => (v.Key, (v.Seen, v.AtHome)));

    private static async Task<IReadOnlyList<VisitAsked>> OfAsync(
        RecordsDb db,
        List<string> ids,
        ILookup<string, AlarmToSee> alarms,
        List<Area> watches,
        DateTime now,
        TimeSpan ahead,
        CancellationToken cancellation
    )
    {
        if (ids.Count == 0)
            return [];
        var residents = await CaredForAsync(db.Residents.Where(r => EF.Parameter(ids).Contains(r.Id)), cancellation);
        var last = await LastAsync(db.Visits.Where(v => EF.Parameter(ids).Contains(v.ResidentId)), ids.Count, cancellation);
        return Plan(residents, last, alarms, watches, now, ahead);
    }

    private static Task<List<CaredFor>> CaredForAsync(IQueryable<Resident> of, CancellationToken cancellation) =>
        of.Select(r => new CaredFor(r.Id, r.Name, r.Area, r.Address, r.VisitorId, r.Categories, r.ConsentService, r.KeyClass, r.CreatedAt))
            .ToListAsync(cancellation);

    /// <summary>An alarm needs a visit once the visitor's step of its escalation ran or somebody took it in hand.</summary>
    private static async Task<ILookup<string, AlarmToSee>> AlarmsAsync(RecordsDb db, CancellationToken cancellation) =>
        (
            await db
                .Alarms.AsNoTracking()
                .Where(a => a.ResidentId != null && a.State < AlarmState.Resolved)
                .Where(a => a.State == AlarmState.InHand || a.Steps.Any(s => s.To == "visitor" && s.State == StepState.Done))
                .Select(a => new AlarmToSee(
                    a.Id,
                    a.ResidentId!,
                    a.Severity,
                    a.Steps.Where(s => s.To == "visitor").Min(s => s.StartedAt) ?? a.AcknowledgedAt ?? a.OpenedAt
                ))
                .ToListAsync(cancellation)
        )
            .OrderByDescending(a => a.Severity)
            .ThenBy(a => a.Since)
            .ToLookup(a => a.Resident, StringComparer.Ordinal);

    private static Task<List<Area>> WatchesAsync(RecordsDb db, DateTime now, CancellationToken cancellation) =>
        db.Areas.AsNoTracking().Where(a => a.WatchUntil > now).ToListAsync(cancellation);

    private static IReadOnlyList<VisitAsked> Plan(
        List<CaredFor> residents,
        List<(string Resident, (DateTime? Seen, DateTime? AtHome) Last)> visits,
        ILookup<string, AlarmToSee> alarms,
        List<Area> watches,
        DateTime now,
        TimeSpan ahead
    )
    {
        var last = visits.ToDictionary(v => v.Resident, v => v.Last, StringComparer.Ordinal);
        var asked = new List<VisitAsked>();
        foreach (var r in residents)
        {
            var (seen, atHome) = last.GetValueOrDefault(r.Id);
            // Who refused visits is visited for an alarm all the same: the contacts are told of it, and somebody has to look.
            if (alarms[r.Id].FirstOrDefault() is { } alarm)
                Ask("alarm", alarm.Since + OnSite, alarm.Id);
            else if (
                DueOf(
                    r.Consents,
                    r.KeyClass,
                    IsDisabled(r.Categories),
                    r.CreatedAt,
                    seen,
                    atHome,
                    WatchOver(r.Area, watches),
                    now,
                    ahead
                ) is
                { } due
            )
                Ask(due.Cause, due.Due);

            void Ask(string why, DateTime by, Guid? of = null) =>
                asked.Add(new VisitAsked(r.Id, r.Name, r.Area, r.Address, r.VisitorId, why, of, by, seen));
        }

        return
        [
            .. asked
                .OrderBy(a => a.Cause is not "alarm")
                .ThenBy(a => a.Cause is not Watch)
                .ThenBy(a => a.Due)
                .ThenBy(a => a.Resident, StringComparer.Ordinal),
        ];
    }

    /// <summary>Why and by when somebody without an alarm is to be visited; null: later, or never.</summary>
    private static (string Cause, DateTime Due)? DueOf(
        bool consents,
        bool keyClass,
        bool disabled,
        DateTime created,
        DateTime? seen,
        DateTime? atHome,
        Area? watch,
        DateTime now,
        TimeSpan ahead
    )
    {
        if (!consents)
            return null;
        if (watch is not null && !(seen >= (watch.WatchFrom ?? now)))
            return (Watch, Min(watch.WatchUntil!.Value, (watch.WatchFrom ?? now).AddDays(1)));
        var (cause, period, from) =
            keyClass ? ("key", Fortnight, seen)
            : disabled ? ("disabled", Month, atHome)
            : ("monthly", Month, seen);
        var due = (from ?? created) + period;
        // A key resident who is disabled has to be visited at home each month all the same.
        if (disabled && keyClass && (atHome ?? created) + Month < due)
            (cause, due) = ("disabled", (atHome ?? created) + Month);
        return due <= now + ahead ? (cause, due) : null;
    }

    private static Area? WatchOver(string area, List<Area> watches)
    {
        Area? earliest = null;
        foreach (var watch in watches)
            if (
                area.StartsWith(watch.Code, StringComparison.Ordinal)
                && (earliest is null || (watch.WatchFrom ?? DateTime.MaxValue) < (earliest.WatchFrom ?? DateTime.MaxValue))
            )
                earliest = watch;
        return earliest;
    }

    /// <summary>失能 or 重残 among the categories of Annex 1.</summary>
    public static bool IsDisabled(string categories) =>
        categories.Contains("失能", StringComparison.Ordinal) || categories.Contains("重残", StringComparison.Ordinal);

    private sealed record AlarmToSee(Guid Id, string Resident, Severity Severity, DateTime Since);

    private sealed record CaredFor(
        string Id,
        string Name,
        string Area,
        string Address,
        string? VisitorId,
        string Categories,
        bool Consents,
        bool KeyClass,
        DateTime CreatedAt
    );

    private static DateTime Min(DateTime a, DateTime b) => a < b ? a : b;
}
