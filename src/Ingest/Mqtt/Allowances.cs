using System.Collections.Concurrent;

namespace Vigil.Ingest.Mqtt;

/// <summary>
/// The limits of one credential over all its connections: its message rate, its connections, and how often it may take over from itself.
/// </summary>
internal sealed class Allowance(bool gateway, MqttOptions options, TimeProvider clock)
{
    private const int TakeOversAMinute = 10;

    private readonly LinkedList<BrokerSocket> connections = [];
    private readonly Queue<long> takeOvers = new();
    private readonly int most = gateway ? options.MaxConnectionsPerGateway : options.MaxConnectionsPerDevice;

    public bool Gateway => gateway;

    public TokenBucket Bucket { get; } =
        gateway
            ? new TokenBucket(options.GatewayRate, options.GatewayBurst, clock)
            : new TokenBucket(options.DeviceRate, options.DeviceBurst, clock);

    /// <summary>It was removed from <see cref="Allowances"/>: a new connection needs another.</summary>
    public bool Forgotten { get; private set; }

    /// <summary>
    /// Adds a connection. Above the limit the oldest has to be closed, so that a device that reconnects isn't kept out by its own dead
    /// connections. False when this allowance was forgotten.
    /// </summary>
    public bool TryEnter(BrokerSocket socket, out BrokerSocket? oldest)
    {
        oldest = null;
        lock (connections)
        {
            if (Forgotten)
                return false;
            connections.AddLast(socket);
            if (connections.Count <= most)
                return true;
            oldest = connections.First!.Value;
            connections.RemoveFirst();
            return true;
        }
    }

    public void Leave(BrokerSocket socket)
    {
        lock (connections)
            connections.Remove(socket);
    }

    /// <summary>More than ten take-overs a minute mean two devices with one credential; the connected one is kept.</summary>
    public bool MayTakeOver()
    {
        lock (takeOvers)
        {
            var now = clock.GetTimestamp();
            while (takeOvers.TryPeek(out var oldest) && clock.GetElapsedTime(oldest, now) > TimeSpan.FromMinutes(1))
                takeOvers.Dequeue();
            if (takeOvers.Count >= TakeOversAMinute)
                return false;
            takeOvers.Enqueue(now);
            return true;
        }
    }

    public bool TryForget()
    {
        lock (connections)
            lock (takeOvers)
            {
                if (
                    connections.Count > 0
                    || !Bucket.IsFull
                    || (takeOvers.Count > 0 && clock.GetElapsedTime(takeOvers.Last()) <= TimeSpan.FromMinutes(1))
                )
                    return false;
                return Forgotten = true;
            }
    }
}

/// <summary>The allowances of all credentials that are connected or were recently.</summary>
internal sealed class Allowances(MqttOptions options, TimeProvider clock)
{
    private readonly ConcurrentDictionary<string, Allowance> all = new(StringComparer.Ordinal);

    public int Count => all.Count;

    public Allowance Of(Sender sender)
    {
        while (true)
        {
            var found = all.GetOrAdd(
                sender.Name,
                static (_, s) => new Allowance(s.Gateway, s.options, s.clock),
                (sender.Gateway, options, clock)
            );
            if (!found.Forgotten && found.Gateway == sender.Gateway)
                return found;
            // A device that became a gateway, or an allowance that was just forgotten.
            all.TryRemove(new KeyValuePair<string, Allowance>(sender.Name, found));
        }
    }

    /// <summary>Forgets credentials that are gone and within their rate.</summary>
    public void Sweep()
    {
        foreach (var pair in all)
            if (pair.Value.TryForget())
                all.TryRemove(pair);
    }
}
