using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.Configuration.CommandLine;
using Microsoft.Extensions.Configuration.EnvironmentVariables;
using Microsoft.Extensions.Configuration.Json;
using Quickenshtein;
using Vigil.Model;

namespace Vigil.Settings;

/// <summary>
/// Every setting there is. One that isn't among them is a mistake: whoever wrote <c>Mqtt:Prot</c> believes that the port is set.
/// </summary>
/// <param name="names">Keys such as <c>Mqtt:Port</c>; <c>*</c> stands for a name that people choose.</param>
public sealed class KnownSettings(IEnumerable<string> names)
{
    /// <summary>.NET's own, which may be set as well.</summary>
    private static readonly string[] ForeignSections = ["Logging", "AllowedHosts", "$schema"];

    private readonly string[][] known = [.. names.Select(n => n.Split(':'))];

    /// <summary>
    /// What was written in files, on the command line or in the environment and is no setting, with the nearest that is. A value is never
    /// shown: it may be a secret under a misspelled name.
    /// </summary>
    /// <param name="configuration">As it was put together.</param>
    /// <param name="options">Options of the command, which may be meant as well.</param>
    public IEnumerable<Problem> Unknown(IConfiguration configuration, IReadOnlyCollection<string> options)
    {
        foreach (var provider in configuration is IConfigurationRoot root ? root.Providers : [])
        foreach (var key in Keys(provider, null))
        {
            if (Knows(key, provider) || IsForeign(key, provider))
                continue;
            yield return provider switch
            {
                JsonConfigurationProvider json => new Problem(PathOf(json), 0, key, "", "is no setting" + Nearest(key, [])),
                EnvironmentVariablesConfigurationProvider => new Problem(
                    key.Replace(":", "__", StringComparison.Ordinal),
                    0,
                    "",
                    "",
                    "in the environment is no setting" + Nearest(key, [])
                ),
                _ => new Problem(
                    "--" + key,
                    0,
                    "",
                    "",
                    (key.Contains(':', StringComparison.Ordinal) ? "is no setting" : "is no option and no setting") + Nearest(key, options)
                ),
            };
        }
    }

    /// <summary>An option that the command doesn't have; it may be misspelled, or a setting.</summary>
    public Problem NoOption(string option, IReadOnlyCollection<string> options) =>
        new(option, 0, "", "", "is no option and no setting" + Nearest(option.TrimStart('-'), options));

    /// <summary>
    /// What .NET's reader of the command line passes over in silence, or takes for another's value: words that belong to nothing, and
    /// settings without a value.
    /// </summary>
    /// <param name="arguments">As they were given.</param>
    /// <param name="rest">Those that can be read.</param>
    public static List<Problem> Unread(IReadOnlyList<string> arguments, out List<string> rest)
    {
        var problems = new List<Problem>();
        rest = [];
        for (var i = 0; i < arguments.Count; i++)
        {
            var argument = arguments[i];
            var named = argument.StartsWith("--", StringComparison.Ordinal);
            if (argument.Contains('=', StringComparison.Ordinal))
                rest.Add(argument);
            else if (!named)
                problems.Add(new Problem(argument, 0, "", "", "belongs to no option; a setting is written --Section:Name=value"));
            else if (i + 1 == arguments.Count || arguments[i + 1].StartsWith("--", StringComparison.Ordinal))
                problems.Add(new Problem(argument, 0, "", "", $"has no value; write {argument}=value"));
            else
                rest.Add($"{argument}={arguments[++i]}");
        }

        return problems;
    }

    private bool Knows(string key, IConfigurationProvider provider)
    {
        var parts = key.Split(':');
        if (known.Any(k => k.Length == parts.Length && Begins(k, parts)))
            return true;
        // "Routes": {} of a file: a section that holds nothing.
        return provider.TryGet(key, out var value)
            && string.IsNullOrEmpty(value)
            && known.Any(k => k.Length > parts.Length && Begins(k, parts));
    }

    private static bool Begins(string[] name, string[] parts) =>
        parts.Zip(name).All(p => p.Second == "*" || p.First.Equals(p.Second, StringComparison.OrdinalIgnoreCase));

    /// <summary>The environment is everybody's: what stands there is ours when it names one of our sections (<c>Mqtt__Port</c>).</summary>
    private bool IsForeign(string key, IConfigurationProvider provider)
    {
        var section = key.Split(':')[0];
        return provider is EnvironmentVariablesConfigurationProvider
            ? section.Length == key.Length || !known.Any(k => k[0].Equals(section, StringComparison.OrdinalIgnoreCase))
            : ForeignSections.Contains(section, StringComparer.OrdinalIgnoreCase);
    }

    private string Nearest(string key, IReadOnlyCollection<string> options)
    {
        var (least, nearest) = (int.MaxValue, "");
        // A name that people choose is as near as can be.
        var parts = key.Split(':');
        var names = known.Select(k => string.Join(':', k.Select((p, i) => p == "*" && i < parts.Length ? parts[i] : p)));
        foreach (var name in names.Concat(options))
        {
            var distance = Levenshtein.GetDistance(name.TrimStart('-').ToUpperInvariant(), key.ToUpperInvariant());
            if (distance < least)
                (least, nearest) = (distance, name);
        }

        return least <= Math.Max(2, key.Length / 3) ? $"; did you mean {nearest}?" : "";
    }

    private static IEnumerable<string> Keys(IConfigurationProvider provider, string? parent)
    {
        foreach (var name in provider.GetChildKeys([], parent).Distinct(StringComparer.OrdinalIgnoreCase))
        {
            var key = parent is null ? name : $"{parent}:{name}";
            if (provider.TryGet(key, out _))
                yield return key;
            foreach (var below in Keys(provider, key))
                yield return below;
        }
    }

    private static string PathOf(JsonConfigurationProvider json) =>
        json.Source.Path is { } path ? json.Source.FileProvider?.GetFileInfo(path).PhysicalPath ?? path : "a file of settings";
}
