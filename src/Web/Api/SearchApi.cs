using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;
using Vigil.Model;
using Vigil.Registry.Search;
using Vigil.Web.Operations;

namespace Vigil.Web.Api;

/// <summary>What a search has found.</summary>
/// <param name="Complete">False for some seconds after a start, while names and addresses are being read.</param>
internal sealed record SearchAnswer(bool Complete, IReadOnlyList<SearchGroupAnswer> Groups);

/// <summary>What was found by one kind of text.</summary>
/// <param name="Kind">resident, phone, address, contact, visitor, device, area or category.</param>
/// <param name="Title">The kind in the words of the reader's language.</param>
/// <param name="Next">For <c>from</c> of the next page of this kind; null when there is none.</param>
internal sealed record SearchGroupAnswer(string Kind, string Title, IReadOnlyList<SearchHitAnswer> Hits, int? Next);

/// <summary>Something that was found.</summary>
/// <param name="Title">A name, or a device's id.</param>
/// <param name="Detail">What tells it from others of the name; phone numbers are masked.</param>
/// <param name="Resident">Number of the resident whose it is.</param>
/// <param name="Id">Its own number, id or code.</param>
/// <param name="Page">The page of the console that shows it.</param>
internal sealed record SearchHitAnswer(string Title, string Detail, string? Resident, string Id, string Page);

/// <summary>Search over residents, phones, addresses, contacts, visitors, devices, areas and categories.</summary>
internal static class SearchApi
{
    public static void Map(RouteGroupBuilder read) =>
        read.MapGet(
                "search",
                async (string? q, string? kind, int? from, int? limit, RegistrySearch search, [AsParameters] Caller caller) =>
                {
                    SearchKind? one = null;
                    if (kind is { Length: > 0 })
                    {
                        if (!Words.TryParse<SearchKind>(kind, out var known))
                            return Caller.Wrong($"'{kind}' is not one of {string.Join(", ", Words.All<SearchKind>())}");
                        one = known;
                    }

                    if (q?.Length > RegistrySearch.Longest)
                        return Caller.Wrong($"at most {RegistrySearch.Longest} characters are looked for");
                    await using var db = await caller.OpenAsync();
                    var found = await SearchOperations.FindAsync(
                        search,
                        db,
                        q ?? "",
                        one,
                        from ?? 0,
                        limit is { } most ? Math.Clamp(most, 1, 100) : null,
                        caller.Who,
                        caller.Now,
                        caller.Cancellation
                    );
                    var language = caller.Http.Request.Language();
                    return Results.Ok(
                        new SearchAnswer(
                            search.IsReady,
                            [
                                .. found.Select(g => new SearchGroupAnswer(
                                    g.Kind.Word(),
                                    Texts.Of("search." + g.Kind.Word(), language),
                                    [
                                        .. g.Hits.Select(h => new SearchHitAnswer(
                                            h.Title,
                                            h.Detail,
                                            h.Resident,
                                            h.Id,
                                            SearchOperations.AddressOf(h)
                                        )),
                                    ],
                                    g.Next
                                )),
                            ]
                        )
                    );
                }
            )
            .Answers<SearchAnswer>("Residents, phones, addresses, contacts, visitors, devices, areas and categories with a text", 400);
}
