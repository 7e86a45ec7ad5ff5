using System.Runtime.ExceptionServices;
using Microsoft.Extensions.DependencyInjection;
using Twilio.Base;
using Twilio.Clients;
using Twilio.Exceptions;
using Twilio.Rest.Api.V2010.Account;
using Twilio.Types;
using Vigil.Model;
using Vigil.Notify.Messages;
using Vigil.Storage.Records;

namespace Vigil.Notify.Channels.Twilio;

/// <summary>
/// SMS and calls over Twilio's REST API, version 2010-04-01: its own client over <see cref="TwilioHttp"/>. The address for receipts carries
/// our notice's id; a request whose answer was lost is looked up in Twilio's own list before it is sent again.
/// </summary>
public sealed class TwilioChannel : IChannel
{
    private readonly IServiceProvider services;
    private readonly TwilioOptions options;
    private readonly TwiML twiml;
    private readonly string publicUrl;
    private readonly ChannelHealth health;

    public TwilioChannel(IServiceProvider services, TwilioOptions options, MessageTexts messages, SignedLinks links)
    {
        (this.services, this.options, publicUrl) = (services, options, links.PublicUrl);
        twiml = new TwiML(options, messages, publicUrl);
        health = services.ChannelHealth(Provider);
    }

    public string Provider => "twilio";

    public bool GivesReceipts => true;

    public ChannelHealth? Health => health;

    public bool Carries(Channel channel) => channel == Channel.Sms || (channel == Channel.Voice && options.From.Length > 0);

    public bool TakesReplies(Channel channel, string address) =>
        channel == Channel.Sms
        && !options
            .OneWay.Split(',', StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries)
            .Any(p => address.StartsWith(p, StringComparison.Ordinal));

    public async Task<ChannelResult> SendAsync(OutgoingNotice notice, CancellationToken cancellation)
    {
        var answer =
            notice.Channel == Channel.Voice
                ? await AskAsync(async c => About(await CallResource.CreateAsync(CallOf(notice), c)), notice.Critical, cancellation)
                : await AskAsync(async c => About(await MessageResource.CreateAsync(MessageOf(notice), c)), notice.Critical, cancellation);
        if (answer.Trouble is { } trouble)
            return trouble;
        if (answer.IsSuccess)
        {
            health.Up();
            return new ChannelResult(ChannelOutcome.Sent, new Wording("Twilio has it", "Twilio 已受理"), answer.Body?.Sid);
        }

        var refused = TwilioErrors.Refused(answer.Status, answer.Code);
        if (refused.Outcome == ChannelOutcome.Down)
            health.Down(refused.Reason);
        else if (answer.Status < 500)
            health.Up(); // it answers
        return refused;
    }

    /// <summary>Whoever is listening is told that it is taken; a phone that still rings stops.</summary>
    public async Task<bool> EndCallAsync(string providerId, string language, CancellationToken cancellation)
    {
        var sid = Uri.EscapeDataString(providerId);
        // Other words are refused while it rings (21220).
        return await ChangeCallAsync(new UpdateCallOptions(sid) { Twiml = twiml.Last(language, "over") }, cancellation)
            || await ChangeCallAsync(new UpdateCallOptions(sid) { Status = CallResource.UpdateStatusEnum.Completed }, cancellation);
    }

    private async Task<bool> ChangeCallAsync(UpdateCallOptions change, CancellationToken cancellation) =>
        (await AskAsync(c => CallResource.UpdateAsync(change, c), critical: false, cancellation)).IsSuccess;

    public async Task<ChannelResult?> ReconcileAsync(PastNotice notice, CancellationToken cancellation)
    {
        var voice = notice.Outgoing.Channel == Channel.Voice;
        if (notice.ProviderId is { Length: > 0 } sid)
            return await FetchAsync(voice, sid, cancellation);

        // The newest first. No filter by DateSent or StartTime: what still waits at Twilio has none yet.
        PhoneNumber to = notice.Outgoing.Address;
        var list = voice
            ? await LookAsync(async c => First(await CallResource.ReadAsync(new() { To = to, PageSize = 100 }, c), About), cancellation)
            : await LookAsync(async c => First(await MessageResource.ReadAsync(new() { To = to, PageSize = 100 }, c), About), cancellation);
        var ours = (list ?? throw new HttpRequestException("Twilio answers 404"))
            .Where(item =>
                item.Direction?.StartsWith("outbound", StringComparison.Ordinal) != false
                && item.Sid is { } id
                && !notice.Others.Contains(id)
                && (item.Created is not { } created || created >= notice.Since)
            )
            .ToList();
        // A message is recognised by its text, which contains this notice's own link. A call carries nothing of ours, so one is only taken
        // for this notice when no other notice to the number has an unknown outcome.
        var found =
            !voice ? ours.Where(m => m.Body == notice.Outgoing.Text).ToList()
            : notice.Alone ? ours
            : [];
        return found.Count == 0 || (notice.Outgoing.Link.Length == 0 && !notice.Alone) ? null : Became(found[^1]);
    }

    /// <summary>How a call went, for the callback that doesn't say it; null when Twilio can't be asked now.</summary>
    internal async Task<ChannelResult?> AskCallAsync(string sid, CancellationToken cancellation)
    {
        try
        {
            return await FetchAsync(voice: true, sid, cancellation);
        }
        catch (HttpRequestException)
        {
            return null; // asked again later, with those that sent no receipt
        }
    }

    private async Task<ChannelResult?> FetchAsync(bool voice, string id, CancellationToken cancellation)
    {
        var sid = Uri.EscapeDataString(id); // the client puts it into the path as it is
        var item = voice
            ? await LookAsync(async c => About(await CallResource.FetchAsync(new FetchCallOptions(sid), c)), cancellation)
            : await LookAsync(async c => About(await MessageResource.FetchAsync(new FetchMessageOptions(sid), c)), cancellation);
        return item is null ? null : Became(item);
    }

    private CreateMessageOptions MessageOf(OutgoingNotice notice)
    {
        var service = options.MessagingServiceSid.Length > 0;
        return new CreateMessageOptions(notice.Address)
        {
            MessagingServiceSid = service ? options.MessagingServiceSid : null,
            From = service ? null : new PhoneNumber(options.From),
            Body = notice.Text,
            StatusCallback = Callback("status", notice.NoticeId),
            ValidityPeriod = options.ValiditySeconds,
        };
    }

    private CreateCallOptions CallOf(OutgoingNotice notice) =>
        new(new PhoneNumber(notice.Address), new PhoneNumber(options.From))
        {
            // The words go with the request: the call speaks even when our own address can't be reached from outside.
            Twiml = twiml.Call(notice.NoticeId, notice.Language, notice.Template, notice.Values),
            Timeout = options.RingSeconds,
            // without StatusCallbackEvent it says how the call ended, which is all that counts
            StatusCallback = Callback("status", notice.NoticeId),
            StatusCallbackMethod = "POST",
            // A person hears the message at once, while Twilio still listens whether it is a machine. A voicemail keeps the message, and
            // another way is tried.
            MachineDetection = "Enable",
            AsyncAmd = "true",
            AsyncAmdStatusCallback = Callback("status", notice.NoticeId),
            AsyncAmdStatusCallbackMethod = "POST",
        };

    /// <summary>What became of a message or call, from its resource or from a callback's fields.</summary>
    internal static ChannelResult Became(bool voice, string? sid, string status, string answeredBy, int error) =>
        status switch
        {
            "delivered" or "read" => new(ChannelOutcome.Delivered, new Wording("on the phone", "已到达手机"), sid),
            "undelivered" or "failed" or "busy" or "no-answer" or "canceled" => new(
                ChannelOutcome.GiveUp,
                TwilioErrors.NotDelivered(status, error),
                sid,
                TwilioErrors.IsForGood(error)
            ),
            // A key would have been reported before the call ended, and then this receipt changes nothing any more.
            "completed" when voice => new(
                ChannelOutcome.GiveUp,
                IsMachine(answeredBy) ? Voicemail : new Wording("the call was picked up, but no key was pressed", "电话已接通，但没有按键"),
                sid
            ),
            _ => new(ChannelOutcome.Sent, new Wording($"Twilio says {status}", $"Twilio 状态：{status}"), sid),
        };

    internal static readonly Wording Voicemail = new("voicemail answered, which is no answer", "转入语音信箱，视为未应答");

    /// <summary>machine_start, machine_end_beep…, fax; unknown may be a person.</summary>
    internal static bool IsMachine(string answeredBy) => answeredBy.StartsWith("machine", StringComparison.Ordinal) || answeredBy == "fax";

    private static ChannelResult Became(Item item) =>
        Became(item.Voice, item.Sid, item.Status ?? "", item.AnsweredBy ?? "", item.Error ?? 0);

    private static Item About(CallResource call) =>
        new(true, call.Sid, call.Direction, Utc(call.DateCreated), null, call.Status?.ToString(), call.AnsweredBy, null);

    private static Item About(MessageResource message) =>
        new(
            false,
            message.Sid,
            message.Direction?.ToString(),
            Utc(message.DateCreated),
            message.Body,
            message.Status?.ToString(),
            null,
            message.ErrorCode
        );

    /// <summary>The client reads RFC 2822 and gives this machine's local time.</summary>
    private static DateTimeOffset? Utc(DateTime? time) =>
        time is not { } given ? null
        : given.Kind == DateTimeKind.Unspecified ? new DateTimeOffset(given, TimeSpan.Zero)
        : new DateTimeOffset(given);

    /// <summary>The first page alone: for the next one the client would block a thread.</summary>
    private static List<Item> First<T>(ResourceSet<T> list, Func<T, Item> about)
        where T : Resource
    {
        list.AutoPaging = false;
        return [.. list.Select(about)];
    }

    private Uri Callback(string hook, Guid notice) => new($"{publicUrl}/hooks/twilio/{hook}?notice={notice:N}");

    /// <summary>Null where Twilio has no such thing (404).</summary>
    /// <exception cref="HttpRequestException">Twilio could not be asked.</exception>
    private async Task<T?> LookAsync<T>(Func<TwilioRestClient, Task<T>> look, CancellationToken cancellation)
        where T : class
    {
        var answer = await AskAsync(look, critical: true, cancellation);
        if (answer.Trouble is { } trouble)
            throw new HttpRequestException(trouble.Reason.En);
        if (answer.Status == 404)
            return null;
        if (!answer.IsSuccess || answer.Body is null)
            throw new HttpRequestException($"Twilio answers {answer.Status}");
        health.Up();
        return answer.Body;
    }

    private async Task<Answer<T>> AskAsync<T>(Func<TwilioRestClient, Task<T>> ask, bool critical, CancellationToken cancellation)
        where T : class
    {
        var http = new TwilioHttp(services.ChannelClient(Provider), health, critical, cancellation);
        // Else TWILIO_LOG_LEVEL decides whether it writes addresses and numbers to the console.
        var client = new TwilioRestClient(options.AccountSid, options.AuthToken, httpClient: http) { LogLevel = "" };
        try
        {
            return new(await ask(client), http.Status, 0, null);
        }
        catch (Exception e) when (http.Status > 0 && e is not OutOfMemoryException)
        {
            // Twilio's refusal; or what it says can't be read, a proxy's page in its place, and then any exception comes.
            var code = e switch
            {
                ApiException refusal => refusal.Code,
                ApiStandardException refusal => refusal.Code,
                _ => 0,
            };
            return new(null, http.Status, code, null);
        }
        catch (TwilioException) when (http.Trouble is not null)
        {
            return new(null, 0, 0, http.Trouble);
        }
        catch (TwilioException e) when (e.InnerException is { } inner)
        {
            // A cancellation, say. What the client wraps it in has the whole address in its message, and with it a number.
            ExceptionDispatchInfo.Throw(inner);
            throw;
        }
    }

    /// <param name="Body">Null where it could not be read.</param>
    /// <param name="Status">0 when no answer came, and then there is <paramref name="Trouble"/>.</param>
    /// <param name="Code">Twilio's error code; 0 when it gave none.</param>
    private readonly record struct Answer<T>(T? Body, int Status, int Code, ChannelResult? Trouble)
        where T : class
    {
        /// <summary>Not what the client calls a success: it counts redirects among them.</summary>
        public bool IsSuccess => Status is >= 200 and < 300;
    }

    /// <summary>What counts of a message or call in Twilio's answers.</summary>
    private sealed record Item(
        bool Voice,
        string? Sid,
        string? Direction,
        DateTimeOffset? Created,
        string? Body,
        string? Status,
        string? AnsweredBy,
        int? Error
    );
}
