using System.Globalization;
using System.IO.Compression;
using System.Text;
using System.Xml;
using MiniExcelLibs;

namespace Vigil.Storage.Records;

/// <summary>Rows of a spreadsheet file, CSV or XLSX: what is imported and exported reads the same in both.</summary>
public static class Sheet
{
    public const string CsvType = "text/csv; charset=utf-8";
    public const string XlsxType = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet";

    /// <summary>An XLSX is a ZIP, and a small one can unpack without end: above so many bytes it is refused.</summary>
    private const long MostUnpacked = 256 * 1024 * 1024;

    public static bool IsXlsx(string name) => name.EndsWith("xlsx", StringComparison.OrdinalIgnoreCase);

    /// <summary>
    /// Rows of the file, or of the first sheet of a workbook, each with the line it stands on. Numbers and dates of a workbook come as the
    /// text one would type.
    /// </summary>
    /// <param name="file">Positioned at the start; an XLSX has to be seekable.</param>
    /// <param name="name">Tells by its ending which of the two it is.</param>
    /// <exception cref="InvalidDataException">It is no workbook, or unpacks to more than 256 MiB.</exception>
    public static IEnumerable<(int Line, List<string> Fields)> Read(Stream file, string name) =>
        IsXlsx(name) ? ReadXlsx(file) : ReadCsv(new StreamReader(file, Encoding.UTF8));

    /// <summary>
    /// Writes rows under headings. CSV begins with a byte order mark, by which spreadsheets know UTF-8, and carries no formula; in XLSX a
    /// text cell is never one.
    /// </summary>
    /// <param name="file">Left open.</param>
    /// <param name="name">Tells by its ending which of the two it is to be.</param>
    public static void Write(Stream file, string name, IReadOnlyList<string> headings, IEnumerable<IReadOnlyList<object?>> rows)
    {
        if (IsXlsx(name))
        {
            // An empty sheet still has its headings.
            var filled = rows.Select(r =>
                    (IDictionary<string, object?>)headings.Select((h, i) => (h, i)).ToDictionary(x => x.h, x => Cell(r[x.i]))
                )
                .ToList();
            if (filled.Count == 0)
                MiniExcel.SaveAs(file, new[] { headings.ToDictionary(h => h, object? (h) => h) }, printHeader: false);
            else
                MiniExcel.SaveAs(file, filled);
            return;
        }

        using var text = new StreamWriter(file, new UTF8Encoding(encoderShouldEmitUTF8Identifier: true), leaveOpen: true)
        {
            NewLine = "\r\n",
        };
        text.WriteLine(CsvLine(headings));
        foreach (var row in rows)
            text.WriteLine(CsvLine(row));
    }

    /// <summary>As <see cref="Write"/> wrote it, or a person's spreadsheet.</summary>
    public static IEnumerable<(int Line, List<string> Fields)> ReadCsv(TextReader reader) =>
        Csv.Read(reader).Select(r => (r.Line, r.Fields.ConvertAll(Csv.Unescape)));

    /// <summary>A line of CSV. A number is no formula, whatever its sign.</summary>
    public static string CsvLine(IEnumerable<object?> row) =>
        string.Join(',', row.Select(v => v is double or int or long or decimal ? Text(v) : Csv.Escape(Text(v))));

    private static IEnumerable<(int Line, List<string> Fields)> ReadXlsx(Stream file)
    {
        using (var zip = new ZipArchive(file, ZipArchiveMode.Read, leaveOpen: true))
            if (zip.Entries.Sum(e => e.Length) > MostUnpacked)
                throw new InvalidDataException("the workbook unpacks to more than 256 MiB");
        file.Position = 0;
        var line = 0;
        foreach (IDictionary<string, object?> row in MiniExcel.Query(file, useHeaderRow: false, excelType: ExcelType.XLSX))
        {
            line++;
            var fields = row.Values.Select(Text).ToList();
            while (fields.Count > 0 && fields[^1].Length == 0)
                fields.RemoveAt(fields.Count - 1);
            if (fields.Count > 0)
                yield return (line, fields);
        }
    }

    private static object? Cell(object? value) => value is double or int or long or decimal or null ? value : Storable(Text(value));

    /// <summary>
    /// XML has no place for most control characters and for half a pair of surrogates: a workbook with one could not be opened at all.
    /// </summary>
    private static string Storable(string text) =>
        text.All(XmlConvert.IsXmlChar)
            ? text
            : string.Concat(text.EnumerateRunes().Where(r => r.Value >= 0x20 || r.Value is '\t' or '\n' or '\r').Select(r => r.ToString()));

    private static string Text(object? value) =>
        value switch
        {
            null => "",
            string text => text,
            DateTime { TimeOfDay.Ticks: 0, Kind: DateTimeKind.Unspecified } day => day.ToString("yyyy-MM-dd", CultureInfo.InvariantCulture),
            DateTime { Kind: DateTimeKind.Utc } time => time.ToString("yyyy-MM-ddTHH:mm:ssZ", CultureInfo.InvariantCulture),
            DateTime time => time.ToString("yyyy-MM-dd HH:mm:ss", CultureInfo.InvariantCulture),
            DateOnly day => day.ToString("yyyy-MM-dd", CultureInfo.InvariantCulture),
            double number when double.IsInteger(number) && Math.Abs(number) < 1e15 => number.ToString("F0", CultureInfo.InvariantCulture),
            bool yes => yes ? "是" : "否",
            _ => Convert.ToString(value, CultureInfo.InvariantCulture) ?? "",
        };
}
