using System.Globalization;
using Vigil.Ingest.Decoding;
using Vigil.Model;
using Vigil.Settings;

namespace Vigil.Ingest.Profiles;

/// <summary>All device profiles, and which of them a topic belongs to.</summary>
public sealed class ProfileSet
{
    private const int MostRemembered = 100_000;

    private readonly System.Collections.Concurrent.ConcurrentDictionary<string, (Profile, string)> recent = new(StringComparer.Ordinal);
    private readonly Dictionary<string, Profile> byId;
    private readonly (TopicPattern Pattern, Profile Profile)[] byWeight;

    private ProfileSet(Dictionary<string, Profile> byId)
    {
        this.byId = byId;
        All = [.. byId.Values.Distinct()];
        // The most specific pattern first; among equals the generic profile, because only it can read any device of the format.
        byWeight =
        [
            .. All.SelectMany(p => p.Topics.Select(t => (Pattern: t, Profile: p)))
                .OrderByDescending(x => x.Pattern.Weight)
                .ThenByDescending(x => x.Profile.IsGeneric)
                .ThenBy(x => x.Profile.Id, StringComparer.Ordinal),
        ];
    }

    public IReadOnlyCollection<Profile> All { get; }

    /// <summary>MQTT filters for the topics of all profiles and for discovery messages.</summary>
    public IReadOnlyList<string> TopicFilters =>
        [
            "homeassistant/+/+/config",
            "homeassistant/+/+/+/config",
            .. byWeight.Select(x => x.Pattern.Filter).Distinct().Order(StringComparer.Ordinal),
        ];

    public Profile? Find(string id) => byId.GetValueOrDefault(id);

    /// <summary>The profile a topic suggests, and the device it names. A registered device's own profile overrides it.</summary>
    public (Profile Profile, string Device)? Match(string topic)
    {
        if (recent.TryGetValue(topic, out var known))
            return known;
        foreach (var (pattern, profile) in byWeight)
        {
            if (!pattern.TryMatch(topic, out var device))
                continue;
            // Devices reuse their topics. The cache is bounded, because a sender may invent topics.
            if (recent.Count < MostRemembered)
                recent[topic] = (profile, device);
            return (profile, device);
        }

        return null;
    }

    /// <summary>
    /// Reads every <c>*.yaml</c> under a folder. Profiles with problems are left out; the caller decides whether that stops the start.
    /// </summary>
    public static ProfileSet Load(string folder, List<Problem> problems)
    {
        var found = new Dictionary<string, Profile>(StringComparer.Ordinal);
        if (!Directory.Exists(folder))
        {
            problems.Add(new Problem("Devices:Path", 0, "", folder, "there is no such folder"));
            return new ProfileSet(found);
        }

        var files = new List<YamlSection>();
        foreach (var path in Directory.EnumerateFiles(folder, "*.yaml", SearchOption.AllDirectories).Order(StringComparer.Ordinal))
        {
            var shown = Path.Combine(Path.GetFileName(Path.TrimEndingDirectorySeparator(folder)), Path.GetRelativePath(folder, path));
            if (YamlSection.Load(path, problems, shown) is { } yaml)
                files.Add(yaml);
        }

        // Profiles that refer to another one (like:) come last.
        foreach (var yaml in files.OrderBy(f => f.Has("like")))
        {
            if (ProfileFile.Read(yaml, found, problems) is not { } profile)
                continue;
            foreach (var id in (string[])[profile.Id, .. profile.Also])
                if (!found.TryAdd(id, profile))
                    yaml.Refuse(id == profile.Id ? "id" : "also", id, $"stands in {found[id].File} already");
        }

        return new ProfileSet(found);
    }
}
