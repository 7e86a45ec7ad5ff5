using System.Buffers;

namespace Vigil.Storage.Readings.Influx;

/// <summary>A buffer that grows in arrays of the shared pool and returns them when disposed.</summary>
internal sealed class PooledBytes(int capacity) : IBufferWriter<byte>, IDisposable
{
    private byte[] array = ArrayPool<byte>.Shared.Rent(capacity);

    public int Count { get; private set; }

    public ReadOnlyMemory<byte> Memory => array.AsMemory(0, Count);

    public void Advance(int count) => Count += count;

    public Memory<byte> GetMemory(int sizeHint = 0)
    {
        Reserve(Math.Max(1, sizeHint));
        return array.AsMemory(Count);
    }

    public Span<byte> GetSpan(int sizeHint = 0)
    {
        Reserve(Math.Max(1, sizeHint));
        return array.AsSpan(Count);
    }

    public void Clear() => Count = 0;

    public void Dispose()
    {
        var used = Interlocked.Exchange(ref array, []);
        if (used.Length > 0)
            ArrayPool<byte>.Shared.Return(used);
        Count = 0;
    }

    private void Reserve(int more)
    {
        if (array.Length - Count >= more)
            return;
        var larger = ArrayPool<byte>.Shared.Rent(Math.Max(array.Length * 2, Count + more));
        array.AsSpan(0, Count).CopyTo(larger);
        if (array.Length > 0)
            ArrayPool<byte>.Shared.Return(array);
        array = larger;
    }
}
