using System.CommandLine;
using System.CommandLine.Parsing;
using Vigil.Host.Backup;
using Vigil.Model;
using Vigil.Settings;
using Vigil.Storage;
using Vigil.Web;
using Vigil.Web.Accounts;

namespace Vigil.Host.Commands;

/// <summary><c>vigil run</c>: the service.</summary>
internal static class RunCommand
{
    /// <summary>One that is just going needs up to 20 s.</summary>
    private static readonly TimeSpan OtherStops = TimeSpan.FromSeconds(30);

    /// <summary>What the command was started with, for what is said when it fails.</summary>
    internal static Settings? Loaded { get; private set; }

    public static Option<string[]> ConfigOption() =>
        new("--config") { Description = "Configuration file (JSON); may be given several times, the last wins" };

    public static Command Create()
    {
        var config = ConfigOption();
        var command = new Command("run", "Runs the service; settings also as --Section:Key=value or from the environment (Section__Key)")
        {
            config,
        };
        command.TreatUnmatchedTokensAsErrors = false;
        command.SetAction(
            async (result, cancellation) =>
            {
                if (Load(result, config) is not { } settings)
                    return 1;
                var data = new DataFolder(settings.DataPath);
                using var running = await FileLock.TakeAsync(
                    data.LockFile,
                    "vigil run",
                    what => Console.WriteLine("vigil run: " + what),
                    OtherStops,
                    cancellation
                );
                if (PortTaken(settings) is { } taken)
                {
                    Console.Error.WriteLine(taken);
                    return 1;
                }

                await using var app = Service.Build(settings, new SteadyClock(TimeProvider.System));
                await Service.PrepareAsync(app.Services, cancellation);
                if (data.Started(BackupRun.Version) is { } unwritten)
                    Console.WriteLine($"vigil run: that it runs could not be written down ({unwritten}); it runs all the same");
                await app.StartAsync(cancellation);
                var heartbeats = app.Services.GetRequiredService<Heartbeats>();
                Console.WriteLine(
                    $"Vigil (守望) is running. Duty board: {settings.Urls[0]}   MQTT: "
                        + $"{(settings.Mqtt.Embedded ? "embedded broker" : settings.Mqtt.Host)}:{settings.Mqtt.Port}   data: "
                        + $"{settings.DataPath}"
                );
                await using (var scope = app.Services.CreateAsyncScope())
                {
                    if (!settings.Open && !await scope.ServiceProvider.GetRequiredService<Accounts>().HasAdministratorAsync(cancellation))
                        Console.WriteLine(
                            $"Make the first administrator, within 15 minutes: "
                                + $"{Vigil.Notify.NotifyServices.PublicUrl(settings.Configuration)}"
                                + $"{app.Services.GetRequiredService<SignInLink>().Path}"
                        );
                }

                if (app.Services.GetRequiredService<Vigil.Notify.Channels.Routes>().ReachNobody)
                    Console.WriteLine("Warning: " + Health.NobodyIsReached);
                Console.WriteLine("Not a medical device; not a replacement for emergency services. Ctrl+C stops.");
                await app.WaitForShutdownAsync(cancellation);
                if (heartbeats.Died || heartbeats.Ended().Any(e => e.Why is not null))
                    return Heartbeats.ExitCode;
                data.Stopped();
                return 0;
            }
        );
        return command;
    }

    /// <summary>Looked at before anything is begun: a port that somebody else has.</summary>
    private static Problem? PortTaken(Settings settings)
    {
        foreach (var (setting, value, address) in Listening.Addresses(settings))
        {
            var ip =
                System.Net.IPAddress.TryParse(address.Host.Trim('[', ']'), out var one) ? one
                : address.Host == "localhost" ? System.Net.IPAddress.Loopback
                : System.Net.IPAddress.Any;
            using var listener = new System.Net.Sockets.TcpListener(ip, address.Port);
            try
            {
                listener.Start();
            }
            catch (System.Net.Sockets.SocketException e)
            {
                return new Problem(
                    setting,
                    0,
                    "",
                    value,
                    $"can't be listened on ({e.Message}): another program has the port, or the address is not this machine's"
                );
            }
        }

        return null;
    }

    /// <summary>What a command was told on its line, in files and in the environment; null after every problem has been printed.</summary>
    public static Settings? Load(ParseResult result, Option<string[]> config)
    {
        string[] options = [.. result.CommandResult.Command.Options.Select(o => o.Name)];
        // A misspelled option is taken for the command's argument, a file named "--dryrun".
        var misspelled = result
            .Tokens.Where(t => t.Type == TokenType.Argument && t.Value.StartsWith("--", StringComparison.Ordinal))
            .Select(t => t.Value)
            .FirstOrDefault(t => !t.Contains('=', StringComparison.Ordinal) && !result.UnmatchedTokens.Contains(t));
        if (misspelled is null)
            return Load(result.GetValue(config) ?? [], result.UnmatchedTokens, null, options);
        Console.Error.WriteLine(Settings.Known.NoOption(misspelled, options));
        return null;
    }

    /// <summary>Settings, or null after every problem has been printed.</summary>
    public static Settings? Load(
        IEnumerable<string> files,
        IReadOnlyList<string> arguments,
        IReadOnlyDictionary<string, string?>? fixedValues = null,
        IReadOnlyCollection<string>? options = null
    )
    {
        var problems = new List<Problem>();
        var settings = Check(files, arguments, fixedValues, options ?? [], problems);
        foreach (var problem in problems)
            Console.Error.WriteLine(problem);
        if (problems.Count > 0)
            Console.Error.WriteLine($"vigil: {problems.Count} problem{(problems.Count == 1 ? "" : "s")}; nothing was started");
        return problems.Count > 0 ? null : Loaded = settings;
    }

    internal static Settings? Check(
        IEnumerable<string> files,
        IReadOnlyList<string> arguments,
        IReadOnlyDictionary<string, string?>? fixedValues,
        IReadOnlyCollection<string> options,
        List<Problem> problems
    )
    {
        problems.AddRange(KnownSettings.Unread(arguments, out var readable));
        try
        {
            return Settings.Check(Settings.Read(files, readable, fixedValues), problems, options);
        }
        catch (Exception e) when (e is InvalidDataException or FileNotFoundException or FormatException)
        {
            problems.Add(
                new Problem("configuration", 0, "", "", e.InnerException is null ? e.Message : $"{e.Message} {e.InnerException.Message}")
            );
            return null;
        }
    }
}
