using Microsoft.EntityFrameworkCore;
using Vigil.Model;
using Vigil.Notify;
using Vigil.Phones;
using Vigil.Registry;
using Vigil.Storage.Records;
using Vigil.Village;

namespace Vigil.Host.Commands;

/// <summary>One run of the demo: service, phone network and village in one process, until the days are over or somebody stops it.</summary>
internal static class DemoRun
{
    public static async Task<int> RunAsync(
        Settings settings,
        double speed,
        int residents,
        int mqttPort,
        int phonePort,
        double days,
        CancellationToken cancellation
    )
    {
        using var signals = new StopSignals();
        using var stop = CancellationTokenSource.CreateLinkedTokenSource(cancellation, signals.Asked);
        try
        {
            return await RunAsync(settings, speed, residents, mqttPort, phonePort, days, signals, stop.Token);
        }
        catch (OperationCanceledException) when (signals.Asked.IsCancellationRequested)
        {
            return 0; // stopped before the day began: nothing of it is kept
        }
    }

    private static async Task<int> RunAsync(
        Settings settings,
        double speed,
        int residents,
        int mqttPort,
        int phonePort,
        double days,
        StopSignals signals,
        CancellationToken cancellation
    )
    {
        // The simulated day begins at five in the morning of today.
        var today = TimeZoneInfo.ConvertTime(TimeProvider.System.GetUtcNow(), settings.Zone);
        var midnight = new DateTimeOffset(today.Year, today.Month, today.Day, 0, 0, 0, today.Offset);
        var wakes = midnight.AddHours(5);
        var clock = new FastClock(wakes, 1);
        var homes = Enumerable.Range(1, residents).Select(n => new Household(n, seed: 1)).ToList();
        var scenario = Scenario.Parse(Resource("demo.scenario"));

        var people = new DemoPeople(homes);
        await using var phones = await PhoneNetwork.StartAsync(
            new TwilioAccount(
                settings.Configuration["Twilio:AccountSid"]!,
                settings.Configuration["Twilio:AuthToken"]!,
                settings.Configuration["Twilio:From"]!,
                settings.Urls[0]
            ),
            clock,
            phonePort
        );
        await using var app = Service.Build(settings, clock, signals);
        await using var story = new Story(app, homes, people, phones, clock, settings);
        var records = app.Services.GetRequiredService<IDbContextFactory<RecordsDb>>();
        await records.MigrateAsync(cancellation);
        var (problems, summary) = await new RegistryImport(records, clock, id => settings.Profiles.Find(id) is not null).ImportAsync(
            new StringReader(DemoRegistry.Csv(homes)),
            "demo registry",
            dryRun: false,
            cancellation
        );
        if (problems.Count > 0)
            throw new InvalidOperationException(string.Join('\n', problems));
        var logins = await DemoRegistry.LoginsAsync(app.Services.GetRequiredService<Secrets>(), homes, cancellation);
        await Service.PrepareAsync(app.Services, cancellation);
        await app.StartAsync(cancellation);
        using var stopping = signals.Asked.Register(app.Lifetime.StopApplication);
        Console.WriteLine(
            $"守望 Vigil demo — a village of {homes.Count} residents, {logins.Count} devices. Not a medical device; not a replacement "
                + $"for emergency services."
        );
        Console.WriteLine(
            $"Duty board: {settings.Urls[0]}   MQTT: 127.0.0.1:{mqttPort}   one day takes "
                + $"{TimeSpan.FromSeconds(86400 / speed).TotalSeconds:0} s   Ctrl+C stops"
        );
        var village = new SimulatedVillage(homes, logins, "127.0.0.1", mqttPort, clock, settings.Zone);
        await village.ConnectAsync(cancellation);
        var delivered = await village.DeliverHistoryAsync(wakes.AddDays(-9), wakes, scenario, midnight, cancellation);
        Console.WriteLine(
            $"The water meters have delivered what they recorded in the last nine days: {delivered} messages, each acknowledged "
                + $"after its commit."
        );
        await TestPressAsync(app.Services, village, homes[0], phones, cancellation);
        // Nobody answers the test press: waits for the end of its calls before the day begins.
        clock.Speed = Math.Min(speed, 20);
        while (phones.NextAt is not null)
            await Task.Delay(TimeSpan.FromMilliseconds(50), TimeProvider.System, cancellation); // real time, not the village's
        people.SettleIn(phones);
        Console.WriteLine("It is five in the morning. Times are the village's.");
        Console.WriteLine();
        story.Begin();
        clock.Speed = speed;
        using var end = CancellationTokenSource.CreateLinkedTokenSource(cancellation, app.Lifetime.ApplicationStopping);
        var living = village.LiveAsync(scenario, midnight, end.Token);
        var waiting =
            days > 0 ? Task.Delay(TimeSpan.FromDays(days), clock, end.Token) : Task.Delay(Timeout.InfiniteTimeSpan, clock, end.Token);
        try
        {
            await await Task.WhenAny(living, waiting);
        }
        catch (OperationCanceledException)
        {
            // Ctrl+C
        }

        await end.CancelAsync();
        clock.Speed = 1;
        await village.DisposeAsync();
        await story.DisposeAsync();
        await app.StopAsync(CancellationToken.None);
        return 0;
    }

    /// <summary>
    /// The installer's test press. It proves that the whole path works, and compiles the code, so that the demo's first real press is fast.
    /// </summary>
    private static async Task TestPressAsync(
        IServiceProvider services,
        SimulatedVillage village,
        Household home,
        PhoneNetwork phones,
        CancellationToken cancellation
    )
    {
        var rings = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        void OnHappened(PhoneEvent happened) => rings.TrySetResult();
        phones.Happened += OnHappened;
        await village.PressAsync(home, cancellation);
        await rings.Task.WaitAsync(TimeSpan.FromSeconds(30), cancellation);
        phones.Happened -= OnHappened;
        await using var db = await services.GetRequiredService<IDbContextFactory<RecordsDb>>().CreateDbContextAsync(cancellation);
        foreach (
            var alarm in await db
                .Alarms.Where(a => a.State != AlarmState.Resolved && a.Kind == AlarmKind.Sos.Name)
                .ToListAsync(cancellation)
        )
            await services
                .GetRequiredService<AlarmDesk>()
                .ResolveAsync(alarm.Id, "installer", Resolution.Test, "test press at installation", cancellation);
        Console.WriteLine($"Test press of {home.Id}: heard, told, and resolved as a test.");
    }

    private static string Resource(string name)
    {
        using var stream = typeof(Household).Assembly.GetManifestResourceStream(name)!;
        using var reader = new StreamReader(stream);
        return reader.ReadToEnd();
    }
}
