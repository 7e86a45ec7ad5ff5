using System.Security.Claims;
using Vigil.Registry.Edits;

namespace Vigil.Web.Operations;

/// <summary>Editing the registry record by record.</summary>
internal static class EditOperations
{
    /// <summary>
    /// Who may edit what. Residents, those around them and visitors are everyday work of the desk; the rota is the supervisor's; who sits
    /// at the desk, and which areas there are, says an administrator.
    /// </summary>
    public static string RightTo(RecordKind kind) =>
        kind == RecordKind.Officer || kind == RecordKind.Area ? Access.Admin
        : kind == RecordKind.Shift ? Access.Supervise
        : Access.Write;

    public static Editor Editor(this ClaimsPrincipal user) => new(user.Who(), user.Area());
}
