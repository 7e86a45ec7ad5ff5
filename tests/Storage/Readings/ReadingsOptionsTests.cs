using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Vigil.Storage.Readings;
using Vigil.Storage.Readings.DuckDb;
using Vigil.Storage.Readings.Influx;

namespace Vigil.Tests.Storage.Readings;

public sealed class ReadingsOptionsTests : IDisposable
{
    private readonly string folder = Directory.CreateTempSubdirectory("vigil-options-").FullName;

    public void Dispose() => Directory.Delete(folder, recursive: true);

    [Fact]
    public void Nothing_configured_is_nothing_wrong() => Assert.Empty(ReadingsServices.Check(Configuration()));

    [Theory]
    [InlineData("Readings:Store", "MySql", "Readings:Store")]
    [InlineData("Readings:KeepDays", "-1", "Readings:KeepDays")]
    [InlineData("Readings:DuckDb:MemoryLimit", "much", "Readings:DuckDb:MemoryLimit")]
    [InlineData("Readings:DuckDb:Threads", "0", "Readings:DuckDb:Threads")]
    public void What_is_wrong_is_named_by_its_key_and_value(string key, string value, string named)
    {
        var problem = Assert.Single(ReadingsServices.Check(Configuration((key, value))));
        Assert.Equal(named, problem.File);
        Assert.Equal(value, problem.Value);
    }

    [Fact]
    public void All_problems_of_influx_come_at_once()
    {
        var problems = ReadingsServices
            .Check(
                Configuration(
                    ("Readings:Store", "Influx"),
                    ("Influx:Url", "ftp://x"),
                    ("Influx:Api", "v7"),
                    ("Influx:Bucket", ""),
                    ("Influx:BatchSize", "0"),
                    ("Influx:Token", "t"),
                    ("Influx:Username", "u")
                )
            )
            .ToList();
        Assert.Equal(
            ["Influx:Api", "Influx:BatchSize", "Influx:Bucket", "Influx:Token", "Influx:Url"],
            problems.Select(p => p.File).Order(StringComparer.Ordinal)
        );
    }

    [Fact]
    public void A_number_that_is_none_is_a_problem_and_no_exception()
    {
        var problem = Assert.Single(ReadingsServices.Check(Configuration(("Readings:Store", "Influx"), ("Influx:SpoolBytes", "plenty"))));
        Assert.Equal(("Influx:SpoolBytes", "plenty"), (problem.File, problem.Value));
    }

    [Theory]
    [InlineData("DuckDb", typeof(DuckDbReadingStore))]
    [InlineData("influx", typeof(InfluxReadingStore))]
    public async Task The_configured_store_is_registered(string store, Type expected)
    {
        var services = new ServiceCollection().AddLogging().AddReadings(Configuration(("Readings:Store", store)), folder);
        await using var provider = services.BuildServiceProvider();
        Assert.IsType(expected, provider.GetRequiredService<IReadingStore>());
    }

    private static IConfiguration Configuration(params (string Key, string Value)[] settings) =>
        new ConfigurationBuilder().AddInMemoryCollection(settings.ToDictionary(s => s.Key, s => (string?)s.Value)).Build();
}
