using System.CommandLine;
using Microsoft.EntityFrameworkCore;
using Vigil.Ingest.Decoding;
using Vigil.Ingest.Profiles;
using Vigil.Model;
using Vigil.Storage.Records;

namespace Vigil.Host.Commands;

/// <summary><c>vigil check</c>: reads all files that people write and prints every error with file and line.</summary>
internal static class CheckCommand
{
    public static Command Create()
    {
        var config = RunCommand.ConfigOption();
        var audit = new Option<bool>("--audit")
        {
            Description =
                "Checks the audit log too: its chain, the timelines and alarms it vouches for, and the signed heads; the service may run",
        };
        var head = new Option<string[]>("--head") { Description = "With --audit: a signed head that was kept elsewhere (several allowed)" };
        var command = new Command(
            "check",
            "Reads configuration, device profiles with their examples, rules, policies and messages; prints every error"
        )
        {
            config,
            audit,
            head,
        };
        command.TreatUnmatchedTokensAsErrors = false;
        command.SetAction(
            async (result, cancellation) =>
            {
                if (RunCommand.Load(result, config) is not { } settings)
                    return 1;
                var problems = settings.Profiles.All.SelectMany(ProfileExamples.Check).ToList();
                foreach (var problem in problems)
                    Console.Error.WriteLine(problem);
                if (problems.Count > 0)
                    return 1;
                Console.WriteLine(
                    $"{settings.Profiles.All.Count} device profiles, {settings.Profiles.All.Sum(p => p.Examples.Count)} examples, "
                        + $"rules, policies and messages: no problems"
                );
                if (!result.GetValue(audit))
                    return 0;
                return await AuditAsync(settings, result.GetValue(head) ?? [], cancellation);
            }
        );
        return command;
    }

    private static async Task<int> AuditAsync(Settings settings, IReadOnlyList<string> named, CancellationToken cancellation)
    {
        var records = RecordsServices.CreateFactory(settings.Configuration, settings.DataPath);
        await using (var db = await records.CreateDbContextAsync(cancellation))
        {
            if ((await db.Database.GetPendingMigrationsAsync(cancellation)).Any())
            {
                Console.Error.WriteLine("vigil check: the database is of an older version, or empty: start the service once");
                return 1;
            }
        }

        if (named.FirstOrDefault(f => !File.Exists(f)) is { } missing)
        {
            Console.Error.WriteLine($"vigil check: there is no file '{missing}'");
            return 2;
        }

        using var key = AuditKey.Find(settings.DataPath);
        var (heads, problems) = AuditHeads.Kept(settings, key, named);
        var report = await records.CheckAuditAsync(heads, cancellation);
        problems.AddRange(report.Problems);
        foreach (var problem in problems)
            Console.Error.WriteLine($"audit log: {problem}");
        if (problems.Count == 0)
            Console.WriteLine(
                $"audit log: {report.Rows} rows, the chain is whole, {heads.Count} signed head{(heads.Count == 1 ? "" : "s")} fit"
            );
        if (report.Waiting > 0)
            Console.WriteLine($"audit log: {report.Waiting} rows are not chained yet: the running service does so within a second");
        return problems.Count == 0 ? 0 : 1;
    }
}
