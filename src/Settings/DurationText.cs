using System.Globalization;

namespace Vigil.Settings;

/// <summary>A time span as people write it: a number and s, m, h or d, such as <c>90s</c>, <c>24h</c>.</summary>
public static class DurationText
{
    public static bool TryParse(string text, out TimeSpan value)
    {
        value = default;
        if (
            text.Length < 2
            || !double.TryParse(text[..^1], NumberStyles.Float, CultureInfo.InvariantCulture, out var number)
            || number is not (>= 0 and <= 36500)
        )
            return false; // NaN too
        var unit = text[^1] switch
        {
            's' => TimeSpan.FromSeconds(1),
            'm' => TimeSpan.FromMinutes(1),
            'h' => TimeSpan.FromHours(1),
            'd' => TimeSpan.FromDays(1),
            _ => TimeSpan.Zero,
        };
        value = unit * number;
        return unit > TimeSpan.Zero;
    }
}
