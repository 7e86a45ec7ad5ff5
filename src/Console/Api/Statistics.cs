using Microsoft.EntityFrameworkCore;
using Vigil.Storage.Records;

namespace Vigil.Console.Api;

/// <summary>Figures of the service against the call-centre standards: 97.5 % of alarms answered within 60 s, 99 % within 180 s.</summary>
internal static class Statistics
{
    public static async Task<object> ReadAsync(IDbContextFactory<RecordsDb> records, string area, DateTime from, DateTime to, CancellationToken cancellation)
    {
        await using var db = await records.CreateDbContextAsync(cancellation);
        var alarms = await db.Alarms.AsNoTracking().Where(a => a.Area.StartsWith(area) && a.OpenedAt >= from && a.OpenedAt < to)
            .Select(a => new { a.Kind, a.Severity, a.OpenedAt, a.AcknowledgedAt, a.Resolution }).ToListAsync(cancellation);
        var residents = await db.Residents.CountAsync(r => r.Area.StartsWith(area), cancellation);
        var visited = await (from v in db.Visits join r in db.Residents on v.ResidentId equals r.Id where r.Area.StartsWith(area) && v.Time >= @from && v.Time < to select v.ResidentId).Distinct().CountAsync(cancellation);
        var critical = alarms.Where(a => a.Severity == 3).ToList();
        var answered = critical.Where(a => a.AcknowledgedAt is not null).Select(a => (a.AcknowledgedAt!.Value - a.OpenedAt).TotalSeconds).ToList();
        var months = Math.Max((to - from).TotalDays / 30, 1.0 / 30);
        double? Share(double seconds) => critical.Count == 0 ? null : (double)answered.Count(s => s <= seconds) / critical.Count;
        return new
        {
            from, to, residents, alarms = alarms.Count,
            byKind = alarms.GroupBy(a => a.Kind).ToDictionary(g => g.Key, g => g.Count()),
            byResolution = alarms.Where(a => a.Resolution != Resolution.None).GroupBy(a => a.Resolution.ToString()).ToDictionary(g => g.Key, g => g.Count()),
            falsePerResidentMonth = residents == 0 ? (double?)null : alarms.Count(a => a.Resolution is >= Resolution.FalseAway and <= Resolution.FalseMistake) / (residents * months),
            critical = critical.Count, criticalAnsweredWithin60s = Share(60), criticalAnsweredWithin180s = Share(180),
            visitedShare = residents == 0 ? (double?)null : (double)visited / residents,
        };
    }
}
