using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.Logging;
using Vigil.Model;
using Vigil.Storage.Records;
using Vigil.Web.Operations;

namespace Vigil.Web.Pages.Parts;

/// <summary>What the board shows, as it is at one moment.</summary>
/// <param name="Alarms">Alarms that pass the filter, the most urgent first, with their residents.</param>
/// <param name="Told">Who has been told of each.</param>
/// <param name="Next">The step that each waits for.</param>
/// <param name="Names">Names of those who answer for them, by their keys.</param>
/// <param name="Total">How many pass the filter.</param>
/// <param name="Open">How many are not resolved, whatever the filter shows.</param>
/// <param name="Critical">How many critical ones nobody has acknowledged, whatever the filter shows: the sound is for them.</param>
internal sealed partial record BoardSnapshot(
    IReadOnlyList<Alarm> Alarms,
    IReadOnlyDictionary<Guid, IReadOnlyList<string>> Told,
    IReadOnlyDictionary<Guid, EscalationStep> Next,
    IReadOnlyDictionary<string, string> Names,
    int Total,
    int Open,
    int Critical
)
{
    public static readonly BoardSnapshot Nothing = new(
        [],
        new Dictionary<Guid, IReadOnlyList<string>>(),
        new Dictionary<Guid, EscalationStep>(),
        new Dictionary<string, string>(),
        0,
        0,
        0
    );

    /// <param name="db">The records of the area of the person at the page.</param>
    /// <param name="filter">all, open, acknowledged or resolved.</param>
    /// <param name="area">Of this area alone; empty for all.</param>
    /// <param name="kind">Of this kind alone; empty for all.</param>
    /// <param name="most">No more rows than this.</param>
    /// <param name="language">Of the page.</param>
    public static async Task<BoardSnapshot> ReadAsync(RecordsDb db, string filter, string area, string kind, int most, string language)
    {
        // "Less than resolved" and not "not resolved": a range of the index by state.
        var all = db.Alarms.AsNoTracking();
        var query = all;
        if (area.Length > 0)
            query = query.Where(a => a.Area.StartsWith(area));
        if (kind.Length > 0)
            query = query.Where(a => a.Kind == kind);
        query = filter switch
        {
            "open" => query.Where(a => a.State == AlarmState.Open),
            "acknowledged" => query.Where(a => a.State == AlarmState.Acknowledged || a.State == AlarmState.InHand),
            "resolved" => query.Where(a => a.State == AlarmState.Resolved),
            _ => query.Where(a => a.State < AlarmState.Resolved),
        };
        var critical = await all.CountAsync(a => a.State == AlarmState.Open && a.Severity == Severity.Critical);
        var open = await all.CountAsync(a => a.State < AlarmState.Resolved);
        var total = await query.CountAsync();
        var ordered =
            filter == "resolved"
                ? query.OrderByDescending(a => a.ResolvedAt)
                : query.OrderBy(a => a.State).ThenByDescending(a => a.Severity).ThenByDescending(a => a.OpenedAt);
        var alarms = await ordered.Include(a => a.Resident).Take(most).ToListAsync();
        var (told, next) = await AlarmOperations.ToldAndNextAsync(db, [.. alarms.Select(a => a.Id)], CancellationToken.None);
        var names = await People.NamesAsync(db, alarms.Select(a => a.AcknowledgedBy), language);
        return new BoardSnapshot(alarms, told, next, names, total, open, critical);
    }

    [LoggerMessage(Level = LogLevel.Error, Message = "A board can't read the alarms; it tries again each second")]
    internal static partial void LogUnread(ILogger logger, Exception e);
}
