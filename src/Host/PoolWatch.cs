using Vigil.Model;

namespace Vigil.Host;

/// <summary>
/// All loops, sockets and timers run on the thread pool. When everything on it waits for something (a library that blocks), a press waits
/// too, and the pool by itself makes only a thread or two a second. This looks from a thread of its own: work that isn't begun within half
/// a second gets more threads at once, and it is said. Work that isn't begun for five minutes ends the process, to be started again:
/// nothing else in it could say so any more.
/// </summary>
internal sealed partial class PoolWatch(Troubles troubles, ILogger<PoolWatch> log) : IHostedService, IDisposable
{
    private const string Case = "threads";

    /// <summary>Threads that are added first, twice as many each further time, and the most there may be.</summary>
    private const int More = 128,
        Most = 2048;

    private static readonly TimeSpan Every = TimeSpan.FromMilliseconds(500),
        Patience = TimeSpan.FromMilliseconds(500),
        Said = TimeSpan.FromSeconds(1),
        Longest = TimeSpan.FromMinutes(5);

    /// <summary>After so many good looks there need not be more threads than before.</summary>
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

    /// <summary>A piece of work that says that it ran; late, it may find that nobody waits any more.</summary>
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
                // the service has ended meanwhile
            }
        }

        public void Dispose() => ran.Dispose();
    }

    [LoggerMessage(Level = LogLevel.Error, Message = "Work waited {Waited} for a thread; there are {Threads} now")]
    private static partial void LogStarved(ILogger logger, TimeSpan waited, int threads);
}
