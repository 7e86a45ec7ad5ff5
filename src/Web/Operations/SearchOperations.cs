using Vigil.Registry.Search;
using Vigil.Storage.Records;

namespace Vigil.Web.Operations;

/// <summary>Search over the whole console.</summary>
internal static class SearchOperations
{
    /// <summary>Results of each kind where all kinds are shown.</summary>
    public const int Few = 5;

    /// <summary>Results of a page of one kind.</summary>
    public const int PageOf = 50;

    /// <summary>What is found, written down as a read of the residents that are shown.</summary>
    /// <param name="db">The records of the reader's area.</param>
    /// <param name="kind">One kind alone; null for all.</param>
    /// <param name="from">Where the page of one kind begins.</param>
    public static async Task<IReadOnlyList<SearchGroup>> FindAsync(
        RegistrySearch search,
        RecordsDb db,
        string text,
        SearchKind? kind,
        int from,
        int? limit,
        string who,
        DateTime now,
        CancellationToken cancellation
    )
    {
        var found = kind is { } one
            ? [await search.FindAsync(db, one, text, Math.Max(from, 0), limit ?? PageOf, cancellation)]
            : await search.FindAsync(db, text, limit ?? Few, cancellation);
        if (found.Any(g => g.Hits.Count > 0))
        {
            // Who was shown, not what was typed: a name would outlive the erasure of the person.
            db.AddAudit(
                now,
                who,
                "read",
                "search",
                string.Join(
                    ' ',
                    found.SelectMany(g => g.Hits).Select(h => h.Resident).OfType<string>().Distinct().Select(id => $"resident:{id}")
                )
            );
            await db.SaveChangesAsync(cancellation);
        }

        return found;
    }

    /// <summary>The page that shows it.</summary>
    public static string AddressOf(SearchHit hit) =>
        hit switch
        {
            { Kind: SearchKind.Device } => $"/devices/{Uri.EscapeDataString(hit.Id)}",
            { Resident: { } resident } => $"/residents/{Uri.EscapeDataString(resident)}",
            { Kind: SearchKind.Area } => $"/residents?search={Uri.EscapeDataString(hit.Id)}",
            _ => $"/my-day?visitor={Uri.EscapeDataString(hit.Id)}",
        };
}
