using Microsoft.EntityFrameworkCore;
using Vigil.Model;
using Vigil.Registry;
using Vigil.Rules;
using Vigil.Storage.Readings;
using Vigil.Storage.Records;

namespace Vigil.Web;

/// <summary>What a proposed rules file would have done for one resident.</summary>
/// <param name="Problems">Why it can't be used; empty when it can.</param>
/// <param name="Now">Alarms under the rules in force.</param>
/// <param name="Proposed">Alarms under the proposal.</param>
public sealed record RulesTrial(IReadOnlyList<Problem> Problems, IReadOnlyList<DryAlarm> Now, IReadOnlyList<DryAlarm> Proposed);

/// <summary>
/// The rules file as the console shows, tries and saves it. The running service takes a saved file over within seconds, without a restart.
/// </summary>
/// <param name="path">The rules file in force.</param>
/// <param name="own">Whether it is the operator's own file (<c>Rules:Path</c>). The shipped one is not written to: the next version
/// replaces it.</param>
public sealed class RulesDesk(
    string path,
    bool own,
    HomeFacts homes,
    IDbContextFactory<RecordsDb> records,
    IReadingStore store,
    TimeZoneInfo zone,
    TimeProvider clock
)
{
    public const int TrialDays = 90;

    /// <summary>Days before the trial from which the rules learn the home's habits.</summary>
    private const int LearnDays = 35;

    private const int LongestFile = 256 * 1024;

    /// <summary>Whether saving is possible here.</summary>
    public bool Own => own;

    public string Path => path;

    public Task<string> ReadAsync(CancellationToken cancellation) => File.ReadAllTextAsync(path, cancellation);

    /// <summary>The rules in force as they hold for a resident, and what set each value.</summary>
    public IReadOnlyList<ExplainedRule> Explain(Resident resident)
    {
        var problems = new List<Problem>();
        return (RuleSet.Load(path, problems) ?? RuleSet.Default).Explain(HomeFacts.Of(resident, [], [], [], clock.GetUtcNow().UtcDateTime));
    }

    /// <summary>Tries a file on one resident's last 90 days.</summary>
    /// <exception cref="ReadingStoreException">The readings can't be read.</exception>
    public async Task<RulesTrial> TryAsync(string yaml, string resident, CancellationToken cancellation)
    {
        var (proposal, problems) = await ParseAsync(yaml, cancellation);
        if (proposal is null)
            return new RulesTrial(problems, [], []);
        await using var db = await records.CreateDbContextAsync(cancellation);
        var now = clock.GetUtcNow().UtcDateTime;
        var from = now.AddDays(-TrialDays);
        var facts = (await homes.ReadAsync(db, [resident], from.AddDays(-LearnDays), now, cancellation)).Single();
        var readings = new List<Reading>();
        var devices = await db.PlacesOfAsync(resident, cancellation);
        await foreach (var reading in store.QueryAsync(devices, null, from.AddDays(-LearnDays), now.AddMinutes(10), cancellation))
            readings.Add(reading);
        var inForce = RuleSet.Load(path, []) ?? RuleSet.Default;
        return await Task.Run(
            () =>
                new RulesTrial(
                    [],
                    DryRun.Of(inForce, zone, facts, readings, from, now),
                    DryRun.Of(proposal, zone, facts, readings, from, now)
                ),
            cancellation
        );
    }

    /// <summary>Puts a file in the place of the one in force, whole or not at all.</summary>
    /// <returns>Its problems; nothing was written when there are any.</returns>
    public async Task<IReadOnlyList<Problem>> SaveAsync(string yaml, string who, CancellationToken cancellation)
    {
        if (!own)
            return
            [
                new Problem(
                    path,
                    0,
                    "Rules:Path",
                    "",
                    new Wording(
                        "the shipped rules are not written to: copy them and set Rules:Path to a file of your own",
                        "出厂规则不可改写：请复制一份，并将 Rules:Path 设为您自己的文件"
                    )
                ),
            ];
        var (proposal, problems) = await ParseAsync(yaml, cancellation);
        if (proposal is null)
            return problems;
        var next = path + ".next";
        await File.WriteAllTextAsync(next, yaml, cancellation);
        if (!OperatingSystem.IsWindows())
            File.SetUnixFileMode(next, File.GetUnixFileMode(path)); // whoever may read the file in force may read the next one
        File.Copy(path, path + ".before", overwrite: true);
        File.Move(next, path, overwrite: true);
        await records.AddAsync(
            clock.GetUtcNow().UtcDateTime,
            who,
            "rules",
            System.IO.Path.GetFileName(path),
            $"saved, {yaml.Length} characters",
            cancellation
        );
        return [];
    }

    /// <summary>Reads the text as a file in a copy of the folder of the one in force, where the holidays file that it names is.</summary>
    private async Task<(RuleSet? Rules, IReadOnlyList<Problem> Problems)> ParseAsync(string yaml, CancellationToken cancellation)
    {
        if (yaml.Length > LongestFile)
            return (
                null,
                [
                    new Problem(
                        "rules.yaml",
                        0,
                        "",
                        "",
                        new Wording($"is longer than {LongestFile} characters", $"超过 {LongestFile} 个字符")
                    ),
                ]
            );
        var folder = Directory.CreateTempSubdirectory("vigil-rules");
        try
        {
            foreach (var beside in Directory.EnumerateFiles(System.IO.Path.GetDirectoryName(System.IO.Path.GetFullPath(path))!, "*.yaml"))
                File.Copy(beside, System.IO.Path.Combine(folder.FullName, System.IO.Path.GetFileName(beside)));
            var file = System.IO.Path.Combine(folder.FullName, System.IO.Path.GetFileName(path));
            await File.WriteAllTextAsync(file, yaml, cancellation);
            var problems = new List<Problem>();
            var rules = RuleSet.Load(file, problems);
            return (rules, [.. problems.Select(p => p with { File = System.IO.Path.GetFileName(path) })]);
        }
        finally
        {
            folder.Delete(recursive: true);
        }
    }
}
