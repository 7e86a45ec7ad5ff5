using System.CommandLine;
using Vigil.Model;
using Vigil.Storage.Records;

namespace Vigil.Host.Commands;

/// <summary><c>vigil credential</c> and <c>vigil apikey</c>: secrets, shown once.</summary>
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

internal static class ApiKeyCommand
{
    public static Command Create()
    {
        var name = new Argument<string>("name") { Description = "Who uses it" };
        var scope = new Option<string>("--scope") { Description = "read, visit or write", DefaultValueFactory = _ => "read" };
        var area = new Option<string>("--area") { Description = "Area code it is bound to", DefaultValueFactory = _ => "" };
        var days = new Option<int>("--days") { Description = "Days until it expires", DefaultValueFactory = _ => 365 };
        var config = RunCommand.ConfigOption();
        var command = new Command("apikey", "Makes a bearer key of the HTTP API and shows it once") { name, scope, area, days, config };
        command.TreatUnmatchedTokensAsErrors = false;
        command.SetAction(
            async (result, cancellation) =>
            {
                if (RunCommand.Load(result, config) is not { } settings)
                    return 1;
                if (result.GetValue(scope) is not ("read" or "visit" or "write"))
                {
                    Console.Error.WriteLine($"vigil apikey: --scope '{result.GetValue(scope)}' is not one of read, visit, write");
                    return 2;
                }

                if (result.GetValue(area) is { Length: > 0 } code && !AreaCode.TryParse(code, out _))
                {
                    Console.Error.WriteLine($"vigil apikey: --area '{code}' is not a code of 6, 9 or 12 digits");
                    return 2;
                }

                var (secrets, records) = await CredentialCommand.SecretsAsync(settings, cancellation);
                Console.WriteLine(
                    await secrets.CreateApiKeyAsync(
                        result.GetValue(name)!,
                        result.GetValue(scope)!,
                        result.GetValue(area)!,
                        TimeSpan.FromDays(Math.Clamp(result.GetValue(days), 1, 3650)),
                        cancellation
                    )
                );
                await records.AddAsync(
                    TimeProvider.System.GetUtcNow().UtcDateTime,
                    "cli",
                    "apikey",
                    $"apikey:{result.GetValue(name)}",
                    $"{result.GetValue(scope)} {result.GetValue(area)}, {result.GetValue(days)} days",
                    cancellation
                );
                return 0;
            }
        );
        return command;
    }
}
