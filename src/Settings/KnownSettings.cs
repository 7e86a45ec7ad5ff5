using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.Configuration.CommandLine;
using Microsoft.Extensions.Configuration.EnvironmentVariables;
using Microsoft.Extensions.Configuration.Json;
using Vigil.Model;

namespace Vigil.Settings;

/// <summary>
/// The names of all settings. An unknown one is reported, or whoever wrote <c>Mqtt:Prot</c> would believe that the port is set.
/// </summary>
/// <param name="names">Keys such as <c>Mqtt:Port</c>; <c>*</c> stands for a name that people choose.</param>
public sealed class KnownSettings(IEnumerable<string> names)
{
    /// <summary>Sections of .NET itself.</summary>
    private static readonly string[] ForeignSections = ["Logging", "AllowedHosts", "$schema"];

    private readonly string[][] known = [.. names.Select(n => n.Split(':'))];

    /// <summary>
    /// Names in files, on the command line or in the environment that are no setting, each with the nearest one that is. Values are never
    /// shown: one may be a secret under a misspelled name.
    /// </summary>
    /// <param name="configuration">All sources together.</param>
    /// <param name="options">Options of the command, which may be what was meant.</param>
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

    /// <summary>The problem of an option that the command doesn't have, with the nearest option or setting.</summary>
    public Problem NoOption(string option, IReadOnlyCollection<string> options) =>
        new(option, 0, "", "", "is no option and no setting" + Nearest(option.TrimStart('-'), options));

    /// <summary>
    /// Reports what .NET's command-line parser ignores or takes for the value of another setting: words that belong to no option, and
    /// settings without a value.
    /// </summary>
    /// <param name="arguments">All arguments.</param>
    /// <param name="rest">Those that the parser reads correctly.</param>
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
        // An empty section of a file: "Routes": {}.
        return provider.TryGet(key, out var value)
            && string.IsNullOrEmpty(value)
            && known.Any(k => k.Length > parts.Length && Begins(k, parts));
    }

    private static bool Begins(string[] name, string[] parts) =>
        parts.Zip(name).All(p => p.Second == "*" || p.First.Equals(p.Second, StringComparison.OrdinalIgnoreCase));

    /// <summary>Environment variables are ours only when they name one of our sections (<c>Mqtt__Port</c>).</summary>
    private bool IsForeign(string key, IConfigurationProvider provider)
    {
        var section = key.Split(':')[0];
        return provider is EnvironmentVariablesConfigurationProvider
            ? section.Length == key.Length || !known.Any(k => k[0].Equals(section, StringComparison.OrdinalIgnoreCase))
            : ForeignSections.Contains(section, StringComparer.OrdinalIgnoreCase);
    }

    private string Nearest(string key, IReadOnlyCollection<string> options)
    {
        // For a name that people choose (*), whatever was written there fits.
        var parts = key.Split(':');
        var names = known.Select(k => string.Join(':', k.Select((p, i) => p == "*" && i < parts.Length ? parts[i] : p)));
        return NearestName.Of(key, names.Concat(options)) is { } nearest ? $"; did you mean {nearest}?" : "";
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
