using System.CommandLine;
using Vigil.Storage;
using Vigil.Storage.Records;

namespace Vigil.Host.Commands;

/// <summary><c>vigil rotate-key</c>: creates a new key for the sealed columns and seals them with it.</summary>
internal static class RotateKeyCommand
{
    public static Command Create()
    {
        var config = RunCommand.ConfigOption();
        var command = new Command(
            "rotate-key",
            "Makes a new key for identity and phone numbers; every row is sealed with it (stop the service first)"
        )
        {
            config,
        };
        command.TreatUnmatchedTokensAsErrors = false;
        command.SetAction(
            async (result, cancellation) =>
            {
                if (RunCommand.Load(result, config) is not { } settings)
                    return 1;
                // A running service would go on with the old key, and could not read what is sealed with the new one.
                using var alone = await FileLock.TakeAsync(
                    new DataFolder(settings.DataPath).LockFile,
                    "vigil rotate-key",
                    what => Console.Error.WriteLine("vigil rotate-key: " + what),
                    TimeSpan.Zero,
                    cancellation
                );
                var file = RecordsServices.KeyFile(settings.Configuration, settings.DataPath);
                // Throws when the old key is missing: a new one could not open anything.
                _ = RecordsServices.CreateFactory(settings.Configuration, settings.DataPath);
                FieldKeys.Rotate(file);
                var records = RecordsServices.CreateFactory(settings.Configuration, settings.DataPath);
                await records.MigrateAsync(cancellation);
                await records.AddAsync(TimeProvider.System.GetUtcNow().UtcDateTime, "cli", "rotate-key", "fields", "", cancellation);
                if (await records.UnreadableAsync(cancellation) is { Count: > 0 } unreadable)
                    Console.Error.WriteLine(
                        $"{unreadable.Count} stored values can't be read and stay as they are, to be entered anew: "
                            + $"{string.Join(", ", unreadable)}"
                    );
                Console.WriteLine($"every row is sealed with a new key, the first line of {file}; older backups need the lines below it");
                return 0;
            }
        );
        return command;
    }
}
