using System.Buffers;
using System.Buffers.Binary;
using System.IO.Pipelines;
using System.Runtime.CompilerServices;
using Microsoft.AspNetCore.Connections;

namespace Vigil.Ingest.Mqtt;

/// <summary>
/// Refuses a packet by the length that its header announces, before it is buffered. MQTTnet has no limit of its own: five bytes before
/// login (<c>10 FF FF FF 7F</c>) would make it wait for, and buffer, 256 MiB. A complete packet is checked by <see cref="PacketRules"/>.
/// Relies on MQTTnet taking one packet at a time from the start of the buffer and handling it before it reads on. Messages that
/// <see cref="DirectPublishes"/> takes are never shown to MQTTnet.
/// </summary>
internal sealed class PacketLimit(PipeReader inner, int maxConnect, int maxPacket, DirectPublishes? direct = null) : PipeReader
{
    private const int MostUnreleased = 1024;

    /// <summary>Packet ids at QoS 2 that are not released yet: sent again, they are the same message (MQTT 3.1.1 §4.3.3).</summary>
    private readonly HashSet<ushort> unreleased = [];
    private bool loggingIn = true;
    private bool isMqtt5;

    /// <summary>QoS, DUP flag and packet id of the PUBLISH being handled.</summary>
    public Delivery Current { get; private set; }

    /// <summary>The PUBLISH being handled came before on this connection, at QoS 2, and is not released yet.</summary>
    public bool IsAgain { get; private set; }

    /// <summary>The client sent DISCONNECT: it has received all its acknowledgements.</summary>
    public bool Disconnected { get; private set; }

    /// <summary>Why a packet was refused; null while none was.</summary>
    public string? Refused { get; private set; }

    /// <summary>The CONNECT packet that was rewritten, and where the original lies in the real buffer; null while there is none.</summary>
    private (SequencePosition Start, SequencePosition End, ReadOnlySequence<byte> Rewritten)? rewritten;

    [AsyncMethodBuilder(typeof(PoolingAsyncValueTaskMethodBuilder<>))]
    public override async ValueTask<ReadResult> ReadAsync(CancellationToken cancellationToken = default)
    {
        while (true)
        {
            var result = await inner.ReadAsync(cancellationToken);
            if (direct is not { MayTake: true })
                return Take(result);
            var rest = result.Buffer;
            try
            {
                BeginDirect(ref rest, cancellationToken);
            }
            finally
            {
                // Whatever happens, what was begun has its bytes until it is at its end.
                if (rest.Length < result.Buffer.Length)
                    try
                    {
                        await direct.EndAsync(cancellationToken);
                    }
                    finally
                    {
                        inner.AdvanceTo(rest.Start);
                    }
            }

            if (rest.Length == result.Buffer.Length)
                return Take(result);
        }
    }

    /// <summary>Begins the messages at the start of the buffer that needn't be shown to MQTTnet, and leaves the rest of it.</summary>
    private void BeginDirect(ref ReadOnlySequence<byte> buffer, CancellationToken cancellation)
    {
        for (var n = 0; n < DirectPublishes.Most && (n == 0 || direct!.MayTakeMore); n++)
        {
            // Whatever is wrong with a packet is said when it is shown. Its first byte is asked of the frame: where a body ends with a
            // piece of the buffer, what is left begins with an empty piece.
            if (
                !TryFrame(buffer, out var first, out var body, out _)
                || (first & 0xF6) != 0x32 // PUBLISH at QoS 1
                || PacketRules.Refuse(first, body, isMqtt5, out var delivery) is not null
                || !direct!.TryBegin(body, delivery, isMqtt5, cancellation)
            )
                break;
            buffer = buffer.Slice(body.End);
        }
    }

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
            // MQTTnet would ask again and again for the rest of the packet, in a busy loop.
            throw Refuse("the connection ended within a packet");
        if (!first || loggingIn || AssignedClientId.Add(result.Buffer) is not { } named)
            return result;
        var connect = new ReadOnlySequence<byte>(named.Packet);
        rewritten = (result.Buffer.Start, named.End, connect);
        return new ReadResult(connect, result.IsCanceled, result.IsCompleted);
    }

    /// <summary>
    /// Waits for a complete CONNECT packet and leaves it in the buffer. Returns its user name; empty without one or when the connection
    /// ends.
    /// </summary>
    public async ValueTask<string> UserNameAsync(CancellationToken cancellation)
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

    /// <summary>False while the packet isn't complete.</summary>
    private bool Check(in ReadOnlySequence<byte> buffer)
    {
        if (!TryPacket(buffer, out var first, out var body))
            return false;
        if (PacketRules.Refuse(first, body, isMqtt5, out var delivery) is { } reason)
            throw Refuse(reason);
        Take(first >> 4, delivery, body);
        direct?.Shown(first >> 4 == 3 ? delivery : null);
        return true;
    }

    /// <summary>MQTT 5 §1.5.5 and §2.1: one byte of type, then the remaining length in at most four bytes of seven bits.</summary>
    private bool TryPacket(in ReadOnlySequence<byte> buffer, out byte first, out ReadOnlySequence<byte> body) =>
        TryFrame(buffer, out first, out body, out var wrong) || (wrong is null ? false : throw Refuse(wrong));

    /// <summary>The same without closing: what is wrong is null while the packet isn't complete.</summary>
    private bool TryFrame(in ReadOnlySequence<byte> buffer, out byte first, out ReadOnlySequence<byte> body, out string? wrong)
    {
        (body, wrong) = (default, null);
        var reader = new SequenceReader<byte>(buffer);
        if (!reader.TryRead(out first))
            return false;
        var isConnect = first >> 4 == 1;
        if (loggingIn != isConnect)
            wrong = loggingIn ? "the first packet is not CONNECT" : "a second CONNECT";
        var length = 0;
        for (var shift = 0; wrong is null; shift += 7)
        {
            if (shift > 21)
                wrong = "malformed remaining length";
            else if (!reader.TryRead(out var b))
                return false;
            else
            {
                length |= (b & 0x7F) << shift;
                if ((b & 0x80) == 0)
                    break;
            }
        }

        var limit = isConnect ? maxConnect : maxPacket;
        if (length > limit)
            wrong ??= $"packet of {length} bytes; {limit} are allowed";
        if (wrong is not null || reader.Remaining < length)
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
                // Length of the protocol name, the name, level, flags, keep-alive.
                Span<byte> begin = stackalloc byte[12];
                body.Slice(0, Math.Min(12, body.Length)).CopyTo(begin);
                isMqtt5 = begin[1] == 4 && begin[6] == 5;
                if (begin[1] is 4 or 6) // MQTT or MQIsdp; MQTTnet refuses every other
                    direct?.KeptAlive(BinaryPrimitives.ReadUInt16BigEndian(begin[(begin[1] + 4)..]));
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
                Disconnected = true;
                break;
        }
    }

    private ConnectionAbortedException Refuse(string reason)
    {
        Refused = reason;
        return new ConnectionAbortedException(reason);
    }
}
