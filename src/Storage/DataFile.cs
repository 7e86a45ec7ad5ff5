using System.Security.Cryptography;
using System.Text;

namespace Vigil.Storage;

/// <summary>
/// Atomic writes (a file is complete or doesn't exist, even after a power cut), copies and hashes of files in the data folder.
/// </summary>
public static class DataFile
{
    /// <summary>Writes to a temporary file, syncs it to disk and renames it.</summary>
    /// <param name="path">Is replaced when it exists.</param>
    /// <param name="content">The whole content.</param>
    /// <param name="secret">Readable by its owner alone.</param>
    public static void Write(string path, ReadOnlySpan<byte> content, bool secret = false)
    {
        var next = WriteBeside(path, content, secret);
        File.Move(next, path, overwrite: true);
    }

    /// <summary>The same, but a file that exists already is kept.</summary>
    public static void WriteNew(string path, ReadOnlySpan<byte> content, bool secret = false)
    {
        var next = WriteBeside(path, content, secret);
        try
        {
            File.Move(next, path, overwrite: false);
        }
        catch (IOException) when (File.Exists(path))
        {
            File.Delete(next);
        }
    }

    private static string WriteBeside(string path, ReadOnlySpan<byte> content, bool secret)
    {
        Directory.CreateDirectory(Path.GetDirectoryName(Path.GetFullPath(path))!);
        var next = $"{path}.{Environment.ProcessId}.new";
        File.Delete(next);
        var options = new FileStreamOptions { Mode = FileMode.CreateNew, Access = FileAccess.Write };
        if (secret && !OperatingSystem.IsWindows())
            options.UnixCreateMode = UnixFileMode.UserRead | UnixFileMode.UserWrite;
        try
        {
            using var file = new FileStream(next, options);
            file.Write(content);
            file.Flush(flushToDisk: true);
        }
        catch (IOException)
        {
            File.Delete(next); // it is incomplete, as on a full disk
            throw;
        }

        return next;
    }

    public static void Write(string path, string content, bool secret = false) => Write(path, Encoding.UTF8.GetBytes(content), secret);

    /// <summary>A copy that keeps the time of the original: a snapshot's age is that of its file.</summary>
    public static void Copy(string from, string to)
    {
        Directory.CreateDirectory(Path.GetDirectoryName(to)!);
        File.Copy(from, to);
        File.SetLastWriteTimeUtc(to, File.GetLastWriteTimeUtc(from));
    }

    public static void Sync(string path)
    {
        using var file = new FileStream(path, FileMode.Open, FileAccess.ReadWrite, FileShare.ReadWrite);
        file.Flush(flushToDisk: true);
    }

    public static async Task<string> HashAsync(string path, CancellationToken cancellation)
    {
        await using var file = new FileStream(path, FileMode.Open, FileAccess.Read, FileShare.Read, 1 << 20);
        return Convert.ToHexStringLower(await SHA256.HashDataAsync(file, cancellation));
    }

    /// <summary>Renames a damaged file, with the time in its new name, instead of deleting it.</summary>
    /// <returns>The new path.</returns>
    public static string SetAside(string path, DateTime now)
    {
        var aside = $"{path}.damaged-{now:yyyyMMddTHHmmssZ}";
        for (var n = 2; File.Exists(aside); n++)
            aside = $"{path}.damaged-{now:yyyyMMddTHHmmssZ}-{n}";
        File.Move(path, aside);
        return aside;
    }
}
