using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Mvc;
using Microsoft.AspNetCore.Routing;
using Vigil.Model;
using Vigil.Notify;
using Vigil.Web.Api;
using Vigil.Web.Operations;
using Vigil.Web.Pages.Plain;

namespace Vigil.Web;

/// <summary>
/// A sheet of devices from the page: a form that needs no script, whose answer the browser saves (<see cref="DeviceSheetApi"/>).
/// </summary>
internal static class DeviceSheetEndpoint
{
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
                    if (sent?.Files.GetFile("file") is not { } file || !DeviceSheetApi.IsSheet(file.FileName))
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
                    var (made, problems) = await DeviceSheet.RegisterAsync(
                        DeviceSheetApi.Of(caller, profiles, desk),
                        content,
                        name,
                        caller.Cancellation
                    );
                    return problems.Count == 0 ? DeviceSheetApi.Answer(name, made, links, caller) : Problems(caller, problems);
                }
            )
            .WithMetadata(new RequestSizeLimitAttribute(DeviceSheet.Largest + (64 << 10)))
            .DisableAntiforgery(); // pages of other sites are refused before (HttpOptions.IsForeign)
    }

    private static IResult Problems(Caller caller, IReadOnlyList<Problem> problems) =>
        caller.Http.Page<SheetProblems>(StatusCodes.Status422UnprocessableEntity, (nameof(SheetProblems.Found), problems));
}
