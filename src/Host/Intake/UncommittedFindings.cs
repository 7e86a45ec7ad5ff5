using System.Collections.Concurrent;
using Vigil.Model;
using Vigil.Notify;
using Vigil.Storage;

namespace Vigil.Host.Intake;

/// <summary>
/// Findings of the rules that the alarm desk has not committed yet. When a store fails they are kept and retried, so that none is lost.
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
    /// <summary>Most findings in one transaction; others can write between two of them.</summary>
    private const int LargestCommit = 200;

    private readonly List<Finding> owed = [];
    private readonly SemaphoreSlim gate = new(1, 1);
    private readonly ConcurrentDictionary<FindingsTurn, bool> underWay = [];

    /// <summary>Size of the next transaction: halved while the store refuses a finding in it, until that finding stands alone.</summary>
    private int most = LargestCommit;

    /// <summary>
    /// Number of commits that failed because the store didn't work. Callers who have waited while it grew needn't try again themselves.
    /// </summary>
    private long failures;
    private volatile string? trouble;

    /// <summary>Raised with findings just before they are committed.</summary>
    public event Action<IReadOnlyList<Finding>>? Found;

    /// <summary>Why findings can't be committed; null when they can.</summary>
    public string? Trouble => trouble;

    /// <summary>To be called before the rules are given readings; the turn ends when what they found is committed.</summary>
    public FindingsTurn Begin()
    {
        var turn = new FindingsTurn(this);
        underWay[turn] = true;
        return turn;
    }

    /// <summary>To be called by a turn that is disposed of.</summary>
    internal void TurnEnds(FindingsTurn turn) => underWay.TryRemove(turn, out _);

    /// <summary>
    /// Waits until everything that the rules have found so far is committed. Only then may a snapshot of them be saved: otherwise, after a
    /// crash, the rules would know a press that nobody was told of, and ignore it as a repetition when the device sends it again.
    /// </summary>
    /// <returns>False when a commit failed.</returns>
    public async Task<bool> SettledAsync()
    {
        var settled = true;
        foreach (var one in underWay.Keys)
            settled &= await one.Ended;
        return settled;
    }

    /// <summary>
    /// Commits findings, together with those that are left from a failed commit. Critical ones go first, in transactions of at most 200, so
    /// that many findings never hold up a press. A finding whose content the store refuses is isolated by ever smaller transactions and set
    /// aside, and a plain alarm is committed in its place. Returns true when the given findings are committed; false when the store doesn't
    /// work and they will be retried.
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
                // The store failed while this caller waited: a hundred callers needn't all run into the same timeout.
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
    /// Commits these findings, or makes the next transaction smaller, or sets aside the one that is refused. Null when the store works.
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
                // The reserve has freed space for a retry. Readings may not use it; the next look at the disk confirms that.
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
    /// For a finding whose content the store refuses: commits a plain one under the same key, so that the alarm isn't lost, and sets the
    /// original aside with the store's reason.
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
            // Tried once more, alone: the failure may have been transient.
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
            SetAsideRows.Of(refused),
            Halving.Cause(why)
        );
        return null;
    }

    [LoggerMessage(Level = LogLevel.Critical, Message = "{Findings} findings could not be committed and are owed: {Reason}")]
    private static partial void LogOwed(ILogger logger, int findings, string reason);
}
