using System.Globalization;
using System.Threading.RateLimiting;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.RateLimiting;
using Microsoft.Extensions.DependencyInjection;

namespace Vigil.Console.Accounts;

/// <summary>How often one may ask. Whoever asks too often hears 429 with Retry-After; providers' callbacks are not counted, their signatures are.</summary>
internal static class Limits
{
    /// <summary>Passwords and one-time links, an address.</summary>
    public const string SignIn = "signin";

    /// <summary>Contacts' pages, an address: links are long, and still nobody may try them in bulk.</summary>
    public const string Links = "links";

    public static IServiceCollection AddLimits(this IServiceCollection services) => services.AddRateLimiter(o =>
    {
        o.AddPolicy(SignIn, http => Window(Address(http), 20));
        o.AddPolicy(Links, http => Window(Address(http), 120));
        // The API and the pages, a key or person; whoever is not known counts by address.
        o.GlobalLimiter = PartitionedRateLimiter.Create<HttpContext, string>(http => http.Request.Path.StartsWithSegments("/api") ? Window(http.User.Identity is { IsAuthenticated: true, Name: { } name } ? name : Address(http), 3000) : RateLimitPartition.GetNoLimiter(""));
        o.OnRejected = async (context, _) =>
        {
            var seconds = context.Lease.TryGetMetadata(MetadataName.RetryAfter, out var after) ? Math.Max(1, (int)Math.Ceiling(after.TotalSeconds)) : 60;
            context.HttpContext.Response.Headers.RetryAfter = seconds.ToString(CultureInfo.InvariantCulture);
            await Results.Problem($"too many requests; again in {seconds} s", statusCode: StatusCodes.Status429TooManyRequests).ExecuteAsync(context.HttpContext);
        };
    });

    private static string Address(HttpContext http) => http.Connection.RemoteIpAddress?.ToString() ?? "";

    private static RateLimitPartition<string> Window(string who, int aMinute) =>
        RateLimitPartition.GetFixedWindowLimiter(who, _ => new FixedWindowRateLimiterOptions { PermitLimit = aMinute, Window = TimeSpan.FromMinutes(1), QueueLimit = 0 });
}
