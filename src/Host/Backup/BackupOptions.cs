using System.ComponentModel.DataAnnotations;
using System.Globalization;
using Vigil.Model;

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
    public string At { get; set; } = "03:00";

    /// <summary>How many of the daily backups stay.</summary>
    [Range(1, 3650)]
    public int Keep { get; set; } = 14;

    /// <summary>Records in PostgreSQL: <c>dump</c> with pg_dump, or <c>elsewhere</c> when the server has backups of its own.</summary>
    public string Postgres { get; set; } = "dump";

    public TimeOnly Time => TimeOnly.ParseExact(At, "HH:mm", CultureInfo.InvariantCulture);

    /// <summary>Reads and checks the section.</summary>
    public static BackupOptions Read(IConfiguration configuration, List<Problem> problems)
    {
        BackupOptions options;
        try
        {
            options = configuration.GetSection(Section).Get<BackupOptions>() ?? new();
        }
        catch (InvalidOperationException e)
        {
            problems.Add(new Problem(Section, 0, "", "", e.InnerException?.Message ?? e.Message));
            return new();
        }

        if (!TimeOnly.TryParseExact(options.At, "HH:mm", CultureInfo.InvariantCulture, DateTimeStyles.None, out _))
            problems.Add(new Problem("Backup:At", 0, "", options.At, "is not a time of day such as 03:00"));
        if (options.Keep is < 1 or > 3650)
            problems.Add(new Problem("Backup:Keep", 0, "", $"{options.Keep}", "is not a number of backups from 1 to 3650"));
        if (options.Postgres is not ("dump" or "elsewhere"))
            problems.Add(new Problem("Backup:Postgres", 0, "", options.Postgres, "is neither dump nor elsewhere"));
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
