using System.Security.Claims;
using Microsoft.AspNetCore.Authentication;
using Microsoft.AspNetCore.Authentication.Cookies;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.HttpResults;
using Microsoft.AspNetCore.Routing;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.IdentityModel.Protocols.OpenIdConnect;
using Vigil.Model;
using Vigil.Storage.Records;
using Vigil.Web.Pages.Plain;

namespace Vigil.Web.Accounts;

/// <summary>
/// Signing in with an organisation's own accounts (OpenID Connect, authorization code with PKCE). Section <c>Oidc</c>; off without an
/// authority.
/// </summary>
/// <param name="Authority">Address of the issuer; https, or http on loopback.</param>
/// <param name="RoleClaim">Claim with one of <see cref="Roles.All"/>; without one nobody gets in.</param>
/// <param name="AreaClaim">Claim with the area code; without one administrators see every area and others none.</param>
public sealed record SingleSignOn(
    string Authority,
    string ClientId,
    string ClientSecret,
    string RoleClaim = "vigil_role",
    string AreaClaim = "vigil_area"
)
{
    internal const string Scheme = "oidc";

    internal static void Add(AuthenticationBuilder authentication, SingleSignOn with) =>
        authentication.AddOpenIdConnect(
            Scheme,
            o =>
            {
                (o.Authority, o.ClientId, o.ClientSecret) = (with.Authority, with.ClientId, with.ClientSecret);
                o.RequireHttpsMetadata = !new Uri(with.Authority).IsLoopback;
                (o.ResponseType, o.ResponseMode, o.UsePkce) = (OpenIdConnectResponseType.Code, OpenIdConnectResponseMode.Query, true);
                (o.SignInScheme, o.CallbackPath, o.MapInboundClaims, o.SaveTokens) = (
                    CookieAuthenticationDefaults.AuthenticationScheme,
                    "/signin/oidc",
                    false,
                    false
                );
                // The answer comes as a GET from the issuer's site: Lax is enough, and works without TLS on loopback.
                (o.CorrelationCookie.SameSite, o.NonceCookie.SameSite) = (SameSiteMode.Lax, SameSiteMode.Lax);
                (o.CorrelationCookie.SecurePolicy, o.NonceCookie.SecurePolicy) = (
                    CookieSecurePolicy.SameAsRequest,
                    CookieSecurePolicy.SameAsRequest
                );
                // The address to come back to is the public one: behind a proxy this process listens on another.
                o.Events.OnRedirectToIdentityProvider = context =>
                {
                    context.ProtocolMessage.RedirectUri = context
                        .HttpContext.RequestServices.GetRequiredService<HttpOptions>()
                        .Absolute(context.Request, o.CallbackPath);
                    return Task.CompletedTask;
                };
                o.Events.OnTokenValidated = context =>
                {
                    if (PrincipalOf(context.Principal!, with) is { } who)
                        context.Principal = who;
                    else
                        context.Fail($"{NoRole} in '{with.RoleClaim}'");
                    return Task.CompletedTask;
                };
                o.Events.OnTicketReceived = async context =>
                {
                    // Our cookie is SameSite=Strict: the browser doesn't send it after a redirect that began on the issuer's site, but
                    // does from a page of ours.
                    await context.HttpContext.SignInAsync(CookieAuthenticationDefaults.AuthenticationScheme, context.Principal!);
                    context.HandleResponse();
                    await new RazorComponentResult<SingleSignOnReturn>().ExecuteAsync(context.HttpContext);
                };
                o.Events.OnRemoteFailure = async context =>
                {
                    context.HandleResponse();
                    var isRole = context.Failure?.Message.StartsWith(NoRole, StringComparison.Ordinal) == true;
                    var why = isRole ? NoRoleIn(with.RoleClaim) : Texts.All["signin.refused"];
                    await new RazorComponentResult<SingleSignOnReturn>(
                        new Dictionary<string, object?> { [nameof(SingleSignOnReturn.Trouble)] = why }
                    )
                    {
                        StatusCode = StatusCodes.Status403Forbidden,
                    }.ExecuteAsync(context.HttpContext);
                };
            }
        );

    private const string NoRole = "the issuer gives no role";

    private static Wording NoRoleIn(string claim)
    {
        var words = Texts.All["signin.no-role"];
        return new Wording(words.En + Texts.InBrackets(claim, "en"), words.Zh + Texts.InBrackets(claim, "zh"));
    }

    internal static void Map(IEndpointRouteBuilder app) =>
        app.MapGet("/signin/elsewhere", () => Results.Challenge(new AuthenticationProperties { RedirectUri = "/" }, [Scheme]))
            .ExcludeFromDescription();

    /// <summary>The person with their role and area here; null when the issuer gives no role that there is.</summary>
    private static ClaimsPrincipal? PrincipalOf(ClaimsPrincipal issued, SingleSignOn with)
    {
        if (issued.FindFirstValue(with.RoleClaim) is not { } role || !Roles.All.Contains(role))
            return null;
        var area = issued.FindFirstValue(with.AreaClaim) ?? (role == Roles.Administrator ? "" : "none"); // begins no area code
        var name = issued.FindFirstValue("preferred_username") ?? issued.FindFirstValue("sub")!;
        return new ClaimsPrincipal(
            new ClaimsIdentity(
                [
                    new(ClaimTypes.Name, $"{name}@{new Uri(with.Authority).Host}"),
                    new("area", area),
                    new(Accounts.Role, role),
                    .. Roles.Scopes(role).Select(s => new Claim("scope", s)),
                ],
                CookieAuthenticationDefaults.AuthenticationScheme
            )
        );
    }
}
