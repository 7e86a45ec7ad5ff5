using Vigil.Ingest.Decoding;
using Vigil.Ingest.Profiles;
using Vigil.Model;
using Vigil.Web.Operations;

namespace Vigil.Host;

/// <summary>The device profiles for the console, which knows nothing of decoding.</summary>
internal static class PageProfiles
{
    public static DeviceProfiles Of(ProfileSet profiles) =>
        new(
            [
                .. profiles
                    .All.SelectMany(p => p.Also.Prepend(p.Id).Select(id => new ProfileChoice(id, Name(p), p.ReadsFrames)))
                    .OrderBy(c => c.Id, StringComparer.Ordinal),
            ],
            topic => profiles.Match(topic) is { } match ? (match.Profile.Id, match.Device) : null,
            asked => Decode(profiles, asked)
        );

    private static string Name(Profile profile) => profile.Vendor.Length > 0 ? $"{profile.Vendor} {profile.Model}".Trim() : profile.Format;

    private static DecodeAnswer Decode(ProfileSet profiles, DecodeTry asked)
    {
        if (profiles.Find(asked.Profile) is not { } profile)
            return new DecodeAnswer([], DeviceRefusalWords(asked.Profile), null);
        var decoded = new DecodedPayload();
        decoded.Reset(profile.DeviceFromTopic(asked.Topic), asked.Received);
        var refused = TypedPayload.Decode(profile, asked.Payload, asked.Typed, asked.Topic, asked.Port, decoded);
        return new DecodeAnswer(refused is null ? [.. decoded.Readings] : [], refused, decoded.Partly);
    }

    private static Wording DeviceRefusalWords(string id) => new($"there is no device profile '{id}'", $"没有型号文件“{id}”");
}
