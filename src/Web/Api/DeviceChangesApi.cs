using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;
using Microsoft.EntityFrameworkCore;
using Vigil.Model;
using Vigil.Notify;
using Vigil.Storage.Readings;
using Vigil.Storage.Records;
using Vigil.Web.Operations;

namespace Vigil.Web.Api;

/// <summary>One device: where it is and was, what it last sent, and its way from stock into homes and out of use.</summary>
internal static class DeviceChangesApi
{
    public static void Map(RouteGroupBuilder read, RouteGroupBuilder write)
    {
        read.MapGet(
                "devices/{id}",
                async (string id, [AsParameters] Caller caller) =>
                    await FindAsync(caller, id) is { } device ? Results.Ok(DeviceAnswer.Of(device)) : Caller.Missing("device", id)
            )
            .Answers<DeviceAnswer>("A registered device", 404);
        read.MapGet(
                "devices/{id}/places",
                async (string id, int? offset, int? limit, [AsParameters] Caller caller) =>
                {
                    if (await FindAsync(caller, id) is not { } device)
                        return Caller.Missing("device", id);
                    await using var db = await caller.OpenAsync();
                    var former = await db
                        .FormerPlaces.AsNoTracking()
                        .Where(p => p.DeviceId == id)
                        .OrderBy(p => p.Until)
                        .Select(p => new DevicePlaceAnswer(p.ResidentId, p.From, p.Until, p.Profile, p.Label))
                        .ToListAsync(caller.Cancellation);
                    if (device.ResidentId is { } home)
                        former.Add(new DevicePlaceAnswer(home, device.PlacedAt, null, device.Profile, device.Label));
                    return Results.Ok(caller.Page(former, offset, limit));
                }
            )
            .Lists<DevicePlaceAnswer>("The homes in which a device was and is, as far as the caller may see them", 404);
        read.MapGet(
                "devices/{id}/latest",
                async (string id, int? offset, int? limit, IReadingStore store, [AsParameters] Caller caller) =>
                {
                    if (await FindAsync(caller, id) is not { } device)
                        return Caller.Missing("device", id);
                    if (device.ResidentId is { } home)
                        await caller.AuditAsync("read", $"resident:{home}", $"what device {id} last sent");
                    var refused = device.ResidentId is { } of ? (await caller.ResidentAsync(of))?.Refused ?? Refusals.None : Refusals.None;
                    var latest = await LatestReadings.LatestAsync(store, device, refused, caller.Now, caller.Cancellation);
                    return Results.Ok(
                        caller
                            .Page([.. latest], offset, limit)
                            .Select(r => new LatestAnswer(
                                r.Metric.Name,
                                r.Channel,
                                r.Time,
                                r.Received,
                                r.Metric.Kind == MetricKind.Event ? null : r.Value,
                                r.Metric.Unit,
                                r.Metric.Kind == MetricKind.Location ? r.Longitude : null,
                                r.Event
                            ))
                    );
                }
            )
            .Lists<LatestAnswer>("The newest reading of each metric since the device came where it is", 404);
        write
            .MapPost(
                "devices",
                (RegisterRequest body, KnowsProfile profiles, AlarmDesk desk, [AsParameters] Caller caller) =>
                    AnswerAsync(
                        Of(caller, profiles, desk, body.Why)
                            .RegisterAsync(
                                new DeviceEntry(
                                    body.Id.Trim(),
                                    body.Profile.Trim(),
                                    body.Label ?? "",
                                    body.Resident?.Trim() ?? "",
                                    body.StockArea?.Trim() ?? "",
                                    body.ReportMinutes,
                                    body.Since?.UtcDateTime
                                ),
                                caller.Cancellation
                            )
                    )
            )
            .Changes("Registers a device: in a home, or in stock", 404, 409);
        write
            .MapPatch(
                "devices/{id}",
                (string id, EditRequest body, KnowsProfile profiles, AlarmDesk desk, [AsParameters] Caller caller) =>
                    AnswerAsync(
                        Of(caller, profiles, desk, body.Why)
                            .EditAsync(
                                id,
                                body.Version,
                                new DeviceEdit(body.Label, body.Profile, body.ReportMinutes, body.Installed?.UtcDateTime),
                                caller.Cancellation
                            )
                    )
            )
            .Changes("Changes what is known of a device; what is left out stays", 404, 409);
        write
            .MapPost(
                "devices/unbound/{id}/bind",
                (string id, BindRequest body, KnowsProfile profiles, AlarmDesk desk, [AsParameters] Caller caller) =>
                    AnswerAsync(
                        Of(caller, profiles, desk, body.Why)
                            .BindAsync(id, body.Resident.Trim(), body.Profile, body.Label, body.Since?.UtcDateTime, caller.Cancellation)
                    )
            )
            .Changes("Binds a waiting device to a resident", 404, 409);
        write
            .MapPost(
                "devices/{id}/unbind",
                (string id, MoveRequest body, KnowsProfile profiles, AlarmDesk desk, [AsParameters] Caller caller) =>
                    AnswerAsync(
                        Of(caller, profiles, desk, body.Why).UnbindAsync(id, body.Version, body.Since?.UtcDateTime, caller.Cancellation)
                    )
            )
            .Changes("Takes a device out of a home, into stock", 404, 409);
        write
            .MapPost(
                "devices/{id}/move",
                (string id, MoveRequest body, KnowsProfile profiles, AlarmDesk desk, [AsParameters] Caller caller) =>
                    AnswerAsync(
                        Of(caller, profiles, desk, body.Why)
                            .MoveAsync(id, body.Version, body.Resident?.Trim() ?? "", body.Since?.UtcDateTime, caller.Cancellation)
                    )
            )
            .Changes("Takes a device to another home, or from stock to one; what it measured before stays where it was", 404, 409);
        write
            .MapPost(
                "devices/{id}/replace",
                (string id, ReplaceRequest body, KnowsProfile profiles, AlarmDesk desk, [AsParameters] Caller caller) =>
                    AnswerAsync(
                        Of(caller, profiles, desk, body.Why)
                            .ReplaceAsync(
                                id,
                                body.Version,
                                body.By.Trim(),
                                body.Profile,
                                body.Retire,
                                body.Since?.UtcDateTime,
                                caller.Cancellation
                            )
                    )
            )
            .Changes("Another device stands where this one stood: a new meter, whose total begins", 404, 409);
        write
            .MapPost(
                "devices/{id}/retire",
                (string id, MoveRequest body, KnowsProfile profiles, AlarmDesk desk, [AsParameters] Caller caller) =>
                    AnswerAsync(
                        Of(caller, profiles, desk, body.Why).RetireAsync(id, body.Version, body.Since?.UtcDateTime, caller.Cancellation)
                    )
            )
            .Changes("Takes a device out of use; a call for help of it is told all the same", 404, 409);
        write
            .MapPost(
                "devices/{id}/restock",
                (string id, MoveRequest body, KnowsProfile profiles, AlarmDesk desk, [AsParameters] Caller caller) =>
                    AnswerAsync(Of(caller, profiles, desk, body.Why).RestockAsync(id, body.Version, caller.Cancellation))
            )
            .Changes("Takes a retired device back into stock", 404, 409);
    }

    private static async Task<Device?> FindAsync(Caller caller, string id)
    {
        await using var db = await caller.OpenAsync();
        return await db.Devices.AsNoTracking().FirstOrDefaultAsync(d => d.Id == id, caller.Cancellation);
    }

    private static DeviceOperations Of(Caller caller, KnowsProfile profiles, AlarmDesk desk, string? why) =>
        new(caller.Records, profiles, desk, caller.Who, caller.Area, caller.Now, why?.Trim() ?? "");

    private static async Task<IResult> AnswerAsync(Task<DeviceRefusal?> change) =>
        await change is { } refused ? Caller.InBothLanguages(refused.Why, refused.Status) : Results.NoContent();

    /// <summary>A new device.</summary>
    /// <param name="Id">1 to 128 characters without white space, +, # or /.</param>
    /// <param name="Profile">The profile that reads it.</param>
    /// <param name="Label">Such as kitchen.</param>
    /// <param name="Resident">In whose home it is; in stock where it is left out.</param>
    /// <param name="StockArea">In whose stock: an area code; where it is left out, the caller's area.</param>
    /// <param name="ReportMinutes">How often it reports; where it is left out, as the profile says.</param>
    /// <param name="Since">When it was installed; where it is left out, now.</param>
    /// <param name="Why">Stands in the audit log.</param>
    internal sealed record RegisterRequest(
        string Id,
        string Profile,
        string? Label = null,
        string? Resident = null,
        string? StockArea = null,
        int? ReportMinutes = null,
        DateTimeOffset? Since = null,
        string? Why = null
    );

    /// <summary>What is changed of a device.</summary>
    /// <param name="Version">That the caller has read; with another one nothing is changed (409).</param>
    /// <param name="Label">Such as kitchen.</param>
    /// <param name="Profile">The profile that reads it.</param>
    /// <param name="ReportMinutes">How often it reports; 0 for the profile's own.</param>
    /// <param name="Installed">When it was put where it is.</param>
    /// <param name="Why">Stands in the audit log.</param>
    internal sealed record EditRequest(
        string Version,
        string? Label = null,
        string? Profile = null,
        int? ReportMinutes = null,
        DateTimeOffset? Installed = null,
        string? Why = null
    );

    /// <summary>To whom a waiting device belongs.</summary>
    /// <param name="Resident">Number of the resident in whose home it is.</param>
    /// <param name="Profile">The profile that decodes it; by default the one that has done so until now.</param>
    /// <param name="Label">Such as kitchen.</param>
    /// <param name="Since">Since when it is there, within the last 31 days; where it is left out, now.</param>
    /// <param name="Why">Stands in the audit log.</param>
    internal sealed record BindRequest(
        string Resident,
        string? Profile = null,
        string? Label = null,
        DateTimeOffset? Since = null,
        string? Why = null
    );

    /// <summary>Where a device goes.</summary>
    /// <param name="Version">That the caller has read; with another one nothing is changed (409). Left out: whatever it is.</param>
    /// <param name="Resident">To whose home it moves.</param>
    /// <param name="Since">When it was done, within the last 31 days; where it is left out, now.</param>
    /// <param name="Why">Stands in the audit log.</param>
    internal sealed record MoveRequest(string? Version = null, string? Resident = null, DateTimeOffset? Since = null, string? Why = null);

    /// <summary>What stands where a device stood.</summary>
    /// <param name="By">Id of the new device: in stock, waiting to be bound, or not known yet.</param>
    /// <param name="Version">Of the old one, that the caller has read; with another one nothing is changed (409).</param>
    /// <param name="Profile">That reads the new one; where it is left out, the one it has, or that of the old one.</param>
    /// <param name="Retire">The old one is retired; else it goes into stock.</param>
    /// <param name="Since">When it was done, within the last 31 days; where it is left out, now.</param>
    /// <param name="Why">Stands in the audit log.</param>
    internal sealed record ReplaceRequest(
        string By,
        string? Version = null,
        string? Profile = null,
        bool Retire = true,
        DateTimeOffset? Since = null,
        string? Why = null
    );
}
