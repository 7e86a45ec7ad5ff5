using Vigil.Storage;

namespace Vigil.Host.Backup;

/// <summary>The parts of a backup that are plain files of the service: snapshots of the rules, signed heads of the audit log.</summary>
internal static class StateCopy
{
    /// <summary>Copies the snapshots, also while one is being replaced.</summary>
    /// <returns>When the oldest snapshot was saved, and a description; null when there are none.</returns>
    public static (DateTime At, string Says)? CopyRules(Settings settings, string partial)
    {
        var from = Path.Combine(settings.DataPath, "rules");
        if (!Directory.Exists(from))
            return null;
        var files = Directory
            .EnumerateFiles(from)
            .Where(f => !f.EndsWith(".new", StringComparison.Ordinal))
            .Order(StringComparer.Ordinal)
            .ToList();
        foreach (var file in files)
        {
            try
            {
                DataFile.Copy(file, Path.Combine(partial, "rules", Path.GetFileName(file)));
            }
            catch (FileNotFoundException)
            {
                // replaced just now: it has become the generation before, whose name comes later in this order
            }
        }

        if (!Directory.Exists(Path.Combine(partial, "rules")) || !Directory.EnumerateFiles(Path.Combine(partial, "rules")).Any())
            return null;
        var copied = Directory.EnumerateFiles(Path.Combine(partial, "rules")).Select(File.GetLastWriteTimeUtc).ToList();
        return (copied.Min(), $"state saved between {Manifest.Utc(copied.Min())} and {Manifest.Utc(copied.Max())}");
    }

    /// <summary>
    /// To be called before the records are copied: a signed head that is newer than the copied rows would look as if some had been cut off.
    /// </summary>
    public static void CopyAuditHeads(Settings settings, string partial)
    {
        var from = Path.Combine(settings.DataPath, "audit");
        if (!Directory.Exists(from))
            return;
        foreach (var file in Directory.EnumerateFiles(from).Where(f => !f.EndsWith(".new", StringComparison.Ordinal)).ToList())
            DataFile.Copy(file, Path.Combine(partial, "audit", Path.GetFileName(file)));
    }
}
