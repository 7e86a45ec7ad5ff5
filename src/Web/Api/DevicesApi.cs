using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;
using Microsoft.EntityFrameworkCore;
using Vigil.Notify;
using Vigil.Storage.Records;
using Vigil.Web.Operations;

namespace Vigil.Web.Api;

internal static class DevicesApi
{
    public static void Map(RouteGroupBuilder read, RouteGroupBuilder write)
    {
        read.MapGet(
                "devices",
                async (string? resident, int? offset, int? limit, [AsParameters] Caller caller) =>
                {
                    await using var db = await caller.OpenAsync();
                    return await caller.PageAsync(
                        from d in db.Devices
                        where resident == null || d.ResidentId == resident
                        orderby d.Id
                        select new DeviceAnswer(
                            d.Id,
                            d.Profile,
                            d.ResidentId,
                            d.Label,
                            d.InstalledAt,
                            d.FirstSeenAt,
                            d.LastSeenAt,
                            d.ReportMinutes,
                            d.TestedAt
                        ),
                        offset,
                        limit
                    );
                }
            )
            .Lists<DeviceAnswer>("Registered devices");
        // An unregistered device has no area yet. Whoever installs it finds its id here, in whatever area they work; what it sent is left
        // out for callers who are bound to an area, since it may be about a person elsewhere.
        read.MapGet(
                "devices/unbound",
                async (int? offset, int? limit, [AsParameters] Caller caller) =>
                {
                    await using var db = await caller.OpenAsync();
                    var everywhere = caller.Area.Length == 0;
                    return (await caller.PageAsync(db.Unbound.AsNoTracking().OrderByDescending(u => u.LastSeenAt), offset, limit)).Select(
                        u => new UnboundAnswer(
                            u.Id,
                            u.Profile,
                            u.Topic,
                            u.FirstSeenAt,
                            u.LastSeenAt,
                            u.Messages,
                            everywhere ? Caller.Preview(u.LastPayload) : null,
                            u.Announced
                        )
                    );
                }
            )
            .Lists<UnboundAnswer>("Devices that send and wait to be bound to a resident");
        write
            .MapPost(
                "devices/unbound/{id}/bind",
                async (string id, BindRequest body, KnowsProfile profiles, AlarmDesk desk, [AsParameters] Caller caller) =>
                    await DeviceOperations.BindAsync(
                        caller.Records,
                        profiles,
                        desk,
                        caller.Who,
                        caller.Now,
                        id,
                        body.Resident.Trim(),
                        body.Profile,
                        body.Label,
                        caller.Cancellation
                    )
                        is { } refused
                        ? Caller.InBothLanguages(refused.Why, refused.Status)
                        : Results.NoContent()
            )
            .Changes("Binds a waiting device to a resident", 404, 409);
        read.MapGet(
                "rejected",
                async (int? offset, int? limit, [AsParameters] Caller caller) =>
                {
                    await using var db = await caller.OpenAsync();
                    return (await caller.PageAsync(db.Rejected.AsNoTracking().OrderByDescending(r => r.Id), offset, limit)).Select(
                        r => new RejectedAnswer(
                            r.Id,
                            r.Received,
                            r.Topic,
                            r.Username,
                            r.Device,
                            r.Profile,
                            r.Reason.En,
                            Convert.ToBase64String(r.Payload),
                            Caller.Preview(r.Payload),
                            Convert.ToHexString(r.Payload)
                        )
                    );
                }
            )
            .Lists<RejectedAnswer>("Payloads that could not be read, with their bytes and the reason");
    }

    /// <summary>To whom a waiting device belongs.</summary>
    /// <param name="Resident">Number of the resident in whose home it is.</param>
    /// <param name="Profile">The profile that decodes it; by default the one that has done so until now.</param>
    /// <param name="Label">Such as kitchen.</param>
    internal sealed record BindRequest(string Resident, string? Profile = null, string? Label = null);
}
