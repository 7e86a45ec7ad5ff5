using System.Globalization;
using System.Text.Encodings.Web;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;
using Microsoft.EntityFrameworkCore;
using Vigil.Model;
using Vigil.Notify;
using Vigil.Notify.Messages;
using Vigil.Storage.Readings;
using Vigil.Storage.Records;
using Vigil.Web.Accounts;

namespace Vigil.Web;

/// <summary>
/// The page behind a signed link: what happened, "I take it", "I can't". Works on a phone without an account and without JavaScript. GET
/// changes nothing: message apps open links by themselves.
/// </summary>
internal static class ContactPage
{
    public static void MapContactPage(this IEndpointRouteBuilder app)
    {
        var links = app.MapGroup("/c").RequireRateLimiting(RequestLimits.Links);
        links.MapGet(
            "/{token}",
            async (
                string token,
                HttpContext http,
                IDbContextFactory<RecordsDb> records,
                SignedLinks links,
                MessageTexts messages,
                IReadingStore store,
                TimeProvider clock,
                TimeZoneInfo zone,
                CancellationToken c
            ) =>
            {
                if (await FindAsync(records, links, token, c) is not { } found)
                    return Expired(http);
                return Page(
                    http,
                    found.Language,
                    What(found.Item2, found.Language, messages, zone)
                        + await DailyAsync(found.Item1, found.Item2, found.Language, store, clock, zone, c)
                );
            }
        );
        links
            .MapPost(
                "/{token}",
                async (
                    string token,
                    HttpContext http,
                    IDbContextFactory<RecordsDb> records,
                    SignedLinks links,
                    Answers answers,
                    MessageTexts messages,
                    TimeZoneInfo zone,
                    CancellationToken c
                ) =>
                {
                    if (await FindAsync(records, links, token, c) is not { } found)
                        return Expired(http);
                    var (notice, _, language) = found;
                    var form = await http.Request.FormOrNoneAsync(c) ?? FormCollection.Empty;
                    var answer = form["answer"].ToString();
                    var seen = int.TryParse(form["seen"], NumberStyles.None, CultureInfo.InvariantCulture, out var version)
                        ? version
                        : (int?)null;
                    try
                    {
                        if (answer == "take")
                            await answers.TakeAsync(notice.Id, "link", c, seen);
                        else if (answer == "cannot")
                            await answers.DeclineAsync(notice.Id, "link", c);
                        else
                            return Page(http, language, $"<p>{Texts.Of("contact.unclear", language)}</p>", StatusCodes.Status400BadRequest);
                    }
                    catch (AlarmConflictException e) when (e.Anew)
                    {
                        // What they wanted to take is over: what stands now, and a button for that.
                        var now = await FindAsync(records, links, token, c);
                        return now is not { } fresh
                            ? Expired(http)
                            : Page(
                                http,
                                language,
                                $"<p><b>{Texts.Of("contact.anew", language)}</b></p>{What(fresh.Item2, language, messages, zone)}",
                                StatusCodes.Status409Conflict
                            );
                    }
                    catch (AlarmConflictException)
                    {
                        return Page(http, language, $"<p>{Texts.Of("contact.over", language)}</p>");
                    }

                    return Page(http, language, $"<p>{Texts.Of(answer == "take" ? "contact.taken" : "contact.noted", language)}</p>");
                }
            )
            .DisableAntiforgery(); // the token is the secret; there is no cookie that a foreign page could ride on
    }

    /// <summary>What happened, and while nobody has it the two buttons, bound to what is shown.</summary>
    private static string What(Alarm alarm, string language, MessageTexts messages, TimeZoneInfo zone)
    {
        var html = HtmlEncoder.Default;
        string Local(DateTime utc) => TimeZoneInfo.ConvertTimeFromUtc(utc, zone).ToString("yyyy-MM-dd HH:mm", CultureInfo.InvariantCulture);
        var again = alarm.RangAt is { } rang
            ? "<p><b>"
                + string.Format(CultureInfo.InvariantCulture, Texts.Of("contact.again", language), alarm.Repeats, Local(rang))
                + "</b></p>"
            : "";
        var end =
            alarm.State is AlarmState.Open
                ? $"<form method=post><input type=hidden name=seen value={alarm.Version}><button name=answer value=take "
                    + $"class=take>{Texts.Of("contact.take", language)}</button> <button name=answer "
                    + $"value=cannot>{Texts.Of("contact.cannot", language)}</button></form>"
                : $"<p><b>{Texts.Of("contact.over", language)}</b></p>";
        return $"<h1>{html.Encode(MessageTexts.Masked(alarm.Resident?.Name ?? ""))} · "
            + $"{html.Encode(messages.Kind(alarm.Kind, language))}</h1><p>{Local(alarm.RaisedAt)}</p>"
            + $"<p>{html.Encode(language == "en" ? alarm.Reason : alarm.ReasonZh)}</p>{again}{end}";
    }

    private static IResult Expired(HttpContext http) =>
        Page(
            http,
            "zh",
            $"<p>{Texts.Of("contact.expired", "zh")}<br><span lang=en>{Texts.Of("contact.expired", "en")}</span></p>",
            StatusCodes.Status404NotFound
        );

    /// <summary>
    /// Daily life of today, for a contact and with the resident's consent alone; never for staff, never a place or a health reading.
    /// </summary>
    private static async Task<string> DailyAsync(
        Notice told,
        Alarm alarm,
        string language,
        IReadingStore store,
        TimeProvider clock,
        TimeZoneInfo zone,
        CancellationToken cancellation
    )
    {
        if (
            alarm.Resident is not { ConsentDailyLife: true, Devices.Count: > 0 } resident
            || Recipient.Parse(told.Recipient).Kind != RecipientKind.Contact
        )
            return "";
        try
        {
            var now = clock.GetUtcNow().UtcDateTime;
            var today = DateOnly.FromDateTime(TimeZoneInfo.ConvertTimeFromUtc(now, zone));
            var days = await DailyLife.ReadAsync(
                store,
                [.. resident.Devices.Select(d => new DeviceId(d.Id))],
                now.AddDays(-2),
                now.AddMinutes(10),
                zone,
                cancellation
            );
            if (days.FirstOrDefault(d => d.Day == today) is not { } day)
                return "";
            string Clock(DateTime? time) =>
                time is { } t ? TimeZoneInfo.ConvertTimeFromUtc(t, zone).ToString("HH:mm", CultureInfo.InvariantCulture) : "—";
            var water = day.Litres is { } litres
                ? "<p>"
                    + string.Format(
                        CultureInfo.InvariantCulture,
                        Texts.Of("contact.water", language),
                        litres,
                        Clock(day.FirstUse),
                        Clock(day.LastUse)
                    )
                    + "</p>"
                : "";
            var electricity = day.KilowattHours is { } energy
                ? $"<p>{string.Format(CultureInfo.InvariantCulture, Texts.Of("contact.electricity", language), energy)}</p>"
                : "";
            return $"<h2>{Texts.Of("contact.today", language)}</h2>{water}{electricity}";
        }
        catch (ReadingStoreException)
        {
            return ""; // what happened and the two buttons never wait for the readings
        }
    }

    private static async Task<(Notice, Alarm, string Language)?> FindAsync(
        IDbContextFactory<RecordsDb> records,
        SignedLinks links,
        string token,
        CancellationToken cancellation
    )
    {
        if (links.Open(token) is not { } id)
            return null;
        await using var db = await records.CreateDbContextAsync(cancellation);
        if (await db.Notices.AsNoTracking().FirstOrDefaultAsync(n => n.Id == id, cancellation) is not { } notice)
            return null;
        var alarm = await db
            .Alarms.AsNoTracking()
            .Include(a => a.Resident!.Devices)
            .FirstOrDefaultAsync(a => a.Id == notice.AlarmId, cancellation);
        return alarm is null ? null : (notice, alarm, notice.Text.StartsWith("[Vigil]", StringComparison.Ordinal) ? "en" : "zh");
    }

    private static IResult Page(HttpContext http, string language, string body, int status = StatusCodes.Status200OK)
    {
        http.Response.Headers.CacheControl = "no-store";
        return Results.Content(
            $"<!doctype html><html lang={(language == "en" ? "en" : "zh-CN")}><meta charset=utf-8><meta name=viewport "
                + $"content=\"width=device-width, initial-scale=1\"><title>{Texts.Of("title", language)}</title><link rel=stylesheet "
                + $"href=/_content/Vigil.Web/vigil.css><main class=contact>{body}<p "
                + $"class=limit>{Texts.Of("limit", language)}</p></main></html>",
            "text/html; charset=utf-8",
            statusCode: status
        );
    }
}
