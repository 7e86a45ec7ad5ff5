using System.Diagnostics;
using System.Diagnostics.Metrics;
using System.Runtime.CompilerServices;
using Vigil.Ingest.Mqtt;
using Vigil.Ingest.Profiles;
using Vigil.Model;

namespace Vigil.Host.Intake;

/// <summary>
/// The path of a message: sender and device → decode → (life-safety first) → commit readings → rules → commit findings → acknowledge. A
/// message is acknowledged once all of its content is durable (invariant 1). If anything fails before, it stays unacknowledged and is sent
/// again, which is harmless.
/// </summary>
internal sealed class Pipeline(
    Admission admission,
    AnnouncedDevices announced,
    Sightings sightings,
    CommitBatch batches,
    UncommittedFindings uncommitted,
    RulePartitions rules,
    GatewayAreas gateways,
    Meter meter
) : BackgroundService
{
    private readonly Counter<long> received = meter.CreateCounter<long>("vigil_messages_received", description: "MQTT messages taken in");

    /// <summary>
    /// Why something can't be committed, in words: alarms, readings, sightings, announcements. Null when everything works.
    /// </summary>
    public string? Trouble => uncommitted.Trouble ?? batches.Trouble ?? sightings.Trouble ?? announced.Trouble;

    /// <summary>
    /// Tries again what failed, so that a trouble ends once it works, even while no device sends anything. Uncommitted findings are retried
    /// four times a second anyway.
    /// </summary>
    public async Task LookAgainAsync(CancellationToken cancellation)
    {
        await batches.LookAgainAsync(cancellation);
        await sightings.LookAgainAsync();
        await announced.LookAgainAsync();
    }

    [AsyncMethodBuilder(typeof(PoolingAsyncValueTaskMethodBuilder<>))]
    public async ValueTask<Receipt> ReceiveAsync(InboundMessage message, CancellationToken cancellation)
    {
        using var span = Tracing.Source.StartActivity("receive", ActivityKind.Consumer);
        span?.SetTag("messaging.system", "mqtt")
            .SetTag("messaging.destination.name", message.Topic)
            .SetTag("messaging.message.body.size", message.Payload.Length);
        received.Add(1);
        Admitted admitted;
        if (Announcements.IsConfig(message.Topic))
        {
            var (answer, refused) = await announced.TakeAsync(message, cancellation);
            if (refused is null)
                return answer;
            admitted = admission.Refuse(message, "", Admission.AnnouncedProfile, refused);
        }
        else
        {
            admitted = admission.Admit(message);
        }

        if (admitted.Calls is { } call && !await uncommitted.CommitAsync(rules.Unbound.Find(call, gateways.Of(message.From))))
            return Receipt.NotStored;
        if (admitted.NewStranger)
            return await sightings.FlushStrangersAsync(cancellation) ? Receipt.Committed : Receipt.NotStored;
        if (admitted.Taken is not { } pending)
            return admitted.Answer;
        if (!await LifeFirstAsync(pending))
            return Receipt.NotStored;
        var receipt = await batches.CommitAsync(pending, cancellation);
        admission.Return(pending); // after its receipt the loop doesn't use it any more
        return receipt;
    }

    /// <summary>SOS, fall, smoke, gas and voice help reach the alarm desk before the batch of readings is begun (invariant 2).</summary>
    private async ValueTask<bool> LifeFirstAsync(Pending pending)
    {
        if (!pending.HasLifeSafety)
            return true;
        using var turn = uncommitted.Begin();
        var findings = new List<Finding>();
        pending.ApplyLifeSafety(rules, findings);
        return findings.Count == 0 ? turn.Nothing() : await turn.CommitAsync(findings);
    }

    protected override Task ExecuteAsync(CancellationToken stoppingToken) => batches.LoopAsync();

    public override async Task StopAsync(CancellationToken cancellationToken)
    {
        batches.Complete();
        if (ExecuteTask is { } running)
            await running.WaitAsync(cancellationToken);
        await sightings.FlushAsync(cancellationToken);
        await base.StopAsync(cancellationToken);
    }
}
