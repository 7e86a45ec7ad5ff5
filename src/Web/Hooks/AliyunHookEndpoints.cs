using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;
using Microsoft.Extensions.DependencyInjection;
using Vigil.Notify.Channels.Aliyun;

namespace Vigil.Web.Hooks;

/// <summary>
/// <c>POST /hooks/aliyun/{Aliyun:HookSecret}/{sms|voice}</c>: delivery receipts, and keys pressed in calls.
/// Without Aliyun's settings the answer is 404.
/// </summary>
public static class AliyunHookEndpoints
{
    public static void MapAliyunHooks(this IEndpointRouteBuilder app) =>
        app.MapPost(
                "/hooks/aliyun/{secret}/{what}",
                async (string secret, string what, HttpContext http, CancellationToken c) =>
                {
                    if (what is not ("sms" or "voice") || http.RequestServices.GetService<AliyunHooks>() is not { } hooks)
                        return Results.NotFound();
                    if (!hooks.IsOurs(secret))
                        return Results.StatusCode(StatusCodes.Status403Forbidden);
                    return await hooks.ReportsAsync(what, http.Request.Body, c)
                        ? Results.Json(new { code = 0, msg = "OK" })
                        : Results.BadRequest();
                }
            )
            .DisableAntiforgery()
            .AllowAnonymous()
            .ExcludeFromDescription(); // the secret in the address proves the sender; cookies don't count
}
