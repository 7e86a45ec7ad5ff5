using System.Diagnostics;
using System.Globalization;
using System.Net;
using System.Text.Json;
using Vigil.Storage.Records;

namespace Vigil.Bench;

/// <summary>
/// Every page and list endpoint of a county's console, one request at a time: how long until the whole answer is there. The service is the
/// published one; it and this program share the machine. Asked as somebody who sees the whole county, and as somebody of one town.
/// </summary>
internal static class PagesLoad
{
    private const int Goal = 200;

    private static readonly string[] Reasons = ["", "all-silent", "number-unverified", "no-home-point", "no-contact"];

    /// <summary>
    /// <c>pages [--homes 100000] [--database sqlite|postgres] [--rounds 40] [--only TEXT] [--folder PATH] [--postgres CONNECTION]</c>
    /// </summary>
    public static async Task<int> RunAsync(Arguments arguments)
    {
        var (homes, rounds) = (arguments.Number("--homes", 100_000), arguments.Number("--rounds", 40));
        var kept = arguments.Text("--folder");
        var folder = kept is null ? Directory.CreateTempSubdirectory("vigil-bench-") : Directory.CreateDirectory(kept);
        var postgres = arguments.Text("--database") is "postgres" || arguments.Text("--postgres") is not null;
        var own = postgres && arguments.Text("--postgres") is null ? await TemporaryPostgres.StartedAsync() : null;
        var connection = arguments.Text("--postgres") ?? own?.ConnectionString;
        try
        {
            var records = postgres
                ? RecordsServices.CreateFactory("Postgres", connection, folder.FullName)
                : RecordsServices.CreateFactory("Sqlite", null, folder.FullName);
            await records.MigrateAsync();
            var since = Stopwatch.GetTimestamp();
            if (await CountyRegistry.MakeAsync(records, folder.FullName, homes))
                Console.WriteLine($"written in {Stopwatch.GetElapsedTime(since).TotalSeconds:0} s");
            Microsoft.Data.Sqlite.SqliteConnection.ClearAllPools();
            Console.WriteLine(
                $"{(postgres ? "PostgreSQL" : "SQLite")}, {homes} homes with four devices, two contacts and a visit each, "
                    + $"{CountyRegistry.AlarmsOf(homes)} alarms; {Environment.ProcessorCount} cores, .NET {Environment.Version}; "
                    + $"{rounds} requests of each, one at a time"
            );
            await MeasureAsync(arguments, folder.FullName, connection, homes, rounds);
            return 0;
        }
        finally
        {
            if (own is not null)
                await own.DisposeAsync();
            Microsoft.Data.Sqlite.SqliteConnection.ClearAllPools();
            if (kept is null)
                folder.Delete(recursive: true);
        }
    }

    private static async Task MeasureAsync(Arguments arguments, string folder, string? postgres, int homes, int rounds)
    {
        var vigil = arguments.Text("--vigil") ?? Path.Combine(Directory.GetCurrentDirectory(), ".artifacts", "vigil", "vigil");
        var (mqtt, http) = (BrokerLoad.FreePort(), BrokerLoad.FreePort());
        string[] more = postgres is null ? [] : ["--Records:Store", "Postgres", "--Records:ConnectionString", postgres];
        var begun = Stopwatch.GetTimestamp();
        using var server = BrokerLoad.StartVigil(vigil, folder, mqtt, [.. more, "--Http:Urls", $"http://127.0.0.1:{http}"]);
        try
        {
            await BrokerLoad.ReadyAsync(mqtt);
            Console.WriteLine($"ready after {Stopwatch.GetElapsedTime(begun).TotalSeconds:0.0} s");
            using var all = await SignedInAsync(http, CountyRegistry.OfAll);
            using var town = await SignedInAsync(http, CountyRegistry.OfTown);
            await WaitAsync(all, begun);
            var asks = Asks(homes, town: false).Select(a => (Client: all, a)).Concat(Asks(homes, town: true).Select(a => (town, a)));
            if (arguments.Text("--only") is { } only)
                asks = asks.Where(a => a.a.Name.Contains(only, StringComparison.Ordinal));
            await AskAsync([.. asks], rounds);
            server.Refresh();
            Console.WriteLine(
                $"the whole process after it: {server.WorkingSet64 / 1048576} MiB, {(double)server.WorkingSet64 / homes:0} bytes a home"
            );
        }
        finally
        {
            server.Kill(entireProcessTree: true);
            await server.WaitForExitAsync();
        }
    }

    private static async Task AskAsync((HttpClient Client, Ask Of)[] asks, int rounds)
    {
        var took = asks.ToDictionary(a => a.Of.Name, _ => new List<double>(), StringComparer.Ordinal);
        var failed = new Dictionary<string, HttpStatusCode>(StringComparer.Ordinal);
        for (var round = 0; round < rounds; round++)
        {
            foreach (var (client, ask) in asks)
            {
                var since = Stopwatch.GetTimestamp();
                using var answer = await client.GetAsync(ask.Path(round));
                await answer.Content.ReadAsByteArrayAsync();
                took[ask.Name].Add(Stopwatch.GetElapsedTime(since).TotalMilliseconds);
                if (answer.StatusCode != HttpStatusCode.OK)
                    failed[ask.Name] = answer.StatusCode;
            }
        }

        Console.WriteLine("| ms | first | p50 | p95 | max |");
        Console.WriteLine("| --- | ---: | ---: | ---: | ---: |");
        var missed = 0;
        foreach (var (name, times) in took.OrderByDescending(t => Of(t.Value, 0.95)))
        {
            var p95 = Of(times, 0.95);
            missed += p95 > Goal ? 1 : 0;
            Console.WriteLine(
                string.Create(
                    CultureInfo.InvariantCulture,
                    $"| {name}{(failed.TryGetValue(name, out var status) ? $" **{(int)status}**" : "")} | {times[0]:0} | "
                        + $"{Of(times, 0.5):0} | {(p95 > Goal ? $"**{p95:0}**" : $"{p95:0}")} | {times.Max():0} |"
                )
            );
        }

        Console.WriteLine($"{took.Count - missed} of {took.Count} within {Goal} ms at p95");
    }

    private static double Of(List<double> times, double share) => times.Order().ElementAt((int)Math.Ceiling(times.Count * share) - 1);

    /// <param name="Path">Another one each round.</param>
    private sealed record Ask(string Name, Func<int, string> Path);

    private static List<Ask> Asks(int homes, bool town)
    {
        var random = new Random(town ? 2 : 1);
        var (seen, step) = (town ? homes / 20 : homes, town ? 20 : 1);
        var asks = new List<Ask>();
        void Add(string name, Func<string> path) => asks.Add(new Ask($"{(town ? "town" : "county")} {name}", _ => path()));
        int Some() => random.Next(seen) * step + (town ? 2 : 0);
        int Deep(int rows) => random.Next(rows * 4 / 10, Math.Max(rows * 6 / 10, 1));
        string Word() => Uri.EscapeDataString(CountyRegistry.Name(random, 2));
        string Village() => CountyRegistry.Village(Some());
        string Alarm() => CountyRegistry.Alarm(random.Next(CountyRegistry.AlarmsOf(homes))).ToString();

        Add("/", () => "/");
        Add("/residents", () => "/residents");
        Add("/residents a name", () => $"/residents?search={Word()}");
        Add("/residents a surname", () => $"/residents?search={Uri.EscapeDataString(CountyRegistry.Surname(random))}");
        Add("/residents a village", () => $"/residents?search={Village()}");
        Add("/residents/{id}", () => $"/residents/{CountyRegistry.Home(Some())}");
        Add("/residents/{id}/edit", () => $"/residents/{CountyRegistry.Home(Some())}/edit");
        Add("/people", () => "/people");
        Add("/people/visitors/{id}", () => $"/people/visitors/v{Some() % CountyRegistry.Visitors}");
        Add("/devices", () => "/devices");
        Add("/devices/{id}", () => $"/devices/{CountyRegistry.Device(Some(), 1)}");
        Add("/devices/labels", () => "/devices/labels");
        Add("/devices/labels a device", () => $"/devices/labels?search={CountyRegistry.Device(Some(), 2)}");
        Add("/areas", () => "/areas");
        Add("/statistics", () => "/statistics");
        Add("/visits", () => "/visits");
        Add("/my-day a visitor", () => $"/my-day?visitor=v{Some() % CountyRegistry.Visitors}");
        Add("/protection", () => $"/protection?reason={Reasons[random.Next(Reasons.Length)]}&from={random.Next(3) * Deep(seen) / 2}");
        Add("/protection a village", () => $"/protection?reason=number-unverified&area={Village()}");
        Add("/search", () => $"/search?q={Word()}");
        Add("/search an address", () => $"/search?q={Uri.EscapeDataString(CountyRegistry.Address(Some())[^9..])}");
        Add("/search a page", () => $"/search?kind=resident&q={Uri.EscapeDataString(CountyRegistry.Surname(random))}&from={Deep(seen)}");
        Add("/rules", () => "/rules");
        Add("/decode", () => "/decode");
        Add("/alarms/{id}", () => town ? "/rules" : $"/alarms/{Alarm()}");

        void Api(string name, Func<string> path) => Add("api " + name, () => "/api/v1/" + path());
        void Pages(string path, int rows, string more = "")
        {
            Api(path + more, () => $"{path}?offset=0{more}");
            if (rows > 1000)
                Api($"{path}{more} deep", () => $"{path}?offset={Deep(rows)}{more}");
        }

        Pages("residents", seen);
        Api("residents last page", () => $"residents?offset={seen - 60}");
        Api("residents a village", () => $"residents?search={Village()}");
        Api("residents a town deep", () => $"residents?search={Village()[..9]}&offset={Deep(homes / 20)}");
        Api("residents a name", () => $"residents?search={Word()}");
        Api(
            "residents a surname deep",
            () => $"residents?search={Uri.EscapeDataString(CountyRegistry.Surname(random))}&offset={Deep(seen / 20)}"
        );
        Api("residents a part of a number", () => $"residents?search={random.Next(100, 999)}&limit=500");
        Api("residents nobody", () => $"residents?search={Uri.EscapeDataString("鑫淼")}{Word()}");
        Api("residents/{id}", () => $"residents/{CountyRegistry.Home(Some())}");
        Api("residents/{id}/record", () => $"residents/{CountyRegistry.Home(Some())}/record");
        Api("residents/{id}/contacts", () => $"residents/{CountyRegistry.Home(Some())}/contacts");
        Api("residents/{id}/household", () => $"residents/{CountyRegistry.Home(Some())}/household");
        Api("residents/{id}/reach-tests", () => $"residents/{CountyRegistry.Home(Some())}/reach-tests");
        Api("residents/{id}/consents", () => $"residents/{CountyRegistry.Home(Some())}/consents");
        Api("residents/{id}/daily", () => $"residents/{CountyRegistry.Home(Some())}/daily");
        Api("residents/{id}/usual", () => $"residents/{CountyRegistry.Home(Some())}/usual");
        Api("residents/{id}/readings", () => $"residents/{CountyRegistry.Home(Some())}/readings");
        Api("residents/{id}/outlooks", () => $"residents/{CountyRegistry.Home(Some())}/outlooks");
        Pages("devices", seen * 4);
        Pages("devices", seen * 4, "&state=in-home");
        Api("devices in stock", () => "devices?state=in-stock");
        Api("devices retired", () => "devices?state=retired");
        Api("devices of a home", () => $"devices?resident={CountyRegistry.Home(Some())}");
        Api("devices an id", () => $"devices?search={CountyRegistry.Device(Some(), 3)}");
        Api("devices a part of an id", () => $"devices?search={random.Next(100, 999)}-4");
        Api("devices a label deep", () => $"devices?search={Uri.EscapeDataString("水表")}&offset={Deep(seen)}");
        Api("devices/{id}", () => $"devices/{CountyRegistry.Device(Some(), 1)}");
        Api("devices/{id}/places", () => $"devices/{CountyRegistry.Device(Some(), 1)}/places");
        Api("devices/{id}/latest", () => $"devices/{CountyRegistry.Device(Some(), 1)}/latest");
        Api("devices/unbound", () => "devices/unbound");
        Api("rejected", () => "rejected");
        var alarms = town ? CountyRegistry.AlarmsOf(homes) / 20 : CountyRegistry.AlarmsOf(homes);
        Pages("alarms", alarms);
        Pages("alarms", alarms * 19 / 20, "&state=resolved");
        Api("alarms unresolved", () => "alarms?state=unresolved");
        Api("alarms of a village", () => $"alarms?area={Village()}");
        Api("alarms of a home", () => $"alarms?resident={CountyRegistry.Home(Some())}");
        Pages("notices", alarms);
        Api("notices of an alarm", () => $"notices?alarm={Alarm()}");
        Pages("absences", seen / 200);
        Pages("visits", seen);
        Api("visits of a home", () => $"visits?resident={CountyRegistry.Home(Some())}");
        Pages("visits/asked", seen / 4);
        Pages("visits/asked", seen / 2, "&days=28");
        Api("visits/asked of a visitor", () => $"visits/asked?visitor=v{Some() % CountyRegistry.Visitors}");
        Api("areas", () => "areas?limit=500");
        Api("visitors", () => $"visitors?offset={(town ? 0 : random.Next(1800))}");
        Api("visitors a name", () => $"visitors?search={Uri.EscapeDataString("探访1")}");
        Api("officers", () => "officers");
        Api("shifts", () => "shifts");
        Api("statistics", () => "statistics");
        Api("protection", () => "protection");
        Api("protection of a town", () => $"protection?area={Village()[..9]}");
        Pages("protection/homes", seen / 2, "&reason=number-unverified");
        Api("search a name", () => $"search?q={Word()}");
        Api("search one character", () => $"search?q={Uri.EscapeDataString(CountyRegistry.Surname(random))}");
        Api("search a number", () => $"search?q={CountyRegistry.Home(Some())}");
        Api("search a phone", () => $"search?q=138{Some():D8}");
        Api("search an address", () => $"search?q={Uri.EscapeDataString(CountyRegistry.Address(Some())[7..])}");
        Api("search name and address", () => $"search?q={Word()}%20{Uri.EscapeDataString(CountyRegistry.Address(Some())[7..9])}");
        Api("search a device", () => $"search?q={CountyRegistry.Device(Some(), 4)}");
        Api("search a visitor", () => $"search?q={Uri.EscapeDataString($"陈探访{random.Next(2000)}")}");
        Api("search a category", () => $"search?q={Uri.EscapeDataString("独居")}");
        Api("search an area", () => $"search?q={Village()}");
        Api("search nothing has it", () => $"search?q={Uri.EscapeDataString("鑫淼")}{Word()}");
        Api("rules", () => "rules");
        Api("scripts", () => "scripts");
        if (town)
            return asks;
        Add("/registry", () => "/registry");
        Add("/users", () => "/users");
        Add("/webhooks", () => "/webhooks");
        Api("users", () => "users");
        Api("apikeys", () => "apikeys");
        Api("credentials", () => "credentials");
        Api("webhooks", () => "webhooks");
        return asks;
    }

    private static async Task<HttpClient> SignedInAsync(int port, string name)
    {
        var client = new HttpClient(new HttpClientHandler { AllowAutoRedirect = false, CookieContainer = new CookieContainer() })
        {
            BaseAddress = new Uri($"http://127.0.0.1:{port}"),
            Timeout = TimeSpan.FromMinutes(5),
        };
        for (var tries = 0; ; tries++)
        {
            try
            {
                using var form = new FormUrlEncodedContent(
                    new Dictionary<string, string> { ["name"] = name, ["password"] = CountyRegistry.Password }
                );
                using var answer = await client.PostAsync(new Uri("/signin", UriKind.Relative), form);
                return answer.StatusCode == HttpStatusCode.Redirect
                    ? client
                    : throw new InvalidOperationException($"{name} can't sign in: {answer.StatusCode}");
            }
            catch (HttpRequestException) when (tries < 600)
            {
                await Task.Delay(TimeSpan.FromMilliseconds(100), TimeProvider.System);
            }
        }
    }

    /// <summary>Until names can be searched and it is known who is protected: what is asked for before waits or is incomplete.</summary>
    private static async Task WaitAsync(HttpClient client, long begun)
    {
        while (true)
        {
            using var found = JsonDocument.Parse(await client.GetStringAsync(new Uri("/api/v1/search?q=x", UriKind.Relative)));
            if (found.RootElement.GetProperty("complete").GetBoolean())
                break;
            await Task.Delay(TimeSpan.FromMilliseconds(200), TimeProvider.System);
        }

        Console.WriteLine($"names can be searched after {Stopwatch.GetElapsedTime(begun).TotalSeconds:0.0} s");
        await client.GetStringAsync(new Uri("/api/v1/protection", UriKind.Relative));
        Console.WriteLine($"protection is known after {Stopwatch.GetElapsedTime(begun).TotalSeconds:0.0} s");
    }
}
