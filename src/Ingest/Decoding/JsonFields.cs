using System.Globalization;
using System.Text.Json;
using Vigil.Model;

namespace Vigil.Ingest.Decoding;

/// <summary>Lenient access to the fields of a JSON object: numbers may be text, null counts as missing.</summary>
internal static class JsonFields
{
    private static readonly JsonDocumentOptions Options = new() { MaxDepth = 16, AllowDuplicateProperties = false };

    /// <summary>Parses JSON of at most 16 levels without duplicate names; returns why not, null on success.</summary>
    public static Wording? TryParse(ReadOnlySpan<byte> payload, out JsonDocument document)
    {
        document = null!;
        if (payload.StartsWith("\uFEFF"u8))
            payload = payload[3..];
        try
        {
            document = JsonDocument.Parse(payload.ToArray(), Options);
            return null;
        }
        catch (JsonException e)
        {
            return NotJson(e);
        }
    }

    public static Wording NotJson(JsonException e) =>
        new Wording($"is not JSON: {e.Message}", $"不是有效的 JSON（第 {e.LineNumber + 1} 行第 {e.BytePositionInLine + 1} 字节）");

    public static Wording BadText(InvalidOperationException e) =>
        new Wording($"holds a text that can't be read: {e.Message}", "其中有无法读取的文字（编码错误）");

    /// <summary>
    /// Whether an exception means that a JSON string is invalid text: not UTF-8, or half of a surrogate pair. It is thrown only when that
    /// string is read, so that a press isn't lost because of another field of its payload.
    /// </summary>
    public static bool IsBadText(Exception e) =>
        e is InvalidOperationException
        && (e.InnerException is System.Text.DecoderFallbackException || e.Message.Contains("UTF-16", StringComparison.Ordinal));

    /// <summary>The field of an object; false where it is missing, null, or there is no object.</summary>
    public static bool TryField(this JsonElement element, string name, out JsonElement field)
    {
        field = default;
        return element.ValueKind == JsonValueKind.Object
            && element.TryGetProperty(name, out field)
            && field.ValueKind != JsonValueKind.Null;
    }

    /// <summary>A number, also one written as text; null where it is neither.</summary>
    public static double? Number(this JsonElement element) =>
        element.ValueKind switch
        {
            JsonValueKind.Number when element.TryGetDouble(out var number) && double.IsFinite(number) => number,
            JsonValueKind.String
                when double.TryParse(element.GetString(), NumberStyles.Float, CultureInfo.InvariantCulture, out var number)
                    && double.IsFinite(number) => number,
            _ => null,
        };

    public static double? Number(this JsonElement element, string name) => element.TryField(name, out var field) ? field.Number() : null;

    public static string? Text(this JsonElement element, string name) =>
        element.TryField(name, out var field)
            ? field.ValueKind switch
            {
                JsonValueKind.String => field.GetString(),
                JsonValueKind.Number => field.GetRawText(),
                _ => null,
            }
            : null;

    /// <summary>True or false, in any of the words that devices use; null where it is neither.</summary>
    public static bool? Flag(this JsonElement element) =>
        element.ValueKind switch
        {
            JsonValueKind.True => true,
            JsonValueKind.False => false,
            JsonValueKind.Number => element.Number() is { } number ? number != 0 : null,
            JsonValueKind.String => Flag(element.GetString()!),
            _ => null,
        };

    public static bool? Flag(this JsonElement element, string name) => element.TryField(name, out var field) ? field.Flag() : null;

    public static bool? Flag(string text) =>
        text.Trim().ToUpperInvariant() switch
        {
            "TRUE" or "ON" or "1" or "YES" or "OPEN" or "ONLINE" => true,
            "FALSE" or "OFF" or "0" or "NO" or "CLOSE" or "CLOSED" or "OFFLINE" => false,
            _ => null,
        };

    public static void Say(
        this DecodedPayload into,
        Metric metric,
        double? value,
        DateTime? time = null,
        string channel = "",
        ReadingFlags flags = ReadingFlags.None
    )
    {
        if (value is { } v)
            into.Add(metric, v, time, channel, flags);
    }

    public static void Say(this DecodedPayload into, Metric metric, bool? value, DateTime? time = null, string channel = "")
    {
        if (value is { } v)
            into.Add(metric, v ? 1 : 0, time, channel);
    }
}
