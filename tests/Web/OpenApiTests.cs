using System.Net.Http.Json;
using System.Text.Json;
using Microsoft.AspNetCore.Routing;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.OpenApi;
using Vigil.Model;
using Vigil.Storage.Records;
using static Vigil.Tests.Web.Running;

namespace Vigil.Tests.Web;

/// <summary>The OpenAPI document, against which other systems are written, says what the API does.</summary>
[Trait("Category", "Server")]
public sealed class OpenApiTests : IAsyncLifetime
{
    private ConsoleServer server = null!;
    private HttpClient client = null!;
    private JsonElement document;

    public async ValueTask InitializeAsync()
    {
        server = await ConsoleServer.StartAsync();
        client = await server.ClientAsync("admin");
        document = await client.GetFromJsonAsync<JsonElement>("/openapi/v1.json", Token);
    }

    public async ValueTask DisposeAsync()
    {
        client.Dispose();
        await server.DisposeAsync();
    }

    [Fact]
    public async Task The_document_is_written_once_however_often_it_is_asked_for()
    {
        var first = await client.GetByteArrayAsync("/openapi/v1.json", Token);
        var used = System.Diagnostics.Process.GetCurrentProcess().TotalProcessorTime;
        for (var i = 0; i < 200; i++)
            Assert.Equal(first, await client.GetByteArrayAsync(i % 2 == 0 ? "/openapi/v1.json" : "/OpenApi/v1.json/", Token));
        // before it was cached, 60 requests delayed a press by seconds
        Assert.InRange((System.Diagnostics.Process.GetCurrentProcess().TotalProcessorTime - used).TotalSeconds, 0, 20);
    }

    [Fact]
    public void The_document_is_valid()
    {
        var result = OpenApiDocument.Parse(document.GetRawText(), "json");
        Assert.Empty(result.Diagnostic!.Errors);
        Assert.Empty(result.Diagnostic.Warnings);
        var ids = Operations().Select(o => o.Operation.GetProperty("operationId").GetString()).ToList();
        Assert.Equal(ids.Count, ids.Distinct().Count());
        Assert.DoesNotContain("$ref\":\"#/components/schemas/object", document.GetRawText(), StringComparison.Ordinal);
    }

    [Fact]
    public void Every_endpoint_has_a_summary_described_parameters_and_typed_answers()
    {
        var wrong = new List<string>();
        var described = Operations().ToDictionary(o => (o.Method, o.Path), o => o.Operation);
        foreach (
            var endpoint in server
                .Services.GetRequiredService<EndpointDataSource>()
                .Endpoints.OfType<RouteEndpoint>()
                .Where(e => e.RoutePattern.RawText?.StartsWith("/api/v1/", StringComparison.Ordinal) == true)
        )
        {
            var path = System.Text.RegularExpressions.Regex.Replace(endpoint.RoutePattern.RawText!, "{(\\w+):[^}]+}", "{$1}");
            foreach (var method in endpoint.Metadata.GetRequiredMetadata<HttpMethodMetadata>().HttpMethods)
            {
                var name = $"{method} {path}";
                if (!described.TryGetValue((method, path), out var operation))
                {
                    wrong.Add($"{name} is not in the document");
                    continue;
                }

                if (!operation.TryGetProperty("summary", out var summary) || summary.GetString()!.Length < 10)
                    wrong.Add($"{name} has no summary");
                var parameters = operation.TryGetProperty("parameters", out var p) ? p.EnumerateArray().ToList() : [];
                foreach (var parameter in parameters)
                    if (!parameter.TryGetProperty("description", out _))
                        wrong.Add($"{name}: nothing is said of {parameter.GetProperty("name")}");
                foreach (var answer in operation.GetProperty("responses").EnumerateObject())
                {
                    var content = answer.Value.TryGetProperty("content", out var c) ? c : default;
                    if (answer.Name == "204")
                        continue;
                    if (content.ValueKind != JsonValueKind.Object)
                        wrong.Add($"{name}: {answer.Name} has no type");
                    else if (answer.Name[0] == '4' && !content.TryGetProperty("application/problem+json", out _))
                        wrong.Add($"{name}: {answer.Name} is no problem");
                    else if (
                        answer.Name[0] == '2'
                        && !content.TryGetProperty("application/zip", out _)
                        && !content.TryGetProperty(Sheet.XlsxType, out _)
                        && Schema(content) is var schema
                        && !schema.TryGetProperty("properties", out _)
                        && !schema.TryGetProperty("items", out _)
                    )
                        wrong.Add($"{name}: {answer.Name} is not typed: {schema}");
                }

                if (!operation.GetProperty("responses").EnumerateObject().Any(a => a.Name[0] == '2'))
                    wrong.Add($"{name}: no answer when it goes well");
                var list =
                    operation.GetProperty("responses").TryGetProperty("200", out var ok)
                    && ok.TryGetProperty("content", out var body)
                    && Schema(body).TryGetProperty("items", out _);
                if (
                    list
                    && !path.EndsWith("/scripts", StringComparison.Ordinal)
                    && !parameters.Any(x => x.GetProperty("name").GetString() == "offset")
                )
                    wrong.Add($"{name} is a list without pages");
                if (
                    operation.TryGetProperty("requestBody", out var asked)
                    && asked.GetProperty("content").TryGetProperty("application/json", out var json)
                )
                    foreach (
                        var property in Resolve(json.GetProperty("schema"))
                            .GetProperty("properties")
                            .EnumerateObject()
                            .Where(x => x.Name is not ("from" or "form"))
                    )
                        if (!property.Value.TryGetProperty("description", out _))
                            wrong.Add($"{name}: nothing is said of '{property.Name}' in its body");
            }
        }

        Assert.True(wrong.Count == 0, string.Join('\n', wrong));
        Assert.True(described.Count >= 28, $"only {described.Count} operations: the walk proves nothing");
    }

    [Fact]
    public async Task Answers_have_the_properties_that_the_document_promises()
    {
        var alarm = await server.RaiseAsync("R-here", AlarmKind.Sos);
        await server.LinkAsync(alarm.Id);
        var checks = 0;
        foreach (var (method, path, operation) in Operations().Where(o => o.Method == "GET"))
        {
            var asked = path.Replace("/alarms/{id}", $"/alarms/{alarm.Id}", StringComparison.Ordinal)
                .Replace("{id}", "R-here", StringComparison.Ordinal);
            if (asked.Contains('{', StringComparison.Ordinal))
                continue;
            using var answer = await client.GetAsync(asked, Token);
            var text = await answer.Content.ReadAsStringAsync(Token);
            if (answer.Content.Headers.ContentType?.MediaType != "application/json")
                continue;
            Assert.True(answer.IsSuccessStatusCode, $"{asked}: {text}");
            Compare(
                asked,
                Schema(operation.GetProperty("responses").GetProperty("200").GetProperty("content")),
                JsonDocument.Parse(text).RootElement,
                ref checks
            );
        }

        Assert.True(checks > 100, $"only {checks} properties compared: the walk proves nothing");
    }

    [Theory]
    [InlineData("""{"form": 3}""", "$")]
    [InlineData("""{"resident": "R-here", "form": "home", "time": "yesterday"}""", "$.time")]
    [InlineData("not json", "$")]
    public async Task A_body_that_can_not_be_read_is_answered_with_where_it_is_wrong(string body, string where)
    {
        using var answer = await client.PostAsync(
            "/api/v1/visits",
            new StringContent(body, System.Text.Encoding.UTF8, "application/json"),
            Token
        );
        Assert.Equal(System.Net.HttpStatusCode.BadRequest, answer.StatusCode);
        Assert.Equal("application/problem+json", answer.Content.Headers.ContentType!.MediaType);
        Assert.Contains(
            $"can't be read at {where}",
            (await answer.Content.ReadFromJsonAsync<JsonElement>(Token)).GetProperty("detail").GetString(),
            StringComparison.Ordinal
        );
    }

    private IEnumerable<(string Method, string Path, JsonElement Operation)> Operations() =>
        from path in document.GetProperty("paths").EnumerateObject()
        where path.Name.StartsWith("/api/v1/", StringComparison.Ordinal)
        from operation in path.Value.EnumerateObject()
        select (operation.Name.ToUpperInvariant(), path.Name, operation.Value);

    private void Compare(string where, JsonElement schema, JsonElement value, ref int checks)
    {
        schema = Resolve(schema);
        if (value.ValueKind == JsonValueKind.Array)
        {
            foreach (var item in value.EnumerateArray().Take(3))
                Compare(where + "[]", schema.GetProperty("items"), item, ref checks);
        }
        else if (value.ValueKind == JsonValueKind.Object && schema.TryGetProperty("properties", out var promised))
        {
            foreach (
                var required in schema.TryGetProperty("required", out var needed)
                    ? needed.EnumerateArray().Select(r => r.GetString()!).ToList()
                    : []
            )
                Assert.True(value.TryGetProperty(required, out _), $"{where} lacks '{required}'");
            foreach (var property in value.EnumerateObject())
            {
                Assert.True(
                    promised.TryGetProperty(property.Name, out var of),
                    $"{where} has '{property.Name}', of which the document doesn't speak"
                );
                checks++;
                Compare($"{where}.{property.Name}", of, property.Value, ref checks);
            }
        }
    }

    private JsonElement Schema(JsonElement content) => Resolve(content.EnumerateObject().First().Value.GetProperty("schema"));

    private JsonElement Resolve(JsonElement schema)
    {
        while (true)
        {
            if (schema.TryGetProperty("$ref", out var reference))
                schema = document.GetProperty("components").GetProperty("schemas").GetProperty(reference.GetString()!.Split('/')[^1]);
            else if (schema.TryGetProperty("oneOf", out var either))
                schema = either
                    .EnumerateArray()
                    .First(e => !(e.TryGetProperty("type", out var t) && t.ValueKind == JsonValueKind.String && t.GetString() == "null"));
            else
                return schema;
        }
    }
}
