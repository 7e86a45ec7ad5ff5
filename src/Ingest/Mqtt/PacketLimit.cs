using System.Buffers;
using System.IO.Pipelines;
using Microsoft.AspNetCore.Connections;

namespace Vigil.Ingest.Mqtt;

/// <summary>
/// Refuses a packet by the length its header announces, before it is buffered. MQTTnet has no limit of its own: five bytes before login
/// (<c>10 FF FF FF 7F</c>) would otherwise make the server wait for, and hold, 256 MiB.
/// Relies on MQTTnet taking one packet at a time from the start of the buffer.
/// </summary>
internal sealed class PacketLimit(PipeReader inner, int maxConnect, int maxPacket) : PipeReader
{
    private bool loggingIn = true;
    /// <summary>Where the CONNECT packet that was rewritten ends in the real buffer; null while nothing is rewritten.</summary>
    private (SequencePosition Start, SequencePosition End, ReadOnlySequence<byte> Rewritten)? rewritten;

    public override async ValueTask<ReadResult> ReadAsync(CancellationToken cancellationToken = default) => Take(await inner.ReadAsync(cancellationToken));

    public override bool TryRead(out ReadResult result)
    {
        if (!inner.TryRead(out result)) return false;
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
        if (real.Rewritten.Slice(consumed).IsEmpty) inner.AdvanceTo(real.End);
        else inner.AdvanceTo(real.Start, real.End);
    }

    public override void CancelPendingRead() => inner.CancelPendingRead();
    public override void Complete(Exception? exception = null) => inner.Complete(exception);

    private ReadResult Take(in ReadResult result)
    {
        var first = loggingIn;
        Check(result.Buffer);
        if (!first || loggingIn || NamedConnect(result.Buffer) is not { } named) return result;
        var connect = new ReadOnlySequence<byte>(named.Packet);
        rewritten = (result.Buffer.Start, named.End, connect);
        return new ReadResult(connect, result.IsCanceled, result.IsCompleted);
    }

    /// <summary>
    /// An MQTT 3.1.1 client may leave its id empty and have one assigned (§3.1.3.1; mosquitto_pub does), but MQTTnet refuses it: such a CONNECT is
    /// given an id here. Null when the packet needs none.
    /// </summary>
    private static (byte[] Packet, SequencePosition End)? NamedConnect(in ReadOnlySequence<byte> buffer)
    {
        var bytes = buffer.ToArray();
        var (length, at) = (0, 1);
        for (var shift = 0; ; shift += 7)
        {
            length |= (bytes[at] & 0x7F) << shift;
            if ((bytes[at++] & 0x80) == 0) break;
        }

        var end = at + length;
        // Protocol name MQTT, level 4, clean session, keep-alive, then the client id's length.
        if (length < 12 || !bytes.AsSpan(at, 7).SequenceEqual((ReadOnlySpan<byte>)[0, 4, (byte)'M', (byte)'Q', (byte)'T', (byte)'T', 4]) || (bytes[at + 7] & 2) == 0) return null;
        if (bytes[at + 10] != 0 || bytes[at + 11] != 0) return null;
        var id = System.Text.Encoding.ASCII.GetBytes($"auto-{Guid.NewGuid():N}");
        var remaining = length + id.Length;
        using var packet = new MemoryStream();
        packet.WriteByte(bytes[0]);
        for (var left = remaining; ; left >>= 7)
        {
            packet.WriteByte((byte)(left > 0x7F ? left & 0x7F | 0x80 : left));
            if (left <= 0x7F) break;
        }

        packet.Write(bytes, at, 10);
        packet.Write([0, (byte)id.Length]);
        packet.Write(id);
        packet.Write(bytes, at + 12, length - 12);
        return (packet.ToArray(), buffer.GetPosition(end));
    }

    /// <summary>MQTT 5 §1.5.5 and §2.1: one byte of type, then the remaining length in at most four bytes of seven bits.</summary>
    private void Check(in ReadOnlySequence<byte> buffer)
    {
        var reader = new SequenceReader<byte>(buffer);
        if (!reader.TryRead(out var first)) return;
        var isConnect = first >> 4 == 1;
        if (loggingIn && !isConnect) throw new ConnectionAbortedException("The first packet is not CONNECT");
        var length = 0;
        for (var shift = 0; ; shift += 7)
        {
            if (shift > 21) throw new ConnectionAbortedException("Malformed remaining length");
            if (!reader.TryRead(out var b)) return;
            length |= (b & 0x7F) << shift;
            if ((b & 0x80) == 0) break;
        }

        var limit = isConnect ? maxConnect : maxPacket;
        if (length > limit) throw new ConnectionAbortedException($"Packet of {length} bytes; {limit} are allowed");
        if (reader.Remaining >= length) loggingIn = false;
    }
}

internal sealed class LimitedTransport(IDuplexPipe inner, int maxConnect, int maxPacket) : IDuplexPipe
{
    public PipeReader Input { get; } = new PacketLimit(inner.Input, maxConnect, maxPacket);
    public PipeWriter Output => inner.Output;
}
