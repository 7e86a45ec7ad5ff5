using System.Globalization;
using System.Text.Encodings.Web;
using Microsoft.AspNetCore.Authentication;
using Microsoft.AspNetCore.Authentication.Cookies;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;
using Vigil.Model;
using Vigil.Storage.Records;

namespace Vigil.Web.Accounts;

/// <summary>
/// Signing in, the first administrator, one's own account. Plain pages without a live socket; GET changes nothing, so that the preview of a
/// link uses nothing up. Pages of other sites are kept out before (<see cref="HttpOptions.IsForeign"/>), and the cookie is SameSite=Strict.
/// </summary>
internal static class SignIn
{
    public static void MapSignIn(this IEndpointRouteBuilder app)
    {
        app.MapGet(
            "/signin",
            async (string? token, string? returnTo, HttpContext http, Accounts accounts, AccountsOptions options, CancellationToken c) =>
                token is not null && !await accounts.HasAdministratorAsync(c)
                    ? Page(
                        http,
                        "account.first",
                        $"<input type=hidden name=token value=\"{E(token)}\">{Name(http)}{NewPassword(http)}",
                        "account.create"
                    )
                    : Page(
                        http,
                        "signin",
                        (
                            options.Elsewhere is null
                                ? ""
                                : $"<p><a class=button href=/signin/elsewhere>{T(http, "signin.elsewhere")}</a></p>"
                        ) + $"{Return(returnTo)}{Name(http)}{Password(http)}{Code(http, false)}",
                        "signin"
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
        app.MapGet(
            "/account/password",
            (string? user, string? token, HttpContext http) =>
                Page(
                    http,
                    "account.set-password",
                    $"<input type=hidden name=user value=\"{E(user ?? "")}\"><input type=hidden name=token "
                        + $"value=\"{E(token ?? "")}\"><p>{E(user ?? "")}</p>{NewPassword(http)}",
                    "account.set-password"
                )
        );
        app.MapPost(
                "/account/password",
                async (HttpContext http, Accounts accounts, CancellationToken c) =>
                {
                    var form = await http.Request.FormOrNoneAsync(c) ?? FormCollection.Empty;
                    var wrong =
                        Twice(form)
                        ?? await accounts.SetPasswordAsync(
                            form["user"].ToString(),
                            form["token"].ToString(),
                            form["password"].ToString(),
                            c
                        );
                    return wrong is null ? Results.Redirect("/signin") : Refused(http, wrong);
                }
            )
            .DisableAntiforgery()
            .RequireRateLimiting(RequestLimits.SignIn);
        app.MapGet("/account", AccountAsync).RequireAuthorization();
        app.MapPost("/account", ChangeAsync).DisableAntiforgery().RequireAuthorization().RequireRateLimiting(RequestLimits.SignIn);
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
                return Refused(
                    http,
                    new Wording(
                        "this link was used or has expired; a restart prints a new one",
                        "此链接已使用或已过期，重启服务后会给出新的链接"
                    ),
                    StatusCodes.Status403Forbidden
                );
            if (Twice(form) is { } differ)
                return Refused(http, differ);
            if (await accounts.AddAsync(name, Roles.Administrator, "", "", password, "first start", c) is { } wrong)
                return Refused(http, wrong);
            link.Use(token);
        }

        var from = RequestLimits.Address(http);
        var browser = browsers.Find(http.Request, name);
        if (tries.Begin(name, from, browser) is { } wait)
        {
            http.Response.Headers.RetryAfter = Math.Ceiling(wait.TotalSeconds).ToString(CultureInfo.InvariantCulture);
            return Page(
                http,
                "signin",
                $"{Name(http)}{Password(http)}{Code(http, false)}",
                "signin",
                "/signin",
                "account.wait",
                StatusCodes.Status429TooManyRequests
            );
        }

        if (form["step"].ToString() is { Length: > 0 } step)
        {
            // The second of two pages: the password was right on the first.
            if (!firstSteps.Take(step, await accounts.FindAsync(name)))
                return Page(
                    http,
                    "signin",
                    $"{Return(form["returnTo"])}{Name(http)}{Password(http)}{Code(http, false)}",
                    "signin",
                    "/signin",
                    "account.too-late",
                    StatusCodes.Status401Unauthorized
                );
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
                if (form["code"].ToString().Length == 0)
                    tries.Took(name, from, browser); // the first of two pages is no wrong try
                return Page(
                    http,
                    "signin",
                    $"{Return(form["returnTo"])}<input type=hidden name=name value=\"{E(name)}\"><input type=hidden name=step "
                        + $"value=\"{E(firstSteps.Give((await accounts.FindAsync(name))!))}\">{Code(http, true)}",
                    "signin",
                    "/signin",
                    form["code"].ToString().Length > 0 ? "account.code-wrong" : null,
                    StatusCodes.Status401Unauthorized
                );
            default:
                return Page(
                    http,
                    "signin",
                    $"{Name(http)}{Password(http)}{Code(http, false)}",
                    "signin",
                    "/signin",
                    "account.wrong",
                    StatusCodes.Status401Unauthorized
                );
        }
    }

    private static async Task<IResult> AccountAsync(HttpContext http, Accounts accounts)
    {
        if (await accounts.FindAsync(http.User) is not { } user)
            return Results.Redirect("/"); // a key, or the demo: no account of its own
        using var body = new StringWriter(CultureInfo.InvariantCulture);
        body.Write($"<p><b>{E(user.UserName!)}</b> {E(T(http, "role." + user.Role))} {E(user.Area)}</p>");
        if (!user.TwoFactorEnabled)
        {
            var key = await accounts.AuthenticatorKeyAsync(user);
            var address = $"otpauth://totp/Vigil:{Uri.EscapeDataString(user.UserName!)}?secret={key}&issuer=Vigil&digits=6&period=30";
            var how = user.Role == Roles.Administrator ? "account.second-factor-needed" : "account.second-factor-how";
            var inFours = string.Join(' ', key.Chunk(4).Select(part => new string(part)));
            body.Write(
                $"<fieldset><legend>{T(http, "account.second-factor")}</legend><p>{T(http, how)}</p><p><code>{E(inFours)}</code></p><p><a "
                    + $"href=\"{E(address)}\">{T(http, "account.second-factor-open")}</a></p>{Code(http, true, required: false)}</fieldset>"
            );
        }
        else
        {
            body.Write($"<p>{T(http, "account.second-factor-on")}</p>");
        }

        body.Write(
            $"<fieldset><legend>{T(http, "account.change-password")}</legend><label>{T(http, "account.old-password")} <input "
                + $"type=password name=old autocomplete=current-password></label>{NewPassword(http, required: false)}</fieldset>"
        );
        return Page(http, "account", body.ToString(), "save", "/account");
    }

    private static async Task<IResult> ChangeAsync(HttpContext http, Accounts accounts, CancellationToken c)
    {
        if (await accounts.FindAsync(http.User) is not { } user)
            return Results.Redirect("/");
        var form = await http.Request.FormOrNoneAsync(c) ?? FormCollection.Empty;
        if (form["password"].ToString() is { Length: > 0 } password)
        {
            var wrong = Twice(form) ?? await accounts.ChangePasswordAsync(user, form["old"].ToString(), password, c);
            if (wrong is not null)
                return Refused(http, wrong);
        }

        IReadOnlyList<string>? codes = [];
        if (
            form["code"].ToString() is { Length: > 0 } code
            && !user.TwoFactorEnabled
            && (codes = await accounts.EnrolAsync(user, code, c)) is null
        )
            return Refused(http, Texts.All["account.code-wrong"]);
        await http.SignInAsync(CookieAuthenticationDefaults.AuthenticationScheme, accounts.Principal(user));
        return codes!.Count == 0
            ? Results.Redirect("/account")
            : Page(
                http,
                "account.recovery",
                $"<p>{T(http, "account.recovery-how")}</p><pre>{E(string.Join('\n', codes))}</pre>",
                "account.kept",
                "/",
                method: "get"
            );
    }

    private static Wording? Twice(IFormCollection form) =>
        form["password"] == form["again"] ? null : new Wording("the two passwords differ", "两次输入的密码不一致");

    private static string Return(string? to) =>
        LocalPath.Of(to) is { Length: > 1 } path ? $"<input type=hidden name=returnTo value=\"{E(path)}\">" : "";

    private static string Name(HttpContext http) =>
        $"<label>{T(http, "account.name")} <input name=name autocomplete=username required maxlength=64 autofocus></label>";

    private static string Password(HttpContext http) =>
        $"<label>{T(http, "account.password")} <input type=password name=password autocomplete=current-password required></label>";

    private static string NewPassword(HttpContext http, bool required = true) =>
        $"<label>{T(http, "account.new-password")} <input type=password name=password autocomplete=new-password "
        + $"minlength=12{(required ? " required" : "")}></label><label>{T(http, "account.again")} <input type=password name=again "
        + $"autocomplete=new-password minlength=12{(required ? " required" : "")}></label>";

    private static string Code(HttpContext http, bool asked, bool required = true) =>
        $"<label>{T(http, asked ? "account.code" : "account.code-if")} <input name=code inputmode=text autocomplete=one-time-code "
        + $"maxlength=20{(asked && required ? " required autofocus" : "")}></label>";

    private static IResult Refused(HttpContext http, Wording why, int status = StatusCodes.Status400BadRequest) =>
        Page(
            http,
            "signin",
            $"<p role=alert class=error>{E(why.In(Language(http)))}</p>",
            "account.back",
            "/signin",
            status: status,
            method: "get"
        );

    private static IResult Page(
        HttpContext http,
        string title,
        string body,
        string button,
        string action = "",
        string? alert = null,
        int status = StatusCodes.Status200OK,
        string method = "post"
    )
    {
        var language = Language(http);
        http.Response.Headers.CacheControl = "no-store";
        return Results.Content(
            $"""
            <!doctype html><html lang="{(
                language == "en" ? "en" : "zh-CN"
            )}"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1"><title>{T(
                http,
                title
            )} · {T(http, "title")}</title>
            <link rel="stylesheet" href="/_content/Vigil.Web/vigil.css"><link rel="icon" href="data:,"></head><body><header><h1>{T(
                http,
                "title"
            )}</h1>{OtherLanguage(http)}</header>
            <main class="narrow"><h2>{T(http, title)}</h2>{(alert is null ? "" : $"<p role=alert class=error>{T(http, alert)}</p>")}
            <form method="{method}"{(action.Length > 0 ? $" action=\"{action}\"" : "")} class="form">{body}<button class="acknowledge">{T(
                http,
                button
            )}</button></form></main></body></html>
            """,
            "text/html; charset=utf-8",
            statusCode: status
        );
    }

    private static string OtherLanguage(HttpContext http)
    {
        var (tag, address) = Language(http) == "en" ? ("zh-CN", "zh") : ("en", "en");
        return $"<a class=\"language\" lang=\"{tag}\" href=\"/language/{address}\">{T(http, "language")}</a>";
    }

    internal static string Language(HttpContext http) =>
        (http.Request.Query["lang"].FirstOrDefault() ?? http.Request.Cookies["language"]) == "en" ? "en" : "zh";

    private static string T(HttpContext http, string key) => E(Texts.Of(key, Language(http)));

    private static string E(string text) => Html.Encode(text);

    private static readonly HtmlEncoder Html = HtmlEncoder.Create(System.Text.Unicode.UnicodeRanges.All);
}
