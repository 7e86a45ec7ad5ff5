using System.Globalization;
using System.Threading.Channels;

namespace Vigil.Host.Commands;

/// <summary>Prints lines in the order in which they were written, without holding up who wrote them. Coloured on a terminal.</summary>
internal sealed class StoryTerminal
{
    private readonly TimeProvider clock;
    private readonly TimeZoneInfo zone;
    private readonly Channel<string> lines = Channel.CreateUnbounded<string>();
    private readonly bool colours = !Console.IsOutputRedirected;
    private readonly Task printing;

    public StoryTerminal(TimeProvider clock, TimeZoneInfo zone)
    {
        (this.clock, this.zone) = (clock, zone);
        printing = PrintAsync();
    }

    public bool IsClosed => printing.IsCompleted;

    public string Local(DateTime time) =>
        TimeZoneInfo.ConvertTimeFromUtc(time, zone).ToString("MM-dd HH:mm:ss", CultureInfo.InvariantCulture);

    public void Write(string line) => lines.Writer.TryWrite(line);

    /// <summary>Prints what is left.</summary>
    public Task CloseAsync()
    {
        lines.Writer.TryComplete();
        return printing;
    }

    public void Tell(string what, string text, ConsoleColor colour)
    {
        var line = $"{Local(clock.GetUtcNow().UtcDateTime)}  {what, -12}  {text}";
        lines.Writer.TryWrite(colours ? $"\u001b[{Ansi(colour)}m{line}\u001b[0m" : line);
    }

    private async Task PrintAsync()
    {
        while (await lines.Reader.WaitToReadAsync())
        while (lines.Reader.TryRead(out var line))
            Console.WriteLine(line);
    }

    private static int Ansi(ConsoleColor colour) =>
        colour switch
        {
            ConsoleColor.Red => 91,
            ConsoleColor.Yellow => 93,
            ConsoleColor.DarkYellow => 33,
            ConsoleColor.Green => 92,
            ConsoleColor.Cyan => 96,
            ConsoleColor.Gray => 37,
            ConsoleColor.DarkRed => 31,
            _ => 90,
        };
}
