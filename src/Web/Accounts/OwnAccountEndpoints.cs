using Microsoft.AspNetCore.Authentication;
using Microsoft.AspNetCore.Authentication.Cookies;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;
using Vigil.Model;
using Vigil.Web.Api;
using Vigil.Web.Pages.Plain;

namespace Vigil.Web.Accounts;

/// <summary>One's own account: its password, also set with a link, and its second factor.</summary>
internal static class OwnAccountEndpoints
{
    public static void MapOwnAccount(this IEndpointRouteBuilder app)
    {
        app.MapGet(
            "/account/password",
            (string? user, string? token, HttpContext http) =>
                http.Page<SetPassword>(
                    StatusCodes.Status200OK,
                    (nameof(SetPassword.User), user ?? ""),
                    (nameof(SetPassword.Token), token ?? "")
                )
        );
        app.MapPost("/account/password", SetPasswordAsync)
            .DisableAntiforgery()
            .RequireRateLimiting(RequestLimits.SignIn)
            .WithTags(ApiEndpoints.NoTag);
        app.MapGet("/account", AccountAsync).RequireAuthorization().WithTags(ApiEndpoints.NoTag);
        app.MapPost("/account", ChangeAsync)
            .DisableAntiforgery()
            .RequireAuthorization()
            .RequireRateLimiting(RequestLimits.SignIn)
            .WithTags(ApiEndpoints.NoTag);
    }

    private static async Task<IResult> SetPasswordAsync(HttpContext http, Accounts accounts, CancellationToken c)
    {
        var form = await http.Request.FormOrNoneAsync(c) ?? FormCollection.Empty;
        var wrong =
            PasswordsDiffer(form)
            ?? await accounts.SetPasswordAsync(form["user"].ToString(), form["token"].ToString(), form["password"].ToString(), c);
        return wrong is null ? Results.Redirect("/signin") : http.Refused(wrong);
    }

    private static async Task<IResult> AccountAsync(HttpContext http, Accounts accounts) =>
        await accounts.FindAsync(http.User) is not { } user
            ? Results.Redirect("/") // an API key, single sign-on and the demo have no account here
            : http.Page<OwnAccount>(
                StatusCodes.Status200OK,
                (nameof(OwnAccount.User), user),
                (nameof(OwnAccount.Key), user.TwoFactorEnabled ? null : await accounts.SecondFactors.KeyAsync(user))
            );

    private static async Task<IResult> ChangeAsync(HttpContext http, Accounts accounts, CancellationToken c)
    {
        if (await accounts.FindAsync(http.User) is not { } user)
            return Results.Redirect("/");
        var form = await http.Request.FormOrNoneAsync(c) ?? FormCollection.Empty;
        if (form["password"].ToString() is { Length: > 0 } password)
        {
            var wrong = PasswordsDiffer(form) ?? await accounts.ChangePasswordAsync(user, form["old"].ToString(), password, c);
            if (wrong is not null)
                return http.Refused(wrong);
        }

        IReadOnlyList<string>? codes = [];
        if (
            form["code"].ToString() is { Length: > 0 } code
            && !user.TwoFactorEnabled
            && (codes = await accounts.SecondFactors.EnrolAsync(user, code, c)) is null
        )
            return http.Refused(Texts.All["account.code-wrong"]);
        await http.SignInAsync(CookieAuthenticationDefaults.AuthenticationScheme, accounts.Principal(user));
        return codes!.Count == 0
            ? Results.Redirect("/account")
            : http.Page<RecoveryCodes>(StatusCodes.Status200OK, (nameof(RecoveryCodes.Codes), codes));
    }

    /// <summary>What is wrong when a new password was typed two different ways; null when it was typed alike.</summary>
    internal static Wording? PasswordsDiffer(IFormCollection form) =>
        form["password"] == form["again"] ? null : new Wording("the two passwords differ", "两次输入的密码不一致");

    /// <summary>A page that says why, with a way back to the sign-in.</summary>
    internal static IResult Refused(this HttpContext http, Wording why, int status = StatusCodes.Status400BadRequest) =>
        http.Page<RefusedPage>(status, (nameof(RefusedPage.Why), why));
}
