using Microsoft.EntityFrameworkCore;
using Vigil.Storage.Records;

namespace Vigil.Notify.Escalation;

/// <summary>Which visitors and duty officers work now, and who stands in for those who are away.</summary>
internal sealed class Rota
{
    /// <summary>Digits of a province, city, county, town and village.</summary>
    private static readonly int[] CodeLengths = [2, 4, 6, 9, 12];

    private const int LongestChain = Vigil.Storage.Records.Visitor.LongestChain;

    private readonly DateTime local;
    private readonly Dictionary<string, Visitor> visitors;
    private readonly Dictionary<string, DutyOfficer> officers;
    private readonly ILookup<string, Shift> shifts;

    private Rota(
        DateTime local,
        Dictionary<string, Visitor> visitors,
        Dictionary<string, DutyOfficer> officers,
        ILookup<string, Shift> shifts
    ) => (this.local, this.visitors, this.officers, this.shifts) = (local, visitors, officers, shifts);

    /// <param name="db">Read from, not tracked.</param>
    /// <param name="visitorIds">The visitors of the residents; null where a resident has none.</param>
    /// <param name="areas">Areas of alarms, whose officers are read.</param>
    /// <param name="local">Now, in the service's time zone.</param>
    /// <param name="cancellation">Ends the reading.</param>
    public static async Task<Rota> LoadAsync(
        RecordsDb db,
        IEnumerable<string?> visitorIds,
        IEnumerable<string> areas,
        DateTime local,
        CancellationToken cancellation
    )
    {
        var visitors = new Dictionary<string, Visitor>(StringComparer.Ordinal);
        var missing = visitorIds.OfType<string>().Distinct().ToList();
        for (var i = 0; missing.Count > 0 && i <= LongestChain; i++)
        {
            foreach (var visitor in await db.Visitors.AsNoTracking().Where(v => missing.Contains(v.Id)).ToListAsync(cancellation))
                visitors[visitor.Id] = visitor;
            missing = [.. visitors.Values.Select(v => v.SubstituteId).OfType<string>().Where(s => !visitors.ContainsKey(s)).Distinct()];
        }

        var alarmed = areas.ToList();
        var places = alarmed.SelectMany(a => CodeLengths.Where(n => n <= a.Length).Select(n => a[..n])).Distinct().ToList();
        // An alarm without an area, such as one of the service itself, is told to the officers of all areas.
        var everywhere = alarmed.Exists(a => a.Length == 0);
        var officers = await db
            .DutyOfficers.AsNoTracking()
            .Where(d => everywhere || places.Contains(d.Area))
            .ToDictionaryAsync(d => d.Id, StringComparer.Ordinal, cancellation);
        for (var i = 0; i < LongestChain; i++)
        {
            missing = [.. officers.Values.Select(o => o.SubstituteId).OfType<string>().Where(s => !officers.ContainsKey(s)).Distinct()];
            if (missing.Count == 0)
                break;
            foreach (var officer in await db.DutyOfficers.AsNoTracking().Where(d => missing.Contains(d.Id)).ToListAsync(cancellation))
                officers[officer.Id] = officer;
        }

        var working = visitors.Keys.Select(v => "visitor:" + v).Concat(officers.Keys.Select(o => "officer:" + o)).ToList();
        var shifts = await db.Shifts.AsNoTracking().Where(s => working.Contains(s.Who)).ToListAsync(cancellation);
        return new Rota(local, visitors, officers, shifts.ToLookup(s => s.Who, StringComparer.Ordinal));
    }

    /// <summary>The phones of all who were read.</summary>
    public IEnumerable<string> Phones => visitors.Values.Select(v => v.Phone).Concat(officers.Values.Select(o => o.Phone));

    public Visitor? Visitor(string id) => visitors.GetValueOrDefault(id);

    public DutyOfficer? Officer(string id) => officers.GetValueOrDefault(id);

    /// <summary>The visitor, or the first of their substitutes who works now; null when nobody does.</summary>
    public Visitor? WhoVisitsFor(Visitor visitor)
    {
        for (var i = 0; i <= LongestChain; i++)
        {
            if (!visitor.IsAway(DateOnly.FromDateTime(local)) && Works("visitor:" + visitor.Id))
                return visitor;
            if (visitor.SubstituteId is not { } next || !visitors.TryGetValue(next, out var other))
                break;
            visitor = other;
        }

        return null;
    }

    /// <summary>The officers of an area and of those around it, the nearest first, whether they work now or not.</summary>
    /// <param name="area">Empty: the officers of all areas.</param>
    /// <param name="supervisors">The supervisors, or those of the duty desk.</param>
    public List<DutyOfficer> OfficersOf(string area, bool supervisors) =>
        [
            .. officers
                .Values.Where(d => d.Supervisor == supervisors && area.StartsWith(area.Length == 0 ? "" : d.Area, StringComparison.Ordinal))
                .OrderByDescending(d => d.Area.Length)
                .ThenBy(d => d.Id, StringComparer.Ordinal),
        ];

    /// <summary>The officers who have a shift now, each with whoever takes it: themselves, or a substitute while they are away.</summary>
    public IEnumerable<(DutyOfficer Officer, DutyOfficer Standing)> OnDuty(IEnumerable<DutyOfficer> all)
    {
        foreach (var officer in all.Where(o => Works("officer:" + o.Id)))
        {
            var standing = officer;
            for (var i = 0; standing is not null && IsAway(standing.AwayFrom, standing.AwayUntil); i++)
                standing = i < LongestChain && standing.SubstituteId is { } next ? officers.GetValueOrDefault(next) : null;
            if (standing is not null)
                yield return (officer, standing);
        }
    }

    /// <summary>Whoever has no line in the rota is always on duty.</summary>
    private bool Works(string who) => !shifts[who].Any() || shifts[who].Any(s => s.Covers(local));

    private bool IsAway(DateOnly? from, DateOnly? until)
    {
        var today = DateOnly.FromDateTime(local);
        return (from is not null || until is not null) && (from is null || today >= from) && (until is null || today <= until);
    }
}
