using System.Diagnostics.Metrics;
using System.Text.RegularExpressions;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using Vigil.Model;
using Vigil.Settings;
using Vigil.Storage.Readings.DuckDb;
using Vigil.Storage.Readings.Influx;

namespace Vigil.Storage.Readings;

/// <summary>Sections <c>Readings</c> and <c>Influx</c>: the store of readings.</summary>
public static partial class ReadingsServices
{
    /// <summary>
    /// Registers the reading store that <c>Readings:Store</c> names. The settings must have passed <see cref="Check"/>.
    /// </summary>
    /// <param name="dataPath">Data:Path: folder of the spool, and of the database file unless the settings name another.</param>
    public static IServiceCollection AddReadings(this IServiceCollection services, IConfiguration configuration, string dataPath)
    {
        var options = SettingsSection.Read<ReadingsOptions>(configuration, ReadingsOptions.Section, []);
        services.AddSingleton(options);
        if (IsInflux(options.Store))
        {
            var influx = SettingsSection.Read<InfluxOptions>(configuration, InfluxOptions.Section, []);
            return services.AddSingleton<IReadingStore>(s => new InfluxReadingStore(
                influx,
                Path.Combine(dataPath, "spool"),
                new HttpClient(),
                s.GetService<TimeProvider>() ?? TimeProvider.System,
                s.GetRequiredService<ILogger<InfluxReadingStore>>(),
                s.GetService<Meter>()
            ));
        }

        var path = options.DuckDb.Path.Length > 0 ? options.DuckDb.Path : Path.Combine(dataPath, "readings.duckdb");
        return services.AddSingleton<IReadingStore>(s => new DuckDbReadingStore(path, options.DuckDb, s.GetService<Troubles>()));
    }

    /// <summary>Names of all settings of both sections.</summary>
    public static IEnumerable<string> Settings =>
        [
            .. SettingsSection.Names<ReadingsOptions>(ReadingsOptions.Section),
            .. SettingsSection.Names<InfluxOptions>(InfluxOptions.Section),
        ];

    /// <summary>All problems of both sections.</summary>
    public static IEnumerable<Problem> Check(IConfiguration configuration)
    {
        var problems = new List<Problem>();
        var options = SettingsSection.Read<ReadingsOptions>(configuration, ReadingsOptions.Section, problems);
        var influx = IsInflux(options.Store) ? SettingsSection.Read<InfluxOptions>(configuration, InfluxOptions.Section, problems) : null;
        foreach (var problem in problems)
            yield return problem;
        if (influx is null)
        {
            var duck = options.DuckDb;
            if (!ByteSize().IsMatch(duck.MemoryLimit))
                yield return new Problem("Readings:DuckDb:MemoryLimit", 0, "", duck.MemoryLimit, "is not a size such as 1GB or 512MB");
            if (!ByteSize().IsMatch(duck.CheckpointSize))
                yield return new Problem("Readings:DuckDb:CheckpointSize", 0, "", duck.CheckpointSize, "is not a size such as 64MB");
            if (Directory.Exists(duck.Path))
                yield return new Problem("Readings:DuckDb:Path", 0, "", duck.Path, "is a folder; the database is a file");
            yield break;
        }

        if (!Uri.TryCreate(influx.Url, UriKind.Absolute, out var url) || url.Scheme is not ("http" or "https"))
            yield return new Problem("Influx:Url", 0, "", influx.Url, "is not an http or https address");
        if (influx.Bucket.Length == 0)
            yield return new Problem("Influx:Bucket", 0, "", "", "is empty: name the bucket, or the database of 1.x");
        if (influx.Token.Length > 0 && influx.Username.Length > 0)
            yield return new Problem("Influx:Token", 0, "", "", "both a token and a user name are given; one of them has to go");
    }

    private static bool IsInflux(string store) => store.Equals("Influx", StringComparison.OrdinalIgnoreCase);

    [GeneratedRegex(@"^\d+(\.\d+)? ?([KMGT]i?B|%)$", RegexOptions.IgnoreCase)]
    private static partial Regex ByteSize();
}
