using Vigil.Model;

namespace Vigil.Ingest.Mqtt;

/// <summary>Who sent a message, by its credential and never by the client id (invariant 11).</summary>
/// <param name="Name">The credential's user name: the device's or the gateway's own id.</param>
/// <param name="Gateway">A gateway may publish for other devices; a device only for itself.</param>
/// <param name="Topics">For a gateway: topic filters it may publish to; empty means every topic that names a device of a known
/// profile.</param>
public sealed record Sender(string Name, bool Gateway, IReadOnlyList<string> Topics)
{
    /// <summary>An external broker has checked credentials and topics itself.</summary>
    public static readonly Sender ExternalBroker = new("", true, []);
}

/// <summary>A message as it came. The payload is copied when it must outlive the call.</summary>
/// <param name="Topic">Full topic name.</param>
/// <param name="Payload">The bytes.</param>
/// <param name="Received">
/// Time of arrival, UTC, in microseconds as in every store; of a message that was sent again, the time at which it first came.
/// </param>
/// <param name="Retained">Kept by the broker from before: old, and not a new event.</param>
/// <param name="From">The sender, by the credential.</param>
public readonly record struct InboundMessage(string Topic, ReadOnlyMemory<byte> Payload, DateTime Received, bool Retained, Sender From)
{
    public DateTime Received { get; init; } = Received.ToMicroseconds();
}

/// <summary>The outcome of a message.</summary>
public enum Receipt
{
    /// <summary>Readings and findings (or the refusal) are committed: acknowledge.</summary>
    Committed,

    /// <summary>The sender may not publish this: refuse it, close the connection, store nothing.</summary>
    NotAllowed,

    /// <summary>Could not be committed now: do not acknowledge, so that it is sent again.</summary>
    NotStored,
}

/// <summary>Takes a message; the task completes when it is committed. The only way from MQTT into the pipeline.</summary>
public delegate ValueTask<Receipt> Inbox(InboundMessage message, CancellationToken cancellation);
