using System.ComponentModel.DataAnnotations;
using System.Security.Cryptography.X509Certificates;
using MailKit;
using MailKit.Net.Smtp;
using MailKit.Security;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using MimeKit;
using Vigil.Model;
using Vigil.Settings;
using Vigil.Storage.Records;

namespace Vigil.Notify.Channels.Mail;

/// <summary>The section <c>Mail</c>: a server that takes mail for others (RFC 6409).</summary>
public sealed class MailOptions
{
    public const string Section = "Mail";

    public string Host { get; set; } = "";

    /// <summary>587 with STARTTLS, 465 with TLS from the first byte (RFC 8314).</summary>
    [Range(1, 65535)]
    public int Port { get; set; } = 587;

    /// <summary>starttls, tls, or none, which is for loopback alone.</summary>
    [OneOf("starttls", "tls", "none")]
    public string Security { get; set; } = "starttls";

    public string Username { get; set; } = "";
    public string Password { get; set; } = "";

    /// <summary>守望 &lt;vigil@example.org&gt;</summary>
    public string From { get; set; } = "";

    /// <summary>A PEM file whose certificates are trusted beside the system's; empty for the system's alone.</summary>
    [ExistingFile]
    public string CertificateAuthority { get; set; } = "";

    internal static ProviderKind Kind { get; } =
        new(
            "mail",
            Section,
            SettingsSection.Names<MailOptions>(Section),
            Check,
            (services, configuration) =>
            {
                services.AddSingleton(SettingsSection.Read<MailOptions>(configuration, Section, []));
                services.AddSingleton<MailChannel>().AddSingleton<IChannel>(s => s.GetRequiredService<MailChannel>());
            }
        );

    private static IEnumerable<Problem> Check(IConfiguration configuration)
    {
        var problems = new List<Problem>();
        var options = SettingsSection.Read<MailOptions>(configuration, Section, problems);
        foreach (var problem in problems)
            yield return problem;
        if (options.Host.Length == 0)
            yield return new Problem("Mail:Host", 0, "", "", "is empty");
        if (
            options.Security == "none"
            && !(
                options.Host is "localhost"
                || (System.Net.IPAddress.TryParse(options.Host, out var ip) && System.Net.IPAddress.IsLoopback(ip))
            )
        )
            yield return new Problem(
                "Mail:Security",
                0,
                "",
                "none",
                "is for a server on loopback alone: names and links would go over the network in the open"
            );
        if (!MailboxAddress.TryParse(options.From, out _))
            yield return new Problem("Mail:From", 0, "", options.From, "is not an address such as 守望 <vigil@example.org>");
        if (options.Username.Length > 0 && options.Password.Length == 0)
            yield return new Problem("Mail:Password", 0, "", "", "is empty, though Mail:Username is not");
    }
}

/// <summary>Mail over SMTP. The message's id is the notice's, so one that is sent again is the same one to a mail program.</summary>
public sealed class MailChannel(MailOptions options, IServiceProvider services) : IChannel
{
    private readonly TimeProvider clock = services.GetKeyedService<TimeProvider>(ChannelHttp.Clock) ?? TimeProvider.System;
    private readonly ChannelHealth health = new(
        "mail",
        services.GetKeyedService<TimeProvider>(ChannelHttp.Clock) ?? TimeProvider.System,
        services.GetService<System.Diagnostics.Metrics.Meter>()
    );

    public string Provider => "mail";

    public ChannelHealth? Health => health;

    public bool Carries(Channel channel) => channel == Channel.Mail;

    public async Task<ChannelResult> SendAsync(OutgoingNotice notice, CancellationToken cancellation)
    {
        if (!MailboxAddress.TryParse(notice.Address, out var to))
            return new ChannelResult(ChannelOutcome.GiveUp, new Wording("is no mail address", "不是邮箱地址"));
        if (!health.MayTry())
            return new ChannelResult(
                ChannelOutcome.Down,
                new Wording($"mail is down: {health.Trouble?.En}", $"邮件服务不可用：{health.Trouble?.Zh}")
            );
        using var message = MessageOf(notice, to);
        using var client = new SmtpClient { Timeout = 10_000, CheckCertificateRevocation = false };
        if (options.CertificateAuthority.Length > 0)
            client.ServerCertificateValidationCallback = (_, certificate, _, errors) =>
                errors == 0 || IsTrusted(certificate as X509Certificate2);
        var sending = false;
        try
        {
            await client.ConnectAsync(
                options.Host,
                options.Port,
                options.Security switch
                {
                    "tls" => SecureSocketOptions.SslOnConnect,
                    "none" => SecureSocketOptions.None,
                    _ => SecureSocketOptions.StartTls,
                },
                cancellation
            );
            if (options.Username.Length > 0)
                await client.AuthenticateAsync(options.Username, options.Password, cancellation);
            sending = true;
            await client.SendAsync(message, cancellation);
            health.Up();
        }
        catch (SmtpCommandException e)
        {
            if (e.ErrorCode is SmtpErrorCode.RecipientNotAccepted or SmtpErrorCode.MessageNotAccepted || sending)
                health.Up();
            if ((int)e.StatusCode is >= 400 and < 500)
                return new ChannelResult(ChannelOutcome.TryAgain, Said("the mail server asks to come again", "邮件服务器要求稍后重试", e));
            if (e.ErrorCode is SmtpErrorCode.SenderNotAccepted or SmtpErrorCode.UnexpectedStatusCode && !sending)
                return Down(Said("the mail server refuses us", "邮件服务器拒绝请求", e));
            return e.ErrorCode == SmtpErrorCode.SenderNotAccepted
                ? Down(Said($"the mail server does not take {options.From}", $"邮件服务器不接受发件人 {options.From}", e))
                : new ChannelResult(ChannelOutcome.GiveUp, Said("the mail server does not take it", "邮件服务器不接收", e));
        }
        catch (Exception e)
            when (e is AuthenticationException or SslHandshakeException or NotSupportedException or ServiceNotAuthenticatedException)
        {
            return Down(
                e is AuthenticationException ? new Wording("the mail server refuses name or password", "邮件服务器不接受用户名或密码")
                : e is SslHandshakeException ? new Wording("the mail server's certificate is not trusted", "邮件服务器的证书不可信")
                : new Wording("the mail server offers no TLS or no login", "邮件服务器不支持 TLS 或登录")
            );
        }
        catch (Exception e)
            when (e
                    is SmtpProtocolException
                        or IOException
                        or System.Net.Sockets.SocketException
                        or TimeoutException
                        or OperationCanceledException
            )
        {
            return sending
                ? new ChannelResult(
                    ChannelOutcome.Unknown,
                    new Wording("the connection to the mail server broke", "与邮件服务器的连接中断")
                )
                : Down(new Wording("the mail server does not answer", "邮件服务器没有应答"));
        }

        try
        {
            await client.DisconnectAsync(quit: true, cancellation);
        }
        catch (Exception e) when (e is SmtpProtocolException or IOException or System.Net.Sockets.SocketException)
        {
            // it has the message
        }

        return new ChannelResult(ChannelOutcome.Sent, new Wording("the mail server has it", "邮件服务器已接收"), message.MessageId);
    }

    /// <summary>A mail server can't be asked. A mail that is sent twice has the same id, so mail programs show it once.</summary>
    public Task<ChannelResult?> ReconcileAsync(PastNotice notice, CancellationToken cancellation) => Task.FromResult<ChannelResult?>(null);

    private MimeMessage MessageOf(OutgoingNotice notice, MailboxAddress to)
    {
        var from = MailboxAddress.Parse(options.From);
        var message = new MimeMessage
        {
            Subject = (notice.Language == "en" ? "[Vigil] " : "【守望】") + notice.Subject,
            MessageId = $"{notice.NoticeId:N}@{from.Domain}",
            Date = clock.GetUtcNow(),
            Priority = notice.Critical ? MessagePriority.Urgent : MessagePriority.Normal,
            Body = new TextPart("plain") { Text = notice.Text },
        };
        message.From.Add(from);
        message.To.Add(to);
        message.Headers.Add("Auto-Submitted", "auto-generated"); // RFC 3834: no holiday replies
        return message;
    }

    /// <summary>The reason with the server's own words, which are quoted in both languages.</summary>
    private static Wording Said(string en, string zh, SmtpCommandException e) =>
        new($"{en} ({(int)e.StatusCode} {e.Message})", $"{zh}（{(int)e.StatusCode} “{e.Message}”）");

    private ChannelResult Down(Wording why)
    {
        health.Down(why);
        return new ChannelResult(ChannelOutcome.Down, why);
    }

    private bool IsTrusted(X509Certificate2? certificate)
    {
        if (certificate is null || !certificate.MatchesHostname(options.Host))
            return false;
        using var chain = new X509Chain();
        chain.ChainPolicy.TrustMode = X509ChainTrustMode.CustomRootTrust;
        chain.ChainPolicy.RevocationMode = X509RevocationMode.NoCheck;
        chain.ChainPolicy.CustomTrustStore.ImportFromPemFile(options.CertificateAuthority);
        return chain.Build(certificate);
    }
}
