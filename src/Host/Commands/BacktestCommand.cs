using System.CommandLine;
using System.Globalization;
using System.IO.Compression;
using System.Runtime.CompilerServices;
using Microsoft.EntityFrameworkCore;
using Vigil.Host.Backtest;
using Vigil.Model;
using Vigil.Registry;
using Vigil.Rules;
using Vigil.Storage;
using Vigil.Storage.Readings;
using Vigil.Storage.Records;

namespace Vigil.Host.Commands;

/// <summary><c>vigil backtest</c>: runs the rules over recorded readings, with a virtual clock and without network.</summary>
internal static class BacktestCommand
{
    public static Command Create()
    {
        var rules = new Option<string?>("--rules") { Description = "Rules file (default: the shipped rules)" };
        var readings = new Option<string?>("--readings") { Description = "CSV or CSV.gz: resident,device,metric,time,value" };
        var store = new Option<bool>("--store")
        {
            Description =
                "The service's own stored readings and registry instead of a file; beside a running service on DuckDB, a restored copy",
        };
        var resident = new Option<string?>("--resident") { Description = "With --store: this resident alone" };
        var config = RunCommand.ConfigOption();
        var from = new Option<string?>("--from") { Description = "First moment, ISO 8601" };
        var to = new Option<string?>("--to") { Description = "Last moment, ISO 8601" };
        var zone = new Option<string>("--zone") { Description = "Time zone of the homes", DefaultValueFactory = _ => "Asia/Shanghai" };
        var command = new Command("backtest", "Runs the rules over recorded readings; alarms as JSON lines")
        {
            rules,
            readings,
            store,
            resident,
            from,
            to,
            zone,
            config,
        };
        command.TreatUnmatchedTokensAsErrors = false;
        command.SetAction(
            async (result, cancellation) =>
            {
                var problems = new List<Problem>();
                var set = RuleSet.Load(result.GetValue(rules) ?? Settings.RulesPath(null), problems);
                foreach (var problem in problems)
                    Console.Error.WriteLine(problem);
                if (set is null)
                    return 1;
                if (!Time(result.GetValue(from), out var first) || !Time(result.GetValue(to), out var last))
                {
                    Console.Error.WriteLine("vigil backtest: --from and --to take times such as 2026-01-01T00:00:00+08:00");
                    return 2;
                }

                if (result.GetValue(store))
                    return await StoreAsync(
                        set,
                        result.GetValue(resident),
                        first,
                        last,
                        result.GetValue(config) ?? [],
                        result.UnmatchedTokens,
                        cancellation
                    );
                if (result.UnmatchedTokens.Count > 0 || result.GetValue(readings) is not { } path)
                {
                    Console.Error.WriteLine(
                        result.UnmatchedTokens.Count > 0
                            ? $"vigil backtest: '{result.UnmatchedTokens[0]}' is not understood"
                            : "vigil backtest: --readings FILE or --store is needed"
                    );
                    return 2;
                }

                if (!File.Exists(path))
                {
                    Console.Error.WriteLine($"vigil backtest: there is no file '{path}'");
                    return 2;
                }

                using var file = File.OpenRead(path);
                using Stream csv = path.EndsWith(".gz", StringComparison.OrdinalIgnoreCase)
                    ? new GZipStream(file, CompressionMode.Decompress)
                    : file;
                using var output = new StreamWriter(Console.OpenStandardOutput()) { AutoFlush = false };
                return BacktestRun.Run(
                    set,
                    TimeZoneInfo.FindSystemTimeZoneById(result.GetValue(zone)!),
                    csv,
                    first,
                    last,
                    output,
                    Console.Error
                );
            }
        );
        return command;
    }

    /// <summary>
    /// Over all homes of the registry (or one), with their devices, absences and stored readings. Beside a running service only where the
    /// readings are on a server: a DuckDB file can be opened by one process, so a copy is needed.
    /// </summary>
    private static async Task<int> StoreAsync(
        RuleSet rules,
        string? resident,
        DateTime? from,
        DateTime? to,
        string[] files,
        IReadOnlyList<string> arguments,
        CancellationToken cancellation
    )
    {
        if (RunCommand.Load(files, arguments) is not { } settings)
            return 1;
        if (DataFolderWatch.Uses(settings, "Readings:Store", "DuckDb") && new DataFolder(settings.DataPath).RunsElsewhere is { } service)
        {
            Console.Error.WriteLine(
                $"vigil backtest: {settings.DataPath} is in use by {service}, which alone can read its DuckDB file while it runs. Make a "
                    + "copy, for which it need not stop, and try the rules there: vigil backup FOLDER --keys KEYS, then vigil restore "
                    + "FOLDER/vigil-TIME --keys KEYS --Data:Path=COPY, then vigil backtest --store --Data:Path=COPY"
            );
            return 1;
        }

        await using var services = new ServiceCollection()
            .AddLogging()
            .AddSingleton(TimeProvider.System)
            .AddSingleton(settings.Zone)
            .AddReadings(settings.Configuration, settings.DataPath)
            .AddRecords(settings.Configuration, settings.DataPath)
            .BuildServiceProvider();
        var store = services.GetRequiredService<IReadingStore>();
        await using var db = await services.GetRequiredService<IDbContextFactory<RecordsDb>>().CreateDbContextAsync(cancellation);
        var until = to ?? services.GetRequiredService<TimeProvider>().GetUtcNow().UtcDateTime;
        using var output = new StreamWriter(Console.OpenStandardOutput()) { AutoFlush = false };
        try
        {
            var homes = HomesAsync(db, store, LiveRegistry.HomesOf(settings.Profiles), resident, from, until, cancellation);
            var priors = PriorsFile.Read(Path.Combine(settings.DataPath, "rules"), out var unread);
            if (unread is not null)
                Console.Error.WriteLine($"vigil backtest: new homes are judged by what is shipped: {unread}");
            return await BacktestRun.RunAsync(rules, settings.Zone, homes, from, until, output, Console.Error, priors);
        }
        catch (ReadingStoreException e)
        {
            Console.Error.WriteLine($"vigil backtest: {e.Message}");
            return 1;
        }
    }

    /// <summary>
    /// All homes of the registry, or one, with their readings, beginning some weeks before the first moment, from which the rules learn.
    /// </summary>
    internal static async IAsyncEnumerable<(ResidentFacts Facts, IReadOnlyList<Reading> Readings)> HomesAsync(
        RecordsDb db,
        IReadingStore store,
        HomeFacts homes,
        string? resident,
        DateTime? from,
        DateTime until,
        [EnumeratorCancellation] CancellationToken cancellation
    )
    {
        var since = (from ?? DateTime.UnixEpoch.AddYears(1)).AddDays(-35);
        var found = await homes.ReadAsync(db, resident is null ? null : [resident], since, until, cancellation);
        foreach (var home in found.OrderBy(h => h.Id.Value, StringComparer.Ordinal))
        {
            var readings = new List<Reading>();
            var devices = await db.PlacesOfAsync(home.Id.Value, cancellation);
            await foreach (var reading in store.QueryAsync(devices, null, since, until, cancellation))
                readings.Add(reading);
            yield return (home, readings);
        }
    }

    private static bool Time(string? text, out DateTime? time)
    {
        time = null;
        if (text is null)
            return true;
        if (!DateTimeOffset.TryParse(text, CultureInfo.InvariantCulture, DateTimeStyles.AssumeUniversal, out var at))
            return false;
        time = at.UtcDateTime;
        return true;
    }
}
