using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;
using Microsoft.EntityFrameworkCore;
using Vigil.Storage.Records;

namespace Vigil.Web.Api;

/// <summary>MQTT credentials of devices and gateways. They belong to no area, so a key that is bound to one makes none.</summary>
internal static class CredentialsApi
{
    public static void Map(RouteGroupBuilder admin)
    {
        admin
            .MapGet(
                "credentials",
                async (int? offset, int? limit, [AsParameters] Caller caller) =>
                {
                    if (caller.Area.Length > 0)
                        return Results.Problem("this key is bound to an area", statusCode: StatusCodes.Status403Forbidden);
                    await using var db = await caller.OpenAsync();
                    return Results.Ok(
                        await caller.PageAsync(
                            db.Credentials.AsNoTracking()
                                .OrderBy(c => c.Username)
                                .Select(c => new CredentialAnswer(c.Username, c.Gateway, c.Topics, c.CreatedAt, c.Disabled)),
                            offset,
                            limit
                        )
                    );
                }
            )
            .Lists<CredentialAnswer>("Who may connect to the embedded broker");
        // The password is in this one answer and nowhere else; asking again replaces it.
        admin
            .MapPost(
                "credentials",
                async (CredentialRequest body, Secrets secrets, [AsParameters] Caller caller) =>
                {
                    if (caller.Area.Length > 0)
                        return Results.Problem("this key is bound to an area", statusCode: StatusCodes.Status403Forbidden);
                    if (
                        body.Username is not { Length: >= 1 and <= 128 } name
                        || name.AsSpan().ContainsAny("/+#")
                        || name.Any(char.IsControl)
                    )
                        return Caller.Wrong("'username' has 1 to 128 characters, none of them / + # or a control character");
                    var password = await secrets.CreateCredentialAsync(name, body.Gateway, body.Topics ?? [], caller.Cancellation);
                    await caller.AuditAsync("credential", $"credential:{name}", body.Gateway ? "gateway" : "device");
                    return Results.Created($"/api/v1/credentials/{Uri.EscapeDataString(name)}", new CredentialCreated(name, password));
                }
            )
            .Creates<CredentialCreated>("Makes a credential, or a new password for it");
    }

    /// <summary>A new credential.</summary>
    /// <param name="Username">1 to 128 characters, none of them / + # or a control character.</param>
    /// <param name="Gateway">Publishes for other devices.</param>
    /// <param name="Topics">Topic filters a gateway may publish to; without any, those of its profile.</param>
    internal sealed record CredentialRequest(string? Username, bool Gateway = false, IReadOnlyList<string>? Topics = null);
}

/// <summary>Who may connect to the embedded broker.</summary>
/// <param name="Gateway">Publishes for other devices.</param>
/// <param name="Topics">Topic filters a gateway may publish to, one a line.</param>
internal sealed record CredentialAnswer(string Username, bool Gateway, string Topics, DateTime CreatedAt, bool Disabled);

/// <summary>A new credential.</summary>
/// <param name="Password">Shown in this one answer.</param>
internal sealed record CredentialCreated(string Username, string Password);
