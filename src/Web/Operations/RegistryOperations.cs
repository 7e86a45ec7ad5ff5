using System.Security.Claims;
using Vigil.Registry;

namespace Vigil.Web.Operations;

/// <summary>Importing the registry from a file.</summary>
internal static class RegistryOperations
{
    /// <summary>Imports an uploaded file; rows outside the area that the person is bound to are refused.</summary>
    public static async Task<ImportOutcome> ImportAsync(
        RegistryImport import,
        Stream content,
        string name,
        ClaimsPrincipal user,
        ImportOptions options,
        CancellationToken cancellation
    ) =>
        await import.ImportAsync(
            content,
            Path.GetFileName(name),
            options with
            {
                Bound = user.Area(),
                Who = user.Who(),
            },
            null,
            cancellation
        );
}
