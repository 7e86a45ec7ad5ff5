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
/// Rate limits: too many requests are answered with 429 and Retry-After. Callbacks of providers are not limited, since their signature or
/// secret shows who sent them.
/// </summary>
internal static class RequestLimits
{
    /// <summary>Signing in and setting a password, counted by known browser, else by address.</summary>
    public const string SignIn = "signin";

    /// <summary>Contacts' pages: a link is too long to be guessed, and still nobody may try many.</summary>
    public const string Links = "links";

    public static IServiceCollection AddLimits(this IServiceCollection services) =>
        services.AddRateLimiter(o =>
        {
            // A browser in which somebody signed in before has a count of its own: nobody else at the same address can use it up.
            o.AddPolicy(
                SignIn,
                http => Window(http.RequestServices.GetRequiredService<KnownBrowsers>().FindAny(http.Request) ?? Address(http), 20)
            );
            // Many families share one address of a phone network: each valid link has a count of its own, others count by address.
            o.AddPolicy(
                Links,
                http =>
                    http.Request.RouteValues["token"] is string token
                    && http.RequestServices.GetRequiredService<SignedLinks>().Open(token) is { } notice
                        ? Window($"link:{notice:N}", 30)
                        : Window(Address(http), 60)
            );
            // The API is counted by key or person, else by address. Exports, which hold the data of many people, are also counted by the
            // hour.
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

    /// <summary>Sheets and archives that one person or key may download in an hour.</summary>
    public const int ExportsAnHour = 60;

    private static string Who(HttpContext http) => http.User.Identity is { IsAuthenticated: true, Name: { } name } ? name : Address(http);

    private static bool IsExport(HttpRequest request) =>
        request.Path.StartsWithSegments("/api")
        && (request.Query["format"].ToString() is "csv" or "xlsx" || request.Path.Value!.EndsWith("/export", StringComparison.Ordinal));

    /// <summary>The address that is counted. Of an IPv6 address the first 64 bits: whoever has one has the whole network.</summary>
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
