using System.Globalization;
using System.Net.Http.Headers;
using System.Text;
using System.Text.Json;
using Microsoft.Extensions.DependencyInjection;
using Vigil.Notify.Messages;

namespace Vigil.Notify.Channels.Twilio;

/// <summary>
/// SMS and calls over Twilio's REST API, version 2010-04-01, spoken to directly. The address for receipts carries our notice's id; a
/// request whose answer was lost is looked up in Twilio's own list before it is sent again.
/// </summary>
public sealed class TwilioChannel : IChannel
{
    private readonly IServiceProvider services;
    private readonly TwilioOptions options;
    private readonly TwiML twiml;
    private readonly string publicUrl;
    private readonly AuthenticationHeaderValue authorization;
    private readonly ChannelHealth health;

    public TwilioChannel(IServiceProvider services, TwilioOptions options, MessageTexts messages, SignedLinks links)
    {
        (this.services, this.options, publicUrl) = (services, options, links.PublicUrl);
        twiml = new TwiML(options, messages, publicUrl);
        health = services.ChannelHealth(Provider);
        authorization = new AuthenticationHeaderValue(
            "Basic",
            Convert.ToBase64String(Encoding.ASCII.GetBytes($"{options.AccountSid}:{options.AuthToken}"))
        );
    }

    public string Provider => "twilio";

    public bool GivesReceipts => true;

    public ChannelHealth? Health => health;

    public bool Carries(string channel) => channel == "sms" || (channel == "voice" && options.From.Length > 0);

    public bool TakesReplies(string channel, string address) =>
        channel == "sms"
        && !options
            .OneWay.Split(',', StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries)
            .Any(p => address.StartsWith(p, StringComparison.Ordinal));

    public async Task<ChannelResult> SendAsync(OutgoingNotice notice, CancellationToken cancellation)
    {
        var voice = notice.Channel == "voice";
        using var request = Request(HttpMethod.Post, voice ? "Calls.json" : "Messages.json");
        request.Content = new FormUrlEncodedContent(voice ? CallOf(notice) : MessageOf(notice));
        var (answer, trouble) = await services.ChannelClient(Provider).TrySendAsync(request, health, notice.Critical, cancellation);
        if (answer is null)
            return trouble!;
        using (answer)
        {
            if (answer.IsSuccessStatusCode)
            {
                health.Up();
                var made = await ReadAsync(answer, cancellation);
                return new ChannelResult(ChannelOutcome.Sent, "Twilio has it", made is null ? null : Text(made.Value, "sid"));
            }

            var refused = TwilioErrors.Refused(
                (int)answer.StatusCode,
                await ReadAsync(answer, cancellation) is { } error ? Number(error, "code") : 0
            );
            if (refused.Outcome == ChannelOutcome.Down)
                health.Down(refused.Reason);
            else if ((int)answer.StatusCode < 500)
                health.Up(); // it speaks to us
            return refused;
        }
    }

    /// <summary>Who is listening hears that it is taken; a phone that still rings stops.</summary>
    public async Task<bool> EndCallAsync(string providerId, string language, CancellationToken cancellation) =>
        await ChangeCallAsync(providerId, "Twiml", twiml.Last(language, "over"), cancellation) // refused while it rings: 21220
        || await ChangeCallAsync(providerId, "Status", "completed", cancellation);

    private async Task<bool> ChangeCallAsync(string sid, string field, string value, CancellationToken cancellation)
    {
        using var request = Request(HttpMethod.Post, $"Calls/{Uri.EscapeDataString(sid)}.json");
        request.Content = new FormUrlEncodedContent([new(field, value)]);
        var (answer, _) = await services.ChannelClient(Provider).TrySendAsync(request, health, critical: false, cancellation);
        using (answer)
            return answer?.IsSuccessStatusCode == true;
    }

    public async Task<ChannelResult?> ReconcileAsync(PastNotice notice, CancellationToken cancellation)
    {
        var kind = notice.Outgoing.Channel == "voice" ? "Calls" : "Messages";
        if (notice.ProviderId is { Length: > 0 } sid)
        {
            var (status, one) = await GetAsync($"{kind}/{sid}.json", cancellation);
            return status == 404 ? null : Became(kind, one);
        }

        // The newest first. No filter by DateSent or StartTime: what still waits at Twilio has none yet.
        var (_, list) = await GetAsync($"{kind}.json?To={Uri.EscapeDataString(notice.Outgoing.Address)}&PageSize=100", cancellation);
        var ours = list.GetProperty(kind == "Calls" ? "calls" : "messages")
            .EnumerateArray()
            .Where(item =>
                Text(item, "direction")?.StartsWith("outbound", StringComparison.Ordinal) != false
                && Text(item, "sid") is { } id
                && !notice.Others.Contains(id)
                && (Time(item, "date_created") is not { } created || created >= notice.Since)
            )
            .ToList();
        // A message is known by its words: the link in it is this notice's alone. A call carries nothing of ours, so it is ours only when
        // it can be nobody else's.
        var found =
            kind == "Messages" ? ours.Where(m => Text(m, "body") == notice.Outgoing.Text).ToList()
            : notice.Alone ? ours
            : [];
        return found.Count == 0 || (notice.Outgoing.Link.Length == 0 && !notice.Alone) ? null : Became(kind, found[^1]);
    }

    /// <summary>How a call went, for the callback that doesn't say it; null when Twilio can't be asked now.</summary>
    internal async Task<ChannelResult?> AskCallAsync(string sid, CancellationToken cancellation)
    {
        try
        {
            var (status, call) = await GetAsync($"Calls/{Uri.EscapeDataString(sid)}.json", cancellation);
            return status == 404 ? null : Became("Calls", call);
        }
        catch (HttpRequestException)
        {
            return null; // asked again later, with those that sent no receipt
        }
    }

    private IEnumerable<KeyValuePair<string, string>> MessageOf(OutgoingNotice notice)
    {
        yield return new("To", notice.Address);
        yield return options.MessagingServiceSid.Length > 0
            ? new("MessagingServiceSid", options.MessagingServiceSid)
            : new("From", options.From);
        yield return new("Body", notice.Text);
        yield return new("StatusCallback", Callback("status", notice.NoticeId));
        yield return new("ValidityPeriod", options.ValiditySeconds.ToString(CultureInfo.InvariantCulture));
    }

    private IEnumerable<KeyValuePair<string, string>> CallOf(OutgoingNotice notice)
    {
        yield return new("To", notice.Address);
        yield return new("From", options.From);
        // The words go with the request: the call speaks even when our own address can't be reached from outside.
        yield return new("Twiml", twiml.Call(notice.NoticeId, notice.Language, notice.Template, notice.Values));
        yield return new("Timeout", options.RingSeconds.ToString(CultureInfo.InvariantCulture));
        yield return new("StatusCallback", Callback("status", notice.NoticeId));
        // without StatusCallbackEvent it says how the call ended, which is all that counts
        yield return new("StatusCallbackMethod", "POST");
        // A person hears the message at once while the machine is still being looked for; a machine keeps it, and another way is tried.
        yield return new("MachineDetection", "Enable");
        yield return new("AsyncAmd", "true");
        yield return new("AsyncAmdStatusCallback", Callback("status", notice.NoticeId));
        yield return new("AsyncAmdStatusCallbackMethod", "POST");
    }

    /// <summary>What became of a message or call, from its resource or from a callback's fields.</summary>
    internal static ChannelResult Became(string kind, string? sid, string status, string answeredBy, int error) =>
        status switch
        {
            "delivered" or "read" => new(ChannelOutcome.Delivered, "on the phone", sid),
            "undelivered" or "failed" or "busy" or "no-answer" or "canceled" => new(
                ChannelOutcome.GiveUp,
                TwilioErrors.NotDelivered(status, error),
                sid,
                TwilioErrors.IsForGood(error)
            ),
            // A key would have been told before the call ended: then this changes nothing any more.
            "completed" when kind == "Calls" => new(
                ChannelOutcome.GiveUp,
                IsMachine(answeredBy) ? Voicemail : "the call was picked up, but no key was pressed",
                sid
            ),
            _ => new(ChannelOutcome.Sent, $"Twilio says {status}", sid),
        };

    internal const string Voicemail = "voicemail answered, which is no answer";

    /// <summary>machine_start, machine_end_beep…, fax; unknown may be a person.</summary>
    internal static bool IsMachine(string answeredBy) => answeredBy.StartsWith("machine", StringComparison.Ordinal) || answeredBy == "fax";

    private static ChannelResult Became(string kind, JsonElement item) =>
        Became(kind, Text(item, "sid"), Text(item, "status") ?? "", Text(item, "answered_by") ?? "", Number(item, "error_code"));

    private string Callback(string hook, Guid notice) => $"{publicUrl}/hooks/twilio/{hook}?notice={notice:N}";

    private HttpRequestMessage Request(HttpMethod method, string resource) =>
        new(method, $"2010-04-01/Accounts/{options.AccountSid}/{resource}") { Headers = { Authorization = authorization } };

    private async Task<(int Status, JsonElement Body)> GetAsync(string resource, CancellationToken cancellation)
    {
        using var request = Request(HttpMethod.Get, resource);
        var (answer, trouble) = await services.ChannelClient(Provider).TrySendAsync(request, health, critical: true, cancellation);
        if (answer is null)
            throw new HttpRequestException(trouble!.Reason);
        using (answer)
        {
            if (answer.StatusCode == System.Net.HttpStatusCode.NotFound)
                return (404, default);
            if (!answer.IsSuccessStatusCode || await ReadAsync(answer, cancellation) is not { } body)
                throw new HttpRequestException($"Twilio answers {(int)answer.StatusCode}");
            health.Up();
            return (200, body);
        }
    }

    private static async Task<JsonElement?> ReadAsync(HttpResponseMessage answer, CancellationToken cancellation)
    {
        try
        {
            using var json = await JsonDocument.ParseAsync(
                await answer.Content.ReadAsStreamAsync(cancellation),
                cancellationToken: cancellation
            );
            return json.RootElement.ValueKind == JsonValueKind.Object ? json.RootElement.Clone() : null;
        }
        catch (JsonException)
        {
            return null; // a proxy's page in place of an answer
        }
    }

    private static string? Text(JsonElement item, string name) =>
        item.TryGetProperty(name, out var value) && value.ValueKind == JsonValueKind.String ? value.GetString() : null;

    private static int Number(JsonElement item, string name) =>
        item.TryGetProperty(name, out var value) && value.ValueKind == JsonValueKind.Number && value.TryGetInt32(out var number)
            ? number
            : 0;

    /// <summary>RFC 2822, such as Fri, 24 May 2019 17:18:27 +0000.</summary>
    private static DateTimeOffset? Time(JsonElement item, string name) =>
        DateTimeOffset.TryParseExact(
            Text(item, name),
            "ddd, dd MMM yyyy HH:mm:ss zzz",
            CultureInfo.InvariantCulture,
            DateTimeStyles.None,
            out var time
        )
            ? time
            : null;
}
