using Microsoft.Extensions.Logging.Abstractions;
using Vigil.Storage.Readings;
using Vigil.Storage.Readings.Influx;
using Vigil.Tests.Servers;

namespace Vigil.Tests.Storage.Readings;

/// <summary>One real InfluxDB for the whole contract: each test has devices of its own.</summary>
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
