using System.Globalization;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;
using Microsoft.EntityFrameworkCore;
using Vigil.Model;
using Vigil.Notify;
using Vigil.Notify.Messages;
using Vigil.Notify.Reach;
using Vigil.Storage.Readings;
using Vigil.Storage.Records;
using Vigil.Web.Accounts;
using Vigil.Web.Api;
using Vigil.Web.Pages.Plain;

namespace Vigil.Web;

/// <summary>
/// The page behind a signed link: what happened, "I take it", "I can't" (<see cref="ContactPage"/>). Works on a phone without an account
/// and without JavaScript. GET changes nothing: message apps open links by themselves.
/// </summary>
internal static class ContactEndpoints
{
    public static void MapContactPage(this IEndpointRouteBuilder app)
    {
        var links = app.MapGroup("/c").RequireRateLimiting(RequestLimits.Links).WithTags(ApiEndpoints.NoTag);
        links.MapGet("/{token}", ShowAsync);
        // The token in the address is the secret; there is no cookie that a page of another site could misuse.
        links.MapPost("/{token}", AnswerAsync).DisableAntiforgery();
    }

    private static async Task<IResult> ShowAsync(
        string token,
        HttpContext http,
        IDbContextFactory<RecordsDb> records,
        SignedLinks links,
        IReadingStore store,
        TimeProvider clock,
        TimeZoneInfo zone,
        ReachAnswers reach,
        CancellationToken cancellation
    )
    {
        if (await FindAsync(records, links, token, cancellation) is not { } found)
            return await reach.FindAsync(links.Open(token), cancellation) is { } test ? Reach(http, test, answered: false) : Expired(http);
        var today = await TodayAsync(found.Notice, found.Alarm, records, store, clock, zone, cancellation);
        return http.Page<ContactPage>(
            StatusCodes.Status200OK,
            (nameof(ContactPage.Language), found.Language),
            (nameof(ContactPage.Alarm), found.Alarm),
            (nameof(ContactPage.MaySeeWhy), MaySeeWhy(found.Notice, found.Alarm)),
            (nameof(ContactPage.Today), today)
        );
    }

    private static async Task<IResult> AnswerAsync(
        string token,
        HttpContext http,
        IDbContextFactory<RecordsDb> records,
        SignedLinks links,
        Answers answers,
        ReachAnswers reach,
        CancellationToken cancellation
    )
    {
        if (await FindAsync(records, links, token, cancellation) is not { } found)
        {
            if (await reach.FindAsync(links.Open(token), cancellation) is not { } test)
                return Expired(http);
            await reach.AnsweredAsync(test.Id, by: null, cancellation);
            return Reach(http, test, answered: true);
        }

        var (notice, _, language) = found;
        var form = await http.Request.FormOrNoneAsync(cancellation) ?? FormCollection.Empty;
        var seen = int.TryParse(form["seen"], NumberStyles.None, CultureInfo.InvariantCulture, out var version) ? version : (int?)null;
        try
        {
            switch (form["answer"].ToString())
            {
                case "take":
                    await answers.TakeAsync(notice.Id, "link", cancellation, seen);
                    return Said(http, language, "contact.taken");
                case "cannot":
                    await answers.DeclineAsync(notice.Id, "link", cancellation);
                    return Said(http, language, "contact.noted");
                default:
                    return Said(http, language, "contact.unclear", StatusCodes.Status400BadRequest);
            }
        }
        catch (AlarmConflictException e) when (e.Anew)
        {
            // It happened again after they were told: they are shown the alarm as it is now, with a button for that.
            return await FindAsync(records, links, token, cancellation) is { } now
                ? http.Page<ContactPage>(
                    StatusCodes.Status409Conflict,
                    (nameof(ContactPage.Language), language),
                    (nameof(ContactPage.Said), "contact.anew"),
                    (nameof(ContactPage.Alarm), now.Alarm),
                    (nameof(ContactPage.MaySeeWhy), MaySeeWhy(now.Notice, now.Alarm))
                )
                : Expired(http);
        }
        catch (AlarmConflictException)
        {
            return Said(http, language, "contact.over");
        }
    }

    private static IResult Said(HttpContext http, string language, string key, int status = StatusCodes.Status200OK) =>
        http.Page<ContactPage>(status, (nameof(ContactPage.Language), language), (nameof(ContactPage.Said), key));

    /// <summary>The page of a number that is tested: a button, and thanks.</summary>
    private static IResult Reach(HttpContext http, ReachTest test, bool answered) =>
        http.Page<ReachPage>(
            StatusCodes.Status200OK,
            (nameof(ReachPage.Language), test.Language == "en" ? "en" : "zh"),
            (nameof(ReachPage.Answered), answered)
        );

    private static IResult Expired(HttpContext http) => http.Page<LinkExpired>(StatusCodes.Status404NotFound);

    /// <summary>The reason of an alarm tells of daily life, which a contact sees with the resident's consent alone.</summary>
    private static bool MaySeeWhy(Notice told, Alarm alarm) =>
        alarm.Resident is not { SharesDailyLife: false } || Recipient.Parse(told.Recipient).Kind != RecipientKind.Contact;

    /// <summary>
    /// Today's water and electricity, for a contact alone and with the resident's consent; never a location or a health reading.
    /// </summary>
    private static async Task<DayOfUse?> TodayAsync(
        Notice told,
        Alarm alarm,
        IDbContextFactory<RecordsDb> records,
        IReadingStore store,
        TimeProvider clock,
        TimeZoneInfo zone,
        CancellationToken cancellation
    )
    {
        if (alarm.Resident is not { SharesDailyLife: true } resident || Recipient.Parse(told.Recipient).Kind != RecipientKind.Contact)
            return null;
        try
        {
            await using var db = await records.CreateDbContextAsync(cancellation);
            var now = clock.GetUtcNow().UtcDateTime;
            var today = DateOnly.FromDateTime(TimeZoneInfo.ConvertTimeFromUtc(now, zone));
            var days = await DailyLife.ReadAsync(
                store,
                await db.PlacesOfAsync(resident.Id, cancellation),
                now.AddDays(-2),
                now.AddMinutes(10),
                zone,
                cancellation
            );
            return days.FirstOrDefault(d => d.Day == today);
        }
        catch (ReadingStoreException)
        {
            return null; // what happened and the two buttons are shown without the readings too
        }
    }

    private static async Task<(Notice Notice, Alarm Alarm, string Language)?> FindAsync(
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
        var alarm = await db.Alarms.AsNoTracking().Include(a => a.Resident).FirstOrDefaultAsync(a => a.Id == notice.AlarmId, cancellation);
        return alarm is null ? null : (notice, alarm, notice.Language == "en" ? "en" : "zh");
    }
}
