using System.Net;
using System.Security.Cryptography;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Hosting;
using Microsoft.AspNetCore.Http;
using Microsoft.Extensions.Logging;
using Microsoft.IdentityModel.JsonWebTokens;
using Microsoft.IdentityModel.Tokens;
using Vigil.Web.Accounts;
using static Vigil.Tests.Web.Running;

namespace Vigil.Tests.Web;

/// <summary>
/// Signing in with an organisation's accounts, with a small issuer on loopback that follows OpenID Connect Core and PKCE.
/// </summary>
[Trait("Category", "Server")]
public sealed class SingleSignOnTests
{
    [Theory]
    [InlineData("duty", "4419", HttpStatusCode.OK, "王秀英", "李桂兰")]
    [InlineData("duty", null, HttpStatusCode.OK, "residents", "王秀英")] // without an area nothing is shown
    [InlineData("janitor", "4419", HttpStatusCode.Forbidden, "vigil_role", "王秀英")]
    public async Task Role_and_area_come_from_the_issuer_and_who_has_none_does_not_get_in(
        string role,
        string? area,
        HttpStatusCode status,
        string shows,
        string hides
    )
    {
        await using var issuer = await IssuerAsync(role, area);
        await using var server = await ConsoleServer.StartAsync(
            accounts: new AccountsOptions(true, new SingleSignOn(issuer.Urls.First(), "vigil", "secret"))
        );
        var cookies = new CookieContainer();
        using var client = new HttpClient(new SocketsHttpHandler { AllowAutoRedirect = false, CookieContainer = cookies })
        {
            BaseAddress = server.Url,
        };
        Assert.Contains("/signin/elsewhere", await client.GetStringAsync("/signin", Token), StringComparison.Ordinal);
        using var away = await client.GetAsync("/signin/elsewhere", Token);
        using var back = await client.GetAsync(away.Headers.Location, Token);
        using var landed = await client.GetAsync(back.Headers.Location, Token);
        Assert.True(landed.StatusCode == status, await landed.Content.ReadAsStringAsync(Token));
        if (status != HttpStatusCode.OK)
        {
            Assert.Contains(shows, await landed.Content.ReadAsStringAsync(Token), StringComparison.Ordinal);
            Assert.Equal(HttpStatusCode.Unauthorized, (await client.GetAsync("/api/v1/residents", Token)).StatusCode);
            return;
        }

        Assert.Contains("samesite=strict", string.Join(' ', landed.Headers.GetValues("Set-Cookie")), StringComparison.OrdinalIgnoreCase);
        var page = WebUtility.HtmlDecode(await client.GetStringAsync("/residents", Token));
        Assert.Contains(shows, page, StringComparison.Ordinal);
        Assert.DoesNotContain(hides, page, StringComparison.Ordinal);
        Assert.Equal(HttpStatusCode.Forbidden, (await client.GetAsync("/api/v1/users", Token)).StatusCode);
        // The same answer a second time: its state has been used.
        using var replayed = await client.GetAsync(back.Headers.Location, Token);
        Assert.Equal(HttpStatusCode.Forbidden, replayed.StatusCode);
    }

    /// <summary>The way back starts on the issuer's site, so the browser sends Lax cookies, but no Strict ones.</summary>
    [Fact]
    public async Task Whoever_chose_English_comes_back_from_the_issuer_to_an_English_page()
    {
        await using var issuer = await IssuerAsync("janitor", "4419");
        await using var server = await ConsoleServer.StartAsync(
            accounts: new AccountsOptions(true, new SingleSignOn(issuer.Urls.First(), "vigil", "secret"))
        );
        using var client = new HttpClient(new SocketsHttpHandler { AllowAutoRedirect = false, CookieContainer = new CookieContainer() })
        {
            BaseAddress = server.Url,
        };
        using var chosen = await client.GetAsync("/language/en", Token);
        Assert.Contains("samesite=lax", Assert.Single(chosen.Headers.GetValues("Set-Cookie")), StringComparison.OrdinalIgnoreCase);
        using var away = await client.GetAsync("/signin/elsewhere", Token);
        using var back = await client.GetAsync(away.Headers.Location, Token);
        using var landed = await client.GetAsync(back.Headers.Location, Token);
        Assert.Contains("Your organisation's account has no role", await TextAsync(landed), StringComparison.Ordinal);

        static async Task<string> TextAsync(HttpResponseMessage answer) =>
            WebUtility.HtmlDecode(await answer.Content.ReadAsStringAsync(Token));
    }

    internal static async Task<WebApplication> IssuerAsync(string role, string? area)
    {
        var key = new RsaSecurityKey(RSA.Create(2048)) { KeyId = "k1" };
        var builder = WebApplication.CreateSlimBuilder();
        builder.Logging.ClearProviders();
        builder.WebHost.ConfigureKestrel(k => k.Listen(IPAddress.Loopback, 0));
        var app = builder.Build();
        var (nonce, challenge) = ("", "");
        string Self() => app.Urls.First();
        app.MapGet(
            "/.well-known/openid-configuration",
            () =>
                new
                {
                    issuer = Self(),
                    authorization_endpoint = Self() + "/authorize",
                    token_endpoint = Self() + "/token",
                    jwks_uri = Self() + "/keys",
                }
        );
        app.MapGet(
            "/keys",
            () =>
                new
                {
                    keys = new[]
                    {
                        new
                        {
                            kty = "RSA",
                            kid = "k1",
                            use = "sig",
                            alg = "RS256",
                            n = Base64UrlEncoder.Encode(key.Rsa.ExportParameters(false).Modulus),
                            e = Base64UrlEncoder.Encode(key.Rsa.ExportParameters(false).Exponent),
                        },
                    },
                }
        );
        app.MapGet(
            "/authorize",
            (HttpRequest asked) =>
            {
                (nonce, challenge) = (asked.Query["nonce"].ToString(), asked.Query["code_challenge"].ToString());
                return Results.Redirect(
                    $"{asked.Query["redirect_uri"]}?code=c1&state={Uri.EscapeDataString(asked.Query["state"].ToString())}"
                );
            }
        );
        app.MapPost(
            "/token",
            async (HttpRequest asked) =>
            {
                var form = await asked.ReadFormAsync(Token);
                if (
                    form["code"] != "c1"
                    || form["client_secret"] != "secret"
                    || Base64UrlEncoder.Encode(SHA256.HashData(System.Text.Encoding.ASCII.GetBytes(form["code_verifier"].ToString())))
                        != challenge
                )
                    return Results.BadRequest();
                var claims = new Dictionary<string, object>
                {
                    ["sub"] = "u1",
                    ["preferred_username"] = "li",
                    ["nonce"] = nonce,
                    ["vigil_role"] = role,
                };
                if (area is not null)
                    claims["vigil_area"] = area;
                var token = new JsonWebTokenHandler().CreateToken(
                    new SecurityTokenDescriptor
                    {
                        Issuer = Self(),
                        Audience = "vigil",
                        Claims = claims,
                        Expires = TimeProvider.System.GetUtcNow().UtcDateTime.AddMinutes(5),
                        SigningCredentials = new SigningCredentials(key, SecurityAlgorithms.RsaSha256),
                    }
                );
                return Results.Json(
                    new
                    {
                        id_token = token,
                        access_token = "a",
                        token_type = "Bearer",
                        expires_in = 300,
                    }
                );
            }
        );
        await app.StartAsync(Token);
        return app;
    }
}
