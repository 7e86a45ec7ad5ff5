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

    public override async ValueTask<ReadResult> ReadAsync(CancellationToken cancellationToken = default)
    {
        var result = await inner.ReadAsync(cancellationToken);
        Check(result.Buffer);
        return result;
    }

    public override bool TryRead(out ReadResult result)
    {
        if (!inner.TryRead(out result)) return false;
        Check(result.Buffer);
        return true;
    }

    public override void AdvanceTo(SequencePosition consumed) => inner.AdvanceTo(consumed);
    public override void AdvanceTo(SequencePosition consumed, SequencePosition examined) => inner.AdvanceTo(consumed, examined);
    public override void CancelPendingRead() => inner.CancelPendingRead();
    public override void Complete(Exception? exception = null) => inner.Complete(exception);

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
