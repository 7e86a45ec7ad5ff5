using System.Text.Encodings.Web;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;
using Microsoft.EntityFrameworkCore;
using Vigil.Notify;
using Vigil.Notify.Messages;
using Vigil.Storage.Records;

namespace Vigil.Console;

/// <summary>
/// The page behind a signed link: what happened, "I take it", "I can't". Works on a phone without an account and without JavaScript. GET changes nothing:
/// message apps open links by themselves.
/// </summary>
internal static class ContactPage
{
    public static void MapContactPage(this IEndpointRouteBuilder app)
    {
        app.MapGet("/c/{token}", async (string token, HttpContext http, IDbContextFactory<RecordsDb> records, SignedLinks links, MessageTexts messages, TimeZoneInfo zone, CancellationToken c) =>
        {
            if (await FindAsync(records, links, token, c) is not { } found) return Page(http, "zh", $"<p>{Texts.Of("contact.expired", "zh")}<br>{Texts.Of("contact.expired", "en")}</p>", StatusCodes.Status404NotFound);
            var (_, alarm, language) = found;
            var html = HtmlEncoder.Default;
            var over = alarm.State is AlarmState.Open ? "" : $"<p><b>{Texts.Of("contact.over", language)}</b></p>";
            var buttons = alarm.State is AlarmState.Open
                ? $"<form method=post><button name=answer value=take class=take>{Texts.Of("contact.take", language)}</button> <button name=answer value=cannot>{Texts.Of("contact.cannot", language)}</button></form>"
                : "";
            var time = TimeZoneInfo.ConvertTimeFromUtc(alarm.RaisedAt, zone).ToString("yyyy-MM-dd HH:mm", System.Globalization.CultureInfo.InvariantCulture);
            var reason = language == "en" ? alarm.Reason : alarm.ReasonZh;
            return Page(http, language, $"<h1>{html.Encode(MessageTexts.Masked(alarm.Resident?.Name ?? ""))} · {html.Encode(messages.Kind(alarm.Kind, language))}</h1><p>{time}</p><p>{html.Encode(reason)}</p>{over}{buttons}");
        });
        app.MapPost("/c/{token}", async (string token, HttpContext http, IDbContextFactory<RecordsDb> records, SignedLinks links, AlarmDesk desk, CancellationToken c) =>
        {
            if (await FindAsync(records, links, token, c) is not { } found) return Page(http, "zh", $"<p>{Texts.Of("contact.expired", "zh")}</p>", StatusCodes.Status404NotFound);
            var (notice, alarm, language) = found;
            var answer = (await http.Request.ReadFormAsync(c))["answer"].ToString();
            try
            {
                if (answer == "take") await desk.AcknowledgeAsync(alarm.Id, notice.Recipient, $"{notice.RecipientName}, by the link in the {notice.Channel}", c);
                else await desk.NoteAsync(alarm.Id, notice.Recipient, $"{notice.RecipientName} can't", c);
            }
            catch (AlarmConflictException)
            {
                return Page(http, language, $"<p>{Texts.Of("contact.over", language)}</p>");
            }

            return Page(http, language, $"<p>{Texts.Of(answer == "take" ? "contact.taken" : "contact.noted", language)}</p>");
        }).DisableAntiforgery(); // the token is the secret; there is no cookie that a foreign page could ride on
    }

    private static async Task<(Notice, Alarm, string Language)?> FindAsync(IDbContextFactory<RecordsDb> records, SignedLinks links, string token, CancellationToken cancellation)
    {
        if (links.Open(token) is not { } id) return null;
        await using var db = await records.CreateDbContextAsync(cancellation);
        if (await db.Notices.AsNoTracking().FirstOrDefaultAsync(n => n.Id == id, cancellation) is not { } notice) return null;
        var alarm = await db.Alarms.AsNoTracking().Include(a => a.Resident).FirstOrDefaultAsync(a => a.Id == notice.AlarmId, cancellation);
        return alarm is null ? null : (notice, alarm, notice.Text.StartsWith("[Vigil]", StringComparison.Ordinal) ? "en" : "zh");
    }

    private static IResult Page(HttpContext http, string language, string body, int status = StatusCodes.Status200OK)
    {
        http.Response.Headers.CacheControl = "no-store";
        return Results.Content(
            $"<!doctype html><html lang={(language == "en" ? "en" : "zh-CN")}><meta charset=utf-8><meta name=viewport content=\"width=device-width, initial-scale=1\"><title>守望 Vigil</title><link rel=stylesheet href=/_content/Vigil.Console/vigil.css><main class=contact>{body}<p class=limit>{Texts.Of("limit", language)}</p></main></html>",
            "text/html; charset=utf-8", statusCode: status);
    }
}
