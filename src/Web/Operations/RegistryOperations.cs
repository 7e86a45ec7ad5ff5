using System.Security.Claims;
using Microsoft.EntityFrameworkCore;
using Vigil.Model;
using Vigil.Registry;
using Vigil.Storage.Records;

namespace Vigil.Web.Operations;

/// <summary>Importing the registry from a file.</summary>
internal static class RegistryOperations
{
    /// <summary>Imports an uploaded file; rows outside the area that the person is bound to are refused.</summary>
    public static async Task<(IReadOnlyList<Problem> Problems, Wording Summary)> ImportAsync(
        RegistryImport import,
        IDbContextFactory<RecordsDb> records,
        byte[] content,
        string name,
        ClaimsPrincipal user,
        DateTime now,
        bool dryRun,
        CancellationToken cancellation
    )
    {
        var file = Path.GetFileName(name);
        var (problems, summary) = await import.ImportAsync(new MemoryStream(content), file, dryRun, cancellation, user.Area());
        if (problems.Count == 0 && !dryRun)
            await records.AddAsync(now, user.Who(), "import", file, summary.En, cancellation);
        return (problems, summary);
    }
}
