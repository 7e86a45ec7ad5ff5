using System.Diagnostics.Metrics;
using Vigil.Notify.Escalation;
using Vigil.Notify.Messages;
using Vigil.Rules;

namespace Vigil.Host;

/// <summary>The files whose changes take effect while the service runs: rules, policies, messages.</summary>
internal static class FollowedFiles
{
    public static IReadOnlyList<FollowedFile> Of(Settings settings, RulePartitions rules, ILogger log) =>
        [
            FollowedFile.Of<RuleSet>(
                "rules",
                "规则",
                Settings.RulesPath(settings.Configuration),
                RuleSet.Load,
                rules.Use,
                log,
                () => BesideRules(settings.Configuration)
            ),
            FollowedFile.Of<Policies>(
                "policies",
                "升级策略",
                Settings.PoliciesPath(settings.Configuration),
                Policies.Load,
                settings.Policies.Use,
                log
            ),
            FollowedFile.Of<MessageTexts>(
                "messages",
                "消息文本",
                Settings.MessagesPath(settings.Configuration),
                (path, problems) => MessageTexts.Load(path, settings.Zone, problems),
                settings.Messages.Use,
                log
            ),
        ];

    /// <summary>Begins to follow them, with a metric for each that says whether its current content is in effect.</summary>
    public static void Begin(IReadOnlyList<FollowedFile> files, Meter meter)
    {
        foreach (var file in files)
        {
            file.Begin();
            meter.CreateObservableGauge(
                $"vigil_{file.Name}_file_in_force",
                () => file.Trouble is null ? 1 : 0,
                description: $"0 while the file of the {file.Name} as it stands can't be used, and the last good one stands"
            );
        }
    }

    /// <summary>
    /// Files in the folder of the rules that they may refer to (holidays), without the other files that people edit there.
    /// </summary>
    private static IEnumerable<string> BesideRules(IConfiguration configuration)
    {
        var folder = Path.GetDirectoryName(Settings.RulesPath(configuration))!;
        return Directory.Exists(folder)
            ? Directory
                .EnumerateFiles(folder, "*.yaml")
                .Except([Settings.PoliciesPath(configuration), Settings.MessagesPath(configuration)], StringComparer.Ordinal)
            : [];
    }
}
