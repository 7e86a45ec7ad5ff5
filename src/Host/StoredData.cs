using System.Xml;
using System.Xml.Linq;
using Vigil.Host.Intake;
using Vigil.Model;
using Vigil.Notify;
using Vigil.Storage;
using Vigil.Storage.Readings;
using Vigil.Storage.Readings.DuckDb;
using Vigil.Storage.Records;

namespace Vigil.Host;

/// <summary>
/// Checks the data folder before the start. Damaged records stop it. What can be replaced (readings, the key of links, keys of sessions) is
/// set aside and reported, and the service starts without it.
/// </summary>
internal sealed partial class StoredData(
    Settings settings,
    RecordsFactory records,
    IReadingStore readings,
    SignedLinks links,
    Troubles troubles,
    TimeProvider clock,
    ILogger<StoredData> log
)
{
    /// <summary>Time limit of the check, so that a start doesn't take long; the daily backup checks the whole file.</summary>
    private static readonly TimeSpan QuickCheck = TimeSpan.FromSeconds(3);

    private static readonly TimeSpan Shown = TimeSpan.FromHours(24);

    public void Check()
    {
        var folder = new DataFolder(settings.DataPath);
        var known = folder.Read();
        if (records.SqliteFile is { } file && File.Exists(file) && new FileInfo(file).Length > 0 && known is { IsCrashed: true })
            CheckRecords(file);
        if (readings is DuckDbReadingStore duck)
        {
            if (known is { Readings: true } && !File.Exists(duck.FilePath) && !File.Exists(duck.FilePath + ".wal"))
                troubles.Happened(
                    "readings-damaged",
                    $"{duck.FilePath} has vanished; readings begin anew with an empty file, alarms go on",
                    $"{duck.FilePath} 不见了；读数从空文件重新开始，报警照常",
                    Shown
                );
            if (known is { Readings: false })
                folder.Write(known with { Readings = true });
        }

        if (links.IsNew && known is { Stopped: not null } or { Version.Length: > 0 })
            troubles.Happened(
                "links-key",
                "links.key was missing or damaged and was made anew; links in messages sent before no longer open, new messages "
                    + "carry new ones",
                "links.key 缺失或损坏，已重新生成；此前短信中的链接失效，新短信使用新链接",
                Shown
            );
        SetAsideSessionKeys();
    }

    /// <summary>Logs what the migration of the records reports.</summary>
    public void Say(string what) => LogSays(log, what);

    /// <summary>Only after a crash. SQLite should survive one undamaged; this makes sure.</summary>
    private void CheckRecords(string file)
    {
        var (wrong, whole, took) = RecordsFile.QuickCheck(file, QuickCheck);
        if (wrong is not null)
            throw RecordsFile.Damaged(file, wrong);
        LogChecked(
            log,
            Path.GetFileName(file),
            whole ? "whole" : "begun; the rest is checked with the next backup",
            (long)took.TotalMilliseconds
        );
    }

    /// <summary>Sets damaged keys of sessions and password links aside. Without them people only have to sign in again.</summary>
    private void SetAsideSessionKeys()
    {
        var folder = Path.Combine(settings.DataPath, "keys");
        if (!Directory.Exists(folder))
            return;
        foreach (var file in Directory.EnumerateFiles(folder, "*.xml"))
        {
            try
            {
                _ = XDocument.Load(file);
            }
            catch (XmlException e)
            {
                DataFile.SetAside(file, clock.GetUtcNow().UtcDateTime);
                troubles.Happened(
                    "session-keys",
                    $"{Path.GetFileName(file)} was damaged and set aside: people sign in anew ({e.Message})",
                    $"{Path.GetFileName(file)} 已损坏并改名保留：需要重新登录",
                    Shown
                );
            }
        }
    }

    [LoggerMessage(Level = LogLevel.Warning, Message = "{What}")]
    private static partial void LogSays(ILogger logger, string what);

    [LoggerMessage(
        Level = LogLevel.Information,
        Message = "The last stop was not a clean one; {File} was checked: {Found} ({Milliseconds} ms)"
    )]
    private static partial void LogChecked(ILogger logger, string file, string found, long milliseconds);
}
