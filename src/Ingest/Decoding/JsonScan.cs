using System.Buffers;
using System.Globalization;
using System.Text;
using System.Text.Json;

namespace Vigil.Ingest.Decoding;

/// <summary>One pass over the bytes of a payload: collects what the profile's paths name, and skips everything else.</summary>
internal sealed class JsonScan
{
    /// <summary>Up to so many fields a list is searched faster than a set.</summary>
    private const int Few = 48;

    [ThreadStatic]
    private static JsonScan? one;

    [ThreadStatic]
    private static string?[]? recentTexts;

    /// <summary>Fields read so far, to find duplicates.</summary>
    private readonly List<(int Object, JsonPathNode Field, string? Caught)> met = [];

    /// <summary>The same once there are more than <see cref="Few"/>.</summary>
    private readonly HashSet<(int Object, JsonPathNode Field, string? Caught)> many = [];

    /// <summary>Objects begun so far: an object's number tells its fields from those of other objects.</summary>
    private int objects;

    /// <summary>List items begun so far, and the one being read; 0 outside of lists.</summary>
    private int items,
        item;

    public List<(int Entry, string? Text, double Number, string Capture, int Item)> Found { get; } = [];
    public List<(int Field, string Text, int Item)> Times { get; } = [];
    public string?[] Conditions { get; private set; } = [];
    public string? Device { get; private set; }

    /// <summary>A field that is twice in one object; null when there is none.</summary>
    public string? Duplicate { get; private set; }

    /// <summary>A number too large for a double, such as 1e309; null when there is none.</summary>
    public string? Infinite { get; private set; }

    /// <summary>
    /// The thread's own scan, emptied. A payload is decoded from beginning to end on one thread, so nothing is allocated.
    /// </summary>
    public static JsonScan Begin(int conditions)
    {
        var scan = one ??= new JsonScan();
        scan.Found.Clear();
        scan.Times.Clear();
        scan.met.Clear();
        scan.many.Clear();
        if (scan.Conditions.Length < conditions)
            scan.Conditions = new string?[conditions];
        else
            Array.Clear(scan.Conditions);
        (scan.item, scan.items, scan.objects, scan.Device, scan.Duplicate, scan.Infinite) = (0, 0, 0, null, null, null);
        return scan;
    }

    /// <summary>Reads one JSON value along the tree of paths.</summary>
    /// <param name="reader">At the value's first token.</param>
    /// <param name="node">What the profile asks for here and below.</param>
    /// <param name="capture">What the last <c>*</c> of the path stood for.</param>
    public void Read(ref Utf8JsonReader reader, JsonPathNode node, string capture = "")
    {
        switch (reader.TokenType)
        {
            case JsonTokenType.StartObject:
                var here = ++objects;
                while (reader.Read() && reader.TokenType != JsonTokenType.EndObject)
                {
                    var child = node.Find(ref reader, out var caught);
                    if (child is not null && !IsFirst(here, child, caught))
                        Duplicate ??= reader.GetString();
                    reader.Read();
                    if (child is null)
                        reader.Skip();
                    else
                        Read(ref reader, child, caught ?? capture);
                }

                break;
            case JsonTokenType.StartArray:
                for (var i = 0; reader.Read() && reader.TokenType != JsonTokenType.EndArray; i++)
                {
                    if (node.Item(i) is not { } child)
                    {
                        reader.Skip();
                        continue;
                    }

                    var around = item;
                    if (!node.ItemsAreNamed)
                        item = ++items;
                    Read(ref reader, child, node.ItemsAreNamed ? capture : (i + 1).ToString(CultureInfo.InvariantCulture));
                    item = around;
                }

                break;
            case JsonTokenType.Null:
                break;
            default:
                if (node.Targets.Length > 0)
                    Take(ref reader, node, capture);
                break;
        }
    }

    private void Take(ref Utf8JsonReader reader, JsonPathNode node, string capture)
    {
        string? text = reader.TokenType switch
        {
            JsonTokenType.String => Text(ref reader),
            JsonTokenType.True => "true",
            JsonTokenType.False => "false",
            _ => null,
        };
        var number = double.NaN;
        if (text is null && !reader.TryGetDouble(out number))
            return;
        if (text is null && !double.IsFinite(number))
            Infinite ??= Encoding.UTF8.GetString(reader.HasValueSequence ? reader.ValueSequence.ToArray() : reader.ValueSpan);
        foreach (var target in node.Targets)
        {
            switch (target.Kind)
            {
                case JsonTargetKind.Value:
                    Found.Add((target.Index, text, number, capture, item));
                    break;
                case JsonTargetKind.Time:
                    Times.Add((target.Index, text ?? number.ToString("R", CultureInfo.InvariantCulture), item));
                    break;
                case JsonTargetKind.Device:
                    Device = text ?? number.ToString("R", CultureInfo.InvariantCulture);
                    break;
                default:
                    Conditions[target.Index] = text ?? number.ToString("R", CultureInfo.InvariantCulture);
                    break;
            }
        }
    }

    /// <summary>Most texts repeat (ids, states): the last string made of the same bytes is reused instead of a new one.</summary>
    private static string Text(ref Utf8JsonReader reader)
    {
        if (reader.HasValueSequence || reader.ValueIsEscaped || reader.ValueSpan.Length is 0 or > 40)
            return reader.GetString()!;
        var bytes = reader.ValueSpan;
        var texts = recentTexts ??= new string?[1024];
        ref var slot = ref texts[(bytes.Length * 31 + bytes[0] * 7 + bytes[^1] * 131 + bytes[bytes.Length / 2] * 17) & 1023];
        if (slot is { } text && text.Length == bytes.Length && Ascii.Equals(bytes, text))
            return text;
        return slot = reader.GetString()!;
    }

    private bool IsFirst(int number, JsonPathNode field, string? caught)
    {
        if (met.Count == Few)
        {
            if (many.Count == 0)
                many.UnionWith(met);
            return many.Add((number, field, caught));
        }

        for (var i = met.Count - 1; i >= 0; i--)
            if (met[i].Object == number && ReferenceEquals(met[i].Field, field) && met[i].Caught == caught)
                return false;
        met.Add((number, field, caught));
        return true;
    }
}
