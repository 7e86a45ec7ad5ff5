using System.Collections.Concurrent;
using System.Net;

namespace Vigil.Ingest.Mqtt;

/// <summary>
/// Sockets that have not logged in. Nobody is kept out by them: when there are too many, one that has had a second for its CONNECT gives
/// way, first the oldest of the stranger's address that holds the most, and a stranger's never takes the place of an address from which
/// somebody logged in lately.
/// </summary>
internal sealed class LoginGate(MqttOptions options, TimeProvider clock)
{
    /// <summary>In a reconnect storm the limits may be exceeded for the moment that a CONNECT takes, by so many times.</summary>
    private const int Surge = 16;

    /// <summary>Half of the places can't be taken by addresses that nobody has logged in from.</summary>
    private const int SharePerStranger = 2;

    private static readonly TimeSpan TimeForConnect = TimeSpan.FromSeconds(1);
    private static readonly TimeSpan Remembered = TimeSpan.FromDays(1);

    private readonly Lock gate = new();
    private readonly Dictionary<IPAddress, LinkedList<BrokerSocket>> waiting = [];
    private readonly ConcurrentDictionary<IPAddress, long> lastLogin = [];
    private readonly ConcurrentDictionary<string, IPAddress> addressOf = new(StringComparer.Ordinal);
    private int all,
        strangers;

    public BackOff<IPAddress> Addresses { get; } = new(clock);

    public BackOff<string> Names { get; } = new(clock);

    /// <summary>Sockets that have not logged in.</summary>
    public int Waiting => all;

    /// <summary>Somebody showed a right password from there within a day.</summary>
    public bool IsKnown(IPAddress address) => lastLogin.TryGetValue(address, out var at) && clock.GetElapsedTime(at) < Remembered;

    /// <summary>This name logged in from there last.</summary>
    public bool IsKnown(string name, IPAddress address) => addressOf.TryGetValue(name, out var last) && last.Equals(address);

    /// <summary>
    /// False: too many from an address that has shown nothing but wrong passwords. Else it is in, perhaps in the place of another.
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
                displaced = Ripe(list!, here >= options.MaxUnauthenticatedPerAddress * Surge);
            }
            else if (known ? all >= options.MaxUnauthenticated : strangers >= Math.Max(1, options.MaxUnauthenticated / SharePerStranger))
            {
                displaced = OfTheMost(known);
            }

            if (displaced is not null)
                Remove(displaced);
            Add(socket, known);
            return true;
        }
    }

    /// <summary>It has said CONNECT, or is gone: its place is free.</summary>
    public void Leave(BrokerSocket socket)
    {
        lock (gate)
            Remove(socket);
    }

    /// <summary>It showed a wrong password and waits for the answer: as good as one that has said nothing.</summary>
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

    private BrokerSocket? OfTheMost(bool known)
    {
        LinkedList<BrokerSocket>? most = null;
        foreach (var list in waiting.Values)
        {
            var better = most is null || (Strange(list) != Strange(most) ? Strange(list) : list.Count > most.Count);
            if (better && (known || Strange(list)))
                most = list;
        }

        return most is null ? null : Ripe(most, (known ? all : strangers) >= options.MaxUnauthenticated * Surge);
    }

    private static bool Strange(LinkedList<BrokerSocket> list) => list.First is { Value.Strange: true };

    private BrokerSocket? Ripe(LinkedList<BrokerSocket> list, bool whatever) =>
        list.First is { Value: var oldest } && (whatever || clock.GetElapsedTime(oldest.Since) >= TimeForConnect) ? oldest : null;

    private void Add(BrokerSocket socket, bool known)
    {
        if (socket.Gone.IsCompleted || socket.Place is not null)
            return;
        if (!waiting.TryGetValue(socket.Address, out var list))
            waiting[socket.Address] = list = [];
        socket.Place = list.AddLast(socket);
        socket.Strange = !known;
        all++;
        if (!known)
            strangers++;
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
        if (socket.Strange)
            strangers--;
    }
}
