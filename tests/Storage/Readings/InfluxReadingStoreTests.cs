using System.Text.Json;
using Microsoft.Extensions.Logging.Abstractions;
using Vigil.Storage.Readings;
using Vigil.Storage.Readings.Influx;
using Vigil.Tests.Servers;

namespace Vigil.Tests.Storage.Readings;

/// <summary>One real InfluxDB for the whole contract suite; each test uses devices of its own.</summary>
public sealed class SharedInflux : IAsyncLifetime
{
    internal InfluxServer Server { get; } = new();

    public async ValueTask InitializeAsync() => await Server.StartAsync();

    public ValueTask DisposeAsync() => Server.DisposeAsync();
}

[Trait("Category", "Server")]
public sealed class InfluxReadingStoreTests(SharedInflux shared) : ReadingStoreContract, IClassFixture<SharedInflux>, IDisposable
{
    private readonly string folder = Directory.CreateTempSubdirectory("vigil-spool-").FullName;

    public void Dispose() => Directory.Delete(folder, recursive: true);

    protected override Task<IReadingStore> OpenAsync() =>
        Task.FromResult<IReadingStore>(
            new InfluxReadingStore(
                new InfluxOptions
                {
                    Url = shared.Server.Url,
                    Api = "v1",
                    Bucket = "vigil",
                    PatienceMilliseconds = 20_000,
                },
                folder,
                new HttpClient(),
                TimeProvider.System,
                NullLogger<InfluxReadingStore>.Instance
            )
        );
}

/// <summary>
/// The contract suite through the official client. No server here speaks both v2 and InfluxQL, so a handler in front of the real 1.6.7
/// translates what it lacks of v2: the write, the deletion and the list of buckets.
/// </summary>
[Trait("Category", "Server")]
public sealed class InfluxV2ReadingStoreTests(SharedInflux shared) : ReadingStoreContract, IClassFixture<SharedInflux>, IDisposable
{
    private readonly string folder = Directory.CreateTempSubdirectory("vigil-spool-").FullName;

    public void Dispose() => Directory.Delete(folder, recursive: true);

    protected override async Task<IReadingStore> OpenAsync()
    {
        using var http = new HttpClient();
        using var create = new FormUrlEncodedContent([new("q", "CREATE DATABASE vigil")]);
        using var created = await http.PostAsync(new Uri(shared.Server.Url + "/query"), create, Cancellation);
        created.EnsureSuccessStatusCode();
        return new InfluxReadingStore(
            new InfluxOptions
            {
                Url = shared.Server.Url,
                Api = "v2",
                Org = "town hall",
                Bucket = "vigil",
                Token = "t0ken",
                PatienceMilliseconds = 20_000,
            },
            folder,
            new HttpClient(new V2InFront()),
            TimeProvider.System,
            NullLogger<InfluxReadingStore>.Instance
        );
    }

    private sealed class V2InFront() : DelegatingHandler(new SocketsHttpHandler())
    {
        protected override async Task<HttpResponseMessage> SendAsync(HttpRequestMessage request, CancellationToken cancellationToken)
        {
            var address = request.RequestUri!;
            if (address.AbsolutePath == "/query")
                return await base.SendAsync(request, cancellationToken);
            Assert.Equal("Token t0ken", request.Headers.Authorization?.ToString());
            switch (address.AbsolutePath)
            {
                case "/api/v2/write":
                    Assert.Equal("?org=town%20hall&bucket=vigil&precision=ns", address.Query);
                    request.RequestUri = new Uri(address, "/write?db=vigil&precision=ns");
                    break;
                case "/api/v2/delete":
                    Assert.Equal("?org=town%20hall&bucket=vigil", address.Query);
                    request.Content = new FormUrlEncodedContent([
                        new("q", await DeleteAsync(request.Content!, cancellationToken)),
                        new("db", "vigil"),
                    ]);
                    request.RequestUri = new Uri(address, "/query");
                    break;
                case "/api/v2/buckets":
                    return new HttpResponseMessage { Content = new StringContent("{\"buckets\":[{\"name\":\"vigil\"}]}") };
            }

            return await base.SendAsync(request, cancellationToken);
        }

        /// <summary>A predicate of v2 differs from InfluxQL only in its quotes; both ends of the time range are included.</summary>
        private static async Task<string> DeleteAsync(HttpContent content, CancellationToken cancellation)
        {
            var asked = JsonDocument.Parse(await content.ReadAsStringAsync(cancellation)).RootElement;
            var said = asked.TryGetProperty("predicate", out var predicate) ? predicate.GetString() ?? "" : "";
            const string OfDevice = "device=\"",
                OfMetric = "_measurement=\"";
            var device = said.IndexOf(OfDevice, StringComparison.Ordinal) is >= 0 and var at
                ? $"device = '{said[(at + OfDevice.Length)..].TrimEnd('"')}' AND "
                : "";
            var from = said.StartsWith(OfMetric, StringComparison.Ordinal) ? $"FROM \"{said.Split('"')[1]}\" " : "";
            var (start, stop) = (asked.GetProperty("start").GetString(), asked.GetProperty("stop").GetString());
            return $"DELETE {from}WHERE {device}time >= '{start}' AND time <= '{stop}'";
        }
    }
}
