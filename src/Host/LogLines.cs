using System.Globalization;
using System.Text;
using System.Text.RegularExpressions;
using Microsoft.Extensions.Logging.Abstractions;
using Microsoft.Extensions.Logging.Console;

namespace Vigil.Host;

/// <summary>
/// The format of the log: one line for each event. Control characters from devices or people, which could fake a line or control a
/// terminal, are written as \uXXXX. Phone numbers and identity numbers are masked, in case one gets into a message or an exception.
/// </summary>
internal sealed partial class LogLines(TimeProvider clock) : ConsoleFormatter(Name)
{
    public new const string Name = "vigil";

    public override void Write<TState>(in LogEntry<TState> logEntry, IExternalScopeProvider? scopeProvider, TextWriter textWriter)
    {
        var message = logEntry.Formatter(logEntry.State, logEntry.Exception);
        if (logEntry.Exception is { } e)
            message = $"{message} {e}";
        textWriter.WriteLine(
            string.Create(
                CultureInfo.InvariantCulture,
                $"{clock.GetUtcNow().UtcDateTime:yyyy-MM-ddTHH:mm:ssZ} {Level(logEntry.LogLevel)}: "
                    + $"{logEntry.Category}[{logEntry.EventId.Id}] {Safe(message)}"
            )
        );
    }

    internal static string Safe(string text)
    {
        var line = new StringBuilder(text.Length + 16);
        foreach (var c in Numbers().Replace(text, m => Masked(m.Value)))
        {
            if (c == '\n')
                line.Append(" \\n "); // keeps a stack trace in one line, and readable
            else if (
                char.IsControl(c)
                || char.GetUnicodeCategory(c)
                    is UnicodeCategory.Format
                        or UnicodeCategory.LineSeparator
                        or UnicodeCategory.ParagraphSeparator
            )
                line.Append(CultureInfo.InvariantCulture, $"\\u{(int)c:x4}");
            else
                line.Append(c);
        }

        return line.ToString();
    }

    private static string Masked(string number) =>
        number[0] == '+' ? number[..^8] + "****" + number[^4..] : number[..3] + new string('*', number.Length - 7) + number[^4..];

    private static string Level(LogLevel level) =>
        level switch
        {
            LogLevel.Trace => "trce",
            LogLevel.Debug => "dbug",
            LogLevel.Information => "info",
            LogLevel.Warning => "warn",
            LogLevel.Error => "fail",
            _ => "crit",
        };

    /// <summary>E.164 with its plus, a mobile number of mainland China, an identity number (GB 11643).</summary>
    [GeneratedRegex(
        @"\+[1-9]\d{8,14}(?!\d)|(?<![\dA-Za-z._/-])1[3-9]\d{9}(?![\dA-Za-z])|(?<!\d)[1-9]\d{5}(?:19|20)\d{9}[\dXx](?![\dA-Za-z])",
        RegexOptions.CultureInvariant
    )]
    private static partial Regex Numbers();
}
