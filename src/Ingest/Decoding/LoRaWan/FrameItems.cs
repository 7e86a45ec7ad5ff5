using System.Globalization;
using Vigil.Model;
using Vigil.Settings;

namespace Vigil.Ingest.Decoding.LoRaWan;

/// <summary>
/// Items one behind the other, each a key and a value whose length depends on the key. An unknown key ends the reading, because its length
/// is unknown too.
/// </summary>
internal sealed class FrameItems
{
    private readonly Dictionary<int, FrameItem> known = [];
    private int from;
    private int tail;
    private int key = 2;

    public static FrameItems? Read(YamlSection section)
    {
        if (!section.Has("items"))
            return null;
        var items = new FrameItems
        {
            from = section.Whole("from", 0, 255) ?? 0,
            tail = section.Whole("tail", 0, 8) ?? 0,
            key = section.Whole("key", 1, 3) ?? 2,
        };
        foreach (var (names, item) in section.Section("items")?.Children() ?? [])
        {
            var one = FrameItem.Read(item);
            item.NoOthers();
            foreach (var name in names.Split('|'))
            {
                if (
                    name.Length == items.key * 2
                    && int.TryParse(name, NumberStyles.HexNumber, CultureInfo.InvariantCulture, out var number)
                )
                    items.known[number] = one;
                else
                    section.Refuse("items", name, $"is not a key of {items.key} bytes in hexadecimal");
            }
        }

        return items;
    }

    public bool TryFind(int key, out FrameItem item) => known.TryGetValue(key, out item!);

    private static Wording Unknown(string key) => new Wording($"item {key} is not known", $"没有数据项 {key}");

    public Wording? Decode(ReadOnlySpan<byte> bytes, DateTime? time, DecodedPayload into)
    {
        var rest = from + tail <= bytes.Length ? bytes[from..^tail] : default;
        var any = into.Readings.Count > 0;
        while (rest.Length >= key)
        {
            var number = 0;
            foreach (var b in rest[..key])
                number = number << 8 | b;
            if (!known.TryGetValue(number, out var item))
                return any ? null : Unknown(Convert.ToHexStringLower(rest[..key]));
            rest = rest[key..];
            if (rest.Length < item.Length)
                return new Wording($"item {number:x} is cut off", $"数据项 {number:x} 不完整");
            item.Decode(rest[..item.Length], time, into);
            any = true;
            rest = rest[item.Length..];
        }

        return null;
    }
}

/// <summary>How the value of one key is read.</summary>
internal sealed class FrameItem
{
    private FrameTime? time;
    private bool history;
    private FrameField[] fields = [];

    public int Length { get; private init; }

    public static FrameItem Read(YamlSection section)
    {
        var fields = FrameField.ReadAll(section);
        var time = FrameTime.Read(section);
        var length = section.Whole("length", 0, 255) ?? Math.Max(time?.Needs ?? 0, fields.Select(f => f.Needs).DefaultIfEmpty().Max());
        if (fields.Any(f => f.Needs > length))
            section.Refuse("length", length.ToString(CultureInfo.InvariantCulture), "is shorter than what is read from it");
        return new FrameItem
        {
            Length = length,
            time = time,
            history = section.Flag("history") ?? false,
            fields = [.. fields],
        };
    }

    public void Decode(ReadOnlySpan<byte> value, DateTime? arrival, DecodedPayload into)
    {
        var flags = history ? ReadingFlags.History : ReadingFlags.None;
        var at = time is null ? arrival : time.Of(value);
        var place = new FramePlace();
        foreach (var field in fields)
            field.Take(value, at, flags, into, ref place);
        place.Add(at, flags, into);
    }
}
