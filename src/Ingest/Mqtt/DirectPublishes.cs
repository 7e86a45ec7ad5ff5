using System.Buffers;
using System.Buffers.Binary;
using System.Diagnostics;
using System.Text;
using Microsoft.AspNetCore.Connections;

namespace Vigil.Ingest.Mqtt;

/// <summary>Takes a message of a connection that has logged in; completes when it is committed or refused.</summary>
internal delegate ValueTask<Receipt> TakePublish(
    BrokerSocket socket,
    Delivery delivery,
    string topic,
    ReadOnlyMemory<byte> payload,
    CancellationToken cancellation
);

/// <summary>
/// The broker's hot path: a connection's messages at QoS 1 are read, committed and acknowledged here, while MQTTnet, which keeps the
/// session and answers all other packets, still waits for the next one. Through MQTTnet each message takes three more turns of the thread
/// pool and a dozen objects (docs/adr/0012-messages-past-mqttnet.md). Messages that have come together are committed together and
/// acknowledged in one write. Not thread-safe: the reading side of a connection.
/// </summary>
internal sealed class DirectPublishes(BrokerSocket socket, SharedOutput output, TakePublish take)
{
    /// <summary>As many as a connection's <see cref="BrokerSocket.Remembered"/> messages.</summary>
    public const int Most = 16;

    private ValueTask<Receipt>[] begun = new ValueTask<Receipt>[1];
    private ushort[] ids = new ushort[1];
    private int count;
    private string topic = "";

    /// <summary>
    /// A tenth of the keep-alive that the client has asked for. MQTTnet takes it for dead one and a half keep-alives after the last packet
    /// that it has seen, and the client has until one and a half after its last one.
    /// </summary>
    private TimeSpan shownEvery = Timeout.InfiniteTimeSpan;
    private long shownAt;

    /// <summary>
    /// Not while MQTTnet owes an acknowledgement, nor when it has seen no packet for a tenth of the keep-alive: then the next is its own.
    /// </summary>
    public bool MayTake =>
        socket is { Sender: not null, Allowance: not null }
        && !output.IsOwed
        && (shownEvery == Timeout.InfiniteTimeSpan || Stopwatch.GetElapsedTime(shownAt) < shownEvery);

    /// <summary>Who sends faster than allowed sends one message after the other.</summary>
    public bool MayTakeMore => socket.Allowance is { Bucket.IsOverdrawn: false };

    /// <summary>Why a message could not be committed; null when none has failed.</summary>
    public Exception? Failed { get; private set; }

    /// <summary>MQTTnet is shown a packet.</summary>
    /// <param name="delivery">Of a PUBLISH; else nothing.</param>
    public void Shown(Delivery? delivery)
    {
        shownAt = Stopwatch.GetTimestamp(); // as MQTTnet, which counts real time
        if (delivery is { Qos: > 0 })
            output.Owe();
    }

    public void KeptAlive(ushort seconds) => shownEvery = seconds == 0 ? Timeout.InfiniteTimeSpan : TimeSpan.FromSeconds(seconds / 10.0);

    /// <summary>Gives a message to the inbox. Its bytes have to stay until <see cref="EndAsync"/> has completed.</summary>
    /// <param name="body">The PUBLISH without its fixed header: topic, packet id, the empty properties of MQTT 5, payload.</param>
    /// <param name="delivery">Its delivery fields.</param>
    /// <param name="isMqtt5">It has properties.</param>
    /// <param name="cancellation">The connection is closing.</param>
    /// <returns>False: it has properties, which only MQTTnet reads.</returns>
    public bool TryBegin(in ReadOnlySequence<byte> body, Delivery delivery, bool isMqtt5, CancellationToken cancellation)
    {
        ReadOnlyMemory<byte> bytes = body.IsSingleSegment ? body.First : body.ToArray();
        var (length, skipped) = (BinaryPrimitives.ReadUInt16BigEndian(bytes.Span), 0);
        if (isMqtt5)
        {
            if (bytes.Length < length + 5 || bytes.Span[length + 4] != 0)
                return false;
            skipped = 1;
        }

        if (count == begun.Length)
        {
            Array.Resize(ref begun, Most);
            Array.Resize(ref ids, Most);
        }

        // Nearly every device speaks in one topic.
        var name = bytes.Span.Slice(2, length);
        if (!Ascii.Equals(name, topic))
            topic = Encoding.UTF8.GetString(name);
        ids[count] = delivery.Id;
#pragma warning disable CA2012 // each is awaited once, by EndAsync
        begun[count++] = take(socket, delivery, topic, bytes[(length + 4 + skipped)..], cancellation);
#pragma warning restore CA2012
        return true;
    }

    /// <summary>Waits for all that were begun and acknowledges them; closes the connection at the first that was not committed.</summary>
    public async ValueTask EndAsync(CancellationToken cancellation)
    {
        var (all, good) = (count, 0);
        count = 0;
        for (var i = 0; i < all; i++)
            try
            {
                if (await begun[i] is Receipt.Committed && good == i)
                    good++;
            }
            catch (Exception e) when (e is not OutOfMemoryException)
            {
                Failed ??= e; // the others are waited for all the same: their bytes are in use
            }

        if (good > 0)
            await output.AcknowledgeAsync(ids.AsMemory(0, good), cancellation);
        if (good < all)
            throw new ConnectionAbortedException("a message was not committed");
    }
}
