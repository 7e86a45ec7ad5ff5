using System.Net;
using Microsoft.AspNetCore.Connections;

namespace Vigil.Ingest.Mqtt;

/// <summary>
/// One connection of the embedded broker: first among those that have not logged in, then with a client id and a credential.
/// </summary>
internal sealed class BrokerSocket(ConnectionContext connection, IPAddress address, long since)
{
    /// <summary>Messages that may be in flight at once; of older ones the acknowledgement has arrived.</summary>
    private const int RememberedKeys = 16;

    private readonly TaskCompletionSource gone = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private ulong[]? keys;
    private int next;

    public IPAddress Address => address;

    /// <summary>Timestamp at which it was accepted.</summary>
    public long Since => since;

    /// <summary>Its place in <see cref="LoginGate"/>; null once its CONNECT has come.</summary>
    public LinkedListNode<BrokerSocket>? Place { get; set; }

    /// <summary>Nobody has logged in from its address recently.</summary>
    public bool FromUnknownAddress { get; set; }

    /// <summary>Common name of its client certificate; null where none is required.</summary>
    public string? Certified { get; set; }

    /// <summary>The check of its packets; null during the TLS handshake.</summary>
    public PacketLimit? Packets { get; set; }

    /// <summary>Its place among the logins in progress; null before and after.</summary>
    private SemaphoreSlim? loginPlace;

    public void Enter(SemaphoreSlim place) => loginPlace = place;

    /// <summary>Its login is finished, or it is gone. Called again it does nothing.</summary>
    public void LeaveLine() => Interlocked.Exchange(ref loginPlace, null)?.Release();

    /// <summary>Whose credential it logged in with.</summary>
    public Sender? Sender { get; set; }

    public Allowance? Allowance { get; set; }

    public string? ClientId { get; set; }

    /// <summary>Identifies its messages in <see cref="Redeliveries"/>.</summary>
    public ulong Origin { get; set; }

    /// <summary>Completes when it is closed and cleaned up.</summary>
    public Task Gone => gone.Task;

    /// <summary>The other side closed.</summary>
    public CancellationToken Closed => connection.ConnectionClosed;

    public void Abort(string why) => connection.Abort(new ConnectionAbortedException(why));

    public void Ended() => gone.TrySetResult();

    /// <summary>Remembers a message. Not thread-safe: the messages of a connection begin one after the other.</summary>
    public void Remember(ulong key)
    {
        keys ??= new ulong[RememberedKeys];
        keys[next++ % RememberedKeys] = key;
    }

    public ReadOnlySpan<ulong> Remembered => keys.AsSpan(0, Math.Min(next, RememberedKeys));
}
