using System.Diagnostics;

namespace Vigil.Tests.Servers;

/// <summary>
/// Debian's victoria-metrics, which accepts InfluxDB's v2 writes. It has no InfluxQL and keeps only milliseconds and numbers, so tests read
/// the data back by its export.
/// </summary>
internal sealed class VictoriaMetricsServer() : ServerProcess("victoria")
{
    public string Url => $"http://127.0.0.1:{Port}";

    protected override ProcessStartInfo Command() =>
        new(
            "/usr/bin/victoria-metrics",
            [
                $"-storageDataPath={Folder}/data",
                $"-httpListenAddr=127.0.0.1:{Port}",
                "-retentionPeriod=100y",
                "-search.latencyOffset=0s",
                "-memory.allowedBytes=256MB",
            ]
        );

    protected override async Task<bool> ReadyAsync()
    {
        using var http = new HttpClient();
        try
        {
            using var answer = await http.GetAsync(new Uri(Url + "/health"));
            return answer.IsSuccessStatusCode;
        }
        catch (HttpRequestException)
        {
            return false;
        }
    }
}
