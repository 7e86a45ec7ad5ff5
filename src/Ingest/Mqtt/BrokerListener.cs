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
/// A Kestrel endpoint that speaks MQTT: TLS in Kestrel, whose handshake has a timeout (MQTTnet's has none), then the limits, then the
/// broker. With an authority, every client shows a certificate of it, whose common name has to be its user name.
/// </summary>
public static class BrokerListener
{
    private static readonly TimeSpan Handshake = TimeSpan.FromSeconds(10);

    public static void Use(ListenOptions listen, MqttOptions mqtt)
    {
        var broker = listen.ApplicationServices.GetRequiredService<EmbeddedBroker>();
        // Counted before the TLS handshake: one that is never finished is a socket that has not logged in, too.
        listen.Use(next => connection => broker.Sockets.AdmitAsync(connection, () => next(connection)));
        if (mqtt.Tls)
            listen.UseHttps(Tls(mqtt));
        listen.Use(next => connection => broker.Sockets.LimitAsync(connection, () => next(connection)));
        listen.UseMqtt();
    }

    /// <summary>The name a client's certificate gives it; null without one.</summary>
    internal static string? NameOf(IFeatureCollection features) =>
        features.Get<ITlsConnectionFeature>()?.ClientCertificate?.GetNameInfo(X509NameType.SimpleName, forIssuer: false);

    private static HttpsConnectionAdapterOptions Tls(MqttOptions mqtt)
    {
        // Exported and loaded again: a key that lives in memory alone can't be used by every platform's TLS.
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
            // The system's list doesn't count: only what this authority signed, in date.
            using var own = new X509Chain();
            own.ChainPolicy.TrustMode = X509ChainTrustMode.CustomRootTrust;
            own.ChainPolicy.CustomTrustStore.AddRange(trusted);
            own.ChainPolicy.RevocationMode = X509RevocationMode.NoCheck;
            return errors.HasFlag(SslPolicyErrors.RemoteCertificateNotAvailable) is false && own.Build(certificate);
        };
        return options;
    }
}
