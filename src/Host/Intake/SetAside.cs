using System.Diagnostics.Metrics;
using System.Text.Json;
using Vigil.Model;

namespace Vigil.Host.Intake;

/// <summary>
/// What a store that works refuses to take for ever: kept in <c>set-aside.jsonl</c> in the data folder with the store's reason, a JSON
/// object a line, and told as a trouble of the service. So one row never holds up the others, and nothing is lost in silence. Two files of
/// 16 MiB at most. Thread-safe.
/// </summary>
internal sealed partial class SetAside
{
    private const long LargestFile = 16 << 20;
    private static readonly TimeSpan Shown = TimeSpan.FromHours(1);

    private readonly string path;
    private readonly Troubles troubles;
    private readonly TimeProvider clock;
    private readonly ILogger<SetAside> log;
    private readonly Lock gate = new();
    private readonly Counter<long> rows;

    public SetAside(string folder, Troubles troubles, TimeProvider clock, Meter meter, ILogger<SetAside> log)
    {
        path = Path.Combine(folder, "set-aside.jsonl");
        (this.troubles, this.clock, this.log) = (troubles, clock, log);
        rows = meter.CreateCounter<long>(
            "vigil_rows_set_aside",
            description: "Rows that a working store refused; kept in set-aside.jsonl with its reason"
        );
    }

    /// <summary>Returns when the row is on the disk.</summary>
    /// <param name="what">What kind of row, English and Chinese.</param>
    /// <param name="row">All of it.</param>
    /// <param name="why">The store's reason.</param>
    /// <exception cref="IOException">It could not be kept, so it may not be given up.</exception>
    public void Keep((string En, string Zh) what, object row, string why)
    {
        lock (gate)
        {
            var options = new FileStreamOptions { Mode = FileMode.Append, Access = FileAccess.Write };
            if (!OperatingSystem.IsWindows())
                options.UnixCreateMode = UnixFileMode.UserRead | UnixFileMode.UserWrite;
            if (File.Exists(path) && new FileInfo(path).Length > LargestFile)
                File.Move(path, Path.ChangeExtension(path, ".before.jsonl"), overwrite: true);
            using var file = new FileStream(path, options);
            JsonSerializer.Serialize(
                file,
                new
                {
                    time = clock.GetUtcNow().UtcDateTime,
                    what = what.En,
                    reason = why,
                    row,
                }
            );
            file.WriteByte((byte)'\n');
            file.Flush(flushToDisk: true);
        }

        Tell(what, why);
    }

    /// <summary>Tells of a row that is kept elsewhere (a line that InfluxDB refuses has a file of its own).</summary>
    public void Tell((string En, string Zh) what, string why)
    {
        rows.Add(1, new KeyValuePair<string, object?>("what", what.En));
        LogSetAside(log, what.En, why);
        troubles.Happened(
            $"set-aside: {what.En}",
            $"{what.En} was refused by its store and is kept aside: {why}",
            $"{what.Zh}被存储拒绝，已另行保存，原因见运行日志",
            Shown
        );
    }

    [LoggerMessage(Level = LogLevel.Error, Message = "{What} was refused by its store and is kept in set-aside.jsonl: {Reason}")]
    private static partial void LogSetAside(ILogger logger, string what, string reason);
}
