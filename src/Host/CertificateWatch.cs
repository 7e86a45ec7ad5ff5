using System.Security.Cryptography.X509Certificates;
using Vigil.Model;

namespace Vigil.Host;

/// <summary>
/// Warns two weeks before the broker's certificate expires, because then no device can connect any more. The file is read once, at the
/// start, as the broker does.
/// </summary>
internal sealed class CertificateWatch(Settings settings, Troubles troubles, TimeProvider clock) : BackgroundService
{
    private static readonly TimeSpan Every = TimeSpan.FromHours(1),
        Warned = TimeSpan.FromDays(14);

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        if (settings.Mqtt.Certificate.Length == 0)
            return;
        using var certificate = X509CertificateLoader.LoadCertificateFromFile(settings.Mqtt.Certificate);
        while (!stoppingToken.IsCancellationRequested)
        {
            Look(certificate.NotAfter.ToUniversalTime());
            await Task.Delay(Every, clock, stoppingToken);
        }
    }

    internal void Look(DateTime ends)
    {
        var now = clock.GetUtcNow().UtcDateTime;
        if (ends <= now)
            troubles.Say(
                "certificate mqtt",
                $"the broker's certificate has ended on {ends:yyyy-MM-dd}: devices can't connect anew (replace Mqtt:Certificate "
                    + $"and restart)",
                $"MQTT 证书已于 {ends:yyyy-MM-dd} 到期，设备无法重新连接（更换 Mqtt:Certificate 后重启）"
            );
        else if (ends - now < Warned)
            troubles.Say(
                "certificate mqtt",
                $"the broker's certificate ends on {ends:yyyy-MM-dd} (replace Mqtt:Certificate and restart)",
                $"MQTT 证书将于 {ends:yyyy-MM-dd} 到期（更换 Mqtt:Certificate 后重启）"
            );
        else
            troubles.Over("certificate mqtt");
    }
}
