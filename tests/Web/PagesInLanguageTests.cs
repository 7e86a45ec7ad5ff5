using System.Net;
using System.Text.RegularExpressions;
using Microsoft.AspNetCore.Components;
using Microsoft.EntityFrameworkCore;
using Vigil.Ingest.Profiles;
using Vigil.Model;
using Vigil.Storage.Records;
using Vigil.Tests.Language;
using Vigil.Web;
using static Vigil.Tests.Web.Running;

namespace Vigil.Tests.Web;

/// <summary>
/// Reads every page in both languages, with an alarm to which everything has happened and payloads refused for many reasons. A Chinese page
/// has no English sentence and an English one nothing Chinese, except names and what people wrote; text marked as being in another language
/// is in that language.
/// </summary>
[Trait("Category", "Server")]
public sealed partial class PagesInLanguageTests : IAsyncLifetime
{
    /// <summary>Texts from the test's registry: names, relations, an address.</summary>
    private static readonly string[] OfTheRegistry = ["王秀英", "王*", "李桂兰", "王建国", "儿子", "独居", "一巷1号", "白云街", "台风"];

    private ConsoleServer server = null!;
    private Guid alarm;

    public async ValueTask InitializeAsync()
    {
        server = await ConsoleServer.StartAsync();
        alarm = await ManyThingsHappenAsync();
    }

    public ValueTask DisposeAsync() => server.DisposeAsync();

    [Theory]
    [InlineData("en")]
    [InlineData("zh")]
    public async Task Every_page_speaks_its_readers_language(string language)
    {
        using var client = await server.ClientAsync("admin,write,read");
        await using var db = await server.Records.CreateDbContextAsync(Token);
        var visit = await db.Visits.Select(v => v.Id).FirstAsync(Token);
        var link = await server.LinkAsync(alarm);
        var filled = new Dictionary<string, string[]>
        {
            ["/alarms/{Id:guid}"] = [$"/alarms/{alarm}"],
            ["/residents/{Id}"] = ["/residents/R-here", "/residents/nobody"],
            ["/visits/{Id:guid}/print"] = [$"/visits/{visit}/print"],
            ["/rules"] = ["/rules", "/rules?resident=R-here"],
            ["/my-day"] = ["/my-day", "/my-day?visitor=v1"],
        };
        // New pages are found here; a page with a parameter must have a value for it above.
        var pages = typeof(Texts)
            .Assembly.GetTypes()
            .SelectMany(t => t.GetCustomAttributes(typeof(RouteAttribute), inherit: false).Cast<RouteAttribute>())
            .SelectMany(r => filled.GetValueOrDefault(r.Template, [r.Template]))
            .ToList();
        Assert.True(pages.Count >= 16, string.Join(' ', pages));
        string[] plain =
        [
            "/signin",
            "/signin?token=x",
            "/account/password?user=li&token=x",
            "/visits/form",
            $"/visits/form?resident=R-here&alarm={alarm}",
        ];
        var wrong = new List<string>();
        foreach (var page in pages.Concat(plain))
        {
            var address = $"{page}{(page.Contains('?', StringComparison.Ordinal) ? '&' : '?')}lang={language}";
            using var answer = await client.GetAsync(address, Token);
            Assert.True(answer.StatusCode == HttpStatusCode.OK, $"{address} answers {answer.StatusCode}");
            var html = await answer.Content.ReadAsStringAsync(Token);
            Assert.True(Shown(html).Count() > 4, $"{address} shows nothing");
            wrong.AddRange(Wrong(html, language).Select(w => $"{page}: {w}"));
            if (page is "/residents/R-here" or "/my-day?visitor=v1")
                Assert.Contains(
                    language == "en" ? "rises two hours later than in October (08:10, then 06:05)" : "起床比10月晚两小时",
                    WebUtility.HtmlDecode(html),
                    StringComparison.Ordinal
                );
        }

        // A contact's page is in the contact's language, whatever the browser asks for, also after an answer that isn't one.
        await db.Notices.Where(n => n.AlarmId == alarm).ExecuteUpdateAsync(n => n.SetProperty(x => x.Language, language), Token);
        using var told = await client.GetAsync(link, Token);
        using var unclear = await client.PostAsync(link, new FormUrlEncodedContent([new("answer", "perhaps")]), Token);
        foreach (var (answer, status) in new[] { (told, HttpStatusCode.OK), (unclear, HttpStatusCode.BadRequest) })
        {
            var html = await answer.Content.ReadAsStringAsync(Token);
            Assert.Equal(status, answer.StatusCode);
            Assert.Contains($"<html lang=\"{(language == "en" ? "en" : "zh-CN")}\"", html, StringComparison.Ordinal);
            wrong.AddRange(Wrong(html, language).Select(w => $"/c: {w}"));
        }

        Assert.True(wrong.Count == 0, string.Join('\n', wrong.Distinct()));
    }

    [Theory]
    [InlineData("en")]
    [InlineData("zh")]
    public async Task What_is_wrong_with_a_password_is_said_in_the_readers_language(string language)
    {
        using var client = await server.ClientAsync(null);
        foreach (
            var (password, again) in new[] { ("long enough for this", "something else"), ("short", "short"), ("long enough for this", "") }
        )
        {
            using var form = new FormUrlEncodedContent(
                new Dictionary<string, string>
                {
                    ["user"] = "li",
                    ["token"] = "x",
                    ["password"] = password,
                    ["again"] = again,
                }
            );
            using var answer = await client.PostAsync($"/account/password?lang={language}", form, Token);
            Assert.Equal(HttpStatusCode.BadRequest, answer.StatusCode);
            Assert.Empty(Wrong(await answer.Content.ReadAsStringAsync(Token), language));
        }
    }

    /// <summary>An alarm with every event and every state of steps and notices; refused payloads, a webhook, a watch.</summary>
    private async Task<Guid> ManyThingsHappenAsync()
    {
        var raised = await server.RaiseAsync("R-here", AlarmKind.NoWater, "no water since 09:00", "自09:00起没有用水");
        var other = await server.RaiseAsync("R-here", AlarmKind.Sos, "SOS pressed at 09:00", "09:00按下紧急呼叫");
        await server.RaiseAsync(
            "device:button-9",
            AlarmKind.Sos,
            "SOS pressed at 09:00: device button-9",
            "09:00按下紧急呼叫：设备 button-9"
        );
        await using var db = await server.Records.CreateDbContextAsync(Token);
        var contact = $"contact:{await db.Contacts.Where(c => c.ResidentId == "R-here").Select(c => c.Id).FirstAsync(Token)}";
        await server.Desk.AcknowledgeAsync(other.Id, contact, "", Token);
        await server.Desk.HandOverAsync(other.Id, contact, "visitor:v1", "", Token);
        await server.Desk.TakeInHandAsync(other.Id, "duty", "", Token);
        await server.Desk.ResolveAsync(other.Id, contact, Resolution.True, "", Token);
        await server.Desk.ReopenAsync(other.Id, contact, "", Token);
        await server.Desk.ResolveAsync(other.Id, contact, Resolution.FalseMistake, "", Token);
        await server.LinkAsync(raised.Id); // by then the escalation has begun, and won't change what follows
        var now = TimeProvider.System.GetUtcNow().UtcDateTime;
        foreach (var what in Enum.GetValues<TimelineEvent>())
            db.Timeline.Add(
                new TimelineEntry
                {
                    AlarmId = raised.Id,
                    Time = now,
                    What = what,
                    Who = what == TimelineEvent.Opened ? "rules" : "escalation",
                    Text = $"{contact} acknowledged it",
                    TextZh = $"{contact} 已确认",
                }
            );
        db.Timeline.AddRange(
            (await db.Timeline.AsNoTracking().Where(t => t.AlarmId == other.Id).ToListAsync(Token)).Select(t => new TimelineEntry
            {
                AlarmId = raised.Id,
                Time = now,
                What = t.What,
                Who = t.Who,
                Text = t.Text,
                TextZh = t.TextZh,
            })
        );
        var order = 100;
        foreach (var to in new[] { "contacts", "contact 2", "visitor", "duty", "supervisor", "told", "again" })
        foreach (var state in Enum.GetValues<StepState>())
            db.Steps.Add(
                new EscalationStep
                {
                    Id = Guid.NewGuid(),
                    AlarmId = raised.Id,
                    Order = order++,
                    To = to,
                    Via = [Channel.Voice, Channel.Sms, Channel.Mail, Channel.Webhook],
                    DueAt = now.AddDays(1),
                    State = state,
                    StartedAt = now,
                    FinishedAt = state == StepState.Waiting ? null : now,
                    Note = new Wording($"resolved by {contact}", $"{contact} 已办结"),
                }
            );
        foreach (var state in Enum.GetValues<NoticeState>().Where(s => s != NoticeState.Waiting))
            db.Notices.Add(
                new Notice
                {
                    Id = Guid.NewGuid(),
                    AlarmId = raised.Id,
                    Channel = Channel.Sms,
                    Provider = "outbox",
                    Recipient = contact,
                    RecipientName = "王建国",
                    Address = "+8613800138000",
                    Text = "【守望】",
                    State = state,
                    Attempts = 1,
                    CreatedAt = now,
                    DueAt = now.AddDays(1),
                    SentAt = now,
                    FinishedAt = now,
                }
            );
        db.Rejected.AddRange(Refused(now));
        foreach (var figure in Enum.GetValues<DailyFigure>())
            db.SlowChanges.Add(
                new SlowChange
                {
                    ResidentId = "R-here",
                    Figure = figure,
                    FoundAt = now,
                    Month = new DateOnly(2026, 10, 1),
                    Before = 365,
                    Now = 490,
                }
            );
        for (var day = 0; day < 14; day++)
            db.DailyActivity.Add(
                new DailyActivity
                {
                    ResidentId = "R-here",
                    Day = DateOnly.FromDateTime(now).AddDays(-day),
                    Rose = 365,
                    BedExits = 1,
                    ToiletVisits = 6,
                    Meals = 4,
                    MinutesOut = 90,
                }
            );
        db.Visitors.Add(
            new Visitor
            {
                Id = "v1",
                Name = "李桂兰",
                Area = ConsoleServer.Here,
            }
        );
        (await db.Residents.FirstAsync(r => r.Id == "R-here", Token)).VisitorId = "v1";
        db.Areas.Add(
            new Area
            {
                Code = ConsoleServer.Here,
                Name = "白云街",
                WatchFrom = now,
                WatchUntil = now.AddDays(1),
                WatchReason = "台风",
            }
        );
        var webhook = new Webhook
        {
            Id = Guid.NewGuid(),
            Name = "desk",
            Url = "https://desk.example/",
            Secret = "x",
            Events = "opened,acknowledged,resolved",
            CreatedBy = "li",
            CreatedAt = now,
            Disabled = true,
        };
        db.Webhooks.Add(webhook);
        db.WebhookDeliveries.Add(
            new WebhookDelivery
            {
                Id = Guid.NewGuid(),
                WebhookId = webhook.Id,
                Event = "opened",
                Body = "{}",
                CreatedAt = now,
                DueAt = now,
                GivenUpAt = now,
                Note = new Wording("the webhook is switched off", "对接已停用"),
            }
        );
        // as stored when reasons had one language only
        await db.Rejected.Where(r => r.Reason == Wording.Same("not JSON")).ExecuteDeleteAsync(Token);
        await db.SaveChangesAsync(Token);
        return raised.Id;
    }

    /// <summary>As many refused examples of profiles as the page shows, each with another reason.</summary>
    private static IEnumerable<RejectedPayload> Refused(DateTime now)
    {
        List<Problem> problems = [];
        var into = new Vigil.Ingest.Decoding.DecodedPayload();
        var reasons = new HashSet<string>(StringComparer.Ordinal);
        foreach (var profile in ProfileSet.Load(Path.Combine(AppContext.BaseDirectory, "devices"), problems).All)
        foreach (var example in profile.Examples.Where(e => e.Rejected is not null))
        {
            into.Reset(profile.DeviceFromTopic(example.Topic), example.Received);
            if (profile.DecodeLine(example.Payload, example.Topic, into) is { } reason && reasons.Count < 50 && reasons.Add(reason.En))
                yield return new RejectedPayload
                {
                    Received = now,
                    Topic = "a/b",
                    Payload = [1],
                    Reason = reason,
                };
        }
    }

    private static IEnumerable<string> Wrong(string html, string language)
    {
        foreach (var shown in Shown(html))
        {
            var own = OfTheRegistry.Aggregate(shown, (text, name) => text.Replace(name, "N", StringComparison.Ordinal));
            if ((language == "en" ? Sentences.WrongInEnglish(own) : Sentences.WrongInChinese(own)) is { } wrong)
                yield return wrong;
        }
    }

    /// <summary>What a reader sees or hears of a page: its text, and attributes that are shown or read aloud.</summary>
    private static IEnumerable<string> Shown(string html)
    {
        var page = Unseen().Replace(html, "");
        page = OfAnotherLanguage().Replace(page, "");
        foreach (Match said in SaidAttribute().Matches(page))
            yield return WebUtility.HtmlDecode(said.Groups[1].Value);
        foreach (var text in Tag().Split(page))
            if (text.Trim().Length > 0)
                yield return Space().Replace(WebUtility.HtmlDecode(text), " ").Trim();
    }

    [GeneratedRegex(
        "<(script|style|pre|code|textarea)\\b.*?</\\1>|<!--.*?-->|<!doctype[^>]*>",
        RegexOptions.Singleline | RegexOptions.IgnoreCase
    )]
    private static partial Regex Unseen();

    [GeneratedRegex("<(?!html)(\\w+)\\b[^>]*\\slang=[^>]*>.*?</\\1>", RegexOptions.Singleline)]
    private static partial Regex OfAnotherLanguage();

    [GeneratedRegex("\\s(?:placeholder|title|aria-label|alt|data-(?:on|saved|waiting|refused|signin))=\"([^\"]*)\"")]
    private static partial Regex SaidAttribute();

    /// <summary>An HTML tag, including quoted attribute values.</summary>
    [GeneratedRegex("<(?:[^<>\"]|\"[^\"]*\")*>")]
    private static partial Regex Tag();

    [GeneratedRegex("\\s+")]
    private static partial Regex Space();
}
