using System.Globalization;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.Features;
using Microsoft.AspNetCore.Routing;
using Microsoft.Extensions.DependencyInjection;
using Vigil.Notify.Channels.Twilio;

namespace Vigil.Web.Hooks;

/// <summary>
/// <c>POST /hooks/twilio/{sms|voice|status}</c>. The signature is checked over the address Twilio knows, <c>Http:PublicUrl</c>, never over
/// what the request says of its host: a proxy may change that, and a forger chooses it. Without Twilio's settings the answer is 404.
/// </summary>
public static class TwilioHookEndpoints
{
    public static void MapTwilioHooks(this IEndpointRouteBuilder app) =>
        app.MapPost(
                "/hooks/twilio/{what}",
                async (string what, HttpContext http, CancellationToken c) =>
                {
                    if (what is not ("sms" or "voice" or "status") || http.RequestServices.GetService<TwilioHooks>() is not { } hooks)
                        return Results.NotFound();
                    if (await http.Request.FormOrNoneAsync(c) is not { } fields)
                        return Results.BadRequest();
                    // A field that is sent twice could be read here otherwise than it was signed.
                    if (fields.Any(f => f.Value.Count != 1) || fields.Files.Count > 0 || http.Request.Query.Any(q => q.Value.Count != 1))
                        return Results.BadRequest();
                    var form = fields.ToDictionary(f => f.Key, f => f.Value.ToString(), StringComparer.Ordinal);
                    var target = http.Features.Get<IHttpRequestFeature>()!.RawTarget;
                    if (!hooks.IsSigned(target, form, http.Request.Headers[TwilioSignature.Header].ToString()))
                        return Results.StatusCode(StatusCodes.Status403Forbidden);
                    if (!hooks.IsOurs(form))
                        return Results.NoContent();
                    var notice = Guid.TryParseExact(http.Request.Query["notice"], "N", out var id) ? id : (Guid?)null;
                    switch (what)
                    {
                        case "voice":
                            var tries = int.TryParse(
                                http.Request.Query["tries"],
                                NumberStyles.None,
                                CultureInfo.InvariantCulture,
                                out var t
                            )
                                ? t
                                : 0;
                            var seen = int.TryParse(http.Request.Query["seen"], NumberStyles.None, CultureInfo.InvariantCulture, out var s)
                                ? s
                                : (int?)null;
                            return Results.Text(await hooks.VoiceAsync(notice, tries, seen, form, c), "text/xml");
                        case "sms":
                            return Results.Text(await hooks.Replies.TakeAsync(form, c), "text/xml");
                        default:
                            await hooks.StatusAsync(notice, form, c);
                            return Results.NoContent();
                    }
                }
            )
            .DisableAntiforgery()
            .AllowAnonymous()
            .ExcludeFromDescription(); // the signature proves the sender; cookies don't count
}
