using System.Security.Claims;
using System.Security.Cryptography;
using System.Text.Encodings.Web;
using Microsoft.AspNetCore.Authentication;
using Microsoft.AspNetCore.Authentication.Cookies;
using Microsoft.AspNetCore.Authorization;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Options;
using Vigil.Storage.Records;

namespace Vigil.Console;

/// <summary>
/// Who may do what: bearer API keys with scopes and an area, or the console's cookie, which the one-time sign-in link printed at the start gives.
/// With <c>Http:Open</c> (the demo; loopback alone) everybody is let in.
/// </summary>
public static class Access
{
    public const string Read = "read";
    public const string Write = "write";
    public const string Admin = "admin";
    private const string Scheme = "vigil";

    public static IServiceCollection AddAccess(this IServiceCollection services, bool open)
    {
        services.AddSingleton<SignInLink>();
        services.AddAuthentication(Scheme)
            .AddScheme<AccessOptions, AccessHandler>(Scheme, o => o.Open = open)
            .AddCookie(o =>
            {
                o.Cookie.Name = "vigil";
                o.Cookie.HttpOnly = true;
                o.Cookie.SameSite = SameSiteMode.Strict;
                o.ExpireTimeSpan = TimeSpan.FromHours(12);
            });
        services.AddAuthorizationBuilder()
            .AddPolicy(Read, p => p.RequireClaim("scope", Read, Write, Admin))
            .AddPolicy(Write, p => p.RequireClaim("scope", Write, Admin))
            .AddPolicy(Admin, p => p.RequireClaim("scope", Admin));
        return services;
    }

    /// <summary>The area the caller is bound to; empty for all.</summary>
    public static string Area(this ClaimsPrincipal user) => user.FindFirstValue("area") ?? "";

    public static string Who(this ClaimsPrincipal user) => user.Identity?.Name ?? "nobody";

    /// <summary>
    /// A page of another site may not act here in somebody's name, nor open the board's socket. Told by Sec-Fetch-Site where the browser sends it, else by
    /// Origin. A form of our own sends "Origin: null" because of our no-referrer policy; the cookie is SameSite=Strict, so null by itself carries nobody's name.
    /// </summary>
    public static bool IsForeign(HttpRequest request)
    {
        if ((HttpMethods.IsGet(request.Method) || HttpMethods.IsHead(request.Method) || HttpMethods.IsOptions(request.Method)) && !request.HttpContext.WebSockets.IsWebSocketRequest && request.Path != "/_blazor") return false;
        if (request.Headers["Sec-Fetch-Site"].ToString() is { Length: > 0 } site) return site is not ("same-origin" or "none");
        return request.Headers.Origin.ToString() is { Length: > 0 } origin && origin != "null" && !(Uri.TryCreate(origin, UriKind.Absolute, out var from) && from.Authority == request.Host.Value);
    }

    public static void MapSignIn(this IEndpointRouteBuilder app)
    {
        // GET shows a button and changes nothing: a link preview must not use the token up.
        app.MapGet("/signin", (string? token) => Results.Content(
            $"<!doctype html><meta charset=utf-8><title>守望 Vigil</title><form method=post action=/signin><input type=hidden name=token value=\"{HtmlEncoder.Default.Encode(token ?? "")}\"><button>登录 Sign in</button></form>",
            "text/html; charset=utf-8"));
        app.MapPost("/signin", async (HttpContext http, SignInLink link) =>
        {
            var form = await http.Request.ReadFormAsync();
            if (!link.Use(form["token"].ToString())) return Results.Text("This sign-in link was used or has expired; restart the service or run: vigil signin", statusCode: StatusCodes.Status403Forbidden);
            var identity = new ClaimsIdentity([new(ClaimTypes.Name, "console"), new("scope", Admin)], CookieAuthenticationDefaults.AuthenticationScheme);
            await http.SignInAsync(CookieAuthenticationDefaults.AuthenticationScheme, new ClaimsPrincipal(identity));
            return Results.Redirect("/");
        }).DisableAntiforgery();
    }
}

/// <summary>A token that signs in once within fifteen minutes of the start. There is no password that could be a default one.</summary>
public sealed class SignInLink(TimeProvider clock)
{
    private readonly DateTimeOffset expires = clock.GetUtcNow().AddMinutes(15);
    private string? token = Convert.ToHexString(RandomNumberGenerator.GetBytes(16));

    public string Path => $"/signin?token={token}";

    public bool Use(string given)
    {
        var mine = token;
        if (mine is null || clock.GetUtcNow() > expires || !CryptographicOperations.FixedTimeEquals(System.Text.Encoding.ASCII.GetBytes(given), System.Text.Encoding.ASCII.GetBytes(mine))) return false;
        return Interlocked.CompareExchange(ref token, null, mine) == mine;
    }
}

internal sealed class AccessOptions : AuthenticationSchemeOptions
{
    public bool Open { get; set; }
}

internal sealed class AccessHandler(IOptionsMonitor<AccessOptions> options, ILoggerFactory log, UrlEncoder encoder, Secrets secrets) : AuthenticationHandler<AccessOptions>(options, log, encoder)
{
    protected override async Task<AuthenticateResult> HandleAuthenticateAsync()
    {
        if (Request.Headers.Authorization.ToString() is { Length: > 7 } header && header.StartsWith("Bearer ", StringComparison.OrdinalIgnoreCase))
        {
            if (await secrets.FindApiKeyAsync(header[7..].Trim(), Context.RequestAborted) is not { } key) return AuthenticateResult.Fail("unknown or expired API key");
            var claims = key.Scopes.Split(',', StringSplitOptions.TrimEntries).Select(s => new Claim("scope", s)).Append(new(ClaimTypes.Name, $"api:{key.Name}")).Append(new("area", key.Area));
            return Success(new ClaimsIdentity(claims, Scheme.Name));
        }

        if (await Context.AuthenticateAsync(CookieAuthenticationDefaults.AuthenticationScheme) is { Succeeded: true } cookie) return cookie;
        return Options.Open ? Success(new ClaimsIdentity([new(ClaimTypes.Name, "console"), new("scope", Access.Admin)], Scheme.Name)) : AuthenticateResult.NoResult();
    }

    private AuthenticateResult Success(ClaimsIdentity identity) => AuthenticateResult.Success(new AuthenticationTicket(new ClaimsPrincipal(identity), Scheme.Name));
}
