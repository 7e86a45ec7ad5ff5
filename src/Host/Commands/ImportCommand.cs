using System.CommandLine;
using Vigil.Registry;
using Vigil.Storage.Records;

namespace Vigil.Host.Commands;

/// <summary><c>vigil import</c>: imports the registry from CSV or XLSX.</summary>
internal static class ImportCommand
{
    public static Command Create()
    {
        var file = new Argument<string>("file") { Description = "CSV after docs/registry.md" };
        var dryRun = new Option<bool>("--dry-run") { Description = "Checks everything, writes nothing" };
        var config = RunCommand.ConfigOption();
        var command = new Command(
            "import",
            "Imports residents, contacts, visitors, devices, duty officers and areas; all errors with their rows, nothing written if any"
        )
        {
            file,
            dryRun,
            config,
        };
        command.TreatUnmatchedTokensAsErrors = false;
        command.SetAction(
            async (result, cancellation) =>
            {
                if (RunCommand.Load(result, config) is not { } settings)
                    return 1;
                var path = result.GetValue(file)!;
                if (!File.Exists(path))
                {
                    Console.Error.WriteLine($"vigil import: there is no file '{path}'");
                    return 2;
                }

                var records = RecordsServices.CreateFactory(settings.Configuration, settings.DataPath);
                await records.MigrateAsync(cancellation);
                var (problems, summary) = await new RegistryImport(
                    records,
                    TimeProvider.System,
                    id => settings.Profiles.Find(id) is not null
                ).ImportAsync(path, result.GetValue(dryRun), cancellation);
                foreach (var problem in problems)
                    Console.Error.WriteLine(problem);
                if (problems.Count > 0)
                {
                    Console.Error.WriteLine(
                        $"vigil import: {problems.Count} problem{(problems.Count == 1 ? "" : "s")}; nothing was written"
                    );
                    return 1;
                }

                if (!result.GetValue(dryRun))
                    await records.AddAsync(
                        TimeProvider.System.GetUtcNow().UtcDateTime,
                        "cli",
                        "import",
                        Path.GetFileName(path),
                        summary.En,
                        cancellation
                    );
                Console.WriteLine(result.GetValue(dryRun) ? $"would import {summary}" : $"imported {summary}");
                return 0;
            }
        );
        return command;
    }
}
