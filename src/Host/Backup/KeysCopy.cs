using Microsoft.Extensions.Configuration.Json;
using Vigil.Storage;
using Vigil.Storage.Records;

namespace Vigil.Host.Backup;

/// <summary>
/// Copies the keys and the files of the settings, which hold passwords, into a folder of their own, apart from the backup: whoever has both
/// can read everything.
/// </summary>
internal static class KeysCopy
{
    /// <param name="settings">All settings.</param>
    /// <param name="fields">The keys of the sealed columns.</param>
    /// <param name="into">Folder in which the keys' own folder is created.</param>
    /// <param name="name">Name of the backup.</param>
    /// <param name="made">The time now.</param>
    /// <param name="say">Told where the keys are.</param>
    /// <param name="cancellation">Leaves a folder whose name ends in .partial.</param>
    public static async Task MakeAsync(
        Settings settings,
        FieldKeys? fields,
        string into,
        string name,
        DateTime made,
        Action<string> say,
        CancellationToken cancellation
    )
    {
        var folder = Path.Combine(into, name.Replace("vigil-", "vigil-keys-", StringComparison.Ordinal));
        var partial = folder + ".partial";
        if (Directory.Exists(partial))
            Directory.Delete(partial, recursive: true);
        OwnerOnly.CreateFolder(partial);
        var keys = Path.Combine(settings.DataPath, "keys");
        if (Directory.Exists(keys))
            foreach (var file in Directory.EnumerateFiles(keys))
                DataFile.Copy(file, Path.Combine(partial, "keys", Path.GetFileName(file)));
        var fieldKeys = RecordsServices.KeyFile(settings.Configuration, settings.DataPath);
        if (!File.Exists(Path.Combine(partial, "keys", "fields.key")) && File.Exists(fieldKeys))
            DataFile.Copy(fieldKeys, Path.Combine(partial, "keys", "fields.key"));
        var links = Path.Combine(settings.DataPath, "links.key");
        if (File.Exists(links))
            DataFile.Copy(links, Path.Combine(partial, "links.key"));
        foreach (var file in SettingsFiles(settings))
            DataFile.Copy(file, Path.Combine(partial, "settings", Path.GetFileName(file)));
        await Manifest.SealAsync(
            partial,
            new Manifest
            {
                Vigil = BackupRun.Version,
                Made = made,
                Keys = [.. fields?.Ids ?? []],
            },
            cancellation
        );
        Directory.Move(partial, folder);
        say($"keys: {folder}: the keys and the settings' files, which hold passwords. Keep them apart from the backup.");
    }

    private static IEnumerable<string> SettingsFiles(Settings settings) =>
        settings.Configuration is not IConfigurationRoot root
            ? []
            : root
                .Providers.OfType<JsonConfigurationProvider>()
                .Select(p => p.Source.FileProvider?.GetFileInfo(p.Source.Path ?? "").PhysicalPath)
                .OfType<string>()
                .Where(File.Exists)
                .DistinctBy(Path.GetFileName);
}
