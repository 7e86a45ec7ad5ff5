using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;
using Microsoft.EntityFrameworkCore;
using Vigil.Model;
using Vigil.Registry.Search;
using Vigil.Storage.Records;

namespace Vigil.Web.Api;

/// <summary>Devices that are registered, that wait to be bound, and what could not be read.</summary>
internal static class DevicesApi
{
    public static void Map(RouteGroupBuilder read)
    {
        read.MapGet(
                "devices",
                async (
                    string? resident,
                    string? state,
                    string? search,
                    int? offset,
                    int? limit,
                    RegistryLists lists,
                    [AsParameters] Caller caller
                ) =>
                {
                    var only = DeviceStatus.InHome;
                    if (state is not null && !Words.TryParse(state, out only))
                        return Caller.Wrong($"'state' is one of {string.Join(", ", Words.All<DeviceStatus>())}");
                    await using var db = await caller.OpenAsync();
                    var page = caller.Page(
                        await lists.DevicesAsync(
                            db,
                            resident,
                            state is null ? null : only,
                            search,
                            Caller.Offset(offset),
                            Caller.Limit(limit),
                            caller.Cancellation
                        )
                    );
                    return Results.Ok(page.ConvertAll(DeviceAnswer.Of));
                }
            )
            .Lists<DeviceAnswer>("Registered devices: in homes, in stock and retired", 400);
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
}
