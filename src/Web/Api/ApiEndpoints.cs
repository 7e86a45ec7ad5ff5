using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;

namespace Vigil.Web.Api;

/// <summary>The HTTP API under <c>/api/v1</c>: a file for each noun. Every read of a resident's data is written to the audit log.</summary>
internal static class ApiEndpoints
{
    /// <summary>
    /// Tag of endpoints that are no part of the API: the service's own name. Without a tag the OpenAPI document would list the name of each
    /// class of such endpoints.
    /// </summary>
    public const string NoTag = "vigil";

    public static void MapApi(this IEndpointRouteBuilder app)
    {
        var all = app.MapGroup("/api/v1")
            .AddEndpointFilter(
                async (context, next) =>
                {
                    context.HttpContext.Response.Headers.CacheControl = "no-store";
                    return await next(context);
                }
            );
        var read = all.MapGroup("").RequireAuthorization(Access.Read);
        var visit = all.MapGroup("").RequireAuthorization(Access.Visit);
        var write = all.MapGroup("").RequireAuthorization(Access.Write);
        var admin = all.MapGroup("").RequireAuthorization(Access.Admin);
        ResidentsApi.Map(read);
        ConsentsApi.Map(read, write);
        DevicesApi.Map(read);
        DeviceChangesApi.Map(read, write);
        DeviceSheetApi.Map(admin);
        AlarmsApi.Map(read);
        AlarmChangesApi.Map(write);
        NoticesApi.Map(read);
        AbsencesApi.Map(read, visit);
        VisitsApi.Map(read, visit);
        var supervise = all.MapGroup("").RequireAuthorization(Access.Supervise);
        AreasApi.Map(read, supervise, admin);
        HomesApi.Map(read, write);
        PeopleApi.Map(read, write, supervise, admin);
        StatisticsApi.Map(read);
        ProtectionApi.Map(read);
        SearchApi.Map(read);
        ReachTestsApi.Map(read, write, admin);
        CredentialsApi.Map(admin);
        RegistryApi.Map(admin);
        WebhooksApi.Map(admin);
        UsersApi.Map(admin);
        KeysApi.Map(admin);
        PersonalDataApi.Map(write, admin);
        RulesApi.Map(read, write, admin);
    }
}
