using System.Globalization;
using Vigil.Settings;

namespace Vigil.Ingest.Decoding.LoRaWan;

/// <summary>
/// Which bytes or bits a frame must have: <c>"3": "01|02"</c> (hexadecimal) or a bit of it, <c>"3.7": "1"</c>, <c>"0.5-0": "2a"</c>; a
/// range, <c>"1": "04-0b"</c>.
/// </summary>
internal readonly struct FrameCondition
{
    private readonly FrameValue value;
    private readonly (long From, long To)[] allowed;

    private FrameCondition(FrameValue value, (long, long)[] allowed)
    {
        this.value = value;
        this.allowed = allowed;
    }

    public int Needs => value.Needs;

    public static FrameCondition[] Read(YamlSection entry, string key)
    {
        if (!entry.Has(key))
            return [];
        var found = new List<FrameCondition>();
        foreach (var (place, texts) in entry.Pairs(key))
        {
            var dot = place.IndexOf('.', StringComparison.Ordinal);
            var ranges = new List<(long, long)>();
            var good = FrameValue.TryParse(dot < 0 ? place : place[..dot], "u8", dot < 0 ? null : place[(dot + 1)..], out var value);
            foreach (var text in texts.Split('|'))
            {
                var parts = text.Split('-');
                long to = 0;
                good &=
                    parts.Length <= 2
                    && long.TryParse(parts[0], NumberStyles.HexNumber, CultureInfo.InvariantCulture, out var from)
                    && long.TryParse(parts[^1], NumberStyles.HexNumber, CultureInfo.InvariantCulture, out to)
                    && Add(from);
                bool Add(long from)
                {
                    ranges.Add((from, to));
                    return true;
                }
            }

            if (good)
                found.Add(new FrameCondition(value, [.. ranges]));
            else
                entry.Refuse(key, $"{place}: {texts}", "is not a place (3, -1, 3.7, 0.5-0) and its hexadecimal values (01, 01|02, 04-0b)");
        }

        return [.. found];
    }

    public bool Holds(ReadOnlySpan<byte> frame)
    {
        var found = value.Of(frame);
        foreach (var (from, to) in allowed)
            if (found >= from && found <= to)
                return true;
        return false;
    }
}
