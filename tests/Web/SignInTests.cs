using System.Net;
using Microsoft.AspNetCore.DataProtection;
using Microsoft.AspNetCore.Identity;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Time.Testing;
using Vigil.Model;
using Vigil.Storage.Records;
using Vigil.Web;
using Vigil.Web.Accounts;
using static Vigil.Tests.Web.Running;
using SignInResult = Vigil.Web.Accounts.SignInResult;

namespace Vigil.Tests.Web;

/// <summary>
/// Guessing passwords is slowed down, and never locks the duty desk out. Addresses are those that a proxy on loopback reports.
/// </summary>
[Trait("Category", "Server")]
public sealed class SignInTests
{
    private const string Password = "correct horse battery",
        Desk = "198.51.100.10",
        Attacker = "203.0.113.66";

    private static readonly HttpOptions BehindProxy = new() { KnownProxies = [IPNetwork.Parse("127.0.0.0/8")] };

    [Fact]
    public async Task Whoever_guesses_waits_and_the_person_whose_name_it_is_signs_in_all_the_same()
    {
        await using var server = await StartAsync(BehindProxy);
        using var client = Client(server);
        using var usual = await TryAsync(client, "li", Password, Desk);
        var known = Assert.Single(usual.Headers.GetValues("Set-Cookie"), c => c.StartsWith("vigil-known-", StringComparison.Ordinal));
        Assert.Contains("httponly", known, StringComparison.OrdinalIgnoreCase);
        for (var i = 0; i < SignInTries.Free; i++)
            Assert.Equal(HttpStatusCode.Unauthorized, (await TryAsync(client, "li", "guess", Attacker)).StatusCode);
        using var slowed = await TryAsync(client, "li", Password, Attacker);
        Assert.Equal(HttpStatusCode.TooManyRequests, slowed.StatusCode);
        Assert.InRange(slowed.Headers.RetryAfter!.Delta!.Value, TimeSpan.FromSeconds(1), SignInTries.FirstWait);

        Assert.Equal(HttpStatusCode.Redirect, (await TryAsync(client, "li", Password, Desk)).StatusCode); // from the desk's usual address
        Assert.Equal(HttpStatusCode.Redirect, (await TryAsync(client, "li", Password, "192.0.2.1")).StatusCode); // from any other address
        // Even when the attacker has the desk's address, the desk's browser has a count of its own.
        for (var i = 0; i < SignInTries.Free; i++)
            (await TryAsync(client, "li", "guess", "192.0.2.1")).Dispose();
        Assert.Equal(HttpStatusCode.TooManyRequests, (await TryAsync(client, "li", Password, "192.0.2.1")).StatusCode);
        Assert.Equal(HttpStatusCode.Redirect, (await TryAsync(client, "li", Password, "192.0.2.1", known.Split(';')[0])).StatusCode);
        // The cookie is valid only for this name, and a forged one for nobody.
        Assert.Equal(
            HttpStatusCode.TooManyRequests,
            (await TryAsync(client, "li", Password, "192.0.2.1", known.Split('=')[0] + "=CfDJ8forged")).StatusCode
        );
    }

    [Fact]
    public async Task A_name_that_exists_and_one_that_does_not_get_the_same_answers_and_leave_the_same_trace()
    {
        await using var server = await StartAsync(BehindProxy);
        using var client = Client(server);
        var (here, nobody) = (new List<string>(), new List<string>());
        for (var i = 0; i < SignInTries.Free + 2; i++)
        {
            here.Add(await SaidAsync(await TryAsync(client, "li", "wrong", "192.0.2.7")));
            nobody.Add(await SaidAsync(await TryAsync(client, "no-such-name", "wrong", "192.0.2.8")));
        }

        Assert.Equal(here, nobody);
        Assert.StartsWith("429", here[^1], StringComparison.Ordinal);
        await using var db = await server.Records.CreateDbContextAsync(Token);
        Assert.Equal(SignInTries.Free, await db.Audit.CountAsync(a => a.Action == "sign-in refused" && a.Subject == "user:li", Token));
        Assert.Equal(SignInTries.Free, await db.Audit.CountAsync(a => a.Action == "sign-in refused" && a.Subject == "user:?", Token));
        Assert.False(await db.Audit.AnyAsync(a => a.Who.Contains("no-such-name") || a.Detail.Contains("no-such-name"), Token));
    }

    /// <summary>Counted, not timed: the slow part is the hash of the password, and each try calculates one.</summary>
    [Fact]
    public async Task A_name_that_exists_and_one_that_does_not_cost_the_same_work()
    {
        await using var server = await StartAsync(BehindProxy);
        await using var scope = server.Services.CreateAsyncScope();
        var (accounts, users) = (
            scope.ServiceProvider.GetRequiredService<Accounts>(),
            scope.ServiceProvider.GetRequiredService<UserManager<User>>()
        );
        foreach (var name in new[] { "unset", "gone" })
            Assert.Null(await accounts.AddAsync(name, Roles.Duty, "", "", name == "gone" ? Password : null, "test", Token));
        await accounts.ChangeAsync((await accounts.FindAsync("gone"))!, "test", "disabled", u => u.Disabled = true, Token);
        var hashes = new Counted(users.PasswordHasher);
        users.PasswordHasher = hashes;
        foreach (
            var (name, password) in new[]
            {
                ("li", "wrong"),
                ("no-such-name", "wrong"),
                ("unset", "wrong"),
                ("gone", Password),
                ("", "wrong"),
                (new string('x', 65), "wrong"),
            }
        )
        {
            var (before, rows) = (hashes.Checks, await RowsAsync());
            Assert.Equal(Vigil.Web.Accounts.SignInResult.Wrong, (await accounts.SignInAsync(name, password, "", "", Token)).Result);
            Assert.Equal((name, 1, 1), (name, hashes.Checks - before, await RowsAsync() - rows));
        }

        async Task<int> RowsAsync()
        {
            await using var db = await server.Records.CreateDbContextAsync(Token);
            return await db.Audit.CountAsync(a => a.Action == "sign-in refused", Token);
        }
    }

    private sealed class Counted(IPasswordHasher<User> inner) : IPasswordHasher<User>
    {
        public int Checks { get; private set; }

        public string HashPassword(User user, string password) => inner.HashPassword(user, password);

        public PasswordVerificationResult VerifyHashedPassword(User user, string hashedPassword, string providedPassword)
        {
            Checks++;
            return inner.VerifyHashedPassword(user, hashedPassword, providedPassword);
        }
    }

    [Fact]
    public async Task The_limit_counts_the_address_that_a_known_proxy_reports_and_nobody_elses_word()
    {
        await using var behind = await StartAsync(BehindProxy);
        using var client = Client(behind);
        for (var i = 0; i < 25; i++)
            Assert.Equal(HttpStatusCode.Unauthorized, (await TryAsync(client, $"n{i}", "x", $"192.0.2.{i}")).StatusCode);
        await using var direct = await StartAsync(null);
        using var stranger = Client(direct);
        var last = HttpStatusCode.OK;
        for (var i = 0; i < 25; i++)
            last = (await TryAsync(stranger, $"n{i}", "x", $"192.0.2.{i}")).StatusCode;
        Assert.Equal(HttpStatusCode.TooManyRequests, last);
        await using var db = await direct.Records.CreateDbContextAsync(Token);
        Assert.All(
            await db.Audit.Where(a => a.Action == "sign-in refused").Select(a => a.Detail).ToListAsync(Token),
            d => Assert.EndsWith("from 127.0.0.1", d, StringComparison.Ordinal)
        );
    }

    [Theory]
    [InlineData("10.0.0.0/8, 192.0.2.4;2001:db8::/32", 3, 0)]
    [InlineData("proxy.example", 0, 1)]
    [InlineData("10.0.0.0/40", 0, 1)]
    public void Known_proxies_are_addresses_and_networks(string text, int known, int wrong)
    {
        var problems = new List<Problem>();
        var configuration = new Microsoft.Extensions.Configuration.ConfigurationManager { ["Http:KnownProxies"] = text };
        Assert.Equal((known, wrong), (HttpOptions.Read(configuration, problems).KnownProxies.Count, problems.Count));
    }

    /// <summary>One client for many people's browsers: it keeps no cookies.</summary>
    private static HttpClient Client(ConsoleServer server) =>
        new(new SocketsHttpHandler { AllowAutoRedirect = false, UseCookies = false }) { BaseAddress = server.Url };

    private static async Task<ConsoleServer> StartAsync(HttpOptions? http)
    {
        var server = await ConsoleServer.StartAsync(http: http);
        await using var scope = server.Services.CreateAsyncScope();
        Assert.Null(await scope.ServiceProvider.GetRequiredService<Accounts>().AddAsync("li", Roles.Duty, "", "", Password, "test", Token));
        return server;
    }

    private static async Task<HttpResponseMessage> TryAsync(
        HttpClient client,
        string name,
        string password,
        string from,
        string? cookie = null
    )
    {
        using var request = new HttpRequestMessage(HttpMethod.Post, "/signin")
        {
            Content = new FormUrlEncodedContent([new("name", name), new("password", password)]),
        };
        request.Headers.Add("X-Forwarded-For", from);
        if (cookie is not null)
            request.Headers.Add("Cookie", cookie);
        return await client.SendAsync(request, Token);
    }

    private static async Task<string> SaidAsync(HttpResponseMessage answer)
    {
        var headers = answer
            .Headers.Where(h => h.Key is not ("Date" or "Retry-After"))
            .Select(h => $"{h.Key}: {string.Join(',', h.Value)}")
            .Order(StringComparer.Ordinal);
        return $"{(int)answer.StatusCode} {string.Join('|', headers)} {await answer.Content.ReadAsStringAsync(Token)}";
    }
}

public sealed class FirstStepsTests
{
    [Fact]
    public void A_first_step_serves_its_account_as_it_was_once_and_for_two_minutes()
    {
        var clock = new FakeTimeProvider();
        var steps = new FirstSteps(new EphemeralDataProtectionProvider(), clock);
        var (li, chen) = (User("a"), User("a"));
        var step = steps.Give(li);
        Assert.False(steps.Take(step, chen));
        Assert.False(steps.Take(step, null));
        Assert.True(steps.Take(step, li));
        Assert.False(steps.Take(step, li));
        step = steps.Give(li);
        li.SecurityStamp = "b"; // as after the password was changed
        Assert.False(steps.Take(step, li));
        step = steps.Give(li);
        clock.Advance(FirstSteps.Kept);
        Assert.True(steps.Take(step, li));
        step = steps.Give(li);
        clock.Advance(FirstSteps.Kept + TimeSpan.FromSeconds(1));
        Assert.False(steps.Take(step, li));

        static User User(string stamp) =>
            new()
            {
                Id = Guid.NewGuid(),
                Role = Roles.Duty,
                Area = "",
                SecurityStamp = stamp,
            };
    }
}

public sealed class SignInTriesTests
{
    private readonly FakeTimeProvider clock = new();
    private readonly SignInTries tries;
    private readonly Troubles troubles;

    public SignInTriesTests()
    {
        troubles = new Troubles(clock);
        tries = new SignInTries(clock, new ServiceCollection().AddSingleton(troubles).BuildServiceProvider());
    }

    [Fact]
    public void Each_wait_is_twice_as_long_as_the_one_before_up_to_a_quarter_of_an_hour_and_an_hour_forgives()
    {
        for (var i = 0; i < SignInTries.Free; i++)
            Assert.Null(tries.Begin("li", "a", null));
        foreach (var wait in new[] { 15, 30, 60, 120, 240, 480, 900, 900 })
        {
            Assert.Equal(TimeSpan.FromSeconds(wait), tries.Begin("LI", "a", null)); // in upper or lower case
            clock.Advance(TimeSpan.FromSeconds(wait));
            Assert.Null(tries.Begin("li", "a", null));
        }

        clock.Advance(SignInTries.Forgotten);
        for (var i = 0; i < SignInTries.Free; i++)
            Assert.Null(tries.Begin("li", "a", null));
    }

    [Fact]
    public void A_net_of_many_addresses_is_slowed_down_and_told_and_who_is_known_is_not()
    {
        tries.Succeeded("li", "desk", null);
        for (var i = 0; i < SignInTries.FreeOfStrangers; i++)
            Assert.Null(tries.Begin("li", $"{i}", null));
        Assert.NotNull(tries.Begin("li", "another", null));
        Assert.Null(tries.Begin("li", "desk", null));
        Assert.Null(tries.Begin("li", "another", "browser:1"));
        Assert.Null(tries.Begin("chen", "another", null));
        Assert.Equal("sign-ins", Assert.Single(troubles.Now).Case);
    }

    [Fact]
    public void A_flood_of_made_up_names_takes_no_more_memory_than_it_may()
    {
        for (var i = 0; i < 120_000; i++)
            tries.Begin($"n{i}", "a", "browser:1");
        Assert.True(tries.Counted <= 50_000);
    }

    [Theory]
    [InlineData(null)]
    [InlineData("")]
    [InlineData("//evil.example")]
    [InlineData("/\\evil.example")]
    [InlineData("/\t/evil.example")]
    [InlineData("/a\r\nSet-Cookie: x=1")]
    [InlineData("https://evil.example/")]
    [InlineData("javascript:alert(1)")]
    [InlineData("/a\u2028b")]
    public void What_is_no_path_of_ours_leads_to_the_board(string? to) => Assert.Equal("/", LocalPath.Of(to));

    [Theory]
    [InlineData("/alarms/1?x=2#y")]
    [InlineData("/residents/R%2F1")]
    [InlineData("/@evil.example")]
    public void A_path_of_ours_is_followed(string to) => Assert.Equal(to, LocalPath.Of(to));
}
