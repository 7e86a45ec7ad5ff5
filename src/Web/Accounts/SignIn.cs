using System.Globalization;
using Microsoft.AspNetCore.Authentication;
using Microsoft.AspNetCore.Authentication.Cookies;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;
using Vigil.Model;
using Vigil.Storage.Records;
using Vigil.Web.Pages.Plain;

namespace Vigil.Web.Accounts;

/// <summary>
/// Signing in and out, and the first administrator. Plain pages without a live socket. GET changes nothing, so that an app that previews a
/// link doesn't use it up. Requests of other sites' pages are refused earlier (<see cref="HttpOptions.IsForeign"/>), and the cookie is
/// SameSite=Strict.
/// </summary>
internal static class SignIn
{
    public static void MapSignIn(this IEndpointRouteBuilder app)
    {
        app.MapGet(
            "/signin",
            async (string? token, string? returnTo, HttpContext http, Accounts accounts, AccountsOptions options, CancellationToken c) =>
                token is not null && !await accounts.HasAdministratorAsync(c)
                    ? http.Page<FirstAdministrator>(StatusCodes.Status200OK, (nameof(FirstAdministrator.Token), token))
                    : http.Page<SignInPage>(
                        StatusCodes.Status200OK,
                        (nameof(SignInPage.ReturnTo), returnTo),
                        (nameof(SignInPage.SingleSignOn), options.SingleSignOn is not null)
                    )
        );
        app.MapPost("/signin", SignInAsync).DisableAntiforgery().RequireRateLimiting(RequestLimits.SignIn);
        app.MapPost(
                "/signout",
                async (HttpContext http) =>
                {
                    await http.SignOutAsync(CookieAuthenticationDefaults.AuthenticationScheme);
                    return Results.Redirect("/signin");
                }
            )
            .DisableAntiforgery();
    }

    private static async Task<IResult> SignInAsync(
        HttpContext http,
        SignInLink link,
        Accounts accounts,
        SignInTries tries,
        KnownBrowsers browsers,
        FirstSteps firstSteps,
        CancellationToken c
    )
    {
        var form = await http.Request.FormOrNoneAsync(c) ?? FormCollection.Empty;
        var (name, password) = (form["name"].ToString().Trim(), (string?)form["password"].ToString());
        if (form["token"].ToString() is { Length: > 0 } token)
        {
            if (await accounts.HasAdministratorAsync(c) || !link.Fits(token))
                return http.Refused(
                    new Wording(
                        "this link was used or has expired; a restart prints a new one",
                        "此链接已使用或已过期，重启服务后会给出新的链接"
                    ),
                    StatusCodes.Status403Forbidden
                );
            if (OwnAccountEndpoints.PasswordsDiffer(form) is { } differ)
                return http.Refused(differ);
            if (await accounts.AddAsync(name, Roles.Administrator, "", "", password, "first start", c) is { } wrong)
                return http.Refused(wrong);
            link.Use(token);
        }

        var from = RequestLimits.Address(http);
        var browser = browsers.Find(http.Request, name);
        if (tries.Begin(name, from, browser) is { } wait)
        {
            http.Response.Headers.RetryAfter = Math.Ceiling(wait.TotalSeconds).ToString(CultureInfo.InvariantCulture);
            return Again(http, "account.wait", StatusCodes.Status429TooManyRequests);
        }

        if (form["step"].ToString() is { Length: > 0 } step)
        {
            // The second of two pages: the password was right on the first.
            if (!firstSteps.Take(step, await accounts.FindAsync(name)))
                return Again(http, "account.too-late", StatusCodes.Status401Unauthorized, form["returnTo"]);
            password = null;
        }

        var (result, who) = await accounts.SignInAsync(name, password, form["code"].ToString(), from, c);
        switch (result)
        {
            case SignInResult.In:
                tries.Succeeded(name, from, browser);
                browsers.Remember(http, name, browser);
                await http.SignInAsync(CookieAuthenticationDefaults.AuthenticationScheme, who!);
                return Results.Redirect(!who!.HasClaim(x => x.Type == "scope") ? "/account" : LocalPath.Of(form["returnTo"]));
            case SignInResult.CodeNeeded:
                var first = form["code"].ToString().Length == 0;
                if (first)
                    tries.TakeBack(name, from, browser); // the password was right
                return http.Page<CodePage>(
                    StatusCodes.Status401Unauthorized,
                    (nameof(CodePage.Name), name),
                    (nameof(CodePage.Step), firstSteps.Give((await accounts.FindAsync(name))!)),
                    (nameof(CodePage.ReturnTo), form["returnTo"].ToString()),
                    (nameof(CodePage.Alert), first ? null : "account.code-wrong")
                );
            default:
                return Again(http, "account.wrong", StatusCodes.Status401Unauthorized);
        }
    }

    private static IResult Again(HttpContext http, string alert, int status, string? returnTo = null) =>
        http.Page<SignInPage>(status, (nameof(SignInPage.Alert), alert), (nameof(SignInPage.ReturnTo), returnTo));
}
