using Vigil.Model;
using Vigil.Registry;
using Vigil.Rules;
using Vigil.Storage.Records;
using Vigil.Tests.Storage.Records;

namespace Vigil.Tests.Registry;

/// <summary>What the rules are told about a home, for the present and for a past time.</summary>
public sealed class HomeFactsTests : IDisposable
{
    private static readonly DateTime Now = new(2026, 3, 20, 1, 0, 0, DateTimeKind.Utc);
    private readonly DirectoryInfo folder = Directory.CreateTempSubdirectory("vigil-facts");
    private readonly HomeFacts homes = new(p => p == "meter" ? new Reporting(TimeSpan.FromHours(1), [Metric.WaterVolume]) : null);

    private static CancellationToken Stop => TestContext.Current.CancellationToken;

    [Fact]
    public async Task An_absence_that_was_ended_counts_until_then_for_the_past_and_not_at_all_for_now()
    {
        var records = await ReadyAsync(db =>
        {
            Away(db, "running", -1, 1, null);
            Away(db, "over", -9, -8, null);
            Away(db, "came back early", -6, 2, -5);
            Away(db, "said to be back long after", -4, -3, -2);
            Away(db, "taken back before it began", -1, 3, -2);
            Away(db, "of last year", -300, -290, null);
        });
        await using var db = await records.CreateDbContextAsync(Stop);
        var live = Assert.Single(await homes.ReadAsync(db, null, Now, Now, Stop));
        Assert.Equal(["running"], live.Absences.Select(a => a.Author));
        var past = Assert.Single(await homes.ReadAsync(db, ["R1"], Now.AddDays(-30), Now, Stop));
        Assert.Equal(
            [("over", -8), ("came back early", -5), ("said to be back long after", -3), ("running", 1)],
            past.Absences.OrderBy(a => a.From).Select(a => (a.Author, (a.Until - Now).Days))
        );
    }

    [Fact]
    public async Task A_device_reports_as_its_own_entry_says_else_as_its_profile_does_and_one_without_a_profile_is_not_missed()
    {
        var records = await ReadyAsync(db =>
        {
            foreach (var (id, profile, minutes) in new[] { ("m", "meter", (int?)null), ("own", "meter", 15), ("gone", "no such", 15) })
                db.Add(
                    new Device
                    {
                        Id = id,
                        Profile = profile,
                        ResidentId = "R1",
                        ReportMinutes = minutes,
                        InstalledAt = Now,
                    }
                );
            db.Add(new Device { Id = "in stock", Profile = "meter" });
        });
        var (read, found) = (new List<string>(), new List<ResidentFacts>());
        await homes.ReadAllAsync(records, Now, some => Add(read, some.Select(d => d.Id)), some => Add(found, some), Stop);
        var home = Assert.Single(found);
        Assert.Equal(
            [("m", 60d, "water.volume"), ("own", 15d, "water.volume")],
            home.Devices.OrderBy(d => d.Id.Value)
                .Select(d => (d.Id.Value, d.Expected.ReportEvery!.Value.TotalMinutes, d.Expected.Expects.Single().Name))
        );
        Assert.Equal(["gone", "in stock", "m", "own"], read.Order(StringComparer.Ordinal));
    }

    [Fact]
    public async Task Each_of_some_thousand_homes_is_read_once_with_its_own_devices()
    {
        var records = await ReadyAsync(db =>
        {
            for (var i = 0; i < 4500; i++)
            {
                db.Add(
                    new Resident
                    {
                        Id = $"H{i}",
                        Name = "王",
                        Area = "440118101001",
                    }
                );
                for (var d = 0; d < i % 3; d++)
                    db.Add(
                        new Device
                        {
                            Id = $"d{d}-{i}",
                            Profile = "meter",
                            ResidentId = $"H{i}",
                        }
                    );
            }
        });
        var (read, found) = (new List<string>(), new List<ResidentFacts>());
        await homes.ReadAllAsync(records, Now, some => Add(read, some.Select(d => d.Id)), some => Add(found, some), Stop);
        Assert.Equal(4501, found.Count);
        Assert.Equal(4500, read.Distinct().Count());
        Assert.Equal(4501, found.Select(h => h.Id).Distinct().Count());
        Assert.All(
            found.Where(h => h.Id.Value != "R1"),
            h =>
            {
                var number = int.Parse(h.Id.Value[1..], System.Globalization.CultureInfo.InvariantCulture);
                Assert.Equal(
                    Enumerable.Range(0, number % 3).Select(d => $"d{d}-{number}"),
                    h.Devices.Select(d => d.Id.Value).Order(StringComparer.Ordinal)
                );
            }
        );
    }

    private static void Add<T>(List<T> to, IEnumerable<T> some)
    {
        lock (to)
            to.AddRange(some);
    }

    [Fact]
    public async Task A_heightened_watch_holds_from_its_beginning_and_a_villages_and_its_towns_are_one()
    {
        var records = await ReadyAsync(db =>
        {
            db.Add(Watched("440118101001", -3, -1));
            db.Add(Watched("440118101", -2, 1));
            db.Add(Watched("440119", -20, 9)); // in another county
        });
        await using var db = await records.CreateDbContextAsync(Stop);
        var live = Assert.Single(await homes.ReadAsync(db, null, Now, Now, Stop));
        Assert.Equal((Now.AddDays(-2), Now.AddDays(1)), (live.WatchFrom, live.WatchUntil));
        var past = Assert.Single(await homes.ReadAsync(db, null, Now.AddDays(-30), Now, Stop));
        Assert.Equal((Now.AddDays(-3), Now.AddDays(1)), (past.WatchFrom, past.WatchUntil));
    }

    public void Dispose()
    {
        Microsoft.Data.Sqlite.SqliteConnection.ClearAllPools();
        folder.Delete(recursive: true);
    }

    private async Task<RecordsFactory> ReadyAsync(Action<RecordsDb> fill)
    {
        var records = await FreshRecords.SqliteAsync(folder.FullName);
        await using var db = records.CreateDbContext();
        db.Add(
            new Resident
            {
                Id = "R1",
                Name = "陈",
                Area = "440118101001",
            }
        );
        fill(db);
        await db.SaveChangesAsync(Stop);
        return records;
    }

    private static Area Watched(string code, int from, int until) =>
        new()
        {
            Code = code,
            Name = code,
            WatchFrom = Now.AddDays(from),
            WatchUntil = Now.AddDays(until),
            WatchReason = "台风",
        };

    /// <summary>Adds an absence; times are in days from now.</summary>
    private static void Away(RecordsDb db, string what, int from, int until, int? ended) =>
        db.Add(
            new Absence
            {
                Id = Guid.NewGuid(),
                ResidentId = "R1",
                From = Now.AddDays(from),
                Until = Now.AddDays(until),
                Author = what,
                EndedAt = ended is { } days ? Now.AddDays(days) : null,
            }
        );
}
