using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;
using Vigil.Registry;

namespace Vigil.Web.Api;

/// <summary>The figures of a period, as an answer or as a sheet.</summary>
internal static class StatisticsApi
{
    public static void Map(RouteGroupBuilder read) =>
        read.MapGet(
                "statistics",
                async (DateTimeOffset? from, DateTimeOffset? to, string? format, KeptStatistics kept, [AsParameters] Caller caller) =>
                {
                    if (!IsPlausible(from) || !IsPlausible(to))
                        return Caller.Wrong("'from' and 'to' are times of the years 2000 to 2099");
                    var until = to?.UtcDateTime ?? caller.Now;
                    var since = from?.UtcDateTime ?? until.AddDays(-30);
                    if (since >= until)
                        return Caller.Wrong("'to' has to lie after 'from'");
                    if (until - since > TimeSpan.FromDays(1100))
                        return Caller.Wrong("at most three years at once");
                    if (format is not (null or "json" or "csv" or "xlsx"))
                        return Caller.Wrong($"'{format}' is not one of json, csv, xlsx");
                    var found =
                        from is null && to is null ? await kept.LatelyAsync(caller.Area, until - since, caller.Cancellation)
                        : to is null ? await kept.NowAsync(caller.Area, since, caller.Cancellation)
                        : await kept.OfAsync(caller.Area, since, until, caller.Cancellation);
                    return format is null or "json"
                        ? Results.Ok(found)
                        : Caller.Sheet("statistics." + format, ["figure", "name", "value"], found.Rows());
                }
            )
            .Answers<Statistics>("Figures of a period, against the call-centre standards; the last 30 days by default", 400);

    /// <summary>No month before it or local time of it lies outside of what a date can say.</summary>
    private static bool IsPlausible(DateTimeOffset? time) => time is null or { UtcDateTime.Year: >= 2000 and < 2100 };
}
