using System.Globalization;
using Vigil.Model;

namespace Vigil.Ingest.Decoding;

/// <summary>One line of a profile's <c>time:</c>: how a text becomes a moment, and which values it dates.</summary>
/// <param name="Format"><c>iso</c>, <c>auto</c>, <c>s</c>, <c>ms</c>, <c>us</c> or a .NET format string.</param>
/// <param name="Zone">Of a text without an offset.</param>
/// <param name="Only">The metrics that it dates; empty: all.</param>
/// <param name="History">The values that it dates are back-fill.</param>
internal sealed record JsonTimeField(string Format, TimeZoneInfo Zone, Metric?[] Only, bool History)
{
    /// <summary>A .NET format string: a date and a time in two fields can be joined and read with it.</summary>
    public bool IsExact => Format is not ("iso" or "auto" or "s" or "ms" or "us");

    public bool TryRead(string text, out DateTime? time)
    {
        time = null;
        if (text.Length == 0)
            return true;
        var counted = Format == "auto" && double.TryParse(text, NumberStyles.Float, CultureInfo.InvariantCulture, out _);
        if (Format is "s" or "ms" or "us" || counted)
        {
            if (!double.TryParse(text, NumberStyles.Float, CultureInfo.InvariantCulture, out var number))
                return false;
            // Seconds since 1970 have ten digits until 2286, milliseconds thirteen.
            var seconds = Format switch
            {
                "ms" => number / 1e3,
                "us" => number / 1e6,
                "auto" when number > 1e11 => number / 1e3,
                _ => number,
            };
            time = seconds is > -6e10 and < 1e11 ? DateTime.UnixEpoch.AddSeconds(seconds) : DateTime.MaxValue;
            return true;
        }

        if (Format is not ("iso" or "auto"))
        {
            if (!DateTime.TryParseExact(text, Format, CultureInfo.InvariantCulture, DateTimeStyles.None, out var exact))
                return false;
            time = TimeZoneInfo.ConvertTimeToUtc(DateTime.SpecifyKind(exact, DateTimeKind.Unspecified), Zone);
            return true;
        }

        if (
            !DateTime.TryParse(
                text,
                CultureInfo.InvariantCulture,
                DateTimeStyles.AdjustToUniversal | DateTimeStyles.AllowWhiteSpaces,
                out var at
            )
        )
            return false;
        time = at.Kind == DateTimeKind.Utc ? at : TimeZoneInfo.ConvertTimeToUtc(DateTime.SpecifyKind(at, DateTimeKind.Unspecified), Zone);
        return true;
    }
}

/// <summary>The moments found in one payload, and which of them dates a value.</summary>
internal struct JsonTimes
{
    /// <summary>Most payloads have one time: then nothing is allocated for it.</summary>
    private (int Item, JsonTimeField Field, DateTime? Time) first;
    private List<(int Item, JsonTimeField Field, DateTime? Time)>? more;

    /// <param name="item">The list item it was found in; 0 outside of lists.</param>
    /// <param name="field">The profile's line that it was read by.</param>
    /// <param name="time">The moment; null where the field was empty.</param>
    public void Add(int item, JsonTimeField field, DateTime? time)
    {
        if (first.Field is null)
            first = (item, field, time);
        else
            (more ??= []).Add((item, field, time));
    }

    /// <summary>
    /// The time of a value: one found in the value's own list item before one of the whole payload, one that names the metric before one
    /// for all.
    /// </summary>
    public readonly (DateTime?, ReadingFlags) Of(int item, Metric metric)
    {
        if (first.Field is null)
            return (null, ReadingFlags.None);
        var best = (Rank: Rank(first.Item, first.Field, item, metric), first.Field, first.Time);
        for (var i = 0; i < (more?.Count ?? 0); i++)
        {
            var (of, field, time) = more![i];
            if (Rank(of, field, item, metric) is var rank && rank > best.Rank)
                best = (rank, field, time);
        }

        if (best.Rank > 0)
            return (best.Time, best.Field.History ? ReadingFlags.History : ReadingFlags.None);
        // A value outside of the list is as old as the list's first item.
        return (item == 0 && first.Field.Only.Length == 0 ? first.Time : null, ReadingFlags.None);
    }

    private static int Rank(int of, JsonTimeField field, int item, Metric metric) =>
        (of != 0 && of != item) || (field.Only.Length > 0 && !field.Only.Contains(metric))
            ? 0
            : 1 + (of != 0 ? 2 : 0) + (field.Only.Length > 0 ? 1 : 0);
}
