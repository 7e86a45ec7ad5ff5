using Vigil.Storage;

namespace Vigil.Host.Backup;

/// <summary>The part of a backup that people wrote.</summary>
internal static class ConfigurationCopy
{
    /// <summary>
    /// Copies rules, policies, messages and device profiles that people wrote; not the files of the settings, because those hold passwords.
    /// </summary>
    /// <returns>What was copied; empty when the service runs with the shipped files only.</returns>
    public static string Make(Settings settings, string partial)
    {
        var copied = new List<string>();
        foreach (var key in new[] { "Rules:Path", "Policies:Path", "Messages:Path", "Devices:Path" })
        {
            if (settings.Configuration[key] is not { Length: > 0 } written)
                continue;
            var path = Path.GetFullPath(written);
            var to = Path.Combine(partial, "config", key.Split(':')[0].ToLowerInvariant());
            if (File.Exists(path))
                foreach (var file in Directory.EnumerateFiles(Path.GetDirectoryName(path)!, "*.yaml"))
                    DataFile.Copy(file, Path.Combine(to, Path.GetFileName(file)));
            else if (Directory.Exists(path))
                foreach (var file in Directory.EnumerateFiles(path, "*", SearchOption.AllDirectories))
                    DataFile.Copy(file, Path.Combine(to, Path.GetRelativePath(path, file)));
            copied.Add($"{key}={path}");
        }

        return string.Join(", ", copied);
    }
}
