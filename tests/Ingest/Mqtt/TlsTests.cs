using System.Net;
using System.Security.Authentication;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using Microsoft.Extensions.Logging.Abstractions;
using Vigil.Ingest.Mqtt;
using Vigil.Model;
using Vigil.Tests.Servers;

namespace Vigil.Tests.Ingest.Mqtt;

/// <summary>
/// TLS with a private certificate authority and client certificates, on the embedded broker and towards Debian's mosquitto.
/// </summary>
[Trait("Category", "Server")]
public sealed class TlsTests : IDisposable
{
    private readonly DirectoryInfo folder = Directory.CreateTempSubdirectory("vigil-tls");
    private readonly X509Certificate2 authority = Authority("Vigil test CA");
    private readonly X509Certificate2 stranger = Authority("Somebody else's CA");

    [Fact]
    public async Task The_embedded_broker_shows_its_certificate_and_takes_devices_over_TLS()
    {
        await using var broker = await BrokerUnderTest.StartAsync(o => Tls(o, clients: false));
        await using var device = await RawDevice.OpenAsync(broker.Port, trusted: authority);
        await device.SendAsync(RawDevice.Connect("d1", "right", "d1"));
        Assert.Equal(0, (await device.ReadAsync())[3]);
        await device.SendAsync(RawDevice.Publish("vigil/d1/up", "[]"));
        Assert.Equal(0x40, (await device.ReadAsync())[0]);
        await Assert.ThrowsAsync<AuthenticationException>(() => RawDevice.OpenAsync(broker.Port, trusted: stranger));

        // A client without TLS on the same port is not understood, and its socket is closed.
        await using var plain = await RawDevice.OpenAsync(broker.Port);
        await plain.SendAsync(RawDevice.Connect("d1", "right", "d1"));
        Assert.DoesNotContain((byte)0x20, await plain.UntilClosedAsync());
    }

    [Fact]
    public async Task A_client_certificate_has_to_be_of_the_authority_in_date_and_of_the_same_name()
    {
        await using var broker = await BrokerUnderTest.StartAsync(o => Tls(o, clients: true));
        Assert.Equal(0, await CodeAsync(broker.Port, Leaf(authority, "d1")));
        Assert.Equal(5, await CodeAsync(broker.Port, Leaf(authority, "d2"))); // d1's password with d2's certificate
        Assert.Equal(-1, await CodeAsync(broker.Port, Leaf(stranger, "d1")));
        Assert.Equal(-1, await CodeAsync(broker.Port, Leaf(authority, "d1", days: -1)));
        Assert.Equal(-1, await CodeAsync(broker.Port, null));
    }

    [Fact]
    public async Task Mosquitto_is_reached_with_a_private_authority_and_our_own_certificate_and_a_wrong_one_says_why()
    {
        var server = Leaf(authority, "localhost");
        await using var mosquitto = new MosquittoServer(
            certificate: (server.ExportCertificatePem(), Key(server), authority.ExportCertificatePem()),
            requireClientCertificate: true
        );
        await mosquitto.StartAsync();
        var own = Leaf(authority, "vigil");
        using var good = Client(mosquitto.Port, Save("ca.pem", authority.ExportCertificatePem()), own);
        await good.StartAsync(TestContext.Current.CancellationToken);
        await UntilAsync(() => good.Live, () => good.Trouble);
        await good.StopAsync(CancellationToken.None);

        using var distrusting = Client(mosquitto.Port, Save("other.pem", stranger.ExportCertificatePem()), own);
        await distrusting.StartAsync(TestContext.Current.CancellationToken);
        await UntilAsync(() => distrusting.Trouble.Contains("certificate", StringComparison.OrdinalIgnoreCase), () => distrusting.Trouble);
        Assert.False(distrusting.Live);
        await distrusting.StopAsync(CancellationToken.None);

        using var unknown = Client(mosquitto.Port, Save("ca.pem", authority.ExportCertificatePem()), Leaf(stranger, "vigil"));
        await unknown.StartAsync(TestContext.Current.CancellationToken);
        await UntilAsync(() => unknown.Trouble is not ("" or "not connected yet"), () => unknown.Trouble);
        Assert.False(unknown.Live);
        await unknown.StopAsync(CancellationToken.None);
    }

    public void Dispose() => folder.Delete(recursive: true);

    internal static async Task UntilAsync(Func<bool> holds, Func<string> state, double seconds = 30)
    {
        var begun = TimeProvider.System.GetTimestamp();
        while (!holds())
        {
            if (TimeProvider.System.GetElapsedTime(begun).TotalSeconds > seconds)
                Assert.Fail("still: " + state());
            await Task.Delay(TimeSpan.FromMilliseconds(30), TimeProvider.System, TestContext.Current.CancellationToken);
        }
    }

    private ExternalBroker Client(int port, string authorityFile, X509Certificate2 own) =>
        new(
            new MqttOptions
            {
                Embedded = false,
                Host = "localhost",
                Port = port,
                Tls = true,
                CertificateAuthority = authorityFile,
                Certificate = Save($"own-{own.SerialNumber}.pem", own.ExportCertificatePem()),
                CertificateKey = Save($"own-{own.SerialNumber}.key", Key(own)),
            },
            ["vigil/+/up"],
            (_, _) => ValueTask.FromResult(Receipt.Committed),
            new Redeliveries(null, TimeProvider.System),
            new Troubles(TimeProvider.System),
            null,
            TimeProvider.System,
            NullLogger<ExternalBroker>.Instance
        );

    private void Tls(MqttOptions options, bool clients)
    {
        var server = Leaf(authority, "localhost");
        (options.Tls, options.Certificate, options.CertificateKey) = (
            true,
            Save("server.pem", server.ExportCertificatePem()),
            Save("server.key", Key(server))
        );
        if (clients)
            options.CertificateAuthority = Save("ca.pem", authority.ExportCertificatePem());
    }

    /// <summary>The code of the CONNACK; -1 when the connection ended before one came.</summary>
    private async Task<int> CodeAsync(int port, X509Certificate2? certificate)
    {
        try
        {
            await using var device = await RawDevice.OpenAsync(port, authority, certificate);
            await device.SendAsync(RawDevice.Connect("d1", "right", "d1"));
            return await device.ReadAsync() is [0x20, _, _, var code, ..] ? code : -1;
        }
        catch (Exception e) when (e is AuthenticationException or IOException)
        {
            return -1;
        }
    }

    private string Save(string name, string text)
    {
        var path = Path.Combine(folder.FullName, name);
        File.WriteAllText(path, text);
        return path;
    }

    private static string Key(X509Certificate2 certificate) => certificate.GetECDsaPrivateKey()!.ExportPkcs8PrivateKeyPem();

    private static X509Certificate2 Authority(string name)
    {
        using var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        var request = new CertificateRequest($"CN={name}", key, HashAlgorithmName.SHA256);
        request.CertificateExtensions.Add(new X509BasicConstraintsExtension(true, false, 0, true));
        request.CertificateExtensions.Add(new X509KeyUsageExtension(X509KeyUsageFlags.KeyCertSign | X509KeyUsageFlags.CrlSign, true));
        var now = TimeProvider.System.GetUtcNow();
        using var made = request.CreateSelfSigned(now.AddDays(-10), now.AddDays(10));
        return X509CertificateLoader.LoadPkcs12(made.Export(X509ContentType.Pkcs12), null, X509KeyStorageFlags.Exportable);
    }

    private static X509Certificate2 Leaf(X509Certificate2 issuer, string name, int days = 5)
    {
        using var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        var request = new CertificateRequest($"CN={name}", key, HashAlgorithmName.SHA256);
        var names = new SubjectAlternativeNameBuilder();
        names.AddDnsName("localhost");
        names.AddIpAddress(IPAddress.Loopback);
        request.CertificateExtensions.Add(names.Build());
        var now = TimeProvider.System.GetUtcNow();
        using var signed = request.Create(issuer, now.AddDays(-9), now.AddDays(days), RandomNumberGenerator.GetBytes(8));
        using var whole = signed.CopyWithPrivateKey(key);
        return X509CertificateLoader.LoadPkcs12(whole.Export(X509ContentType.Pkcs12), null, X509KeyStorageFlags.Exportable);
    }
}
