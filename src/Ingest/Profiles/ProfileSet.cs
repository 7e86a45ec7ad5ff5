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

    /// <summary>MQTT filters that take in every profile's topics, and what devices announce of themselves.</summary>
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
            // A device speaks on the same topic again and again. Whoever invents topics doesn't fill the memory.
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

        // Those that speak like another profile after the others.
        foreach (var yaml in files.OrderBy(f => f.Has("like")))
        {
            if (Read(yaml, found, problems) is not { } profile)
                continue;
            foreach (var id in (string[])[profile.Id, .. profile.Also])
                if (!found.TryAdd(id, profile))
                    yaml.Refuse(id == profile.Id ? "id" : "also", id, $"stands in {found[id].File} already");
        }

        return new ProfileSet(found);
    }

    private static Profile? Read(YamlSection yaml, Dictionary<string, Profile> known, List<Problem> problems)
    {
        var before = problems.Count;
        var id = yaml.Text("id", required: true) ?? "";
        yaml.Id = id;
        Profile? like = null;
        if (yaml.Text("like") is { } family && !known.TryGetValue(family, out like))
            yaml.Refuse("like", family, "is not a profile that says itself how it is read");
        var topics = new List<TopicPattern>();
        var match = yaml.Section("match", required: like is null);
        foreach (var text in match?.Texts("topic") ?? [])
        {
            if (TopicPattern.TryParse(text, out var pattern))
                topics.Add(pattern);
            else
                match!.Refuse("topic", text, "is not a topic pattern: levels, {device}, + and a final # or {device...}");
        }

        if (match is not null && topics.Count == 0 && problems.Count == before)
            match.Refuse("topic", "", "is missing");
        var ignored = new List<TopicPattern>();
        foreach (var text in match?.Texts("ignore") ?? [])
        {
            if (TopicPattern.TryParse(text, out var pattern))
                ignored.Add(pattern);
            else
                match!.Refuse("ignore", text, "is not a topic pattern: levels, {device}, + and a final # or {device...}");
        }

        match?.NoOthers();
        var encoding = yaml.Text("encoding") switch
        {
            null or "raw" or "text" => PayloadEncoding.Raw,
            "hex" => PayloadEncoding.Hex,
            "base64" => PayloadEncoding.Base64,
            var other => Unknown(other),
        };
        PayloadEncoding Unknown(string text)
        {
            yaml.Refuse("encoding", text, "is not one of raw, text, hex, base64");
            return PayloadEncoding.Raw;
        }

        var expects = new List<Metric>();
        foreach (var name in yaml.Texts("expects"))
        {
            if (Metric.TryParse(name, out var metric))
                expects.Add(metric);
            else
                yaml.Refuse("expects", name, "is not a metric (src/Model/Metric.cs lists them)");
        }

        // A model of a family speaks as the family does; its own are the expectations, the traps and the examples.
        var format = like?.Format ?? yaml.Text("format", required: true) ?? "";
        var decoder = like?.Decoder ?? Formats.Create(format, yaml);
        var examples = yaml.Sections("examples").Select(ReadExample).ToList();
        string vendor = yaml.Text("vendor") ?? "",
            model = yaml.Text("model") ?? "";
        var also = yaml.Texts("also");
        yaml.Text("source");
        yaml.Text("trap");
        var reportEvery = yaml.Duration("reportEvery");
        yaml.NoOthers();
        if (problems.Count > before || decoder is null)
            return null;
        return new Profile
        {
            Id = id,
            Also = also,
            Vendor = vendor,
            Model = model,
            Format = format,
            Encoding = like?.Encoding ?? encoding,
            IsBinary = Formats.IsBinary(format),
            Topics = topics.Count > 0 || like is null ? topics : like.Topics,
            Ignored = like?.Ignored ?? ignored,
            Expects = expects,
            ReportEvery = reportEvery,
            Decoder = decoder,
            Examples = examples,
            File = yaml.File,
        };
    }

    private static ProfileExample ReadExample(YamlSection yaml)
    {
        var readings = new List<ExpectedReading>();
        foreach (var r in yaml.Sections("readings"))
        {
            readings.Add(
                new ExpectedReading(
                    r.Text("metric", required: true) ?? "",
                    r.Number("value"),
                    r.Text("event"),
                    r.Number("lat"),
                    r.Number("lon"),
                    r.Text("channel"),
                    Time(r, "time"),
                    r.Line
                )
            );
            r.NoOthers();
        }

        var example = new ProfileExample(
            yaml.Text("payload", required: true) ?? "",
            yaml.Text("topic") ?? "",
            Time(yaml, "received") ?? new DateTime(2026, 1, 1, 0, 0, 0, DateTimeKind.Utc),
            yaml.Text("rejected"),
            yaml.Text("device"),
            readings,
            yaml.Line
        );
        yaml.Text("from");
        yaml.NoOthers();
        return example;
    }

    private static DateTime? Time(YamlSection yaml, string key)
    {
        if (yaml.Text(key) is not { } text)
            return null;
        if (DateTimeOffset.TryParse(text, CultureInfo.InvariantCulture, DateTimeStyles.AssumeUniversal, out var time))
            return time.UtcDateTime;
        yaml.Refuse(key, text, "is not a time such as 2026-01-01T00:00:00Z");
        return null;
    }
}
