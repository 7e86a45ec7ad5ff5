using System.Collections.Concurrent;
using System.Diagnostics;
using System.Globalization;
using System.Net.Http.Headers;
using System.Net.Http.Json;
using System.Text.Json;
using Vigil.Storage.Records;

namespace Vigil.Bench;

/// <summary>
/// The published service for a long time: does its memory stay flat, do its files and handles stay bounded, is no deadline missed. Either
/// the demo's village with its phones on a fast clock (service, devices and phones in one process), or a steady load in real time with
/// presses that a desk answers.
/// </summary>
internal static class SoakLoad
{
    private static readonly JsonSerializerOptions Web = new(JsonSerializerDefaults.Web);

    public static async Task<int> VillageAsync(Arguments arguments)
    {
        var (hours, speed, residents) = (
            arguments.Number("--hours", 72),
            arguments.Number("--speed", 720),
            arguments.Number("--residents", 99)
        );
        await using var postgres = await TemporaryPostgres.WhereAskedAsync(arguments);
        var folder = Directory.CreateTempSubdirectory("vigil-soak-");
        var http = BrokerLoad.FreePort();
        var start = new ProcessStartInfo(
            Vigil(arguments),
            [
                "demo",
                "--speed",
                $"{speed}",
                "--residents",
                $"{residents}",
                "--port",
                $"{http}",
                "--days",
                (hours / 24.0).ToString("R", CultureInfo.InvariantCulture),
            ]
        )
        {
            RedirectStandardOutput = true,
        };
        if (postgres is not null)
            foreach (var one in new[] { "--postgres", postgres.ConnectionString })
                start.ArgumentList.Add(one);
        start.Environment["TMPDIR"] = folder.FullName;
        start.Environment["DOTNET_GCgen0size"] = "0x4000000"; // as ./vigil sets it
        var told = new ConcurrentDictionary<string, int>();
        string last = "nothing";
        using var process = Process.Start(start)!;
        process.OutputDataReceived += (_, e) =>
        {
            if (e.Data is { Length: > 0 } said)
                last = said;
            // Counts the events in lines such as "11-29 09:20:29  ALARM         R03 …".
            if (e.Data is { Length: > 30 } line && line[8] == ':' && line[16..28].Trim() is { Length: > 0 } what)
                told.AddOrUpdate(what, 1, (_, n) => n + 1);
        };
        process.BeginOutputReadLine();
        var soak = new Soak(process, http, () => folder.GetDirectories().FirstOrDefault()?.FullName ?? folder.FullName, postgres);
        var lasts = TimeSpan.FromHours((double)hours / speed);
        await soak.WatchAsync(
            TimeSpan.FromSeconds(arguments.Number("--every", Math.Max(2, (int)(lasts.TotalSeconds / 60)))),
            lasts + TimeSpan.FromMinutes(60),
            () => process.HasExited
        );
        var ended = process.HasExited;
        if (!ended)
            BrokerLoad.Stop(process);
        var failure =
            !ended ? "the village did not end"
            : process.ExitCode != 0 ? $"the village ended with {process.ExitCode}; it said last: {last}"
            : null;
        folder.Delete(recursive: true);
        var load =
            $"{hours} h of village time at {speed} times the wall clock ({residents} homes, {residents * 5} devices, phones that "
            + $"answer or don't), all in one process; {soak.Elapsed.TotalMinutes:0.0} min by the wall clock. "
            + $"What the village lived: "
            + $"{string.Join(", ", told.OrderBy(t => t.Key, StringComparer.Ordinal).Select(t => $"{t.Value} {t.Key}"))}.";
        return soak.Report(arguments, $"Village, {(postgres is null ? "SQLite" : "PostgreSQL")}", load, failure);
    }

    public static async Task<int> BrokerAsync(Arguments arguments)
    {
        var (minutes, rate, records, connections, press) = (
            arguments.Number("--minutes", 120),
            arguments.Number("--rate", 7700),
            arguments.Number("--records", 10),
            arguments.Number("--connections", 2000),
            arguments.Number("--press", 1000)
        );
        await using var postgres = await TemporaryPostgres.WhereAskedAsync(arguments);
        var folder = Directory.CreateTempSubdirectory("vigil-soak-");
        var (mqtt, http) = (BrokerLoad.FreePort(), BrokerLoad.FreePort());
        const int homes = 2000;
        string key;
        // The keys are where the service will look for them.
        var factory = postgres is null
            ? RecordsServices.CreateFactory("Sqlite", null, folder.FullName)
            : RecordsServices.CreateFactory("Postgres", postgres.ConnectionString, folder.FullName);
        await factory.MigrateAsync(CancellationToken.None);
        await BrokerLoad.SeedAsync(factory, connections, homes);
        using (var secrets = new Secrets(factory, TimeProvider.System))
            key = await secrets.CreateApiKeyAsync("soak", "write", "", null, CancellationToken.None);
        Microsoft.Data.Sqlite.SqliteConnection.ClearAllPools();
        string[] more = postgres is null ? [] : ["--Records:Store", "Postgres", "--Records:ConnectionString", postgres.ConnectionString];
        using var server = BrokerLoad.StartVigil(
            Vigil(arguments),
            folder.FullName,
            mqtt,
            ["--Http:Urls", $"http://127.0.0.1:{http}", .. more]
        );
        await BrokerLoad.ReadyAsync(mqtt);
        await BrokerLoad.ReadyAsync(http);
        using var stop = new CancellationTokenSource();
        long acknowledged = 0;
        var presses = new ConcurrentBag<double>();
        var load = MqttLoad.SteadyAsync(
            mqtt,
            connections,
            records,
            rate,
            press,
            homes,
            (pressed, micros) =>
            {
                Interlocked.Increment(ref acknowledged);
                if (pressed)
                    presses.Add(micros);
            },
            stop.Token
        );
        long answered = 0;
        var desk = AnswerAsync(http, key, () => Interlocked.Increment(ref answered), stop.Token);
        var soak = new Soak(server, http, () => folder.FullName, postgres);
        await soak.WatchAsync(TimeSpan.FromSeconds(arguments.Number("--every", 60)), TimeSpan.FromMinutes(minutes), () => load.IsCompleted);
        var failure =
            load.IsFaulted ? load.Exception!.InnerException!.Message
            : desk.IsFaulted ? "the desk: " + desk.Exception!.InnerException!.Message
            : null;
        await stop.CancelAsync();
        await Task.WhenAny(load, Task.Delay(TimeSpan.FromSeconds(10), TimeProvider.System));
        BrokerLoad.Stop(server);
        folder.Delete(recursive: true);
        var sorted = presses.Order().ToList();
        var round = new MqttRound(acknowledged, soak.Elapsed.TotalSeconds, sorted);
        var words =
            $"{connections} connections, QoS 1, {records} records a message, asked for {rate} messages/s; acknowledged "
            + $"{acknowledged} in {soak.Elapsed.TotalMinutes:0.0} min ({round.Rate:0} messages/s, {round.Rate * records:0} readings/s). "
            + $"{sorted.Count} presses, one each {press} ms: PUBLISH to PUBACK p50 {round.Percentile(0.5):0} ms, p99 "
            + $"{round.Percentile(0.99):0} ms, max {round.Percentile(1):0} ms; a desk resolved {answered} alarms.";
        return soak.Report(arguments, $"Steady load, {(postgres is null ? "SQLite" : "PostgreSQL")}", words, failure);
    }

    /// <summary>The duty desk: takes and resolves each open alarm, so that alarms come and go.</summary>
    private static async Task AnswerAsync(int http, string key, Action answered, CancellationToken stop)
    {
        using var client = new HttpClient
        {
            BaseAddress = new Uri($"http://127.0.0.1:{http}/api/v1/"),
            DefaultRequestHeaders = { Authorization = new AuthenticationHeaderValue("Bearer", key) },
        };
        try
        {
            while (true)
            {
                await Task.Delay(TimeSpan.FromSeconds(5), TimeProvider.System, stop);
                using var answer = await client.GetAsync(new Uri("alarms?state=open&limit=100", UriKind.Relative), stop);
                if (!answer.IsSuccessStatusCode)
                    continue;
                foreach (var alarm in (await answer.Content.ReadFromJsonAsync<JsonElement>(Web, stop)).EnumerateArray())
                {
                    var id = alarm.GetProperty("id").GetString();
                    using var taken = await client.PostAsJsonAsync(
                        new Uri($"alarms/{id}/acknowledge", UriKind.Relative),
                        new { note = "soak" },
                        stop
                    );
                    using var done = await client.PostAsJsonAsync(
                        new Uri($"alarms/{id}/resolve", UriKind.Relative),
                        new { resolution = "false-mistake", note = "soak" },
                        stop
                    );
                    if (done.IsSuccessStatusCode)
                        answered();
                }
            }
        }
        catch (OperationCanceledException)
        {
            // the time is over
        }
    }

    private static string Vigil(Arguments arguments) =>
        arguments.Text("--vigil") ?? Path.Combine(Directory.GetCurrentDirectory(), ".artifacts", "vigil", "vigil");
}
