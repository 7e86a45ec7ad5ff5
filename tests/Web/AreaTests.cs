using System.Net;
using System.Net.Http.Json;
using System.Reflection;
using System.Text;
using System.Text.Json;
using System.Text.RegularExpressions;
using Microsoft.AspNetCore.Components;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.DependencyInjection;
using Vigil.Model;
using Vigil.Storage.Records;
using Vigil.Web.Pages;
using static Vigil.Tests.Web.Running;

namespace Vigil.Tests.Web;

/// <summary>An account of one county sees nothing of another county, on no page and in no answer of the API.</summary>
[Trait("Category", "Server")]
public sealed class AreaTests : IAsyncLifetime
{
    /// <summary>Text that only the other county has; no address that is requested contains any of it.</summary>
    private static readonly string[] Marks = ["李桂兰", "meter-R-there", "yonder"];

    /// <summary>Addresses that show nothing about a home to anybody.</summary>
    private static readonly string[] OfNobody =
    [
        "/registry",
        "/rules",
        "/decode",
        "/api/v1/rules",
        "/api/v1/scripts",
        "/api/v1/devices/lamp/latest", // it has not sent anything
        "/search",
        "/api/v1/search",
        "/api/v1/protection",
        "/api/v1/registry/template",
        "/api/v1/registry/problems", // nobody has checked a file
        "/residents/new",
        "/people/visitors",
        "/people/officers",
    ];

    private readonly Guid visit = Guid.NewGuid(),
        webhook = Guid.NewGuid();
    private ConsoleServer server = null!;
    private Alarm alarm = null!;

    public async ValueTask InitializeAsync()
    {
        server = await ConsoleServer.StartAsync();
        await FillAsync();
        alarm = await server.RaiseAsync("R-there", AlarmKind.Sos, "pressed yonder");
        await server.LinkAsync(alarm.Id);
        await server.Desk.TakeInHandAsync(alarm.Id, "duty:d-there", "", Token); // asks for a visit
    }

    public ValueTask DisposeAsync() => server.DisposeAsync();

    [Fact]
    public async Task Every_page_shows_an_officer_the_own_area_alone()
    {
        var pages = typeof(App)
            .Assembly.GetTypes()
            .SelectMany(t => t.GetCustomAttributes<RouteAttribute>())
            .Select(r => r.Template)
            .Concat(["/my-day?visitor=v-there", "/rules?resident=R-there", "/visits/form?resident=R-there"])
            .Select(At)
            .ToList();
        Assert.True(pages.Count >= 17, $"only {pages.Count} pages found");
        await WalkAsync(pages);
    }

    [Fact]
    public async Task Every_answer_of_the_API_holds_for_an_officer_the_own_area_alone()
    {
        using var all = await server.ClientAsync("admin");
        var document = await all.GetFromJsonAsync<JsonElement>("/openapi/v1.json", Token);
        var addresses = new List<string>();
        foreach (var path in document.GetProperty("paths").EnumerateObject())
        {
            if (!path.Name.StartsWith("/api/v1/", StringComparison.Ordinal) || !path.Value.TryGetProperty("get", out var get))
                continue;
            addresses.Add(At(path.Name));
            if (
                get.TryGetProperty("parameters", out var parameters)
                && parameters.EnumerateArray().Any(p => p.GetProperty("name").GetString() == "format")
            )
                addresses.Add(At(path.Name) + "?format=csv");
        }

        Assert.True(addresses.Count >= 26, $"only {addresses.Count} addresses found");
        await WalkAsync(addresses);
    }

    [Fact]
    public async Task A_village_is_shown_the_watch_of_its_town_and_does_not_change_it()
    {
        var (town, elsewhere) = (ConsoleServer.Here[..9], ConsoleServer.There[..9]);
        await using (var db = await server.Records.CreateDbContextAsync(Token))
        {
            db.Areas.Add(
                new Area
                {
                    Code = town,
                    Name = "town here",
                    WatchFrom = TimeProvider.System.GetUtcNow().UtcDateTime,
                    WatchUntil = TimeProvider.System.GetUtcNow().UtcDateTime.AddDays(1),
                    WatchReason = "typhoon",
                }
            );
            await db.SaveChangesAsync(Token);
        }

        using var village = await server.ClientAsync("supervise", ConsoleServer.Here);
        var shown = await village.GetFromJsonAsync<JsonElement>("/api/v1/areas", Token);
        Assert.Equal("typhoon", Assert.Single(shown.EnumerateArray()).GetProperty("watchReason").GetString());
        var page = (await GetAsync(village, "/areas")).Text;
        Assert.Contains("typhoon", page, StringComparison.Ordinal);
        Assert.DoesNotContain("结束重点关注", page, StringComparison.Ordinal);
        using var ended = await village.PostAsJsonAsync($"/api/v1/areas/{town}/watch", new { }, Token);
        Assert.Equal(HttpStatusCode.Forbidden, ended.StatusCode);
        using var others = await village.PostAsJsonAsync($"/api/v1/areas/{elsewhere}/watch", new { }, Token);
        Assert.Equal(HttpStatusCode.NotFound, others.StatusCode);
        using var county = await server.ClientAsync("supervise", ConsoleServer.Here[..6]);
        Assert.Contains("结束重点关注", (await GetAsync(county, "/areas")).Text, StringComparison.Ordinal);
        using var own = await county.PostAsJsonAsync($"/api/v1/areas/{town}/watch", new { }, Token);
        Assert.Equal(HttpStatusCode.NoContent, own.StatusCode);
    }

    /// <summary>
    /// Who may see everything sees the other county at each address, which proves that it is there; who is bound to this county doesn't.
    /// </summary>
    private async Task WalkAsync(IEnumerable<string> addresses)
    {
        using var all = await server.ClientAsync("admin");
        using var bound = await server.ClientAsync("admin", "4419");
        var wrong = new List<string>();
        foreach (var address in addresses)
        {
            var (status, text) = await GetAsync(all, address);
            var ofOneHome = address.StartsWith("/api/", StringComparison.Ordinal) && address.Contains("R-there", StringComparison.Ordinal);
            if (status != HttpStatusCode.OK)
                wrong.Add($"{address} answers {status} to whoever may see everything: {text}");
            else if (!ofOneHome && Shows(text) is null && !OfNobody.Contains(address))
                wrong.Add($"{address} shows nothing of the other county to whoever may see everything: nothing is proved there");

            (status, text) = await GetAsync(bound, address);
            if (Shows(text) is { } mark)
                wrong.Add($"{address} shows '{mark}' of the other county");
            if (ofOneHome && status != HttpStatusCode.NotFound)
                wrong.Add($"{address} answers {status}: the home of another county is not there");
        }

        Assert.True(wrong.Count == 0, string.Join('\n', wrong));
        Assert.Contains("王秀英", (await GetAsync(bound, "/residents")).Text, StringComparison.Ordinal);
        Assert.Contains("王秀英", (await GetAsync(bound, "/api/v1/residents")).Text, StringComparison.Ordinal);
    }

    private static string? Shows(string text) => Array.Find(Marks, m => text.Contains(m, StringComparison.Ordinal));

    private static async Task<(HttpStatusCode Status, string Text)> GetAsync(HttpClient client, string address)
    {
        using var answer = await client.GetAsync(address, Token);
        // Razor writes Chinese characters as numbers, so a name would never be found.
        return (answer.StatusCode, WebUtility.HtmlDecode(await answer.Content.ReadAsStringAsync(Token)));
    }

    /// <summary>The address with the id of something in the other county.</summary>
    private string At(string route) =>
        Regex.Replace(
            route,
            @"\{\w+(:guid)?\}",
            _ =>
                route switch
                {
                    _ when route.Contains("residents", StringComparison.Ordinal) => "R-there",
                    _ when route.Contains("devices", StringComparison.Ordinal) => "lamp",
                    _ when route.Contains("visitors", StringComparison.Ordinal) => "v-there",
                    _ when route.Contains("officers", StringComparison.Ordinal) => "o-there",
                    _ when route.Contains("alarms", StringComparison.Ordinal) => alarm.Id.ToString(),
                    _ when route.Contains("visits", StringComparison.Ordinal) => visit.ToString(),
                    _ when route.Contains("webhooks", StringComparison.Ordinal) => webhook.ToString(),
                    _ => throw new InvalidOperationException($"{route}: what of the other county stands there? Say it here."),
                }
        );

    /// <summary>Makes one of everything that is shown anywhere, in the other county.</summary>
    private async Task FillAsync()
    {
        var now = TimeProvider.System.GetUtcNow().UtcDateTime;
        await using var db = await server.Records.CreateDbContextAsync(Token);
        var home = await db.Residents.Include(r => r.Contacts).SingleAsync(r => r.Id == "R-there", Token);
        home.VisitorId = "v-there";
        home.Contacts[0].Name = "yonder son";
        db.Visitors.Add(
            new Visitor
            {
                Id = "v-there",
                Name = "yonder visitor",
                Area = ConsoleServer.There,
            }
        );
        db.DutyOfficers.Add(
            new DutyOfficer
            {
                Id = "o-there",
                Name = "yonder officer",
                Area = ConsoleServer.There[..6],
            }
        );
        db.DutyOfficers.Add(
            new DutyOfficer
            {
                Id = "o-yonder",
                Name = "yonder supervisor",
                Area = ConsoleServer.There[..6],
                Supervisor = true,
            }
        );
        db.Shifts.Add(new Shift { Id = Guid.NewGuid(), Who = "officer:o-yonder" });
        db.Add(
            new HouseholdMember
            {
                Id = Guid.NewGuid(),
                ResidentId = "R-there",
                Order = 1,
                Name = "yonder wife",
            }
        );
        db.Visits.Add(
            new Visit
            {
                Id = visit,
                ResidentId = "R-there",
                Time = now,
                Form = "home",
                RecordedBy = "yonder",
            }
        );
        db.Devices.Add(
            new Device
            {
                Id = "lamp",
                Profile = "senml",
                Label = "yonder lamp",
                ResidentId = "R-there",
                PlacedAt = now,
            }
        );
        db.FormerPlaces.Add(
            new FormerPlace
            {
                DeviceId = "lamp",
                ResidentId = "R-there",
                Until = now.AddDays(-1),
                Label = "lamp yonder",
            }
        );
        db.Areas.Add(new Area { Code = ConsoleServer.There[..9], Name = "yonder town" });
        db.Unbound.Add(
            new UnboundDevice
            {
                Id = "stranger",
                Topic = "vigil/stranger/up",
                FirstSeenAt = now,
                LastSeenAt = now,
                LastPayload = Encoding.UTF8.GetBytes("somebody yonder fell"),
            }
        );
        db.Add(
            new User
            {
                Id = Guid.NewGuid(),
                UserName = "yonder-officer",
                NormalizedUserName = "YONDER-OFFICER",
                Role = Roles.Duty,
                Area = ConsoleServer.There,
                CreatedAt = now,
            }
        );
        db.Webhooks.Add(
            new Webhook
            {
                Id = webhook,
                Name = "yonder desk",
                Url = "https://desk.example/yonder",
                Secret = "s",
                Area = ConsoleServer.There,
                Events = "opened",
                CreatedBy = "test",
                CreatedAt = now,
                Disabled = true, // so that nothing is sent
            }
        );
        db.WebhookDeliveries.Add(
            new WebhookDelivery
            {
                Id = Guid.NewGuid(),
                WebhookId = webhook,
                AlarmId = Guid.NewGuid(),
                Event = "opened",
                Body = "{}",
                CreatedAt = now,
                DueAt = now.AddDays(1),
                Note = Wording.Same("the desk yonder is busy"),
            }
        );
        await db.SaveChangesAsync(Token);
        var secrets = server.Services.GetRequiredService<Secrets>();
        await secrets.CreateApiKeyAsync("yonder system", "read", ConsoleServer.There, null, Token);
        await secrets.CreateCredentialAsync("meter-R-there", gateway: false, [], Token);
    }
}
