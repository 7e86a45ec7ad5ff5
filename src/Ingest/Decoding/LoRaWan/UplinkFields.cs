using System.Globalization;
using System.Text.Json;

namespace Vigil.Ingest.Decoding.LoRaWan;

/// <summary>
/// Fields of a network server's JSON (Protobuf leaves out fields that are zero) and of decoders' objects (numbers may be text).
/// </summary>
internal static class UplinkFields
{
    public static JsonElement? Field(this JsonElement element, string name) =>
        element.ValueKind == JsonValueKind.Object && element.TryGetProperty(name, out var found) && found.ValueKind != JsonValueKind.Null
            ? found
            : null;

    public static string? Text(this JsonElement element, string name) =>
        element.Field(name) is { ValueKind: JsonValueKind.String } text ? text.GetString() : null;

    /// <summary>A number, also as the text "22.7" or followed by a remark: "2.3(low battery)", "30°C".</summary>
    public static double? Number(JsonElement element)
    {
        if (element.ValueKind == JsonValueKind.Number)
            return element.GetDouble();
        if (element.ValueKind != JsonValueKind.String)
            return null;
        var text = element.GetString().AsSpan().Trim();
        var length = 0;
        while (
            length < text.Length && (char.IsAsciiDigit(text[length]) || text[length] == '.' || (length == 0 && text[length] is '-' or '+'))
        )
            length++;
        return length > 0 && double.TryParse(text[..length], NumberStyles.Float, CultureInfo.InvariantCulture, out var value)
            ? value
            : null;
    }

    /// <summary>RFC 3339 with up to nine decimals, a UNIX time in s or ms, or its parts. .NET keeps seven decimals.</summary>
    public static DateTime? Time(JsonElement element)
    {
        if (element.ValueKind == JsonValueKind.Number && element.TryGetDouble(out var unix))
            return unix is > 0 and < 1e13 ? DateTime.UnixEpoch.AddSeconds(unix > 1e11 ? unix / 1000 : unix) : null;
        if (element.ValueKind == JsonValueKind.Object)
            return Calendar(element);
        if (element.ValueKind != JsonValueKind.String)
            return null;
        var text = element.GetString()!;
        var dot = text.IndexOf('.', StringComparison.Ordinal);
        if (dot > 0)
        {
            var end = dot + 1;
            while (end < text.Length && char.IsAsciiDigit(text[end]))
                end++;
            if (end - dot > 8)
                text = text[..(dot + 8)] + text[end..];
        }

        return DateTimeOffset.TryParse(text, CultureInfo.InvariantCulture, DateTimeStyles.AssumeUniversal, out var time)
            ? time.UtcDateTime
            : null;
    }

    /// <summary>Laird: { "year": 2015, "month": "January", "day": 1, "hours": 0, "minutes": 0, "seconds": 2 }, in UTC.</summary>
    private static DateTime? Calendar(JsonElement element)
    {
        int Part(string name) => element.Field(name) is { } part && Number(part) is >= 0 and < 10_000 and var number ? (int)number : -1;
        var month = Part("month");
        if (element.Text("month") is { } name && DateTime.TryParseExact(name, "MMMM", CultureInfo.InvariantCulture, default, out var named))
            month = named.Month;
        int year = Part("year"),
            day = Part("day");
        TimeSpan clock = new(Math.Max(0, Part("hours")), Math.Max(0, Part("minutes")), Math.Max(0, Part("seconds")));
        return year is >= 1 and <= 9998 && month is >= 1 and <= 12 && day >= 1 && day <= DateTime.DaysInMonth(year, month)
            ? new DateTime(year, month, day, 0, 0, 0, DateTimeKind.Utc) + clock
            : null;
    }

    public static DateTime? TimeOf(this JsonElement element, string name) => element.Field(name) is { } field ? Time(field) : null;
}
