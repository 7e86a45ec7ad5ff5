using System.Net;
using System.Net.Http.Headers;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using Vigil.Model;
using Vigil.Notify;
using Vigil.Notify.Escalation;
using Vigil.Notify.Messages;
using Vigil.Registry;
using Vigil.Storage.Readings;
using Vigil.Storage.Records;
using Vigil.Web;
using static Vigil.Tests.Web.Running;

namespace Vigil.Tests.Web;

/// <summary>
/// The console on a real Kestrel at a free loopback port, with SQLite and DuckDB in a folder of its own and one home in each of two
/// counties.
/// </summary>
public sealed class ConsoleServer : IAsyncDisposable
{
    public const string Here = "441900003001";
    public const string There = "440100001001";

    private static readonly Lazy<Vigil.Web.Operations.DeviceProfiles> Profiles = new(() =>
        Vigil.Host.PageProfiles.Of(Vigil.Ingest.Profiles.ProfileSet.Load(Vigil.Host.Settings.DevicesPath(null), []))
    );

    private readonly DirectoryInfo data = Directory.CreateTempSubdirectory("vigil-console");
    private readonly WebApplication app;

    private ConsoleServer(
        bool open,
        ConsoleOptions? options,
        Vigil.Web.Accounts.AccountsOptions? accounts,
        Vigil.Web.HttpOptions? http,
        Dictionary<string, string?>? settings,
        string? postgres
    )
    {
        var zone = TimeZoneInfo.FindSystemTimeZoneById("Asia/Shanghai");
        var config = Path.Combine(AppContext.BaseDirectory, "config");
        foreach (var file in new[] { "rules.yaml", "holidays.yaml" })
            File.Copy(Path.Combine(config, file), Path.Combine(data.FullName, file));
        List<Problem> problems = [];
        var messages = MessageTexts.Load(Path.Combine(config, "messages.yaml"), zone, problems);
        var policies = Policies.Load(Path.Combine(config, "policies.yaml"), problems);
        Assert.Empty(problems);
        // Development, so that the pages' own files are served from the build folder.
        var builder = WebApplication.CreateBuilder(
            new WebApplicationOptions
            {
                ApplicationName = "vigil",
                ContentRootPath = AppContext.BaseDirectory,
                EnvironmentName = "Development",
            }
        );
        builder.Configuration.AddInMemoryCollection(settings ?? []);
        builder.Logging.ClearProviders();
        if (postgres is not null)
            builder.Configuration.AddInMemoryCollection(
                new Dictionary<string, string?> { ["Records:Store"] = "Postgres", ["Records:ConnectionString"] = postgres }
            );
        builder.WebHost.ConfigureKestrel(k => k.Listen(IPAddress.Loopback, 0));
        builder
            .Services.AddSingleton(TimeProvider.System)
            .AddSingleton(zone)
            .AddReadings(builder.Configuration, data.FullName)
            .AddRecords(builder.Configuration, data.FullName)
            .AddSingleton<Retention>()
            .AddSingleton(new HomeFacts(_ => new Reporting(null, [])))
            .AddSingleton(new System.Diagnostics.Metrics.Meter("Vigil.Tests"))
            .AddSingleton<Secrets>()
            .AddSingleton<Func<RegistryImport>>(s =>
                () => new RegistryImport(s.GetRequiredService<IDbContextFactory<RecordsDb>>(), TimeProvider.System, p => p == "senml")
            )
            .AddSingleton(s =>
                ActivatorUtilities.CreateInstance<Vigil.Web.Operations.ImportJobs>(s, Path.Combine(data.FullName, "uploads"))
            )
            .AddSingleton<Vigil.Web.Operations.KnowsProfile>(_ => p => p is "senml" or "zigbee2mqtt")
            .AddSingleton(Profiles.Value)
            .AddNotify(builder.Configuration, policies!, messages!, data.FullName)
            .AddWeb(open, RulesPath, options, accounts, http);
        app = builder.Build();
        app.MapGet("/healthz/live", () => Results.Text("live"));
        app.MapConsole();
    }

    /// <summary>A rules file that only this server uses, so a test may change it.</summary>
    public string RulesPath => Path.Combine(data.FullName, "rules.yaml");

    public Uri Url => new(app.Urls.First());

    public IServiceProvider Services => app.Services;

    public AlarmDesk Desk => Services.GetRequiredService<AlarmDesk>();

    public IDbContextFactory<RecordsDb> Records => Services.GetRequiredService<IDbContextFactory<RecordsDb>>();

    public static async Task<ConsoleServer> StartAsync(
        bool open = false,
        ConsoleOptions? options = null,
        Vigil.Web.Accounts.AccountsOptions? accounts = null,
        Vigil.Web.HttpOptions? http = null,
        Dictionary<string, string?>? settings = null,
        string? postgres = null
    )
    {
        var server = new ConsoleServer(open, options, accounts, http, settings, postgres);
        await server.Records.MigrateAsync(Token);
        await using (var db = await server.Records.CreateDbContextAsync(Token))
        {
            foreach (var (id, name, area) in new[] { ("R-here", "王秀英", Here), ("R-there", "李桂兰", There) })
            {
                var now = TimeProvider.System.GetUtcNow().UtcDateTime;
                var home = new Resident
                {
                    Id = id,
                    Name = name,
                    Area = area,
                    Address = "一巷1号",
                    Categories = "独居",
                    ConsentDailyLife = true,
                    HomeLatitude = 23.11,
                    HomeLongitude = 113.86,
                    CreatedAt = now,
                    UpdatedAt = now,
                };
                home.Contacts.Add(
                    new Contact
                    {
                        Id = Guid.NewGuid(),
                        ResidentId = id,
                        Order = 1,
                        Name = "王建国",
                        Relation = "儿子",
                        Phone = "+8613800138000",
                    }
                );
                home.Devices.Add(
                    new Device
                    {
                        Id = "meter-" + id,
                        Profile = "senml",
                        ResidentId = id,
                        InstalledAt = now,
                    }
                );
                db.Residents.Add(home);
                db.Visits.Add(
                    new Visit
                    {
                        Id = Guid.NewGuid(),
                        ResidentId = id,
                        Time = now,
                        Form = "home",
                        RecordedBy = "test",
                        Condition = name,
                    }
                );
                db.Absences.Add(
                    new Absence
                    {
                        Id = Guid.NewGuid(),
                        ResidentId = id,
                        From = now,
                        Until = now.AddDays(1),
                        Author = "test",
                        Reason = name,
                    }
                );
                db.Rejected.Add(
                    new RejectedPayload
                    {
                        Received = now,
                        Topic = $"vigil/meter-{id}/up",
                        Device = "meter-" + id,
                        Payload = "<img src=x onerror=alert(1)>"u8.ToArray(),
                        Reason = Wording.Same("not JSON"),
                    }
                );
            }

            await db.SaveChangesAsync(Token);
        }

        await server.app.StartAsync(Token);
        return server;
    }

    public async Task<HttpClient> ClientAsync(string? scopes, string area = "")
    {
        var client = new HttpClient(new SocketsHttpHandler { AllowAutoRedirect = false }) { BaseAddress = Url };
        if (scopes is not null)
            client.DefaultRequestHeaders.Authorization = new AuthenticationHeaderValue(
                "Bearer",
                await Services.GetRequiredService<Secrets>().CreateApiKeyAsync("test", scopes, area, null, Token)
            );
        return client;
    }

    public async Task<Alarm> RaiseAsync(string resident, AlarmKind kind, string reason = "pressed", string reasonZh = "按下了紧急呼叫按钮")
    {
        var change = Assert.Single(
            await Desk.CommitAsync(
                [
                    new Finding(
                        resident,
                        kind,
                        kind.DefaultSeverity,
                        FindingChange.Opened,
                        Guid.NewGuid().ToString(),
                        0,
                        TimeProvider.System.GetUtcNow().UtcDateTime,
                        reason,
                        reasonZh
                    ),
                ],
                Token
            )
        );
        return await FindAsync(change.AlarmId);
    }

    /// <summary>The session cookie that a sign-in has set.</summary>
    public static string CookieOf(HttpResponseMessage answer) =>
        Assert.Single(answer.Headers.GetValues("Set-Cookie"), c => c.StartsWith("vigil=", StringComparison.Ordinal)).Split(';')[0];

    public async Task<Alarm> FindAsync(Guid id)
    {
        await using var db = await Records.CreateDbContextAsync(Token);
        return await db.Alarms.AsNoTracking().FirstAsync(a => a.Id == id, Token);
    }

    /// <summary>The link in the first notice of an alarm, as the escalation sent it.</summary>
    public async Task<string> LinkAsync(Guid alarm)
    {
        for (var tries = 0; tries < 200; tries++)
        {
            await using var db = await Records.CreateDbContextAsync(Token);
            var text = await db
                .Notices.Where(n => n.AlarmId == alarm)
                .OrderBy(n => n.CreatedAt)
                .Select(n => n.Text)
                .FirstOrDefaultAsync(Token);
            if (text is not null && text.IndexOf("/c/", StringComparison.Ordinal) is >= 0 and var at)
                return new string([.. text[at..].TakeWhile(c => char.IsAsciiLetterOrDigit(c) || c is '/' or '-' or '_')]);
            await Task.Delay(TimeSpan.FromMilliseconds(50), TimeProvider.System, Token);
        }

        throw new TimeoutException("no notice with a link within ten seconds");
    }

    public async ValueTask DisposeAsync()
    {
        await app.StopAsync();
        await app.DisposeAsync();
        Microsoft.Data.Sqlite.SqliteConnection.ClearAllPools();
        data.Delete(recursive: true);
    }
}
