using System.Security.Claims;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Mvc;
using Microsoft.AspNetCore.Routing;
using Microsoft.EntityFrameworkCore;
using Vigil.Model;
using Vigil.Registry;
using Vigil.Storage.Records;
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
                async (string? name, bool? dryRun, Func<RegistryImport> import, [AsParameters] Caller caller) =>
                {
                    if (name is null || Path.GetExtension(name).ToUpperInvariant() is not (".CSV" or ".XLSX"))
                        return Caller.Wrong($"the query's name '{name}' ends in neither .csv nor .xlsx");
                    using var content = new MemoryStream();
                    await caller.Http.Request.Body.CopyToAsync(content, caller.Cancellation);
                    var (problems, summary) = await RegistryOperations.ImportAsync(
                        import(),
                        caller.Records,
                        content.ToArray(),
                        name,
                        caller.User,
                        caller.Now,
                        dryRun == true,
                        caller.Cancellation
                    );
                    return problems.Count == 0
                        ? Results.Ok(new ImportAnswer(dryRun != true, summary.En))
                        : Results.Problem(
                            $"{problems.Count} problems; nothing was written",
                            statusCode: StatusCodes.Status422UnprocessableEntity,
                            extensions: new Dictionary<string, object?> { ["problems"] = problems }
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
internal sealed record ImportAnswer(bool Imported, string Summary);
