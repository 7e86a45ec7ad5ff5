using System.Globalization;
using System.Text;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;
using Microsoft.EntityFrameworkCore;
using Vigil.Storage.Records;

namespace Vigil.Console.Api;

/// <summary>
/// Figures of the service against the call-centre standards (97.5 % of critical alarms answered within 60 s, 99 % within 180 s), false alarms per
/// resident-month and the share of residents visited.
/// </summary>
internal sealed record Statistics(
    DateTime From, DateTime To, int Residents, int Alarms, IReadOnlyDictionary<string, int> ByKind, IReadOnlyDictionary<string, int> ByResolution, double? FalsePerResidentMonth,
    int Critical, double? CriticalAnsweredWithin60s, double? CriticalAnsweredWithin180s, double? VisitedShare)
{
    public static void Map(RouteGroupBuilder read) => read.MapGet("statistics", async (DateTimeOffset? from, DateTimeOffset? to, string? format, [AsParameters] Caller caller) =>
    {
        var until = to?.UtcDateTime ?? caller.Now;
        var since = from?.UtcDateTime ?? until.AddDays(-30);
        if (since >= until) return Caller.Wrong("'to' has to lie after 'from'");
        var found = await ReadAsync(caller.Records, caller.Area, since, until, caller.Cancellation);
        if (format != "csv") return Results.Ok(found);
        // The byte order mark makes spreadsheets read Chinese as UTF-8.
        return Results.File([.. Encoding.UTF8.Preamble, .. Encoding.UTF8.GetBytes(found.ToCsv())], "text/csv; charset=utf-8", "statistics.csv");
    });

    public static async Task<Statistics> ReadAsync(IDbContextFactory<RecordsDb> records, string area, DateTime from, DateTime to, CancellationToken cancellation)
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
        return new Statistics(
            from, to, residents, alarms.Count,
            alarms.GroupBy(a => a.Kind).OrderByDescending(g => g.Count()).ToDictionary(g => g.Key, g => g.Count()),
            alarms.Where(a => a.Resolution != Resolution.None).GroupBy(a => a.Resolution).OrderBy(g => g.Key).ToDictionary(g => g.Key.ToString(), g => g.Count()),
            residents == 0 ? null : alarms.Count(a => a.Resolution is >= Resolution.FalseAway and <= Resolution.FalseMistake) / (residents * months),
            critical.Count, Share(60), Share(180), residents == 0 ? null : (double)visited / residents);
    }

    /// <summary>RFC 4180, safe against formulas.</summary>
    public string ToCsv()
    {
        var text = new StringBuilder("figure,name,value\r\n");
        void Row(string figure, string name, object? value) => text.Append(Csv.Escape(figure)).Append(',').Append(Csv.Escape(name)).Append(',')
            .Append(Csv.Escape(Convert.ToString(value, CultureInfo.InvariantCulture) ?? "")).Append("\r\n");
        Row("from", "", From.ToString("O", CultureInfo.InvariantCulture));
        Row("to", "", To.ToString("O", CultureInfo.InvariantCulture));
        Row("residents", "", Residents);
        Row("alarms", "", Alarms);
        foreach (var (kind, count) in ByKind) Row("alarms by kind", kind, count);
        foreach (var (resolution, count) in ByResolution) Row("alarms by resolution", resolution, count);
        Row("false alarms per resident-month", "", FalsePerResidentMonth);
        Row("critical alarms", "", Critical);
        Row("critical answered within 60 s", "", CriticalAnsweredWithin60s);
        Row("critical answered within 180 s", "", CriticalAnsweredWithin180s);
        Row("residents visited, share", "", VisitedShare);
        return text.ToString();
    }
}
