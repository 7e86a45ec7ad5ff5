using System.Globalization;
using System.Text.Json.Nodes;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.Logging.Abstractions;
using Microsoft.Extensions.Time.Testing;
using Vigil.Host;
using Vigil.Host.Backtest;
using Vigil.Host.Commands;
using Vigil.Ingest.Profiles;
using Vigil.Model;
using Vigil.Registry;
using Vigil.Rules;
using Vigil.Storage.Readings;
using Vigil.Storage.Readings.DuckDb;
using Vigil.Storage.Records;
using Vigil.Tests.Storage.Records;
using Vigil.Web;

namespace Vigil.Tests.Registry;

/// <summary>
/// One home, whose meter fell silent three times: before its area was put on heightened watch; during the watch, while the resident was
/// away and came back earlier than announced; and after it. The live service, a backtest of what it stored, and the console's trial of the
/// rules know the same facts of the home and so tell the same about its devices.
/// </summary>
public sealed class OneHomeTests
{
    private static readonly DateTime Start = new(2026, 2, 1, 0, 0, 0, DateTimeKind.Utc);
    private static readonly TimeZoneInfo Shanghai = TimeZoneInfo.FindSystemTimeZoneById("Asia/Shanghai");

    /// <summary>In hours since the start.</summary>
    private const int Now = 480,
        BeforeWatch = 48,
        UnderWatch = 120,
        AfterWatch = 300;

    private static CancellationToken Stop => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Live_a_backtest_and_the_console_say_the_same_of_a_homes_devices()
    {
        var folder = Directory.CreateTempSubdirectory("vigil-one-home-").FullName;
        try
        {
            var records = await FreshRecords.SqliteAsync(folder);
            var profiles = ProfileSet.Load(Path.Combine(AppContext.BaseDirectory, "devices"), []);
            var path = Path.Combine(AppContext.BaseDirectory, "config", "rules.yaml");
            var rules = RuleSet.Load(path, [])!;
            var readings = Enumerable.Range(0, Now).Where(Speaks).Select(Total).ToList();
            await RegisterAsync(records);
            var homes = LiveRegistry.HomesOf(profiles);
            var live = await LiveAsync(records, profiles, rules, readings);

            await using var store = new DuckDbReadingStore(Path.Combine(folder, "readings.duckdb"), new DuckDbOptions { LowDiskBytes = 0 });
            await store.AppendAsync(readings, Stop);
            var output = new StringWriter();
            await using var db = await records.CreateDbContextAsync(Stop);
            await BacktestRun.RunAsync(
                rules,
                Shanghai,
                BacktestCommand.HomesAsync(db, store, homes, null, null, At(Now), Stop),
                null,
                At(Now),
                output,
                TextWriter.Null
            );
            var backtest = output
                .ToString()
                .Split('\n', StringSplitOptions.RemoveEmptyEntries)
                .Select(l => JsonNode.Parse(l)!)
                .Where(n => n["kind"]!.GetValue<string>().StartsWith("device-", StringComparison.Ordinal))
                .Select(n =>
                    Line(
                        n["kind"]!.GetValue<string>(),
                        n["severity"]!.GetValue<string>(),
                        Time(n["raised"]!),
                        n["cleared"] is { } c ? Time(c) : null,
                        n["reason"]!.GetValue<string>()
                    )
                );
            var desk = new RulesDesk(path, false, homes, records, store, Shanghai, new FakeTimeProvider(new DateTimeOffset(At(Now))));
            var console = (await desk.TryAsync(await File.ReadAllTextAsync(path, Stop), "R1", Stop))
                .Now.Where(a => a.Kind.Name.StartsWith("device-", StringComparison.Ordinal))
                .Select(a => Line(a.Kind.Name, a.Severity.ToString(), a.Raised, a.Cleared, a.Reason));

            Assert.Equal(
                [
                    (BeforeWatch + 3, "technical"), // silent for 20 h without a watch: nobody has to look
                    (UnderWatch + 3, "high"), // the same silence under watch: somebody has to
                    (AfterWatch + 3, "high"),
                ],
                live.Select(l => (l.Hour, l.Severity))
            );
            Assert.Equal(live.Select(l => l.Words), backtest.Order(StringComparer.Ordinal));
            Assert.Equal(live.Select(l => l.Words), console.Order(StringComparer.Ordinal));
        }
        finally
        {
            Microsoft.Data.Sqlite.SqliteConnection.ClearAllPools();
            Directory.Delete(folder, recursive: true);
        }
    }

    /// <summary>
    /// Lives through all hours as the service does: with the registry as it was in that hour, and each reading when it arrives.
    /// </summary>
    private static async Task<List<(int Hour, string Severity, string Words)>> LiveAsync(
        IDbContextFactory<RecordsDb> records,
        ProfileSet profiles,
        RuleSet rules,
        List<Reading> readings
    )
    {
        var clock = new FakeTimeProvider(new DateTimeOffset(Start));
        var partitions = new RulePartitions(rules, Shanghai);
        var registry = new LiveRegistry(records, profiles, partitions, clock, NullLogger<LiveRegistry>.Instance);
        await registry.ReloadAsync(Stop);
        var findings = new List<Finding>();
        for (var hour = 0; hour <= Now; hour++)
        {
            clock.SetUtcNow(new DateTimeOffset(At(hour)));
            if (await HappensAsync(records, hour))
                await registry.ReloadAsync(Stop);
            partitions.Advance(clock, findings);
            foreach (var reading in readings.Where(r => r.Received == At(hour)))
                partitions.Apply(new ResidentId("R1"), reading, findings);
        }

        return
        [
            .. findings
                .Where(f => f.Kind.Name.StartsWith("device-", StringComparison.Ordinal))
                .GroupBy(f => f.Episode)
                .Select(e =>
                {
                    var (first, severity) = (e.First(), e.Max(f => f.Severity).ToString());
                    var cleared = e.FirstOrDefault(f => f.Change == FindingChange.Cleared)?.Time;
                    return (
                        (int)Math.Round((first.Time - Start).TotalHours),
                        severity.ToLowerInvariant(),
                        Line(first.Kind.Name, severity, first.Time, cleared, first.Reason)
                    );
                })
                .OrderBy(l => l.Item3, StringComparer.Ordinal),
        ];
    }

    /// <summary>A meter whose profile says how often it reports, one whose profile no longer exists, and an area.</summary>
    private static async Task RegisterAsync(IDbContextFactory<RecordsDb> records)
    {
        await using var db = await records.CreateDbContextAsync(Stop);
        db.Add(new Area { Code = "440118101", Name = "镇" });
        db.Add(
            new Resident
            {
                Id = "R1",
                Name = "陈",
                Area = "440118101001",
            }
        );
        foreach (var (id, profile) in new[] { ("meter", "kamstrup/multical21"), ("stranger", "no/such-profile") })
            db.Add(
                new Device
                {
                    Id = id,
                    Profile = profile,
                    ResidentId = "R1",
                    InstalledAt = Start,
                }
            );
        await db.SaveChangesAsync(Stop);
    }

    /// <summary>What people enter in that hour; false when they enter nothing.</summary>
    private static async Task<bool> HappensAsync(IDbContextFactory<RecordsDb> records, int hour)
    {
        await using var db = await records.CreateDbContextAsync(Stop);
        switch (hour - UnderWatch)
        {
            case 1:
                db.Add(
                    new Absence
                    {
                        Id = Guid.NewGuid(),
                        ResidentId = "R1",
                        From = At(hour),
                        Until = At(hour + 100),
                        Author = "儿子",
                    }
                );
                break;
            case 10:
                var area = await db.Areas.SingleAsync(a => a.Code == "440118101", Stop);
                (area.WatchFrom, area.WatchUntil) = (At(hour), At(hour + 100));
                break;
            case 14:
                (await db.Absences.SingleAsync(Stop)).EndedAt = At(hour);
                break;
            default:
                return false;
        }

        await db.SaveChangesAsync(Stop);
        return true;
    }

    private static bool Speaks(int hour) =>
        !(hour is > BeforeWatch and < BeforeWatch + 20) && !(hour is > UnderWatch and < UnderWatch + 20) && hour <= AfterWatch;

    private static Reading Total(int hour) =>
        new()
        {
            Device = new DeviceId("meter"),
            Metric = Metric.WaterVolume,
            Time = At(hour),
            Received = At(hour),
            Value = hour * 0.02,
        };

    private static DateTime At(int hour) => Start.AddHours(hour);

    private static DateTime Time(JsonNode node) =>
        DateTimeOffset.Parse(node.GetValue<string>(), CultureInfo.InvariantCulture, DateTimeStyles.AssumeUniversal).UtcDateTime;

    private static string Line(string kind, string severity, DateTime raised, DateTime? cleared, string reason) =>
        $"{raised:s} {kind} {severity.ToLowerInvariant()} {(cleared is { } c ? $"until {c:s}" : "")} {reason}";
}
