using System.Net;
using System.Net.Http.Json;
using System.Text.Json;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.DependencyInjection;
using Vigil.Model;
using Vigil.Storage.Readings;
using Vigil.Storage.Records;
using static Vigil.Tests.Web.Running;

namespace Vigil.Tests.Web;

/// <summary>Devices over the API: their life, what they last sent, and sheets of them.</summary>
[Trait("Category", "Server")]
public sealed class DeviceApiTests : IAsyncLifetime
{
    private ConsoleServer server = null!;
    private HttpClient client = null!;

    public async ValueTask InitializeAsync()
    {
        server = await ConsoleServer.StartAsync();
        client = await server.ClientAsync("write");
    }

    public async ValueTask DisposeAsync()
    {
        client.Dispose();
        await server.DisposeAsync();
    }

    [Fact]
    public async Task A_device_goes_its_way_and_a_change_of_an_old_version_is_a_conflict()
    {
        await PostAsync(
            "devices",
            new
            {
                id = "p1",
                profile = "senml",
                label = "床头",
                stockArea = "4419",
            },
            204
        );
        var stock = await GetAsync("devices/p1");
        Assert.Equal(("in-stock", "4419"), (Text(stock, "state"), Text(stock, "stockArea")));
        await PostAsync("devices/p1/move", new { resident = "R-here", version = Text(stock, "version") }, 204);
        using (var old = await client.PatchAsJsonAsync("/api/v1/devices/p1", new { version = Text(stock, "version"), label = "x" }, Token))
            Assert.Equal(HttpStatusCode.Conflict, old.StatusCode);
        var now = await GetAsync("devices/p1");
        using (
            var right = await client.PatchAsJsonAsync(
                "/api/v1/devices/p1",
                new { version = Text(now, "version"), reportMinutes = 15 },
                Token
            )
        )
            Assert.Equal(HttpStatusCode.NoContent, right.StatusCode);
        now = await GetAsync("devices/p1");
        Assert.Equal((15, "床头", "R-here"), (now.GetProperty("reportMinutes").GetInt32(), Text(now, "label"), Text(now, "residentId")));
        await PostAsync("devices/p1/unbind", new { why = "moved out" }, 204);
        await PostAsync("devices/p1/retire", new { }, 204);
        await PostAsync("devices/p1/move", new { resident = "R-there" }, 409);
        await PostAsync("devices/p1/restock", new { }, 204);
        var places = await GetAsync("devices/p1/places");
        Assert.Equal(["R-here"], places.EnumerateArray().Select(p => Text(p, "residentId")));
        Assert.Equal(["p1"], (await GetAsync("devices?state=in-stock")).EnumerateArray().Select(d => Text(d, "id")));
        Assert.Equal(["p1"], (await GetAsync("devices?search=床头")).EnumerateArray().Select(d => Text(d, "id")));
        using var wrong = await client.GetAsync("/api/v1/devices?state=lost", Token);
        Assert.Equal(HttpStatusCode.BadRequest, wrong.StatusCode);
    }

    [Fact]
    public async Task After_a_move_each_home_and_the_device_show_their_own_readings_alone_and_erasure_takes_those_of_the_person()
    {
        var now = TimeProvider.System.GetUtcNow().UtcDateTime;
        var store = server.Services.GetRequiredService<IReadingStore>();
        Reading Of(double hours, double value) =>
            new()
            {
                Device = new DeviceId("meter-R-here"),
                Metric = Metric.WaterVolume,
                Time = now.AddHours(hours),
                Received = now.AddHours(hours),
                Value = value,
            };
        await store.AppendAsync([Of(-5, 1), Of(-4, 2), Of(-1, 3)], Token);
        await PostAsync("devices/meter-R-here/move", new { resident = "R-there", since = now.AddHours(-2) }, 204);
        Assert.Equal([1, 2], await ValuesAsync("R-here"));
        Assert.Equal([3], await ValuesAsync("R-there"));
        var latest = Assert.Single((await GetAsync("devices/meter-R-here/latest")).EnumerateArray());
        Assert.Equal((3, "m3"), (latest.GetProperty("value").GetDouble(), Text(latest, "unit")));
        using (var here = await server.ClientAsync("read", "4419"))
        {
            Assert.Equal(HttpStatusCode.NotFound, (await here.GetAsync("/api/v1/devices/meter-R-here", Token)).StatusCode);
            // What it sent since, and could not be read, is the other home's too.
            Assert.DoesNotContain("meter-R-here", await here.GetStringAsync("/api/v1/rejected", Token), StringComparison.Ordinal);
        }

        using (var there = await server.ClientAsync("read", "4401"))
            Assert.Contains("meter-R-here", await there.GetStringAsync("/api/v1/rejected", Token), StringComparison.Ordinal);

        using var admin = await server.ClientAsync("admin");
        using var erased = await admin.PostAsJsonAsync("/api/v1/residents/R-here/erase", new { reason = "asked" }, Token);
        Assert.Equal(HttpStatusCode.NoContent, erased.StatusCode);
        Assert.Equal([3], await ValuesAsync("R-there"));
        var left = await store
            .QueryAsync(new ReadingQuery([new DeviceId("meter-R-here")], null, now.AddDays(-1), now.AddDays(1)), Token)
            .ToListAsync(Token);
        Assert.Equal([3], left.Select(r => r.Value));
        await using var db = await server.Records.CreateDbContextAsync(Token);
        Assert.Empty(await db.FormerPlaces.ToListAsync(Token));
    }

    [Fact]
    public async Task A_sheet_registers_all_or_nothing_and_names_every_mistake()
    {
        using var admin = await server.ClientAsync("admin");
        var bad =
            "设备编号,型号,名称,服务对象编号,库存区划,上报间隔分钟\n"
            + "d1,senml,,R-here,,\nd1,senml,,,,\nd 2,senml,,,,\nd3,senml,,R-x,,\nd4,senml,,,44x,0.5\nmeter-R-here,senml,,,,\n";
        using var refused = await SendAsync(admin, "x.csv", bad);
        Assert.Equal(HttpStatusCode.UnprocessableEntity, refused.StatusCode);
        var problems = (await refused.Content.ReadFromJsonAsync<JsonElement>(Token)).GetProperty("problems");
        Assert.Equal(
            [(3, "device"), (4, "device"), (5, "resident"), (6, "report"), (6, "stock"), (7, "device")],
            problems.EnumerateArray().Select(p => (p.GetProperty("line").GetInt32(), Text(p, "id"))).Order()
        );
        await using var db = await server.Records.CreateDbContextAsync(Token);
        Assert.Equal((2, 0), (await db.Devices.CountAsync(Token), await db.Credentials.CountAsync(Token)));
        using var missing = await SendAsync(admin, "x.csv", "名称\n床头\n");
        Assert.Contains("column is missing", await missing.Content.ReadAsStringAsync(Token), StringComparison.Ordinal);

        var good = "device,profile,resident,stock area\n" + string.Concat(Enumerable.Range(0, 1200).Select(i => $"n{i},senml,,4419\n"));
        using var made = await SendAsync(admin, "x.csv", good);
        Assert.Equal(HttpStatusCode.OK, made.StatusCode);
        var lines = (await made.Content.ReadAsStringAsync(Token)).Split("\r\n", StringSplitOptions.RemoveEmptyEntries);
        Assert.Equal(1201, lines.Length);
        Assert.Equal(1200, lines.Skip(1).Select(l => l.Split(',')[2]).Distinct().Count());
        Assert.Equal((1202, 1200), (await db.Devices.CountAsync(Token), await db.Credentials.CountAsync(Token)));
        Assert.DoesNotContain(lines[1].Split(',')[2], (await db.Credentials.FirstAsync(Token)).PasswordHash, StringComparison.Ordinal);
        Assert.Equal(1200, await db.Audit.CountAsync(a => a.Action == "register", Token));
        using var again = await SendAsync(admin, "x.csv", good);
        Assert.Equal(HttpStatusCode.UnprocessableEntity, again.StatusCode);
        using var bound = await server.ClientAsync("admin", "4419");
        using var forbidden = await SendAsync(bound, "x.csv", "device,profile\nz,senml\n");
        Assert.Equal(HttpStatusCode.Forbidden, forbidden.StatusCode);
    }

    private static Task<HttpResponseMessage> SendAsync(HttpClient by, string name, string csv) =>
        by.PostAsync($"/api/v1/devices/sheet?name={name}", new ByteArrayContent(System.Text.Encoding.UTF8.GetBytes(csv)), Token);

    private static string Text(JsonElement json, string name) => json.GetProperty(name).GetString()!;

    private Task<JsonElement> GetAsync(string path) => client.GetFromJsonAsync<JsonElement>("/api/v1/" + path, Token);

    private async Task PostAsync(string path, object body, int status)
    {
        using var answer = await client.PostAsJsonAsync("/api/v1/" + path, body, Token);
        Assert.Equal(status, (int)answer.StatusCode);
    }

    private async Task<List<double>> ValuesAsync(string resident) =>
        [.. (await GetAsync($"residents/{resident}/readings")).EnumerateArray().Select(r => r.GetProperty("value").GetDouble())];
}
