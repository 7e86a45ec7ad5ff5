using System.Globalization;
using Vigil.Model;
using Vigil.Settings;

namespace Vigil.Ingest.Decoding.LoRaWan;

/// <summary>One kind of frame: when it applies, and what is read from it.</summary>
internal sealed class Frame
{
    private int[] lengths = [];
    private int least;
    private FrameCondition[] conditions = [];
    private FrameTime? time;
    private bool history;
    private FrameField[] fields = [];
    private FrameItems? items;

    public int[] Ports { get; private init; } = [];

    public static Frame Read(YamlSection section)
    {
        var fields = FrameField.ReadAll(section);
        var time = FrameTime.Read(section);
        var conditions = FrameCondition.Read(section, "is");
        return new Frame
        {
            Ports = Bytes(section, "port"),
            lengths = Bytes(section, "length"),
            conditions = conditions,
            time = time,
            history = section.Flag("history") ?? false,
            fields = [.. fields],
            least = Math.Max(
                Math.Max(section.Whole("least", 0, 255) ?? 0, time?.Needs ?? 0),
                Math.Max(fields.Select(f => f.Needs).DefaultIfEmpty().Max(), conditions.Select(c => c.Needs).DefaultIfEmpty().Max())
            ),
            items = FrameItems.Read(section),
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

    private static int[] Bytes(YamlSection section, string key)
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
