using Vigil.Model;

namespace Vigil.Rules;

/// <summary>What the registry knows of a resident and the rules need. Immutable; a change in the registry replaces it.</summary>
public sealed record ResidentFacts
{
    public required ResidentId Id { get; init; }
    public required AreaCode Area { get; init; }

    /// <summary>Key class (重点).</summary>
    public bool KeyClass { get; init; }

    /// <summary>Under these nothing is judged that they are about.</summary>
    public Refusals Refused { get; init; }

    /// <summary>Home, WGS-84 degrees.</summary>
    public (double Latitude, double Longitude)? Home { get; init; }
    public double HomeRadiusMetres { get; init; } = 300;
    public IReadOnlyList<DeviceFacts> Devices { get; init; } = [];
    public IReadOnlyList<AbsenceFacts> Absences { get; init; } = [];

    /// <summary>Start of the heightened watch over the resident's area; without a meaning where there is none.</summary>
    public DateTime WatchFrom { get; init; }

    /// <summary>Its end; null when there is none.</summary>
    public DateTime? WatchUntil { get; init; }
}

/// <param name="Id">The device.</param>
/// <param name="InstalledAt">
/// UTC, the later of when it was installed and when it was registered here; silence is counted from then even if the device never reported.
/// </param>
/// <param name="ReportEvery">How often it is expected to report; null when unknown.</param>
/// <param name="Expects">Metrics that are expected from it, by its profile, from the installation on.</param>
public sealed record DeviceFacts(DeviceId Id, DateTime InstalledAt, TimeSpan? ReportEvery, IReadOnlyList<Metric> Expects)
{
    /// <summary>What people call it, such as the room it hangs in; may be empty.</summary>
    public string Label { get; init; } = "";

    /// <summary>It watches nobody: a button, a smoke or gas detector. It is missed also where remote monitoring is refused.</summary>
    public bool OnlyCalls { get; init; }
}

/// <param name="From">UTC.</param>
/// <param name="Until">UTC.</param>
/// <param name="Author">Who entered it.</param>
public sealed record AbsenceFacts(DateTime From, DateTime Until, string Author);
