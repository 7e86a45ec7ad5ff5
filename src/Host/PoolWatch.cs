using Vigil.Model;

namespace Vigil.Host;

/// <summary>
/// Watches the thread pool, on which all loops, sockets and timers run. When all of its threads are blocked (by a library that blocks),
/// even a press has to wait, and the pool itself adds only one or two threads a second. From a thread of its own this class measures how
/// long work waits: after half a second it adds threads, after a second it reports the trouble. After five minutes it ends the process so
/// that it is started again, because nothing else could report it any more.
/// </summary>
internal sealed partial class PoolWatch(Troubles troubles, ILogger<PoolWatch> log) : IHostedService, IDisposable
{
    private const string Case = "threads";

    /// <summary>How many threads are added first, doubled each further time; and how many there may be.</summary>
    private const int More = 128,
        Most = 2048;

    private static readonly TimeSpan Every = TimeSpan.FromMilliseconds(500),
        Patience = TimeSpan.FromMilliseconds(500),
        Said = TimeSpan.FromSeconds(1),
        Longest = TimeSpan.FromMinutes(5);

    /// <summary>After so many checks without waiting the pool may shrink again.</summary>
    private const int CalmAgain = 120;

    private readonly ManualResetEventSlim stop = new();
    private Thread? thread;

    public Task StartAsync(CancellationToken cancellationToken)
    {
        thread = new Thread(Watch)
        {
            IsBackground = true,
            Name = "pool watch",
            Priority = ThreadPriority.AboveNormal,
        };
        thread.Start();
        return Task.CompletedTask;
    }

    public Task StopAsync(CancellationToken cancellationToken)
    {
        stop.Set();
        return Task.CompletedTask;
    }

    public void Dispose()
    {
        stop.Set();
        thread?.Join();
        stop.Dispose();
    }

    private void Watch()
    {
        ThreadPool.GetMinThreads(out var least, out var leastPorts);
        var calm = 0;
        while (!stop.Wait(Every))
        {
            using var ran = new Turn();
            ThreadPool.UnsafeQueueUserWorkItem(ran, preferLocal: false);
            var (waited, more) = (TimeSpan.Zero, More);
            while (!ran.Wait(Patience) && !stop.IsSet)
            {
                waited += Patience;
                ThreadPool.GetMinThreads(out var workers, out var ports);
                if (workers < Most)
                    ThreadPool.SetMinThreads(Math.Min(Most, workers + more), ports);
                more = Math.Min(Most, more * 2);
                if (waited >= Said)
                    troubles.Say(
                        Case,
                        $"the service's threads are all busy: work has waited for {waited.TotalSeconds:0} s",
                        $"服务线程全部被占用：任务已等待{waited.TotalSeconds:0}秒"
                    );
                if (waited >= Longest)
                    Environment.FailFast($"Nothing has run in the thread pool for {waited.TotalSeconds:0} s; ended to be started again.");
            }

            if (waited == TimeSpan.Zero)
            {
                troubles.Over(Case);
                if (++calm == CalmAgain)
                    ThreadPool.SetMinThreads(least, leastPorts);
                continue;
            }

            calm = 0;
            if (waited >= Said)
                LogStarved(log, waited, ThreadPool.ThreadCount);
        }
    }

    /// <summary>A work item that signals when it runs.</summary>
    private sealed class Turn : IThreadPoolWorkItem, IDisposable
    {
        private readonly SemaphoreSlim ran = new(0);

        public bool Wait(TimeSpan time) => ran.Wait(time);

        public void Execute()
        {
            try
            {
                ran.Release();
            }
            catch (ObjectDisposedException)
            {
                // it ran so late that the service has stopped meanwhile
            }
        }

        public void Dispose() => ran.Dispose();
    }

    [LoggerMessage(Level = LogLevel.Error, Message = "Work waited {Waited} for a thread; there are {Threads} now")]
    private static partial void LogStarved(ILogger logger, TimeSpan waited, int threads);
}
