using System.Diagnostics;

namespace Vigil.Tests.Servers;

/// <summary>Debian's InfluxDB (influxd 1.6.7).</summary>
internal sealed class InfluxServer() : ServerProcess("influxd")
{
    private readonly int rpcPort = Server.FreePort();

    public string Url => $"http://127.0.0.1:{Port}";

    protected override ProcessStartInfo Command()
    {
        var config = Path.Combine(Folder, "influxdb.conf");
        File.WriteAllText(
            config,
            $"""
            reporting-disabled = true
            bind-address = "127.0.0.1:{rpcPort}"
            [meta]
              dir = "{Folder}/meta"
            [data]
              dir = "{Folder}/data"
              wal-dir = "{Folder}/wal"
              query-log-enabled = false
            [monitor]
              store-enabled = false
            [http]
              bind-address = "127.0.0.1:{Port}"
              log-enabled = false
            """
        );
        return new ProcessStartInfo("/usr/bin/influxd", ["-config", config]);
    }

    protected override async Task<bool> ReadyAsync()
    {
        using var http = new HttpClient();
        try
        {
            using var answer = await http.GetAsync(new Uri(Url + "/ping"));
            return answer.IsSuccessStatusCode;
        }
        catch (HttpRequestException)
        {
            return false;
        }
    }
}
