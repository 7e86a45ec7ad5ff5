using System.Net.Http;
using System.Text;
using Vigil.Model;
using Vigil.Notify.Channels.Webhook;
using Vigil.Storage.Records;

namespace Vigil.Notify.Webhooks;

/// <summary>Posts one signed message to the address of a webhook.</summary>
internal sealed class WebhookPost(OutwardConnections connections) : IDisposable
{
    private readonly HttpClient http = new(connections.Handler())
    {
        Timeout = TimeSpan.FromSeconds(10),
        MaxResponseContentBufferSize = 1 << 16,
    };

    /// <returns>Whether it was taken; whether the receiver never wants it, or it can never be signed; what happened.</returns>
    public async Task<(bool Taken, bool Gone, Wording Note)> TryAsync(
        Webhook webhook,
        WebhookDelivery delivery,
        CancellationToken cancellation
    )
    {
        if (connections.Refuses(webhook.Url) is { } refused)
            return (false, false, OutwardConnections.OfAddress(refused));
        if (!WebhookSignature.IsSecret(webhook.Secret))
            return (false, !FieldKeys.IsUnreadable(webhook.Secret), new Wording("the secret can't be read", "签名密钥无法读取"));
        try
        {
            // a receiver refuses what is older than minutes by its own clock
            var now = TimeProvider.System.GetUtcNow();
            using var request = new HttpRequestMessage(HttpMethod.Post, webhook.Url)
            {
                Content = new StringContent(delivery.Body, Encoding.UTF8, "application/json"),
            };
            WebhookSignature.Sign(request, [webhook.Secret], $"msg_{delivery.Id:N}", now, delivery.Body);
            using var answer = await http.SendAsync(request, HttpCompletionOption.ResponseHeadersRead, cancellation);
            var status = (int)answer.StatusCode;
            return (status is >= 200 and < 300, status == 410, new Wording($"answered {status}", $"应答 {status}"));
        }
        catch (Exception e)
            when (e is HttpRequestException or TaskCanceledException or UriFormatException && !cancellation.IsCancellationRequested)
        {
            return (
                false,
                false,
                e is HttpRequestException inward && OutwardConnections.WasRefused(inward)
                    ? OutwardConnections.Inside
                    : new Wording("does not answer", "没有应答")
            );
        }
    }

    public void Dispose() => http.Dispose();
}
