using System.Globalization;
using Vigil.Ingest.Decoding;
using Vigil.Model;
using Vigil.Settings;

namespace Vigil.Ingest.Profiles;

/// <summary>Reads one <c>devices/**.yaml</c> file.</summary>
internal static class ProfileFile
{
    /// <param name="yaml">The file.</param>
    /// <param name="known">The profiles it may refer to.</param>
    /// <param name="problems">Receives what is wrong.</param>
    /// <returns>Null when something is wrong.</returns>
    public static Profile? Read(YamlSection yaml, Dictionary<string, Profile> known, List<Problem> problems)
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

        // A profile with like: takes format and mapping from the other; expectations, traps and examples are its own.
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
