using System.Text;
using Vigil.Model;

namespace Vigil.Storage.Records;

/// <summary>How a row of a file ends.</summary>
public enum RowEnd
{
    Whole,

    /// <summary>The last row of a CSV, behind which no line ends: the file may have been cut off in it.</summary>
    WithoutLineEnd,

    /// <summary>A quotation mark was opened in it and never closed: whatever follows would belong to one cell.</summary>
    InQuotes,
}

/// <summary>A row of a CSV file or workbook.</summary>
/// <param name="Line">The line it begins on.</param>
/// <param name="Fields">Its cells.</param>
/// <param name="End">How it ends.</param>
public readonly record struct SheetRow(int Line, List<string> Fields, RowEnd End = RowEnd.Whole)
{
    /// <summary>Why the file seems to have been cut off in this row; null when it wasn't.</summary>
    /// <param name="columns">How many columns the headings name.</param>
    public Wording? CutOff(int columns) =>
        End switch
        {
            RowEnd.InQuotes => new Wording(
                "a quotation mark that is opened in this row is never closed: the file may have been cut off",
                "此行的引号没有闭合：文件可能不完整"
            ),
            RowEnd.WithoutLineEnd when Fields.Count < columns => new Wording(
                $"the file ends in this row, after {Fields.Count} of {columns} fields: it may have been cut off",
                $"文件在此行中断（{columns} 列中只有 {Fields.Count} 列）：文件可能不完整"
            ),
            _ => null,
        };
}

/// <summary>CSV after RFC 4180. Reading accepts a byte order mark and both line endings.</summary>
public static class Csv
{
    /// <summary>Characters of one cell: beyond them a quotation mark must have been forgotten, and the rest isn't read.</summary>
    private const int LongestCell = 1 << 20;

    public static IEnumerable<SheetRow> Read(TextReader reader)
    {
        var fields = new List<string>();
        var field = new StringBuilder();
        int line = 1,
            start = 1;
        bool quoted = false,
            any = false;
        for (int c; (c = reader.Read()) >= 0; )
        {
            if (c == '\n')
                line++;
            if (quoted)
            {
                if (field.Length > LongestCell)
                    break;
                if (c != '"')
                    field.Append((char)c);
                else if (reader.Peek() == '"')
                    field.Append((char)reader.Read());
                else
                    quoted = false;
            }
            else if (c == '"' && field.Length == 0)
            {
                quoted = any = true;
            }
            else if (c == ',')
            {
                fields.Add(field.ToString());
                field.Clear();
                any = true;
            }
            else if (c == '\n')
            {
                if (any || field.Length > 0)
                {
                    fields.Add(field.ToString());
                    yield return new SheetRow(start, fields);
                }

                fields = [];
                field.Clear();
                any = false;
                start = line;
            }
            else if (c is not '\r' and not '\uFEFF')
            {
                field.Append((char)c);
            }
        }

        if (!any && field.Length == 0)
            yield break;
        fields.Add(field.ToString());
        yield return new SheetRow(start, fields, quoted ? RowEnd.InQuotes : RowEnd.WithoutLineEnd);
    }

    /// <summary>
    /// Quotes where needed (RFC 4180), and puts an apostrophe before what a spreadsheet would take for a formula (OWASP ASVS 5.0, 1.2.10).
    /// A text that already begins like an escaped one gets another apostrophe, so that <see cref="Unescape"/> restores every text.
    /// </summary>
    public static string Escape(string text)
    {
        if (IsFormula(text.AsSpan().TrimStart('\'')))
            text = "'" + text;
        return text.AsSpan().IndexOfAny("\",\r\n") < 0 ? text : "\"" + text.Replace("\"", "\"\"", StringComparison.Ordinal) + "\"";
    }

    /// <summary>Removes the apostrophe that <see cref="Escape"/> put before a formula.</summary>
    public static string Unescape(string field) =>
        field.Length > 1 && field[0] == '\'' && IsFormula(field.AsSpan().TrimStart('\'')) ? field[1..] : field;

    /// <summary>Includes the full-width forms, which East Asian versions of spreadsheets treat like the ASCII characters.</summary>
    private static bool IsFormula(ReadOnlySpan<char> text) =>
        text is ['=' or '+' or '-' or '@' or '\t' or '\r' or '\n' or '\0' or '＝' or '＋' or '－' or '＠', ..];
}
