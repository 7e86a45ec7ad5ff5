using System.CommandLine;
using Vigil.Host.Backup;
using Vigil.Storage;
using Vigil.Storage.Readings;
using Vigil.Storage.Records;

namespace Vigil.Host.Commands;

/// <summary><c>vigil backup</c> and <c>vigil restore</c>.</summary>
internal static class BackupCommand
{
    public static Command Create()
    {
        var folder = new Argument<string>("folder") { Description = "Where the backup's own folder vigil-TIME is made" };
        var keys = new Option<string?>("--keys")
        {
            Description = "Another folder, for a copy of the keys and settings; without it they are not copied",
        };
        var config = RunCommand.ConfigOption();
        var command = new Command(
            "backup",
            "Copies records, readings, the rules' state and what people wrote, also while the service runs; keys apart"
        )
        {
            folder,
            keys,
            config,
        };
        command.TreatUnmatchedTokensAsErrors = false;
        command.SetAction(
            async (result, cancellation) =>
            {
                if (RunCommand.Load(result, config) is not { } settings)
                    return 1;
                var into = Path.GetFullPath(result.GetValue(folder)!);
                var keysInto = result.GetValue(keys) is { Length: > 0 } given ? Path.GetFullPath(given) : null;
                var data = new DataFolder(settings.DataPath);
                if (data.RunsElsewhere is { } service)
                {
                    Console.WriteLine($"asking {service}, which runs, for the backup");
                    return await BackupRequests.AskAsync(data, into, keysInto, Console.WriteLine, cancellation);
                }

                if (!Directory.Exists(data.Path))
                {
                    Console.Error.WriteLine($"vigil backup: there is no folder {data.Path}");
                    return 2;
                }

                // No service runs. One that is started meanwhile waits for this command.
                using var held = await FileLock.TakeAsync(
                    data.LockFile,
                    "vigil backup",
                    Console.WriteLine,
                    TimeSpan.FromMinutes(1),
                    cancellation
                );
                var services = new ServiceCollection()
                    .AddLogging()
                    .AddSingleton(TimeProvider.System)
                    .AddReadings(settings.Configuration, settings.DataPath);
                await using var provider = services.BuildServiceProvider();
                var records = RecordsServices.CreateFactory(settings.Configuration, settings.DataPath);
                await records.MigrateAsync(cancellation);
                var clock = provider.GetRequiredService<TimeProvider>();
                var (made, _) = await new BackupRun(settings, provider.GetRequiredService<IReadingStore>(), records, clock).MakeAsync(
                    into,
                    keysInto,
                    scheduled: false,
                    Console.WriteLine,
                    cancellation
                );
                await records.AddAsync(clock.GetUtcNow().UtcDateTime, "cli", "backup", Path.GetFileName(made), "", cancellation);
                return 0;
            }
        );
        return command;
    }

    public static Command CreateRestore()
    {
        var folder = new Argument<string>("folder") { Description = "A backup: the folder vigil-TIME" };
        var keys = new Option<string?>("--keys") { Description = "The folder the keys were copied to" };
        var config = RunCommand.ConfigOption();
        var command = new Command(
            "restore",
            "Brings a backup into an empty data folder; checks everything first, says what is older than what"
        )
        {
            folder,
            keys,
            config,
        };
        command.TreatUnmatchedTokensAsErrors = false;
        command.SetAction(
            async (result, cancellation) =>
            {
                if (RunCommand.Load(result, config) is not { } settings)
                    return 1;
                await new Restore(settings, Console.WriteLine).RunAsync(
                    result.GetValue(folder)!,
                    result.GetValue(keys) is { Length: > 0 } given ? given : null,
                    cancellation
                );
                return 0;
            }
        );
        return command;
    }
}
