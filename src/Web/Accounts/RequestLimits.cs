using System.Globalization;
using System.Net;
using System.Net.Sockets;
using System.Threading.RateLimiting;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.RateLimiting;
using Microsoft.Extensions.DependencyInjection;
using Vigil.Notify;

namespace Vigil.Web.Accounts;

/// <summary>
/// How often one may ask. Whoever asks too often hears 429 with Retry-After; providers' callbacks are not counted, their signatures are.
/// </summary>
internal static class RequestLimits
{
    /// <summary>Passwords and one-time links, an address.</summary>
    public const string SignIn = "signin";

    /// <summary>Contacts' pages: links are long, and still nobody may try them in bulk.</summary>
    public const string Links = "links";

    public static IServiceCollection AddLimits(this IServiceCollection services) =>
        services.AddRateLimiter(o =>
        {
            // A browser that somebody signed in with before counts for itself: whoever shares the address, or floods it, takes nothing from
            // it.
            o.AddPolicy(
                SignIn,
                http => Window(http.RequestServices.GetRequiredService<KnownBrowsers>().Any(http.Request) ?? Address(http), 20)
            );
            // Many families stand behind one address of a phone network: a right link counts for itself, guesses count together.
            o.AddPolicy(
                Links,
                http =>
                    http.Request.RouteValues["token"] is string token
                    && http.RequestServices.GetRequiredService<SignedLinks>().Open(token) is { } notice
                        ? Window($"link:{notice:N}", 30)
                        : Window(Address(http), 60)
            );
            // The API and the pages, a key or person; whoever is not known counts by address. What carries many people away at once counts
            // by the hour.
            o.GlobalLimiter = PartitionedRateLimiter.CreateChained(
                PartitionedRateLimiter.Create<HttpContext, string>(http =>
                    http.Request.Path.StartsWithSegments("/api") ? Window(Who(http), 3000) : RateLimitPartition.GetNoLimiter("")
                ),
                PartitionedRateLimiter.Create<HttpContext, string>(http =>
                    IsExport(http.Request) ? Window(Who(http), ExportsAnHour, 60) : RateLimitPartition.GetNoLimiter("")
                )
            );
            o.OnRejected = async (context, _) =>
            {
                var seconds = context.Lease.TryGetMetadata(MetadataName.RetryAfter, out var after)
                    ? Math.Max(1, (int)Math.Ceiling(after.TotalSeconds))
                    : 60;
                context.HttpContext.Response.Headers.RetryAfter = seconds.ToString(CultureInfo.InvariantCulture);
                await Results
                    .Problem($"too many requests; again in {seconds} s", statusCode: StatusCodes.Status429TooManyRequests)
                    .ExecuteAsync(context.HttpContext);
            };
        });

    /// <summary>Sheets and archives that one person or key may take away in an hour.</summary>
    public const int ExportsAnHour = 60;

    private static string Who(HttpContext http) => http.User.Identity is { IsAuthenticated: true, Name: { } name } ? name : Address(http);

    private static bool IsExport(HttpRequest request) =>
        request.Path.StartsWithSegments("/api")
        && (request.Query["format"].ToString() is "csv" or "xlsx" || request.Path.Value!.EndsWith("/export", StringComparison.Ordinal));

    /// <summary>Who asks, as far as an address says it: whoever has one of IPv6 has its whole network of 64 bits.</summary>
    internal static string Address(HttpContext http) =>
        http.Connection.RemoteIpAddress switch
        {
            null => "",
            { IsIPv4MappedToIPv6: true } mapped => mapped.MapToIPv4().ToString(),
            { AddressFamily: AddressFamily.InterNetworkV6 } six => new IPAddress([
                .. six.GetAddressBytes().AsSpan(0, 8),
                0,
                0,
                0,
                0,
                0,
                0,
                0,
                0,
            ]).ToString(),
            var four => four.ToString(),
        };

    private static RateLimitPartition<string> Window(string who, int most, int minutes = 1) =>
        RateLimitPartition.GetFixedWindowLimiter(
            who,
            _ => new FixedWindowRateLimiterOptions
            {
                PermitLimit = most,
                Window = TimeSpan.FromMinutes(minutes),
                QueueLimit = 0,
            }
        );
}
