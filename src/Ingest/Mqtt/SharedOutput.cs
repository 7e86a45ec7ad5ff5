using System.Buffers;
using System.IO.Pipelines;

namespace Vigil.Ingest.Mqtt;

/// <summary>
/// What is sent to a device, by MQTTnet and by <see cref="DirectPublishes"/>: one packet at a time, each whole. Counts the acknowledgements
/// that MQTTnet owes, so that none of a later message goes before them (MQTT 3.1.1 §4.6).
/// </summary>
internal sealed class SharedOutput(PipeWriter inner) : PipeWriter, IDisposable
{
    private readonly SemaphoreSlim gate = new(1, 1);
    private ArrayBufferWriter<byte>? unsent;
    private int owed;

    /// <summary>MQTTnet has been shown a message that it has not acknowledged yet.</summary>
    public bool IsOwed => Volatile.Read(ref owed) > 0;

    public void Owe() => Interlocked.Increment(ref owed);

    /// <summary>Sends PUBACK for some messages, in their order.</summary>
    public async ValueTask AcknowledgeAsync(ReadOnlyMemory<ushort> ids, CancellationToken cancellation)
    {
        if (!gate.Wait(0, CancellationToken.None))
            await gate.WaitAsync(cancellation);
        try
        {
            Write(ids.Span);
            await inner.FlushAsync(cancellation);
        }
        finally
        {
            gate.Release();
        }
    }

    public override async ValueTask<FlushResult> WriteAsync(ReadOnlyMemory<byte> source, CancellationToken cancellationToken = default)
    {
        await gate.WaitAsync(cancellationToken);
        try
        {
            return await inner.WriteAsync(source, cancellationToken);
        }
        finally
        {
            gate.Release();
            if (source.Length > 0 && source.Span[0] >> 4 is 4 or 5) // PUBACK or PUBREC
                Interlocked.Decrement(ref owed);
        }
    }

    // MQTTnet writes a packet with a payload in pieces; it is sent when it is whole.
    public override Memory<byte> GetMemory(int sizeHint = 0) => (unsent ??= new ArrayBufferWriter<byte>()).GetMemory(sizeHint);

    public override Span<byte> GetSpan(int sizeHint = 0) => GetMemory(sizeHint).Span;

    public override void Advance(int bytes) => unsent!.Advance(bytes);

    public override async ValueTask<FlushResult> FlushAsync(CancellationToken cancellationToken = default)
    {
        var whole = unsent;
        unsent = null;
        return await WriteAsync(whole?.WrittenMemory ?? default, cancellationToken);
    }

    public override void CancelPendingFlush() => inner.CancelPendingFlush();

    public override void Complete(Exception? exception = null) => inner.Complete(exception);

    public void Dispose() => gate.Dispose();

    private void Write(ReadOnlySpan<ushort> ids)
    {
        var packets = inner.GetSpan(ids.Length * 4);
        for (var i = 0; i < ids.Length; i++)
        {
            var packet = packets[(i * 4)..];
            (packet[0], packet[1], packet[2], packet[3]) = (0x40, 2, (byte)(ids[i] >> 8), (byte)ids[i]);
        }

        inner.Advance(ids.Length * 4);
    }
}
