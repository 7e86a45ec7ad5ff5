using System.Globalization;
using System.Text;

namespace Vigil.Tests.Storage.Readings;

/// <summary>Reads line protocol as its reference describes it, character by character, to check what the encoder writes.</summary>
internal static class LineProtocolReader
{
    internal sealed record Line(string Measurement, Dictionary<string, string> Tags, Dictionary<string, string> Fields, long Time);

    public static List<Line> Read(string text)
    {
        var (lines, at) = (new List<Line>(), 0);
        while (at < text.Length)
        {
            var measurement = Until(text, ref at, ", ");
            var tags = new Dictionary<string, string>(StringComparer.Ordinal);
            while (text[at] == ',')
            {
                at++;
                var key = Until(text, ref at, "=");
                at++;
                tags.Add(key, Until(text, ref at, ", "));
            }

            at++;
            var fields = new Dictionary<string, string>(StringComparer.Ordinal);
            do
            {
                if (text[at] == ',')
                    at++;
                var key = Until(text, ref at, "=");
                at++;
                fields.Add(key, text[at] == '"' ? Quoted(text, ref at) : Until(text, ref at, ", "));
            } while (text[at] == ',');
            at++;
            var end = text.IndexOf('\n', at);
            lines.Add(new Line(measurement, tags, fields, long.Parse(text.AsSpan(at, end - at), CultureInfo.InvariantCulture)));
            at = end + 1;
        }

        return lines;
    }

    /// <summary>
    /// A backslash escapes only a character that would end the text. Elsewhere it stands for itself, so one at the end of a text swallows
    /// the separator.
    /// </summary>
    private static string Until(string text, ref int at, string ends)
    {
        var read = new StringBuilder();
        for (; !ends.Contains(text[at], StringComparison.Ordinal); at++)
        {
            if (text[at] == '\n')
                throw new FormatException("a line feed in a key or a tag");
            if (text[at] == '\\' && text[at + 1] is ',' or '=' or ' ')
                at++;
            read.Append(text[at]);
        }

        return read.ToString();
    }

    private static string Quoted(string text, ref int at)
    {
        var read = new StringBuilder();
        for (at++; text[at] != '"'; at++)
        {
            if (text[at] == '\\' && text[at + 1] is '"' or '\\')
                at++;
            read.Append(text[at]);
        }

        at++;
        return read.ToString();
    }
}
