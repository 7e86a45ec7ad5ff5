using System.Net;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Time.Testing;
using Vigil.Host;
using Vigil.Model;
using Vigil.Phones;
using Vigil.Storage.Records;
using Vigil.Tests.Servers;

namespace Vigil.Tests.Host;

/// <summary>
/// The whole service while something about telling people is broken: a damaged phone number, a slow line that loses packets, every
/// provider, a host name that can't be resolved.
/// </summary>
[Trait("Category", "Server")]
public sealed class TellingFaultTests
{
    private const string Sid = "AC0123456789abcdef0123456789abcdef",
        Token = "a-token-that-no-log-may-show";

    private static CancellationToken Stop => TestContext.Current.CancellationToken;

    [Fact]
    public async Task A_damaged_number_stops_neither_the_registry_nor_the_pages_nor_another_homes_call_and_the_desk_is_told_of_the_row()
    {
        await using var network = await StartNetworkAsync();
        await using var service = await ServiceUnderTest.StartAsync(Through(network.Url));
        await SettleNextDoorAsync(service);
        await using (var db = await service.Records.CreateDbContextAsync(Stop))
            await db.Database.ExecuteSqlRawAsync(
                "UPDATE Contacts SET Phone = substr(Phone, 1, 20) WHERE ResidentId = 'R1'; UPDATE Residents SET IdentityNumber = "
                    + "'enc1.deadbeef.AAAA' WHERE Id = 'R1'",
                Stop
            );
        await service.Services.GetRequiredService<LiveRegistry>().ReloadAsync(Stop);
        var begun = TimeProvider.System.GetTimestamp();
        await service.PressAsync();
        await service.PressAsync("sos-2");
        await UntilAsync(() => network.Taken.Any(t => t.Number == "+85261230002"));
        Assert.InRange(TimeProvider.System.GetElapsedTime(begun).TotalSeconds, 0, 10);
        Assert.DoesNotContain(network.Taken, t => t.Number == "+8613800138001");
        Guid contact;
        await using (var db = await service.Records.CreateDbContextAsync(Stop))
            contact = await db.Contacts.Where(c => c.ResidentId == "R1").Select(c => c.Id).SingleAsync(Stop);
        await service.UntilAsync("/healthz/ready", (_, text) => text.Contains($"Contacts {contact} Phone", StringComparison.Ordinal));
        await UntilAsync(() =>
            service.Records.CreateDbContext() is var db
            && Used(db, d => d.Alarms.Any(a => a.Kind == "service-trouble" && a.Reason.Contains("stored values can't be read")))
        ); // the alarm's reason lists the values that were unreadable when it opened
    }

    [Fact]
    public async Task With_a_fifth_of_all_packets_lost_and_a_line_of_one_megabit_a_cry_for_help_reaches_the_provider_within_ten_seconds()
    {
        const int presses = 120;
        await using var network = await StartNetworkAsync();
        await using var link = await BadLink.StartAsync(
            new Uri(network.Url).Port,
            loss: 0.2,
            bitsPerSecond: 1_000_000,
            TimeSpan.FromMilliseconds(30)
        );
        await using var service = await ServiceUnderTest.StartAsync(Through(link.Url));
        await using (var db = await service.Records.CreateDbContextAsync(Stop))
        {
            for (var i = 0; i < presses; i++)
            {
                var home = new Resident
                {
                    Id = $"x{i}",
                    Name = "何",
                    Area = "440114003201",
                    CreatedAt = DateTime.UnixEpoch,
                    UpdatedAt = TimeProvider.System.GetUtcNow().UtcDateTime,
                };
                home.Contacts.Add(
                    new Contact
                    {
                        Id = Guid.NewGuid(),
                        ResidentId = home.Id,
                        Order = 1,
                        Name = "何大",
                        Phone = $"+8526200{i:0000}",
                    }
                );
                db.Residents.Add(home);
            }

            await db.SaveChangesAsync(Stop);
        }

        var desk = service.Services.GetRequiredService<Vigil.Notify.AlarmDesk>();
        var pressed = new Dictionary<string, DateTimeOffset>();
        for (var i = 0; i < presses; i++)
        {
            var now = TimeProvider.System.GetUtcNow();
            pressed[$"+8526200{i:0000}"] = now;
            await desk.CommitAsync(
                [
                    new Finding(
                        $"x{i}",
                        AlarmKind.Sos,
                        Severity.Critical,
                        FindingChange.Opened,
                        $"e{i}",
                        0,
                        now.UtcDateTime,
                        "pressed",
                        "按下"
                    ),
                ],
                Stop
            );
            // Ten a second is a busy evening; all at once on one connection would be refused as a burst.
            await Task.Delay(TimeSpan.FromMilliseconds(100), TimeProvider.System, Stop);
        }

        await UntilAsync(() => network.Taken.Select(t => t.Number).Distinct().Count() == presses, seconds: 60);
        var took = network.Taken.GroupBy(t => t.Number).Select(g => (g.Min(t => t.At) - pressed[g.Key]).TotalSeconds).Order().ToList();
        TestContext.Current.TestOutputHelper?.WriteLine(
            $"press to provider: p50 {took[presses / 2]:0.00} s, p99 {took[(int)(presses * 0.99)]:0.00} s, max {took[^1]:0.00} s; "
                + $"{link.Connections} connections; {network.Taken.Count} taken"
        );
        Assert.True(took[(int)(presses * 0.99)] <= 10, $"p99 {took[(int)(presses * 0.99)]:0.00} s");
    }

    [Fact]
    public async Task When_no_provider_takes_anything_the_board_has_it_at_once_and_the_desk_has_another_way_and_a_task_within_two_minutes()
    {
        await using var network = await StartNetworkAsync();
        network.Service = Vigil.Phones.Service.Fails;
        await using var receiver = await Receiver.StartAsync();
        var settings = Through(network.Url);
        (settings["Notify:Routes:webhook"], settings["Webhook:Secret"]) = ("webhook", "whsec_" + Convert.ToBase64String(new byte[32]));
        settings["Webhooks:AllowLoopback"] = "true";
        await using var service = await ServiceUnderTest.StartAsync(settings);
        await using (var db = await service.Records.CreateDbContextAsync(Stop))
        {
            db.DutyOfficers.Add(
                new DutyOfficer
                {
                    Id = "d1",
                    Name = "值班",
                    Area = "440114",
                    Phone = "+85261239999",
                    Webhook = receiver.Url,
                }
            );
            await db.SaveChangesAsync(Stop);
        }

        var begun = TimeProvider.System.GetTimestamp();
        await service.PressAsync();
        await UntilAsync(
            () =>
                service.Records.CreateDbContext() is var db
                && Used(db, d => d.Alarms.Any(a => a.Kind == "sos" && a.State == AlarmState.Open)),
            seconds: 5
        );
        await UntilAsync(() => receiver.Bodies.Any(b => b.Contains("\"kind\":\"sos\"", StringComparison.Ordinal)), seconds: 120);
        await service.UntilAsync(
            "/healthz/ready",
            (code, text) => code == 503 && text.Contains("channel twilio", StringComparison.Ordinal),
            seconds: 120
        );
        await UntilAsync(
            () =>
                service.Records.CreateDbContext() is var db
                && Used(db, d => d.Alarms.Any(a => a.Kind == "service-trouble" && a.Reason.Contains("twilio can't be used"))),
            seconds: 120
        );
        Assert.InRange(TimeProvider.System.GetElapsedTime(begun).TotalSeconds, 0, 120);
        Assert.Empty(network.Taken);
    }

    [Fact]
    public async Task A_provider_whose_name_resolves_to_nothing_is_passed_over_for_the_next_at_once_and_said()
    {
        var settings = Through("https://no-such-host.invalid");
        settings["Notify:Routes:default"] = "twilio, outbox";
        await using var service = await ServiceUnderTest.StartAsync(settings);
        var shown = new System.Collections.Concurrent.ConcurrentQueue<string>();
        service.Services.GetRequiredService<Vigil.Notify.Channels.Outbox.OutboxChannel>().Shown += n => shown.Enqueue(n.Address);
        var begun = TimeProvider.System.GetTimestamp();
        await service.PressAsync();
        await UntilAsync(() => !shown.IsEmpty, seconds: 60);
        Assert.InRange(TimeProvider.System.GetElapsedTime(begun).TotalSeconds, 0, 60);
    }

    private static bool Used(RecordsDb db, Func<RecordsDb, bool> ask)
    {
        using (db)
            return ask(db);
    }

    private static async Task SettleNextDoorAsync(ServiceUnderTest service)
    {
        await using var db = await service.Records.CreateDbContextAsync(Stop);
        var home = new Resident
        {
            Id = "R2",
            Name = "李",
            Area = "440114003201",
            CreatedAt = DateTime.UnixEpoch,
            UpdatedAt = TimeProvider.System.GetUtcNow().UtcDateTime,
        };
        home.Contacts.Add(
            new Contact
            {
                Id = Guid.NewGuid(),
                ResidentId = "R2",
                Order = 1,
                Name = "李大",
                Phone = "+85261230002",
            }
        );
        home.Devices.Add(
            new Device
            {
                Id = "sos-2",
                Profile = "senml",
                ResidentId = "R2",
                InstalledAt = DateTime.UnixEpoch,
            }
        );
        db.Residents.Add(home);
        await db.SaveChangesAsync(Stop);
    }

    private static Task<PhoneNetwork> StartNetworkAsync() =>
        PhoneNetwork.StartAsync(new TwilioAccount(Sid, Token, "+85230000000", "http://127.0.0.1:9"), TimeProvider.System);

    private static Dictionary<string, string?> Through(string url) =>
        new()
        {
            ["Notify:Routes:default"] = "twilio",
            ["Twilio:BaseUrl"] = url,
            ["Twilio:AccountSid"] = Sid,
            ["Twilio:AuthToken"] = Token,
            ["Twilio:From"] = "+85230000000",
            ["Http:PublicUrl"] = "http://127.0.0.1:9",
        };

    private static async Task UntilAsync(Func<bool> holds, double seconds = 30)
    {
        var begun = TimeProvider.System.GetTimestamp();
        while (!holds())
        {
            if (TimeProvider.System.GetElapsedTime(begun).TotalSeconds > seconds)
                throw new TimeoutException($"not within {seconds} s");
            await Task.Delay(TimeSpan.FromMilliseconds(50), TimeProvider.System, Stop);
        }
    }

    /// <summary>The duty desk's own system, which receives signed webhooks.</summary>
    private sealed class Receiver : IAsyncDisposable
    {
        private readonly WebApplication app;

        private Receiver(WebApplication app) => this.app = app;

        public System.Collections.Concurrent.ConcurrentQueue<string> Bodies { get; } = new();

        public string Url => app.Urls.First();

        public static async Task<Receiver> StartAsync()
        {
            var builder = WebApplication.CreateSlimBuilder();
            builder.Logging.ClearProviders();
            builder.WebHost.ConfigureKestrel(k => k.Listen(IPAddress.Loopback, 0));
            var receiver = new Receiver(builder.Build());
            receiver.app.Run(async http =>
            {
                using var reader = new StreamReader(http.Request.Body);
                receiver.Bodies.Enqueue(await reader.ReadToEndAsync(http.RequestAborted));
            });
            await receiver.app.StartAsync(Stop);
            return receiver;
        }

        public ValueTask DisposeAsync() => app.DisposeAsync();
    }
}

/// <summary>Certificates that expire soon are reported while there is time to replace them.</summary>
public sealed class CertificateTests
{
    private readonly FakeTimeProvider clock = new(new DateTimeOffset(2026, 6, 1, 0, 0, 0, TimeSpan.Zero));

    [Theory]
    [InlineData(40, "")]
    [InlineData(13, "ends on 2026-06-14")]
    [InlineData(-1, "has ended on 2026-05-31")]
    public void The_brokers_own_certificate_is_said_two_weeks_before_it_ends(int days, string said)
    {
        var troubles = new Troubles(clock);
        using var watch = new CertificateWatch(null!, troubles, clock);
        watch.Look(clock.GetUtcNow().UtcDateTime.AddDays(days));
        if (said.Length == 0)
            Assert.Empty(troubles.Now);
        else
            Assert.Contains(said, Assert.Single(troubles.Now).What, StringComparison.Ordinal);
        watch.Look(clock.GetUtcNow().UtcDateTime.AddDays(90)); // the certificate was replaced
        Assert.Empty(troubles.Now);
    }

    [Fact]
    public void A_providers_certificate_that_ends_soon_is_said_and_one_that_has_ended_is_refused_and_said()
    {
        var troubles = new Troubles(clock);
        using var key = System.Security.Cryptography.ECDsa.Create();
        var request = new System.Security.Cryptography.X509Certificates.CertificateRequest(
            "CN=provider",
            key,
            System.Security.Cryptography.HashAlgorithmName.SHA256
        );
        using var soon = request.CreateSelfSigned(clock.GetUtcNow().AddDays(-300), clock.GetUtcNow().AddDays(5));
        using var ended = request.CreateSelfSigned(clock.GetUtcNow().AddDays(-300), clock.GetUtcNow().AddDays(-1));
        using var fresh = request.CreateSelfSigned(clock.GetUtcNow().AddDays(-1), clock.GetUtcNow().AddDays(300));
        Assert.True(Vigil.Notify.Channels.Certificates.Seen("twilio", soon, System.Net.Security.SslPolicyErrors.None, clock, troubles));
        Assert.Contains("ends on 2026-06-06", Assert.Single(troubles.Now).What, StringComparison.Ordinal);
        Assert.False(
            Vigil.Notify.Channels.Certificates.Seen(
                "twilio",
                ended,
                System.Net.Security.SslPolicyErrors.RemoteCertificateChainErrors,
                clock,
                troubles
            )
        );
        Assert.Contains("is refused", Assert.Single(troubles.Now).What, StringComparison.Ordinal);
        Assert.True(Vigil.Notify.Channels.Certificates.Seen("twilio", fresh, System.Net.Security.SslPolicyErrors.None, clock, troubles));
        Assert.Empty(troubles.Now);
    }
}
