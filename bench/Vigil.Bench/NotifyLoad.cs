using System.Collections.Concurrent;
using System.Diagnostics;
using System.Net;
using System.Text;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Logging.Abstractions;
using MQTTnet;
using MQTTnet.Protocol;
using Vigil.Model;
using Vigil.Notify;
using Vigil.Notify.Channels;
using Vigil.Notify.Escalation;
using Vigil.Notify.Messages;
using Vigil.Storage.Records;

namespace Vigil.Bench;

/// <summary>
/// Telling people: the time from a press to the provider's request while readings arrive; how many due steps are handled a second on both
/// databases; a storm of ten thousand alarms.
/// </summary>
internal static class NotifyLoad
{
    /// <summary><c>notify [--seconds 20] [--alarms 4000] [--storm 10000] [--postgres CONNECTION]</c></summary>
    public static async Task<int> RunAsync(Arguments arguments)
    {
        Console.WriteLine($"{Environment.ProcessorCount} cores shared by everything, .NET {Environment.Version}");
        var stores = new List<(string Name, Func<Task<IDbContextFactory<RecordsDb>>> Open)> { ("SQLite", () => OpenAsync("Sqlite", null)) };
        if (arguments.Text("--postgres") is { } postgres)
            stores.Add(("PostgreSQL", () => OpenAsync("Postgres", postgres)));
        foreach (var (name, open) in stores)
        {
            await StepsAsync(name, await open(), arguments.Number("--alarms", 4000));
            await StormAsync(name, await open(), arguments.Number("--storm", 10_000));
        }

        await PressesAsync(arguments);
        return 0;
    }

    private static async Task<IDbContextFactory<RecordsDb>> OpenAsync(string store, string? connection)
    {
        var records = RecordsServices.CreateFactory(store, connection, Directory.CreateTempSubdirectory("vigil-bench-").FullName);
        await using (var db = await records.CreateDbContextAsync())
            if (connection is not null)
                await db.Database.EnsureDeletedAsync();
        await records.MigrateAsync();
        await using var fresh = await records.CreateDbContextAsync();
        fresh.DutyOfficers.Add(
            new DutyOfficer
            {
                Id = "d1",
                Name = "李",
                Area = "440111",
                Phone = "+8613900000001",
            }
        );
        for (var i = 0; i < 2000; i++)
            fresh.Residents.Add(
                new Resident
                {
                    Id = $"r{i}",
                    Name = "王",
                    Area = "440111001001",
                    Contacts =
                    [
                        new Contact
                        {
                            ResidentId = $"r{i}",
                            Order = 1,
                            Name = "甲",
                            Phone = $"+86138{i:00000000}",
                        },
                    ],
                }
            );
        await fresh.SaveChangesAsync();
        return records;
    }

    private sealed class Parts : IDisposable
    {
        public Parts(IDbContextFactory<RecordsDb> records, IChannel channel)
        {
            var problems = new List<Problem>();
            var config = Path.Combine(Directory.GetCurrentDirectory(), "config");
            var messages = MessageTexts.Load(
                Path.Combine(config, "messages.yaml"),
                TimeZoneInfo.FindSystemTimeZoneById("Asia/Shanghai"),
                problems
            )!;
            var policies = Policies.Load(Path.Combine(config, "policies.yaml"), problems)!;
            var links = new SignedLinks(
                Directory.CreateTempSubdirectory("vigil-bench-").FullName,
                "https://v.example",
                TimeProvider.System
            );
            Desk = new AlarmDesk(records, policies, TimeProvider.System, messages.Zone);
            Dispatcher = new Dispatcher(
                records,
                new Routes([channel], new Dictionary<string, string>()),
                messages,
                TimeProvider.System,
                NullLogger<Dispatcher>.Instance
            );
            Escalator = new Escalator(
                records,
                Desk,
                policies,
                messages,
                links,
                Dispatcher,
                TimeProvider.System,
                NullLogger<Escalator>.Instance
            );
        }

        public AlarmDesk Desk { get; }
        public Dispatcher Dispatcher { get; }
        public Escalator Escalator { get; }

        public void Dispose()
        {
            Escalator.Dispose();
            Dispatcher.Dispose();
        }
    }

    private static Finding Says(AlarmKind kind, string subject, int n) =>
        new(
            subject,
            kind,
            kind.DefaultSeverity,
            FindingChange.Opened,
            $"e{n}",
            n,
            TimeProvider.System.GetUtcNow().UtcDateTime,
            "a reason",
            "原因"
        );

    private static async Task StepsAsync(string store, IDbContextFactory<RecordsDb> records, int alarms)
    {
        using var parts = new Parts(records, new Phones(TimeSpan.Zero));
        var kinds = AlarmKind.All.Where(k => k.DefaultSeverity == Severity.High).ToList();
        var since = Stopwatch.GetTimestamp();
        await parts.Desk.CommitAsync(
            [.. Enumerable.Range(0, alarms).Select(i => Says(kinds[i / 2000 % kinds.Count], $"r{i % 2000}", i))],
            default
        );
        var opened = Stopwatch.GetElapsedTime(since).TotalSeconds;
        since = Stopwatch.GetTimestamp();
        var steps = await parts.Escalator.CycleAsync(default);
        var ran = Stopwatch.GetElapsedTime(since).TotalSeconds;
        since = Stopwatch.GetTimestamp();
        var notices = await parts.Dispatcher.DrainAsync(default);
        var sent = Stopwatch.GetElapsedTime(since).TotalSeconds;
        // For comparison: one changed row per transaction, which is the least that handling a step alone could cost.
        since = Stopwatch.GetTimestamp();
        var rows = 0;
        await using (var db = await records.CreateDbContextAsync())
        {
            foreach (var id in await db.Steps.OrderBy(s => s.Id).Take(1000).Select(s => s.Id).ToListAsync())
            {
                await db.Steps.Where(s => s.Id == id).ExecuteUpdateAsync(u => u.SetProperty(s => s.Note, Wording.Same("bench")));
                rows++;
            }
        }

        var alone = rows / Stopwatch.GetElapsedTime(since).TotalSeconds;
        Console.WriteLine(
            $"{store}: {alarms / opened:0} alarms opened/s, {steps / ran:0} due steps handled/s ({steps} steps), {notices / sent:0} "
                + $"notices sent and recorded/s ({notices}); one row changed a transaction: {alone:0}/s, so steps are "
                + $"{steps / ran / alone:0.00} of it"
        );
    }

    private static async Task StormAsync(string store, IDbContextFactory<RecordsDb> records, int alarms)
    {
        var phones = new Phones(TimeSpan.FromMilliseconds(20));
        using var parts = new Parts(records, phones);
        await parts.Dispatcher.StartAsync(default);
        await parts.Escalator.StartAsync(default);
        var kinds = AlarmKind.All.Where(k => k.DefaultSeverity < Severity.Critical).ToList();
        var since = Stopwatch.GetTimestamp();
        var flood = Task.Run(() =>
            parts.Desk.CommitAsync(
                [.. Enumerable.Range(0, alarms - 200).Select(i => Says(kinds[i % kinds.Count], $"r{i / kinds.Count}", i))],
                default
            )
        );
        var committed = new Dictionary<string, long>();
        for (var i = 0; i < 200; i++)
        {
            await parts.Desk.CommitAsync([Says(AlarmKind.Sos, $"r{i}", 1_000_000 + i)], default);
            committed[$"+86138{i:00000000}"] = Stopwatch.GetTimestamp();
        }

        await flood;
        var written = Stopwatch.GetElapsedTime(since).TotalSeconds;
        while (Stopwatch.GetElapsedTime(since).TotalSeconds < 300 && committed.Keys.Any(n => !phones.FirstCall.ContainsKey(n)))
            await Task.Delay(TimeSpan.FromMilliseconds(100), TimeProvider.System);
        await parts.Escalator.StopAsync(default);
        await parts.Dispatcher.StopAsync(default);
        var waits = committed
            .Select(c =>
                phones.FirstCall.TryGetValue(c.Key, out var at)
                    ? Stopwatch.GetElapsedTime(c.Value, at).TotalSeconds
                    : double.PositiveInfinity
            )
            .Order()
            .ToList();
        Console.WriteLine(
            $"{store}: storm of {alarms} alarms written in {written:0.0} s; 200 cries for help among them, from committed to the "
                + $"provider's request: p50 {waits[100]:0.00} s, p99 {waits[198]:0.00} s, max {waits[^1]:0.00} s; most texts to one "
                + $"number {phones.Texts.Values.DefaultIfEmpty(0).Max()} (limit 5 in 15 min)"
        );
    }

    /// <summary>
    /// The published service with SQLite, DuckDB and its embedded broker, and a provider on loopback that answers as Twilio does.
    /// </summary>
    private static async Task PressesAsync(Arguments arguments)
    {
        var seconds = arguments.Number("--seconds", 20);
        var vigil = arguments.Text("--vigil") ?? Path.Combine(Directory.GetCurrentDirectory(), ".artifacts", "vigil", "vigil");
        var rung = new ConcurrentDictionary<string, long>();
        var builder = WebApplication.CreateSlimBuilder();
        builder.Logging.ClearProviders();
        builder.WebHost.ConfigureKestrel(k => k.Listen(IPAddress.Loopback, 0));
        await using var provider = builder.Build();
        provider.Run(async http =>
        {
            var at = Stopwatch.GetTimestamp();
            var form = await http.Request.ReadFormAsync();
            rung.TryAdd(form["To"].ToString(), at);
            http.Response.StatusCode = 201;
            await http.Response.WriteAsync($"{{\"sid\":\"CA{Guid.NewGuid():N}\",\"status\":\"queued\"}}");
        });
        await provider.StartAsync();
        var folder = Directory.CreateTempSubdirectory("vigil-bench").FullName;
        var port = BrokerLoad.FreePort();
        await BrokerLoad.SeedAsync(folder, 500, presses: 1000);
        var records = RecordsServices.CreateFactory("Sqlite", null, folder);
        await using (var db = await records.CreateDbContextAsync())
        {
            for (var i = 0; i < 1000; i++)
                db.Contacts.Add(
                    new Contact
                    {
                        Id = Guid.NewGuid(),
                        ResidentId = $"R-sos{i:D5}",
                        Order = 1,
                        Name = "甲",
                        Phone = Number(i),
                    }
                );
            await db.SaveChangesAsync();
        }

        Microsoft.Data.Sqlite.SqliteConnection.ClearAllPools();
        using var server = BrokerLoad.StartVigil(
            vigil,
            folder,
            port,
            "--Notify:Routes:default",
            "twilio",
            "--Twilio:BaseUrl",
            provider.Urls.First(),
            "--Twilio:AccountSid",
            "AC" + new string('0', 32),
            "--Twilio:AuthToken",
            "token",
            "--Twilio:From",
            "+85230000000",
            "--Http:PublicUrl",
            "http://127.0.0.1:9"
        );
        try
        {
            await BrokerLoad.ReadyAsync(port);
            await PressAsync(port, 0, 10, rung); // not measured: at the first presses code is still compiled
            Tell("no other messages", await PressAsync(port, 10, 100, rung));
            var most = (await BrokerLoad.GenerateAsync(port, 500, 10, seconds, 0)).Rate;
            Console.WriteLine(
                $"ingest alone at its most: {most:0} messages/s of 10 records, {most * 10:0} readings/s (500 connections, one "
                    + $"message in flight each)"
            );
            using var stop = new CancellationTokenSource();
            var paced = PaceAsync(port, most / 2, stop.Token);
            var half = await PressAsync(port, 200, Math.Max(100, seconds * 5), rung);
            await stop.CancelAsync();
            Tell($"ingest at {await paced:0} messages/s", half);
        }
        finally
        {
            BrokerLoad.Stop(server);
        }
    }

    private static void Tell(string what, List<double> milliseconds) =>
        Console.WriteLine(
            $"SOS published → provider's request, {what}, {milliseconds.Count} presses: p50 "
                + $"{milliseconds[milliseconds.Count / 2]:0} ms, p99 {milliseconds[milliseconds.Count * 99 / 100]:0} ms, max "
                + $"{milliseconds[^1]:0} ms"
        );

    private static string Number(int i) => $"+852612{i:D5}";

    private static async Task<IMqttClient> ConnectAsync(int port, string name, string password)
    {
        var client = new MqttClientFactory().CreateMqttClient();
        await client.ConnectAsync(
            new MqttClientOptionsBuilder().WithTcpServer("127.0.0.1", port).WithClientId(name).WithCredentials(name, password).Build()
        );
        return client;
    }

    /// <summary>
    /// Five presses a second, each from a home of its own. Returns, sorted, how long each took until the provider was asked to call the
    /// first contact.
    /// </summary>
    private static async Task<List<double>> PressAsync(int port, int from, int presses, ConcurrentDictionary<string, long> rung)
    {
        var begun = new Dictionary<string, long>();
        for (var n = from; n < from + presses; n++)
        {
            using var client = await ConnectAsync(port, $"sos{n:D5}", $"pw-sos{n:D5}");
            begun[Number(n)] = Stopwatch.GetTimestamp();
            await client.PublishAsync(
                new MqttApplicationMessageBuilder()
                    .WithTopic($"vigil/sos{n:D5}/up")
                    .WithPayload("[{\"n\":\"button\",\"vs\":\"sos\"}]")
                    .WithQualityOfServiceLevel(MqttQualityOfServiceLevel.AtLeastOnce)
                    .Build()
            );
            await Task.Delay(TimeSpan.FromMilliseconds(200), TimeProvider.System);
        }

        var patience = Stopwatch.StartNew();
        while (patience.Elapsed < TimeSpan.FromSeconds(30) && begun.Keys.Any(n => !rung.ContainsKey(n)))
            await Task.Delay(TimeSpan.FromMilliseconds(50), TimeProvider.System);
        return
        [
            .. begun
                .Select(b =>
                    rung.TryGetValue(b.Key, out var at) ? Stopwatch.GetElapsedTime(b.Value, at).TotalMilliseconds : double.PositiveInfinity
                )
                .Order(),
        ];
    }

    /// <summary>Readings at a steady rate from 200 devices; returns how many messages a second were acknowledged.</summary>
    private static async Task<double> PaceAsync(int port, double rate, CancellationToken stop)
    {
        const int Clients = 200; // each waits for its acknowledgement, as the generator's devices do
        var (begun, total) = (Stopwatch.GetTimestamp(), 0L);
        await Task.WhenAll(
            Enumerable
                .Range(0, Clients)
                .Select(i =>
                    Task.Run(async () =>
                    {
                        using var client = await ConnectAsync(port, MqttLoad.Device(i), MqttLoad.Password(i));
                        var time = TimeProvider.System.GetUtcNow().ToUnixTimeMilliseconds();
                        for (long sent = 0; !stop.IsCancellationRequested; )
                        {
                            if (sent > Stopwatch.GetElapsedTime(begun).TotalSeconds * rate / Clients)
                            {
                                await Task.Delay(TimeSpan.FromMilliseconds(5), TimeProvider.System, CancellationToken.None);
                                continue;
                            }

                            var payload = new StringBuilder(
                                string.Create(
                                    System.Globalization.CultureInfo.InvariantCulture,
                                    $"[{{\"bn\":\"{MqttLoad.Device(i)}/\",\"bt\":{(time += 37) / 1000.0:0.000}"
                                )
                            );
                            for (var r = 0; r < 10; r++)
                                payload.Append(
                                    System.Globalization.CultureInfo.InvariantCulture,
                                    $"{(r > 0 ? ",{" : ",")}\"n\":\"{Names[r]}\",\"v\":{100 + sent * 0.001:0.000}}}"
                                );
                            await client.PublishAsync(
                                new MqttApplicationMessageBuilder()
                                    .WithTopic($"vigil/{MqttLoad.Device(i)}/up")
                                    .WithPayload(payload.Append(']').ToString())
                                    .WithQualityOfServiceLevel(MqttQualityOfServiceLevel.AtLeastOnce)
                                    .Build(),
                                CancellationToken.None
                            );
                            sent++;
                            Interlocked.Increment(ref total);
                        }
                    })
                )
        );
        return total / Stopwatch.GetElapsedTime(begun).TotalSeconds;
    }

    private static readonly string[] Names =
    [
        "water.volume",
        "electricity.energy",
        "electricity.power",
        "electricity.voltage",
        "electricity.current",
        "air.temperature",
        "air.humidity",
        "battery.level",
        "signal.rssi",
        "water.flow",
    ];

    /// <summary>A provider that accepts every message after a fixed time.</summary>
    private sealed class Phones(TimeSpan each) : IChannel
    {
        public ConcurrentDictionary<string, long> FirstCall { get; } = new();
        public ConcurrentDictionary<string, int> Texts { get; } = new();
        public string Provider => "outbox";

        public bool Carries(Channel channel) => true;

        public async Task<ChannelResult> SendAsync(OutgoingNotice notice, CancellationToken cancellation)
        {
            if (notice.Channel == Channel.Voice)
                FirstCall.TryAdd(notice.Address, Stopwatch.GetTimestamp());
            else
                Texts.AddOrUpdate(notice.Address, 1, (_, n) => n + 1);
            if (each > TimeSpan.Zero)
                await Task.Delay(each, TimeProvider.System, cancellation);
            return new ChannelResult(ChannelOutcome.Sent, Wording.Same("accepted"), notice.NoticeId.ToString("N"));
        }

        public Task<ChannelResult?> ReconcileAsync(PastNotice notice, CancellationToken cancellation) =>
            Task.FromResult<ChannelResult?>(null);
    }
}
