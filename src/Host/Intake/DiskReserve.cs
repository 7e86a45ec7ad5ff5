namespace Vigil.Host.Intake;

/// <summary>Why readings are not accepted.</summary>
/// <param name="Why">In English.</param>
/// <param name="WhyZh">In Chinese.</param>
internal sealed record Withholding(string Why, string WhyZh);

/// <summary>
/// Disk space reserved for alarms and notices: a file in the data folder, deleted when the disk is full, so that a press can still be
/// committed, notified and answered even if something else has filled the disk. It is created again when there is space. Thread-safe.
/// </summary>
internal sealed partial class DiskReserve(string folder, long keptFree, ILogger<DiskReserve> log)
{
    private const long Largest = 16 << 20;

    private readonly string path = Path.Combine(folder, "reserve");
    private readonly long size = Math.Min(keptFree, Largest);
    private readonly Lock gate = new();

    private volatile Withholding? withheld;

    /// <summary>
    /// Why no readings are accepted: the disk is nearly full and the rest is for alarms and notices, or a database was deleted. Null when
    /// they are. A press still raises an alarm, but isn't acknowledged, so that the device sends its reading again.
    /// </summary>
    public Withholding? Withheld
    {
        get => withheld;
        set => withheld = value;
    }

    /// <summary>With less free space than this a commit may fail.</summary>
    private long Scarce => size / 4;

    /// <summary>Deletes the file when its space is needed, and creates it when there is enough space again.</summary>
    public void Look()
    {
        lock (gate)
        {
            if (size == 0)
                return;
            var file = new FileInfo(path);
            if (file.Exists && file.Length == size)
                Release();
            else if (Free() >= keptFree + size)
                Make();
        }
    }

    /// <summary>
    /// To be called after a failed write: deletes the file if the disk is full. True when that has freed space, so that the write can be
    /// repeated.
    /// </summary>
    public bool Release()
    {
        lock (gate)
        {
            if (!File.Exists(path) || Free() >= Scarce)
                return false;
            File.Delete(path);
            LogReleased(log, size >> 10);
            return true;
        }
    }

    private void Make()
    {
        try
        {
            // Random bytes, because a file system could store zeros without using space.
            var bytes = new byte[size];
            Random.Shared.NextBytes(bytes);
            using var file = new FileStream(path, FileMode.Create, FileAccess.Write);
            file.Write(bytes);
            file.Flush(flushToDisk: true);
        }
        catch (IOException e)
        {
            File.Delete(path);
            LogNotMade(log, e.Message);
        }
    }

    private long Free() => new DriveInfo(Path.GetFullPath(folder)).AvailableFreeSpace;

    [LoggerMessage(
        Level = LogLevel.Warning,
        Message = "The disk is full: the reserve of {Kibibytes} KiB is given up, so that alarms can be written"
    )]
    private static partial void LogReleased(ILogger logger, long kibibytes);

    [LoggerMessage(Level = LogLevel.Warning, Message = "The reserve for alarms could not be made: {Reason}")]
    private static partial void LogNotMade(ILogger logger, string reason);
}
