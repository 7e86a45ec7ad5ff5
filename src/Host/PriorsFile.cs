using Vigil.Rules.Inactivity;
using Vigil.Storage;

namespace Vigil.Host;

/// <summary>
/// What the homes of this service have taught of those that are new, learned four times a day and kept in a file, so that a restart and a
/// backtest judge a new home as the running service does.
/// </summary>
internal static class PriorsFile
{
    private const string Name = "life-priors.txt";

    /// <param name="folder">Of the rules' state.</param>
    /// <param name="why">Why the file can't be used; null where it can, or there is none.</param>
    /// <returns>As shipped where it can't be used: then it is learned again within hours.</returns>
    public static LifePriors Read(string folder, out string? why)
    {
        why = null;
        try
        {
            var path = Path.Combine(folder, Name);
            return File.Exists(path) ? LifePriors.Parse(File.ReadLines(path)) : LifePriors.Shipped;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException or InvalidDataException)
        {
            why = e.Message;
            return LifePriors.Shipped;
        }
    }

    /// <exception cref="IOException">It can't be written; the one before stays.</exception>
    public static void Write(string folder, LifePriors priors)
    {
        DataFile.Write(Path.Combine(folder, Name), string.Join('\n', priors.Lines()) + "\n");
    }
}
