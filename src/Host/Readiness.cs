using Vigil.Host.Intake;
using Vigil.Ingest.Mqtt;
using Vigil.Notify.Channels;
using Vigil.Notify.Escalation;
using Vigil.Storage.Readings;

namespace Vigil.Host;

/// <summary>
/// Whether the service does its work: every loop turns, the stores accept data, the broker is heard. Used by <c>/healthz/ready</c> and the
/// heartbeat.
/// </summary>
internal sealed class Readiness(
    IReadingStore store,
    RecordsProbe records,
    Heartbeats heartbeats,
    Pipeline pipeline,
    DiskReserve reserve,
    Routes routes,
    Auditor auditor,
    Canary canary,
    IServiceProvider services
)
{
    /// <summary>What prevents it; empty when nothing does.</summary>
    public async Task<List<string>> ProblemsAsync(CancellationToken cancellation)
    {
        var problems = new List<string>();
        var silent = records.LookAsync();
        if (await store.ProbeAsync(cancellation) is { } readings)
            problems.Add(readings);
        if (await silent is { } why)
            problems.Add(why);
        if (reserve.Withheld is { } withheld)
            problems.Add(withheld.Why);
        else if (pipeline.Trouble is { } trouble)
            problems.Add(trouble);
        problems.AddRange(heartbeats.Stopped().Select(s => s.Words));
        problems.AddRange(routes.All.Select(c => c.Health?.Trouble is { } down ? $"channel {c.Provider}: {down}" : null).OfType<string>());
        if (services.GetService<ExternalBroker>() is { Live: false } broker)
            problems.Add($"MQTT broker: {broker.Trouble}");
        return problems;
    }

    /// <summary>Why no heartbeat may be sent: the service isn't ready, somebody was notified late, the last self-test failed.</summary>
    public async Task<List<string>> DoubtsAsync(CancellationToken cancellation)
    {
        var doubts = await ProblemsAsync(cancellation);
        if (heartbeats.Died)
            doubts.Add("a loop has ended");
        if (auditor.Late > 0)
            doubts.Add($"{auditor.Late} deadlines are late");
        if (canary.Missed is { } missed)
            doubts.Add(missed);
        return doubts;
    }
}
