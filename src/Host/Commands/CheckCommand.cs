using System.CommandLine;
using Vigil.Ingest.Decoding;
using Vigil.Ingest.Profiles;
using Vigil.Model;
using Vigil.Storage.Records;

namespace Vigil.Host.Commands;

/// <summary><c>vigil check</c>: reads everything a person writes and prints every error with file and line.</summary>
internal static class CheckCommand
{
    public static Command Create()
    {
        var config = RunCommand.ConfigOption();
        var audit = new Option<bool>("--audit") { Description = "Verifies the hash chain of the audit log too" };
        var command = new Command("check", "Reads configuration, device profiles with their examples, rules, policies and messages; prints every error") { config, audit };
        command.TreatUnmatchedTokensAsErrors = false;
        command.SetAction(async (result, cancellation) =>
        {
            if (RunCommand.Load(result.GetValue(config) ?? [], result.UnmatchedTokens) is not { } settings) return 1;
            var problems = settings.Profiles.All.SelectMany(ProfileExamples.Check).ToList();
            foreach (var problem in problems) System.Console.Error.WriteLine(problem);
            if (problems.Count > 0) return 1;
            System.Console.WriteLine($"{settings.Profiles.All.Count} device profiles, {settings.Profiles.All.Sum(p => p.Examples.Count)} examples, rules, policies and messages: no problems");
            if (!result.GetValue(audit)) return 0;
            var records = RecordsServices.CreateFactory(settings.Configuration, settings.DataPath);
            await records.MigrateAsync(cancellation);
            var (rows, broken) = await records.VerifyAsync(cancellation);
            System.Console.WriteLine(broken is null ? $"audit log: {rows} rows, the chain is whole" : $"audit log: row {broken} was changed, or one before it taken out");
            return broken is null ? 0 : 1;
        });
        return command;
    }
}
