using System.Buffers;
using System.IO.Pipelines;
using Microsoft.AspNetCore.Connections;

namespace Vigil.Ingest.Mqtt;

/// <summary>
/// Refuses a packet by the length its header announces, before it is buffered. MQTTnet has no limit of its own: five bytes before login
/// (<c>10 FF FF FF 7F</c>) would otherwise make the server wait for, and hold, 256 MiB. A whole packet is held to <see
/// cref="PacketRules"/>. Relies on MQTTnet taking one packet at a time from the start of the buffer and handling it before it reads on.
/// </summary>
internal sealed class PacketLimit(PipeReader inner, int maxConnect, int maxPacket) : PipeReader
{
    private const int MostUnreleased = 1024;
    private const string Assigned = "auto-";

    /// <summary>
    /// Packet ids at QoS 2 that came and were not released yet: sent again, they are the same message (MQTT 3.1.1 §4.3.3).
    /// </summary>
    private readonly HashSet<ushort> unreleased = [];
    private bool loggingIn = true;
    private bool five;

    /// <summary>How the PUBLISH at hand is delivered.</summary>
    public Delivery Current { get; private set; }

    /// <summary>The PUBLISH at hand came before on this connection, at QoS 2, and was not released.</summary>
    public bool IsAgain { get; private set; }

    /// <summary>The client said DISCONNECT: it has had what it waited for.</summary>
    public bool SaidGoodbye { get; private set; }

    /// <summary>Why a packet was refused; null while none was.</summary>
    public string? Refused { get; private set; }

    /// <summary>Where the CONNECT packet that was rewritten ends in the real buffer; null while nothing is rewritten.</summary>
    private (SequencePosition Start, SequencePosition End, ReadOnlySequence<byte> Rewritten)? rewritten;

    /// <summary>A client id that was given to a client that had none.</summary>
    public static bool IsAssigned(string clientId) => clientId.StartsWith(Assigned, StringComparison.Ordinal);

    public override async ValueTask<ReadResult> ReadAsync(CancellationToken cancellationToken = default) =>
        Take(await inner.ReadAsync(cancellationToken));

    public override bool TryRead(out ReadResult result)
    {
        if (!inner.TryRead(out result))
            return false;
        result = Take(result);
        return true;
    }

    public override void AdvanceTo(SequencePosition consumed) => AdvanceTo(consumed, consumed);

    public override void AdvanceTo(SequencePosition consumed, SequencePosition examined)
    {
        if (rewritten is not { } real)
        {
            inner.AdvanceTo(consumed, examined);
            return;
        }

        rewritten = null;
        if (real.Rewritten.Slice(consumed).IsEmpty)
            inner.AdvanceTo(real.End);
        else
            inner.AdvanceTo(real.Start, real.End);
    }

    public override void CancelPendingRead() => inner.CancelPendingRead();

    public override void Complete(Exception? exception = null) => inner.Complete(exception);

    private ReadResult Take(in ReadResult result)
    {
        var first = loggingIn;
        if (!Check(result.Buffer) && result.IsCompleted && !result.Buffer.IsEmpty)
            // MQTTnet would ask again and again for a rest that can't come, and keep a core busy with it.
            throw Refuse("the connection ended within a packet");
        if (!first || loggingIn || NamedConnect(result.Buffer) is not { } named)
            return result;
        var connect = new ReadOnlySequence<byte>(named.Packet);
        rewritten = (result.Buffer.Start, named.End, connect);
        return new ReadResult(connect, result.IsCanceled, result.IsCompleted);
    }

    /// <summary>
    /// An MQTT 3.1.1 client may leave its id empty and have one assigned (§3.1.3.1; mosquitto_pub does), but MQTTnet refuses it: such a
    /// CONNECT is given an id here. Null when the packet needs none.
    /// </summary>
    private static (byte[] Packet, SequencePosition End)? NamedConnect(in ReadOnlySequence<byte> buffer)
    {
        var bytes = buffer.ToArray();
        var (length, at) = (0, 1);
        for (var shift = 0; ; shift += 7)
        {
            length |= (bytes[at] & 0x7F) << shift;
            if ((bytes[at++] & 0x80) == 0)
                break;
        }

        var end = at + length;
        // Protocol name MQTT, level 4, clean session, keep-alive, then the client id's length.
        if (
            length < 12
            || !bytes.AsSpan(at, 7).SequenceEqual((ReadOnlySpan<byte>)[0, 4, (byte)'M', (byte)'Q', (byte)'T', (byte)'T', 4])
            || (bytes[at + 7] & 2) == 0
        )
            return null;
        if (bytes[at + 10] != 0 || bytes[at + 11] != 0)
            return null;
        var id = System.Text.Encoding.ASCII.GetBytes($"{Assigned}{Guid.NewGuid():N}");
        var remaining = length + id.Length;
        using var packet = new MemoryStream();
        packet.WriteByte(bytes[0]);
        for (var left = remaining; ; left >>= 7)
        {
            packet.WriteByte((byte)(left > 0x7F ? left & 0x7F | 0x80 : left));
            if (left <= 0x7F)
                break;
        }

        packet.Write(bytes, at, 10);
        packet.Write([0, (byte)id.Length]);
        packet.Write(id);
        packet.Write(bytes, at + 12, length - 12);
        return (packet.ToArray(), buffer.GetPosition(end));
    }

    /// <summary>
    /// Waits until a whole CONNECT is there, and leaves it there: the user name in it, empty without one or when the connection ends.
    /// </summary>
    public async ValueTask<string> NameAsync(CancellationToken cancellation)
    {
        while (true)
        {
            var result = await inner.ReadAsync(cancellation);
            if (TryPacket(result.Buffer, out _, out var body))
            {
                var name = PacketRules.UserNameOf(body);
                inner.AdvanceTo(result.Buffer.Start);
                return name;
            }

            if (result.IsCompleted)
            {
                inner.AdvanceTo(result.Buffer.Start);
                return "";
            }

            inner.AdvanceTo(result.Buffer.Start, result.Buffer.End);
        }
    }

    /// <summary>False while the packet isn't whole.</summary>
    private bool Check(in ReadOnlySequence<byte> buffer)
    {
        if (!TryPacket(buffer, out var first, out var body))
            return false;
        if (PacketRules.Refuse(first, body, five, out var delivery) is { } reason)
            throw Refuse(reason);
        Take(first >> 4, delivery, body);
        return true;
    }

    /// <summary>MQTT 5 §1.5.5 and §2.1: one byte of type, then the remaining length in at most four bytes of seven bits.</summary>
    private bool TryPacket(in ReadOnlySequence<byte> buffer, out byte first, out ReadOnlySequence<byte> body)
    {
        body = default;
        var reader = new SequenceReader<byte>(buffer);
        if (!reader.TryRead(out first))
            return false;
        var isConnect = first >> 4 == 1;
        if (loggingIn != isConnect)
            throw Refuse(loggingIn ? "the first packet is not CONNECT" : "a second CONNECT");
        var length = 0;
        for (var shift = 0; ; shift += 7)
        {
            if (shift > 21)
                throw Refuse("malformed remaining length");
            if (!reader.TryRead(out var b))
                return false;
            length |= (b & 0x7F) << shift;
            if ((b & 0x80) == 0)
                break;
        }

        var limit = isConnect ? maxConnect : maxPacket;
        if (length > limit)
            throw Refuse($"packet of {length} bytes; {limit} are allowed");
        if (reader.Remaining < length)
            return false;
        body = buffer.Slice(reader.Position, length);
        return true;
    }

    private void Take(int type, Delivery delivery, in ReadOnlySequence<byte> body)
    {
        switch (type)
        {
            case 1:
                loggingIn = false;
                // The level stands behind the protocol's name, whose length is in the first two bytes.
                Span<byte> begin = stackalloc byte[9];
                body.Slice(0, Math.Min(9, body.Length)).CopyTo(begin);
                five = begin[1] == 4 && begin[6] == 5;
                break;
            case 3:
                Current = delivery;
                IsAgain = delivery.Qos == 2 && !unreleased.Add(delivery.Id);
                if (unreleased.Count > MostUnreleased)
                    throw Refuse($"more than {MostUnreleased} messages at QoS 2 that were never released");
                break;
            case 6:
                unreleased.Remove(delivery.Id);
                break;
            case 14:
                SaidGoodbye = true;
                break;
        }
    }

    private ConnectionAbortedException Refuse(string reason)
    {
        Refused = reason;
        return new ConnectionAbortedException(reason);
    }
}

internal sealed class LimitedTransport(IDuplexPipe inner, PacketLimit input) : IDuplexPipe
{
    public PipeReader Input => input;
    public PipeWriter Output => inner.Output;
}
