using System.Text.Json;

namespace Vigil.Storage;

/// <summary>Files of JSON objects, one a line, in which rows are kept that a store refused.</summary>
public static class KeptLines
{
    /// <summary>Writes a file anew without some lines; a line that is no JSON stays.</summary>
    /// <param name="path">The file; nothing is done where there is none, or nothing to take out.</param>
    /// <param name="goes">Whether a line is taken out.</param>
    public static void Forget(string path, Func<string, bool> goes)
    {
        if (!File.Exists(path))
            return;
        var lines = File.ReadAllLines(path);
        string[] stay = [.. lines.Where(l => !Goes(l))];
        if (stay.Length == lines.Length)
            return;
        var fresh = path + ".new";
        var options = new FileStreamOptions { Mode = FileMode.Create, Access = FileAccess.Write };
        if (!OperatingSystem.IsWindows())
            options.UnixCreateMode = UnixFileMode.UserRead | UnixFileMode.UserWrite;
        using (var file = new FileStream(fresh, options))
        {
            using var writer = new StreamWriter(file, leaveOpen: true) { NewLine = "\n" };
            foreach (var line in stay)
                writer.WriteLine(line);
            writer.Flush();
            file.Flush(flushToDisk: true);
        }

        File.Move(fresh, path, overwrite: true);

        bool Goes(string line)
        {
            try
            {
                return goes(line);
            }
            catch (JsonException)
            {
                return false;
            }
        }
    }
}
