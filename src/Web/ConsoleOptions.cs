using System.ComponentModel.DataAnnotations;
using Microsoft.Extensions.Configuration;
using Vigil.Model;
using Vigil.Settings;

namespace Vigil.Web;

/// <summary>Section <c>Console</c>.</summary>
public sealed class ConsoleOptions
{
    public const string Section = "Console";

    /// <summary>
    /// Address of map tiles with {z}, {x} and {y}, such as https://tiles.example/{z}/{x}/{y}.png; empty: a sketch without tiles, for which
    /// nothing is loaded from outside. Whoever serves the tiles sees the desk's IP address and which parts of the map it asks for; a tile
    /// server of one's own avoids that.
    /// </summary>
    public string MapTiles { get; set; } = "";

    /// <summary>Shown on the map, as the tiles' licence asks.</summary>
    public string MapAttribution { get; set; } = "";

    /// <summary>The tiles' coordinate system: Wgs84 (OpenStreetMap, Tianditu), Gcj02 (Amap, Tencent), Bd09 (Baidu).</summary>
    public Datum MapDatum { get; set; } = Datum.Wgs84;

    /// <summary>Live pages that one person may have open at the same time.</summary>
    [Range(1, 50)]
    public int PagesPerUser { get; set; } = 3;

    /// <summary>
    /// So many seconds without a live page of anybody who may take an alarm raise the alarm <c>service-trouble</c>, which is told by phone
    /// like any other; 0 (the default) for places where people are called and nobody sits at a board. The live pages of this process are
    /// counted, of whatever area: one officer of one county is enough.
    /// </summary>
    [Range(0, 86400)]
    public double UnattendedSeconds { get; set; }

    /// <summary>Where tiles come from, for the page's security policy; null when there are none, or they are the service's own.</summary>
    internal string? TileOrigin =>
        MapTiles.Length > 0 && MapTiles[0] != '/' ? new Uri(Address(MapTiles)).GetLeftPart(UriPartial.Authority) : null;

    /// <summary>Reads the section; what is wrong with it is added to the problems.</summary>
    public static ConsoleOptions Read(IConfiguration configuration, List<Problem> problems)
    {
        var options = SettingsSection.Read<ConsoleOptions>(configuration, Section, problems);
        if (options.MapTiles.Length == 0)
            return options;
        var own = options.MapTiles[0] == '/' && !options.MapTiles.StartsWith("//", StringComparison.Ordinal);
        if (
            !Placeholders.All(p => options.MapTiles.Contains(p, StringComparison.Ordinal))
            || (!own && !(Uri.TryCreate(Address(options.MapTiles), UriKind.Absolute, out var at) && at.Scheme is "https" or "http"))
        )
            problems.Add(
                new Problem(
                    "Console:MapTiles",
                    0,
                    "",
                    options.MapTiles,
                    "is not an address with {z}, {x} and {y}, such as https://tiles.example/{z}/{x}/{y}.png"
                )
            );
        return options;
    }

    private static readonly string[] Placeholders = ["{z}", "{x}", "{y}"];

    internal string Tile(int zoom, int x, int y) =>
        MapTiles
            .Replace("{z}", N(zoom), StringComparison.Ordinal)
            .Replace("{x}", N(x), StringComparison.Ordinal)
            .Replace("{y}", N(y), StringComparison.Ordinal);

    private static string Address(string template) =>
        template
            .Replace("{z}", "0", StringComparison.Ordinal)
            .Replace("{x}", "0", StringComparison.Ordinal)
            .Replace("{y}", "0", StringComparison.Ordinal);

    private static string N(int number) => number.ToString(System.Globalization.CultureInfo.InvariantCulture);
}
