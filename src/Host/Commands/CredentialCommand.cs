using System.CommandLine;
using Vigil.Model;
using Vigil.Storage.Records;

namespace Vigil.Host.Commands;

/// <summary><c>vigil credential</c>: creates the password of a device or gateway and shows it once.</summary>
internal static class CredentialCommand
{
    public static Command Create()
    {
        var name = new Argument<string>("name") { Description = "The device's id, or the gateway's name" };
        var gateway = new Option<bool>("--gateway") { Description = "May speak for other devices" };
        var topics = new Option<string[]>("--topic")
        {
            Description = "Topic filter the gateway may publish to (may be given several times; none: every topic of a known profile)",
        };
        var config = RunCommand.ConfigOption();
        var command = new Command("credential", "Makes or replaces the embedded broker's password of a device or gateway and shows it once")
        {
            name,
            gateway,
            topics,
            config,
        };
        command.TreatUnmatchedTokensAsErrors = false;
        command.SetAction(
            async (result, cancellation) =>
            {
                if (RunCommand.Load(result, config) is not { } settings)
                    return 1;
                if (!DeviceId.TryParse(result.GetValue(name), out var id))
                {
                    Console.Error.WriteLine($"vigil credential: '{result.GetValue(name)}' has white space, + or #");
                    return 2;
                }

                var (secrets, records) = await SecretsAsync(settings, cancellation);
                var password = await secrets.CreateCredentialAsync(
                    id.Value,
                    result.GetValue(gateway),
                    result.GetValue(topics) ?? [],
                    cancellation
                );
                Console.WriteLine($"username: {id}\npassword: {password}");
                await records.AddAsync(
                    TimeProvider.System.GetUtcNow().UtcDateTime,
                    "cli",
                    "credential",
                    $"credential:{id}",
                    result.GetValue(gateway) ? "gateway" : "device",
                    cancellation
                );
                return 0;
            }
        );
        return command;
    }

    internal static async Task<(Secrets Secrets, RecordsFactory Records)> SecretsAsync(Settings settings, CancellationToken cancellation)
    {
        var records = RecordsServices.CreateFactory(settings.Configuration, settings.DataPath);
        await records.MigrateAsync(cancellation);
        return (new Secrets(records, TimeProvider.System), records);
    }
}
