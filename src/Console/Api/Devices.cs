using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;
using Microsoft.EntityFrameworkCore;
using Vigil.Storage.Records;

namespace Vigil.Console.Api;

internal static class Devices
{
    public static void Map(RouteGroupBuilder read, RouteGroupBuilder write)
    {
        read.MapGet("devices", async (int? offset, int? limit, [AsParameters] Caller caller) =>
        {
            await using var db = await caller.OpenAsync();
            var area = caller.Area;
            return await caller.PageAsync(
                from d in db.Devices join r in db.Residents on d.ResidentId equals r.Id into owners from r in owners.DefaultIfEmpty()
                where area == "" || (r != null && r.Area.StartsWith(area)) orderby d.Id
                select new { d.Id, d.Profile, d.ResidentId, d.Label, d.InstalledAt, d.FirstSeenAt, d.LastSeenAt, d.ReportMinutes, d.TestedAt }, offset, limit);
        });
        // A stranger has no area yet: whoever installs it has to find its code, but what it said may be about a person elsewhere.
        read.MapGet("devices/unbound", async (int? offset, int? limit, [AsParameters] Caller caller) =>
        {
            await using var db = await caller.OpenAsync();
            var everywhere = caller.Area.Length == 0;
            return (await caller.PageAsync(db.Unbound.AsNoTracking().OrderByDescending(u => u.LastSeenAt), offset, limit))
                .Select(u => new { u.Id, u.Profile, u.Topic, u.FirstSeenAt, u.LastSeenAt, u.Messages, LastPayload = everywhere ? Caller.Preview(u.LastPayload) : null, u.Announced });
        });
        write.MapPost("devices/unbound/{id}/bind", async (string id, BindRequest body, [AsParameters] Caller caller) =>
            await BindAsync(caller.Records, caller.User.Area(), caller.Who, caller.Now, id, body.Resident, body.Profile, body.Label, caller.Cancellation) is { } missing
                ? Results.Problem(missing, statusCode: StatusCodes.Status404NotFound)
                : Results.NoContent());
        read.MapGet("rejected", async (int? offset, int? limit, [AsParameters] Caller caller) =>
        {
            await using var db = await caller.OpenAsync();
            return (await caller.PageAsync(RejectedIn(db, caller.Area), offset, limit))
                .Select(r => new { r.Id, r.Received, r.Topic, r.Username, r.Device, r.Profile, r.Reason, Payload = Convert.ToBase64String(r.Payload), Preview = Caller.Preview(r.Payload), Hex = Convert.ToHexString(r.Payload) });
        });
    }

    /// <summary>Refused payloads, newest first; in an area, those of its residents' devices.</summary>
    internal static IQueryable<RejectedPayload> RejectedIn(RecordsDb db, string area)
    {
        var rows = db.Rejected.AsNoTracking();
        if (area.Length > 0) rows = rows.Where(p => (from d in db.Devices join r in db.Residents on d.ResidentId equals r.Id where r.Area.StartsWith(area) select d.Id).Contains(p.Device));
        return rows.OrderByDescending(r => r.Id);
    }

    /// <returns>Null when it is bound; else what there is not.</returns>
    internal static async Task<string?> BindAsync(IDbContextFactory<RecordsDb> records, string area, string who, DateTime now, string id, string resident, string? profile, string? label, CancellationToken cancellation)
    {
        await using var db = await records.CreateDbContextAsync(cancellation);
        if (await db.Residents.FirstOrDefaultAsync(r => r.Id == resident && r.Area.StartsWith(area), cancellation) is not { } home) return $"there is no resident '{resident}'";
        if (await db.Unbound.FindAsync([id], cancellation) is not { } waiting) return $"there is no unbound device '{id}'";
        db.Devices.Add(new Device { Id = id, Profile = string.IsNullOrEmpty(profile) ? waiting.Profile : profile, ResidentId = resident, InstalledAt = now, Label = label ?? "" });
        db.Unbound.Remove(waiting);
        home.UpdatedAt = now;
        await db.SaveChangesAsync(cancellation);
        await records.AddAsync(now, who, "bind", $"device:{id}", $"to resident:{resident}", cancellation);
        return null;
    }

    internal sealed record BindRequest(string Resident, string? Profile, string? Label);
}
