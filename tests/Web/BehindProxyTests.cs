using System.Net;
using System.Net.WebSockets;
using Microsoft.Extensions.DependencyInjection;
using Vigil.Storage.Records;
using Vigil.Web;
using Vigil.Web.Accounts;
using static Vigil.Tests.Web.Running;

namespace Vigil.Tests.Web;

/// <summary>Behind a proxy that ends TLS; and what pages of other sites may do.</summary>
[Trait("Category", "Server")]
public sealed class BehindProxyTests
{
    private const string Password = "correct horse battery";

    [Theory]
    [InlineData("https://vigil.example", null, null, true)]
    [InlineData(null, "127.0.0.1/32", "https", true)]
    [InlineData(null, "127.0.0.1/32", null, false)]
    [InlineData(null, "10.0.0.0/8", "https", false)] // the client is not one of the configured proxies
    [InlineData(null, null, "https", false)]
    public async Task Behind_TLS_every_cookie_is_secure_and_browsers_are_told_to_come_back_over_TLS(
        string? url,
        string? proxy,
        string? proto,
        bool secure
    )
    {
        await using var server = await ConsoleServer.StartAsync(
            http: new HttpOptions
            {
                PublicUrl = url is null ? null : new Uri(url),
                KnownProxies = proxy is null ? [] : [IPNetwork.Parse(proxy)],
            }
        );
        await AddAsync(server);
        using var client = await server.ClientAsync(null);
        using var request = new HttpRequestMessage(HttpMethod.Post, "/signin")
        {
            Content = new FormUrlEncodedContent([new("name", "li"), new("password", Password)]),
        };
        if (proto is not null)
            request.Headers.Add("X-Forwarded-Proto", proto);
        using var answer = await client.SendAsync(request, Token);
        Assert.Equal(HttpStatusCode.Redirect, answer.StatusCode);
        var cookies = answer.Headers.GetValues("Set-Cookie").ToList();
        Assert.Equal(2, cookies.Count);
        Assert.All(
            cookies,
            c => Assert.Equal(secure, c.Split(';').Any(part => part.Trim().Equals("secure", StringComparison.OrdinalIgnoreCase)))
        );
        Assert.Equal(secure, answer.Headers.Contains("Strict-Transport-Security"));
        Assert.Equal("/", answer.Headers.Location!.OriginalString);
    }

    [Fact]
    public async Task The_issuer_sends_people_back_to_the_public_address()
    {
        await using var issuer = await SingleSignOnTests.IssuerAsync("duty", "4419");
        await using var server = await ConsoleServer.StartAsync(
            accounts: new AccountsOptions(true, new SingleSignOn(issuer.Urls.First(), "vigil", "secret")),
            http: new HttpOptions { PublicUrl = new Uri("https://vigil.example/") }
        );
        using var client = await server.ClientAsync(null);
        using var away = await client.GetAsync("/signin/elsewhere", Token);
        Assert.Equal(
            "https://vigil.example/signin/oidc",
            System.Web.HttpUtility.ParseQueryString(away.Headers.Location!.Query)["redirect_uri"]
        );
        Assert.All(away.Headers.GetValues("Set-Cookie"), c => Assert.Contains("secure", c, StringComparison.OrdinalIgnoreCase));
    }

    [Fact]
    public async Task The_pages_socket_opens_for_who_is_signed_in_and_for_pages_of_this_site_alone()
    {
        await using var server = await ConsoleServer.StartAsync(http: new HttpOptions { PublicUrl = new Uri("http://vigil.example") });
        await AddAsync(server);
        using var client = await server.ClientAsync(null);
        using var signedIn = await client.PostAsync(
            "/signin",
            new FormUrlEncodedContent([new("name", "li"), new("password", Password)]),
            Token
        );
        var cookie = ConsoleServer.CookieOf(signedIn);
        var own = server.Url.GetLeftPart(UriPartial.Authority);
        Assert.Equal(HttpStatusCode.SwitchingProtocols, await OpenAsync(own, cookie));
        Assert.Equal(HttpStatusCode.SwitchingProtocols, await OpenAsync("http://vigil.example", cookie));
        Assert.Equal(HttpStatusCode.Forbidden, await OpenAsync("http://evil.example", cookie));
        Assert.Equal(HttpStatusCode.Forbidden, await OpenAsync("null", cookie));
        Assert.Equal(HttpStatusCode.Forbidden, await OpenAsync(null, cookie));
        Assert.Equal(HttpStatusCode.Unauthorized, await OpenAsync(own, null));

        async Task<HttpStatusCode> OpenAsync(string? origin, string? with)
        {
            using var socket = new ClientWebSocket();
            socket.Options.CollectHttpResponseDetails = true;
            if (origin is not null)
                socket.Options.SetRequestHeader("Origin", origin);
            if (with is not null)
                socket.Options.SetRequestHeader("Cookie", with);
            try
            {
                await socket.ConnectAsync(new UriBuilder(server.Url) { Scheme = "ws", Path = "/_blazor" }.Uri, Token);
            }
            catch (WebSocketException)
            {
                // the status code tells why
            }

            return socket.HttpStatusCode;
        }
    }

    [Fact]
    public async Task A_contacts_page_that_is_asked_for_too_often_says_when_to_come_back_and_a_right_link_still_opens()
    {
        await using var server = await ConsoleServer.StartAsync();
        var alarm = await server.RaiseAsync("R-here", Vigil.Model.AlarmKind.Sos);
        var link = await server.LinkAsync(alarm.Id);
        using var client = await server.ClientAsync(null);
        for (var i = 0; i < 60; i++)
            Assert.Equal(HttpStatusCode.NotFound, (await client.GetAsync($"/c/guess{i}", Token)).StatusCode);
        using var guess = await client.GetAsync("/c/guess", Token);
        Assert.Equal(HttpStatusCode.TooManyRequests, guess.StatusCode);
        Assert.InRange(guess.Headers.RetryAfter!.Delta!.Value, TimeSpan.FromSeconds(1), TimeSpan.FromSeconds(60));
        using var right = await client.GetAsync(link, Token);
        Assert.Equal(HttpStatusCode.OK, right.StatusCode);
        Assert.Equal(
            ("no-store", "no-referrer"),
            (right.Headers.CacheControl?.ToString(), right.Headers.GetValues("Referrer-Policy").Single())
        );
        for (var i = 1; i < 30; i++)
            (await client.GetAsync(link, Token)).Dispose();
        using var hammered = await client.PostAsync(link, null, Token);
        Assert.Equal(HttpStatusCode.TooManyRequests, hammered.StatusCode);
        using var cut = await client.GetAsync(link[..^2] + "xx", Token);
        Assert.True(cut.StatusCode is HttpStatusCode.NotFound or HttpStatusCode.TooManyRequests);
    }

    [Fact]
    public async Task Who_takes_sheets_away_by_the_dozen_is_stopped_and_still_reads()
    {
        await using var server = await ConsoleServer.StartAsync();
        using var client = await server.ClientAsync("read");
        for (var i = 0; i < RequestLimits.ExportsAnHour; i++)
            Assert.Equal(HttpStatusCode.OK, (await client.GetAsync("/api/v1/visits?format=csv", Token)).StatusCode);
        using var more = await client.GetAsync("/api/v1/alarms?format=xlsx", Token);
        Assert.Equal(HttpStatusCode.TooManyRequests, more.StatusCode);
        Assert.NotNull(more.Headers.RetryAfter?.Delta);
        Assert.Equal(HttpStatusCode.OK, (await client.GetAsync("/api/v1/visits", Token)).StatusCode);
    }

    private static async Task AddAsync(ConsoleServer server)
    {
        await using var scope = server.Services.CreateAsyncScope();
        Assert.Null(await scope.ServiceProvider.GetRequiredService<Accounts>().AddAsync("li", Roles.Duty, "", "", Password, "test", Token));
    }
}
