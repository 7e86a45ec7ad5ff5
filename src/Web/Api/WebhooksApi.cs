using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;
using Microsoft.EntityFrameworkCore;
using Vigil.Notify.Webhooks;
using Vigil.Storage.Records;
using Vigil.Web.Operations;

namespace Vigil.Web.Api;

/// <summary>
/// Other systems that are told of alarms. A webhook of an area is shown and changed by administrators of that area alone.
/// </summary>
internal static class WebhooksApi
{
    public static void Map(RouteGroupBuilder admin)
    {
        admin
            .MapGet(
                "webhooks",
                async (int? offset, int? limit, [AsParameters] Caller caller) =>
                {
                    await using var db = await caller.OpenAsync();
                    return (
                        await caller.PageAsync(db.Webhooks.AsNoTracking().OrderBy(w => w.CreatedAt).ThenBy(w => w.Id), offset, limit)
                    ).Select(WebhookAnswer.Of);
                }
            )
            .Lists<WebhookAnswer>("Other systems that are told of alarms");
        admin
            .MapPost(
                "webhooks",
                async (WebhookRequest body, OutwardConnections connections, [AsParameters] Caller caller) =>
                {
                    var (wrong, row, secret) = await WebhookOperations.AddAsync(
                        caller.Records,
                        connections,
                        caller.Clock,
                        caller.User,
                        body.Name,
                        body.Url,
                        body.Area,
                        body.Events,
                        caller.Cancellation
                    );
                    return wrong is not null
                        ? Caller.Wrong(wrong)
                        : Results.Created($"/api/v1/webhooks/{row!.Id}", new WebhookCreated(WebhookAnswer.Of(row), secret!));
                }
            )
            .Creates<WebhookCreated>("Registers a system that is to be told; its secret is in this one answer");
        admin
            .MapPost(
                "webhooks/{id:guid}/{change:regex(^(enable|disable|ping)$)}",
                async (Guid id, string change, [AsParameters] Caller caller) =>
                    await WebhookOperations.ChangeAsync(caller.Records, caller.Who, caller.Now, id, change, caller.Cancellation)
                        ? Results.NoContent()
                        : Caller.Missing("webhook", id.ToString())
            )
            .Changes("Switches a webhook on (enable) or off (disable), or sends it a trial message (ping)", 404);
        admin
            .MapDelete(
                "webhooks/{id:guid}",
                async (Guid id, [AsParameters] Caller caller) =>
                    await WebhookOperations.ChangeAsync(caller.Records, caller.Who, caller.Now, id, "delete", caller.Cancellation)
                        ? Results.NoContent()
                        : Caller.Missing("webhook", id.ToString())
            )
            .Changes("Deletes a webhook with its messages", 404);
        admin
            .MapGet(
                "webhooks/{id:guid}/deliveries",
                async (Guid id, int? offset, int? limit, [AsParameters] Caller caller) =>
                {
                    await using var db = await caller.OpenAsync();
                    if (!await db.Webhooks.AnyAsync(w => w.Id == id, caller.Cancellation))
                        return Caller.Missing("webhook", id.ToString());
                    return Results.Ok(
                        (
                            await caller.PageAsync(
                                db.WebhookDeliveries.AsNoTracking()
                                    .Where(d => d.WebhookId == id)
                                    .OrderByDescending(d => d.CreatedAt)
                                    .ThenBy(d => d.Id),
                                offset,
                                limit
                            )
                        ).Select(DeliveryAnswer.Of)
                    );
                }
            )
            .Lists<DeliveryAnswer>("Messages of a webhook of the last 30 days, the newest first", 404);
    }

    /// <summary>A new webhook: a system that is to be told of alarms.</summary>
    /// <param name="Name">1 to 100 characters.</param>
    /// <param name="Url">https, outside this network (see Webhooks:AllowNetworks).</param>
    /// <param name="Events">Some of opened, repeated, severity, acknowledged, in-hand, handed-over, cleared, resolved, reopened.</param>
    /// <param name="Area">Alarms of this area alone; of the caller's whole area by default.</param>
    internal sealed record WebhookRequest(string? Name, string? Url, IReadOnlyList<string>? Events, string? Area = null);

    /// <summary>A system that is told of alarms.</summary>
    internal sealed record WebhookAnswer(
        Guid Id,
        string Name,
        string Url,
        string Area,
        IReadOnlyList<string> Events,
        string CreatedBy,
        DateTime CreatedAt,
        bool Disabled
    )
    {
        public static WebhookAnswer Of(Webhook w) =>
            new(w.Id, w.Name, w.Url, w.Area, w.Events.Split(','), w.CreatedBy, w.CreatedAt, w.Disabled);
    }

    /// <summary>A new webhook.</summary>
    /// <param name="Secret">Checks the signatures (Standard Webhooks 1.0.0); shown in this one answer.</param>
    internal sealed record WebhookCreated(WebhookAnswer Webhook, string Secret);

    /// <summary>A message to a webhook.</summary>
    /// <param name="State">waiting, delivered or given-up (after a day).</param>
    /// <param name="Note">What the receiver last answered.</param>
    internal sealed record DeliveryAnswer(
        Guid Id,
        Guid? Alarm,
        string Event,
        string State,
        int Attempts,
        DateTime CreatedAt,
        DateTime? DueAt,
        DateTime? DeliveredAt,
        string Note
    )
    {
        public static DeliveryAnswer Of(WebhookDelivery d) =>
            new(
                d.Id,
                d.AlarmId == Guid.Empty ? null : d.AlarmId,
                d.Event,
                d.DeliveredAt is not null ? "delivered"
                    : d.GivenUpAt is not null ? "given-up"
                    : "waiting",
                d.Attempts,
                d.CreatedAt,
                d.DeliveredAt is null && d.GivenUpAt is null ? d.DueAt : null,
                d.DeliveredAt,
                d.Note.En
            );
    }
}
