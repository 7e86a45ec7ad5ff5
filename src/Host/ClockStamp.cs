using System.Globalization;
using System.Security.Cryptography;
using System.Text;
using Vigil.Model;

namespace Vigil.Host;

/// <summary>The service's time when it was last written to disk.</summary>
/// <param name="Time">The service's time.</param>
/// <param name="Since">How long ago that was, by the machine's monotonic clock; null when the machine was rebooted since, or is another
/// one.</param>
/// <param name="Move">A setting of the clock that was begun then; the records tell whether it was committed.</param>
internal sealed record ClockStamp(DateTime Time, TimeSpan? Since, ClockMove? Move);

/// <summary>
/// The file <c>clock</c> in the data folder, from which the next start learns how long the service was down. Lines: the service's time, the
/// machine's boot id with its monotonic time, optionally id and target of a <see cref="ClockMove"/>, a checksum.
/// </summary>
internal sealed partial class ClockStampFile(string dataPath, TimeProvider clock, ILogger log)
{
    /// <summary>A later time than this is damage.</summary>
    private static readonly DateTime Latest = new(2100, 1, 1, 0, 0, 0, DateTimeKind.Utc);

    private readonly string path = Path.Combine(dataPath, "clock");
    private long? written;

    /// <summary>How long ago it was written; null when it wasn't since the start.</summary>
    public TimeSpan? SinceWritten => written is { } at ? clock.GetElapsedTime(at) : null;

    /// <returns>Null at the first start, in a restored folder, and where the file is damaged: then the downtime isn't known.</returns>
    public ClockStamp? Read()
    {
        if (ReadLines() is not { } lines)
            return null;
        if (Time(lines, 0) is not { } last || last < SteadyClock.Earliest || last > Latest)
            return null;
        TimeSpan? since = null;
        if (
            lines.Length >= 2
            && lines[1].Split(' ') is [var boot, var ticks]
            && boot == SteadyClock.Boot
            && boot != "-"
            && long.TryParse(ticks, NumberStyles.None, CultureInfo.InvariantCulture, out var then)
            && clock.GetTimestamp() >= then
        )
            since = clock.GetElapsedTime(then);
        var move =
            lines.Length >= 4 && Guid.TryParse(lines[2], out var id) && Time(lines, 3) is { } to
                ? new ClockMove(id, last, to - last)
                : null;
        return new ClockStamp(last, since, move);
    }

    /// <summary>
    /// Writes atomically. A failure (a full disk) is logged and reported elsewhere; but with a move it is thrown, because no move may be
    /// committed that the next start couldn't find.
    /// </summary>
    public void Write(DateTime now, ClockMove? move = null)
    {
        try
        {
            var text = $"{now:O}\n{SteadyClock.Boot} {clock.GetTimestamp()}{(move is null ? "" : $"\n{move.Id}\n{move.To:O}")}";
            File.WriteAllText(path + ".new", WithChecksum(text));
            if (move is not null)
            {
                using var file = File.OpenHandle(path + ".new", FileMode.Open, FileAccess.ReadWrite);
                RandomAccess.FlushToDisk(file); // as durable as the commit that follows
            }

            File.Move(path + ".new", path, overwrite: true);
            written = clock.GetTimestamp();
        }
        catch (Exception e) when (move is null && e is (IOException or UnauthorizedAccessException))
        {
            ClockWatch.LogFailed(log, e);
        }
    }

    internal static string WithChecksum(string text) =>
        $"{text}\n{Convert.ToHexString(SHA256.HashData(Encoding.UTF8.GetBytes(text)))[..16]}";

    private string[]? ReadLines()
    {
        try
        {
            if (!File.Exists(path))
                return null;
            var lines = File.ReadAllLines(path);
            if (lines.Length > 1 && string.Join('\n', lines) == WithChecksum(string.Join('\n', lines[..^1])))
                return lines[..^1];
            LogDamaged(log, path);
            return null;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            ClockWatch.LogFailed(log, e);
            return null;
        }
    }

    private static DateTime? Time(string[] lines, int line) =>
        line < lines.Length
        && DateTime.TryParse(
            lines[line],
            CultureInfo.InvariantCulture,
            DateTimeStyles.AdjustToUniversal | DateTimeStyles.AssumeUniversal,
            out var time
        )
            ? time
            : null;

    [LoggerMessage(
        Level = LogLevel.Warning,
        Message = "{File} is damaged: how long the service was down is not known, as after a start of the machine"
    )]
    private static partial void LogDamaged(ILogger logger, string file);
}
