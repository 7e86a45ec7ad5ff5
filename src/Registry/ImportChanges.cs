using Vigil.Model;
using Vigil.Storage.Records;

namespace Vigil.Registry;

/// <summary>What a registry holds.</summary>
public enum ImportKind
{
    Resident,
    Contact,
    HouseholdMember,
    Device,
    Visitor,
    Duty,
    Supervisor,
    DutyShift,
    VisitorShift,
    Area,
}

internal enum Fate
{
    New,
    Changed,
    Unchanged,
    Missing,
}

/// <summary>
/// What an import changes: how many of each kind, and the first changes field by field. Phone and identity numbers are masked, because a
/// dry run is read on screens and kept in terminals.
/// </summary>
public sealed class ImportChanges
{
    /// <summary>Lines that are kept; the rest is counted.</summary>
    public const int Most = 200;

    /// <summary>Lines don't name the record: of an edit, which has one.</summary>
    internal bool OfOneRecord { get; init; }

    private readonly SortedDictionary<ImportKind, int[]> counts = [];
    private readonly List<Wording> lines = [];
    private readonly List<Wording> kept = [];
    private bool removes;

    /// <summary>Field by field, old → new.</summary>
    public IReadOnlyList<Wording> Lines => lines;

    /// <summary>How many lines there would be beyond <see cref="Lines"/>.</summary>
    public int More { get; private set; }

    /// <summary>What the file asks for and the registry keeps as it is, and why; the first of them.</summary>
    public IReadOnlyList<Wording> KeptLines => kept;

    /// <summary>How many such lines there would be beyond <see cref="KeptLines"/>.</summary>
    public int MoreKept { get; private set; }

    /// <summary>A line for each kind: new, changed, unchanged, not in the file.</summary>
    public IReadOnlyList<Wording> Counts =>
        [
            .. counts.Select(c =>
            {
                var said = new List<Wording>();
                void Say(Fate fate, string en, string zh)
                {
                    if (c.Value[(int)fate] is > 0 and var n)
                        said.Add(new Wording($"{n} {en}", $"{zh} {n}"));
                }

                Say(Fate.New, "new", "新增");
                Say(Fate.Changed, "changed", "变更");
                Say(Fate.Unchanged, "unchanged", "不变");
                if (removes)
                    Say(Fate.Missing, "removed", "移除");
                else
                    Say(Fate.Missing, "not in the file", "文件中没有");
                var (word, all) = (Word(c.Key), Wording.Join(said));
                return new Wording($"{word.En}: {all.En}", $"{word.Zh}：{all.Zh}");
            }),
        ];

    public static Wording Word(ImportKind kind) =>
        kind switch
        {
            ImportKind.Resident => new Wording("resident", "老人"),
            ImportKind.Contact => new Wording("contact", "紧急联系人"),
            ImportKind.HouseholdMember => new Wording("household member", "家庭成员"),
            ImportKind.Device => new Wording("device", "设备"),
            ImportKind.Visitor => new Wording("visitor", "探访人"),
            ImportKind.Duty => new Wording("duty", "值班"),
            ImportKind.Supervisor => new Wording("supervisor", "主管"),
            ImportKind.DutyShift => new Wording("duty shift", "值班班次"),
            ImportKind.VisitorShift => new Wording("visitor shift", "探访班次"),
            _ => new Wording("area", "区划"),
        };

    internal void Count(ImportKind kind, Fate fate, int many = 1)
    {
        if (!counts.TryGetValue(kind, out var of))
            counts[kind] = of = new int[4];
        of[(int)fate] += many;
    }

    internal void Field(RegistryRow row, string column, string from, string to)
    {
        if (Full())
            return;
        var heading = RegistryHeadings.Heading(column);
        var (before, after) = (Shown(column, from), Shown(column, to));
        Say(row, $"{heading.En} {before.En} → {after.En}", $"{heading.Zh} {before.Zh} → {after.Zh}");
    }

    internal void New(RegistryRow row, ImportKind kind, string named)
    {
        if (!Full())
            Say(row, $"new {Word(kind).En} {named}", $"新增{Word(kind).Zh} {named}");
    }

    internal void Missing(RegistryRow row, ImportKind kind, string named, bool removed)
    {
        removes |= removed;
        Count(kind, Fate.Missing);
        if (Full())
            return;
        if (removed)
            Say(row, $"{Word(kind).En} {named} is removed", $"移除{Word(kind).Zh} {named}");
        else
            Say(row, $"{Word(kind).En} {named} is not in the file", $"文件中没有{Word(kind).Zh} {named}");
    }

    internal void Kept(RegistryRow row, string column, Wording why)
    {
        if (kept.Count >= Most)
        {
            MoreKept++;
            return;
        }

        var heading = RegistryHeadings.Heading(column);
        kept.Add(Of(row, $"{heading.En} kept: {why.En}", $"{heading.Zh}保持不变：{why.Zh}"));
    }

    private bool Full()
    {
        if (lines.Count < Most)
            return false;
        More++;
        return true;
    }

    private void Say(RegistryRow row, string en, string zh)
    {
        if (OfOneRecord)
        {
            lines.Add(new Wording(en, zh));
            return;
        }

        lines.Add(Of(row, en, zh));
    }

    private static Wording Of(RegistryRow row, string en, string zh)
    {
        var kind = row.Kind is { } k ? Word(k) : Wording.None;
        var subject = row["id"] is { Length: > 0 } id ? id : row["area"];
        return new Wording($"{kind.En} {subject}: {en}", $"{kind.Zh} {subject}：{zh}");
    }

    /// <summary>What may be shown of a value.</summary>
    public static Wording Shown(string column, string value)
    {
        if (value.Length == 0)
            return new Wording("(empty)", "（空）");
        if (FieldKeys.IsUnreadable(value))
            return new Wording(FieldKeys.Shown(value), FieldKeys.Shown(value, "zh"));
        if (value is "是")
            return new Wording("yes", "是");
        if (value is "否")
            return new Wording("no", "否");
        if (column is "record")
            return Word(value is "主管" ? ImportKind.Supervisor : ImportKind.Duty);
        var part = column[(column.LastIndexOf(' ') + 1)..];
        return Wording.Same(
            part switch
            {
                "phone" => "…" + value[^Math.Min(4, value.Length)..],
                "identity" or "certificate" => IdentityNumber.Masked(value),
                "mail" => value[..1] + "…" + value[Math.Max(0, value.IndexOf('@', StringComparison.Ordinal))..],
                "health" or "webhook" => "…",
                _ => value.Length > 40 ? value[..40] + "…" : value,
            }
        );
    }
}
