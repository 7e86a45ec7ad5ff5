using System.Diagnostics.Metrics;
using System.Globalization;
using Microsoft.Data.Sqlite;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.Logging.Abstractions;
using Microsoft.Extensions.Time.Testing;
using Vigil.Host.Backup;
using Vigil.Model;
using Vigil.Storage;
using Vigil.Storage.Readings;
using Vigil.Storage.Readings.DuckDb;
using Vigil.Storage.Records;
using Vigil.Tests.Storage.Records;
using static Vigil.Tests.Web.Running;

namespace Vigil.Tests.Host;

/// <summary>Scheduled backups, and restores of good and damaged ones, on real databases in this process.</summary>
public sealed class BackupTests : IAsyncLifetime
{
    private static readonly TimeZoneInfo Shanghai = TimeZoneInfo.FindSystemTimeZoneById("Asia/Shanghai");
    private readonly string folder = Directory.CreateTempSubdirectory("vigil-backup-").FullName;
    private readonly FakeTimeProvider clock = new(new DateTimeOffset(2026, 3, 1, 1, 0, 0, TimeSpan.FromHours(8)));
    private readonly Meter meter = new("Vigil.Tests");
    private readonly List<string> said = [];
    private Troubles troubles = null!;
    private DuckDbReadingStore readings = null!;
    private RecordsFactory records = null!;

    private string Data => Path.Combine(folder, "data");

    private string Into => Path.Combine(folder, "backups");

    public async ValueTask InitializeAsync()
    {
        troubles = new Troubles(clock);
        var keys = FieldKeys.Open(Path.Combine(Data, "keys", "fields.key"));
        await (await FreshRecords.SqliteAsync(Data)).MigrateAsync(Token);
        records = RecordsServices.CreateFactory("Sqlite", null, Data, keys);
        new DataFolder(Data).Write(new DataFolder.Known { Since = clock.GetUtcNow().UtcDateTime, Records = "Sqlite" });
        await using (var db = records.CreateDbContext())
        {
            db.Residents.Add(
                new Resident
                {
                    Id = "R1",
                    Name = "王秀英",
                    Area = "440100001001",
                    Phone = "+8613800138000",
                }
            );
            await db.SaveChangesAsync(Token);
        }

        readings = new DuckDbReadingStore(Path.Combine(Data, "readings.duckdb"), new DuckDbOptions { LowDiskBytes = 0 });
        await readings.AppendAsync(
            [
                new Reading
                {
                    Device = new DeviceId("m"),
                    Metric = Metric.WaterVolume,
                    Time = clock.GetUtcNow().UtcDateTime,
                    Received = clock.GetUtcNow().UtcDateTime,
                    Value = 1,
                },
            ],
            Token
        );
        Directory.CreateDirectory(Path.Combine(Data, "rules"));
        await File.WriteAllTextAsync(Path.Combine(Data, "rules", "rules-0-of-16.state"), "state", Token);
        File.SetLastWriteTimeUtc(
            Path.Combine(Data, "rules", "rules-0-of-16.state"),
            new DateTime(2026, 2, 28, 16, 55, 0, DateTimeKind.Utc)
        );
        await File.WriteAllTextAsync(Path.Combine(Data, "links.key"), new string('k', 32), Token);
    }

    public async ValueTask DisposeAsync()
    {
        await readings.DisposeAsync();
        meter.Dispose();
        SqliteConnection.ClearAllPools();
        Directory.Delete(folder, recursive: true);
    }

    [Fact]
    public async Task A_backup_is_made_every_day_at_three_once_and_the_oldest_go()
    {
        var backups = Schedule(("Backup:Keep", "2"));
        await LookAsync(backups, TimeSpan.FromMinutes(9));
        Assert.Empty(Made()); // no backup within the first minutes after a start
        for (var minute = 0; minute < 24 * 60 * 4; minute += 15)
        {
            await LookAsync(backups, TimeSpan.FromMinutes(15));
            Assert.InRange(Made().Count, 1, 2);
        }

        // There was none, so the first is made at once; the others are made at 3 a.m. in Shanghai, which is 19:00 UTC.
        Assert.All(Made(), name => Assert.StartsWith("T19", name["vigil-20260301".Length..], StringComparison.Ordinal));
        Assert.Equal(2, Made().Count);
        Assert.Empty(troubles.Now);
        // A restart makes no second backup of the same day.
        var again = Schedule(("Backup:Keep", "2"));
        var before = Made();
        await LookAsync(again, TimeSpan.FromMinutes(20));
        Assert.Equal(before, Made());
    }

    [Fact]
    public async Task A_backup_that_fails_is_said_tried_again_and_over_when_one_is_good()
    {
        await File.WriteAllTextAsync(Into, "a file where the folder should be", Token);
        var backups = Schedule();
        await LookAsync(backups, TimeSpan.FromMinutes(11));
        var trouble = Assert.Single(troubles.Now);
        Assert.Equal("backup", trouble.Case);
        Assert.True(trouble.Patience > TimeSpan.Zero);
        for (var hour = 0; hour < 27; hour++)
            await LookAsync(backups, TimeSpan.FromHours(1));
        trouble = Assert.Single(troubles.Now);
        Assert.Contains("no good backup has been made for", trouble.What, StringComparison.Ordinal);
        Assert.Equal(TimeSpan.Zero, trouble.Patience);
        File.Delete(Into);
        await LookAsync(backups, TimeSpan.FromMinutes(16));
        Assert.Empty(troubles.Now);
        Assert.Single(Made());
    }

    [Fact]
    public async Task A_backup_from_the_future_stops_no_backup_of_today()
    {
        var (made, manifest) = await MakeAsync();
        await File.WriteAllTextAsync(
            Path.Combine(made, Manifest.Name),
            System.Text.Json.JsonSerializer.Serialize(manifest with { Made = manifest.Made.AddYears(1) }),
            Token
        );
        await LookAsync(Schedule(), TimeSpan.FromMinutes(11));
        Assert.Equal(2, Made().Count);
    }

    [Fact]
    public async Task A_restore_brings_everything_back_into_an_empty_folder_and_no_key_stands_in_the_backup()
    {
        var (made, manifest) = await MakeAsync(Path.Combine(folder, "keys"));
        Assert.DoesNotContain(manifest.Files, f => f.Path.Contains("key", StringComparison.OrdinalIgnoreCase));
        Assert.DoesNotContain(
            Directory.EnumerateFiles(made, "*", SearchOption.AllDirectories),
            f => File.ReadAllText(f).Contains("+8613800138000", StringComparison.Ordinal)
        );
        var into = Path.Combine(folder, "new");
        await RestoreAsync(made, into, Path.Combine(folder, "keys"));
        var restored = RecordsServices.CreateFactory("Sqlite", null, into);
        await restored.MigrateAsync(Token);
        await using (var db = restored.CreateDbContext())
            Assert.Equal("+8613800138000", db.Residents.Single().Phone);
        Assert.Equal(1, DuckDbCopy.Check(Path.Combine(into, "readings.duckdb")).Rows);
        Assert.Equal(
            new DateTime(2026, 2, 28, 16, 55, 0, DateTimeKind.Utc),
            File.GetLastWriteTimeUtc(Path.Combine(into, "rules", "rules-0-of-16.state"))
        );
        Assert.Equal(new string('k', 32), await File.ReadAllTextAsync(Path.Combine(into, "links.key"), Token));
        Assert.NotNull(new DataFolder(into).Read()!.RestoredFrom);
        Assert.Contains(said, s => s.Contains("What happened after", StringComparison.Ordinal));
    }

    [Theory]
    [InlineData("flipped")]
    [InlineData("cut")]
    [InlineData("gone")]
    [InlineData("manifest")]
    [InlineData("no keys")]
    [InlineData("other keys")]
    public async Task A_bad_backup_restores_nothing_at_all(string what)
    {
        var (made, _) = await MakeAsync(Path.Combine(folder, "keys"));
        var file = Path.Combine(made, "records.db");
        if (what == "flipped")
        {
            var bytes = await File.ReadAllBytesAsync(file, Token);
            bytes[bytes.Length / 2] ^= 1;
            await File.WriteAllBytesAsync(file, bytes, Token);
        }

        if (what == "cut")
            using (var cut = new FileStream(file, FileMode.Open))
                cut.SetLength(cut.Length - 1);
        if (what == "gone")
            File.Delete(file);
        if (what == "manifest")
            await File.AppendAllTextAsync(Path.Combine(made, Manifest.Name), " ", Token);
        var keys = Path.Combine(folder, "keys");
        if (what == "other keys")
        {
            keys = Path.Combine(folder, "others");
            FieldKeys.Open(Path.Combine(keys, "keys", "fields.key"));
        }

        var into = Path.Combine(folder, "new");
        var refusal = await Assert.ThrowsAsync<UnusableDataException>(() => RestoreAsync(made, into, what == "no keys" ? null : keys));
        Assert.Contains(what.EndsWith("keys", StringComparison.Ordinal) ? "key" : "damaged", refusal.Message, StringComparison.Ordinal);
        Assert.True(
            !Directory.Exists(into)
                || !Directory
                    .EnumerateFileSystemEntries(into)
                    .Any(f => !Path.GetFileName(f).StartsWith(DataFolder.RunLock, StringComparison.Ordinal)),
            "something was written"
        );
    }

    [Fact]
    public async Task A_restore_overwrites_nothing_and_a_half_one_is_never_started_on()
    {
        var (made, _) = await MakeAsync(Path.Combine(folder, "keys"));
        Assert.Contains(
            "not empty",
            (await Assert.ThrowsAsync<UnusableDataException>(() => RestoreAsync(made, Data, Path.Combine(folder, "keys")))).Message,
            StringComparison.Ordinal
        );
        var half = Path.Combine(folder, "half");
        Directory.CreateDirectory(Path.Combine(half, DataFolder.Restoring));
        var refusal = await Assert.ThrowsAsync<UnusableDataException>(() =>
            RecordsServices.CreateFactory("Sqlite", null, half).MigrateAsync(Token)
        );
        Assert.Contains("a restore into", refusal.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_backup_that_was_stopped_is_taken_for_none()
    {
        Directory.CreateDirectory(Path.Combine(Into, "vigil-20260301T190000Z.partial"));
        Directory.CreateDirectory(Path.Combine(Into, "vigil-20260301T190001Z")); // a person renamed the folder; it has no manifest
        Assert.Null(Manifest.Newest(Into));
        Assert.Throws<UnusableDataException>(() => Manifest.Read(Path.Combine(Into, "vigil-20260301T190000Z.partial")));
        await LookAsync(Schedule(), TimeSpan.FromMinutes(11));
        Assert.NotNull(Manifest.Newest(Into));
        Assert.False(Directory.Exists(Path.Combine(Into, "vigil-20260301T190000Z.partial")));
    }

    private async Task LookAsync(Backups backups, TimeSpan later)
    {
        clock.Advance(later);
        await backups.LookAsync(Token);
    }

    private List<string> Made() =>
        Directory.Exists(Into)
            ? [.. Directory.EnumerateDirectories(Into, "vigil-*Z").Select(d => Path.GetFileName(d)).Order(StringComparer.Ordinal)]
            : [];

    private Backups Schedule(params (string Key, string Value)[] more) =>
        new(SettingsOf(Data, more), readings, records, troubles, clock, Shanghai, meter, NullLogger<Backups>.Instance);

    private Task<(string Folder, Manifest Manifest)> MakeAsync(string? keys = null) =>
        new BackupRun(SettingsOf(Data), readings, records, clock).MakeAsync(Into, keys, scheduled: false, said.Add, Token);

    private Task RestoreAsync(string made, string into, string? keys) =>
        new Restore(SettingsOf(into), said.Add).RunAsync(made, keys, Token);

    private Vigil.Host.Settings SettingsOf(string data, params (string Key, string Value)[] more)
    {
        var values = new Dictionary<string, string?>
        {
            ["Data:Path"] = data,
            ["Backup:Folder"] = Into,
            ["Time:Zone"] = "Asia/Shanghai",
            ["Data:ReserveMiB"] = "1",
        };
        foreach (var (key, value) in more)
            values[key] = value;
        var problems = new List<Problem>();
        var settings = Vigil.Host.Settings.Check(new ConfigurationBuilder().AddInMemoryCollection(values).Build(), problems);
        Assert.True(problems.Count == 0, string.Join(CultureInfo.InvariantCulture.TextInfo.ListSeparator, problems));
        return settings!;
    }
}
