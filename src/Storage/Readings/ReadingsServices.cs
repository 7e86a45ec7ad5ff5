using System.ComponentModel.DataAnnotations;
using System.Diagnostics.Metrics;
using System.Text.RegularExpressions;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using Vigil.Model;
using Vigil.Storage.Readings.DuckDb;
using Vigil.Storage.Readings.Influx;

namespace Vigil.Storage.Readings;

public static partial class ReadingsServices
{
    /// <summary>
    /// Registers the reading store that <c>Readings:Store</c> names. The sections are taken to be free of <see cref="Check"/>'s problems.
    /// </summary>
    /// <param name="dataPath">Where the database file or the spool goes when the configuration doesn't say (Data:Path).</param>
    public static IServiceCollection AddReadings(this IServiceCollection services, IConfiguration configuration, string dataPath)
    {
        var options = configuration.GetSection(ReadingsOptions.Section).Get<ReadingsOptions>() ?? new();
        services.AddSingleton(options).AddSingleton<Retention>();
        if (IsInflux(options.Store))
        {
            var influx = configuration.GetSection(InfluxOptions.Section).Get<InfluxOptions>() ?? new();
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

    /// <summary>What is wrong with the sections Readings and Influx, all at once.</summary>
    public static IEnumerable<Problem> Check(IConfiguration configuration)
    {
        var store = configuration["Readings:Store"] ?? "DuckDb";
        var bound = Bind<ReadingsOptions>(configuration.GetSection(ReadingsOptions.Section), out _);
        foreach (var problem in bound)
            yield return problem;
        if (bound.Count > 0)
            yield break;
        if (!IsInflux(store))
        {
            if (!store.Equals("DuckDb", StringComparison.OrdinalIgnoreCase))
                yield return new Problem("Readings:Store", 0, "", store, "is neither DuckDb nor Influx");
            var wrong = Bind<DuckDbOptions>(configuration.GetSection("Readings:DuckDb"), out var duck);
            foreach (var problem in wrong)
                yield return problem;
            if (duck is null)
                yield break;
            if (!ByteSize().IsMatch(duck.MemoryLimit))
                yield return new Problem("Readings:DuckDb:MemoryLimit", 0, "", duck.MemoryLimit, "is not a size such as 1GB or 512MB");
            if (!ByteSize().IsMatch(duck.CheckpointSize))
                yield return new Problem("Readings:DuckDb:CheckpointSize", 0, "", duck.CheckpointSize, "is not a size such as 64MB");
            if (Directory.Exists(duck.Path))
                yield return new Problem("Readings:DuckDb:Path", 0, "", duck.Path, "is a folder; the database is a file");
            yield break;
        }

        var problems = Bind<InfluxOptions>(configuration.GetSection(InfluxOptions.Section), out var influx);
        foreach (var problem in problems)
            yield return problem;
        if (influx is null)
            yield break;
        if (influx.Api is not ("v1" or "v2"))
            yield return new Problem("Influx:Api", 0, "", influx.Api, "is neither v1 (1.x) nor v2 (2.x, 3.x, 1.8)");
        if (!Uri.TryCreate(influx.Url, UriKind.Absolute, out var url) || url.Scheme is not ("http" or "https"))
            yield return new Problem("Influx:Url", 0, "", influx.Url, "is not an http or https address");
        if (influx.Bucket.Length == 0)
            yield return new Problem("Influx:Bucket", 0, "", "", "is empty: name the bucket, or the database of 1.x");
        if (influx.Token.Length > 0 && influx.Username.Length > 0)
            yield return new Problem("Influx:Token", 0, "", "", "both a token and a user name are given; one of them has to go");
    }

    private static bool IsInflux(string store) => store.Equals("Influx", StringComparison.OrdinalIgnoreCase);

    /// <summary>Reads a section; what can't be read, and what is out of its range, becomes problems.</summary>
    private static List<Problem> Bind<T>(IConfigurationSection section, out T? options)
        where T : class, new()
    {
        var problems = new List<Problem>();
        options = null;
        try
        {
            options = section.Get<T>() ?? new T();
        }
        catch (InvalidOperationException e)
        {
            // The binder names the key in its message only: "… at 'Influx:SpoolBytes' …".
            var key = KeyInMessage().Match(e.Message) is { Success: true } named ? named.Groups[1].Value : section.Path;
            problems.Add(
                new Problem(key, 0, "", section[key[section.Path.Length..].TrimStart(':')] ?? "", e.InnerException?.Message ?? e.Message)
            );
            return problems;
        }

        var found = new List<ValidationResult>();
        Validator.TryValidateObject(options, new ValidationContext(options), found, validateAllProperties: true);
        foreach (var wrong in found)
        {
            var key = $"{section.Path}:{wrong.MemberNames.FirstOrDefault()}";
            problems.Add(
                new Problem(key, 0, "", section[wrong.MemberNames.FirstOrDefault() ?? ""] ?? "", wrong.ErrorMessage ?? "is not allowed")
            );
        }

        return problems;
    }

    [GeneratedRegex("at '([^']+)'")]
    private static partial Regex KeyInMessage();

    [GeneratedRegex(@"^\d+(\.\d+)? ?([KMGT]i?B|%)$", RegexOptions.IgnoreCase)]
    private static partial Regex ByteSize();
}
