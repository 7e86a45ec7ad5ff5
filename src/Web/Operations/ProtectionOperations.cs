using Microsoft.EntityFrameworkCore;
using Vigil.Registry.Protection;
using Vigil.Storage.Records;

namespace Vigil.Web.Operations;

/// <summary>A home in the list of those that lack something.</summary>
internal sealed record HomeInDanger(
    string Id,
    string Name,
    string Area,
    bool KeyClass,
    string? Visitor,
    IReadOnlyList<ProtectionGap> Missing
);

/// <summary>Which homes are protected now, and which are not.</summary>
internal static class ProtectionOperations
{
    /// <param name="db">The records of the reader's area: names of other areas are not found in it either.</param>
    public static async Task<IReadOnlyList<HomeInDanger>> NamedAsync(
        RecordsDb db,
        IReadOnlyList<GuardedHome> homes,
        CancellationToken cancellation
    )
    {
        var found = new List<HomeInDanger>(homes.Count);
        foreach (var some in homes.Chunk(500))
        {
            var ids = some.Select(h => h.Id).ToList();
            var named = await db
                .Residents.AsNoTracking()
                .Where(r => ids.Contains(r.Id))
                .Select(r => new
                {
                    r.Id,
                    r.Name,
                    r.Area,
                    r.KeyClass,
                    Visitor = r.Visitor!.Name,
                })
                .ToDictionaryAsync(r => r.Id, StringComparer.Ordinal, cancellation);
            foreach (var home in some)
                if (named.GetValueOrDefault(home.Id) is { } r)
                    found.Add(new HomeInDanger(r.Id, r.Name, r.Area, r.KeyClass, r.Visitor, [.. home.Missing]));
        }

        return found;
    }
}
