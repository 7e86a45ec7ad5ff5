using System.Collections.Concurrent;
using System.Net;

namespace Vigil.Ingest.Mqtt;

/// <summary>
/// Limits the sockets that have not logged in, without keeping anybody out: when there are too many, one that has had a second for its
/// CONNECT is closed. It is the oldest of the address with the most such sockets, unknown addresses first. A socket from an unknown address
/// never displaces one from a known address (from which somebody logged in within a day).
/// </summary>
internal sealed class LoginGate(MqttOptions options, TimeProvider clock)
{
    /// <summary>In a reconnect storm the limits may be exceeded by this factor while the CONNECT packets arrive.</summary>
    private const int Surge = 16;

    /// <summary>Unknown addresses may take up half of the places.</summary>
    private const int UnknownShare = 2;

    private static readonly TimeSpan TimeForConnect = TimeSpan.FromSeconds(1);
    private static readonly TimeSpan Remembered = TimeSpan.FromDays(1);

    private readonly Lock gate = new();
    private readonly Dictionary<IPAddress, LinkedList<BrokerSocket>> waiting = [];
    private readonly ConcurrentDictionary<IPAddress, long> lastLogin = [];
    private readonly ConcurrentDictionary<string, IPAddress> addressOf = new(StringComparer.Ordinal);
    private int all,
        unknown;

    public BackOff<IPAddress> Addresses { get; } = new(clock);

    public BackOff<string> Names { get; } = new(clock);

    /// <summary>Sockets that have not logged in.</summary>
    public int Waiting => all;

    /// <summary>Somebody logged in from this address within a day.</summary>
    public bool IsKnown(IPAddress address) => lastLogin.TryGetValue(address, out var at) && clock.GetElapsedTime(at) < Remembered;

    /// <summary>This name last logged in from this address.</summary>
    public bool IsKnown(string name, IPAddress address) => addressOf.TryGetValue(name, out var last) && last.Equals(address);

    /// <summary>
    /// Admits a socket, perhaps in place of another. False when there are too many from an address with nothing but wrong passwords.
    /// </summary>
    public bool Admit(BrokerSocket socket, out BrokerSocket? displaced)
    {
        displaced = null;
        lock (gate)
        {
            var known = IsKnown(socket.Address);
            var here = waiting.TryGetValue(socket.Address, out var list) ? list.Count : 0;
            if (here >= options.MaxUnauthenticatedPerAddress)
            {
                if (!known && Addresses.Holds(socket.Address))
                    return false;
                displaced = Displaceable(list!, here >= options.MaxUnauthenticatedPerAddress * Surge);
            }
            else if (known ? all >= options.MaxUnauthenticated : unknown >= Math.Max(1, options.MaxUnauthenticated / UnknownShare))
            {
                displaced = OldestOfTheMost(known);
            }

            if (displaced is not null)
                Remove(displaced);
            Add(socket, known);
            return true;
        }
    }

    /// <summary>Its CONNECT has come, or it is gone: its place is free.</summary>
    public void Leave(BrokerSocket socket)
    {
        lock (gate)
            Remove(socket);
    }

    /// <summary>Its password was wrong and the answer is delayed: it counts again as not logged in.</summary>
    public void Return(BrokerSocket socket)
    {
        lock (gate)
            Add(socket, IsKnown(socket.Address));
    }

    public void LoggedIn(string name, IPAddress address)
    {
        lastLogin[address] = clock.GetTimestamp();
        addressOf[name] = address;
        Names.Succeeded(name);
    }

    public void Sweep()
    {
        Addresses.Sweep();
        Names.Sweep();
        foreach (var pair in lastLogin)
            if (clock.GetElapsedTime(pair.Value) >= Remembered)
                lastLogin.TryRemove(pair);
        foreach (var pair in addressOf)
            if (!lastLogin.ContainsKey(pair.Value))
                addressOf.TryRemove(pair);
    }

    private BrokerSocket? OldestOfTheMost(bool known)
    {
        LinkedList<BrokerSocket>? most = null;
        foreach (var list in waiting.Values)
        {
            var better = most is null || (IsUnknown(list) != IsUnknown(most) ? IsUnknown(list) : list.Count > most.Count);
            if (better && (known || IsUnknown(list)))
                most = list;
        }

        return most is null ? null : Displaceable(most, (known ? all : unknown) >= options.MaxUnauthenticated * Surge);
    }

    private static bool IsUnknown(LinkedList<BrokerSocket> list) => list.First is { Value.FromUnknownAddress: true };

    /// <summary>The oldest of a list, once it has had its time for a CONNECT; <paramref name="atOnce"/>: in any case.</summary>
    private BrokerSocket? Displaceable(LinkedList<BrokerSocket> list, bool atOnce) =>
        list.First is { Value: var oldest } && (atOnce || clock.GetElapsedTime(oldest.Since) >= TimeForConnect) ? oldest : null;

    private void Add(BrokerSocket socket, bool known)
    {
        if (socket.Gone.IsCompleted || socket.Place is not null)
            return;
        if (!waiting.TryGetValue(socket.Address, out var list))
            waiting[socket.Address] = list = [];
        socket.Place = list.AddLast(socket);
        socket.FromUnknownAddress = !known;
        all++;
        if (!known)
            unknown++;
    }

    private void Remove(BrokerSocket socket)
    {
        if (socket.Place is not { } place)
            return;
        socket.Place = null;
        var list = place.List!;
        list.Remove(place);
        if (list.Count == 0)
            waiting.Remove(socket.Address);
        all--;
        if (socket.FromUnknownAddress)
            unknown--;
    }
}
