using System.Diagnostics;
using System.Threading.Tasks.Sources;
using Vigil.Ingest.Mqtt;
using Vigil.Model;
using Vigil.Storage.Records;

namespace Vigil.Host.Intake;

/// <summary>The content of one message until it is committed. Reused for other messages.</summary>
internal sealed class Pending : IValueTaskSource<Receipt>
{
    private ManualResetValueTaskSourceCore<Receipt> receipt;

    public List<Reading> Readings { get; } = [];

    /// <summary>The resident of each reading; null for a device that is in nobody's home.</summary>
    public List<ResidentId?> Residents { get; } = [];

    public RejectedPayload? Rejected { get; set; }

    /// <summary>The canary's press: takes the whole path, but its readings aren't stored.</summary>
    public bool IsSelfTest { get; set; }

    public ActivityContext Trace { get; set; }

    /// <summary>Completes with <see cref="Answer"/>; to be awaited once.</summary>
    public ValueTask<Receipt> Receipt => new(this, receipt.Version);

    /// <summary>Who waits for the receipt goes on within this call, up to its next wait.</summary>
    public void Answer(Receipt given) => receipt.SetResult(given);

    public bool HasLifeSafety => Readings.Exists(r => r.Metric.IsLifeSafety);

    private bool lifeApplied;

    /// <summary>Gives the rules the life-safety readings, before anything else is done with the message.</summary>
    public void ApplyLifeSafety(RulePartitions rules, List<Finding> into)
    {
        lifeApplied = true;
        for (var i = 0; i < Readings.Count; i++)
            if (Readings[i].Metric.IsLifeSafety && Residents[i] is { } resident)
                Apply(rules, resident, Readings[i], into);
    }

    /// <summary>
    /// Gives the rules all other readings, in order of time: some meters send the values they have recorded newest first.
    /// </summary>
    public void ApplyRest(RulePartitions rules, List<Finding> into)
    {
        using var span = Trace == default ? null : Tracing.Source.StartActivity("rules", ActivityKind.Internal, Trace);
        InOrderOfTime();
        for (var i = 0; i < Readings.Count; i++)
            if (Residents[i] is { } resident && !(lifeApplied && Readings[i].Metric.IsLifeSafety))
                Apply(rules, resident, Readings[i], into);
    }

    public void Clear()
    {
        Readings.Clear();
        Residents.Clear();
        (Rejected, lifeApplied, IsSelfTest, Trace) = (null, false, false, default);
        receipt.Reset();
    }

    Receipt IValueTaskSource<Receipt>.GetResult(short token) => receipt.GetResult(token);

    ValueTaskSourceStatus IValueTaskSource<Receipt>.GetStatus(short token) => receipt.GetStatus(token);

    void IValueTaskSource<Receipt>.OnCompleted(
        Action<object?> continuation,
        object? state,
        short token,
        ValueTaskSourceOnCompletedFlags flags
    ) => receipt.OnCompleted(continuation, state, token, flags);

    private void Apply(RulePartitions rules, ResidentId resident, in Reading reading, List<Finding> into)
    {
        var before = into.Count;
        rules.Apply(resident, reading, into);
        if (Trace == default)
            return;
        for (var i = before; i < into.Count; i++)
            into[i] = into[i] with { Trace = Tracing.Format(Activity.Current?.Context ?? Trace) };
    }

    private void InOrderOfTime()
    {
        var ordered = true;
        for (var i = 1; i < Readings.Count && ordered; i++)
            ordered = Readings[i - 1].Time <= Readings[i].Time;
        if (ordered)
            return;
        var sorted = Readings.Zip(Residents).OrderBy(r => r.First.Time).ToList(); // stable
        for (var i = 0; i < sorted.Count; i++)
            (Readings[i], Residents[i]) = sorted[i];
    }
}
