using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.Logging;
using Vigil.Model;
using Vigil.Storage.Records;
using Vigil.Web.Operations;

namespace Vigil.Web.Pages.Parts;

/// <summary>What the board shows, as it is at one moment.</summary>
/// <param name="Alarms">Those of the filter, what matters most on top, with their residents.</param>
/// <param name="Told">Who has been told of each.</param>
/// <param name="Next">The step that each waits for.</param>
/// <param name="Names">Of those who answer for them.</param>
/// <param name="Total">So many pass the filter.</param>
/// <param name="Open">So many are not resolved, whatever the filter shows.</param>
/// <param name="Critical">So many critical ones nobody has answered, whatever the filter shows: the sound is for them.</param>
internal sealed partial record BoardLook(
    IReadOnlyList<Alarm> Alarms,
    IReadOnlyDictionary<Guid, IReadOnlyList<string>> Told,
    IReadOnlyDictionary<Guid, EscalationStep> Next,
    IReadOnlyDictionary<string, string> Names,
    int Total,
    int Open,
    int Critical
)
{
    public static readonly BoardLook Nothing = new(
        [],
        new Dictionary<Guid, IReadOnlyList<string>>(),
        new Dictionary<Guid, EscalationStep>(),
        new Dictionary<string, string>(),
        0,
        0,
        0
    );

    /// <param name="db">The alarms that whoever looks may see.</param>
    /// <param name="filter">all, open, acknowledged or resolved.</param>
    /// <param name="area">Of this area alone; empty for all.</param>
    /// <param name="kind">Of this kind alone; empty for all.</param>
    /// <param name="most">No more rows than this.</param>
    /// <param name="language">Of whoever looks.</param>
    public static async Task<BoardLook> ReadAsync(RecordsDb db, string filter, string area, string kind, int most, string language)
    {
        var all = db.Alarms.AsNoTracking();
        var query = all.Where(a => a.Area.StartsWith(area) && (kind == "" || a.Kind == kind));
        query = filter switch
        {
            "open" => query.Where(a => a.State == AlarmState.Open),
            "acknowledged" => query.Where(a => a.State == AlarmState.Acknowledged || a.State == AlarmState.InHand),
            "resolved" => query.Where(a => a.State == AlarmState.Resolved),
            _ => query.Where(a => a.State != AlarmState.Resolved),
        };
        var critical = await all.CountAsync(a => a.State == AlarmState.Open && a.Severity == Severity.Critical);
        var open = await all.CountAsync(a => a.State != AlarmState.Resolved);
        var total = await query.CountAsync();
        var ordered =
            filter == "resolved"
                ? query.OrderByDescending(a => a.ResolvedAt)
                : query.OrderBy(a => a.State).ThenByDescending(a => a.Severity).ThenByDescending(a => a.OpenedAt);
        var alarms = await ordered.Include(a => a.Resident).Take(most).ToListAsync();
        var (told, next) = await AlarmOperations.FollowAsync(db, [.. alarms.Select(a => a.Id)], CancellationToken.None);
        var names = await People.NamesAsync(db, alarms.Select(a => a.AcknowledgedBy), language);
        return new BoardLook(alarms, told, next, names, total, open, critical);
    }

    [LoggerMessage(Level = LogLevel.Error, Message = "A board can't read the alarms; it tries again each second")]
    internal static partial void LogUnread(ILogger logger, Exception e);
}
