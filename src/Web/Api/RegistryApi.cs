using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Mvc;
using Microsoft.AspNetCore.Routing;
using Vigil.Model;
using Vigil.Registry;
using Vigil.Storage.Records;
using Vigil.Web.Operations;

namespace Vigil.Web.Api;

/// <summary>The registry as a CSV or XLSX file (Annex 1): all errors with their rows, and nothing written if there is any.</summary>
internal static class RegistryApi
{
    public static void Map(RouteGroupBuilder admin)
    {
        admin
            .MapPost(
                "registry",
                async (
                    string? name,
                    bool? dryRun,
                    bool? replace,
                    bool? idsFromIdentity,
                    Func<RegistryImport> import,
                    [AsParameters] Caller caller
                ) =>
                {
                    if (Unnamed(name) is { } unnamed)
                        return unnamed;
                    // Beyond a megabyte in a temporary file, which is deleted with the request.
                    caller.Http.Request.EnableBuffering(1 << 20, ImportJobs.Largest);
                    var content = caller.Http.Request.Body;
                    await content.CopyToAsync(Stream.Null, caller.Cancellation);
                    content.Position = 0;
                    var outcome = await RegistryOperations.ImportAsync(
                        import(),
                        content,
                        name!,
                        caller.User,
                        new ImportOptions
                        {
                            DryRun = dryRun == true,
                            Replace = replace == true,
                            IdsFromIdentity = idsFromIdentity == true,
                        },
                        caller.Cancellation
                    );
                    return outcome.Problems.Count == 0
                        ? Results.Ok(
                            new ImportAnswer(
                                dryRun != true,
                                outcome.Summary.En,
                                [.. outcome.Changes.Counts.Select(c => c.En)],
                                [.. outcome.Changes.Lines.Select(c => c.En)],
                                outcome.Changes.More,
                                [.. outcome.Changes.KeptLines.Select(c => c.En)]
                            )
                        )
                        : Results.Problem(
                            outcome.Written
                                ? $"{outcome.Problems.Count} problems: rows that changed meanwhile were left out; all others were written"
                                : $"{outcome.Problems.Count} problems; nothing was written",
                            statusCode: StatusCodes.Status422UnprocessableEntity,
                            extensions: new Dictionary<string, object?> { ["problems"] = outcome.Problems }
                        );
                }
            )
            .TakesFile()
            .Answers<ImportAnswer>("Imports a registry file: all errors with their rows, and nothing written if there is any", 400, 422)
            .WithMetadata(new RequestSizeLimitAttribute(ImportJobs.Largest));
        admin
            .MapGet(
                "registry/template",
                (string? name, string? lang, HttpRequest request) =>
                    (name is null ? null : Unnamed(name))
                    ?? Caller.Sheet(Path.GetFileName(name ?? "registry.xlsx"), RegistryTemplate.Headings(lang ?? request.Language()), [])
            )
            .Produces<byte[]>(StatusCodes.Status200OK, Sheet.XlsxType)
            .Documented("An empty registry file with the headings of Annex 1", [400]);
        admin
            .MapGet(
                "registry/problems",
                (string? name, string? lang, ImportJobs jobs, HttpRequest request, [AsParameters] Caller caller) =>
                {
                    if (name is not null && Unnamed(name) is { } unnamed)
                        return unnamed;
                    var language = lang ?? request.Language();
                    return Caller.Sheet(
                        Path.GetFileName(name ?? "problems.xlsx"),
                        [.. Columns.Select(c => c.In(language))],
                        (jobs.Of(caller.Who)?.Outcome.Problems ?? []).Select(p =>
                            (IReadOnlyList<object?>)[p.Line, RegistryHeadings.Heading(p.Id).In(language), p.Value, p.Message.In(language)]
                        )
                    );
                }
            )
            .Produces<byte[]>(StatusCodes.Status200OK, Sheet.XlsxType)
            .Documented(
                "All problems of the file that this account checked last on the page of the registry; no rows when there are none",
                [400]
            );
    }

    private static IResult? Unnamed(string? name) =>
        name is null || Path.GetExtension(name).ToUpperInvariant() is not (".CSV" or ".XLSX")
            ? Caller.Wrong($"the query's name '{name}' ends in neither .csv nor .xlsx")
            : null;

    private static readonly Wording[] Columns = [new("line", "行"), new("column", "列"), new("value", "值"), new("problem", "问题")];
}

/// <summary>What an import did, or would do.</summary>
/// <param name="Imported">False for a dry run.</param>
/// <param name="Summary">In words.</param>
/// <param name="Counts">How many of each kind are new, changed, unchanged, not in the file.</param>
/// <param name="Changes">The first 200 changes, field by field; phone and identity numbers are masked.</param>
/// <param name="MoreChanges">How many there are beyond those.</param>
/// <param name="Kept">What the file asks for and the registry keeps: a consent that was refused or withdrawn in person; the first
/// 200.</param>
internal sealed record ImportAnswer(
    bool Imported,
    string Summary,
    IReadOnlyList<string> Counts,
    IReadOnlyList<string> Changes,
    int MoreChanges,
    IReadOnlyList<string> Kept
);
