using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Mvc;
using Microsoft.AspNetCore.Routing;
using Vigil.Model;
using Vigil.Notify;
using Vigil.Notify.Messages;
using Vigil.Storage.Records;
using Vigil.Web.Operations;
using Vigil.Web.Pages.Plain;

namespace Vigil.Web.Api;

/// <summary>
/// Many devices from a CSV or XLSX file, with a password each: by the API, and by the form on the page of devices. Passwords are in this
/// one answer and nowhere else.
/// </summary>
internal static class DeviceSheetApi
{
    public static void Map(RouteGroupBuilder admin) =>
        admin
            .MapPost(
                "devices/sheet",
                async (string? name, KnowsProfile profiles, AlarmDesk desk, SignedLinks links, [AsParameters] Caller caller) =>
                {
                    if (caller.Area.Length > 0)
                        return Results.Problem("this key is bound to an area", statusCode: StatusCodes.Status403Forbidden);
                    if (!IsSheet(name))
                        return Caller.Wrong($"the query's name '{name}' ends in neither .csv nor .xlsx");
                    using var content = new MemoryStream();
                    await caller.Http.Request.Body.CopyToAsync(content, caller.Cancellation);
                    content.Position = 0;
                    var (made, problems) = await DeviceSheet.RegisterAsync(Of(caller, profiles, desk), content, name!, caller.Cancellation);
                    return problems.Count == 0
                        ? Answer(name!, made, links, caller)
                        : Results.Problem(
                            $"{problems.Count} problems; nothing was registered",
                            statusCode: StatusCodes.Status422UnprocessableEntity,
                            extensions: new Dictionary<string, object?> { ["problems"] = problems }
                        );
                }
            )
            .TakesFile()
            .Produces<byte[]>(StatusCodes.Status200OK, Sheet.XlsxType, Sheet.CsvType)
            .Documented(
                "Registers the devices of a sheet, all or none; answers with a sheet of their passwords, shown this once",
                [400, 422]
            )
            .WithMetadata(new RequestSizeLimitAttribute(DeviceSheet.Largest));

    /// <summary>The same from the page: a form that needs no script, whose answer the browser saves.</summary>
    public static void MapDeviceSheet(this IEndpointRouteBuilder app)
    {
        var form = app.MapGroup("/devices/sheet").RequireAuthorization(Access.Admin).ExcludeFromDescription();
        form.MapGet(
            "",
            ([AsParameters] Caller caller) =>
                Caller.Sheet(
                    caller.Http.Request.Language() == "en" ? "devices.xlsx" : "设备登记表.xlsx",
                    [.. DeviceSheet.Headings.Select(h => h.In(caller.Http.Request.Language()))],
                    []
                )
        );
        form.MapPost(
                "",
                async (KnowsProfile profiles, AlarmDesk desk, SignedLinks links, [AsParameters] Caller caller) =>
                {
                    if (caller.Area.Length > 0)
                        return Results.Problem("this account is bound to an area", statusCode: StatusCodes.Status403Forbidden);
                    var sent = await caller.Http.Request.FormOrNoneAsync(caller.Cancellation);
                    if (sent?.Files.GetFile("file") is not { } file || !IsSheet(file.FileName))
                        return Problems(
                            caller,
                            [
                                new Problem(
                                    "",
                                    0,
                                    "",
                                    sent?.Files.GetFile("file")?.FileName ?? "",
                                    new Wording(
                                        $"choose a .csv or .xlsx file of at most {DeviceSheet.Largest >> 20} MiB",
                                        $"请选择不超过 {DeviceSheet.Largest >> 20} MiB 的 .csv 或 .xlsx 文件"
                                    )
                                ),
                            ]
                        );
                    using var content = new MemoryStream();
                    await file.CopyToAsync(content, caller.Cancellation);
                    content.Position = 0;
                    var name = Path.GetFileName(file.FileName);
                    var (made, problems) = await DeviceSheet.RegisterAsync(Of(caller, profiles, desk), content, name, caller.Cancellation);
                    return problems.Count == 0 ? Answer(name, made, links, caller) : Problems(caller, problems);
                }
            )
            .WithMetadata(new RequestSizeLimitAttribute(DeviceSheet.Largest + (64 << 10)))
            .DisableAntiforgery(); // pages of other sites are refused before (HttpOptions.IsForeign)
    }

    private static bool IsSheet(string? name) => Path.GetExtension(name)?.ToUpperInvariant() is ".CSV" or ".XLSX";

    private static DeviceOperations Of(Caller caller, KnowsProfile profiles, AlarmDesk desk) =>
        new(caller.Records, profiles, desk, caller.Who, caller.Area, caller.Now, "");

    private static IResult Answer(string name, IReadOnlyList<MadeDevice> made, SignedLinks links, Caller caller)
    {
        caller.Http.Response.Headers.CacheControl = "no-store";
        return Caller.Sheet(
            $"{Path.GetFileNameWithoutExtension(name)}-mqtt{Path.GetExtension(name).ToLowerInvariant()}",
            DeviceSheet.AnswerHeadings(caller.Http.Request.Language()),
            made.Select(m =>
                (IReadOnlyList<object?>)
                    [
                        m.Entry.Id,
                        m.Entry.Id,
                        m.Password,
                        m.Entry.Profile,
                        m.Entry.Label,
                        m.Entry.Resident,
                        $"{links.PublicUrl}/devices/{Uri.EscapeDataString(m.Entry.Id)}",
                    ]
            )
        );
    }

    private static IResult Problems(Caller caller, IReadOnlyList<Problem> problems) =>
        caller.Http.Page<SheetProblems>(StatusCodes.Status422UnprocessableEntity, (nameof(SheetProblems.Found), problems));
}
