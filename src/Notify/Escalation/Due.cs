using Microsoft.EntityFrameworkCore;
using Vigil.Model;
using Vigil.Storage.Records;

namespace Vigil.Notify.Escalation;

/// <summary>Critical alarms have a lane of their own, so that they never wait behind others (invariant 2).</summary>
public enum Lane
{
    Critical,
    Others,
}

/// <summary>
/// Picks due rows for one executor, in its transaction. PostgreSQL: FOR UPDATE SKIP LOCKED, so that several instances share the work;
/// SQLite: BEGIN IMMEDIATE lets one writer in at a time.
/// </summary>
internal static class Due
{
    /// <summary>
    /// The waiting steps that are due, with their alarms: of alarms that nobody has answered for, and those that run in other states too
    /// (<see cref="Plan.Told"/>, <see cref="Plan.Again"/>).
    /// </summary>
    public static async Task<List<EscalationStep>> StepsAsync(
        RecordsDb db,
        Lane lane,
        DateTime now,
        int most,
        CancellationToken cancellation
    )
    {
        var (least, highest) = Severities(lane);
        // In a query written in SQL, EF Core expects the columns of a complex property under its own names (Note_En, Note_Zh).
        var steps =
            db is PostgresRecords
                ? await db
                    .Steps.FromSql(
                        $"""
                        SELECT s.*, s."Note" AS "Note_En", s."NoteZh" AS "Note_Zh" FROM "Steps" s JOIN "Alarms" a ON a."Id" = s."AlarmId"
                        WHERE s."State" = 0 AND s."DueAt" <= {now} AND a."Severity" BETWEEN {least} AND {highest}
                          AND (a."State" = 0 OR s."To" = 'told' OR (s."To" = 'again' AND a."State" <> 3))
                        ORDER BY a."Severity" DESC, s."DueAt", s."Order" LIMIT {most} FOR UPDATE OF s SKIP LOCKED
                        """
                    )
                    .ToListAsync(cancellation)
                : await db
                    .Steps.Where(s =>
                        s.State == StepState.Waiting
                        && s.DueAt <= now
                        && s.Alarm!.Severity >= least
                        && s.Alarm.Severity <= highest
                        && (
                            s.Alarm.State == AlarmState.Open
                            || s.To == Plan.Told
                            || (s.To == Plan.Again && s.Alarm.State != AlarmState.Resolved)
                        )
                    )
                    .OrderByDescending(s => s.Alarm!.Severity)
                    .ThenBy(s => s.DueAt)
                    .ThenBy(s => s.Order)
                    .Take(most)
                    .ToListAsync(cancellation);
        var alarms = steps.Select(s => s.AlarmId).Distinct().ToList();
        await db.Alarms.Where(a => alarms.Contains(a.Id)).LoadAsync(cancellation);
        return steps;
    }

    /// <summary>Notices to be sent now, and those whose sender never came back: their outcome is unknown.</summary>
    public static async Task<List<Notice>> NoticesAsync(RecordsDb db, Lane lane, DateTime now, int most, CancellationToken cancellation)
    {
        var (least, highest) = Severities(lane);
        return db is PostgresRecords
            ? await db
                .Notices.FromSql(
                    $"""
                    SELECT n.* FROM "Notices" n JOIN "Alarms" a ON a."Id" = n."AlarmId"
                    WHERE n."State" IN (0, 1, 5) AND n."DueAt" <= {now} AND a."Severity" BETWEEN {least} AND {highest}
                    ORDER BY a."Severity" DESC, n."DueAt" LIMIT {most} FOR UPDATE OF n SKIP LOCKED
                    """
                )
                .ToListAsync(cancellation)
            : await (
                from n in db.Notices
                join a in db.Alarms on n.AlarmId equals a.Id
                where
                    (n.State == NoticeState.Waiting || n.State == NoticeState.Sending || n.State == NoticeState.Deferred)
                    && n.DueAt <= now
                    && a.Severity >= least
                    && a.Severity <= highest
                orderby a.Severity descending, n.DueAt
                select n
            )
                .Take(most)
                .ToListAsync(cancellation);
    }

    public static (Severity Least, Severity Highest) Severities(Lane lane) =>
        lane == Lane.Critical ? (Severity.Critical, Severity.Critical) : (Severity.Technical, Severity.High);
}
