using Microsoft.EntityFrameworkCore;
using Vigil.Storage.Records;

namespace Vigil.Registry.Search;

/// <summary>
/// Search over the registry, in the records of one area. Residents are found by <see cref="SearchIndex"/>, phone numbers by their sealed
/// value and so only whole, devices by the beginning of their id, and the few visitors and areas by looking at all of them.
/// </summary>
public sealed class RegistrySearch(SearchIndex index)
{
    /// <summary>Longest text that is looked for.</summary>
    public const int Longest = 64;

    /// <summary>
    /// Candidates that are read at once. Few of them lack the word: only words of three characters and more are uncertain.
    /// </summary>
    private const int Batch = 100;

    /// <summary>Batches that are read for a page at most, for words whose pairs are common and which itself is rare.</summary>
    private const int MostBatches = 20;

    private static readonly SearchKind[] Kinds = Enum.GetValues<SearchKind>();

    /// <summary>Names and addresses can't be searched yet, after a start.</summary>
    public bool IsReady => index.Texts is not null;

    /// <summary>The first results of every kind that has any.</summary>
    public async Task<IReadOnlyList<SearchGroup>> FindAsync(RecordsDb db, string text, int each, CancellationToken cancellation)
    {
        var found = new List<SearchGroup>();
        foreach (var kind in Kinds)
            if (await FindAsync(db, kind, text, 0, each, cancellation) is { Hits.Count: > 0 } group)
                found.Add(group);
        return found;
    }

    /// <param name="db">The records of the reader's area.</param>
    /// <param name="kind">By what.</param>
    /// <param name="text">As it was typed.</param>
    /// <param name="from">0, or where the page before said.</param>
    /// <param name="limit">Results of a page.</param>
    /// <param name="cancellation">Ends it.</param>
    public async Task<SearchGroup> FindAsync(
        RecordsDb db,
        SearchKind kind,
        string text,
        int from,
        int limit,
        CancellationToken cancellation
    )
    {
        text = text.Trim();
        if (text.Length > Longest)
            text = text[..Longest];
        if (GramIndex.Plain(text).Length == 0)
            return new SearchGroup(kind, [], null);
        return kind switch
        {
            SearchKind.Resident => await ResidentsAsync(db, text, from, limit, cancellation),
            SearchKind.Address => await ByAsync(db, kind, TextOf.Address, text, from, limit, cancellation),
            SearchKind.Category => await ByAsync(db, kind, TextOf.Category, text, from, limit, cancellation),
            SearchKind.Contact => await ByAsync(db, kind, TextOf.Contact, text, from, limit, cancellation),
            SearchKind.Phone => new SearchGroup(kind, await PhonesAsync(db, text, limit, cancellation), null),
            SearchKind.Visitor => await VisitorsAsync(db, text, from, limit, cancellation),
            SearchKind.Device => await DevicesAsync(db, text, from, limit, cancellation),
            _ => await AreasAsync(db, text, from, limit, cancellation),
        };
    }

    /// <summary>By name or number; of several words, by all of them, wherever they stand.</summary>
    private async Task<SearchGroup> ResidentsAsync(RecordsDb db, string text, int from, int limit, CancellationToken cancellation)
    {
        var words = text.Split((char[]?)null, StringSplitOptions.RemoveEmptyEntries)
            .Select(GramIndex.Plain)
            .Where(w => w.Length > 0)
            .Distinct()
            .ToList();
        if (words.Count > 1 && text.Any(c => c >= '\u2E80'))
            return await PageAsync(
                db,
                SearchKind.Resident,
                (after, most) => index.Texts?.HavingAll(words, db.Within, after, most) ?? [],
                r => words.TrueForAll(w => r.Texts.Any(t => t.Contains(w, StringComparison.Ordinal))),
                from,
                limit,
                cancellation
            );
        var names = await ByAsync(db, SearchKind.Resident, TextOf.Name, text, from, limit, cancellation);
        // Whoever types a number finds its person, and no other kind of person has it in the name.
        return names.Hits.Count > 0 || from > 0
            ? names
            : await ByAsync(db, SearchKind.Resident, TextOf.Number, text, from, limit, cancellation);
    }

    private Task<SearchGroup> ByAsync(
        RecordsDb db,
        SearchKind kind,
        TextOf of,
        string text,
        int from,
        int limit,
        CancellationToken cancellation
    )
    {
        var word = GramIndex.Plain(text);
        return PageAsync(
            db,
            kind,
            (after, most) => index.Texts?.Having(of, word, db.Within, after, most) ?? [],
            r => r.Of(of).Any(t => t.Contains(word, StringComparison.Ordinal)),
            from,
            limit,
            cancellation
        );
    }

    /// <summary>Reads candidates until a page is full. The records are what counts: the index may be a second behind.</summary>
    private static async Task<SearchGroup> PageAsync(
        RecordsDb db,
        SearchKind kind,
        Func<int, int, List<(int Number, string Id)>> candidates,
        Func<Found, bool> has,
        int from,
        int limit,
        CancellationToken cancellation
    )
    {
        var (hits, after) = (new List<SearchHit>(), from - 1);
        for (var batch = 0; batch < MostBatches; batch++)
        {
            var some = candidates(after, Math.Max(Batch, limit + 1));
            var read = await ReadAsync(db, some.ConvertAll(s => s.Id), cancellation);
            foreach (var (number, id) in some)
            {
                if (read.TryGetValue(id, out var r) && has(r))
                {
                    if (hits.Count == limit)
                        return new SearchGroup(kind, hits, number);
                    hits.Add(r.Hit(kind, has));
                }

                after = number;
            }

            if (some.Count < Math.Max(Batch, limit + 1))
                return new SearchGroup(kind, hits, null);
        }

        return new SearchGroup(kind, hits, after + 1);
    }

    private static async Task<Dictionary<string, Found>> ReadAsync(RecordsDb db, List<string> ids, CancellationToken cancellation)
    {
        if (ids.Count == 0)
            return [];
        var contacts = (
            await db
                .Contacts.AsNoTracking()
                .Where(c => ids.Contains(c.ResidentId))
                .Select(c => new
                {
                    c.ResidentId,
                    c.Name,
                    c.Relation,
                })
                .ToListAsync(cancellation)
        ).ToLookup(c => c.ResidentId, c => (c.Name, c.Relation), StringComparer.Ordinal);
        return (
            await db
                .Residents.AsNoTracking()
                .Where(r => ids.Contains(r.Id))
                .Select(r => new
                {
                    r.Id,
                    r.Name,
                    r.Area,
                    r.Address,
                    r.Categories,
                })
                .ToListAsync(cancellation)
        ).ToDictionary(
            r => r.Id,
            r => new Found(r.Id, r.Name, r.Area, r.Address, r.Categories, [.. contacts[r.Id]]),
            StringComparer.Ordinal
        );
    }

    private static async Task<List<SearchHit>> PhonesAsync(RecordsDb db, string text, int limit, CancellationToken cancellation)
    {
        if (text.Count(char.IsAsciiDigit) < 5 || PhoneText.Read(text) is not { } phone)
            return [];
        var masked = phone.Length > 9 ? phone[..^8] + "****" + phone[^4..] : "***";
        var residents = await db
            .Residents.AsNoTracking()
            .Where(r => r.Phone == phone)
            .OrderBy(r => r.Id)
            .Take(limit)
            .Select(r => new { r.Id, r.Name })
            .ToListAsync(cancellation);
        var contacts = await (
            from c in db.Contacts.AsNoTracking()
            where c.Phone == phone
            join r in db.Residents.AsNoTracking() on c.ResidentId equals r.Id
            orderby r.Id
            select new
            {
                c.Name,
                c.Relation,
                Resident = r.Name,
                r.Id,
            }
        )
            .Take(limit)
            .ToListAsync(cancellation);
        var visitors = await db
            .Visitors.AsNoTracking()
            .Where(v => v.Phone == phone)
            .OrderBy(v => v.Id)
            .Take(limit)
            .Select(v => new { v.Id, v.Name })
            .ToListAsync(cancellation);
        return
        [
            .. residents.Select(r => new SearchHit(SearchKind.Phone, r.Name, masked, r.Id, r.Id)),
            .. contacts.Select(c => new SearchHit(SearchKind.Phone, c.Name, $"{c.Relation} · {c.Resident} · {masked}", c.Id, c.Id)),
            .. visitors.Select(v => new SearchHit(SearchKind.Phone, v.Name, masked, null, v.Id)),
        ];
    }

    private static async Task<SearchGroup> VisitorsAsync(RecordsDb db, string text, int from, int limit, CancellationToken cancellation)
    {
        var found = await db
            .Visitors.AsNoTracking()
            .Where(v => v.Name.Contains(text) || v.Id == text)
            .OrderBy(v => v.Id)
            .Skip(from)
            .Take(limit + 1)
            .Select(v => new
            {
                v.Id,
                v.Name,
                v.Area,
            })
            .ToListAsync(cancellation);
        return Page(SearchKind.Visitor, found, from, limit, v => new SearchHit(SearchKind.Visitor, v.Name, v.Area, null, v.Id));
    }

    private static async Task<SearchGroup> AreasAsync(RecordsDb db, string text, int from, int limit, CancellationToken cancellation)
    {
        var found = await db
            .Areas.AsNoTracking()
            .Where(a => a.Name.Contains(text) || a.Code.StartsWith(text))
            .OrderBy(a => a.Code)
            .Skip(from)
            .Take(limit + 1)
            .Select(a => new { a.Code, a.Name })
            .ToListAsync(cancellation);
        return Page(SearchKind.Area, found, from, limit, a => new SearchHit(SearchKind.Area, a.Name, a.Code, null, a.Code));
    }

    /// <summary>By the beginning of the id, in capitals or small letters, or the label; each by an index.</summary>
    private static async Task<SearchGroup> DevicesAsync(RecordsDb db, string text, int from, int limit, CancellationToken cancellation)
    {
        var found = new Dictionary<string, SearchHit>(StringComparer.Ordinal);
        var all = db.Devices.AsNoTracking();
        foreach (var begin in new[] { text, text.ToUpperInvariant(), text.ToLowerInvariant() }.Distinct())
        {
            // A range of an index: SQLite's LIKE has none, PostgreSQL's order of texts is not that of their characters.
            var end = begin + "\uFFFF";
            var ids = db.Database.IsNpgsql()
                ? all.Where(d => d.Id.StartsWith(begin))
#pragma warning disable CA1309 // the database compares, in the order in which it sorts
                : all.Where(d => string.Compare(d.Id, begin) >= 0 && string.Compare(d.Id, end) < 0);
#pragma warning restore CA1309
            await AddAsync(ids.OrderBy(d => d.Id));
        }

        await AddAsync(all.Where(d => d.Label == text).OrderBy(d => d.Id));
        return Page(SearchKind.Device, [.. found.Values.Skip(from)], from, limit, d => d);

        async Task AddAsync(IQueryable<Device> of)
        {
            foreach (
                var d in await of.Take(from + limit + 1)
                    .Select(d => new
                    {
                        d.Id,
                        d.Label,
                        d.Profile,
                        d.ResidentId,
                    })
                    .ToListAsync(cancellation)
            )
                found.TryAdd(
                    d.Id,
                    new SearchHit(
                        SearchKind.Device,
                        d.Id,
                        string.Join(" · ", new[] { d.Label, d.Profile, d.ResidentId }.Where(t => !string.IsNullOrEmpty(t))),
                        d.ResidentId,
                        d.Id
                    )
                );
        }
    }

    private static SearchGroup Page<T>(SearchKind kind, List<T> found, int from, int limit, Func<T, SearchHit> hit) =>
        new(kind, [.. found.Take(limit).Select(hit)], found.Count > limit ? from + limit : null);

    /// <summary>A resident as it stands in the records.</summary>
    private sealed record Found(
        string Id,
        string Name,
        string Area,
        string Address,
        string Categories,
        IReadOnlyList<(string Name, string Relation)> Contacts
    )
    {
        public IEnumerable<string> Of(TextOf of) =>
            of switch
            {
                TextOf.Name => [GramIndex.Plain(Name)],
                TextOf.Number => [GramIndex.Plain(Id)],
                TextOf.Address => [GramIndex.Plain(Address)],
                TextOf.Category => [GramIndex.Plain(Categories)],
                _ => Contacts.Select(c => GramIndex.Plain(c.Name)),
            };

        public IEnumerable<string> Texts => Enum.GetValues<TextOf>().SelectMany(Of);

        /// <summary>By a contact: that contact; else the person, and what was asked for.</summary>
        public SearchHit Hit(SearchKind kind, Func<Found, bool> has) =>
            kind == SearchKind.Contact && Contacts.FirstOrDefault(c => has(this with { Contacts = [c] })) is { Name: not null } contact
                ? new SearchHit(kind, contact.Name, contact.Relation.Length > 0 ? $"{contact.Relation} · {Name}" : Name, Id, Id)
                : new SearchHit(kind, Name, string.Join(" · ", Details(kind).Where(d => d.Length > 0)), Id, Id);

        private IEnumerable<string> Details(SearchKind kind) =>
            kind switch
            {
                SearchKind.Category => [Id, Categories],
                _ => [Id, Address.Length > 0 ? Address : Area],
            };
    }
}
