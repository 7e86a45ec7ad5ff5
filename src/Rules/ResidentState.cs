using System.Collections.Frozen;
using System.Text.Json.Serialization;
using Vigil.Model;

namespace Vigil.Rules;

/// <summary>An episode that a rule has opened and not yet cleared.</summary>
internal sealed record OpenEpisode(string Episode, int Sequence, DateTime Since, Severity Severity);

/// <summary>Values outside limits, until they persist.</summary>
internal sealed record Outside(DateTime Since, DateTime Last, int Count);

internal sealed class DeviceState
{
    public DateTime? FirstReceived { get; set; }
    public DateTime? LastReceived { get; set; }
    public int WrongClocks { get; set; }
}

/// <summary>Everything the engine remembers of one resident. Written to snapshots as it is; <see cref="Facts"/> and <see cref="Rules"/> come from outside.</summary>
internal sealed class ResidentState
{
    [JsonIgnore]
    public ResidentFacts Facts { get; set; } = null!;

    [JsonIgnore]
    public FrozenDictionary<string, RuleSettings> Rules { get; set; } = null!;

    public UseState? Water { get; set; }
    public UseState? Electricity { get; set; }
    public Dictionary<string, OpenEpisode> Open { get; set; } = [];
    public Dictionary<string, DeviceState> Devices { get; set; } = [];
    public Dictionary<string, Outside> Limits { get; set; } = [];
    /// <summary>Last value and its time of states, by kind and device: a state that is sent again is no news.</summary>
    public Dictionary<string, (double Value, DateTime Time)> States { get; set; } = [];
    public (double Latitude, double Longitude, DateTime Time)? LastFix { get; set; }
    public DateTime? OutsideSince { get; set; }
}
