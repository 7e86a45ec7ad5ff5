using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Http.HttpResults;
using Microsoft.AspNetCore.Routing;
using Vigil.Web.Api;
using Vigil.Web.Pages.Plain;

namespace Vigil.Web;

/// <summary>Opens the visit record as a form (<see cref="VisitForm"/>), which sends it to the API.</summary>
internal static class VisitFormEndpoint
{
    public static void MapVisitForm(this IEndpointRouteBuilder app) =>
        app.MapGet(
                "/visits/form",
                async (string? resident, Guid? alarm, [AsParameters] Caller caller) =>
                {
                    var found = resident is null ? null : await caller.ResidentAsync(resident);
                    if (resident is not null && found is null)
                        return Caller.Missing("resident", resident);
                    if (found is not null)
                        await caller.AuditAsync("read", $"resident:{found.Id}", "visit form");
                    caller.Http.Response.Headers.CacheControl = "no-cache"; // visit-worker.js keeps it for a phone without a connection
                    return new RazorComponentResult<VisitForm>(
                        new Dictionary<string, object?> { [nameof(VisitForm.Resident)] = found, [nameof(VisitForm.Alarm)] = alarm }
                    );
                }
            )
            .RequireAuthorization(Access.Visit)
            .ExcludeFromDescription();
}
