using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.DependencyInjection.Extensions;
using Vigil.Model;
using Vigil.Notify.Escalation;
using Vigil.Notify.Reach;
using Vigil.Registry;
using Vigil.Registry.Edits;
using Vigil.Registry.Protection;
using Vigil.Registry.Search;
using Vigil.Storage.Readings;
using Vigil.Storage.Records;
using Vigil.Web.Accounts;
using Vigil.Web.Api;
using Vigil.Web.Hooks;
using Vigil.Web.Pages;

namespace Vigil.Web;

public static class WebServices
{
    /// <summary>The duty board, the contact's page and the HTTP API.</summary>
    /// <param name="services">Of the host.</param>
    /// <param name="open">Everybody is let in (the demo, on loopback).</param>
    /// <param name="rulesPath">The rules file in force; null for the shipped one.</param>
    /// <param name="options">Section <c>Console</c>; null for its defaults.</param>
    /// <param name="accounts">Section <c>Access</c>; null for its defaults.</param>
    /// <param name="http">Section <c>Http</c>; null: reached directly.</param>
    public static IServiceCollection AddWeb(
        this IServiceCollection services,
        bool open,
        string? rulesPath = null,
        ConsoleOptions? options = null,
        AccountsOptions? accounts = null,
        HttpOptions? http = null
    )
    {
        services.AddSingleton(options ?? new ConsoleOptions());
        services.AddSingleton(http ?? new HttpOptions());
        services.AddAccess(open, accounts ?? new AccountsOptions());
        services.AddProblemDetails();
        services.AddExceptionHandler<BadRequests>();
        services.AddExceptionHandler<StoreTroubles>();
        services.Configure<RouteHandlerOptions>(o => o.ThrowOnBadRequest = true); // so that the caller is told what could not be read
        services.ConfigureHttpJsonOptions(o =>
        {
            o.SerializerOptions.NumberHandling = System.Text.Json.Serialization.JsonNumberHandling.Strict;
            o.SerializerOptions.RespectNullableAnnotations = true;
            o.SerializerOptions.RespectRequiredConstructorParameters = true;
        });
        services.AddOpenApi(EndpointDescriptions.Describe);
        services.AddCascadingAuthenticationState();
        services.AddRazorComponents().AddInteractiveServerComponents();
        services.AddSingleton<OpenPages>();
        services.AddSingleton<RegistryEdit>();
        services.AddSingleton<KeptCounts>();
        services.AddScoped<Microsoft.AspNetCore.Components.Server.Circuits.CircuitHandler, OpenPage>();
        services.AddSingleton<MetricsText>();
        services.AddProtection();
        services.AddSingleton<SearchIndex>().AddSingleton<RegistrySearch>().AddSingleton<RegistryLists>().AddSingleton<KeptStatistics>();
        services.AddHostedService(s => s.GetRequiredService<SearchIndex>());
        services.AddSingleton(s => new RulesDesk(
            rulesPath ?? Path.Combine(AppContext.BaseDirectory, "config", "rules.yaml"),
            rulesPath is not null,
            s.GetRequiredService<HomeFacts>(),
            s.GetRequiredService<IDbContextFactory<RecordsDb>>(),
            s.GetRequiredService<IReadingStore>(),
            s.GetRequiredService<TimeZoneInfo>(),
            s.GetRequiredService<TimeProvider>()
        ));
        services.AddSingleton(_ =>
        {
            var problems = new List<Problem>();
            return Scripts.Load(Path.Combine(AppContext.BaseDirectory, "config", "scripts.yaml"), problems)
                ?? throw new InvalidOperationException(string.Join('\n', problems));
        });
        return services;
    }

    /// <summary>Which homes are protected now: the registry, the running rules where there are any, and the ways to tell people.</summary>
    private static void AddProtection(this IServiceCollection services)
    {
        services.AddSingleton(s => ProtectionOptions.Read(s.GetRequiredService<IConfiguration>(), []));
        services.AddSingleton(s =>
        {
            var (routes, numbers) = (s.GetRequiredService<Vigil.Notify.Channels.Routes>(), s.GetRequiredService<Numbers>());
            return new ContactWays(
                (channel, address) => numbers.Refuses(channel, address) is null ? routes.Carriers(channel, address) : 0,
                routes.Usable
            );
        });
        services.TryAddSingleton<IsCallButton>(_ => _ => false);
        services.AddSingleton(s =>
        {
            var now = ActivatorUtilities.CreateInstance<ProtectedNow>(s);
            s.GetRequiredService<ReachAnswers>().Changed += now.NumberChanged;
            return now;
        });
        services.AddHostedService(s => s.GetRequiredService<ProtectedNow>());
    }

    public static void MapConsole(this WebApplication app)
    {
        app.Services.GetRequiredService<OpenPages>(); // made now, so that "nobody has a page open" is noticed from the start
        var httpOptions = app.Services.GetRequiredService<HttpOptions>();
        httpOptions.Use(app);
        app.UseExceptionHandler();
        app.UseStatusCodePages();
        var tiles = app.Services.GetRequiredService<ConsoleOptions>().TileOrigin;
        app.Use(
            async (http, next) =>
            {
                var headers = http.Response.Headers;
                headers.ContentSecurityPolicy =
                    $"default-src 'self'; style-src 'self'; script-src 'self'; img-src 'self' data: {tiles}; connect-src 'self'; "
                    + $"frame-ancestors 'none'; base-uri 'self'; form-action 'self'";
                headers.XContentTypeOptions = "nosniff";
                headers["Referrer-Policy"] = "no-referrer";
                if (http.Request.Path == "/_content/Vigil.Web/visit-worker.js")
                    headers["Service-Worker-Allowed"] = "/visits/form";
                if (httpOptions.IsForeign(http.Request))
                {
                    await Results.Problem("sent by a page of another site", statusCode: StatusCodes.Status403Forbidden).ExecuteAsync(http);
                    return;
                }

                await next();
            }
        );
        app.UseAuthentication();
        app.UseAuthorization();
        app.UseRateLimiter();
        app.UseCachedApiDocument();
        app.UseAntiforgery();
        app.MapStaticAssets();
        app.MapOpenApi();
        app.MapSignIn();
        app.MapOwnAccount();
        if (app.Services.GetRequiredService<AccountsOptions>().SingleSignOn is not null)
            SingleSignOn.Map(app);
        app.MapApi();
        app.MapContactPage();
        app.MapTwilioHooks();
        app.MapAliyunHooks();
        app.MapVisitForm();
        app.MapDeviceSheet();
        app.MapGet(
            "/language/{to}",
            (string to, HttpContext http) =>
            {
                http.Response.Cookies.Append(
                    "language",
                    to == "en" ? "en" : "zh",
                    new CookieOptions
                    {
                        HttpOnly = true,
                        // Lax: the browser sends it too when somebody comes from another site, such as an organisation's sign-in. It
                        // signs nobody in.
                        SameSite = SameSiteMode.Lax,
                        Secure = http.Request.IsHttps,
                        MaxAge = TimeSpan.FromDays(365),
                    }
                );
                return Results.Redirect("/");
            }
        );
        app.MapGet("/metrics", (MetricsText metrics) => Results.Text(metrics.Write(), "text/plain; version=0.0.4; charset=utf-8"));
        app.MapRazorComponents<App>().AddInteractiveServerRenderMode().RequireAuthorization(Access.Read);
    }
}
