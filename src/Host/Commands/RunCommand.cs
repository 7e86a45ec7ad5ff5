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
    /// <summary>How long another service on the same folder has to finish its stop, which takes up to 20 s.</summary>
    private static readonly TimeSpan OtherStops = TimeSpan.FromSeconds(30);

    /// <summary>The settings the command was started with, for the message when it fails.</summary>
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
            async (result, _) =>
            {
                if (Load(result, config) is not { } settings)
                    return 1;
                using var signals = new StopSignals();
                try
                {
                    return await RunAsync(settings, signals);
                }
                catch (OperationCanceledException) when (signals.Asked.IsCancellationRequested && !signals.HostStarts)
                {
                    Console.WriteLine("vigil run: asked to stop before it had started");
                    return 0;
                }
            }
        );
        return command;
    }

    private static async Task<int> RunAsync(Settings settings, StopSignals signals)
    {
        var data = new DataFolder(settings.DataPath);
        using var running = await FileLock.TakeAsync(
            data.LockFile,
            "vigil run",
            what => Console.WriteLine("vigil run: " + what),
            OtherStops,
            signals.Asked
        );
        if (PortTaken(settings) is { } taken)
        {
            Console.Error.WriteLine(taken);
            return 1;
        }

        await using var app = Service.Build(settings, new SteadyClock(TimeProvider.System), signals);
        await Service.PrepareAsync(app.Services, signals.Asked);
        signals.Asked.ThrowIfCancellationRequested();
        if (data.Started(BackupRun.Version) is { } unwritten)
            Console.WriteLine($"vigil run: that it runs could not be written down ({unwritten}); it runs all the same");
        await app.StartAsync(CancellationToken.None);
        using var stopping = signals.Asked.Register(app.Lifetime.StopApplication);
        var heartbeats = app.Services.GetRequiredService<Heartbeats>();
        if (!signals.Asked.IsCancellationRequested)
            await SayRunningAsync(app, settings);
        try
        {
            await app.WaitForShutdownAsync(CancellationToken.None);
        }
        catch (Exception e) when (signals.Asked.IsCancellationRequested)
        {
            var why = e is OperationCanceledException ? "it took too long" : Failure.Words(e);
            Console.Error.WriteLine($"vigil run: not stopped in order ({why}); what was not acknowledged, devices send again");
            return heartbeats.Died ? Heartbeats.ExitCode : 1;
        }

        if (heartbeats.Died || heartbeats.Ended().Any(e => e.Why is not null))
            return Heartbeats.ExitCode;
        data.Stopped();
        return 0;
    }

    private static async Task SayRunningAsync(WebApplication app, Settings settings)
    {
        Console.WriteLine(
            $"Vigil (守望) is running. Duty board: {settings.Urls[0]}   MQTT: "
                + $"{(settings.Mqtt.Embedded ? "embedded broker" : settings.Mqtt.Host)}:{settings.Mqtt.Port}   data: "
                + $"{settings.DataPath}"
        );
        await using (var scope = app.Services.CreateAsyncScope())
        {
            if (!settings.Open && !await scope.ServiceProvider.GetRequiredService<Accounts>().HasAdministratorAsync(CancellationToken.None))
                Console.WriteLine(
                    $"Make the first administrator, within 15 minutes: "
                        + $"{Vigil.Notify.NotifyServices.PublicUrl(settings.Configuration)}"
                        + $"{app.Services.GetRequiredService<SignInLink>().Path}"
                );
        }

        if (app.Services.GetRequiredService<Vigil.Notify.Channels.Routes>().ReachNobody)
            Console.WriteLine("Warning: " + Health.NobodyIsReached);
        Console.WriteLine("Not a medical device; not a replacement for emergency services. Ctrl+C stops.");
    }

    /// <summary>The first port that another program uses, checked before anything is started; null when all are free.</summary>
    internal static Problem? PortTaken(Settings settings)
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

    /// <summary>
    /// Settings from the command line, files and the environment; prints all problems and returns null when there are any.
    /// </summary>
    public static Settings? Load(ParseResult result, Option<string[]> config)
    {
        string[] options = [.. result.CommandResult.Command.Options.Select(o => o.Name)];
        // The parser takes a misspelled option for the command's argument, such as a file named "--dryrun".
        var misspelled = result
            .Tokens.Where(t => t.Type == TokenType.Argument && t.Value.StartsWith("--", StringComparison.Ordinal))
            .Select(t => t.Value)
            .FirstOrDefault(t => !t.Contains('=', StringComparison.Ordinal) && !result.UnmatchedTokens.Contains(t));
        if (misspelled is null)
            return Load(result.GetValue(config) ?? [], result.UnmatchedTokens, null, options);
        Console.Error.WriteLine(Settings.Known.NoOption(misspelled, options));
        return null;
    }

    /// <summary>Reads and checks settings; prints all problems and returns null when there are any.</summary>
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
