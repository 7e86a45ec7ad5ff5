using System.Net;
using System.Net.Security;
using System.Net.Sockets;
using System.Security.Cryptography;
using System.Security.Cryptography.X509Certificates;
using System.Text;

namespace Vigil.Tests.Notify.Channels;

/// <summary>
/// A mail server on a loopback socket (RFC 5321) with STARTTLS or TLS from the first byte, a login, and answers that a test chooses.
/// </summary>
internal sealed class SmtpServer : IAsyncDisposable
{
    private readonly TcpListener listener = new(IPAddress.Loopback, 0);
    private readonly X509Certificate2 certificate;
    private readonly CancellationTokenSource stopping = new();
    private readonly bool tls;
    private readonly Task accepting;

    public SmtpServer(bool tls = false)
    {
        this.tls = tls;
        using var key = ECDsa.Create(ECCurve.NamedCurves.nistP256);
        var request = new CertificateRequest("CN=localhost", key, HashAlgorithmName.SHA256);
        var names = new SubjectAlternativeNameBuilder();
        names.AddDnsName("localhost");
        request.CertificateExtensions.Add(names.Build());
        request.CertificateExtensions.Add(new X509BasicConstraintsExtension(certificateAuthority: true, false, 0, true));
        using var made = request.CreateSelfSigned(DateTimeOffset.UnixEpoch, new DateTimeOffset(2100, 1, 1, 0, 0, 0, TimeSpan.Zero));
        certificate = X509CertificateLoader.LoadPkcs12(made.Export(X509ContentType.Pkcs12), null);
        CertificateFile = Path.GetTempFileName();
        File.WriteAllText(CertificateFile, certificate.ExportCertificatePem());
        listener.Start();
        accepting = Task.Run(AcceptAsync);
    }

    public int Port => ((IPEndPoint)listener.LocalEndpoint).Port;

    public string CertificateFile { get; }

    /// <summary>Answers to commands in place of 250; "cut" closes the connection.</summary>
    public Dictionary<string, string> Says { get; } = [];

    public List<string> Mails { get; } = [];

    /// <summary>Commands that arrived before TLS was on.</summary>
    public List<string> InTheOpen { get; } = [];

    public async ValueTask DisposeAsync()
    {
        await stopping.CancelAsync();
        listener.Stop();
        await accepting;
        certificate.Dispose();
        stopping.Dispose();
        File.Delete(CertificateFile);
    }

    private async Task AcceptAsync()
    {
        var talks = new List<Task>();
        try
        {
            while (true)
                talks.Add(TalkAsync(await listener.AcceptTcpClientAsync(stopping.Token)));
        }
        catch (Exception e) when (e is OperationCanceledException or SocketException)
        {
            await Task.WhenAll(talks);
        }
    }

    private async Task TalkAsync(TcpClient client)
    {
        try
        {
            using var _ = client;
            Stream stream = client.GetStream();
            var safe = tls;
            if (tls)
                stream = await SecureAsync(stream);
            await SayAsync(stream, "220 localhost");
            while (await LineAsync(stream) is { } line)
            {
                var command = line.Split(' ', ':')[0].ToUpperInvariant();
                if (!safe)
                    InTheOpen.Add(command);
                if (Says.TryGetValue(command, out var answer))
                {
                    if (answer == "cut")
                        return;
                    await SayAsync(stream, answer);
                    continue;
                }

                switch (command)
                {
                    case "EHLO":
                        await SayAsync(stream, safe ? "250-localhost\r\n250 AUTH PLAIN" : "250-localhost\r\n250 STARTTLS");
                        break;
                    case "STARTTLS":
                        await SayAsync(stream, "220 go");
                        (stream, safe) = (await SecureAsync(stream), true);
                        break;
                    case "AUTH":
                        var right = Encoding.UTF8.GetString(Convert.FromBase64String(line.Split(' ')[2])) == "\0vigil\0secret";
                        await SayAsync(stream, right ? "235 welcome" : "535 wrong");
                        break;
                    case "DATA":
                        await SayAsync(stream, "354 go on");
                        var mail = new StringBuilder();
                        while (await LineAsync(stream) is { } text && text != ".")
                            mail.AppendLine(text);
                        Mails.Add(mail.ToString());
                        if (Says.GetValueOrDefault("END") == "cut")
                            return;
                        await SayAsync(stream, "250 taken");
                        break;
                    case "QUIT":
                        await SayAsync(stream, "221 bye");
                        return;
                    default:
                        await SayAsync(stream, "250 ok");
                        break;
                }
            }
        }
        catch (Exception e) when (e is IOException or System.Security.Authentication.AuthenticationException or OperationCanceledException)
        {
            // the client has closed the connection
        }
    }

    private async Task<Stream> SecureAsync(Stream stream)
    {
        var ssl = new SslStream(stream);
        await ssl.AuthenticateAsServerAsync(new SslServerAuthenticationOptions { ServerCertificate = certificate }, stopping.Token);
        return ssl;
    }

    private async Task<string?> LineAsync(Stream stream)
    {
        var line = new List<byte>();
        var one = new byte[1];
        while (await stream.ReadAsync(one, stopping.Token) == 1)
        {
            if (one[0] == '\n')
                return Encoding.UTF8.GetString([.. line]).TrimEnd('\r');
            line.Add(one[0]);
        }

        return null;
    }

    private async Task SayAsync(Stream stream, string text) =>
        await stream.WriteAsync(Encoding.ASCII.GetBytes(text + "\r\n"), stopping.Token);
}
