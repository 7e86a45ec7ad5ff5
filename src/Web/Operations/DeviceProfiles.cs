using Vigil.Model;

namespace Vigil.Web.Operations;

/// <summary>A device profile, as a page offers it.</summary>
/// <param name="Id">Its id.</param>
/// <param name="Name">Vendor and model, or the format of a generic one.</param>
/// <param name="ReadsFrames">A LoRaWAN model: a bare frame has a port.</param>
public sealed record ProfileChoice(string Id, string Name, bool ReadsFrames);

/// <summary>What somebody wants to see decoded.</summary>
/// <param name="Typed">How it is written.</param>
/// <param name="Topic">The topic it came on; may be empty.</param>
/// <param name="Port">Of a bare LoRaWAN frame; null for any.</param>
/// <param name="Received">When it arrived.</param>
public sealed record DecodeTry(string Profile, string Payload, TypedAs Typed, string Topic, int? Port, DateTime Received);

/// <summary>What a payload says.</summary>
/// <param name="Readings">As the service would store them.</param>
/// <param name="Refused">Why it can't be read; null when it can.</param>
/// <param name="Partly">Why a part of it can't.</param>
public sealed record DecodeAnswer(IReadOnlyList<Reading> Readings, Wording? Refused, Wording? Partly);

/// <summary>The device profiles that the service has, for people to choose and to try.</summary>
/// <param name="All">In order of their ids.</param>
/// <param name="Match">The profile that a topic suggests, and the device that it names; null for none.</param>
/// <param name="Decode">Decodes a payload as the service does; the profile has to exist.</param>
public sealed record DeviceProfiles(
    IReadOnlyList<ProfileChoice> All,
    Func<string, (string Profile, string Device)?> Match,
    Func<DecodeTry, DecodeAnswer> Decode
)
{
    public bool Knows(string id) => All.Any(p => p.Id == id);
}
