using System.Globalization;
using Vigil.Model;
using Vigil.Settings;

namespace Vigil.Rules;

/// <summary>Reads a safe zone of the rule <c>wandering</c> from <c>rules.yaml</c>.</summary>
internal static class ZoneSection
{
    public static Zone? Read(YamlSection section)
    {
        var points = new List<(double, double)>();
        foreach (var text in section.Texts("points"))
        {
            var parts = text.Split(',');
            if (
                parts.Length == 2
                && double.TryParse(parts[0], NumberStyles.Float, CultureInfo.InvariantCulture, out var latitude)
                && Math.Abs(latitude) <= 90
                && double.TryParse(parts[1], NumberStyles.Float, CultureInfo.InvariantCulture, out var longitude)
                && Math.Abs(longitude) <= 180
            )
                points.Add((latitude, longitude));
            else
                section.Refuse(
                    "points",
                    text,
                    new Wording("is not 'latitude, longitude' in WGS-84 degrees", "不是“纬度, 经度”（WGS-84，度）")
                );
        }

        var radius = section.Number("radius", 1, 1e6) ?? 0;
        var name = section.Text("name") ?? "zone";
        section.NoOthers();
        if (points.Count >= 3 || (points.Count == 1 && radius > 0))
            return new Zone(name, [.. points], radius);
        section.Refuse(
            "points",
            points.Count.ToString(CultureInfo.InvariantCulture),
            new Wording(
                "a zone is one point with a radius in metres, or a polygon of at least three points",
                "区域应为一个点加半径（米），或至少三个点围成的多边形"
            )
        );
        return null;
    }
}
