using System.Diagnostics.Metrics;
using System.Text.Json;
using System.Web;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using Vigil.Model;
using Vigil.Notify;
using Vigil.Notify.Channels;
using Vigil.Notify.Channels.Twilio;
using Vigil.Notify.Messages;
using Vigil.Phones;
using Vigil.Storage.Records;
using Vigil.Tests.Servers;

namespace Vigil.Tests.Notify.Phones;

/// <summary>
/// Requests to Twilio checked against Twilio's own OpenAPI document: by Prism, and field by field, since the document doesn't forbid
/// unknown fields.
/// </summary>
[Trait("Category", "Server")]
public sealed class TwilioContractTests
{
    private const string Sid = PhoneNight.Sid;

    private static CancellationToken Stop => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Every_request_fits_Twilios_own_document()
    {
        await using var prism = new PrismServer();
        await prism.StartAsync();
        await RefusesAsync(prism);
        var seen = new List<(string Method, string Path, string[] Query, string[] Fields)>();
        await using var services = Compose(prism.Url, seen);
        var channel = services.GetRequiredService<TwilioChannel>();
        foreach (var language in new[] { "zh", "yue", "en" })
        {
            foreach (var via in new[] { Channel.Sms, Channel.Voice })
            {
                var sent = await channel.SendAsync(Notice(via, language), Stop);
                Assert.Equal(ChannelOutcome.Sent, sent.Outcome);
                Assert.StartsWith(via == Channel.Sms ? "SM" : "CA", sent.ProviderId, StringComparison.Ordinal);
                // Asked by id: the document's examples are a message that was sent and a call that a machine answered.
                var one = await channel.ReconcileAsync(Past(Notice(via, language), sent.ProviderId), Stop);
                Assert.Equal(via == Channel.Sms ? ChannelOutcome.Sent : ChannelOutcome.GiveUp, one!.Outcome);
                // Searched in the list: no message there has our text, and the calls there are older than ours.
                Assert.Null(await channel.ReconcileAsync(Past(Notice(via, language), null), Stop));
            }
        }

        Assert.Equal(18, seen.Count);
        using var document = JsonDocument.Parse(await File.ReadAllTextAsync(PrismServer.Document, Stop));
        foreach (var (method, path, query, fields) in seen)
        {
            var operation = document
                .RootElement.GetProperty("paths")
                .EnumerateObject()
                .Single(p => Fits(p.Name, path))
                .Value.GetProperty(method.ToLowerInvariant());
            var parameters = operation.GetProperty("parameters").EnumerateArray().Select(p => p.GetProperty("name").GetString());
            Assert.Empty(query.Except(parameters!));
            if (fields.Length == 0)
                continue;
            var known = operation
                .GetProperty("requestBody")
                .GetProperty("content")
                .GetProperty("application/x-www-form-urlencoded")
                .GetProperty("schema")
                .GetProperty("properties");
            Assert.Empty(fields.Except(known.EnumerateObject().Select(p => p.Name)));
        }
    }

    [Fact]
    public async Task The_fake_phone_network_answers_as_Twilios_document_says()
    {
        await using var network = await PhoneNetwork.StartAsync(
            new TwilioAccount(Sid, PhoneNight.Token, "+85230000000", "http://127.0.0.1:9"),
            TimeProvider.System,
            manual: true
        );
        await using var prism = new PrismServer(network.Url);
        await prism.StartAsync();
        await using var services = Compose(prism.Url, []);
        var channel = services.GetRequiredService<TwilioChannel>();
        foreach (var via in new[] { Channel.Sms, Channel.Voice })
        {
            var notice = Notice(via, "zh");
            var sent = await channel.SendAsync(notice, Stop);
            Assert.True(sent.Outcome == ChannelOutcome.Sent, $"{sent.Reason}\n{prism.Output()}");
            Assert.Equal(network.Taken[^1].Id, sent.ProviderId);
            Assert.Equal(ChannelOutcome.Sent, (await channel.ReconcileAsync(Past(notice, sent.ProviderId), Stop))!.Outcome);
            Assert.Equal(sent.ProviderId, (await channel.ReconcileAsync(Past(notice, null), Stop))!.ProviderId);
            // A message or call that belongs to another notice is not taken for this one.
            Assert.Null(await channel.ReconcileAsync(Past(notice, null) with { Others = new HashSet<string> { sent.ProviderId! } }, Stop));
        }

        // Two calls whose outcome is unknown can't be told apart, so neither counts as made.
        Assert.Null(await channel.ReconcileAsync(Past(Notice(Channel.Voice, "zh"), null) with { Alone = false }, Stop));
    }

    /// <summary>Makes sure that Prism does refuse a wrong request; otherwise its approval would prove nothing.</summary>
    private static async Task RefusesAsync(PrismServer prism)
    {
        using var http = new HttpClient();
        using var wrong = new HttpRequestMessage(HttpMethod.Post, $"{prism.Url}/2010-04-01/Accounts/{Sid}/Calls.json")
        {
            Content = new FormUrlEncodedContent([
                new("To", "+85261230001"),
                new("From", "+85230000000"),
                new("StatusCallbackMethod", "SHOUT"),
            ]),
        };
        wrong.Headers.Authorization = new("Basic", "eDp5");
        using var answer = await http.SendAsync(wrong, Stop);
        Assert.Equal(422, (int)answer.StatusCode);
    }

    private static OutgoingNotice Notice(Channel via, string language) =>
        new(
            Guid.NewGuid(),
            via,
            "+85261230001",
            language,
            MessageKind.Opened,
            new Dictionary<string, string> { ["name"] = "王*", ["what"] = "呼叫求助" },
            "",
            "【守望】王*：呼叫求助",
            "",
            Critical: true
        );

    private static PastNotice Past(OutgoingNotice notice, string? id) =>
        new(notice, id, TimeProvider.System.GetUtcNow().AddMinutes(-1), new HashSet<string>(), Alone: true);

    private static bool Fits(string template, string path)
    {
        var (a, b) = (template.Split('/'), path.Split('/'));
        return a.Length == b.Length
            && a.Zip(b)
                .All(p =>
                    p.First == p.Second
                    || (
                        p.First.StartsWith('{')
                        && (
                            !p.First.EndsWith(".json", StringComparison.Ordinal)
                            || (p.Second.EndsWith(".json", StringComparison.Ordinal) && p.Second.Length == 39)
                        )
                    )
                );
    }

    private static ServiceProvider Compose(string url, List<(string, string, string[], string[])> seen)
    {
        var configuration = new ConfigurationBuilder()
            .AddInMemoryCollection(
                new Dictionary<string, string?>
                {
                    ["Notify:Routes:default"] = "twilio",
                    ["Twilio:BaseUrl"] = url,
                    ["Twilio:AccountSid"] = Sid,
                    ["Twilio:AuthToken"] = PhoneNight.Token,
                    ["Twilio:From"] = "+85230000000",
                    ["Http:PublicUrl"] = "https://v.example",
                }
            )
            .Build();
        List<Problem> problems = [];
        var config = Path.Combine(AppContext.BaseDirectory, "config");
        var messages = MessageTexts.Load(Path.Combine(config, "messages.yaml"), TimeZoneInfo.Utc, problems);
        var policies = Vigil.Notify.Escalation.Policies.Load(Path.Combine(config, "policies.yaml"), problems);
        Assert.Empty(problems);
        var services = new ServiceCollection()
            .AddLogging(l => l.ClearProviders())
            .AddSingleton(TimeProvider.System)
            .AddSingleton(new Meter("contract"))
            .AddNotify(configuration, policies!, messages!, Directory.CreateTempSubdirectory("vigil-contract-").FullName);
        services.AddHttpClient("twilio").AddHttpMessageHandler(() => new Recorder(seen));
        return services.BuildServiceProvider();
    }

    private sealed class Recorder(List<(string, string, string[], string[])> seen) : DelegatingHandler
    {
        protected override async Task<HttpResponseMessage> SendAsync(HttpRequestMessage request, CancellationToken cancellationToken)
        {
            var body = request.Content is null ? "" : await request.Content.ReadAsStringAsync(cancellationToken);
            seen.Add((request.Method.Method, request.RequestUri!.AbsolutePath, Names(request.RequestUri.Query), Names(body)));
            return await base.SendAsync(request, cancellationToken);
        }

        private static string[] Names(string pairs) => [.. HttpUtility.ParseQueryString(pairs).AllKeys.OfType<string>()];
    }
}
