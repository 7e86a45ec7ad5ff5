using Microsoft.AspNetCore.Http;
using Microsoft.EntityFrameworkCore;
using Vigil.Model;
using Vigil.Storage.Readings;
using Vigil.Storage.Records;

namespace Vigil.Web.Operations;

/// <summary>
/// Takes somebody who is no longer in the records out of what the running service holds beside them, in memory and in files.
/// </summary>
public delegate Task ForgetsErased(string resident, IReadOnlyList<string> devices, CancellationToken cancellation);

/// <summary>Why nobody was erased.</summary>
internal sealed record NotErased(Wording Why, int Status);

/// <summary>Takes away all that is held on a person.</summary>
internal static class ErasureOperations
{
    private const int MostCheckpoints = 20;

    /// <summary>Bytes of a records file that is written anew in some tenths of a second.</summary>
    private const long CompactedAtOnce = 64L << 20;

    /// <param name="records">All records: what is about a person isn't of the person's area alone.</param>
    /// <param name="store">Readings.</param>
    /// <param name="forgets">Null where no service runs beside.</param>
    /// <param name="clock">For the time, and for waiting.</param>
    /// <param name="who">Who asks for it.</param>
    /// <param name="id">Of a resident whom the caller may see.</param>
    /// <param name="reason">Why.</param>
    /// <param name="cancellation">Until something is deleted.</param>
    /// <returns>Null when it is done.</returns>
    public static async Task<NotErased?> EraseAsync(
        IDbContextFactory<RecordsDb> records,
        IReadingStore store,
        ForgetsErased? forgets,
        TimeProvider clock,
        string who,
        string id,
        string reason,
        CancellationToken cancellation
    )
    {
        await using var db = await records.CreateDbContextAsync(cancellation);
        if (
            await db
                .Residents.AsNoTracking()
                .AsSplitQuery()
                .Include(r => r.Contacts)
                .Include(r => r.Household)
                .Include(r => r.Devices)
                .FirstOrDefaultAsync(r => r.Id == id, cancellation)
            is not { } resident
        )
            return new NotErased(new Wording($"there is no resident '{id}'", $"没有服务对象“{id}”"), StatusCodes.Status404NotFound);
        if (await HasAlarmAsync(db, id, cancellation))
            return AlarmIsOpen();
        if (await db.ImportRuns.AnyAsync(cancellation))
            return IsImporting();
        var traces = PersonTraces.Of(resident);
        List<string> devices = [.. resident.Devices.Select(d => d.Id)];
        // What their devices measured elsewhere, before or since, is not theirs.
        var places = await db.PlacesOfAsync(id, cancellation);
        string[] subjects = [$"resident:{id}", .. resident.Contacts.Select(c => $"contact:{c.Id}")];
        // First what may fail: then nothing has happened yet.
        await store.DeleteAsync(places, cancellation);
        var further = await AuditErasure.NamedInDetailAsync(
            db,
            subjects,
            devices.Concat(places.Select(p => p.Device.Value)),
            traces,
            cancellation
        );
        var strangers = await StrangersAsync(db, devices, places, traces, cancellation);
        var shared = await SharedAlarmsAsync(db, id, cancellation);
        var now = clock.GetUtcNow().UtcDateTime;
        await using (var turn = await WriteTurn.BeginAsync(db, first: false, cancellation))
        {
            // Somebody may have pressed while the readings were deleted: that alarm is not taken away from those who are told of it.
            if (await HasAlarmAsync(db, id, cancellation))
                return AlarmIsOpen();
            // Or begun to write a file, which may bring the person back.
            if (await db.ImportRuns.AnyAsync(cancellation))
                return IsImporting();
            await AuditErasure.BlankAsync(db, subjects, further, now, who, traces.In(reason) ? "(named the person)" : reason, cancellation);
            await AlarmsAsync(db, now, who, id, subjects, shared, cancellation);
            await strangers.DeleteAsync(db, cancellation);
            await RecordsAsync(db, resident, now, cancellation);
            await turn.CommitAsync(cancellation);
        }

        // From here on to the end, whether the caller still waits or not.
        if (forgets is not null)
            await forgets(id, devices, CancellationToken.None);
        await CleanFileAsync(db, clock);
        // What arrived in between was stored by a service that didn't know yet.
        await store.DeleteAsync(places, CancellationToken.None);
        return null;
    }

    private static Task<bool> HasAlarmAsync(RecordsDb db, string id, CancellationToken cancellation) =>
        db.Alarms.AnyAsync(a => a.ResidentId == id && a.State != AlarmState.Resolved, cancellation);

    private static NotErased AlarmIsOpen() =>
        Conflict(new Wording("an alarm of this resident is not resolved", "该服务对象尚有未办结的警情"));

    public static NotErased IsImporting() =>
        Conflict(
            new Wording(
                "a registry file is being written and may name this resident; try again when it is done",
                "正在写入导入文件，其中可能包含该服务对象，请稍后再试"
            )
        );

    private static NotErased Conflict(Wording why) => new(why, StatusCodes.Status409Conflict);

    /// <summary>Alarms stay for the statistics, with their kind and times; all that names people goes.</summary>
    private static async Task AlarmsAsync(
        RecordsDb db,
        DateTime now,
        string who,
        string id,
        string[] subjects,
        IReadOnlyList<(Guid Alarm, IReadOnlyList<long> Lines)> shared,
        CancellationToken cancellation
    )
    {
        var alarms = db.Alarms.Where(a => a.ResidentId == id).Select(a => a.Id);
        // So that the check of the audit log knows why the lines of these alarms are missing.
        foreach (var alarm in (await alarms.ToListAsync(cancellation)).Concat(shared.Select(s => s.Alarm)))
            db.AddAudit(now, who, AuditLog.Erased, $"alarm:{alarm}", "");
        await db.SaveChangesAsync(cancellation);
        foreach (var (alarm, lines) in shared)
        {
            await db.Timeline.Where(t => lines.Contains(t.Id)).ExecuteDeleteAsync(cancellation);
            await db.WebhookDeliveries.Where(d => d.AlarmId == alarm).ExecuteDeleteAsync(cancellation);
            await db
                .Alarms.Where(a => a.Id == alarm)
                .ExecuteUpdateAsync(u => u.SetProperty(a => a.Reason, "").SetProperty(a => a.ReasonZh, ""), cancellation);
        }

        await db.Timeline.Where(t => alarms.Contains(t.AlarmId)).ExecuteDeleteAsync(cancellation);
        await db.Notices.Where(n => alarms.Contains(n.AlarmId) || subjects.Contains(n.Recipient)).ExecuteDeleteAsync(cancellation);
        await db.Steps.Where(s => alarms.Contains(s.AlarmId)).ExecuteDeleteAsync(cancellation);
        await db.WebhookDeliveries.Where(d => alarms.Contains(d.AlarmId)).ExecuteDeleteAsync(cancellation);
        await db
            .Alarms.Where(a => a.ResidentId == id)
            .ExecuteUpdateAsync(
                u =>
                    u.SetProperty(a => a.Subject, "erased")
                        .SetProperty(a => a.DeviceId, (string?)null)
                        .SetProperty(a => a.Episode, "")
                        .SetProperty(a => a.Reason, "")
                        .SetProperty(a => a.ReasonZh, "")
                        .SetProperty(a => a.ResidentId, (string?)null),
                cancellation
            );
        await db.Findings.Where(f => f.Key.StartsWith(id + "|")).ExecuteDeleteAsync(cancellation);
    }

    private static async Task RecordsAsync(RecordsDb db, Resident resident, DateTime now, CancellationToken cancellation)
    {
        var id = resident.Id;
        List<string> numbers = [resident.Phone, .. resident.Contacts.Select(c => c.Phone)];
        numbers.RemoveAll(n => n.Length == 0);
        await db.BlockedNumbers.Where(b => numbers.Contains(b.Address)).ExecuteDeleteAsync(cancellation);
        // Whoever else is told at the same number has it tested anew.
        List<string> addresses = [.. numbers, .. resident.Contacts.Select(c => c.Mail).Where(m => m.Length > 0)];
        await db.ReachTests.Where(t => addresses.Contains(t.Address)).ExecuteDeleteAsync(cancellation);
        await db.Absences.Where(a => a.ResidentId == id).ExecuteDeleteAsync(cancellation);
        await db.Visits.Where(v => v.ResidentId == id).ExecuteDeleteAsync(cancellation);
        await db.DailyUse.Where(d => d.ResidentId == id).ExecuteDeleteAsync(cancellation);
        // One that was in another home before goes into stock: registered anew, it would bring that home's past along.
        await db
            .Devices.Where(d => d.ResidentId == id && db.FormerPlaces.Any(p => p.DeviceId == d.Id && p.ResidentId != id))
            .ExecuteUpdateAsync(
                u =>
                    u.SetProperty(d => d.ResidentId, (string?)null)
                        .SetProperty(d => d.PlacedAt, (DateTime?)null)
                        .SetProperty(d => d.FirstSeenAt, (DateTime?)null)
                        .SetProperty(d => d.LastSeenAt, (DateTime?)null)
                        .SetProperty(d => d.TestedAt, (DateTime?)null)
                        .SetProperty(d => d.Label, "")
                        .SetProperty(d => d.StockArea, resident.Area)
                        .SetProperty(d => d.InstalledAt, now)
                        .SetProperty(d => d.RegisteredAt, now),
                cancellation
            );
        await db.Devices.Where(d => d.ResidentId == id).ExecuteDeleteAsync(cancellation);
        // contacts with their digests, consents, household, former devices, daily activity and slow changes go with it
        await db.Residents.Where(x => x.Id == id).ExecuteDeleteAsync(cancellation);
    }

    /// <summary>Alarms of an area that say of homes whose alarms an outage has held back.</summary>
    private static async Task<IReadOnlyList<(Guid, IReadOnlyList<long>)>> SharedAlarmsAsync(
        RecordsDb db,
        string id,
        CancellationToken cancellation
    )
    {
        var lines = await db
            .Timeline.AsNoTracking()
            .Where(t => (t.Text.Contains(id) || t.TextZh.Contains(id)) && db.Alarms.Any(a => a.Id == t.AlarmId && a.ResidentId != id))
            .Select(t => new
            {
                t.Id,
                t.AlarmId,
                t.Text,
                t.TextZh,
            })
            .ToListAsync(cancellation);
        return
        [
            .. lines
                .Where(t => PersonTraces.Names(t.Text, id) || PersonTraces.Names(t.TextZh, id))
                .GroupBy(t => t.AlarmId)
                .Select(g => (g.Key, (IReadOnlyList<long>)[.. g.Select(t => t.Id)])),
        ];
    }

    /// <summary>What nobody could read, or nobody had bound, may name the person in its bytes.</summary>
    private static async Task<Strangers> StrangersAsync(
        RecordsDb db,
        List<string> devices,
        IReadOnlyList<DeviceSpan> places,
        PersonTraces traces,
        CancellationToken cancellation
    )
    {
        var found = new Strangers([], [], []);
        await foreach (var p in db.Rejected.AsNoTracking().AsAsyncEnumerable().WithCancellation(cancellation))
            if (
                places.Any(d => d.Device.Value == p.Device && d.Covers(p.Received))
                || traces.In(p.Topic)
                || traces.In(p.Username)
                || traces.In(p.Payload)
            )
                found.Rejected.Add(p.Id);
        await foreach (var u in db.Unbound.AsNoTracking().AsAsyncEnumerable().WithCancellation(cancellation))
            if (devices.Contains(u.Id) || traces.In(u.Id) || traces.In(u.Topic) || traces.In(u.Announced) || traces.In(u.LastPayload))
                found.Unbound.Add(u.Id);
        await foreach (var a in db.Announcements.AsNoTracking().AsAsyncEnumerable().WithCancellation(cancellation))
            if (traces.In(a.Topic) || traces.In(a.Payload))
                found.Announced.Add(a.Topic);
        return found;
    }

    /// <summary>
    /// Deleted rows are overwritten in SQLite's file (secure_delete), but stand in its log until that is begun anew. Each try holds writers
    /// up for a moment only, so that a press is never kept waiting by a reader that takes its time.
    /// </summary>
    private static async Task CleanFileAsync(RecordsDb db, TimeProvider clock)
    {
        if (!db.Database.IsSqlite())
            return;
        await db.Database.OpenConnectionAsync(CancellationToken.None);
        // SQLite leaves copies of rows that it has moved within a page; only a file written anew has none. Of a large one that takes too
        // long while presses wait.
        if (new FileInfo(db.Database.GetDbConnection().DataSource) is { Exists: true, Length: <= CompactedAtOnce })
            await db.Database.ExecuteSqlRawAsync("VACUUM", CancellationToken.None);
        await db.Database.ExecuteSqlRawAsync("PRAGMA busy_timeout=200", CancellationToken.None);
        for (var tries = 0; tries < MostCheckpoints && !await BeginsAnewAsync(db); tries++)
            await Task.Delay(TimeSpan.FromSeconds(1), clock, CancellationToken.None);
    }

    /// <summary>Whether SQLite's log could be emptied: no reader needed it.</summary>
    private static async Task<bool> BeginsAnewAsync(RecordsDb db)
    {
        await using var command = db.Database.GetDbConnection().CreateCommand();
        command.CommandText = "PRAGMA wal_checkpoint(TRUNCATE)";
        await using var answer = await command.ExecuteReaderAsync(CancellationToken.None);
        return await answer.ReadAsync(CancellationToken.None) && answer.GetInt64(0) == 0;
    }

    private sealed record Strangers(List<long> Rejected, List<string> Unbound, List<string> Announced)
    {
        public async Task DeleteAsync(RecordsDb db, CancellationToken cancellation)
        {
            await db.Rejected.Where(p => EF.Parameter(Rejected).Contains(p.Id)).ExecuteDeleteAsync(cancellation);
            await db.Unbound.Where(u => EF.Parameter(Unbound).Contains(u.Id)).ExecuteDeleteAsync(cancellation);
            await db.Announcements.Where(a => EF.Parameter(Announced).Contains(a.Topic)).ExecuteDeleteAsync(cancellation);
        }
    }
}
