using System.Net.Http.Headers;
using System.Net.Http.Json;
using System.Text.Json;

namespace Vigil.Tests.Servers;

/// <summary>
/// The published <c>vigil</c> as its users start it: a process with a data folder, a registry, credentials and an API key.
/// </summary>
public sealed class VigilServer : IAsyncDisposable
{
    private readonly Dictionary<string, string> settings;
    private readonly HttpClient http = new();
    private IReadOnlyList<string> under = [];
    private Server? server;

    private VigilServer(Dictionary<string, string> settings) => this.settings = settings;

    public static string Executable { get; } = FindExecutable();

    public string Folder { get; } = Directory.CreateTempSubdirectory("vigil-test-").FullName;

    public int MqttPort { get; } = Server.FreePort();

    public int HttpPort { get; } = Server.FreePort();

    public Server Process => server ?? throw new InvalidOperationException("not started");

    /// <summary>Environment variables of the service, from its next start on.</summary>
    public Dictionary<string, string> Environment { get; } = [];

    /// <param name="registry">CSV for <c>vigil import</c>.</param>
    /// <param name="policies">An escalation policy for the test; null for the shipped one.</param>
    /// <param name="settings">Further settings as section:key and value.</param>
    /// <param name="environment">Environment variables of the service only, not of other commands.</param>
    /// <param name="under">A program, with its arguments, that starts the service, such as <c>unshare</c>.</param>
    public static async Task<VigilServer> StartAsync(
        string registry,
        string? policies = null,
        Dictionary<string, string>? settings = null,
        IReadOnlyDictionary<string, string>? environment = null,
        IReadOnlyList<string>? under = null
    )
    {
        var vigil = new VigilServer(settings ?? []) { under = under ?? [] };
        foreach (var (name, value) in environment ?? new Dictionary<string, string>())
            vigil.Environment[name] = value;
        var file = Path.Combine(vigil.Folder, "registry.csv");
        await File.WriteAllTextAsync(file, registry);
        if (policies is not null)
        {
            await File.WriteAllTextAsync(Path.Combine(vigil.Folder, "policies.yaml"), policies);
            vigil.settings["Policies:Path"] = Path.Combine(vigil.Folder, "policies.yaml");
        }

        var (code, output) = await vigil.RunAsync("import", file);
        if (code != 0)
            throw new InvalidOperationException($"import failed:\n{output}");
        var key = (await vigil.RunAsync("apikey", "test", "--scope", "write")).Output.Trim();
        vigil.http.BaseAddress = new Uri($"http://127.0.0.1:{vigil.HttpPort}/api/v1/");
        vigil.http.DefaultRequestHeaders.Authorization = new AuthenticationHeaderValue("Bearer", key);
        await vigil.StartAsync();
        return vigil;
    }

    public async Task StartAsync()
    {
        IReadOnlyList<string> command = [.. under, Executable, "run", .. Arguments()];
        server = Server.Start(command[0], command.Skip(1), Folder, Environment);
        await server.SaysAsync("is running");
    }

    public string Data => settings.GetValueOrDefault("Data:Path") ?? Path.Combine(Folder, "data");

    /// <summary>Runs a command on the same data folder, such as <c>credential</c>.</summary>
    public Task<(int Code, string Output)> RunAsync(params string[] command) =>
        Server.RunAsync(Executable, [.. command, .. Arguments()], folder: Folder);

    public async Task<string> CredentialAsync(string name, bool gateway = false)
    {
        var (_, output) = await RunAsync(gateway ? ["credential", name, "--gateway"] : ["credential", name]);
        return output.Split("password: ")[1].Trim();
    }

    /// <summary>Publishes at QoS 1 with mosquitto_pub and returns its exit code.</summary>
    public Task<(int Code, string Output)> PublishAsync(
        int port,
        string topic,
        string payload,
        string? username = null,
        string? password = null
    ) =>
        Server.RunAsync(
            "mosquitto_pub",
            [
                "-h",
                "127.0.0.1",
                "-p",
                $"{port}",
                "-q",
                "1",
                "-t",
                topic,
                "-s",
                .. username is null ? Array.Empty<string>() : ["-u", username, "-P", password!],
            ],
            payload
        );

    public async Task<JsonElement> GetAsync(string path)
    {
        using var answer = await http.GetAsync(path);
        return await ReadAsync(path, answer);
    }

    private static async Task<JsonElement> ReadAsync(string path, HttpResponseMessage answer)
    {
        Assert.True(answer.IsSuccessStatusCode, $"GET {path}: {(int)answer.StatusCode} {await answer.Content.ReadAsStringAsync()}");
        return await answer.Content.ReadFromJsonAsync<JsonElement>();
    }

    public Task<HttpResponseMessage> PostAsync(string path, object body) => http.PostAsJsonAsync(path, body);

    /// <summary>Repeats a request of the API until its answer holds.</summary>
    /// <param name="mayFail">Some of the questions are answered with an error, as when the database is gone for new connections.</param>
    public async Task<JsonElement> UntilAsync(string path, Func<JsonElement, bool> holds, double seconds = 30, bool mayFail = false)
    {
        var clock = TimeProvider.System;
        var started = clock.GetTimestamp();
        while (true)
        {
            using var answer = await http.GetAsync(path);
            var found = mayFail && !answer.IsSuccessStatusCode ? default : await ReadAsync(path, answer);
            if (found.ValueKind != JsonValueKind.Undefined && holds(found))
                return found;
            if (clock.GetElapsedTime(started).TotalSeconds > seconds)
                throw new TimeoutException($"GET {path} still answers {found}\nthe service said:\n{Process.Output}");
            await Task.Delay(TimeSpan.FromMilliseconds(50), clock);
        }
    }

    /// <summary>Repeats /healthz/ready until what it says holds.</summary>
    public async Task UntilReadyAsync(Func<string, bool> holds, double seconds = 30)
    {
        var started = TimeProvider.System.GetTimestamp();
        while (true)
        {
            using var answer = await http.GetAsync($"http://127.0.0.1:{HttpPort}/healthz/ready");
            var text = await answer.Content.ReadAsStringAsync();
            if (holds(text))
                return;
            if (TimeProvider.System.GetElapsedTime(started).TotalSeconds > seconds)
                throw new TimeoutException($"ready still says {text}\nthe service said:\n{Process.Output}");
            await Task.Delay(TimeSpan.FromMilliseconds(100), TimeProvider.System);
        }
    }

    /// <summary>The value of an instrument in /metrics.</summary>
    public async Task<double> MetricAsync(string name)
    {
        var lines = (await http.GetStringAsync($"http://127.0.0.1:{HttpPort}/metrics")).Split('\n');
        return double.Parse(
            Assert.Single(lines, l => l.StartsWith(name + " ", StringComparison.Ordinal))[(name.Length + 1)..],
            System.Globalization.CultureInfo.InvariantCulture
        );
    }

    public async ValueTask DisposeAsync()
    {
        if (server is not null)
            await server.DisposeAsync();
        http.Dispose();
        Directory.Delete(Folder, recursive: true);
    }

    private IEnumerable<string> Arguments()
    {
        if (!settings.ContainsKey("Data:Path"))
            yield return $"--Data:Path={Path.Combine(Folder, "data")}";
        yield return $"--Http:Urls=http://127.0.0.1:{HttpPort}";
        if (!settings.ContainsKey("Mqtt:Port"))
            yield return $"--Mqtt:Port={MqttPort}";
        if (!settings.ContainsKey("Health:CanaryMinutes"))
            yield return "--Health:CanaryMinutes=0"; // the self-test's own press would be counted
        foreach (var (key, value) in settings)
            yield return $"--{key}={value}";
    }

    private static string FindExecutable()
    {
        for (var folder = new DirectoryInfo(AppContext.BaseDirectory); folder is not null; folder = folder.Parent)
            if (File.Exists(Path.Combine(folder.FullName, "Vigil.slnx")))
                return Path.Combine(folder.FullName, ".artifacts", "vigil", "vigil");
        throw new InvalidOperationException("the tests run inside the checkout");
    }
}
