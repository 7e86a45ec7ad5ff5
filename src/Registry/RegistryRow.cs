using System.Globalization;
using PhoneNumbers;
using Vigil.Model;

namespace Vigil.Registry;

/// <summary>
/// One row of a registry file, with the checks of its cells. A column that the file doesn't have changes nothing, nor does an empty cell:
/// whoever sends a file of names and phones alone doesn't mean to erase the addresses. Where the heading ends in <c>=</c>, an empty cell
/// empties. What a cell changes is noted in <paramref name="changes"/>.
/// </summary>
internal sealed class RegistryRow(
    string file,
    int line,
    RegistryColumns columns,
    List<string> fields,
    List<Problem> problems,
    ImportChanges changes,
    Wording? cutOff = null
)
{
    private string? givenId;
    private ImportKind? edited;
    private bool isNew,
        touched;
    private HashSet<string>? withheld;

    public string File => file;

    public int Line => line;

    public RegistryColumns Columns => columns;

    /// <summary>Whether it has a field for every column at most; else what it has too many.</summary>
    public int Fields => fields.Count;

    public string LastField => fields[^1];

    /// <summary>Why the file seems to have been cut off in this row; null when it wasn't.</summary>
    public Wording? CutOff => cutOff;

    /// <summary>The first cell that holds what a spreadsheet shows where a formula has no result; null when there is none.</summary>
    public (string Column, string Value)? FormulaError =>
        fields.FindIndex(f => f is "#N/A" or "#REF!" or "#VALUE!" or "#NAME?" or "#DIV/0!" or "#NULL!" or "#NUM!") is var at and >= 0
            ? (at < columns.Count ? columns.Names[at] : "", fields[at])
            : null;

    /// <summary>Whether anything of the registry is another after it.</summary>
    public bool ChangesAnything { get; private set; }

    public bool IsWrong { get; private set; }

    public string this[string column] =>
        givenId is not null && column == "id" ? givenId
        : columns.Place(column) is var i and >= 0 && i < fields.Count ? fields[i].Trim()
        : "";

    /// <summary>What the row is about; null when the file names something else.</summary>
    public ImportKind? Kind =>
        edited
        ?? this["record"] switch
        {
            "" or "resident" or "老人" => ImportKind.Resident,
            "duty" or "值班" => ImportKind.Duty,
            "supervisor" or "主管" => ImportKind.Supervisor,
            "visitor" or "探访人" => ImportKind.Visitor,
            "duty shift" or "值班班次" => ImportKind.DutyShift,
            "visitor shift" or "探访班次" => ImportKind.VisitorShift,
            "area" or "区划" => ImportKind.Area,
            _ => null,
        };

    public bool IsShift => Kind is ImportKind.DutyShift or ImportKind.VisitorShift;

    /// <summary>
    /// One record that somebody edits, as a row whose headings all clear: the cells that are given are changed, an empty one empties.
    /// </summary>
    /// <param name="kind">What it is.</param>
    /// <param name="cells">By column.</param>
    /// <param name="problems">Where problems are said.</param>
    /// <param name="changes">Where changes are noted.</param>
    public static RegistryRow Edited(
        ImportKind kind,
        IReadOnlyDictionary<string, string> cells,
        List<Problem> problems,
        ImportChanges changes
    )
    {
        var columns = new RegistryColumns([.. cells.Keys], [.. cells.Keys], 0);
        var row = new RegistryRow("", 0, columns, [.. cells.Values], problems, changes) { edited = kind };
        foreach (var column in cells.Keys.Where(c => row[c].Length == 0 && !RegistryHeadings.MayBeEmptied(c)))
            row.Wrong(column, "", new Wording("can't be emptied", "不能为空"));
        return row;
    }

    /// <summary>Of a row without an id: the one that was made of its identity number.</summary>
    public void GiveId(string id) => givenId = id;

    public bool IdIsMade => givenId is not null;

    /// <summary>The same row, read anew.</summary>
    public RegistryRow Again(List<Problem> into) => new(file, line, columns, fields, into, new ImportChanges()) { givenId = givenId };

    public bool Has(string column) => columns.Has(column);

    /// <summary>Notes whether a thing of the registry is new, changed or as it was.</summary>
    /// <param name="kind">What it is.</param>
    /// <param name="known">It was there already.</param>
    /// <param name="read">Reads its cells.</param>
    /// <param name="named">What a line says of it where it is new within something known.</param>
    /// <param name="silent">Isn't counted where it stays as it was: a visitor stands in many rows.</param>
    public void Of(ImportKind kind, bool known, Action read, string? named = null, bool silent = false)
    {
        var (outerNew, outerTouched) = (isNew, touched);
        (isNew, touched) = (!known, false);
        read();
        if (!known && named is not null && !outerNew)
            changes.New(this, kind, named);
        if (!known || touched || !silent)
            changes.Count(
                kind,
                !known ? Fate.New
                    : touched ? Fate.Changed
                    : Fate.Unchanged
            );
        ChangesAnything |= !known || touched;
        (isNew, touched) = (outerNew, outerTouched);
    }

    /// <summary>Reads cells whose changes are noted elsewhere, or not at all.</summary>
    public void Quietly(Action read)
    {
        var outer = (isNew, touched);
        isNew = true;
        read();
        (isNew, touched) = outer;
    }

    /// <summary>The registry has it, and the row no longer names it.</summary>
    public void Missing(ImportKind kind, string named, bool removed)
    {
        changes.Missing(this, kind, named, removed);
        ChangesAnything |= removed;
    }

    /// <param name="column">Its name in English.</param>
    /// <param name="kept">What stands in the registry.</param>
    public string Text(string column, string kept) => Cell(column, kept, "", text => text == kept.Trim() ? kept : text, v => v);

    /// <summary>A text that can't be emptied, such as a name. Something new needs it.</summary>
    public string Needed(string column, string kept)
    {
        if (this[column].Length == 0 && kept.Length == 0)
            Wrong(column, "", new Wording("is missing", "未填写"));
        return Text(column, kept);
    }

    /// <inheritdoc cref="Text"/>
    public string Phone(string column, string kept) => Cell(column, kept, "", text => PhoneIn(column, text, kept), v => v);

    /// <inheritdoc cref="Text"/>
    public DateOnly? Date(string column, DateOnly? kept) => Cell(column, kept, null, text => DateIn(column, text) ?? kept, Shown);

    /// <summary>A day that isn't kept anywhere yet; null where the cell is empty or no date.</summary>
    public DateOnly? Date(string column) => this[column] is { Length: > 0 } text ? DateIn(column, text) : null;

    /// <inheritdoc cref="Text"/>
    public string Identity(string column, string kept) =>
        Cell(
            column,
            kept,
            "",
            text =>
            {
                var number = text.ToUpperInvariant();
                if (number != kept && !IdentityNumber.IsValid(number))
                    Wrong(
                        column,
                        IdentityNumber.Masked(number),
                        new Wording(
                            "is not an identity number: 18 characters, of which the last checks the others (GB 11643)",
                            "不是身份证号码：应为 18 位，末位为校验码（GB 11643）"
                        )
                    );
                return number;
            },
            v => v
        );

    /// <inheritdoc cref="Text"/>
    public bool Flag(string column, bool whereEmpty, bool kept) =>
        Cell(column, kept, whereEmpty, text => FlagIn(column, text) ?? kept, v => v ? "是" : "否");

    /// <summary>What a cell of yes or no asks for; null where it asks for nothing, or for nothing that can be read.</summary>
    public bool? Asks(string column, bool whereEmpty) =>
        this[column] is { Length: > 0 } text ? YesOrNo(text)
        : columns.Clears(column) ? whereEmpty
        : null;

    /// <summary>A column whose cell changes nothing in this row, whatever it says.</summary>
    public void Withhold(string column, Wording why)
    {
        (withheld ??= new(StringComparer.Ordinal)).Add(column);
        changes.Kept(this, column, why);
    }

    /// <inheritdoc cref="Text"/>
    public double? Number(string column, double least, double most, double? kept, double? whereEmpty = null) =>
        Cell(
            column,
            kept,
            whereEmpty,
            text => NumberIn(column, text, least, most) ?? kept,
            v => v?.ToString(CultureInfo.InvariantCulture) ?? ""
        );

    /// <summary>A cell of any kind: read where it is filled in, emptied where the heading says so, and else what it was.</summary>
    public T Cell<T>(string column, T kept, T emptied, Func<string, T> read, Func<T, string> shown)
    {
        var text = this[column];
        if ((text.Length == 0 && !columns.Clears(column)) || withheld?.Contains(column) == true)
            return kept;
        var value = text.Length == 0 ? emptied : read(text);
        if (EqualityComparer<T>.Default.Equals(value, kept))
            return kept;
        if (!IsStorable(text))
            Wrong(column, "", new Wording("has a character that can't be stored", "含有无法保存的字符"));
        else if (text.Length > Longest(column))
            Wrong(
                column,
                text[..20] + "…",
                new Wording(
                    $"is longer than {Longest(column)} characters: {text.Length}",
                    $"长度为 {text.Length} 个字符，最多 {Longest(column)} 个"
                )
            );
        touched = true;
        if (!isNew)
            changes.Field(this, column, shown(kept), shown(value));
        return value;
    }

    public void Wrong(string column, string value, Wording message)
    {
        IsWrong = true;
        problems.Add(new Problem(file, line, column, value, message));
    }

    /// <summary>Somebody new or moved may be in the own area alone.</summary>
    public void StaysWithin(string bound)
    {
        if (this["area"] is { Length: > 0 } area && !area.StartsWith(bound, StringComparison.Ordinal))
            Wrong("area", area, new Wording($"lies outside {bound}, which you are bound to", $"不在您的管理范围 {bound} 内"));
    }

    /// <summary>Characters that a cell of a column may have.</summary>
    internal static int Longest(string column) =>
        column.EndsWith("name", StringComparison.Ordinal) ? 100
        : column is "address" or "registered address" or "help" or "webhook" ? 500
        : 200;

    /// <summary>PostgreSQL refuses U+0000, and UTF-8 can't encode half of a surrogate pair.</summary>
    private static bool IsStorable(string text)
    {
        for (var i = 0; i < text.Length; i++)
            if (text[i] == 0 || (char.IsSurrogate(text[i]) && !(i + 1 < text.Length && char.IsSurrogatePair(text[i], text[++i]))))
                return false;
        return true;
    }

    internal static string Shown(DateOnly? day) => day?.ToString("yyyy-MM-dd", CultureInfo.InvariantCulture) ?? "";

    private string PhoneIn(string column, string text, string kept)
    {
        if (text == kept)
            return kept;
        // A workbook made of our CSV still has the apostrophe that keeps + from being a formula.
        if (PhoneText.Read(text.TrimStart('\'')) is { } number)
            return number;
        Wrong(
            column,
            text,
            new Wording(
                "is not a phone number (numbers without + are taken for mainland China)",
                "不是电话号码（不带 + 的按中国内地号码处理）"
            )
        );
        return kept;
    }

    private DateOnly? DateIn(string column, string text)
    {
        if (
            DateOnly.TryParseExact(
                text,
                ["yyyy-MM-dd", "yyyy/M/d", "yyyy.M.d", "yyyyMMdd", "yyyy年M月d日"],
                CultureInfo.InvariantCulture,
                DateTimeStyles.None,
                out var date
            )
        )
            return date;
        Wrong(column, text, new Wording("is not a date such as 1941-05-17", "不是日期，应如 1941-05-17"));
        return null;
    }

    private bool? FlagIn(string column, string text)
    {
        if (YesOrNo(text) is { } flag)
            return flag;
        Wrong(column, text, new Wording("is neither 是 (yes) nor 否 (no)", "应填“是”或“否”"));
        return null;
    }

    private static bool? YesOrNo(string text) =>
        text switch
        {
            "是" or "yes" or "true" or "1" or "重点" or "愿意" or "同意" => true,
            "否" or "no" or "false" or "0" or "一般" or "不愿意" or "不同意" => false,
            _ => null,
        };

    private double? NumberIn(string column, string text, double least, double most)
    {
        if (double.TryParse(text, NumberStyles.Float, CultureInfo.InvariantCulture, out var value) && value >= least && value <= most)
            return value;
        Wrong(column, text, new Wording($"is not a number from {least} to {most}", $"应为 {least} 至 {most} 之间的数字"));
        return null;
    }
}

/// <summary>Phone numbers as people write them.</summary>
internal static class PhoneText
{
    /// <summary>E.164; null when it is no phone number. Without + it is taken for mainland China.</summary>
    public static string? Read(string text)
    {
        try
        {
            var util = PhoneNumberUtil.GetInstance();
            var number = util.Parse(text, "CN");
            return util.IsValidNumber(number) ? util.Format(number, PhoneNumberFormat.E164) : null;
        }
        catch (NumberParseException)
        {
            return null;
        }
    }
}
