using System.Security.Claims;
using System.Text;
using Microsoft.AspNetCore.Http;
using Microsoft.EntityFrameworkCore;
using Vigil.Model;
using Vigil.Storage.Records;
using Vigil.Web.Accounts;

namespace Vigil.Web.Api;

/// <summary>
/// Who sends a request, and the records as far as they may be seen: what lies outside the caller's area does not exist for it (404, never
/// 403), except the areas above its own, which it may read.
/// </summary>
internal readonly record struct Caller(
    RecordsFactory All,
    ClaimsPrincipal User,
    TimeProvider Clock,
    HttpContext Http,
    KeptCounts Counts,
    CancellationToken Cancellation
)
{
    /// <summary>The records of the caller's area: no query through them finds anything else.</summary>
    public IDbContextFactory<RecordsDb> Records => new BoundRecords(All, Area);

    public const int LargestPage = 500;

    public string Area => User.Area();

    public string Who => User.Who();

    public DateTime Now => Clock.GetUtcNow().UtcDateTime;

    public Task<RecordsDb> OpenAsync() => Records.CreateDbContextAsync(Cancellation);

    public Task AuditAsync(string action, string subject, string detail = "") =>
        Records.AddAsync(Now, Who, action, subject, detail, Cancellation);

    public async Task<Resident?> ResidentAsync(string id)
    {
        await using var db = await OpenAsync();
        return await db
            .Residents.AsNoTracking()
            .Include(r => r.Contacts)
            .Include(r => r.Devices)
            .Include(r => r.Visitor)
            .FirstOrDefaultAsync(r => r.Id == id, Cancellation);
    }

    /// <summary>One page of a query; how many there are in all stands in the header <c>X-Total-Count</c>.</summary>
    public async Task<List<T>> PageAsync<T>(IQueryable<T> query, int? offset, int? limit)
    {
        var total = await Counts.OfAsync(query, Area, Cancellation);
        return Page((await query.Skip(Offset(offset)).Take(Limit(limit)).ToListAsync(Cancellation), total));
    }

    /// <summary>One page that was found elsewhere, of so many.</summary>
    public List<T> Page<T>((List<T> Page, int Total) found)
    {
        Http.Response.Headers["X-Total-Count"] = found.Total.ToString(System.Globalization.CultureInfo.InvariantCulture);
        return found.Page;
    }

    public static int Offset(int? offset) => Math.Max(offset ?? 0, 0);

    public static int Limit(int? limit) => Math.Clamp(limit ?? 100, 1, LargestPage);

    /// <summary>Rows of an exported sheet at most: they are held in memory.</summary>
    public const int LargestSheet = 100_000;

    /// <summary>A list as a CSV or XLSX file whose cells are no formulas.</summary>
    public async Task<IResult> SheetAsync<T>(
        IQueryable<T> query,
        string name,
        string format,
        IReadOnlyList<string> headings,
        Func<T, IReadOnlyList<object?>> row
    )
    {
        var rows = await query.Take(LargestSheet).ToListAsync(Cancellation);
        await AuditAsync("export", name, $"{rows.Count} rows as {format}");
        return Sheet($"{name}.{format}", headings, rows.Select(row));
    }

    /// <summary>Rows as a file to download; its name tells CSV from XLSX.</summary>
    public static IResult Sheet(string name, IReadOnlyList<string> headings, IEnumerable<IReadOnlyList<object?>> rows)
    {
        var file = new MemoryStream();
        Storage.Records.Sheet.Write(file, name, headings, rows);
        return Results.File(
            file.ToArray(),
            Storage.Records.Sheet.IsXlsx(name) ? Storage.Records.Sheet.XlsxType : Storage.Records.Sheet.CsvType,
            name
        );
    }

    /// <summary>One page of what is in memory already.</summary>
    public IEnumerable<T> Page<T>(IReadOnlyList<T> all, int? offset, int? limit)
    {
        Http.Response.Headers["X-Total-Count"] = all.Count.ToString(System.Globalization.CultureInfo.InvariantCulture);
        return all.Skip(Offset(offset)).Take(Limit(limit));
    }

    /// <summary>404, for programs, which read English.</summary>
    public static IResult Missing(string what, string id) =>
        Results.Problem($"there is no {what} '{id}'", statusCode: StatusCodes.Status404NotFound);

    /// <summary>404 where a page of ours shows the words, in its reader's language.</summary>
    public static IResult Missing(Wording why) => InBothLanguages(why, StatusCodes.Status404NotFound);

    /// <summary>400, for programs, which read English.</summary>
    public static IResult Wrong(string why) => Results.Problem(why, statusCode: StatusCodes.Status400BadRequest);

    /// <summary>400 where a page of ours shows the words, in its reader's language.</summary>
    public static IResult Wrong(Wording why) => InBothLanguages(why, StatusCodes.Status400BadRequest);

    /// <summary>A refusal that a page of ours shows in its reader's language.</summary>
    public static IResult InBothLanguages(Wording why, int status) =>
        Results.Problem(why.En, statusCode: status, extensions: new Dictionary<string, object?> { ["detailZh"] = why.Zh });

    /// <summary>A phone number with its middle hidden: +86138****1234.</summary>
    public static string Masked(string phone) =>
        FieldKeys.IsUnreadable(phone) ? FieldKeys.Shown(phone)
        : phone.Length > 9 && phone[0] == '+' ? phone[..^8] + "****" + phone[^4..]
        : phone.Length > 0 ? "***"
        : "";

    /// <summary>Text where the bytes are text, else hexadecimal digits; the first 512 bytes.</summary>
    public static string Preview(byte[] payload)
    {
        var shown = payload.AsSpan(0, Math.Min(payload.Length, 512));
        return shown.IndexOfAnyInRange((byte)0, (byte)8) < 0 && System.Text.Unicode.Utf8.IsValid(shown)
            ? Encoding.UTF8.GetString(shown)
            : Convert.ToHexString(shown);
    }
}
