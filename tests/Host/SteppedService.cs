using Microsoft.AspNetCore.Builder;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Vigil.Host;
using Vigil.Host.Intake;
using Vigil.Ingest.Mqtt;
using Vigil.Model;
using Vigil.Notify.Escalation;
using Vigil.Storage.Records;

namespace Vigil.Tests.Host;

/// <summary>
/// The whole service put together but not started. A test moves the machine's clocks and lets each loop turn once, one after another. It
/// has a home with a button and twelve meters that report every hour; the outbox shows who was told.
/// </summary>
internal sealed class SteppedService : IAsyncDisposable
{
    private readonly string folder;
    private readonly WebApplication app;

    private SteppedService(string folder, JumpingClock machine, Vigil.Host.Settings settings)
    {
        (this.folder, Machine, Clock) = (folder, machine, new SteadyClock(machine));
        app = Service.Build(settings, Clock);
    }

    public JumpingClock Machine { get; }

    public string Folder => folder;

    public SteadyClock Clock { get; }

    public IDbContextFactory<RecordsDb> Records => Get<IDbContextFactory<RecordsDb>>();

    public T Get<T>()
        where T : notnull => app.Services.GetRequiredService<T>();

    /// <param name="machine">The machine's clocks, as they are when the service starts.</param>
    /// <param name="folder">Data folder of a service that ran before; null makes a new one.</param>
    public static async Task<SteppedService> BeginAsync(JumpingClock machine, string? folder = null)
    {
        var isNew = folder is null;
        folder ??= Directory.CreateTempSubdirectory("vigil-still-").FullName;
        var problems = new List<Problem>();
        var settings = Vigil.Host.Settings.Check(
            new ConfigurationBuilder()
                .AddInMemoryCollection(
                    new Dictionary<string, string?>
                    {
                        ["Data:Path"] = folder,
                        ["Http:Urls"] = "http://127.0.0.1:1",
                        ["Health:LoopSeconds"] = "86400",
                        ["Health:CanaryMinutes"] = "0",
                    }
                )
                .Build(),
            problems
        );
        Assert.Empty(problems);
        var service = new SteppedService(folder, machine, settings!);
        await service.Records.MigrateAsync();
        if (isNew)
        {
            await using var db = await service.Records.CreateDbContextAsync();
            db.DutyOfficers.Add(
                new DutyOfficer
                {
                    Id = "s1",
                    Name = "周主管",
                    Area = "440114",
                    Phone = "+8613800138009",
                    Supervisor = true,
                }
            );
            db.DutyOfficers.Add(
                new DutyOfficer
                {
                    Id = "d1",
                    Name = "李值班",
                    Area = "440114",
                    Phone = "+8613800138008",
                }
            );
            db.Visitors.Add(
                new Visitor
                {
                    Id = "v1",
                    Name = "陈探访",
                    Phone = "+8613800138007",
                    Area = "440114003201",
                }
            );
            var home = new Resident
            {
                Id = "R1",
                Name = "王秀英",
                Area = "440114003201",
                VisitorId = "v1",
                UpdatedAt = machine.GetUtcNow().UtcDateTime,
            };
            for (var i = 1; i <= 2; i++)
                home.Contacts.Add(
                    new Contact
                    {
                        Id = Guid.NewGuid(),
                        ResidentId = "R1",
                        Order = i,
                        Name = $"王{i}",
                        Phone = $"+861380013800{i}",
                    }
                );
            home.Devices.Add(
                new Device
                {
                    Id = "sos-1",
                    Profile = "senml",
                    ResidentId = "R1",
                    InstalledAt = machine.GetUtcNow().UtcDateTime,
                }
            );
            for (var i = 1; i <= 12; i++)
                home.Devices.Add(
                    new Device
                    {
                        Id = $"meter-{i}",
                        Profile = "senml",
                        ResidentId = "R1",
                        ReportMinutes = 60,
                        InstalledAt = machine.GetUtcNow().UtcDateTime,
                    }
                );
            db.Residents.Add(home);
            await db.SaveChangesAsync();
        }

        await Service.PrepareAsync(service.app.Services, CancellationToken.None);
        await service.Get<LiveRegistry>().ReloadAsync(CancellationToken.None);
        await service.Get<Pipeline>().StartAsync(CancellationToken.None);
        return service;
    }

    /// <summary>Lets time pass in steps, a second each unless said otherwise; after each step every loop turns once.</summary>
    public async Task PassAsync(int turns, double seconds = 1)
    {
        for (var i = 0; i < turns; i++)
        {
            Machine.Advance(TimeSpan.FromSeconds(seconds));
            await TurnAsync(TimeSpan.FromSeconds(1));
        }
    }

    /// <summary>Time passes while no loop turns, as when the process is stopped; then every loop turns once.</summary>
    public async Task FreezeAsync(TimeSpan time)
    {
        Machine.Advance(time);
        await TurnAsync(time);
    }

    private async Task TurnAsync(TimeSpan waited)
    {
        await Get<ClockWatch>().TurnAsync(waited, CancellationToken.None);
        await Get<Housekeeping>().TurnAsync(waited, CancellationToken.None);
        await LookAsync();
    }

    /// <summary>Escalation, sending, the service's own watch and the auditor turn once.</summary>
    public async Task LookAsync()
    {
        await Get<Escalator>().CycleAsync(CancellationToken.None);
        await Get<Dispatcher>().DrainAsync(CancellationToken.None);
        await Get<SelfWatch>().LookAsync(CancellationToken.None);
        await Get<Auditor>().LookAsync(CancellationToken.None);
    }

    public async Task<Receipt> SayAsync(string device, string payload)
    {
        var said = System.Text.Encoding.UTF8.GetBytes(payload);
        return await Get<Pipeline>()
            .ReceiveAsync(
                new InboundMessage(
                    $"vigil/{device}/up",
                    said,
                    Clock.GetUtcNow().UtcDateTime,
                    Retained: false,
                    new Sender(device, false, [])
                ),
                CancellationToken.None
            );
    }

    public Task<Receipt> PressAsync() => SayAsync("sos-1", """[{"n":"button","vs":"sos"}]""");

    public async Task MetersAsync(double total)
    {
        for (var i = 1; i <= 12; i++)
            Assert.Equal(
                Receipt.Committed,
                await SayAsync(
                    $"meter-{i}",
                    $$"""[{"n":"water.volume","u":"m3","v":{{total.ToString(System.Globalization.CultureInfo.InvariantCulture)}}}]"""
                )
            );
    }

    public async Task<List<Alarm>> AlarmsAsync(string? kind = null)
    {
        await using var db = await Records.CreateDbContextAsync();
        return await db
            .Alarms.AsNoTracking()
            .Include(a => a.Steps)
            .Include(a => a.Timeline)
            .Where(a => kind == null || a.Kind == kind)
            .OrderBy(a => a.Id)
            .ToListAsync();
    }

    /// <summary>Who has been told of an alarm and by which channel, in order.</summary>
    public async Task<List<string>> ToldAsync(Guid alarm)
    {
        await using var db = await Records.CreateDbContextAsync();
        var told = await db
            .Notices.AsNoTracking()
            .Where(n => n.AlarmId == alarm && n.State != NoticeState.Cancelled)
            .OrderBy(n => n.Id)
            .ToListAsync();
        return told.ConvertAll(n => $"{n.RecipientName} {n.Channel.Word()}");
    }

    /// <summary>Ends as if killed: the data folder stays as it is.</summary>
    public async Task<string> EndAsync()
    {
        await Get<Pipeline>().StopAsync(CancellationToken.None);
        await app.DisposeAsync();
        return folder;
    }

    public async ValueTask DisposeAsync()
    {
        await EndAsync();
        Microsoft.Data.Sqlite.SqliteConnection.ClearAllPools();
        Directory.Delete(folder, recursive: true);
    }
}
