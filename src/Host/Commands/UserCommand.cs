using System.CommandLine;
using Microsoft.AspNetCore.DataProtection;
using Microsoft.EntityFrameworkCore;
using Vigil.Storage.Records;
using Vigil.Web.Accounts;

namespace Vigil.Host.Commands;

/// <summary>
/// <c>vigil user</c>: manages accounts from the command line, for the case that nobody can sign in. Passwords are never given here: each
/// person sets their own with a link.
/// </summary>
internal static class UserCommand
{
    private const string By = "command line";

    public static Command Create()
    {
        var command = new Command("user", "Accounts of people: add, list, disable, enable, reset");
        var name = new Argument<string>("name") { Description = "User name" };
        var role = new Option<string>("--role") { Description = string.Join(", ", Roles.All), DefaultValueFactory = _ => Roles.Duty };
        var area = new Option<string>("--area")
        {
            Description = "Area code the account is bound to; none: everything",
            DefaultValueFactory = _ => "",
        };
        var person = new Option<string>("--person") { Description = "The person's name", DefaultValueFactory = _ => "" };
        command.Add(
            Sub(
                "add",
                "Makes an account and shows the link with which the person sets a password",
                [name, role, area, person],
                async (result, accounts, _, url, c) =>
                {
                    var given = result.GetValue(name)!;
                    if (
                        await accounts.AddAsync(
                            given,
                            result.GetValue(role)!,
                            result.GetValue(area)!,
                            result.GetValue(person)!,
                            password: null,
                            By,
                            c
                        ) is
                        { } wrong
                    )
                        return Refuse(wrong.En);
                    Console.WriteLine($"Good once, for a day: {url}{await accounts.LinkAsync((await accounts.FindAsync(given))!, By, c)}");
                    return 0;
                }
            )
        );
        command.Add(
            Sub(
                "list",
                "Accounts with role, area and last sign-in",
                [],
                async (_, _, records, _, c) =>
                {
                    await using var db = await records.CreateDbContextAsync(c);
                    foreach (var u in await db.Set<User>().AsNoTracking().OrderBy(u => u.UserName).ToListAsync(c))
                    {
                        var state =
                            u.Disabled ? "disabled"
                            : u.PasswordHash is null ? "no password yet"
                            : u.TwoFactorEnabled ? "second factor"
                            : "password";
                        Console.WriteLine($"{u.UserName}\t{u.Role}\t{u.Area}\t{state}\t{u.LastSignInAt:yyyy-MM-ddTHH:mm:ssZ}");
                    }
                    return 0;
                }
            )
        );
        foreach (
            var (word, says, disabled) in new[]
            {
                ("disable", "Lets nobody sign in with it; who is signed in is out within a minute", true),
                ("enable", "Lets its person sign in again", false),
            }
        )
        {
            command.Add(
                Sub(
                    word,
                    says,
                    [name],
                    async (result, accounts, _, _, c) =>
                    {
                        if (await accounts.FindAsync(result.GetValue(name)!) is not { } user)
                            return Refuse($"there is no account '{result.GetValue(name)}'");
                        await accounts.ChangeAsync(user, By, word + "d", u => u.Disabled = disabled, c);
                        return 0;
                    }
                )
            );
        }

        command.Add(
            Sub(
                "reset",
                "Forgets the second factor and shows a link to set a new password",
                [name],
                async (result, accounts, _, url, c) =>
                {
                    if (await accounts.FindAsync(result.GetValue(name)!) is not { } user)
                        return Refuse($"there is no account '{result.GetValue(name)}'");
                    await accounts.SecondFactors.ForgetAsync(user, By, c);
                    Console.WriteLine($"Good once, for a day: {url}{await accounts.LinkAsync(user, By, c)}");
                    return 0;
                }
            )
        );
        return command;
    }

    private static Command Sub(
        string word,
        string says,
        Symbol[] symbols,
        Func<ParseResult, Accounts, RecordsFactory, string, CancellationToken, Task<int>> act
    )
    {
        var config = RunCommand.ConfigOption();
        var command = new Command(word, says) { config };
        foreach (var symbol in symbols)
        {
            if (symbol is Argument argument)
                command.Add(argument);
            else
                command.Add((Option)symbol);
        }

        command.TreatUnmatchedTokensAsErrors = false;
        command.SetAction(
            async (result, cancellation) =>
            {
                if (RunCommand.Load(result, config) is not { } settings)
                    return 1;
                var services = new ServiceCollection();
                services.AddLogging().AddSingleton(TimeProvider.System).AddRecords(settings.Configuration, settings.DataPath);
                // The same keys as the service, which has to accept the link.
                services
                    .AddDataProtection()
                    .SetApplicationName("vigil")
                    .PersistKeysToFileSystem(new DirectoryInfo(Path.Combine(settings.DataPath, "keys")));
                services.AddAccounts(new AccountsOptions(settings.SecondFactor));
                await using var provider = services.BuildServiceProvider();
                var records = provider.GetRequiredService<RecordsFactory>();
                await records.MigrateAsync(cancellation);
                await using var scope = provider.CreateAsyncScope();
                return await act(
                    result,
                    scope.ServiceProvider.GetRequiredService<Accounts>(),
                    records,
                    settings.Configuration["Http:PublicUrl"] is { Length: > 0 } url ? url.TrimEnd('/') : settings.Urls[0].TrimEnd('/'),
                    cancellation
                );
            }
        );
        return command;
    }

    private static int Refuse(string why)
    {
        Console.Error.WriteLine($"vigil user: {why}");
        return 2;
    }
}
