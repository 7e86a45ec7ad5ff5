using Vigil.Host.Intake;
using Vigil.Ingest.Mqtt;
using Vigil.Model;
using Vigil.Storage.Readings;

namespace Vigil.Host;

/// <summary>
/// The service about itself: a disk that fills, readings that wait for a server, a broker that is not heard, rows that fail. Each is an
/// alarm for the desk of the whole area, opened before anything is lost and cleared when it is over; /healthz/ready shows the same words.
/// </summary>
internal sealed partial class SelfWatch(
    Settings settings,
    Troubles troubles,
    IReadingStore readings,
    Pipeline pipeline,
    UncommittedFindings uncommitted,
    DiskReserve reserve,
    RecordsProbe records,
    IServiceProvider services,
    TimeProvider clock,
    ILogger<SelfWatch> log
) : BackgroundService
{
    private const string Subject = "service";
    private static readonly TimeSpan Every = TimeSpan.FromSeconds(5);

    private const long LargestLog = 64 << 20;

    /// <summary>A link that is remade within a minute is no news.</summary>
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(60);

    private readonly Dictionary<string, long> since = new(StringComparer.Ordinal);
    private readonly HashSet<string> told = new(StringComparer.Ordinal);
    private string? episode;
    private int sequence;

    /// <summary>The files that are written to: what another store left in the folder may go at any time.</summary>
    private readonly string[] databases =
    [
        .. Uses(settings, "Records:Store", "Sqlite") ? ["records.db"] : Array.Empty<string>(),
        .. Uses(settings, "Readings:Store", "DuckDb") ? ["readings.duckdb"] : Array.Empty<string>(),
    ];

    private readonly HashSet<string> there = new(StringComparer.Ordinal);
    private long looked = clock.GetTimestamp();

    /// <summary>What is wrong now, though work goes on; empty when nothing is.</summary>
    public IReadOnlyList<string> Concerns { get; private set; } = [];

    /// <summary>How long ago it last looked.</summary>
    public TimeSpan SinceLook => clock.GetElapsedTime(Interlocked.Read(ref looked));

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        while (!stoppingToken.IsCancellationRequested)
        {
            try
            {
                await LookAsync(stoppingToken);
                Interlocked.Exchange(ref looked, clock.GetTimestamp());
            }
            catch (Exception e) when (e is not OutOfMemoryException && !stoppingToken.IsCancellationRequested)
            {
                LogFailed(log, e);
            }

            await Task.Delay(Every, clock, stoppingToken);
        }
    }

    internal async Task LookAsync(CancellationToken cancellation)
    {
        var now = clock.GetUtcNow().UtcDateTime;
        reserve.Look();
        await pipeline.LookAgainAsync(cancellation);
        reserve.Withheld = Scarce() ?? Vanished();
        var found = new List<(string Case, string What, string Zh, TimeSpan Patience)>();
        if (reserve.Withheld is { } withheld)
            found.Add(("disk", $"readings are not taken: {withheld.Why}", $"暂停接收读数：{withheld.WhyZh}", TimeSpan.Zero));
        else if (pipeline.Trouble is { } trouble)
            found.Add(
                ("pipeline", $"what devices say could not be stored: {trouble}", "读数无法保存，原因见运行日志", TimeSpan.FromSeconds(10))
            );
        if (await records.LookAsync() is { } silent)
            found.Add(("records", silent, "档案数据库没有响应，详情见运行日志", TimeSpan.Zero));
        if (LongLog() is { } length)
            found.Add(
                (
                    "records-log",
                    $"the write-ahead log of records.db has grown to {length >> 20} MiB: somebody reads it for very long",
                    $"档案数据库的日志已达{length >> 20} MiB：有读取长时间未结束",
                    TimeSpan.Zero
                )
            );
        if (readings.Concern is { } concern)
            found.Add(("readings", concern, "读数存储异常，详情见运行日志", TimeSpan.FromSeconds(10)));
        if (services.GetService<ExternalBroker>() is { Live: false } broker)
            found.Add(("broker", $"the MQTT broker is not heard: {broker.Trouble}", "收不到 MQTT 服务器的消息，原因见运行日志", Patience));
        foreach (var file in services.GetRequiredService<Housekeeping>().Files)
            if (file.Trouble is { } why)
                found.Add(
                    (
                        file.Name,
                        $"the changed {file.Name} are not in force, the last good ones are: {why.En}",
                        $"修改后的{file.NameZh}未生效，仍按原{file.NameZh}运行：{why.Zh}",
                        TimeSpan.FromSeconds(10)
                    )
                );
        foreach (var (loop, words, zh) in services.GetRequiredService<Heartbeats>().Stopped())
            found.Add(($"loop: {loop}", words, zh, TimeSpan.Zero));
        foreach (var trouble in troubles.Now)
            found.Add((trouble.Case, trouble.What, trouble.WhatZh, trouble.Patience));
        Concerns = [.. found.Select(f => f.What)];

        foreach (var (name, what, _, _) in found)
            if (since.TryAdd(name, clock.GetTimestamp()))
                LogTrouble(log, name, what);
        foreach (var name in since.Keys.Except(found.Select(f => f.Case)).ToList())
        {
            since.Remove(name);
            LogOver(log, name);
        }

        var over = told.RemoveWhere(name => !since.ContainsKey(name)) > 0;
        var due = found.Where(f => clock.GetElapsedTime(since[f.Case]) >= f.Patience).ToList();
        if (due.Exists(f => !told.Contains(f.Case)))
        {
            // One alarm for the service: what comes on top of it is told again under the same.
            var change = episode is null ? FindingChange.Opened : FindingChange.Updated;
            episode ??= $"service/{now:yyyy-MM-ddTHH:mm:ssZ}";
            told.UnionWith(due.Select(f => f.Case));
            await SayAsync(change, now, string.Join("; ", due.Select(f => f.What)), string.Join("；", due.Select(f => f.Zh)));
        }
        else if (episode is not null && told.Count == 0)
        {
            await SayAsync(FindingChange.Cleared, now, "it works again", "已恢复正常");
            (episode, sequence) = (null, 0);
        }
        else if (episode is not null && over)
        {
            // What is over is taken out of the words; nobody is told again for that.
            var still = due.Where(f => told.Contains(f.Case)).ToList();
            await SayAsync(
                FindingChange.Updated,
                now,
                string.Join("; ", still.Select(f => f.What)),
                string.Join("；", still.Select(f => f.Zh)),
                notify: false
            );
        }
    }

    private async Task SayAsync(FindingChange change, DateTime now, string what, string zh, bool notify = true) =>
        await uncommitted.CommitAsync([
            new Finding(
                Subject,
                AlarmKind.ServiceTrouble,
                AlarmKind.ServiceTrouble.DefaultSeverity,
                change,
                episode!,
                sequence++,
                now,
                what,
                zh,
                Notify: notify && change == FindingChange.Updated
            ),
        ]);

    /// <summary>
    /// The length of SQLite's write-ahead log when it is beyond what a checkpoint leaves: a reader that doesn't end keeps it from being
    /// folded in.
    /// </summary>
    private long? LongLog() =>
        new FileInfo(Path.Combine(settings.DataPath, "records.db-wal")) is { Exists: true, Length: > LargestLog } log ? log.Length : null;

    /// <summary>Both are the default stores.</summary>
    internal static bool Uses(Settings settings, string setting, string store) =>
        (settings.Configuration[setting] ?? store).Equals(store, StringComparison.OrdinalIgnoreCase);

    private Withholding? Scarce()
    {
        var free = FreeBytes();
        if (free >= settings.ReserveBytes)
            return null;
        return new Withholding(
            $"only {free >> 20} MiB are free in {settings.DataPath}; {settings.ReserveBytes >> 20} MiB are kept for alarms",
            $"{settings.DataPath} 仅剩 {free >> 20} MiB，其中 {settings.ReserveBytes >> 20} MiB 预留给报警"
        );
    }

    /// <summary>
    /// A database whose file was deleted takes everything as long as the process runs, and has nothing after it. What is not acknowledged
    /// comes again.
    /// </summary>
    private Withholding? Vanished()
    {
        foreach (var file in databases.Select(name => Path.Combine(settings.DataPath, name)))
        {
            if (File.Exists(file))
                there.Add(file);
            else if (there.Contains(file))
                return new Withholding(
                    $"{file} was deleted or moved away while the service runs: stop it and restore the file",
                    $"{file} 在服务运行期间被删除或移走：请停止服务并恢复该文件"
                );
        }

        return null;
    }

    private long FreeBytes() => new DriveInfo(Path.GetFullPath(settings.DataPath)).AvailableFreeSpace;

    [LoggerMessage(Level = LogLevel.Warning, Message = "Trouble ({Case}): {What}")]
    private static partial void LogTrouble(ILogger logger, string @case, string what);

    [LoggerMessage(Level = LogLevel.Information, Message = "Trouble ({Case}) is over")]
    private static partial void LogOver(ILogger logger, string @case);

    [LoggerMessage(Level = LogLevel.Error, Message = "The watch over the service failed; it goes on")]
    private static partial void LogFailed(ILogger logger, Exception e);
}
