using System.Globalization;
using PhoneNumbers;
using Vigil.Model;

namespace Vigil.Registry;

/// <summary>
/// One row of a registry file, with the checks of its cells. A column that the file doesn't have changes nothing: whoever sends a file of
/// names and phones alone doesn't mean to erase the addresses. An empty cell does (docs/registry.md has the exceptions).
/// </summary>
internal sealed class RegistryRow(string file, int line, List<string> columns, List<string> fields, List<Problem> problems)
{
    public string this[string column] => columns.IndexOf(column) is var i and >= 0 && i < fields.Count ? Plain(fields[i].Trim()) : "";

    /// <summary>Without the apostrophe that our own export puts before what looks like a formula, such as +86…</summary>
    private static string Plain(string text) => text is ['\'', '=' or '+' or '-' or '@', ..] ? text[1..] : text;

    /// <param name="column">Its name in English.</param>
    /// <param name="kept">What stands in the registry.</param>
    public string Text(string column, string kept) => Has(column) ? this[column] : kept;

    /// <inheritdoc cref="Text"/>
    public string Phone(string column, string kept) => Has(column) ? Phone(column) : kept;

    /// <inheritdoc cref="Text"/>
    public DateOnly? Date(string column, DateOnly? kept) => Has(column) ? Date(column) : kept;

    /// <inheritdoc cref="Text"/>
    public string Identity(string column, string kept)
    {
        if (!Has(column))
            return kept;
        var number = this[column].ToUpperInvariant();
        if (number.Length > 0 && !IdentityNumber.IsValid(number))
            Wrong(
                column,
                IdentityNumber.Masked(number),
                new Wording(
                    "is not an identity number: 18 characters, of which the last checks the others (GB 11643)",
                    "不是身份证号码：应为 18 位，末位为校验码（GB 11643）"
                )
            );
        return number;
    }

    /// <inheritdoc cref="Text"/>
    public bool Flag(string column, bool whereEmpty, bool kept) => Has(column) ? Flag(column, whereEmpty) : kept;

    /// <inheritdoc cref="Text"/>
    public double? Number(string column, double least, double most, double? kept) => Has(column) ? Number(column, least, most) : kept;

    public bool Has(string column) => columns.Contains(column);

    public string Required(string column)
    {
        if (this[column] is { Length: > 0 } text)
            return text;
        Wrong(column, "", new Wording("is missing", "未填写"));
        return "";
    }

    public string Phone(string column)
    {
        var text = this[column];
        if (text.Length == 0)
            return "";
        try
        {
            var util = PhoneNumberUtil.GetInstance();
            var number = util.Parse(text, "CN");
            if (util.IsValidNumber(number))
                return util.Format(number, PhoneNumberFormat.E164);
        }
        catch (NumberParseException)
        {
            // reported below
        }

        Wrong(
            column,
            text,
            new Wording(
                "is not a phone number (numbers without + are taken for mainland China)",
                "不是电话号码（不带 + 的按中国内地号码处理）"
            )
        );
        return "";
    }

    public DateOnly? Date(string column)
    {
        var text = this[column];
        if (text.Length == 0)
            return null;
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

    private bool Flag(string column, bool whereEmpty)
    {
        var text = this[column];
        if (text.Length == 0)
            return whereEmpty;
        if (text is "是" or "yes" or "true" or "1" or "重点" or "愿意" or "同意")
            return true;
        if (text is "否" or "no" or "false" or "0" or "一般" or "不愿意" or "不同意")
            return false;
        Wrong(column, text, new Wording("is neither 是 (yes) nor 否 (no)", "应填“是”或“否”"));
        return whereEmpty;
    }

    public double? Number(string column, double least, double most)
    {
        var text = this[column];
        if (text.Length == 0)
            return null;
        if (double.TryParse(text, NumberStyles.Float, CultureInfo.InvariantCulture, out var value) && value >= least && value <= most)
            return value;
        Wrong(column, text, new Wording($"is not a number from {least} to {most}", $"应为 {least} 至 {most} 之间的数字"));
        return null;
    }

    public void Wrong(string column, string value, Wording message) => problems.Add(new Problem(file, line, column, value, message));
}
