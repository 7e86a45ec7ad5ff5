using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using Vigil.Model;
using Vigil.Storage.Readings.DuckDb;
using Vigil.Storage.Readings.Influx;

namespace Vigil.Storage.Readings;

public static class ReadingsServices
{
    /// <summary>Registers the reading store that <c>Readings:Store</c> names.</summary>
    public static IServiceCollection AddReadings(this IServiceCollection services, IConfiguration configuration, string dataPath)
    {
        var options = configuration.GetSection(ReadingsOptions.Section).Get<ReadingsOptions>() ?? new();
        if (options.Store.Equals("Influx", StringComparison.OrdinalIgnoreCase))
        {
            var influx = configuration.GetSection(InfluxOptions.Section).Get<InfluxOptions>() ?? new();
            return services.AddSingleton<IReadingStore>(s => new InfluxReadingStore(
                influx, Path.Combine(dataPath, "spool"), new HttpClient(), TimeProvider.System, s.GetRequiredService<ILogger<InfluxReadingStore>>()));
        }

        var path = options.DuckDb.Path.Length > 0 ? options.DuckDb.Path : Path.Combine(dataPath, "readings.duckdb");
        return services.AddSingleton<IReadingStore>(_ => new DuckDbReadingStore(path, options.DuckDb));
    }

    /// <summary>What is wrong with the sections Readings and Influx.</summary>
    public static IEnumerable<Problem> Check(IConfiguration configuration)
    {
        var store = configuration["Readings:Store"] ?? "DuckDb";
        if (!store.Equals("DuckDb", StringComparison.OrdinalIgnoreCase) && !store.Equals("Influx", StringComparison.OrdinalIgnoreCase))
            yield return new Problem("Readings:Store", 0, "", store, "is neither DuckDb nor Influx");
        if (!store.Equals("Influx", StringComparison.OrdinalIgnoreCase)) yield break;
        var api = configuration["Influx:Api"] ?? "v2";
        if (api is not ("v1" or "v2")) yield return new Problem("Influx:Api", 0, "", api, "is neither v1 nor v2");
        var url = configuration["Influx:Url"] ?? "http://127.0.0.1:8086";
        if (!Uri.TryCreate(url, UriKind.Absolute, out var parsed) || parsed.Scheme is not ("http" or "https")) yield return new Problem("Influx:Url", 0, "", url, "is not an http or https address");
    }
}
