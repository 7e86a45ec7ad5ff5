using System.Runtime.InteropServices;
using System.Runtime.Versioning;

namespace Vigil.Host;

/// <summary>
/// Makes files with people's data accessible to the account of the service only, whatever its shell or unit file sets: those created from
/// now on (by the umask, which applies to SQLite's and DuckDB's files too), and those that an older version left readable.
/// </summary>
internal static partial class OwnerOnly
{
    private const UnixFileMode File = UnixFileMode.UserRead | UnixFileMode.UserWrite,
        Folder = File | UnixFileMode.UserExecute;

    /// <summary>Files and folders that the service itself creates in its data folder; others there are left alone.</summary>
    private static readonly string[] Own =
        ["records.db*", "readings.duckdb*", "*.key", "*.key.new", "*.json", "*.jsonl", "reserve", "vigil.lock"],
        OwnFolders = ["keys", "rules", "spool", "audit", "backups", "uploads"];

    /// <summary>For all files and folders this process creates.</summary>
    public static void FromNowOn()
    {
        if (!OperatingSystem.IsWindows())
            _ = SetUmask(63); // 077 in octal
    }

    /// <summary>Creates a folder that only its owner can open.</summary>
    public static void CreateFolder(string path)
    {
        if (OperatingSystem.IsWindows())
            Directory.CreateDirectory(path);
        else
            Directory.CreateDirectory(path, Folder);
    }

    /// <summary>For the data folder and what it contains already.</summary>
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
            // it belongs to another account, or was deleted meanwhile
        }
    }

    [DllImport("libc", EntryPoint = "umask")]
    [DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
#pragma warning disable SYSLIB1054 // the source generator needs unsafe code allowed; there is nothing to marshal here
    private static extern uint SetUmask(uint mask);
#pragma warning restore SYSLIB1054
}
