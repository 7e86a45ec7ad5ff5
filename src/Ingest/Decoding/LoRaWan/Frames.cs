using System.Globalization;
using Vigil.Model;
using Vigil.Settings;

namespace Vigil.Ingest.Decoding.LoRaWan;

/// <summary>
/// The frames of one model as its profile says them (<c>frames:</c>): by port, length and fixed bytes, then the fields, and behind them a
/// chain of items (a key of one to three bytes, a value of known length). A frame that is none of them, or too short for its fields, is
/// refused before anything of it is told.
/// </summary>
internal sealed class Frames
{
    private readonly Frame[] frames;

    private Frames(Frame[] frames) => this.frames = frames;

    public static Frames? Read(YamlSection profile)
    {
        if (!profile.Has("frames"))
            return null;
        var found = new List<Frame>();
        foreach (var section in profile.Sections("frames"))
        {
            found.Add(Frame.Read(section));
            section.NoOthers();
        }

        return new Frames([.. found]);
    }

    public Wording? Decode(ReadOnlySpan<byte> bytes, int port, DateTime? time, DecodedPayload into)
    {
        bool portFits = false,
            bytesFit = false;
        foreach (var frame in frames)
        {
            if (!frame.FitsPort(port))
                continue;
            portFits = true;
            if (!frame.FitsBytes(bytes))
                continue;
            bytesFit = true;
            if (frame.FitsLength(bytes.Length))
                return frame.Decode(bytes, time, into);
        }

        if (!portFits)
        {
            var known = frames.SelectMany(f => f.Ports).Distinct().ToList();
            return new Wording(
                $"unknown FPort: port {port}, this model reports on port {string.Join(", ", known)}",
                $"端口 {port} 不对：该型号通过端口 {string.Join("、", known)} 上报"
            );
        }

        if (bytesFit)
            return new Wording(
                $"Wrong payload length: {bytes.Length} bytes are not this frame of the model",
                $"长度不对：该型号的这种帧不是 {bytes.Length} 字节"
            );
        var start = Convert.ToHexStringLower(bytes[..Math.Min(bytes.Length, 4)]);
        return new Wording($"no frame of this model begins with {start}", $"该型号没有以 {start} 开头的帧");
    }
}

/// <summary>One kind of frame.</summary>
internal sealed class Frame
{
    private int[] lengths = [];
    private int least;
    private FrameCondition[] conditions = [];
    private FrameTime? time;
    private bool history;
    private FrameField[] fields = [];
    private Items? items;

    public int[] Ports { get; private init; } = [];

    public static Frame Read(YamlSection section)
    {
        var fields = FrameField.ReadAll(section);
        var time = FrameTime.Read(section);
        var conditions = FrameCondition.Read(section, "is");
        return new Frame
        {
            Ports = Whole(section, "port"),
            lengths = Whole(section, "length"),
            conditions = conditions,
            time = time,
            history = section.Flag("history") ?? false,
            fields = [.. fields],
            least = Math.Max(
                Math.Max(section.Whole("least", 0, 255) ?? 0, time?.Needs ?? 0),
                Math.Max(fields.Select(f => f.Needs).Max(0), conditions.Select(c => c.Needs).Max(0))
            ),
            items = Items.Read(section),
        };
    }

    public bool FitsPort(int port) => port == UplinkContent.AnyPort || Ports.Length == 0 || Array.IndexOf(Ports, port) >= 0;

    public bool FitsLength(int length) => length >= least && (lengths.Length == 0 || Array.IndexOf(lengths, length) >= 0);

    public bool FitsBytes(ReadOnlySpan<byte> bytes)
    {
        foreach (var condition in conditions)
            if (!condition.Holds(bytes))
                return false;
        return true;
    }

    public Wording? Decode(ReadOnlySpan<byte> bytes, DateTime? arrival, DecodedPayload into)
    {
        var flags = history ? ReadingFlags.History : ReadingFlags.None;
        var at = time?.Of(bytes) ?? arrival;
        var place = new FramePlace();
        foreach (var field in fields)
            field.Take(bytes, at, flags, into, ref place);
        place.Add(at, flags, into);
        return items?.Decode(bytes, at, into);
    }

    private static int[] Whole(YamlSection section, string key)
    {
        var numbers = new List<int>();
        foreach (var text in section.Texts(key))
        {
            if (int.TryParse(text, CultureInfo.InvariantCulture, out var number) && number is >= 0 and <= 255)
                numbers.Add(number);
            else
                section.Refuse(key, text, "is not a whole number from 0 to 255");
        }

        return [.. numbers];
    }
}

/// <summary>Where a frame says when it was measured: seconds since 1970, or since <c>from</c>.</summary>
internal sealed class FrameTime
{
    private FrameValue value;
    private DateTime origin;

    public int Needs => value.Needs;

    public static FrameTime? Read(YamlSection section)
    {
        if (section.Section("time") is not { } line)
            return null;
        var origin = DateTime.UnixEpoch;
        if (
            line.Text("from") is { } text
            && !DateTime.TryParse(
                text,
                CultureInfo.InvariantCulture,
                DateTimeStyles.AdjustToUniversal | DateTimeStyles.AssumeUniversal,
                out origin
            )
        )
            line.Refuse("from", text, "is not a time such as 2013-01-01T00:00:00Z");
        var found = new FrameTime { value = FrameValue.Read(line), origin = origin };
        line.NoOthers();
        return found;
    }

    /// <summary>Null when the device doesn't know the time: 0, or all ones.</summary>
    public DateTime? Of(ReadOnlySpan<byte> frame) =>
        value.Of(frame) is > 0 and < uint.MaxValue and var seconds ? origin.AddSeconds(seconds) : null;
}

/// <summary>
/// Items one behind the other, each a key and a value whose length the key says. A key that isn't known ends the reading: its length isn't
/// known either.
/// </summary>
internal sealed class Items
{
    private readonly Dictionary<int, Item> known = [];
    private int from;
    private int tail;
    private int key = 2;

    public static Items? Read(YamlSection section)
    {
        if (!section.Has("items"))
            return null;
        var items = new Items
        {
            from = section.Whole("from", 0, 255) ?? 0,
            tail = section.Whole("tail", 0, 8) ?? 0,
            key = section.Whole("key", 1, 3) ?? 2,
        };
        foreach (var (names, item) in section.Section("items")?.Children() ?? [])
        {
            var one = Item.Read(item);
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

    private static Wording Unknown(string key) => new Wording($"item {key} is not known", $"没有数据项 {key}");

    public bool TryFind(int key, out Item item) => known.TryGetValue(key, out item!);

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

/// <summary>The value of one key.</summary>
internal sealed class Item
{
    private FrameTime? time;
    private bool history;
    private FrameField[] fields = [];

    public int Length { get; private init; }

    public static Item Read(YamlSection section)
    {
        var fields = FrameField.ReadAll(section);
        var time = FrameTime.Read(section);
        var length = section.Whole("length", 0, 255) ?? Math.Max(time?.Needs ?? 0, fields.Select(f => f.Needs).Max(0));
        if (fields.Any(f => f.Needs > length))
            section.Refuse("length", length.ToString(CultureInfo.InvariantCulture), "is shorter than what is read from it");
        return new Item
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

file static class Largest
{
    public static int Max(this IEnumerable<int> numbers, int least) => numbers.Aggregate(least, Math.Max);
}
