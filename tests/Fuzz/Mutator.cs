using System.Buffers.Text;
using System.Globalization;
using System.Text;
using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Json.Nodes;

namespace Vigil.Tests.Fuzz;

/// <summary>
/// Makes hostile inputs out of real ones. It knows bytes, text, JSON, numbers, and hexadecimal or base64 inside text. All randomness comes
/// from the <see cref="Random"/> it is given, so that seed and number give the same input again.
/// </summary>
internal static class Mutator
{
    /// <summary>Marks the place in a JSON text at which something is put that no JSON writer would write.</summary>
    private const string Place = "\u25A2";

    private static readonly JsonSerializerOptions Plain = new() { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping };

    /// <summary>Values to put into JSON; some are not valid JSON.</summary>
    private static readonly string[] Literals =
    [
        "1e309",
        "-1e309",
        "1e-400",
        "-0",
        "NaN",
        "Infinity",
        "99999999999999999999",
        "-9223372036854775809",
        "4294967296",
        "2147483648",
        "1e18",
        "253402300800",
        "-62135596801",
        "253402300799999",
        "1767225600000",
        "1767225600",
        "0.1e",
        "0x1F",
        "01",
        "null",
        "true",
        "[]",
        "{}",
        "[[[[[[[[[[[[1]]]]]]]]]]]]",
        "{\"a\":{\"a\":{\"a\":{\"a\":{\"a\":{\"a\":{\"a\":{\"a\":1}}}}}}}}",
        "\"\"",
        "\"\\u0000\"",
        "\"so\\u0000s\"",
        "\"\\ud800\"",
        "\"\\udc00x\"",
        "\"\\u202e\"",
        "\"\\uFEFF\"",
        "\"NaN\"",
        "\"-Infinity\"",
        "\"1e309\"",
        "\"=1+1\"",
        "\"<b>\"",
        "\"'\"",
        "\"\\\\\"",
        "\"0001-01-01T00:00:00Z\"",
        "\"9999-12-31T23:59:59.9999999Z\"",
        "\"2026-02-30T25:61:61Z\"",
        "\"2026-01-01T00:00:00+99:99\"",
        "\"1970-01-01T00:00:00Z\"",
        "\"sos\"",
        "\"on\"",
        "\"１２\"",
    ];

    private static readonly string[] Numbers =
    [
        "0",
        "-1",
        "1e309",
        "-1e309",
        "1E-400",
        "NaN",
        "∞",
        "99999999999999999999",
        "-99999999999999999999",
        "2147483647",
        "2147483648",
        "-2147483649",
        "65536",
        "255",
        "256",
        "1.7976931348623157e308",
        "0.0000000000000001",
        "9223372036854775807",
        "253402300800",
        "19700101000000",
        "99999999",
        "000000",
        "1,5",
        "1.5.5",
        "+5",
        "--5",
        "٣",
    ];

    private static readonly string[] Texts =
    [
        "",
        "\0",
        "so\0s",
        "\uFEFF",
        "\u202E",
        "\r\n",
        "\t",
        "'",
        "\"",
        "\\",
        "%s%n",
        "=1+1",
        "<script>",
        "../../x",
        "🧓",
        "é\u0301",
        "１２３",
        "null",
        "true",
        "+",
        "#",
        "/",
        "$SYS",
        "{",
        "}",
        "[",
        "]",
        ",",
        ";",
        ":",
        "*",
        "~",
        "\x7f",
        "\u0085",
        "\u2028",
    ];

    private static readonly byte[] Interesting =
    [
        0,
        1,
        0x7F,
        0x80,
        0xFF,
        0x10,
        0x16,
        0x20,
        0x30,
        0x33,
        0x68,
        0x7D,
        0x7E,
        (byte)'"',
        (byte)',',
        (byte)'{',
        (byte)'[',
        (byte)'\n',
        (byte)'*',
        (byte)'$',
    ];

    /// <summary>One changed input, made of one real input or of two.</summary>
    public static byte[] Next(Random random, IReadOnlyList<byte[]> corpus)
    {
        var real = corpus[random.Next(corpus.Count)];
        if (random.Next(50) == 0)
            return Noise(random);
        if (random.Next(3) > 0 && Json(random, real) is { } json)
            return random.Next(6) == 0 ? Bytes(random, json, corpus) : json;
        return random.Next(2) == 0 && IsText(real) ? Text(random, real, corpus) : Bytes(random, real, corpus);
    }

    /// <summary>Changes bytes whatever they mean.</summary>
    public static byte[] Bytes(Random random, byte[] real, IReadOnlyList<byte[]> corpus)
    {
        var bytes = new List<byte>(real);
        for (var changes = 1 << random.Next(4); changes > 0; changes--)
        {
            var at = random.Next(bytes.Count + 1);
            var some = Math.Min(1 << random.Next(6), bytes.Count - at);
            switch (random.Next(9))
            {
                case 0 when at < bytes.Count:
                    bytes[at] ^= (byte)(1 << random.Next(8));
                    break;
                case 1 when at < bytes.Count:
                    bytes[at] = (byte)random.Next(256);
                    break;
                case 2 when at < bytes.Count:
                    bytes[at] = Interesting[random.Next(Interesting.Length)];
                    break;
                case 3 when at < bytes.Count:
                    bytes[at] += (byte)random.Next(-16, 17);
                    break;
                case 4:
                    bytes.RemoveRange(at, some);
                    break;
                case 5:
                    bytes.InsertRange(at, bytes.GetRange(at, some));
                    break;
                case 6:
                    bytes.InsertRange(at, Enumerable.Repeat(Interesting[random.Next(Interesting.Length)], random.Next(1, 9)));
                    break;
                case 7 when random.Next(3) == 0:
                    bytes.RemoveRange(at, bytes.Count - at);
                    break;
                case 8:
                    var other = corpus[random.Next(corpus.Count)];
                    var from = random.Next(other.Length + 1);
                    bytes.InsertRange(at, other.AsSpan(from, Math.Min(other.Length - from, 1 << random.Next(8))));
                    break;
            }
        }

        return [.. bytes];
    }

    private static byte[] Noise(Random random)
    {
        var bytes = new byte[random.Next(1 << random.Next(1, 11))];
        random.NextBytes(bytes);
        return bytes;
    }

    /// <summary>Changes a number, a word or a separator of a text.</summary>
    private static byte[] Text(Random random, byte[] real, IReadOnlyList<byte[]> corpus)
    {
        var text = Encoding.UTF8.GetString(real);
        for (var changes = 1 << random.Next(3); changes > 0; changes--)
        {
            var at = random.Next(text.Length + 1);
            switch (random.Next(5))
            {
                case 0:
                    while (at < text.Length && !char.IsAsciiDigit(text[at]))
                        at++;
                    var end = at;
                    while (end < text.Length && (char.IsAsciiDigit(text[end]) || text[end] == '.'))
                        end++;
                    text = text[..at] + Numbers[random.Next(Numbers.Length)] + text[end..];
                    break;
                case 1:
                    text = text.Insert(at, Texts[random.Next(Texts.Length)]);
                    break;
                case 2 when text.Length > 0:
                    // Removes or doubles what stands between two separators.
                    var from = text.LastIndexOfAny([',', ';', '\n', ':', ' ', '|'], Math.Max(0, at - 1));
                    var to = text.IndexOfAny([',', ';', '\n', ':', ' ', '|'], Math.Min(at, text.Length - 1));
                    if (from < 0 || to <= from)
                        break;
                    text = random.Next(2) == 0 ? text.Remove(from, to - from) : text.Insert(from, text[from..to]);
                    break;
                case 3 when random.Next(4) == 0:
                    text = text.Insert(at, new string(Texts[random.Next(Texts.Length)] is [var c, ..] ? c : 'x', 1 << random.Next(4, 13)));
                    break;
                case 4 when random.Next(4) == 0:
                    return Bytes(random, Encoding.UTF8.GetBytes(text), corpus);
            }
        }

        return Encoding.UTF8.GetBytes(text);
    }

    /// <summary>Changes a value, a name or a part of a JSON text; null when the text is no JSON.</summary>
    private static byte[]? Json(Random random, byte[] real)
    {
        if (real.Length == 0 || real[0] is not ((byte)'{' or (byte)'['))
            return null;
        JsonNode? root;
        try
        {
            root = JsonNode.Parse(real);
        }
        catch (Exception e) when (e is JsonException or ArgumentException)
        {
            return null;
        }

        var nodes = new List<JsonNode>();
        Collect(root, nodes);
        if (nodes.Count == 0)
            return null;
        for (var changes = 1 + random.Next(3); changes > 0; changes--)
            Change(random, nodes[random.Next(nodes.Count)]);
        string text;
        try
        {
            text = root!.ToJsonString(Plain);
        }
        catch (Exception e) when (e is JsonException or InvalidOperationException or ArgumentException)
        {
            return null;
        }

        for (
            var at = text.IndexOf($"\"{Place}\"", StringComparison.Ordinal);
            at >= 0;
            at = text.IndexOf($"\"{Place}\"", StringComparison.Ordinal)
        )
            text = text[..at] + Literals[random.Next(Literals.Length)] + text[(at + 3)..];
        // Repeats the first name, with another value, in front.
        if (
            random.Next(8) == 0
            && text.IndexOf("{\"", StringComparison.Ordinal) is >= 0 and var open
            && text.IndexOf(':', open) is > 0 and var colon
        )
            text = text.Insert(open + 1, $"{text[(open + 1)..colon]}:{Literals[random.Next(Literals.Length)]},");
        if (random.Next(20) == 0)
            text = "\uFEFF" + text;
        return Encoding.UTF8.GetBytes(text);
    }

    private static void Collect(JsonNode? node, List<JsonNode> into)
    {
        if (node is null)
            return;
        into.Add(node);
        if (node is JsonObject o)
            foreach (var (_, value) in o)
                Collect(value, into);
        if (node is JsonArray a)
            foreach (var value in a)
                Collect(value, into);
    }

    private static void Change(Random random, JsonNode node)
    {
        switch (node)
        {
            case JsonObject o when o.Count > 0:
                var (name, value) = o.ElementAt(random.Next(o.Count));
                switch (random.Next(4))
                {
                    case 0:
                        o.Remove(name);
                        break;
                    case 1:
                        o.Remove(name);
                        o[Texts[random.Next(Texts.Length)] + name] = value;
                        break;
                    case 2:
                        o[name] = Place;
                        break;
                    case 3:
                        o[Numbers[random.Next(Numbers.Length)]] = value?.DeepClone();
                        break;
                }

                break;
            case JsonArray a when a.Count > 0:
                var index = random.Next(a.Count);
                switch (random.Next(4))
                {
                    case 0:
                        a.RemoveAt(index);
                        break;
                    case 1:
                        a.Insert(index, a[index]?.DeepClone());
                        break;
                    case 2:
                        a[index] = Place;
                        break;
                    case 3:
                        for (var times = 1 << random.Next(9); times > 0; times--)
                            a.Add(a[index]?.DeepClone());
                        break;
                }

                break;
            case JsonValue v when v.Parent is not null:
                if (v.TryGetValue<string>(out var text) && Packed(random, text) is { } packed)
                    Replace(v, packed);
                else
                    Replace(v, Place);
                break;
        }
    }

    private static void Replace(JsonNode old, JsonNode by)
    {
        if (old.Parent is JsonObject o)
            o[old.GetPropertyName()] = by;
        else if (old.Parent is JsonArray a)
            a[old.GetElementIndex()] = by;
    }

    /// <summary>Changes what hexadecimal or base64 contains, or the text itself; null asks for another value in its place.</summary>
    private static string? Packed(Random random, string text)
    {
        if (random.Next(3) == 0)
            return null;
        if (text.Length >= 4 && text.Length % 2 == 0 && text.All(char.IsAsciiHexDigit))
            return Convert.ToHexString(Bytes(random, Convert.FromHexString(text), [Convert.FromHexString(text)]));
        if (text.Length >= 4 && Base64.IsValid(text))
            return Convert.ToBase64String(Bytes(random, Convert.FromBase64String(text), [Convert.FromBase64String(text)]));
        if (double.TryParse(text, NumberStyles.Float, CultureInfo.InvariantCulture, out _))
            return Numbers[random.Next(Numbers.Length)];
        var at = random.Next(text.Length + 1);
        return random.Next(2) == 0 ? text.Insert(at, Texts[random.Next(Texts.Length)]) : text[..at];
    }

    private static bool IsText(byte[] bytes) => bytes.Length > 0 && bytes.AsSpan().IndexOfAnyInRange((byte)0, (byte)8) < 0;
}
