using System.Text;

namespace Vigil.Storage.Records;

/// <summary>RFC 4180: rows of fields, quotes doubled; a byte order mark and either line ending are taken.</summary>
public static class Csv
{
    /// <returns>Each row with the line it begins on.</returns>
    public static IEnumerable<(int Line, List<string> Fields)> Read(TextReader reader)
    {
        var fields = new List<string>();
        var field = new StringBuilder();
        int line = 1, start = 1;
        bool quoted = false, any = false;
        for (int c; (c = reader.Read()) >= 0;)
        {
            if (c == '\n') line++;
            if (quoted)
            {
                if (c != '"') field.Append((char)c);
                else if (reader.Peek() == '"') field.Append((char)reader.Read());
                else quoted = false;
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
                    yield return (start, fields);
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

        if (!any && field.Length == 0) yield break;
        fields.Add(field.ToString());
        yield return (start, fields);
    }

    /// <summary>Quotes where needed, and puts an apostrophe before what a spreadsheet would take for a formula (OWASP ASVS 5.0, 1.2.10).</summary>
    public static string Escape(string text)
    {
        if (text.Length > 0 && text[0] is '=' or '+' or '-' or '@' or '\t' or '\r' or '\0') text = "'" + text;
        return text.AsSpan().IndexOfAny("\",\r\n") < 0 ? text : "\"" + text.Replace("\"", "\"\"", StringComparison.Ordinal) + "\"";
    }
}
