using System.CommandLine;
using Vigil.Model;
using Vigil.Storage.Records;

namespace Vigil.Host.Commands;

/// <summary><c>vigil apikey</c>: creates a key of the HTTP API and shows it once.</summary>
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
