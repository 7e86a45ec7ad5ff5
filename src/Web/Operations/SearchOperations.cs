using System.Text.RegularExpressions;
using Vigil.Registry.Search;
using Vigil.Storage.Records;

namespace Vigil.Web.Operations;

/// <summary>Search over the whole console.</summary>
internal static partial class SearchOperations
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
            db.AddAudit(now, who, "read", "search", $"'{Said(text)}': {found.Sum(g => g.Hits.Count)} results");
            await db.SaveChangesAsync(cancellation);
        }

        return found;
    }

    /// <summary>The page that shows it.</summary>
    public static string AddressOf(SearchHit hit) =>
        hit switch
        {
            { Resident: { } resident } => $"/residents/{Uri.EscapeDataString(resident)}",
            { Kind: SearchKind.Area } => $"/residents?search={Uri.EscapeDataString(hit.Id)}",
            { Kind: SearchKind.Device } => "/devices",
            _ => $"/my-day?visitor={Uri.EscapeDataString(hit.Id)}",
        };

    /// <summary>What was looked for, as the audit log may hold it: no phone and no identity number in full.</summary>
    private static string Said(string text)
    {
        text = text.Trim();
        if (text.Length > RegistrySearch.Longest)
            text = text[..RegistrySearch.Longest];
        return LongNumber().Replace(text, m => m.Value[..3] + "****" + m.Value[^4..]);
    }

    [GeneratedRegex(@"[0-9０-９][0-9０-９\s-]{6,}[0-9０-９Xx]")]
    private static partial Regex LongNumber();
}
