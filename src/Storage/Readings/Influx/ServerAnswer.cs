using System.Net;
using System.Net.Http.Headers;
using System.Text;
using System.Text.Json;
using System.Text.RegularExpressions;

namespace Vigil.Storage.Readings.Influx;

/// <summary>What a server answered. A request that got no answer at all is an exception instead.</summary>
/// <param name="IsPage">A web page, whatever its status: a proxy, a login or another service stands where InfluxDB should.</param>
internal readonly partial record struct ServerAnswer(HttpStatusCode Status, string Text, bool IsPage, RetryConditionHeaderValue? RetryAfter)
{
    public bool IsSuccess => (int)Status is >= 200 and < 300 && !IsPage;

    /// <summary>Status and text in one line, for logs and messages.</summary>
    public string Reason =>
        IsPage ? $"{(int)Status} with a web page: {Short(Title().Match(Text).Groups[1].Value)}" : $"{(int)Status} {Short(Text)}";

    /// <summary>How long the server wants to be left alone; null when it doesn't say.</summary>
    public TimeSpan? WaitFrom(DateTimeOffset now) => RetryAfter?.Delta ?? (RetryAfter?.Date is { } date ? date - now : null);

    /// <summary>A property of the JSON object that was answered; null when it has none of this name, or the answer is no object.</summary>
    public JsonElement? Property(string name)
    {
        try
        {
            using var document = JsonDocument.Parse(Text);
            return document.RootElement.ValueKind == JsonValueKind.Object && document.RootElement.TryGetProperty(name, out var value)
                ? value.Clone()
                : null;
        }
        catch (JsonException)
        {
            return null;
        }
    }

    /// <summary>Reads the whole answer and disposes it.</summary>
    public static async Task<ServerAnswer> ReadAsync(HttpResponseMessage answer, CancellationToken cancellation)
    {
        using (answer)
            return new ServerAnswer(
                answer.StatusCode,
                // Not ReadAsStringAsync: it throws on a proxy's page in a character set that .NET doesn't have.
                Encoding.UTF8.GetString(await answer.Content.ReadAsByteArrayAsync(cancellation)),
                IsPageType(answer.Content.Headers.ContentType?.MediaType),
                answer.Headers.RetryAfter
            );
    }

    public static bool IsPageType(string? mediaType) => mediaType is "text/html" or "application/xhtml+xml";

    public static string Short(string text)
    {
        text = text.ReplaceLineEndings(" ").Trim();
        return text.Length > 1000 ? text[..1000] + "…" : text;
    }

    [GeneratedRegex("<title[^>]*>([^<]*)", RegexOptions.IgnoreCase)]
    private static partial Regex Title();
}
