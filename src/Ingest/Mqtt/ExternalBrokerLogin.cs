using System.Security.Cryptography.X509Certificates;
using MQTTnet;
using MQTTnet.Formatter;

namespace Vigil.Ingest.Mqtt;

/// <summary>How the service presents itself to an external broker.</summary>
internal static class ExternalBrokerLogin
{
    public static MqttClientOptions Options(MqttOptions options)
    {
        var builder = new MqttClientOptionsBuilder()
            .WithTcpServer(options.Host, options.Port)
            .WithProtocolVersion(MqttProtocolVersion.V500)
            .WithClientId(options.ClientId)
            .WithCleanStart(false)
            .WithSessionExpiryInterval(uint.MaxValue)
            .WithReceiveMaximum((ushort)options.ReceiveMaximum)
            .WithMaximumPacketSize((uint)options.MaxPacketBytes)
            .WithKeepAlivePeriod(TimeSpan.FromSeconds(options.CanarySeconds))
            .WithTimeout(TimeSpan.FromSeconds(10));
        if (options.Username.Length > 0)
            builder.WithCredentials(options.Username, options.Password);
        if (options.Tls)
            builder.WithTlsOptions(tls => Tls(tls, options));
        return builder.Build();
    }

    private static void Tls(MqttClientTlsOptionsBuilder tls, MqttOptions options)
    {
        tls.UseTls();
        if (options.CertificateAuthority.Length > 0)
        {
            var trusted = new X509Certificate2Collection();
            trusted.ImportFromPemFile(options.CertificateAuthority);
            tls.WithTrustChain(trusted);
        }

        if (options.Certificate.Length > 0)
            tls.WithClientCertificates([
                X509Certificate2.CreateFromPemFile(options.Certificate, options.CertificateKey.Length > 0 ? options.CertificateKey : null),
            ]);
    }
}
