using Microsoft.EntityFrameworkCore;
using Vigil.Storage.Records;

namespace Vigil.Registry.Search;

/// <summary>
/// The lists of residents and devices, however long: which ones a page shows and how many there are is found in memory
/// (<see cref="SearchIndex"/>), and only the rows of the page are read. Until that has been read, after a start, the database searches.
/// </summary>
public sealed class RegistryLists(SearchIndex index)
{
    /// <summary>With so many, devices are put in the order of when they were last heard.</summary>
    public const int Sortable = 10_000;

    /// <summary>Devices that were never heard are looked for in so many pages: what is in memory of them may be old.</summary>
    private const int Tries = 20;

    private const int Some = 500;

    /// <summary>Residents with a text in the name or number, or who live in an area that begins with it, by number.</summary>
    /// <param name="residents">As far as they may be seen, with what is to be read of each.</param>
    /// <param name="within">The area up to which they may be seen.</param>
    /// <param name="search">Null or empty for all.</param>
    /// <param name="offset">Skipped.</param>
    /// <param name="limit">At most.</param>
    /// <param name="cancellation">Ends it.</param>
    /// <returns>A page, and how many there are in all.</returns>
    public async Task<(List<Resident> Page, int Total)> ResidentsAsync(
        IQueryable<Resident> residents,
        string within,
        string? search,
        int offset,
        int limit,
        CancellationToken cancellation
    )
    {
        var words = search?.Trim() ?? "";
        await index.CatchUpAsync(cancellation);
        if (index.Texts is { } texts)
        {
            var (ids, total) = texts.Page(GramIndex.Plain(words), within, offset, limit);
            if (ids.Count == 0)
                return ([], total);
            var known = await residents.Where(r => EF.Parameter(ids).Contains(r.Id)).ToDictionaryAsync(r => r.Id, cancellation);
            return ([.. ids.Select(known.GetValueOrDefault).OfType<Resident>()], total);
        }

        if (words.Length > 0)
            residents = residents.Where(r => r.Name.Contains(words) || r.Id.Contains(words) || r.Area.StartsWith(words));
        return (
            await residents.OrderBy(r => r.Id).Skip(offset).Take(limit).ToListAsync(cancellation),
            await residents.CountAsync(cancellation)
        );
    }

    /// <summary>Devices with a text in the id or label, or of the home whose number it is, by id.</summary>
    /// <param name="db">The records of the reader's area.</param>
    /// <param name="resident">In this home alone; null for all.</param>
    /// <param name="state">Only these; null for all.</param>
    /// <param name="search">Null or empty for all.</param>
    /// <param name="offset">Skipped.</param>
    /// <param name="limit">At most.</param>
    /// <param name="cancellation">Ends it.</param>
    /// <returns>A page, and how many there are in all.</returns>
    public async Task<(List<Device> Page, int Total)> DevicesAsync(
        RecordsDb db,
        string? resident,
        DeviceStatus? state,
        string? search,
        int offset,
        int limit,
        CancellationToken cancellation
    )
    {
        await index.CatchUpAsync(cancellation);
        if (resident is null && index.Devices is { } devices)
        {
            var (ids, total) = devices.Page(await AskedAsync(db, state, search, cancellation), unheard: false, offset, limit);
            return (await RowsAsync(db, ids, cancellation), total);
        }

        var found = Found(db, state, search).Where(d => resident == null || d.ResidentId == resident);
        return (await found.OrderBy(d => d.Id).Skip(offset).Take(limit).ToListAsync(cancellation), await found.CountAsync(cancellation));
    }

    /// <summary>
    /// The same, those first that were never heard, then those that were heard longest ago; of more than <see cref="Sortable"/> the others
    /// by id. No index of a database has when each was last heard: it would be written with each message.
    /// </summary>
    public async Task<(List<Device> Page, int Total)> SilentFirstAsync(
        RecordsDb db,
        DeviceStatus? state,
        string? search,
        int limit,
        CancellationToken cancellation,
        int sortable = Sortable
    )
    {
        await index.CatchUpAsync(cancellation);
        var found = Found(db, state, search);
        if (index.Devices is not { } devices)
            return (await SortedAsync(found), await found.CountAsync(cancellation));
        var asked = await AskedAsync(db, state, search, cancellation);
        var (ids, total) = devices.Page(asked, unheard: false, 0, Math.Max(sortable, 2 * limit));
        if (total <= sortable)
            return (await SortedAsync(db.Devices.AsNoTracking().Where(d => EF.Parameter(ids).Contains(d.Id))), total);
        var page = await UnheardAsync(db, devices, asked, limit, cancellation);
        var first = page.Select(d => d.Id).ToHashSet(StringComparer.Ordinal);
        page.AddRange(await RowsAsync(db, [.. ids.Where(d => !first.Contains(d)).Take(limit - page.Count)], cancellation));
        return (page, total);

        Task<List<Device>> SortedAsync(IQueryable<Device> of) =>
            of.OrderBy(d => d.LastSeenAt != null) // PostgreSQL puts what is null last
                .ThenBy(d => d.LastSeenAt)
                .ThenBy(d => d.Id)
                .Take(limit)
                .ToListAsync(cancellation);
    }

    private static async Task<List<Device>> UnheardAsync(
        RecordsDb db,
        DeviceIds devices,
        DevicesAsked asked,
        int limit,
        CancellationToken cancellation
    )
    {
        var page = new List<Device>();
        for (var tries = 0; tries < Tries && page.Count < limit; tries++)
        {
            var (ids, _) = devices.Page(asked, unheard: true, page.Count, Some);
            var rows = await RowsAsync(db, ids, cancellation);
            devices.Heard(rows.Where(d => d.FirstSeenAt is not null).Select(d => d.Id));
            page.AddRange(rows.Where(d => d.FirstSeenAt is null));
            if (ids.Count < Some)
                break;
        }

        return page.Count > limit ? page[..limit] : page;
    }

    private static async Task<DevicesAsked> AskedAsync(RecordsDb db, DeviceStatus? state, string? search, CancellationToken cancellation)
    {
        var words = search?.Trim() ?? "";
        return new DevicesAsked(
            db.Within,
            state,
            words,
            words.Length == 0 ? [] : await db.Devices.Where(d => d.ResidentId == words).Select(d => d.Id).ToListAsync(cancellation)
        );
    }

    private static async Task<List<Device>> RowsAsync(RecordsDb db, List<string> ids, CancellationToken cancellation)
    {
        if (ids.Count == 0)
            return [];
        var known = await db
            .Devices.AsNoTracking()
            .Where(d => EF.Parameter(ids).Contains(d.Id))
            .ToDictionaryAsync(d => d.Id, StringComparer.Ordinal, cancellation);
        return [.. ids.Select(known.GetValueOrDefault).OfType<Device>()];
    }

    private static IQueryable<Device> Found(RecordsDb db, DeviceStatus? state, string? search)
    {
        var devices = state switch
        {
            DeviceStatus.InHome => db.Devices.Where(d => d.ResidentId != null),
            DeviceStatus.InStock => db.Devices.Where(d => d.ResidentId == null && d.RetiredAt == null),
            DeviceStatus.Retired => db.Devices.Where(d => d.RetiredAt != null),
            _ => db.Devices,
        };
        return search?.Trim() is { Length: > 0 } words
            ? devices.AsNoTracking().Where(d => d.Id.Contains(words) || d.Label.Contains(words) || d.ResidentId == words)
            : devices.AsNoTracking();
    }
}
