using System.Buffers;

namespace Vigil.Ingest.Decoding;

/// <summary>A message in parts, joined from the frames of one payload.</summary>
internal struct Jt808Parts
{
    private const int LargestMessage = 64 * 1024;

    private byte[]? rented;
    private int length;

    public Jt808Parts()
    {
        Next = 1;
        Device = "";
    }

    /// <summary>Number of the part that comes next, from 1.</summary>
    public int Next { get; set; }

    public ushort Id { get; set; }

    public string Device { get; set; }

    public bool Is2019 { get; set; }

    /// <summary>The last part is there.</summary>
    public bool Whole { get; set; }

    public readonly ReadOnlySpan<byte> Body => rented.AsSpan(0, length);

    public bool Append(ReadOnlySpan<byte> body)
    {
        if (length + body.Length > LargestMessage)
            return false;
        rented ??= ArrayPool<byte>.Shared.Rent(LargestMessage);
        body.CopyTo(rented.AsSpan(length));
        length += body.Length;
        return true;
    }

    public void Clear()
    {
        length = 0;
        Next = 1;
        Whole = false;
    }

    public void Release()
    {
        if (rented is not null)
            ArrayPool<byte>.Shared.Return(rented);
        rented = null;
    }
}
