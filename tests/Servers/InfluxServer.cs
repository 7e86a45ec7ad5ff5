namespace Vigil.Tests.Servers;

/// <summary>Debian's InfluxDB 1.6.7 on a free loopback port with its data in a temporary folder.</summary>
public sealed class InfluxServer : IAsyncLifetime
{
    private readonly string folder = Directory.CreateTempSubdirectory("vigil-influx-").FullName;
    private readonly int rpc = Server.FreePort();
    private Server? server;

    public int Port { get; } = Server.FreePort();

    public string Url => $"http://127.0.0.1:{Port}";

    public async ValueTask InitializeAsync()
    {
        await File.WriteAllTextAsync(Path.Combine(folder, "influxdb.conf"), $"""
            reporting-disabled = true
            bind-address = "127.0.0.1:{rpc}"
            [meta]
              dir = "{folder}/meta"
            [data]
              dir = "{folder}/data"
              wal-dir = "{folder}/wal"
            [http]
              bind-address = "127.0.0.1:{Port}"
              log-enabled = false
            """);
        await StartAsync();
    }

    public async Task StartAsync()
    {
        server = Server.Start("influxd", ["-config", Path.Combine(folder, "influxdb.conf")]);
        await server.ListensAsync(Port);
    }

    public Task KillAsync() => server!.KillAsync();

    public async ValueTask DisposeAsync()
    {
        if (server is not null) await server.DisposeAsync();
        Directory.Delete(folder, recursive: true);
    }
}
