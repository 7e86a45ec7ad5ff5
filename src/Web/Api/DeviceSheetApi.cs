using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Mvc;
using Microsoft.AspNetCore.Routing;
using Vigil.Model;
using Vigil.Notify;
using Vigil.Storage.Records;
using Vigil.Web.Operations;

namespace Vigil.Web.Api;

/// <summary>
/// Many devices from a CSV or XLSX file, with a password each. Passwords are in this one answer and nowhere else.
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

    internal static bool IsSheet(string? name) => Path.GetExtension(name)?.ToUpperInvariant() is ".CSV" or ".XLSX";

    internal static DeviceOperations Of(Caller caller, KnowsProfile profiles, AlarmDesk desk) =>
        new(caller.Records, profiles, desk, caller.Who, caller.Area, caller.Now, "");

    internal static IResult Answer(string name, IReadOnlyList<MadeDevice> made, SignedLinks links, Caller caller)
    {
        caller.Http.Response.Headers.CacheControl = "no-store";
        var answer = DeviceSheet.Answer(made, links.PublicUrl, caller.Http.Request.Language());
        var called = $"{Path.GetFileNameWithoutExtension(name)}-mqtt{Path.GetExtension(name).ToLowerInvariant()}";
        return Caller.Sheet(called, answer.Headings, answer.Rows);
    }
}
