using System.Collections.Concurrent;
using System.Globalization;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json.Nodes;
using System.Text.RegularExpressions;
using System.Xml.Linq;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;

namespace Vigil.Phones;

/// <param name="Hooks">Where texts to our number are posted: the public address of the service, without a path.</param>
public sealed record TwilioAccount(string Sid, string Token, string Number, string Hooks);

/// <summary>
/// Twilio's REST API 2010-04-01, as far as messages and calls go, with signed callbacks (twilio.com/docs/usage/security) and its error
/// codes. Its own signing and TwiML reading are written apart from the product's, so that a mistake in one shows.
/// </summary>
public sealed partial class TwilioApi(PhoneNetwork network, TwilioAccount account) : IAsyncDisposable
{
    private readonly ConcurrentDictionary<string, JsonObject> messages = new();
    private readonly ConcurrentDictionary<string, JsonObject> calls = new();
    private readonly ConcurrentDictionary<string, Line> lines = new();
    private readonly HttpClient http = new(new SocketsHttpHandler { AllowAutoRedirect = false, UseCookies = false })
    {
        Timeout = TimeSpan.FromSeconds(15),
    };

    /// <summary>The token requests have to bring and callbacks are signed with; a change of it is a rotation.</summary>
    public string Token { get; set; } = account.Token;

    public TwilioAccount Account => account;

    /// <summary>Characters of the longest TwiML that a request brought; Twilio takes 4000.</summary>
    public int LongestTwiML { get; private set; }

    internal void Map(WebApplication app)
    {
        var api = app.MapGroup("/2010-04-01/Accounts/{account}").AddEndpointFilter(GuardAsync);
        api.MapPost("Messages.json", (Delegate)PostMessageAsync);
        api.MapPost("Calls.json", (Delegate)PostCallAsync);
        api.MapGet("Messages.json", (HttpContext h) => List(h, "messages", messages.Values));
        api.MapGet("Calls.json", (HttpContext h) => List(h, "calls", calls.Values));
        api.MapGet("Messages/{sid}.json", (string sid) => One(messages, sid));
        api.MapGet("Calls/{sid}.json", (string sid) => One(calls, sid));
        api.MapPost("Calls/{sid}.json", (Delegate)ChangeCallAsync);
    }

    /// <summary>Somebody sends a text to our number; returns what was answered, empty when nothing was.</summary>
    public async Task<string> TextAsync(string from, string body)
    {
        network.Tell("reply", from, body);
        var answer = await CallbackAsync(
            $"{account.Hooks}/hooks/twilio/sms",
            new()
            {
                ["MessageSid"] = NewSid("SM"),
                ["AccountSid"] = account.Sid,
                ["From"] = from,
                ["To"] = account.Number,
                ["Body"] = body,
                ["NumMedia"] = "0",
                ["ApiVersion"] = "2010-04-01",
            }
        );
        var text = string.Concat(Verbs(answer).Where(v => v.Name == "Message").Select(v => v.Value));
        if (text.Length > 0)
            network.Tell("reply-answer", from, text);
        return text;
    }

    public ValueTask DisposeAsync()
    {
        http.Dispose();
        return ValueTask.CompletedTask;
    }

    private async ValueTask<object?> GuardAsync(EndpointFilterInvocationContext context, EndpointFilterDelegate next)
    {
        var request = context.HttpContext.Request;
        switch (network.Service)
        {
            case Service.Fails:
                return Error(503, 20503, "Service unavailable");
            case Service.Hangs:
                await network.HangAsync(context.HttpContext);
                return Results.Empty;
            case Service.TooMany:
                return Error(429, 20429, "Too many requests");
            case Service.OutOfCredit:
                return Error(403, 20005, "Account not active");
        }

        var right = "Basic " + Convert.ToBase64String(Encoding.ASCII.GetBytes($"{account.Sid}:{Token}"));
        if (network.Service == Service.RefusesToken || request.Headers.Authorization != right)
            return Error(401, 20003, "Authenticate");
        return request.RouteValues["account"]?.ToString() == account.Sid
            ? await next(context)
            : Error(404, 20404, "The requested resource was not found");
    }

    private async Task<IResult> PostMessageAsync(HttpContext http)
    {
        var form = await http.Request.ReadFormAsync();
        var (to, body) = (form["To"].ToString(), form["Body"].ToString());
        if (!Number().IsMatch(to))
            return Error(400, 21211, $"Invalid 'To' Phone Number: {to}");
        if (form["From"].Count + form["MessagingServiceSid"].Count == 0)
            return Error(400, 21603, "A 'From' phone number is required");
        if (body.Length is 0 or > 1600)
            return Error(400, body.Length == 0 ? 21602 : 21617, "Message body");
        var person = network.PersonAt(to);
        if (person.Text == OnText.OptedOut)
            return Error(400, 21610, "Attempt to send to unsubscribed recipient");
        if (person.Text == OnText.Landline)
            return Error(400, 21614, "'To' number is not a valid mobile number");
        var message = Resource(NewSid("SM"), to, form["From"]);
        message["body"] = body;
        (message["num_segments"], message["num_media"]) = ("1", "0");
        messages[Sid(message)] = message;
        network.Took("twilio", "sms", to, body, Sid(message));
        network.After(TimeSpan.FromSeconds(1), () => DeliverAsync(message, person, form["StatusCallback"]));
        if (network.Service == Service.SwallowsAnswer)
            await network.HangAsync(http);
        return Results.Text(message.ToJsonString(), "application/json", Encoding.UTF8, 201);
    }

    private async Task DeliverAsync(JsonObject message, Person person, string? callback)
    {
        var to = message["to"]!.ToString();
        var error = person.Text switch
        {
            OnText.SwitchedOff => 30003,
            OnText.UnknownNumber => 30005,
            OnText.Filtered => 30007,
            _ => 0,
        };
        if (network.Receipts != Receipts.OutOfOrder)
            await MessageStatusAsync(message, "sent", 0, callback);
        network.After(
            TimeSpan.FromSeconds(2),
            async () =>
            {
                if (error == 0)
                    network.Tell("sms", to, message["body"]!.ToString());
                await MessageStatusAsync(message, error == 0 ? "delivered" : "undelivered", error, callback);
                if (network.Receipts == Receipts.OutOfOrder)
                    await CallbackAsync(callback, StatusOf(message, "sent", 0));
                if (error == 0 && person.Text != OnText.Ignores)
                    network.After(person.ReadsAfter, () => ActAsync(to, message["body"]!.ToString(), person));
            }
        );
    }

    internal async Task ActAsync(string number, string text, Person person)
    {
        if (person.Text is OnText.Replies or OnText.RepliesCannot)
        {
            if (Code().Matches(text) is { Count: > 0 } codes)
                await TextAsync(number, (person.Text == OnText.RepliesCannot ? "2 " : "") + codes[^1].Value);
            return;
        }

        if (Link().Match(text) is not { Success: true } link)
            return;
        var answer = person.Text == OnText.OpensLink ? "take" : "cannot";
        network.Tell("link", number, answer);
        using var form = new FormUrlEncodedContent([new("answer", answer)]);
        try
        {
            using var page = await http.PostAsync(new Uri(link.Value), form);
            if (!page.IsSuccessStatusCode)
                network.BadCallbacks.Enqueue($"{link.Value.Split('/')[2]}/c/…: {(int)page.StatusCode}");
        }
        catch (HttpRequestException e)
        {
            network.BadCallbacks.Enqueue($"a link can't be opened: {e.Message}");
        }
    }

    private Task<string> MessageStatusAsync(JsonObject message, string status, int error, string? callback)
    {
        lock (message)
        {
            message["status"] = status;
            message["date_sent"] = Rfc2822(network.Clock.GetUtcNow());
            if (error > 0)
                message["error_code"] = error;
        }

        return CallbackAsync(callback, StatusOf(message, status, error));
    }

    private Dictionary<string, string> StatusOf(JsonObject message, string status, int error)
    {
        var fields = new Dictionary<string, string>
        {
            ["MessageSid"] = Sid(message),
            ["SmsSid"] = Sid(message),
            ["MessageStatus"] = status,
            ["SmsStatus"] = status,
            ["AccountSid"] = account.Sid,
            ["To"] = message["to"]!.ToString(),
            ["From"] = message["from"]?.ToString() ?? "",
            ["ApiVersion"] = "2010-04-01",
        };
        if (error > 0)
            fields["ErrorCode"] = error.ToString(CultureInfo.InvariantCulture);
        return fields;
    }

    private async Task<IResult> PostCallAsync(HttpContext http)
    {
        var form = await http.Request.ReadFormAsync();
        var to = form["To"].ToString();
        if (!Number().IsMatch(to))
            return Error(400, 21211, $"Invalid 'To' Phone Number: {to}");
        if (form["Twiml"].Count + form["Url"].Count != 1)
            return Error(400, 21205, "Url or Twiml");
        var person = network.PersonAt(to);
        if (person.Call == OnCall.Unreachable)
            return Error(400, 13224, "Dial: Invalid phone number");
        var call = Resource(NewSid("CA"), to, form["From"]);
        calls[Sid(call)] = call;
        var twiml = form["Twiml"].ToString();
        LongestTwiML = Math.Max(LongestTwiML, twiml.Length);
        if (twiml.Length > 4000)
            return Error(400, 21223, "Twiml is too long");
        network.Took(
            "twilio",
            "call",
            to,
            string.Concat(Verbs(twiml).Where(v => v.Name == "Say").Select(v => v.Value).Distinct()),
            Sid(call)
        );
        var line = new Line(
            call,
            person,
            twiml,
            form["StatusCallback"],
            form["AsyncAmdStatusCallback"],
            TimeSpan.FromSeconds(int.TryParse(form["Timeout"], out var seconds) ? seconds : 60)
        );
        lines[Sid(call)] = line;
        network.After(TimeSpan.FromSeconds(1), () => RingAsync(line));
        if (network.Service == Service.SwallowsAnswer)
            await network.HangAsync(http);
        return Results.Text(call.ToJsonString(), "application/json", Encoding.UTF8, 201);
    }

    /// <summary>Other words for who listens, or the end; a call that rings can only be ended.</summary>
    private async Task<IResult> ChangeCallAsync(HttpContext http, string sid)
    {
        var form = await http.Request.ReadFormAsync();
        if (!lines.TryGetValue(sid, out var line))
            return Error(404, 20404, "The requested resource was not found");
        var status = line.Call["status"]!.ToString();
        if (status is not ("queued" or "ringing" or "in-progress"))
            return Error(400, 21220, "Call is not in-progress. Cannot redirect.");
        if (form["Twiml"].ToString() is { Length: > 0 } twiml)
        {
            if (status != "in-progress")
                return Error(400, 21220, "Call is not in-progress. Cannot redirect.");
            await HearAsync(line, twiml, "");
        }
        else
        {
            await EndAsync(line, status == "in-progress" ? "completed" : "canceled");
        }

        return Results.Text(line.Call.ToJsonString(), "application/json");
    }

    private sealed record Line(JsonObject Call, Person Person, string Twiml, string? Status, string? Machine, TimeSpan RingsFor)
    {
        public string To => Call["to"]!.ToString();
    }

    private Task RingAsync(Line line)
    {
        if (IsOver(line))
            return Task.CompletedTask;
        line.Call["status"] = "ringing";
        network.Tell("rings", line.To, "");
        if (line.Person.Call == OnCall.Busy)
            return EndAsync(line, "busy");
        if (line.Person.Call == OnCall.Ignores || line.Person.PicksUpAfter >= line.RingsFor)
        {
            network.After(line.RingsFor, () => EndAsync(line, "no-answer"));
            return Task.CompletedTask;
        }

        network.After(line.Person.PicksUpAfter, () => PickUpAsync(line));
        return Task.CompletedTask;
    }

    private static bool IsOver(Line line) => line.Call["end_time"] is not null;

    private async Task PickUpAsync(Line line)
    {
        if (IsOver(line))
            return;
        var machine = line.Person.Call == OnCall.Voicemail;
        line.Call["status"] = "in-progress";
        line.Call["start_time"] = Rfc2822(network.Clock.GetUtcNow());
        line.Call["answered_by"] = machine ? "machine_start" : "human";
        network.Tell(machine ? "voicemail" : "picked-up", line.To, "");
        var found = new Dictionary<string, string>
        {
            ["CallSid"] = Sid(line.Call),
            ["AccountSid"] = account.Sid,
            ["AnsweredBy"] = machine ? "machine_start" : "human",
            ["MachineDetectionDuration"] = "2800",
        };
        if (network.Receipts == Receipts.OutOfOrder)
            network.After(TimeSpan.FromSeconds(60), () => CallbackAsync(line.Machine, found));
        else
            network.After(TimeSpan.FromSeconds(3), () => CallbackAsync(line.Machine, found));
        await HearAsync(line, line.Twiml, machine ? "" : line.Person.Keys);
    }

    /// <summary>Hears what the call says; where it asks, presses the next key.</summary>
    private Task HearAsync(Line line, string twiml, string keys)
    {
        // What comes after the question is for who presses nothing.
        var said = Verbs(twiml)
            .Where(v => v.Name == "Say" && (keys.Length == 0 || v.Parent!.Name == "Gather" || !v.ElementsBeforeSelf("Gather").Any()));
        network.Tell("says", line.To, string.Concat(said.Select(v => v.Value).Distinct()));
        if (keys.Length == 0 || Verbs(twiml).FirstOrDefault(v => v.Name == "Gather")?.Attribute("action")?.Value is not { } action)
        {
            network.After(TimeSpan.FromSeconds(12), () => EndAsync(line, "completed"));
            return Task.CompletedTask;
        }

        network.After(
            TimeSpan.FromSeconds(6),
            async () =>
            {
                if (IsOver(line))
                    return;
                network.Tell("key", line.To, keys[..1]);
                var pressed = new Dictionary<string, string>
                {
                    ["CallSid"] = Sid(line.Call),
                    ["AccountSid"] = account.Sid,
                    ["Digits"] = keys[..1],
                    ["From"] = account.Number,
                    ["To"] = line.To,
                    ["CallStatus"] = "in-progress",
                    ["Direction"] = "outbound-api",
                    ["msg"] = "Gather End",
                    ["ApiVersion"] = "2010-04-01",
                };
                await HearAsync(line, await CallbackAsync(action, pressed), keys[1..]);
            }
        );
        return Task.CompletedTask;
    }

    private async Task EndAsync(Line line, string status)
    {
        if (IsOver(line))
            return;
        line.Call["status"] = status;
        line.Call["end_time"] = Rfc2822(network.Clock.GetUtcNow());
        network.Tell(status == "completed" ? "hung-up" : status, line.To, "");
        await CallbackAsync(
            line.Status,
            new()
            {
                ["CallSid"] = Sid(line.Call),
                ["AccountSid"] = account.Sid,
                ["CallStatus"] = status,
                ["From"] = account.Number,
                ["To"] = line.To,
                ["Direction"] = "outbound-api",
                ["CallDuration"] = "12",
                ["SequenceNumber"] = "3",
                ["CallbackSource"] = "call-progress-events",
                ["ApiVersion"] = "2010-04-01",
            }
        );
    }

    /// <summary>Posts a signed callback, as often as receipts come; returns the last answer's body.</summary>
    private async Task<string> CallbackAsync(string? url, Dictionary<string, string> fields)
    {
        var receipt = url?.Contains("/status", StringComparison.Ordinal) == true;
        if (string.IsNullOrEmpty(url) || (receipt && network.Receipts == Receipts.None))
            return "";
        var body = "";
        for (var times = network.Receipts == Receipts.Twice ? 2 : 1; times > 0; times--)
        {
            using var request = new HttpRequestMessage(HttpMethod.Post, url) { Content = new FormUrlEncodedContent(fields) };
            request.Headers.Add("X-Twilio-Signature", Signature(url, fields));
            try
            {
                using var answer = await http.SendAsync(request);
                body = await answer.Content.ReadAsStringAsync();
                if (!answer.IsSuccessStatusCode || (body.Length == 0 && (int)answer.StatusCode != 204))
                    network.BadCallbacks.Enqueue($"{new Uri(url).AbsolutePath}: {(int)answer.StatusCode} {body}");
            }
            catch (Exception e) when (e is HttpRequestException or TaskCanceledException)
            {
                network.BadCallbacks.Enqueue($"{new Uri(url).AbsolutePath}: {e.Message}");
            }
        }

        return body;
    }

    private string Signature(string url, Dictionary<string, string> fields)
    {
        var signed = url + string.Concat(fields.Keys.Order(StringComparer.Ordinal).Select(k => k + fields[k]));
#pragma warning disable CA5350 // Twilio signs with HMAC-SHA1
        using var mac = new HMACSHA1(Encoding.UTF8.GetBytes(Token));
#pragma warning restore CA5350
        return Convert.ToBase64String(mac.ComputeHash(Encoding.UTF8.GetBytes(signed)));
    }

    private JsonObject Resource(string sid, string to, string? from)
    {
        var now = Rfc2822(network.Clock.GetUtcNow());
        return new JsonObject
        {
            ["sid"] = sid,
            ["account_sid"] = account.Sid,
            ["api_version"] = "2010-04-01",
            ["to"] = to,
            ["from"] = string.IsNullOrEmpty(from) ? null : from,
            ["status"] = "queued",
            ["direction"] = "outbound-api",
            ["date_created"] = now,
            ["date_updated"] = now,
            ["error_code"] = null,
            ["answered_by"] = null,
        };
    }

    private static IResult List(HttpContext http, string name, IEnumerable<JsonObject> all)
    {
        var to = http.Request.Query["To"].ToString();
        var size = int.TryParse(http.Request.Query["PageSize"], out var s) ? s : 50;
        var page = all.Where(m => to.Length == 0 || m["to"]!.ToString() == to)
            .OrderByDescending(m => DateTimeOffset.Parse(m["date_created"]!.ToString(), CultureInfo.InvariantCulture))
            .Take(size);
        return Results.Text(
            new JsonObject
            {
                [name] = new JsonArray([.. page.Select(m => m.DeepClone())]),
                ["page"] = 0,
                ["page_size"] = size,
                ["next_page_uri"] = null,
            }.ToJsonString(),
            "application/json"
        );
    }

    private static IResult One(ConcurrentDictionary<string, JsonObject> all, string sid) =>
        all.TryGetValue(sid, out var item)
            ? Results.Text(item.ToJsonString(), "application/json")
            : Error(404, 20404, "The requested resource was not found");

    private static IResult Error(int status, int code, string message) =>
        Results.Json(
            new
            {
                code,
                message,
                more_info = $"https://www.twilio.com/docs/errors/{code}",
                status,
            },
            statusCode: status
        );

    private static IEnumerable<XElement> Verbs(string twiml) => twiml.Length == 0 ? [] : XDocument.Parse(twiml).Descendants();

    private static string Sid(JsonObject item) => item["sid"]!.ToString();

    private static string NewSid(string prefix) => prefix + Convert.ToHexStringLower(RandomNumberGenerator.GetBytes(16));

    private static string Rfc2822(DateTimeOffset time) =>
        time.UtcDateTime.ToString("ddd, dd MMM yyyy HH:mm:ss '+0000'", CultureInfo.InvariantCulture);

    [GeneratedRegex(@"^\+[1-9]\d{6,14}$")]
    private static partial Regex Number();

    [GeneratedRegex(@"(?<![A-Za-z0-9_/-])\d{6}(?![A-Za-z0-9_-])")]
    private static partial Regex Code();

    [GeneratedRegex(@"https?://[\w.:/-]+")]
    private static partial Regex Link();
}
