using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;
using Microsoft.EntityFrameworkCore;
using Vigil.Model;
using Vigil.Storage.Readings;
using Vigil.Storage.Records;
using Vigil.Web.Operations;

namespace Vigil.Web.Api;

/// <summary>
/// A person's numbers in full, an archive of all data that is held on them, and their erasure. Each is written to the audit log.
/// </summary>
internal static class PersonalDataApi
{
    private const int LongestReason = 500;

    public static void Map(RouteGroupBuilder write, RouteGroupBuilder admin)
    {
        write
            .MapPost(
                "residents/{id}/reveal",
                async (string id, ReasonRequest body, [AsParameters] Caller caller) =>
                {
                    if (await caller.ResidentAsync(id) is not { } r)
                        return Caller.Missing("resident", id);
                    if (string.IsNullOrWhiteSpace(body.Reason) || body.Reason.Length > LongestReason)
                        return Caller.Wrong($"'reason' says why, in 1 to {LongestReason} characters");
                    await caller.AuditAsync("reveal", $"resident:{id}", body.Reason.Trim());
                    return Results.Ok(
                        new Numbers(
                            FieldKeys.Shown(r.IdentityNumber),
                            FieldKeys.Shown(r.Phone),
                            [.. r.Contacts.OrderBy(c => c.Order).Select(c => ContactAnswer.Of(c, caller.All.Keys, inFull: true))],
                            FieldKeys.Shown(r.Visitor?.Phone)
                        )
                    );
                }
            )
            .Answers<Numbers>("A resident's identity number and phone numbers in full; the reason is written down", 400, 404);
        admin
            .MapGet(
                "residents/{id}/export",
                async (string id, IReadingStore store, [AsParameters] Caller caller) =>
                {
                    if (await caller.ResidentAsync(id) is null)
                        return Caller.Missing("resident", id);
                    await caller.AuditAsync("export", $"resident:{id}", "all that is held");
                    // On disk: years of readings don't fit into memory, and an archive is written from end to end.
                    var file = new FileStream(
                        Path.GetTempFileName(),
                        FileMode.Open,
                        FileAccess.ReadWrite,
                        FileShare.None,
                        1 << 16,
                        FileOptions.DeleteOnClose | FileOptions.Asynchronous
                    );
                    try
                    {
                        await PersonalArchive.WriteAsync(file, id, store, caller);
                        file.Position = 0;
                        return Results.File(file, "application/zip", $"{id}.zip");
                    }
                    catch
                    {
                        await file.DisposeAsync();
                        throw;
                    }
                }
            )
            .Produces<byte[]>(StatusCodes.Status200OK, "application/zip")
            .Documented("All that is held on a resident, as an archive", [404]);
        admin
            .MapPost(
                "residents/{id}/erase",
                async (string id, ReasonRequest body, IReadingStore store, IServiceProvider services, [AsParameters] Caller caller) =>
                {
                    if (await caller.ResidentAsync(id) is null)
                        return Caller.Missing("resident", id);
                    if (string.IsNullOrWhiteSpace(body.Reason) || body.Reason.Length > LongestReason)
                        return Caller.Wrong($"'reason' says why, in 1 to {LongestReason} characters");
                    var jobs = services.GetService(typeof(ImportJobs)) as ImportJobs;
                    var not = jobs is { IsWriting: true }
                        ? ErasureOperations.IsImporting()
                        : await ErasureOperations.EraseAsync(
                            caller.All,
                            store,
                            services.GetService(typeof(ForgetsErased)) as ForgetsErased,
                            caller.Clock,
                            caller.Who,
                            id,
                            body.Reason.Trim(),
                            caller.Cancellation
                        );
                    if (not is null)
                        jobs?.Forget();
                    return not is null ? Results.NoContent() : Caller.InBothLanguages(not.Why, not.Status);
                }
            )
            .Changes("Erases a resident: registry, contacts, readings, visits; alarms stay without a name", 404, 409);
    }

    /// <summary>Why the data has to be seen or erased.</summary>
    /// <param name="Reason">1 to 500 characters; stands in the audit log.</param>
    internal sealed record ReasonRequest(string? Reason);

    /// <summary>Numbers in full.</summary>
    internal sealed record Numbers(string IdentityNumber, string Phone, IReadOnlyList<ContactAnswer> Contacts, string VisitorPhone);
}
