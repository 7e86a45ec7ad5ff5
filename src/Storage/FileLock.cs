using System.Collections.Concurrent;
using System.Globalization;

namespace Vigil.Storage;

/// <summary>
/// A lock between processes: an open file in the data folder. The operating system releases it when its holder dies, however it dies, so
/// there are no stale locks. The holder's name is in a second file beside it, because a locked file can't be read.
/// </summary>
public sealed class FileLock : IDisposable
{
    private static readonly TimeSpan RetryEvery = TimeSpan.FromMilliseconds(200),
        SayAgain = TimeSpan.FromSeconds(10);

    /// <summary>Locks that this process holds.</summary>
    private static readonly ConcurrentDictionary<string, byte> Ours = new(StringComparer.Ordinal);

    private readonly FileStream file;
    private readonly string path;

    private FileLock(FileStream file, string path) => (this.file, this.path) = (file, path);

    /// <summary>Null when somebody else holds it.</summary>
    /// <param name="path">The file; its folder is made.</param>
    /// <param name="holder">Who takes it, in words for others that wait.</param>
    public static FileLock? TryTake(string path, string holder)
    {
        path = Path.GetFullPath(path);
        Directory.CreateDirectory(Path.GetDirectoryName(path)!);
        FileStream file;
        try
        {
            file = new FileStream(path, FileMode.OpenOrCreate, FileAccess.ReadWrite, FileShare.None);
        }
        catch (IOException) when (File.Exists(path))
        {
            return null;
        }

        Ours[path] = 0;
        File.WriteAllText(
            path + ".holder",
            string.Create(
                CultureInfo.InvariantCulture,
                $"{holder}, process {Environment.ProcessId}, since {TimeProvider.System.GetUtcNow():yyyy-MM-ddTHH:mm:ssZ}\n"
            )
        );
        return new FileLock(file, path);
    }

    /// <summary>Waits for the lock. Says who holds it: at once, and every ten seconds.</summary>
    /// <exception cref="UnusableDataException">It was not free within <paramref name="patience"/>.</exception>
    public static async Task<FileLock> TakeAsync(
        string path,
        string holder,
        Action<string> say,
        TimeSpan patience,
        CancellationToken cancellation
    )
    {
        var clock = TimeProvider.System; // between processes there is no clock but the machine's
        var (begun, said) = (clock.GetTimestamp(), TimeSpan.MinValue);
        var since = clock.GetUtcNow();
        while (true)
        {
            if (TryTake(path, holder) is { } taken)
                return taken;
            var waited = clock.GetElapsedTime(begun);
            if (waited > patience)
                throw new Model.UnusableDataException(
                    $"{Path.GetFileName(path)} is held by {HolderOf(path) ?? "another process"}; gave up after {waited.TotalSeconds:0} s"
                );
            if (said == TimeSpan.MinValue || waited - said > SayAgain)
            {
                say($"waiting since {since:HH:mm:ss}Z for {HolderOf(path) ?? "another process"}, which holds {path}");
                said = waited;
            }

            await Task.Delay(RetryEvery, clock, cancellation);
        }
    }

    /// <summary>Whether anybody holds it now, this process included.</summary>
    public static bool IsHeld(string path)
    {
        if (!File.Exists(path))
            return false;
        try
        {
            using var file = new FileStream(path, FileMode.Open, FileAccess.ReadWrite, FileShare.None);
            return false;
        }
        catch (IOException)
        {
            return true;
        }
    }

    /// <summary>Whether this process holds it.</summary>
    public static bool IsOurs(string path) => Ours.ContainsKey(Path.GetFullPath(path));

    /// <summary>Who took it last, in words; null when nobody has, or it can't be read.</summary>
    public static string? HolderOf(string path)
    {
        try
        {
            return File.ReadAllText(path + ".holder").Trim() is { Length: > 0 } holder ? holder : null;
        }
        catch (IOException)
        {
            return null;
        }
    }

    public void Dispose()
    {
        Ours.TryRemove(path, out _);
        file.Dispose();
    }
}
