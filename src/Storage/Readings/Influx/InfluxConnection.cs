using System.Net.Http.Headers;
using System.Text;

namespace Vigil.Storage.Readings.Influx;

/// <summary>
/// The server as every request needs it: the HTTP client with address and credentials, time limits, and its name in messages.
/// </summary>
internal sealed class InfluxConnection : IDisposable
{
    public InfluxConnection(InfluxOptions options, HttpClient http, TimeProvider clock)
    {
        (Options, Http, Clock) = (options, http, clock);
        http.BaseAddress = new Uri(options.Url.TrimEnd('/') + "/");
        http.Timeout = Timeout.InfiniteTimeSpan; // each request has a limit of its own
        if (options.Token.Length > 0)
            http.DefaultRequestHeaders.Authorization = new AuthenticationHeaderValue("Token", options.Token);
        else if (options.Username.Length > 0)
            http.DefaultRequestHeaders.Authorization = new AuthenticationHeaderValue(
                "Basic",
                Convert.ToBase64String(Encoding.UTF8.GetBytes($"{options.Username}:{options.Password}"))
            );
        Official = options.IsV1 ? null : new OfficialClient(options, http.BaseAddress, http);
        var address = http.BaseAddress.GetComponents(UriComponents.SchemeAndServer | UriComponents.Path, UriFormat.UriEscaped);
        Name = $"InfluxDB at {address.TrimEnd('/')}, bucket {options.Bucket},";
    }

    public InfluxOptions Options { get; }

    public HttpClient Http { get; }

    public TimeProvider Clock { get; }

    /// <summary>InfluxData's client for the v2 API; null for v1, which it doesn't speak.</summary>
    public OfficialClient? Official { get; }

    /// <summary>The subject of a sentence about the server.</summary>
    public string Name { get; }

    /// <summary>Makes a request with the time limit of the settings.</summary>
    /// <exception cref="ReadingStoreException">The server can't be reached, or did not answer in time.</exception>
    public async Task<T> LimitedAsync<T>(Func<CancellationToken, Task<T>> request, CancellationToken cancellation)
    {
        using var limit = new CancellationTokenSource(TimeSpan.FromSeconds(Options.TimeoutSeconds), Clock);
        using var either = CancellationTokenSource.CreateLinkedTokenSource(limit.Token, cancellation);
        try
        {
            return await request(either.Token);
        }
        catch (OperationCanceledException e) when (!cancellation.IsCancellationRequested)
        {
            throw new ReadingStoreException($"{Name} gave no answer within {Options.TimeoutSeconds} s", e);
        }
        catch (HttpRequestException e)
        {
            throw new ReadingStoreException($"{Name} can't be reached: {e.Message}", e);
        }
    }

    public void Dispose()
    {
        Official?.Dispose();
        Http.Dispose();
    }
}
