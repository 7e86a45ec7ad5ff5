using System.Runtime.InteropServices;
using System.Runtime.Versioning;

namespace Vigil.Host;

/// <summary>
/// Files with people's data are for the account that runs the service alone, whatever its shell or unit file says: what is made from now on
/// (the umask, which SQLite's and DuckDB's own files follow too), and what an older version left readable.
/// </summary>
internal static partial class OwnerOnly
{
    private const UnixFileMode File = UnixFileMode.UserRead | UnixFileMode.UserWrite,
        Folder = File | UnixFileMode.UserExecute;

    /// <summary>What the service itself makes in its data folder; other files there are their owners' business.</summary>
    private static readonly string[] Own =
        ["records.db*", "readings.duckdb*", "*.key", "*.key.new", "*.json", "*.jsonl", "reserve", "vigil.lock"],
        OwnFolders = ["keys", "rules", "spool", "audit", "backups"];

    /// <summary>For everything this process makes.</summary>
    public static void FromNowOn()
    {
        if (!OperatingSystem.IsWindows())
            _ = SetUmask(63); // 077 in octal
    }

    /// <summary>For what stands in the data folder already, and the folder itself.</summary>
    public static void Protect(string dataPath)
    {
        if (OperatingSystem.IsWindows())
            return;
        Directory.CreateDirectory(dataPath);
        Narrow(dataPath, Folder);
        foreach (var file in Own.SelectMany(pattern => Directory.EnumerateFiles(dataPath, pattern)))
            Narrow(file, File);
        foreach (var folder in OwnFolders.Select(f => Path.Combine(dataPath, f)).Where(Directory.Exists))
        {
            Narrow(folder, Folder);
            foreach (var inner in Directory.EnumerateDirectories(folder, "*", SearchOption.AllDirectories))
                Narrow(inner, Folder);
            foreach (var file in Directory.EnumerateFiles(folder, "*", SearchOption.AllDirectories))
                Narrow(file, File);
        }
    }

    [UnsupportedOSPlatform("windows")]
    private static void Narrow(string path, UnixFileMode most)
    {
        try
        {
            var mode = System.IO.File.GetUnixFileMode(path);
            if ((mode & ~most) != 0)
                System.IO.File.SetUnixFileMode(path, mode & most);
        }
        catch (Exception e) when (e is UnauthorizedAccessException or FileNotFoundException or IOException)
        {
            // another account's, or gone meanwhile: what it lets others read is not ours to say
        }
    }

    [DllImport("libc", EntryPoint = "umask")]
    [DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
#pragma warning disable SYSLIB1054 // the source generator needs unsafe code allowed; there is nothing to marshal here
    private static extern uint SetUmask(uint mask);
#pragma warning restore SYSLIB1054
}
