using System.CommandLine;
using Vigil.Registry;
using Vigil.Storage.Records;

namespace Vigil.Host.Commands;

/// <summary><c>vigil import</c>: imports the registry from CSV or XLSX.</summary>
internal static class ImportCommand
{
    public static Command Create()
    {
        var file = new Argument<string>("file") { Description = "CSV or XLSX after docs/registry.md" };
        var dryRun = new Option<bool>("--dry-run") { Description = "Checks everything, says what would change, writes nothing" };
        var replace = new Option<bool>("--replace")
        {
            Description = "Removes contacts and household members, and unbinds devices, that the file no longer names",
        };
        var ids = new Option<bool>("--ids-from-identity") { Description = "Makes ids of the identity numbers for rows that have none" };
        var config = RunCommand.ConfigOption();
        var command = new Command(
            "import",
            "Imports residents, contacts, visitors, devices, duty officers and areas; all errors with their rows, nothing written if any"
        )
        {
            file,
            dryRun,
            replace,
            ids,
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
                var import = new RegistryImport(records, TimeProvider.System, id => settings.Profiles.Find(id) is not null);
                var options = new ImportOptions
                {
                    DryRun = result.GetValue(dryRun),
                    Replace = result.GetValue(replace),
                    IdsFromIdentity = result.GetValue(ids),
                    Who = "cli",
                };
                if (!options.DryRun && await import.FinishAsync(cancellation) is var (unfinished, leftOut))
                {
                    foreach (var problem in leftOut)
                        Console.Error.WriteLine(problem);
                    Console.Error.WriteLine($"vigil import: finished the import of {unfinished}, which had been interrupted");
                }

                await using var stream = File.OpenRead(path);
                using var progress = new ImportTerminal(Console.Error, Console.IsErrorRedirected, TimeProvider.System);
                using var signals = new StopSignals(); // the command line library would end the process amid the writing
                try
                {
                    var outcome = await import.ImportAsync(stream, Path.GetFileName(path), options, progress, signals.Asked, signals.Asked);
                    return Say(outcome, options.DryRun, progress.End);
                }
                catch (OperationCanceledException) when (signals.Asked.IsCancellationRequested)
                {
                    progress.End();
                    Console.Error.WriteLine("vigil import: stopped; nothing of the file is in the registry");
                    return 130;
                }
            }
        );
        return command;
    }

    private static int Say(ImportOutcome outcome, bool dryRun, Action endProgress)
    {
        endProgress();
        foreach (var problem in outcome.Problems)
            Console.Error.WriteLine(problem);
        if (outcome.Problems.Count > 0)
        {
            Console.Error.WriteLine(
                $"vigil import: {outcome.Problems.Count} problem{(outcome.Problems.Count == 1 ? "" : "s")}; "
                    + (outcome.Written ? "these rows changed meanwhile and were left out, all others were written" : "nothing was written")
            );
            return 1;
        }

        Console.WriteLine(dryRun ? $"would import {outcome.Summary}" : $"imported {outcome.Summary}");
        foreach (var count in outcome.Changes.Counts)
            Console.WriteLine($"  {count}");
        foreach (var line in outcome.Changes.KeptLines)
            Console.WriteLine(line);
        if (outcome.Changes.MoreKept > 0)
            Console.WriteLine($"… and {outcome.Changes.MoreKept} further consents that were kept as they are");
        if (dryRun)
        {
            foreach (var line in outcome.Changes.Lines)
                Console.WriteLine(line);
            if (outcome.Changes.More > 0)
                Console.WriteLine($"… and {outcome.Changes.More} further changes");
        }

        return 0;
    }
}

/// <summary>
/// Shows how far an import is, how fast and how long it still takes: one line that is written over where a person looks at it, a line every
/// ten seconds where a file keeps it.
/// </summary>
internal sealed class ImportTerminal(TextWriter output, bool redirected, TimeProvider clock) : IProgress<ImportProgress>, IDisposable
{
    private static readonly TimeSpan OnTerminal = TimeSpan.FromMilliseconds(250),
        InFile = TimeSpan.FromSeconds(10);

    private readonly ImportPace pace = new(clock);
    private long said = clock.GetTimestamp();
    private int width;

    public void Report(ImportProgress value)
    {
        pace.Report(value);
        if (clock.GetElapsedTime(said) < (redirected ? InFile : OnTerminal))
            return;
        said = clock.GetTimestamp();
        var line = $"{(value.Writing ? "written" : "checked")} {value.Rows} rows";
        if (pace.Rate is { } rate)
            line += $", {rate:0}/s";
        if (pace.Left is { } left)
            line += $", {left:m\\:ss} left";
        if (redirected)
            output.WriteLine(line);
        else
            output.Write('\r' + line.PadRight(width));
        width = line.Length;
    }

    /// <summary>Leaves the line.</summary>
    public void End()
    {
        if (width > 0 && !redirected)
            output.Write('\r' + new string(' ', width) + '\r');
        width = 0;
    }

    public void Dispose() => End();
}
