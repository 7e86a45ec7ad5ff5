using Microsoft.EntityFrameworkCore;
using Vigil.Model;
using Vigil.Storage.Records;

namespace Vigil.Registry;

/// <summary>What only the whole file can tell: ids that stand in it twice, numbers of two people, areas that don't exist.</summary>
/// <param name="fileName">As shown in problems.</param>
/// <param name="problems">Where they are said.</param>
internal sealed class WholeFile(string fileName, List<Problem> problems)
{
    private const int Few = 100;

    public IReadOnlyList<Problem> Problems => problems;

    private readonly HashSet<(ImportKind, string)> ids = [];
    private readonly HashSet<string> areas = [];

    // Of the rows only what is needed: they are a hundred thousand.
    private readonly Dictionary<string, List<int>> lying = [];
    private readonly Dictionary<string, (int Line, string Number, string Area)> holding = [];
    private readonly Dictionary<(string Device, string From), (int Line, string Column)> moving = [];

    /// <summary>False where the id stood in a row before.</summary>
    public bool IsFirst(ImportKind kind, string id) => ids.Add((kind is ImportKind.Supervisor ? ImportKind.Duty : kind, id));

    /// <summary>The file makes an area.</summary>
    public void Has(string code) => areas.Add(code);

    /// <summary>Somebody comes to an area that they weren't in.</summary>
    public void Lies(RegistryRow row, string code)
    {
        if (!lying.TryGetValue(code, out var lines))
            lying[code] = lines = [];
        lines.Add(row.Line);
    }

    /// <summary>A resident gets an identity number that they didn't have.</summary>
    public void Holds(RegistryRow row, string number, string area) => holding[row["id"]] = (row.Line, number, area);

    /// <summary>
    /// A row names a device of another home. It moves when the file has that home's row too, which no longer names it; a row that still
    /// does meets a device that another row has placed, and says so itself.
    /// </summary>
    public void Moves(RegistryRow row, string column, string device, string from) => moving[(device, from)] = (row.Line, column);

    /// <summary>Whether a resident has a row of the file. It holds on to nothing else of it.</summary>
    public Func<string, bool> HasRow
    {
        get
        {
            var rows = ids;
            return resident => rows.Contains((ImportKind.Resident, resident));
        }
    }

    public async Task CheckAsync(RecordsDb db, string bound, CancellationToken cancellation)
    {
        foreach (var ((device, from), (line, column)) in moving.Where(m => !ids.Contains((ImportKind.Resident, m.Key.From))))
            Wrong(line, column, device, new Wording($"belongs to resident {from}", $"属于服务对象 {from}"));
        await CheckAreasAsync(db, cancellation);
        await CheckNumbersAsync(db, bound, cancellation);
    }

    /// <summary>
    /// Of each level (county, town, village) that the registry knows any area of, an area has to be one of them. A registry that knows none
    /// checks nothing.
    /// </summary>
    private async Task CheckAreasAsync(RecordsDb db, CancellationToken cancellation)
    {
        if (lying.Count == 0)
            return;
        var all = db.Areas.IgnoreQueryFilters();
        var levels = (await all.Select(a => a.Code.Length).Distinct().ToListAsync(cancellation))
            .Concat(areas.Select(a => a.Length))
            .Distinct()
            .ToList();
        var asked = lying.Keys.SelectMany(c => levels.Where(n => n <= c.Length).Select(n => c[..n])).Distinct().ToArray();
        areas.UnionWith(await all.Where(a => EF.Parameter(asked).Contains(a.Code)).Select(a => a.Code).ToListAsync(cancellation));
        foreach (var (code, lines) in lying.Where(l => levels.Any(n => n <= l.Key.Length && !areas.Contains(l.Key[..n]))))
        foreach (var line in lines)
            Wrong(
                line,
                "area",
                code,
                fileName.Length > 0
                    ? new Wording(
                        "is not an area of the registry: import the area first, or in this file",
                        "登记的区划中没有此代码：请先导入，或在此文件中加入该区划"
                    )
                    : new Wording("is not an area of the registry: add the area first", "登记的区划中没有此代码：请先添加该区划")
            );
    }

    private async Task CheckNumbersAsync(RecordsDb db, string bound, CancellationToken cancellation)
    {
        if (holding.Values.All(h => h.Number.Length == 0))
            return;
        var held = new Dictionary<string, (string Id, string Area)>();
        var residents = db.Residents.IgnoreQueryFilters().AsNoTracking();
        // A few, such as that of an edit, are asked for; of a file's, all are read once.
        var few = holding.Count > Few ? null : holding.Values.Select(h => h.Number).Where(n => n.Length > 0).ToArray();
        await foreach (
            var r in (few is null ? residents.Where(r => r.IdentityNumber != "") : residents.Where(r => few.Contains(r.IdentityNumber)))
                .Select(r => new
                {
                    r.Id,
                    r.IdentityNumber,
                    r.Area,
                })
                .AsAsyncEnumerable()
                .WithCancellation(cancellation)
        )
            if (!holding.ContainsKey(r.Id))
                held.TryAdd(r.IdentityNumber, (r.Id, r.Area));
        foreach (var (id, (line, number, place)) in holding)
        {
            if (number.Length == 0 || held.TryAdd(number, (id, place)))
                continue;
            var (other, area) = held[number];
            Wrong(
                line,
                "identity",
                IdentityNumber.Masked(number),
                area.StartsWith(bound, StringComparison.Ordinal)
                    ? new Wording($"is the number of resident {other} too", $"与服务对象 {other} 的身份证号相同")
                    : new Wording("is the number of a resident of another area too", "与其他区域服务对象的身份证号相同")
            );
        }
    }

    private void Wrong(int line, string column, string value, Wording message) =>
        problems.Add(new Problem(fileName, line, column, value, message));
}
