using System.Security.Cryptography;
using System.Text;
using Microsoft.AspNetCore.DataProtection;
using Microsoft.AspNetCore.Http;

namespace Vigil.Web.Accounts;

/// <summary>
/// Browsers in which somebody has signed in before, after OWASP's device cookies: each has a sealed cookie for each user name. It signs
/// nobody in and only tells the browser from those of strangers. A computer that several officers share has a cookie for each of them.
/// </summary>
internal sealed class KnownBrowsers(IDataProtectionProvider protection, TimeProvider clock)
{
    private const string Prefix = "vigil-known-";
    private static readonly TimeSpan Kept = TimeSpan.FromDays(180);

    private readonly ITimeLimitedDataProtector seal = protection.CreateProtector("Vigil.KnownBrowser").ToTimeLimitedDataProtector();

    /// <summary>The browser's id, where this name has signed in with it; else null.</summary>
    public string? Find(HttpRequest request, string name) =>
        request.Cookies[Cookie(name)] is { Length: > 0 and < 1000 } value ? Open(value, Cookie(name)) : null;

    /// <summary>The id of a browser in which anybody has signed in.</summary>
    public string? FindAny(HttpRequest request) =>
        request
            .Cookies.Where(c => c.Key.StartsWith(Prefix, StringComparison.Ordinal) && c.Value.Length < 1000)
            .Take(20)
            .Select(c => Open(c.Value, c.Key))
            .FirstOrDefault(id => id is not null);

    /// <summary>Sets the cookie after a sign-in.</summary>
    public void Remember(HttpContext http, string name, string? browser) =>
        http.Response.Cookies.Append(
            Cookie(name),
            seal.Protect(
                $"{Cookie(name)} {browser ?? "browser:" + Convert.ToHexString(RandomNumberGenerator.GetBytes(12))}",
                clock.GetUtcNow() + Kept
            ),
            new CookieOptions
            {
                HttpOnly = true,
                SameSite = SameSiteMode.Strict,
                Secure = http.Request.IsHttps,
                MaxAge = Kept,
                Path = "/signin",
            }
        );

    /// <summary>Named by a hash of the user name: the cookie does not show whether there is such an account.</summary>
    private static string Cookie(string name) =>
        Prefix + Convert.ToHexString(SHA256.HashData(Encoding.UTF8.GetBytes(name.ToUpperInvariant())))[..12];

    private string? Open(string value, string cookie)
    {
        try
        {
            return seal.Unprotect(value).Split(' ') is [var whose, var id] && whose == cookie ? id : null;
        }
        catch (CryptographicException)
        {
            return null; // forged, too old, or sealed with other keys
        }
    }
}
