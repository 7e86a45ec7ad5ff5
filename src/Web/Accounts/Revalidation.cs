using System.Globalization;
using Microsoft.AspNetCore.Authentication;
using Microsoft.AspNetCore.Authentication.Cookies;
using Microsoft.AspNetCore.Components.Authorization;
using Microsoft.AspNetCore.Components.Server;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;

namespace Vigil.Web.Accounts;

/// <summary>
/// Whoever is signed in and was disabled, moved or given another password is out within a minute: on the next request, and on a page that
/// is open.
/// </summary>
internal static class Revalidation
{
    public static readonly TimeSpan Every = TimeSpan.FromMinutes(1);
    private const string Looked = ".looked";

    public static async Task ValidateAsync(CookieValidatePrincipalContext context)
    {
        var clock = context.HttpContext.RequestServices.GetRequiredService<TimeProvider>();
        var now = clock.GetUtcNow();
        if (
            context.Properties.Items.TryGetValue(Looked, out var at)
            && DateTimeOffset.TryParse(at, CultureInfo.InvariantCulture, out var looked)
            && now - looked < Every
        )
            return;
        if (await context.HttpContext.RequestServices.GetRequiredService<Accounts>().IsCurrentAsync(context.Principal!))
        {
            context.Properties.Items[Looked] = now.ToString("O", CultureInfo.InvariantCulture);
            // The end of the session stays where it was: twelve hours after signing in, whatever is done meanwhile.
            context.Properties.AllowRefresh = false;
            context.ShouldRenew = true;
            return;
        }

        context.RejectPrincipal();
        await context.HttpContext.SignOutAsync(CookieAuthenticationDefaults.AuthenticationScheme);
    }
}

/// <summary>The same for a page whose socket stays open.</summary>
internal sealed class RevalidatingCircuit(ILoggerFactory log, IServiceScopeFactory scopes, AccountsOptions options)
    : RevalidatingServerAuthenticationStateProvider(log)
{
    protected override TimeSpan RevalidationInterval => options.PagesRevalidatedEvery;

    protected override async Task<bool> ValidateAuthenticationStateAsync(
        AuthenticationState authenticationState,
        CancellationToken cancellationToken
    )
    {
        await using var scope = scopes.CreateAsyncScope();
        return await scope.ServiceProvider.GetRequiredService<Accounts>().IsCurrentAsync(authenticationState.User);
    }
}
