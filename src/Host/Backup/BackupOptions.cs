using System.ComponentModel.DataAnnotations;
using System.Globalization;
using Vigil.Model;
using Vigil.Settings;

namespace Vigil.Host.Backup;

/// <summary>Section <c>Backup</c>.</summary>
internal sealed class BackupOptions
{
    public const string Section = "Backup";

    /// <summary>Folder of the daily backups; empty: none are made. Best on another disk, and copied elsewhere from there.</summary>
    public string Folder { get; set; } = "";

    /// <summary>Another folder, for the copies of the keys; empty: they aren't copied.</summary>
    public string KeysFolder { get; set; } = "";

    /// <summary>Local time of day, HH:mm.</summary>
    [TimeOfDay]
    public string At { get; set; } = "03:00";

    /// <summary>How many daily backups are kept.</summary>
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

    /// <summary>The latest time, in UTC, at which a daily backup was due.</summary>
    public DateTime LastDue(DateTime now, TimeZoneInfo zone)
    {
        var local = TimeZoneInfo.ConvertTimeFromUtc(now, zone);
        var due = local.Date + Time.ToTimeSpan();
        if (due > local)
            due = due.AddDays(-1);
        if (zone.IsInvalidTime(due))
            due = due.AddHours(1); // in the hour that daylight saving time skips
        return TimeZoneInfo.ConvertTimeToUtc(DateTime.SpecifyKind(due, DateTimeKind.Unspecified), zone);
    }
}
