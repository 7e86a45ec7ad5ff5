using System.Collections.Concurrent;
using Vigil.Model;
using Vigil.Notify;
using Vigil.Storage;

namespace Vigil.Host.Intake;

/// <summary>
/// What the rules found, until the alarm desk has committed it. Nothing of it is lost when a store fails: it is owed and tried again.
/// Thread-safe.
/// </summary>
internal sealed partial class UncommittedFindings(
    AlarmDesk desk,
    RecordsProbe probe,
    SetAside aside,
    DiskReserve reserve,
    ILogger<UncommittedFindings> log
) : IDisposable
{
    /// <summary>Findings of one transaction: between two others get their turn.</summary>
    private const int LargestCommit = 200;

    private readonly List<Finding> owed = [];
    private readonly SemaphoreSlim gate = new(1, 1);
    private readonly ConcurrentDictionary<Turn, bool> underWay = [];

    /// <summary>How many findings the next transaction has: halved while the store refuses one of them, so that it is found.</summary>
    private int most = LargestCommit;

    /// <summary>Commits that failed because the store didn't work: whoever asked before the last of them needn't ask again.</summary>
    private long failures;
    private volatile string? trouble;

    /// <summary>Findings on their way to the alarm desk.</summary>
    public event Action<IReadOnlyList<Finding>>? Found;

    /// <summary>Why findings can't be committed; null when they can.</summary>
    public string? Trouble => trouble;

    /// <summary>Begins before the rules are given readings, and is over when what they found is committed.</summary>
    public Turn Begin() => new(this);

    /// <summary>
    /// Waits until what the rules have taken in up to now is committed. Before that a snapshot of them may not be kept: after a crash it
    /// would know a press of which nobody was told, and take it for an old one when the device sends it again.
    /// </summary>
    /// <returns>False when something is owed.</returns>
    public async Task<bool> SettledAsync()
    {
        var settled = true;
        foreach (var one in underWay.Keys)
            settled &= await one.Ended;
        return settled;
    }

    /// <summary>
    /// Commits findings together with those still owed from a failed commit: critical ones first, in transactions of 200 between which
    /// others get their turn, so that a storm never holds up a press. One that the store refuses for what it says is found by ever smaller
    /// transactions and kept aside, and a plain alarm stands in its place. Returns when its own are committed; false: the store doesn't
    /// work and they are owed now.
    /// </summary>
    public async ValueTask<bool> CommitAsync(List<Finding> findings)
    {
        var mine = findings.ToHashSet(ReferenceEqualityComparer.Instance);
        var asked = failures;
        var added = false;
        while (true)
        {
            await gate.WaitAsync(CancellationToken.None);
            try
            {
                if (!added)
                    owed.AddRange(findings);
                added = true;
                if (owed.Count == 0 || (mine.Count > 0 && !owed.Exists(mine.Contains)))
                    return true;
                // While this one waited, the store was found not to work: a hundred presses don't wait a hundred times.
                if (failures > asked)
                    return false;
                var next = owed.OrderByDescending(f => f.Kind.DefaultSeverity == Severity.Critical).Take(most).ToList();
                Found?.Invoke(next);
                if (await CommitSomeAsync(next) is { } failure)
                {
                    failures++;
                    trouble = failure.Message;
                    LogOwed(log, owed.Count, failure.Message);
                    return false;
                }
            }
            finally
            {
                gate.Release();
            }
        }
    }

    public void Dispose() => gate.Dispose();

    /// <summary>
    /// Commits these, or makes the next transaction smaller, or sets the one aside that is at fault. Null when the store works.
    /// </summary>
    private async Task<Exception?> CommitSomeAsync(List<Finding> next)
    {
        try
        {
            await desk.CommitAsync(next, CancellationToken.None);
            most = Math.Min(LargestCommit, most * 2);
        }
        catch (Exception e) when (e is not OutOfMemoryException)
        {
            if (reserve.Release())
            {
                // There is space now, tried again at once; it is not for readings, as the next look at the disk will say.
                reserve.Withheld = new Withholding("the disk is full, and its reserve is for alarms", "磁盘已满，预留空间仅供报警使用");
                return null;
            }

            if (!StoreFailure.IsOfRows(e))
                return e;
            if (next.Count > 1)
            {
                most = next.Count / 2;
                return null;
            }

            if (await Halving.TriedAsync(() => StandInAsync(next[0], e)) is { } failure)
                return failure;
        }

        var done = next.ToHashSet(ReferenceEqualityComparer.Instance);
        owed.RemoveAll(done.Contains);
        trouble = null;
        return null;
    }

    /// <summary>
    /// Nobody's press disappears because of a text: what is refused is told in plain words under the same key, and kept aside with the
    /// store's reason.
    /// </summary>
    private async Task<Exception?> StandInAsync(Finding refused, Exception why)
    {
        var plain = refused with
        {
            Episode = StorableText.Of(refused.Episode, 256),
            Device = null,
            Trace = null,
            Reason = $"{refused.Kind.Name}: what was noticed could not be stored as it was said and is kept aside",
            ReasonZh = "已触发报警，详情无法按原文保存，已另行存放",
        };
        var told = true;
        try
        {
            // Once more, alone: what failed may have been passing.
            await desk.CommitAsync([refused], CancellationToken.None);
            return null;
        }
        catch (Exception e) when (StoreFailure.IsOfRows(e))
        {
            why = e;
        }

        try
        {
            await desk.CommitAsync([plain], CancellationToken.None);
        }
        catch (Exception e) when (e is not OutOfMemoryException)
        {
            if (!StoreFailure.IsOfRows(e) || !await probe.WorksAsync())
                return e;
            told = false;
        }

        aside.Keep(
            told
                ? ("a finding", "一条报警详情")
                : (
                    $"{refused.Kind.Name} of {refused.Subject} (look after them now)",
                    $"{refused.Subject}的{refused.Kind.Name}报警（请立即处理）"
                ),
            Described(refused),
            Halving.Cause(why)
        );
        return null;
    }

    private static object Described(Finding f) =>
        new
        {
            subject = f.Subject,
            kind = f.Kind.Name,
            severity = f.Severity.ToString(),
            change = f.Change.ToString(),
            episode = f.Episode,
            sequence = f.Sequence,
            time = f.Time,
            reason = f.Reason,
            reasonZh = f.ReasonZh,
            device = f.Device?.Value,
        };

    /// <summary>From the moment the rules are given readings until what they found is committed.</summary>
    internal sealed class Turn : IDisposable
    {
        private readonly UncommittedFindings findings;
        private readonly TaskCompletionSource<bool> ended = new(TaskCreationOptions.RunContinuationsAsynchronously);
        private bool done;

        public Turn(UncommittedFindings findings)
        {
            this.findings = findings;
            findings.underWay[this] = true;
        }

        public Task<bool> Ended => ended.Task;

        /// <summary>Commits what was found in this turn.</summary>
        public async ValueTask<bool> CommitAsync(List<Finding> found) => done = await findings.CommitAsync(found);

        /// <summary>Nothing was found.</summary>
        public bool Nothing() => done = true;

        public void Dispose()
        {
            findings.underWay.TryRemove(this, out _);
            ended.SetResult(done);
        }
    }

    [LoggerMessage(Level = LogLevel.Critical, Message = "{Findings} findings could not be committed and are owed: {Reason}")]
    private static partial void LogOwed(ILogger logger, int findings, string reason);
}
