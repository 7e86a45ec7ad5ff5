using System.Diagnostics.Metrics;
using System.Text.Json;
using Vigil.Model;
using Vigil.Storage;
using Vigil.Storage.Records;

namespace Vigil.Host.Intake;

/// <summary>
/// Keeps rows that a working store will never accept in <c>set-aside.jsonl</c> in the data folder, one JSON object a line with the store's
/// reason, and reports them as a trouble of the service: so one bad row neither blocks the others nor is lost unnoticed. The current file
/// and the one before it, 16 MiB each. Thread-safe.
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

    /// <summary>Writes a row and syncs it to disk.</summary>
    /// <param name="what">Kind of the row, English and Chinese.</param>
    /// <param name="row">The row.</param>
    /// <param name="why">The store's reason.</param>
    /// <exception cref="IOException">It could not be written; the caller has to keep the row.</exception>
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

    /// <summary>Takes out the rows about somebody who was erased.</summary>
    public void Forget(IReadOnlyCollection<string> ids)
    {
        lock (gate)
            foreach (var file in new[] { path, Path.ChangeExtension(path, ".before.jsonl") })
                KeptLines.Forget(
                    file,
                    line =>
                    {
                        using var row = JsonDocument.Parse(line);
                        return TextsIn(row.RootElement).Any(text => ids.Any(id => PersonTraces.Names(text, id)));
                    }
                );
    }

    private static IEnumerable<string> TextsIn(JsonElement element) =>
        element.ValueKind switch
        {
            JsonValueKind.Object => element.EnumerateObject().SelectMany(p => TextsIn(p.Value)),
            JsonValueKind.Array => element.EnumerateArray().SelectMany(TextsIn),
            JsonValueKind.String => [element.GetString()!],
            _ => [],
        };

    /// <summary>Reports a row that is kept in another file, such as a line that InfluxDB refused.</summary>
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
