using System.Globalization;

namespace Vigil.Tests.Servers;

/// <summary>
/// A library that is loaded before a program's own: it counts the program's syncs to disk in all threads and can kill it (SIGKILL) just
/// before a chosen one. SQLite, DuckDB and .NET all sync by libc's fsync and fdatasync.
/// </summary>
internal sealed class Syncs : IDisposable
{
    private static readonly Lazy<Task<string>> Library = new(async () =>
    {
        var to = Path.Combine(Directory.CreateTempSubdirectory("vigil-syncs-").FullName, "libsyncs.so");
        var (code, output) = await Server.RunAsync(
            "cc",
            [
                "-shared",
                "-fPIC",
                "-O1",
                "-nostdlib",
                "-fno-builtin",
                "-o",
                to,
                Path.Combine(AppContext.BaseDirectory, "data", "crash", "syncs.c"),
            ]
        );
        return code == 0 ? to : throw new InvalidOperationException($"cc: {output}");
    });

    private readonly string folder = Directory.CreateTempSubdirectory("vigil-syncs-").FullName;

    /// <summary>The environment with which a program must be started so that its syncs are counted.</summary>
    public async Task<Dictionary<string, string>> EnvironmentAsync() =>
        new()
        {
            ["LD_PRELOAD"] = await Library.Value,
            ["VIGIL_SYNC_COUNT"] = Path.Combine(folder, "count"),
            ["VIGIL_SYNC_KILL"] = Path.Combine(folder, "at"),
        };

    /// <summary>The syncs so far of the program that runs now or ran last.</summary>
    public int Count =>
        File.Exists(Path.Combine(folder, "count"))
        && int.TryParse(File.ReadAllText(Path.Combine(folder, "count")), NumberStyles.None, CultureInfo.InvariantCulture, out var n)
            ? n
            : 0;

    /// <summary>Kills the program just before this sync; null: never.</summary>
    public void KillAt(int? n)
    {
        var next = Path.Combine(folder, "at.new");
        File.WriteAllText(next, (n ?? 0).ToString(CultureInfo.InvariantCulture));
        File.Move(next, Path.Combine(folder, "at"), overwrite: true);
    }

    /// <summary>Sets the count back before the next program is started.</summary>
    public void Forget() => File.Delete(Path.Combine(folder, "count"));

    public void Dispose() => Directory.Delete(folder, recursive: true);
}
