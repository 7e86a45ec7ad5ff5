using System.Security.Claims;
using System.Security.Cryptography;
using System.Text.Encodings.Web;
using Microsoft.AspNetCore.Authentication;
using Microsoft.AspNetCore.Authentication.Cookies;
using Microsoft.AspNetCore.Authorization;
using Microsoft.AspNetCore.Components.Authorization;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Options;
using Vigil.Storage.Records;
using Vigil.Web.Accounts;

namespace Vigil.Web;

/// <summary>
/// Who may do what: bearer API keys with scopes and an area, or the console's cookie of somebody with an account (<see
/// cref="Accounts.Accounts"/>). With <c>Http:Open</c> (the demo; loopback alone) everybody is let in.
/// </summary>
public static class Access
{
    public const string Read = "read";

    /// <summary>Visits and absences.</summary>
    public const string Visit = "visit";

    /// <summary>Alarms, devices, a resident's numbers in full.</summary>
    public const string Write = "write";

    /// <summary>Heightened watch over areas.</summary>
    public const string Supervise = "supervise";
    public const string Admin = "admin";

    /// <summary>From least to most: each scope includes those before it.</summary>
    private static readonly string[] Scopes = [Read, Visit, Write, Supervise, Admin];
    private const string Scheme = "vigil";

    public static IServiceCollection AddAccess(this IServiceCollection services, bool open, Accounts.AccountsOptions accounts)
    {
        services.AddAccounts(accounts);
        services.AddLimits();
        services.AddScoped<AreaRecords>();
        services.AddScoped<AuthenticationStateProvider, RevalidatingCircuit>();
        services.AddSingleton<SignInLink>();
        services.AddSingleton(new AccessOpen(open));
        services.AddSingleton<SignInTries>();
        services.AddSingleton<KnownBrowsers>();
        services.AddSingleton<FirstSteps>();
        var authentication = services
            .AddAuthentication(Scheme)
            .AddScheme<AccessOptions, AccessHandler>(Scheme, o => o.Open = open)
            .AddCookie(o =>
            {
                o.Cookie.Name = "vigil";
                o.Cookie.HttpOnly = true;
                o.Cookie.SameSite = SameSiteMode.Strict;
                o.Cookie.SecurePolicy = CookieSecurePolicy.SameAsRequest; // HttpOptions.Use says https also where a proxy ends TLS
                o.ExpireTimeSpan = TimeSpan.FromHours(12); // one shift; then the password is asked for again
                o.SlidingExpiration = false;
                o.LoginPath = "/signin";
                o.ReturnUrlParameter = "returnTo";
                o.Events.OnValidatePrincipal = Revalidation.ValidateAsync;
            });
        if (accounts.SingleSignOn is { } singleSignOn)
            SingleSignOn.Add(authentication, singleSignOn);
        var authorization = services.AddAuthorizationBuilder();
        for (var i = 0; i < Scopes.Length; i++)
        {
            var enough = Scopes[i..];
            authorization.AddPolicy(Scopes[i], p => p.RequireClaim("scope", enough));
        }

        return services;
    }

    /// <summary>The area the caller is bound to; empty for all, nowhere for whoever is not signed in.</summary>
    public static string Area(this ClaimsPrincipal user) => user.FindFirstValue("area") ?? RecordsDb.Nowhere;

    /// <summary>
    /// Whether the caller may create something in this area. For rows that exist already the records check it themselves
    /// (<c>RecordsDb.Areas.cs</c>).
    /// </summary>
    public static bool Covers(this ClaimsPrincipal user, string area) => area.StartsWith(user.Area(), StringComparison.Ordinal);

    public static bool May(this ClaimsPrincipal user, string scope) =>
        Scopes.SkipWhile(s => s != scope).Any(s => user.HasClaim("scope", s));

    public static string Who(this ClaimsPrincipal user) => user.Identity?.Name ?? "nobody";
}

/// <summary>
/// A token with which the first administrator's account is made, once, within fifteen minutes of the start, so that there is no default
/// password. Once there is an administrator the token is good for nothing.
/// </summary>
public sealed class SignInLink(TimeProvider clock)
{
    private readonly DateTimeOffset expires = clock.GetUtcNow().AddMinutes(15);
    private string? token = Convert.ToHexString(RandomNumberGenerator.GetBytes(16));

    public string Path => $"/signin?token={token}";

    public bool Fits(string given) =>
        token is { } mine
        && clock.GetUtcNow() <= expires
        && CryptographicOperations.FixedTimeEquals(System.Text.Encoding.ASCII.GetBytes(given), System.Text.Encoding.ASCII.GetBytes(mine));

    public bool Use(string given)
    {
        var mine = token;
        return Fits(given) && Interlocked.CompareExchange(ref token, null, mine) == mine;
    }
}

internal sealed class AccessOptions : AuthenticationSchemeOptions
{
    public bool Open { get; set; }
}

internal sealed class AccessHandler(IOptionsMonitor<AccessOptions> options, ILoggerFactory log, UrlEncoder encoder, Secrets secrets)
    : AuthenticationHandler<AccessOptions>(options, log, encoder)
{
    protected override async Task<AuthenticateResult> HandleAuthenticateAsync()
    {
        if (
            Request.Headers.Authorization.ToString() is { Length: > 7 } header
            && header.StartsWith("Bearer ", StringComparison.OrdinalIgnoreCase)
        )
        {
            if (await secrets.FindApiKeyAsync(header[7..].Trim(), Context.RequestAborted) is not { } key)
                return AuthenticateResult.Fail("unknown or expired API key");
            var claims = key
                .Scopes.Split(',', StringSplitOptions.TrimEntries)
                .Select(s => new Claim("scope", s))
                .Append(new(ClaimTypes.Name, $"api:{key.Name}"))
                .Append(new("area", key.Area));
            return Success(new ClaimsIdentity(claims, Scheme.Name));
        }

        if (await Context.AuthenticateAsync(CookieAuthenticationDefaults.AuthenticationScheme) is { Succeeded: true } cookie)
            return cookie;
        return Options.Open
            ? Success(new ClaimsIdentity([new(ClaimTypes.Name, "console"), new("scope", Access.Admin), new("area", "")], Scheme.Name))
            : AuthenticateResult.NoResult();
    }

    /// <summary>A browser is redirected to the sign-in page; a program gets 401.</summary>
    protected override Task HandleChallengeAsync(AuthenticationProperties properties)
    {
        if (
            HttpMethods.IsGet(Request.Method)
            && !Request.Path.StartsWithSegments("/api")
            && Request.Headers.Accept.ToString().Contains("text/html", StringComparison.OrdinalIgnoreCase)
        )
            Response.Redirect($"/signin?returnTo={Uri.EscapeDataString(Request.Path + Request.QueryString)}");
        else
            Response.StatusCode = StatusCodes.Status401Unauthorized;
        return Task.CompletedTask;
    }

    private AuthenticateResult Success(ClaimsIdentity identity) =>
        AuthenticateResult.Success(new AuthenticationTicket(new ClaimsPrincipal(identity), Scheme.Name));
}
