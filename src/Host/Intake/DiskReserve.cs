namespace Vigil.Host.Intake;

/// <summary>Why no reading is taken.</summary>
/// <param name="Why">In English.</param>
/// <param name="WhyZh">In Chinese.</param>
internal sealed record Withholding(string Why, string WhyZh);

/// <summary>
/// Space that only alarms and what people are told of them may use: a file in the data folder that is given up when the disk is full, so
/// that a press is still committed, told and answered though somebody else has filled the disk. It is made again when there is space.
/// Thread-safe.
/// </summary>
internal sealed partial class DiskReserve(string folder, long keptFree, ILogger<DiskReserve> log)
{
    private const long Largest = 16 << 20;

    private readonly string path = Path.Combine(folder, "reserve");
    private readonly long size = Math.Min(keptFree, Largest);
    private readonly Lock gate = new();

    private volatile Withholding? withheld;

    /// <summary>
    /// Why readings are not taken at all: the disk is nearly full, and what is left is for alarms and notices, or a database was deleted;
    /// null when they are. A press still becomes an alarm; it is not acknowledged, so that its reading comes again.
    /// </summary>
    public Withholding? Withheld
    {
        get => withheld;
        set => withheld = value;
    }

    /// <summary>With less than this the next commit may fail.</summary>
    private long Scarce => size / 4;

    /// <summary>Gives it up when it is needed, makes it when there is room for it beside what is kept free.</summary>
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
    /// A write failed: gives the space up if the disk is full. True when there is space now that there was not, so that the same may be
    /// tried again.
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
            // Bytes that no file system can leave out or shrink.
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
