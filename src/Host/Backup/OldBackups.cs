namespace Vigil.Host.Backup;

/// <summary>Keeps only the newest backups.</summary>
internal static class OldBackups
{
    /// <summary>Deletes the oldest daily backups. Called after a good one only, so that the last good backup is never deleted.</summary>
    public static void Delete(BackupOptions options)
    {
        foreach (
            var (folder, _) in Manifest
                .All(options.Folder)
                .Where(b => b.Manifest.Scheduled)
                .OrderByDescending(b => b.Manifest.Made)
                .Skip(options.Keep)
        )
            Directory.Delete(folder, recursive: true);
        if (options.KeysFolder.Length > 0)
            foreach (
                var folder in Directory
                    .EnumerateDirectories(options.KeysFolder, "vigil-keys-*Z")
                    .OrderDescending(StringComparer.Ordinal)
                    .Skip(options.Keep)
            )
                Directory.Delete(folder, recursive: true);
        foreach (var stopped in Directory.EnumerateDirectories(options.Folder, "vigil-*Z.partial"))
            Directory.Delete(stopped, recursive: true);
    }
}
