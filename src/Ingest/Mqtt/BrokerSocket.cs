using System.Net;
using Microsoft.AspNetCore.Connections;

namespace Vigil.Ingest.Mqtt;

/// <summary>
/// A socket: waits among those that have not logged in, then holds its client id and a connection of its credential until nothing of it is
/// left.
/// </summary>
internal sealed class BrokerSocket(ConnectionContext connection, IPAddress address, long since)
{
    /// <summary>Messages that may be on their way at once; of older ones the acknowledgement has arrived.</summary>
    private const int RememberedKeys = 16;

    private readonly TaskCompletionSource gone = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private ulong[]? keys;
    private int next;

    public IPAddress Address => address;

    /// <summary>When it came.</summary>
    public long Since => since;

    /// <summary>Where it waits; null once it has said who it is. The gate's own.</summary>
    public LinkedListNode<BrokerSocket>? Place { get; set; }

    /// <summary>It came from an address that nobody had logged in from.</summary>
    public bool Strange { get; set; }

    /// <summary>Name of the certificate it showed; null where none is asked for.</summary>
    public string? Certified { get; set; }

    /// <summary>Its packets; null during a TLS handshake.</summary>
    public PacketLimit? Packets { get; set; }

    /// <summary>Its place among the logins under way; null before and after.</summary>
    private SemaphoreSlim? turn;

    public void Enter(SemaphoreSlim place) => turn = place;

    /// <summary>Its login is through, or it is gone. Once.</summary>
    public void LeaveLine() => Interlocked.Exchange(ref turn, null)?.Release();

    /// <summary>Whose credential it showed.</summary>
    public Sender? Sender { get; set; }

    public Allowance? Allowance { get; set; }

    public string? ClientId { get; set; }

    /// <summary>Under which its messages are known when they are sent again.</summary>
    public ulong Origin { get; set; }

    /// <summary>Completes when nothing of it is left.</summary>
    public Task Gone => gone.Task;

    /// <summary>The other side closed.</summary>
    public CancellationToken Closed => connection.ConnectionClosed;

    public void Abort(string why) => connection.Abort(new ConnectionAbortedException(why));

    public void Ended() => gone.TrySetResult();

    /// <summary>One message after the other: a connection's are handled in their order.</summary>
    public void Remember(ulong key)
    {
        keys ??= new ulong[RememberedKeys];
        keys[next++ % RememberedKeys] = key;
    }

    public ReadOnlySpan<ulong> Remembered => keys.AsSpan(0, Math.Min(next, RememberedKeys));
}
