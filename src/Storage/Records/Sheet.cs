using System.Globalization;
using System.IO.Compression;
using System.Text;
using System.Xml;
using MiniExcelLibs;

namespace Vigil.Storage.Records;

/// <summary>Reads and writes rows of a spreadsheet file, CSV or XLSX, with the same content in both.</summary>
public static class Sheet
{
    public const string CsvType = "text/csv; charset=utf-8";
    public const string XlsxType = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet";

    /// <summary>Limit for unpacking an XLSX, which is a ZIP: a small one may hold endless data.</summary>
    private const long MostUnpacked = 1L << 30;

    public static bool IsXlsx(string name) => name.EndsWith("xlsx", StringComparison.OrdinalIgnoreCase);

    /// <summary>
    /// Rows of a CSV file or of the first sheet of a workbook, each with its line number. Numbers and dates of a workbook are returned as
    /// the text one would type.
    /// </summary>
    /// <param name="file">Positioned at its start; an XLSX has to be seekable.</param>
    /// <param name="name">File name, whose extension tells the format.</param>
    /// <exception cref="InvalidDataException">It is no workbook, or unpacks to more than 1 GiB.</exception>
    public static IEnumerable<SheetRow> Read(Stream file, string name) =>
        IsXlsx(name)
            ? ReadXlsx(file)
            : ReadCsv(
                new StreamReader(file, EncodingOf(file), detectEncodingFromByteOrderMarks: true, bufferSize: 1 << 16, leaveOpen: true)
            );

    /// <summary>
    /// UTF-8, or GB18030 where the bytes aren't that: spreadsheet programs set to Chinese save a CSV in it (and in GBK and GB 2312, which
    /// it contains). A text of a few characters of one is hardly ever valid in the other.
    /// </summary>
    private static Encoding EncodingOf(Stream file)
    {
        if (!file.CanSeek)
            return Encoding.UTF8;
        var (start, state, buffer) = (file.Position, Encoding.UTF8.GetDecoder(), new byte[1 << 16]);
        state.Fallback = DecoderFallback.ExceptionFallback;
        var chars = new char[buffer.Length + 16];
        try
        {
            var first = true;
            for (int read; (read = file.Read(buffer)) > 0; first = false)
            {
                if (first && buffer is [0xFF, 0xFE, ..] or [0xFE, 0xFF, ..])
                    return Encoding.UTF8; // UTF-16 says itself what it is
                state.GetChars(buffer, 0, read, chars, 0, flush: false);
            }

            state.GetChars([], 0, 0, chars, 0, flush: true);
            return Encoding.UTF8;
        }
        catch (DecoderFallbackException)
        {
            return CodePagesEncodingProvider.Instance.GetEncoding("GB18030")!;
        }
        finally
        {
            file.Position = start;
        }
    }

    /// <summary>
    /// Writes rows under headings. A CSV begins with a byte order mark, by which spreadsheets recognise UTF-8, and its texts are escaped so
    /// that none is taken for a formula; in XLSX a text cell never is.
    /// </summary>
    /// <param name="file">Left open.</param>
    /// <param name="name">File name, whose extension tells the format.</param>
    public static void Write(Stream file, string name, IReadOnlyList<string> headings, IEnumerable<IReadOnlyList<object?>> rows)
    {
        if (IsXlsx(name))
        {
            // Row by row: a county's registry is more than fits into memory twice.
            using var filled = rows.Select(r =>
                    (IDictionary<string, object?>)headings.Select((h, i) => (h, i)).ToDictionary(x => x.h, x => Cell(r[x.i]))
                )
                .GetEnumerator();
            // A sheet without rows needs its headings written as a row.
            if (filled.MoveNext())
                MiniExcel.SaveAs(file, FromHere(filled));
            else
                MiniExcel.SaveAs(file, new[] { headings.ToDictionary(h => h, object? (h) => h) }, printHeader: false);
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

    /// <summary>Reads a CSV written by <see cref="Write"/> or by a spreadsheet program.</summary>
    public static IEnumerable<SheetRow> ReadCsv(TextReader reader) =>
        Csv.Read(reader).Select(r => r with { Fields = r.Fields.ConvertAll(Csv.Unescape) });

    /// <summary>One line of CSV. Numbers aren't escaped: a minus sign makes no formula of them.</summary>
    public static string CsvLine(IEnumerable<object?> row) =>
        string.Join(',', row.Select(v => v is double or int or long or decimal ? Text(v) : Csv.Escape(Text(v))));

    private static IEnumerable<SheetRow> ReadXlsx(Stream file)
    {
        using (var zip = new ZipArchive(file, ZipArchiveMode.Read, leaveOpen: true))
            if (zip.Entries.Any(e => e.Length > MostUnpacked) || zip.Entries.Sum(e => e.Length) > MostUnpacked)
                throw new InvalidDataException("the workbook unpacks to more than 1 GiB");
        file.Position = 0;
        var line = 0;
        using var rows = MiniExcel.Query(file, useHeaderRow: false, excelType: ExcelType.XLSX).GetEnumerator();
        while (Next(rows))
        {
            line++;
            var row = (IDictionary<string, object?>)rows.Current;
            var fields = row.Values.Select(Text).ToList();
            while (fields.Count > 0 && fields[^1].Length == 0)
                fields.RemoveAt(fields.Count - 1);
            if (fields.Count > 0)
                yield return new SheetRow(line, fields);
        }
    }

    /// <summary>Of a damaged workbook MiniExcel throws whatever it runs into.</summary>
    private static bool Next(System.Collections.IEnumerator rows)
    {
        try
        {
            return rows.MoveNext();
        }
        catch (Exception e) when (e is not (OutOfMemoryException or InvalidDataException))
        {
            throw new InvalidDataException(e.Message, e);
        }
    }

    private static IEnumerable<T> FromHere<T>(IEnumerator<T> rows)
    {
        do yield return rows.Current;
        while (rows.MoveNext());
    }

    private static object? Cell(object? value) => value is double or int or long or decimal or null ? value : ValidInXml(Text(value));

    /// <summary>
    /// Removes what XML can't represent (most control characters, unpaired surrogates): a workbook with one of them can't be opened.
    /// </summary>
    private static string ValidInXml(string text) =>
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
