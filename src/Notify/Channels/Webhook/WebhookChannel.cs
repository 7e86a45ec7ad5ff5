using System.Globalization;
using System.Text;
using System.Text.Json;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using StandardWebhooks;
using Vigil.Model;
using Vigil.Notify.Webhooks;
using Vigil.Settings;
using Vigil.Storage.Records;

namespace Vigil.Notify.Channels.Webhook;

/// <summary>The section <c>Webhook</c>.</summary>
public sealed class WebhookChannelOptions
{
    public const string Section = "Webhook";

    /// <summary>whsec_ and 24–64 bytes in base64, shared with whoever receives.</summary>
    public string Secret { get; set; } = "";

    /// <summary>The secret before the last change: both sign until every receiver has the new one.</summary>
    public string PreviousSecret { get; set; } = "";

    internal static ProviderKind Kind { get; } =
        new(
            "webhook",
            Section,
            SettingsSection.Names<WebhookChannelOptions>(Section),
            Check,
            (services, configuration) =>
            {
                services.AddSingleton(SettingsSection.Read<WebhookChannelOptions>(configuration, Section, []));
                // No circuit breaker: it would be shared by all receivers, and one that is off would hold up the messages to the others.
                services
                    .AddHttpClient("webhook", c => c.Timeout = TimeSpan.FromSeconds(8))
                    // somebody typed the address into the registry
                    .ConfigurePrimaryHttpMessageHandler(s => s.GetRequiredService<OutwardConnections>().Handler())
                    .SetHandlerLifetime(Timeout.InfiniteTimeSpan)
                    .RemoveAllLoggers(); // addresses of receivers are secrets
                services.AddSingleton<WebhookChannel>().AddSingleton<IChannel>(s => s.GetRequiredService<WebhookChannel>());
            }
        );

    private static IEnumerable<Problem> Check(IConfiguration configuration)
    {
        foreach (var key in new[] { "Secret", "PreviousSecret" })
        {
            var text = configuration[$"{Section}:{key}"] ?? "";
            if (key == "PreviousSecret" && text.Length == 0)
                continue;
            if (!WebhookSignature.IsSecret(text))
                yield return new Problem(
                    $"{Section}:{key}",
                    0,
                    "",
                    "",
                    "is not whsec_ and 24 to 64 bytes in base64: receivers could not tell our messages from forged ones"
                );
        }
    }
}

/// <summary>Secrets and signatures of Standard Webhooks 1.0.0 (standardwebhooks.com): HMAC-SHA256 over id, timestamp and body.</summary>
internal static class WebhookSignature
{
    /// <summary>whsec_ and 24 to 64 bytes in base64.</summary>
    public static bool IsSecret(string text)
    {
        if (!text.StartsWith("whsec_", StringComparison.Ordinal))
            return false;
        var bytes = new byte[text.Length];
        return Convert.TryFromBase64String(text[6..], bytes, out var length) && length is >= 24 and <= 64;
    }

    /// <summary>The three headers; a signature for each secret, so that a secret can be changed without losing a message.</summary>
    public static void Sign(HttpRequestMessage request, IEnumerable<string> secrets, string id, DateTimeOffset now, string body)
    {
        request.Headers.Add("webhook-id", id);
        request.Headers.Add("webhook-timestamp", now.ToUnixTimeSeconds().ToString(CultureInfo.InvariantCulture));
        request.Headers.Add("webhook-signature", string.Join(' ', secrets.Select(s => new StandardWebhook(s).Sign(id, now, body))));
    }
}

/// <summary>
/// JSON to a web address, signed. A message that is sent again has the same id, and the time of the try: a receiver takes each id once, and
/// so a lost answer costs nothing.
/// </summary>
public sealed class WebhookChannel(WebhookChannelOptions options, IHttpClientFactory http, IServiceProvider services) : IChannel
{
    private readonly TimeProvider clock = services.GetKeyedService<TimeProvider>(ChannelHttp.Clock) ?? TimeProvider.System;

    public string Provider => "webhook";

    public bool Carries(Channel channel) => channel == Channel.Webhook;

    public bool CarriesTo(Channel channel, string address) =>
        channel == Channel.Webhook && services.GetRequiredService<OutwardConnections>().Refuses(address) is null;

    public async Task<ChannelResult> SendAsync(OutgoingNotice notice, CancellationToken cancellation)
    {
        if (services.GetRequiredService<OutwardConnections>().Refuses(notice.Address) is { } refused)
            return new ChannelResult(ChannelOutcome.GiveUp, OutwardConnections.OfAddress(refused));
        var (id, now) = ($"msg_{notice.NoticeId:N}", clock.GetUtcNow());
        var body = JsonSerializer.Serialize(
            new
            {
                type = $"alarm.{notice.Template.Word()}",
                timestamp = now.UtcDateTime,
                data = new
                {
                    name = notice.Values.GetValueOrDefault("name"),
                    kind = notice.Values.GetValueOrDefault("kind"),
                    what = notice.Values.GetValueOrDefault("what"),
                    critical = notice.Critical,
                    text = notice.Text,
                    link = notice.Link,
                },
            }
        );
        using var request = new HttpRequestMessage(HttpMethod.Post, notice.Address)
        {
            Content = new StringContent(body, Encoding.UTF8, "application/json"),
        };
        var secrets = new[] { options.Secret, options.PreviousSecret }.Where(WebhookSignature.IsSecret);
        WebhookSignature.Sign(request, secrets, id, now, body);
        try
        {
            using var answer = await http.CreateClient(Provider).SendAsync(request, HttpCompletionOption.ResponseHeadersRead, cancellation);
            return (int)answer.StatusCode switch
            {
                >= 200 and < 300 => new ChannelResult(ChannelOutcome.Delivered, new Wording("the receiver has it", "接收方已收到"), id),
                408 or 425 or 429 or >= 500 => new ChannelResult(
                    ChannelOutcome.TryAgain,
                    new Wording(
                        $"the receiver can't take it now ({(int)answer.StatusCode})",
                        $"接收方暂时无法受理（{(int)answer.StatusCode}）"
                    )
                ),
                410 => new ChannelResult(ChannelOutcome.GiveUp, new Wording("the receiver is gone (410)", "接收方已停用（410）")),
                var status => new ChannelResult(
                    ChannelOutcome.GiveUp,
                    new Wording($"the receiver refuses it ({status})", $"接收方拒绝（{status}）")
                ),
            };
        }
        catch (HttpRequestException e) when (OutwardConnections.WasRefused(e))
        {
            // the address lies inside this network, which messages must not reach: the next channel at once
            return new ChannelResult(ChannelOutcome.GiveUp, OutwardConnections.Inside);
        }
        catch (Exception e) when (e is HttpRequestException or TaskCanceledException)
        {
            // the same id again is safe
            return new ChannelResult(ChannelOutcome.TryAgain, new Wording("the receiver does not answer", "接收方没有应答"));
        }
    }

    public Task<ChannelResult?> ReconcileAsync(PastNotice notice, CancellationToken cancellation) => Task.FromResult<ChannelResult?>(null);
}
