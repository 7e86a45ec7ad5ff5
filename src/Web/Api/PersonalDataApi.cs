using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;
using Microsoft.EntityFrameworkCore;
using Vigil.Model;
using Vigil.Storage.Readings;
using Vigil.Storage.Records;

namespace Vigil.Web.Api;

/// <summary>
/// A person's numbers in full, an archive of all data that is held on them, and their erasure. Each is written to the audit log.
/// </summary>
internal static class PersonalDataApi
{
    private const int LongestReason = 500;

    public static void Map(RouteGroupBuilder write, RouteGroupBuilder admin)
    {
        write
            .MapPost(
                "residents/{id}/reveal",
                async (string id, ReasonRequest body, [AsParameters] Caller caller) =>
                {
                    if (await caller.ResidentAsync(id) is not { } r)
                        return Caller.Missing("resident", id);
                    if (string.IsNullOrWhiteSpace(body.Reason) || body.Reason.Length > LongestReason)
                        return Caller.Wrong($"'reason' says why, in 1 to {LongestReason} characters");
                    await caller.AuditAsync("reveal", $"resident:{id}", body.Reason.Trim());
                    return Results.Ok(
                        new Numbers(
                            FieldKeys.Shown(r.IdentityNumber),
                            FieldKeys.Shown(r.Phone),
                            [.. r.Contacts.OrderBy(c => c.Order).Select(c => ContactAnswer.Of(c, caller.All.Keys, inFull: true))],
                            FieldKeys.Shown(r.Visitor?.Phone)
                        )
                    );
                }
            )
            .Answers<Numbers>("A resident's identity number and phone numbers in full; the reason is written down", 400, 404);
        admin
            .MapGet(
                "residents/{id}/export",
                async (string id, IReadingStore store, [AsParameters] Caller caller) =>
                {
                    if (await caller.ResidentAsync(id) is null)
                        return Caller.Missing("resident", id);
                    await caller.AuditAsync("export", $"resident:{id}", "all that is held");
                    // On disk: years of readings don't fit into memory, and an archive is written from end to end.
                    var file = new FileStream(
                        Path.GetTempFileName(),
                        FileMode.Open,
                        FileAccess.ReadWrite,
                        FileShare.None,
                        1 << 16,
                        FileOptions.DeleteOnClose | FileOptions.Asynchronous
                    );
                    try
                    {
                        await PersonalArchive.WriteAsync(file, id, store, caller);
                        file.Position = 0;
                        return Results.File(file, "application/zip", $"{id}.zip");
                    }
                    catch
                    {
                        await file.DisposeAsync();
                        throw;
                    }
                }
            )
            .Produces<byte[]>(StatusCodes.Status200OK, "application/zip")
            .Documented("All that is held on a resident, as an archive", [404]);
        admin
            .MapPost(
                "residents/{id}/erase",
                async (string id, ReasonRequest body, IReadingStore store, [AsParameters] Caller caller) =>
                {
                    if (await caller.ResidentAsync(id) is not { } r)
                        return Caller.Missing("resident", id);
                    if (string.IsNullOrWhiteSpace(body.Reason) || body.Reason.Length > LongestReason)
                        return Caller.Wrong($"'reason' says why, in 1 to {LongestReason} characters");
                    await using var db = await caller.OpenAsync();
                    if (await db.Alarms.AnyAsync(a => a.ResidentId == id && a.State != AlarmState.Resolved, caller.Cancellation))
                        return Results.Problem("an alarm of this resident is not resolved", statusCode: StatusCodes.Status409Conflict);
                    // Written first: if the rest fails half-way, the audit log has that it was begun.
                    await caller.AuditAsync("erase", $"resident:{id}", body.Reason.Trim());
                    // What their devices measured elsewhere, before or since, is not theirs.
                    var places = await db.PlacesOfAsync(id, caller.Cancellation);
                    await store.DeleteAsync(places, caller.Cancellation);
                    await using (var turn = await WriteTurn.BeginAsync(db, first: false, caller.Cancellation))
                    {
                        // Alarms stay for the statistics, with their kind and times; all that names people goes.
                        var alarms = db.Alarms.Where(a => a.ResidentId == id).Select(a => a.Id);
                        // So that the check of the audit log knows why the lines of these alarms are missing.
                        foreach (var alarm in await alarms.ToListAsync(caller.Cancellation))
                            db.AddAudit(caller.Now, caller.Who, AuditLog.Erased, $"alarm:{alarm}", "");
                        await db.SaveChangesAsync(caller.Cancellation);
                        await db.Timeline.Where(t => alarms.Contains(t.AlarmId)).ExecuteDeleteAsync(caller.Cancellation);
                        await db.Notices.Where(n => alarms.Contains(n.AlarmId)).ExecuteDeleteAsync(caller.Cancellation);
                        await db.Steps.Where(s => alarms.Contains(s.AlarmId)).ExecuteDeleteAsync(caller.Cancellation);
                        foreach (var (device, from, until) in places)
                            await db
                                .Rejected.Where(p => p.Device == device.Value && p.Received >= from && p.Received < until)
                                .ExecuteDeleteAsync(caller.Cancellation);
                        var phones = r.Contacts.Select(c => c.Phone).ToList();
                        await db
                            .BlockedNumbers.IgnoreQueryFilters()
                            .Where(b => phones.Contains(b.Address))
                            .ExecuteDeleteAsync(caller.Cancellation);
                        await db
                            .Alarms.Where(a => a.ResidentId == id)
                            .ExecuteUpdateAsync(
                                u =>
                                    u.SetProperty(a => a.Subject, "erased")
                                        .SetProperty(a => a.DeviceId, (string?)null)
                                        .SetProperty(a => a.Reason, "")
                                        .SetProperty(a => a.ReasonZh, "")
                                        .SetProperty(a => a.ResidentId, (string?)null),
                                caller.Cancellation
                            );
                        await db.Absences.Where(a => a.ResidentId == id).ExecuteDeleteAsync(caller.Cancellation);
                        await db.Visits.Where(v => v.ResidentId == id).ExecuteDeleteAsync(caller.Cancellation);
                        await db.DailyUse.Where(d => d.ResidentId == id).ExecuteDeleteAsync(caller.Cancellation);
                        await db.Devices.Where(d => d.ResidentId == id).ExecuteDeleteAsync(caller.Cancellation);
                        // contacts, household, former devices, daily activity and slow changes go with it
                        await db.Residents.Where(x => x.Id == id).ExecuteDeleteAsync(caller.Cancellation);
                        await turn.CommitAsync(caller.Cancellation);
                    }

                    return Results.NoContent();
                }
            )
            .Changes("Erases a resident: registry, contacts, readings, visits; alarms stay without a name", 404, 409);
    }

    /// <summary>Why the data has to be seen or erased.</summary>
    /// <param name="Reason">1 to 500 characters; stands in the audit log.</param>
    internal sealed record ReasonRequest(string? Reason);

    /// <summary>Numbers in full.</summary>
    internal sealed record Numbers(string IdentityNumber, string Phone, IReadOnlyList<ContactAnswer> Contacts, string VisitorPhone);
}
