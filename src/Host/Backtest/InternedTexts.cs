using System.Text;
using Vigil.Model;

namespace Vigil.Host.Backtest;

/// <summary>
/// Returns one string for equal texts, without allocating it again: a file has many rows of few residents and devices. A hash table in
/// which a text replaces another one with the same slot.
/// </summary>
internal sealed class InternedTexts
{
    private readonly string[] slots = new string[1 << 16];
    private readonly byte[][] bytes = new byte[1 << 16][];

    public string Of(ReadOnlySpan<byte> text)
    {
        var hash = 2166136261u;
        foreach (var b in text)
            hash = (hash ^ b) * 16777619u;
        var slot = (hash ^ (hash >> 16)) & 0xFFFF;
        if (bytes[slot] is { } known && text.SequenceEqual(known))
            return slots[slot];
        bytes[slot] = text.ToArray();
        var value = Encoding.UTF8.GetString(text);
        return slots[slot] = Metric.TryParse(value, out var metric) ? metric.Name : value;
    }
}
