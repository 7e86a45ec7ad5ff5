using Microsoft.AspNetCore.Builder;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Vigil.Host;
using Vigil.Host.Intake;
using Vigil.Ingest.Mqtt;
using Vigil.Model;
using Vigil.Storage.Records;
using Vigil.Tests.Servers;

namespace Vigil.Tests.Host;

/// <summary>The whole service in this process, with a home whose button a test can press and with loops that a test can stop.</summary>
internal sealed class ServiceUnderTest : IAsyncDisposable
{
    private DirectoryInfo data = null!;
    private bool keepsData;
    private WebApplication app = null!;

    public IServiceProvider Services => app.Services;

    public HttpClient Http { get; } = new();

    public IDbContextFactory<RecordsDb> Records => Services.GetRequiredService<IDbContextFactory<RecordsDb>>();

    /// <param name="settings">Settings as Section:Key and value.</param>
    /// <param name="data">A data folder that is kept when this service ends, so that another can start on it; null for one that is
    /// deleted.</param>
    /// <param name="exits">Whether a loop that ends also ends the service, as in the real program.</param>
    public static async Task<ServiceUnderTest> StartAsync(Dictionary<string, string?> settings, string? data = null, bool exits = false)
    {
        var service = new ServiceUnderTest
        {
            data = data is null ? Directory.CreateTempSubdirectory("vigil-service-") : new DirectoryInfo(data),
            keepsData = data is not null,
        };
        var port = Server.FreePort();
        var problems = new List<Problem>();
        var configuration = new ConfigurationBuilder()
            .AddInMemoryCollection(
                new Dictionary<string, string?>(settings)
                {
                    ["Health:CanaryMinutes"] = settings.GetValueOrDefault("Health:CanaryMinutes", "0"),
                    ["Data:Path"] = service.data.FullName,
                    ["Http:Urls"] = $"http://127.0.0.1:{port}",
                    ["Mqtt:Port"] = $"{Server.FreePort()}",
                }
            )
            .Build();
        var checkedSettings = Vigil.Host.Settings.Check(configuration, problems);
        Assert.Empty(problems);
        service.app = Service.Build(checkedSettings!, TimeProvider.System);
        // A loop that a test stops must not stop the host.
        if (!exits)
            service
                .Services.GetRequiredService<Microsoft.Extensions.Options.IOptions<Microsoft.Extensions.Hosting.HostOptions>>()
                .Value.BackgroundServiceExceptionBehavior = Microsoft.Extensions.Hosting.BackgroundServiceExceptionBehavior.Ignore;
        service.Http.BaseAddress = new Uri($"http://127.0.0.1:{port}");
        await Service.PrepareAsync(service.Services, CancellationToken.None);
        await using (var db = await service.Records.CreateDbContextAsync())
        {
            if (!await db.Residents.AnyAsync())
                await RegisterAsync(db);
        }

        await service.Services.GetRequiredService<LiveRegistry>().ReloadAsync(CancellationToken.None);
        await service.app.StartAsync();
        return service;
    }

    private static async Task RegisterAsync(RecordsDb db)
    {
        var home = new Resident
        {
            Id = "R1",
            Name = "王秀英",
            Area = "440114003201",
            CreatedAt = DateTime.UnixEpoch,
            UpdatedAt = TimeProvider.System.GetUtcNow().UtcDateTime,
        };
        home.Contacts.Add(
            new Contact
            {
                Id = Guid.NewGuid(),
                ResidentId = "R1",
                Order = 1,
                Name = "王小明",
                Phone = "+8613800138001",
            }
        );
        home.Devices.Add(
            new Device
            {
                Id = "sos-1",
                Profile = "senml",
                ResidentId = "R1",
                InstalledAt = DateTime.UnixEpoch,
            }
        );
        db.Residents.Add(home);
        await db.SaveChangesAsync();
    }

    /// <summary>Registers homes H0, H1, … with buttons press-0, press-1, ….</summary>
    public async Task RegisterAsync(int homes)
    {
        await using (var db = await Records.CreateDbContextAsync())
        {
            for (var i = 0; i < homes; i++)
            {
                db.Residents.Add(
                    new Resident
                    {
                        Id = $"H{i}",
                        Name = "李四",
                        Area = $"4401140{i % 100_000:00000}",
                        CreatedAt = DateTime.UnixEpoch,
                        UpdatedAt = TimeProvider.System.GetUtcNow().UtcDateTime,
                    }
                );
                db.Devices.Add(
                    new Device
                    {
                        Id = $"press-{i}",
                        Profile = "senml",
                        ResidentId = $"H{i}",
                        InstalledAt = DateTime.UnixEpoch,
                    }
                );
            }

            await db.SaveChangesAsync();
        }

        await Services.GetRequiredService<LiveRegistry>().ReloadAsync(CancellationToken.None);
    }

    public ValueTask<Receipt> PressAsync(string device = "sos-1") => SayAsync(device, """[{"n":"button","vs":"sos"}]""");

    public ValueTask<Receipt> SayAsync(string device, string payload) =>
        Services
            .GetRequiredService<Pipeline>()
            .ReceiveAsync(
                new InboundMessage(
                    $"vigil/{device}/up",
                    System.Text.Encoding.UTF8.GetBytes(payload),
                    TimeProvider.System.GetUtcNow().UtcDateTime,
                    Retained: false,
                    new Sender(device, false, [])
                ),
                CancellationToken.None
            );

    /// <summary>Repeats the request until its answer fulfils the condition.</summary>
    public async Task<string> UntilAsync(string path, Func<int, string, bool> holds, double seconds = 30)
    {
        var begun = TimeProvider.System.GetTimestamp();
        while (true)
        {
            using var answer = await Http.GetAsync(new Uri(path, UriKind.Relative));
            var text = await answer.Content.ReadAsStringAsync();
            if (holds((int)answer.StatusCode, text))
                return text;
            if (TimeProvider.System.GetElapsedTime(begun).TotalSeconds > seconds)
                throw new TimeoutException($"{path} still answers {(int)answer.StatusCode} {text}");
            await Task.Delay(TimeSpan.FromMilliseconds(100), TimeProvider.System);
        }
    }

    /// <summary>Repeats a query until it holds.</summary>
    public async Task UntilDbAsync(Func<RecordsDb, Task<bool>> holds, double seconds = 30)
    {
        var begun = TimeProvider.System.GetTimestamp();
        while (true)
        {
            await using var db = await Records.CreateDbContextAsync();
            if (await holds(db))
                return;
            if (TimeProvider.System.GetElapsedTime(begun).TotalSeconds > seconds)
                throw new TimeoutException("the records do not say so");
            await Task.Delay(TimeSpan.FromMilliseconds(50), TimeProvider.System);
        }
    }

    public async Task StopAsync() => await app.StopAsync();

    public async ValueTask DisposeAsync()
    {
        await app.StopAsync();
        await app.DisposeAsync();
        Http.Dispose();
        Microsoft.Data.Sqlite.SqliteConnection.ClearAllPools();
        if (!keepsData)
            data.Delete(recursive: true);
    }
}
