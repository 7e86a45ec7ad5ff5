using Vigil.Model;

namespace Vigil.Rules;

/// <summary>What the registry knows of a resident and the rules need. Immutable; a change in the registry replaces it.</summary>
public sealed record ResidentFacts
{
    public required ResidentId Id { get; init; }
    public required AreaCode Area { get; init; }

    /// <summary>Key class (重点).</summary>
    public bool KeyClass { get; init; }

    /// <summary>Home, WGS-84 degrees.</summary>
    public (double Latitude, double Longitude)? Home { get; init; }
    public double HomeRadiusMetres { get; init; } = 300;
    public IReadOnlyList<DeviceFacts> Devices { get; init; } = [];
    public IReadOnlyList<AbsenceFacts> Absences { get; init; } = [];

    /// <summary>Heightened watch of the resident's area from then on; says nothing where none is.</summary>
    public DateTime WatchFrom { get; init; }

    /// <summary>Heightened watch until then; null when none.</summary>
    public DateTime? WatchUntil { get; init; }
}

/// <param name="Id">The device.</param>
/// <param name="InstalledAt">Silence is counted from here even if it never spoke, UTC.</param>
/// <param name="ReportEvery">How often it is expected to report; null when unknown.</param>
/// <param name="Expects">Metrics that its profile says it reports: an expectation exists from installation on.</param>
public sealed record DeviceFacts(DeviceId Id, DateTime InstalledAt, TimeSpan? ReportEvery, IReadOnlyList<Metric> Expects);

/// <param name="From">UTC.</param>
/// <param name="Until">UTC.</param>
/// <param name="Author">Who said so.</param>
public sealed record AbsenceFacts(DateTime From, DateTime Until, string Author);
