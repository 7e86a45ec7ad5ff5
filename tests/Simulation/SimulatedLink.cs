using System.Globalization;
using System.Text;
using Vigil.Ingest.Mqtt;

namespace Vigil.Tests.Simulation;

/// <summary>A message, which its device keeps until it is acknowledged.</summary>
/// <param name="Metric">What it reports.</param>
/// <param name="Time">The time by the device's own clock; null when it has none.</param>
/// <param name="Payload">The SenML text.</param>
internal sealed record Sent(string Metric, DateTime? Time, string Payload)
{
    public int Deliveries { get; set; }

    /// <summary>The MQTT packet identifier.</summary>
    public ushort Id { get; set; }

    /// <summary>Whether the device has sent it before.</summary>
    public bool Again { get; set; }

    /// <summary>
    /// How often an arrival counted as a new message: the first time, after ten minutes, or when the clock was set and the service
    /// restarted in between.
    /// </summary>
    public int Arrivals { get; private set; }

    private TimeSpan first;
    private int clock = -1,
        life = -1;

    public void Arrived(TimeSpan now, int clockSet, int lives)
    {
        Deliveries++;
        if (Arrivals > 0 && now - first < TimeSpan.FromMinutes(9) && (clock == clockSet || life == lives))
            return;
        (first, clock, life) = (now, clockSet, lives);
        Arrivals++;
    }

    public static Sent Of(string metric, DateTime? time, string value)
    {
        var at = time is { } t ? string.Create(CultureInfo.InvariantCulture, $",\"t\":{(t - DateTime.UnixEpoch).TotalSeconds:0.000}") : "";
        return new(metric, time, $$"""[{"n":"{{metric}}",{{value}}{{at}}}]""");
    }
}

/// <summary>
/// A device and its connection: MQTT at QoS 1 over a network that loses, repeats, delays and reorders. The device sends a message again
/// until it is acknowledged.
/// </summary>
internal sealed class SimulatedLink(World world, string device)
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(60);

    private readonly List<Sent> outbox = [];
    private readonly Sender sender = new(device, false, []);
    private long attempt;
    private bool waits;
    private int refused;
    private ushort id;

    public string Device => device;

    /// <summary>When the service last acknowledged a message of this device, by the monotonic clock.</summary>
    public TimeSpan LastHeard { get; private set; }

    /// <summary>The value of <see cref="World.Listened"/> at that time.</summary>
    public TimeSpan ListenedThen { get; private set; }

    /// <summary>The value of <see cref="SimulatedReadings.FailedReplays"/> at that time.</summary>
    public int FailedReplaysThen { get; private set; }

    public bool Empty => outbox.Count == 0;

    public void Say(Sent message)
    {
        message.Id = ++id == 0 ? ++id : id;
        outbox.Add(message);
        if (!waits)
            Try(TimeSpan.Zero);
    }

    /// <summary>The connection broke; the device connects again after a while.</summary>
    public void Broken()
    {
        if (waits)
            Try(TimeSpan.FromSeconds(world.Random.Next(2, 40)));
    }

    private void Try(TimeSpan wait)
    {
        waits = true;
        var mine = ++attempt;
        world.At(
            wait,
            () =>
            {
                if (mine == attempt)
                    Send(mine);
            }
        );
    }

    private void Send(long mine)
    {
        if (outbox.Count == 0)
        {
            waits = false;
            return;
        }

        var random = world.Random;
        var bad = world.NetworkIsBad;
        var message = outbox[bad && outbox.Count > 1 && random.Next(3) == 0 ? 1 : 0];
        var again = message.Again;
        message.Again = true;
        // Without an acknowledgement the device connects again and repeats the message, whatever became of it.
        world.At(
            Patience,
            () =>
            {
                if (mine == attempt && waits)
                    Try(TimeSpan.FromSeconds(random.Next(1, 20)));
            }
        );
        if (bad && random.Next(4) == 0)
            return; // lost on the way
        var copies = bad && random.Next(8) == 0 ? 2 : 1;
        var delay = TimeSpan.Zero;
        for (var i = 0; i < copies; i++)
        {
            delay += TimeSpan.FromMilliseconds(bad ? random.Next(5, 20_000) : random.Next(5, 80));
            var copy = again || i > 0; // the second copy is marked as sent again
            world.At(delay, () => Arrive(message, copy, mine));
        }
    }

    private void Arrive(Sent message, bool again, long mine)
    {
        if (world.Service is not { Ready: true } service)
        {
            // No service answers: the device waits longer after each try, as real ones do.
            refused = Math.Min(refused + 1, 5);
            if (mine == attempt)
                Try(TimeSpan.FromSeconds(world.Random.Next(5, 8) << refused));
            return;
        }

        refused = 0;
        if (message.Deliveries > 0)
            world.Journal.Cover("a message came again");
        message.Arrived(world.Clock.Elapsed, world.Jumps, world.Lives);
        service.Receive(
            $"vigil/{device}/up",
            Encoding.UTF8.GetBytes(message.Payload),
            sender,
            message.Id,
            again,
            receipt => Answered(message, receipt, mine)
        );
    }

    private void Answered(Sent message, Receipt receipt, long mine)
    {
        if (receipt == Receipt.NotAllowed)
            throw new BrokenPromiseException($"{device} was not allowed to speak");
        if (receipt == Receipt.NotStored)
        {
            world.Journal.Cover("a message was not acknowledged");
            if (mine == attempt)
                Try(TimeSpan.FromSeconds(world.Random.Next(5, 20)));
            return;
        }

        (LastHeard, ListenedThen, FailedReplaysThen) = (world.Clock.Elapsed, world.Listened, world.Readings.FailedReplays);
        if (world.NetworkIsBad && world.Random.Next(4) == 0)
        {
            world.Journal.Cover("an acknowledgement was lost");
            return;
        }

        if (!outbox.Remove(message))
            return; // acknowledged before
        world.Promises.Acknowledged(device, message);
        if (mine != attempt)
            return;
        if (outbox.Count > 0)
            Try(TimeSpan.FromMilliseconds(20));
        else
            waits = false;
    }
}
