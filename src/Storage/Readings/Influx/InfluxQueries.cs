using System.Runtime.CompilerServices;
using System.Text.Json;

namespace Vigil.Storage.Readings.Influx;

/// <summary>InfluxQL over <c>/query</c>, which 1.x, 2.x and 3.x all answer.</summary>
internal sealed class InfluxQueries(InfluxConnection connection)
{
    /// <summary>
    /// Runs a query and returns its series. The answer comes in chunks, each a JSON document on a line of its own, so that a large one
    /// needn't fit into memory.
    /// </summary>
    /// <param name="query">InfluxQL.</param>
    /// <param name="changes">A statement that changes something has to be a POST.</param>
    /// <param name="cancellation">Stops between two chunks.</param>
    public async IAsyncEnumerable<JsonElement> RunAsync(string query, bool changes, [EnumeratorCancellation] CancellationToken cancellation)
    {
        using var request = new HttpRequestMessage(
            changes ? HttpMethod.Post : HttpMethod.Get,
            $"query?db={Uri.EscapeDataString(connection.Options.Bucket)}&epoch=ns&chunked=true&chunk_size=10000"
                + (changes ? "" : $"&q={Uri.EscapeDataString(query)}")
        );
        if (changes)
            request.Content = new FormUrlEncodedContent([new("q", query)]);
        using var answer = await connection.LimitedAsync(
            limit => connection.Http.SendAsync(request, HttpCompletionOption.ResponseHeadersRead, limit),
            cancellation
        );
        if (!answer.IsSuccessStatusCode)
        {
            var refusal = await connection.LimitedAsync(limit => ServerAnswer.ReadAsync(answer, limit), cancellation);
            throw new ReadingStoreException($"{connection.Name} answered {refusal.Reason} to a query");
        }

        using var lines = new StreamReader(await answer.Content.ReadAsStreamAsync(cancellation));
        while (await NextLineAsync(lines, cancellation) is { } line)
        {
            if (line.Length == 0)
                continue;
            using var document = Results(line, out var results);
            foreach (var result in results.EnumerateArray())
            {
                if (result.TryGetProperty("error", out var error))
                    throw new ReadingStoreException($"{connection.Name} refused a query: {error.GetString()}");
                if (!result.TryGetProperty("series", out var all))
                    continue;
                foreach (var series in all.EnumerateArray())
                    yield return series;
            }
        }
    }

    private JsonDocument Results(string line, out JsonElement results)
    {
        JsonDocument? document = null;
        try
        {
            document = JsonDocument.Parse(line);
            if (
                document.RootElement.ValueKind == JsonValueKind.Object
                && document.RootElement.TryGetProperty("results", out results)
                && results.ValueKind == JsonValueKind.Array
            )
                return document;
        }
        catch (JsonException)
        {
            // reported below, like every other answer without results
        }

        document?.Dispose();
        throw new ReadingStoreException($"{connection.Name} answered a query with something else: {ServerAnswer.Short(line)}");
    }

    private async Task<string?> NextLineAsync(StreamReader lines, CancellationToken cancellation)
    {
        try
        {
            return await lines.ReadLineAsync(cancellation);
        }
        catch (Exception e) when (e is IOException or HttpRequestException)
        {
            throw new ReadingStoreException($"{connection.Name} broke off in the middle of an answer: {e.Message}", e);
        }
    }
}
