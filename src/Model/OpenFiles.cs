using System.Globalization;

namespace Vigil.Model;

/// <summary>
/// How many files and sockets this process may have open at once. At the limit neither a database nor a device can be served.
/// </summary>
public static class OpenFiles
{
    /// <summary>The limit of the process (<c>ulimit -n</c>); a cautious guess where it isn't known.</summary>
    public static int Most { get; } = Read();

    private static int Read()
    {
        const int unknown = 4096;
        if (!File.Exists("/proc/self/limits"))
            return unknown;
        var line = File.ReadLines("/proc/self/limits").FirstOrDefault(l => l.StartsWith("Max open files", StringComparison.Ordinal));
        return
            line?.Split(' ', StringSplitOptions.RemoveEmptyEntries) is [_, _, _, var soft, ..]
            && int.TryParse(soft, NumberStyles.None, CultureInfo.InvariantCulture, out var most)
            ? most
            : int.MaxValue;
    }
}
