using System.Collections.Concurrent;
using System.Diagnostics.Metrics;
using Vigil.Model;

namespace Vigil.Host;

/// <summary>
/// What the rules report besides findings, in the log, in counters and to the duty desk: homes in which they fail, findings that are held
/// back, meter totals that are not believed, damaged snapshots.
/// </summary>
internal sealed partial class RuleReports(Troubles troubles, Meter meter, ILogger log)
{
    /// <summary>How long the duty desk is shown something that happened once.</summary>
    private static readonly TimeSpan Shown = TimeSpan.FromHours(1);

    private readonly Counter<long> heldBack = meter.CreateCounter<long>(
        "vigil_findings_held_back",
        description: "Findings nobody is told of for now: an absence, an outage of the area"
    );

    private readonly Counter<long> doubted = meter.CreateCounter<long>(
        "vigil_totals_doubted",
        description: "Totals of meters that rules don't believe: resets, changed meters, jumps, more than can have flowed"
    );

    private readonly ConcurrentDictionary<string, bool> failing = new(StringComparer.Ordinal);
    private readonly List<string> damaged = [];

    public void Attach(RulePartitions rules)
    {
        rules.Failed = HomeFailed;
        rules.OnHeldBack(HeldBack);
        rules.OnDoubted(Doubted);
    }

    public void SnapshotDamaged(string file, string why)
    {
        LogNoSnapshot(log, file, why);
        damaged.Add(file);
        var files = string.Join(", ", damaged);
        troubles.Happened(
            "rules snapshot",
            $"{damaged.Count} of the rules' snapshots were damaged ({files}); what they knew was taken from the ones before or "
                + $"learned again",
            $"{damaged.Count}份规则快照已损坏（{files}），已改用上一份或重新学习",
            Shown
        );
    }

    /// <summary>Reported once for each home until the next start, because a home that fails does so at every turn.</summary>
    private void HomeFailed(string resident, Exception e)
    {
        if (!failing.TryAdd(resident, true))
            return;
        LogRulesFailed(log, resident, e);
        troubles.Happened(
            "rules of a home",
            $"the rules failed in the home of {resident} and leave it out of a look: {e.Message}",
            $"{resident}的规则计算出错，已跳过该次检查，原因见运行日志",
            Shown
        );
    }

    private void HeldBack(Finding finding, string why)
    {
        heldBack.Add(1, new KeyValuePair<string, object?>("kind", finding.Kind.Name));
        LogHeldBack(log, finding.Subject, finding.Reason, why);
    }

    private void Doubted(string resident, string device, string why)
    {
        doubted.Add(1);
        LogDoubted(log, device, resident, why);
    }

    [LoggerMessage(
        Level = LogLevel.Error,
        Message = "The rules' snapshot {File} can't be used: {Reason}. The one before it is taken, or they learn again from the "
            + "stored readings"
    )]
    private static partial void LogNoSnapshot(ILogger logger, string file, string reason);

    [LoggerMessage(
        Level = LogLevel.Critical,
        Message = "The rules failed in the home of {Resident}; what they had found stands, and other homes are not touched"
    )]
    private static partial void LogRulesFailed(ILogger logger, string resident, Exception e);

    [LoggerMessage(Level = LogLevel.Information, Message = "Held back for {Resident}: {What}; {Why}")]
    private static partial void LogHeldBack(ILogger logger, string resident, string what, string why);

    [LoggerMessage(Level = LogLevel.Information, Message = "A total of {Device} of {Resident} isn't believed: {Why}")]
    private static partial void LogDoubted(ILogger logger, string device, string resident, string why);
}
