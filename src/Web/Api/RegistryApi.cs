using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Mvc;
using Microsoft.AspNetCore.Routing;
using Vigil.Registry;
using Vigil.Web.Operations;

namespace Vigil.Web.Api;

/// <summary>The registry as a CSV or XLSX file (Annex 1): all errors with their rows, and nothing written if there is any.</summary>
internal static class RegistryApi
{
    /// <summary>Bytes: some 20,000 residents.</summary>
    public const int Largest = 16 << 20;

    public static void Map(RouteGroupBuilder admin) =>
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
                    if (name is null || Path.GetExtension(name).ToUpperInvariant() is not (".CSV" or ".XLSX"))
                        return Caller.Wrong($"the query's name '{name}' ends in neither .csv nor .xlsx");
                    using var content = new MemoryStream();
                    await caller.Http.Request.Body.CopyToAsync(content, caller.Cancellation);
                    content.Position = 0;
                    var outcome = await RegistryOperations.ImportAsync(
                        import(),
                        content,
                        name,
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
                                outcome.Changes.More
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
            .WithMetadata(new RequestSizeLimitAttribute(Largest));
}

/// <summary>What an import did, or would do.</summary>
/// <param name="Imported">False for a dry run.</param>
/// <param name="Summary">In words.</param>
/// <param name="Counts">How many of each kind are new, changed, unchanged, not in the file.</param>
/// <param name="Changes">The first 200 changes, field by field; phone and identity numbers are masked.</param>
/// <param name="MoreChanges">How many there are beyond those.</param>
internal sealed record ImportAnswer(
    bool Imported,
    string Summary,
    IReadOnlyList<string> Counts,
    IReadOnlyList<string> Changes,
    int MoreChanges
);
