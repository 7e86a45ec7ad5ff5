using Vigil.Host.Intake;
using Vigil.Ingest.Mqtt;
using Vigil.Model;
using Vigil.Storage.Readings;

namespace Vigil.Host;

/// <summary>
/// Watches the service itself: a disk that fills, readings that wait for a server, a broker that isn't heard, rows that fail. Together they
/// are one alarm for the duty desk of the whole area, opened before anything is lost and cleared when all are over; /healthz/ready shows
/// the same words.
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

    /// <summary>How long the broker may be away: a connection that is restored within a minute isn't reported.</summary>
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(60);

    private readonly Dictionary<string, long> since = new(StringComparer.Ordinal);
    private readonly HashSet<string> told = new(StringComparer.Ordinal);
    private readonly DataFolderWatch folder = new(settings);
    private string? episode;
    private int sequence;

    private long looked = clock.GetTimestamp();

    /// <summary>What is wrong now, even while the service works; empty when nothing is.</summary>
    public IReadOnlyList<string> Concerns { get; private set; } = [];

    /// <summary>Time since the last look.</summary>
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
        reserve.Withheld = folder.WhyNoReadings();
        var found = new List<(string Case, string What, string Zh, TimeSpan Patience)>();
        if (reserve.Withheld is { } withheld)
            found.Add(("disk", $"readings are not taken: {withheld.Why}", $"暂停接收读数：{withheld.WhyZh}", TimeSpan.Zero));
        else if (pipeline.Trouble is { } trouble)
            found.Add(
                ("pipeline", $"what devices say could not be stored: {trouble}", "读数无法保存，原因见运行日志", TimeSpan.FromSeconds(10))
            );
        if (await records.LookAsync() is { } silent)
            found.Add(("records", silent, "档案数据库没有响应，详情见运行日志", TimeSpan.Zero));
        if (folder.LongLog() is { } length)
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
            // One alarm for all troubles: a further one updates it, and the desk is notified again.
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
            // A trouble that is over is removed from the words, without notifying anybody.
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

    [LoggerMessage(Level = LogLevel.Warning, Message = "Trouble ({Case}): {What}")]
    private static partial void LogTrouble(ILogger logger, string @case, string what);

    [LoggerMessage(Level = LogLevel.Information, Message = "Trouble ({Case}) is over")]
    private static partial void LogOver(ILogger logger, string @case);

    [LoggerMessage(Level = LogLevel.Error, Message = "The watch over the service failed; it goes on")]
    private static partial void LogFailed(ILogger logger, Exception e);
}
