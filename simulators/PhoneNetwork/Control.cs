using System.Text.Json;
using System.Text.Json.Serialization;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;

namespace Vigil.Phones;

/// <summary>
/// Who runs the program changes people and the weather over HTTP: <c>PUT /people/{number}</c>, <c>PUT /network</c>, <c>POST /texts</c>;
/// <c>GET /taken</c> tells what went out.
/// </summary>
internal static class Control
{
    public static readonly JsonSerializerOptions Json = new(JsonSerializerDefaults.Web) { Converters = { new JsonStringEnumConverter() } };

    private sealed record State(Service? Service, Receipts? Receipts);

    private sealed record Incoming(string From, string Body);

    public static void Map(WebApplication app, PhoneNetwork network)
    {
        app.MapGet("/people", () => Results.Json(network.People, Json));
        app.MapPut(
            "/people/{number}",
            async (string number, HttpContext http) =>
            {
                network.People[number] = await JsonSerializer.DeserializeAsync<Person>(http.Request.Body, Json) ?? new Person();
                return Results.NoContent();
            }
        );
        app.MapPut(
            "/network",
            async (HttpContext http) =>
            {
                var state = await JsonSerializer.DeserializeAsync<State>(http.Request.Body, Json);
                if (state?.Service is { } service)
                    network.Service = service;
                if (state?.Receipts is { } receipts)
                    network.Receipts = receipts;
                return Results.Json(new { network.Service, network.Receipts }, Json);
            }
        );
        app.MapPost(
            "/texts",
            async (HttpContext http) =>
            {
                if (await JsonSerializer.DeserializeAsync<Incoming>(http.Request.Body, Json) is not { } text)
                    return Results.BadRequest();
                return Results.Text(await network.Twilio.TextAsync(text.From, text.Body));
            }
        );
        app.MapGet("/taken", () => Results.Json(network.Taken, Json));
    }
}
