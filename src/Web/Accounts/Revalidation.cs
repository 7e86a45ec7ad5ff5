using System.Globalization;
using Microsoft.AspNetCore.Authentication;
using Microsoft.AspNetCore.Authentication.Cookies;
using Microsoft.AspNetCore.Components.Authorization;
using Microsoft.AspNetCore.Components.Server;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;

namespace Vigil.Web.Accounts;

/// <summary>
/// Signs people out within a minute when their account was disabled or given another role, area or password: on their next request, and on
/// pages that are open (<see cref="RevalidatingCircuit"/>).
/// </summary>
internal static class Revalidation
{
    public static readonly TimeSpan Every = TimeSpan.FromMinutes(1);
    private const string CheckedAt = ".checked";

    public static async Task ValidateAsync(CookieValidatePrincipalContext context)
    {
        var clock = context.HttpContext.RequestServices.GetRequiredService<TimeProvider>();
        var now = clock.GetUtcNow();
        if (
            context.Properties.Items.TryGetValue(CheckedAt, out var at)
            && DateTimeOffset.TryParse(at, CultureInfo.InvariantCulture, out var lastChecked)
            && now - lastChecked < Every
        )
            return;
        if (await context.HttpContext.RequestServices.GetRequiredService<Accounts>().IsCurrentAsync(context.Principal!))
        {
            context.Properties.Items[CheckedAt] = now.ToString("O", CultureInfo.InvariantCulture);
            // Renewing the cookie does not lengthen the session: it ends twelve hours after signing in.
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
