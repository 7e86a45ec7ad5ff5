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

/// <summary>What is expected of devices of a sort. One object serves all of them: a county has millions.</summary>
/// <param name="ReportEvery">How often they are expected to report; null when unknown.</param>
/// <param name="Expects">Metrics that are expected from them, by their profile, from the installation on.</param>
/// <param name="OnlyCalls">
/// They watch nobody: a button, a smoke or gas detector. They are missed also where remote monitoring is refused.
/// </param>
public sealed record Expected(TimeSpan? ReportEvery, IReadOnlyList<Metric> Expects, bool OnlyCalls);

/// <param name="Id">The device.</param>
/// <param name="InstalledAt">
/// UTC, the later of when it was installed and when it was registered here; silence is counted from then even if the device never reported.
/// </param>
/// <param name="Expected">What is expected of it.</param>
public readonly record struct DeviceFacts(DeviceId Id, DateTime InstalledAt, Expected Expected)
{
    public DeviceFacts(DeviceId id, DateTime installedAt, TimeSpan? reportEvery, IReadOnlyList<Metric> expects)
        : this(id, installedAt, new Expected(reportEvery, expects, OnlyCalls: false)) { }

    /// <summary>What people call it, such as the room it hangs in; may be empty.</summary>
    public string Label { get; init; } = "";

    /// <inheritdoc cref="Expected.OnlyCalls"/>
    public bool OnlyCalls
    {
        get => Expected.OnlyCalls;
        init => Expected = Expected with { OnlyCalls = value };
    }
}

/// <param name="From">UTC.</param>
/// <param name="Until">UTC.</param>
/// <param name="Author">Who entered it.</param>
public sealed record AbsenceFacts(DateTime From, DateTime Until, string Author);
