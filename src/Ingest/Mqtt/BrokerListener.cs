using System.Net.Security;
using System.Security.Cryptography.X509Certificates;
using Microsoft.AspNetCore.Connections.Features;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http.Features;
using Microsoft.AspNetCore.Server.Kestrel.Core;
using Microsoft.AspNetCore.Server.Kestrel.Https;
using Microsoft.Extensions.DependencyInjection;
using MQTTnet.AspNetCore;

namespace Vigil.Ingest.Mqtt;

/// <summary>
/// A Kestrel endpoint for MQTT: TLS in Kestrel, whose handshake has a timeout (MQTTnet's has none), then the limits, then the broker. With
/// a certificate authority every client needs a certificate of it, whose common name has to be its user name.
/// </summary>
public static class BrokerListener
{
    private static readonly TimeSpan Handshake = TimeSpan.FromSeconds(10);

    public static void Use(ListenOptions listen, MqttOptions mqtt)
    {
        var broker = listen.ApplicationServices.GetRequiredService<EmbeddedBroker>();
        // Counted before the TLS handshake, because a handshake may never be finished.
        listen.Use(next => connection => broker.Sockets.AdmitAsync(connection, () => next(connection)));
        if (mqtt.Tls)
            listen.UseHttps(Tls(mqtt));
        listen.Use(next => connection => broker.Sockets.LimitAsync(connection, () => next(connection)));
        listen.UseMqtt();
    }

    /// <summary>The common name in a client's certificate; null without one.</summary>
    internal static string? NameOf(IFeatureCollection features) =>
        features.Get<ITlsConnectionFeature>()?.ClientCertificate?.GetNameInfo(X509NameType.SimpleName, forIssuer: false);

    private static HttpsConnectionAdapterOptions Tls(MqttOptions mqtt)
    {
        // Exported and loaded again, because not every platform's TLS can use a key that exists only in memory.
        using var pem = X509Certificate2.CreateFromPemFile(mqtt.Certificate, mqtt.CertificateKey.Length > 0 ? mqtt.CertificateKey : null);
        var options = new HttpsConnectionAdapterOptions
        {
            ServerCertificate = X509CertificateLoader.LoadPkcs12(pem.Export(X509ContentType.Pkcs12), null),
            HandshakeTimeout = Handshake,
        };
        if (mqtt.CertificateAuthority.Length == 0)
            return options;
        var trusted = new X509Certificate2Collection();
        trusted.ImportFromPemFile(mqtt.CertificateAuthority);
        options.ClientCertificateMode = ClientCertificateMode.RequireCertificate;
        options.ClientCertificateValidation = (certificate, chain, errors) =>
        {
            // Only valid certificates of this authority count; the system's trusted authorities don't.
            using var own = new X509Chain();
            own.ChainPolicy.TrustMode = X509ChainTrustMode.CustomRootTrust;
            own.ChainPolicy.CustomTrustStore.AddRange(trusted);
            own.ChainPolicy.RevocationMode = X509RevocationMode.NoCheck;
            return errors.HasFlag(SslPolicyErrors.RemoteCertificateNotAvailable) is false && own.Build(certificate);
        };
        return options;
    }
}
