using System.Globalization;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;
using Vigil.Model;
using Vigil.Registry.Protection;
using Vigil.Web.Operations;

namespace Vigil.Web.Api;

/// <summary>How many homes are protected now.</summary>
/// <param name="At">When it was looked at.</param>
/// <param name="Homes">In the registry, of this area and class.</param>
/// <param name="Protected">Of them: a device is heard and a contact can be told.</param>
/// <param name="Reasons">What homes lack. A home may lack several things.</param>
internal sealed record ProtectionAnswer(DateTime? At, int Homes, int Protected, IReadOnlyList<ProtectionReason> Reasons);

/// <summary>Something that homes lack.</summary>
/// <param name="Reason">Its word, such as no-contact or all-silent.</param>
/// <param name="Unprotected">A home without it is not protected; false: it is a weakness of a protected home.</param>
/// <param name="Homes">How many lack it.</param>
internal sealed record ProtectionReason(string Reason, bool Unprotected, int Homes);

/// <summary>A home that lacks something.</summary>
/// <param name="KeyClass">Key (重点) rather than general (一般).</param>
/// <param name="Visitor">Name of the assigned visitor.</param>
/// <param name="Protected">Nothing is missing but for weaknesses.</param>
/// <param name="Reasons">All that it lacks, the worst first.</param>
internal sealed record UnprotectedHome(
    string Id,
    string Name,
    string Area,
    bool KeyClass,
    string? Visitor,
    bool Protected,
    IReadOnlyList<string> Reasons
);

/// <summary>Which homes are protected now: <see cref="ProtectionGap"/>.</summary>
internal static class ProtectionApi
{
    public static void Map(RouteGroupBuilder read)
    {
        read.MapGet(
                "protection",
                async (string? area, bool? keyClass, ProtectedNow now, [AsParameters] Caller caller) =>
                {
                    await now.ReadyAsync(caller.Cancellation);
                    var found = now.Of(new ProtectionFilter(caller.Area, area ?? "", keyClass));
                    return new ProtectionAnswer(
                        found.At,
                        found.Homes,
                        found.Protected,
                        [.. found.ByGap.Select(g => new ProtectionReason(g.Key.Word(), g.Key.Unprotects(), g.Value))]
                    );
                }
            )
            .Answers<ProtectionAnswer>("How many homes are protected now, and what the others lack");
        read.MapGet(
                "protection/homes",
                async (
                    string? reason,
                    string? area,
                    bool? keyClass,
                    string? format,
                    int? offset,
                    int? limit,
                    ProtectedNow now,
                    [AsParameters] Caller caller
                ) =>
                {
                    ProtectionGap? gap = null;
                    if (reason is { Length: > 0 })
                    {
                        if (!Words.TryParse<ProtectionGap>(reason, out var lacks))
                            return Caller.Wrong($"'{reason}' is not one of {string.Join(", ", Words.All<ProtectionGap>())}");
                        gap = lacks;
                    }

                    if (format is not (null or "json" or "csv" or "xlsx"))
                        return Caller.Wrong($"'{format}' is not one of json, csv, xlsx");
                    await now.ReadyAsync(caller.Cancellation);
                    var filter = new ProtectionFilter(caller.Area, area ?? "", keyClass);
                    var file = format is "csv" or "xlsx";
                    var (page, total) = now.Find(
                        filter,
                        gap,
                        file ? 0 : Math.Max(offset ?? 0, 0),
                        file ? Caller.LargestSheet : Math.Clamp(limit ?? 100, 1, Caller.LargestPage)
                    );
                    await using var db = await caller.OpenAsync();
                    var homes = await ProtectionOperations.NamedAsync(db, page, caller.Cancellation);
                    if (file)
                    {
                        await caller.AuditAsync("export", "protection", $"{homes.Count} rows as {format}");
                        var language = caller.Http.Request.Language();
                        return Caller.Sheet(
                            "protection." + format,
                            ["id", "name", "area", "class", "visitor", "missing"],
                            homes.Select(h =>
                                (IReadOnlyList<object?>)
                                    [
                                        h.Id,
                                        h.Name,
                                        h.Area,
                                        Texts.Of(h.KeyClass ? "protection.class.key" : "protection.class.general", language),
                                        h.Visitor,
                                        Texts.List(h.Missing.Select(m => m.Words().In(language)), language),
                                    ]
                            )
                        );
                    }

                    caller.Http.Response.Headers["X-Total-Count"] = total.ToString(CultureInfo.InvariantCulture);
                    await caller.AuditAsync("read", "protection", $"{homes.Count} homes");
                    return Results.Ok(
                        homes.Select(h => new UnprotectedHome(
                            h.Id,
                            h.Name,
                            h.Area,
                            h.KeyClass,
                            h.Visitor,
                            !h.Missing.Any(m => m.Unprotects()),
                            [.. h.Missing.Select(m => m.Word())]
                        ))
                    );
                }
            )
            .Lists<UnprotectedHome>("Homes that are not protected now, or that lack what is asked for", 400);
    }
}
