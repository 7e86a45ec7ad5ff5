using System.Globalization;

namespace Vigil.Web.LifeLines;

/// <summary>How much time the line of life shows at once.</summary>
/// <param name="Name">As it stands in an address.</param>
/// <param name="Slot">What one mark is wide; signs within it are one mark.</param>
/// <param name="Bar">The width of a bar of use.</param>
/// <param name="Tick">From one label of the axis to the next.</param>
/// <param name="LeastSilence">A shorter pause is nothing unusual at this scale.</param>
public sealed record Zoom(string Name, TimeSpan Span, TimeSpan Slot, TimeSpan Bar, TimeSpan Tick, TimeSpan LeastSilence)
{
    public static readonly IReadOnlyList<Zoom> All =
    [
        new("6h", Hours(6), Minutes(1), Minutes(5), Hours(1), Hours(1)),
        new("24h", Hours(24), Minutes(4), Minutes(15), Hours(4), Hours(2)),
        new("3d", Hours(72), Minutes(12), Minutes(30), Hours(12), Hours(4)),
        new("7d", Hours(168), Minutes(30), Hours(1), Hours(24), Hours(6)),
        new("28d", Hours(672), Hours(2), Hours(4), Hours(96), Hours(12)),
    ];

    private static readonly Zoom Day = All[1];

    /// <summary>
    /// What readings are thinned to. Every interval with signs keeps its first and its last; as long as it isn't longer than the shortest
    /// outing, thinning neither invents nor hides one.
    /// </summary>
    public TimeSpan Thinned => Slot < Outing.Least ? Slot : Outing.Least;

    public int Slots => (int)(Span / Slot);

    /// <summary>Of an address; a day where it names none.</summary>
    public static Zoom Named(string? name) => All.FirstOrDefault(z => z.Name == name) ?? Day;

    /// <summary>The end that an address names, as UTC; null (now) where it names none, or one that has not come yet.</summary>
    public static DateTime? Until(string? text, DateTime now) =>
        DateTime.TryParse(
            text,
            CultureInfo.InvariantCulture,
            DateTimeStyles.AssumeUniversal | DateTimeStyles.AdjustToUniversal,
            out var until
        )
        && until < now
        && until > DateTime.UnixEpoch.AddYears(1)
            ? until
            : null;

    private static TimeSpan Hours(int hours) => TimeSpan.FromHours(hours);

    private static TimeSpan Minutes(int minutes) => TimeSpan.FromMinutes(minutes);
}
