using System.ComponentModel.DataAnnotations;
using System.Globalization;
using Vigil.Model;
using Vigil.Settings;

namespace Vigil.Host.Backup;

/// <summary>Section <c>Backup</c>.</summary>
internal sealed class BackupOptions
{
    public const string Section = "Backup";

    /// <summary>Where a backup is made every day; empty: none is. Best on another disk, copied to another place from there.</summary>
    public string Folder { get; set; } = "";

    /// <summary>Where the keys are copied with it, apart from it; empty: they aren't copied.</summary>
    public string KeysFolder { get; set; } = "";

    /// <summary>Local time of day, HH:mm.</summary>
    [TimeOfDay]
    public string At { get; set; } = "03:00";

    /// <summary>How many of the daily backups stay.</summary>
    [Range(1, 3650)]
    public int Keep { get; set; } = 14;

    /// <summary>Records in PostgreSQL: <c>dump</c> with pg_dump, or <c>elsewhere</c> when the server has backups of its own.</summary>
    [OneOf("dump", "elsewhere")]
    public string Postgres { get; set; } = "dump";

    public TimeOnly Time => TimeOnly.ParseExact(At, "HH:mm", CultureInfo.InvariantCulture);

    /// <summary>Reads and checks the section.</summary>
    public static BackupOptions Read(IConfiguration configuration, List<Problem> problems)
    {
        var options = SettingsSection.Read<BackupOptions>(configuration, Section, problems);
        if (
            options.KeysFolder.Length > 0
            && options.Folder.Length > 0
            && Path.GetFullPath(options.KeysFolder) == Path.GetFullPath(options.Folder)
        )
            problems.Add(
                new Problem(
                    "Backup:KeysFolder",
                    0,
                    "",
                    options.KeysFolder,
                    "is Backup:Folder too; whoever has both reads everything, so they are kept apart"
                )
            );
        return options;
    }
}
