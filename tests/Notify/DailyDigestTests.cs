using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.Logging.Abstractions;
using Vigil.Model;
using Vigil.Notify.Channels;
using Vigil.Notify.Digests;
using Vigil.Storage.Readings.DuckDb;
using Vigil.Storage.Records;

namespace Vigil.Tests.Notify;

/// <summary>A daughter wants to know each morning how yesterday was, and her father has agreed to it.</summary>
public sealed class DailyDigestTests : IAsyncLifetime
{
    private readonly string folder = Directory.CreateTempSubdirectory("vigil-digest-").FullName;
    private Night night = null!;
    private DuckDbReadingStore readings = null!;
    private DailyDigests digests = null!;

    private static CancellationToken Stop => TestContext.Current.CancellationToken;

    public async ValueTask InitializeAsync()
    {
        night = await Night.BeginAsync();
        readings = new DuckDbReadingStore(Path.Combine(folder, "readings.duckdb"), new());
        digests = new DailyDigests(
            night.Records,
            readings,
            new Routes([night.Heard], new Dictionary<string, string> { [""] = night.Heard.Provider }),
            night.Messages,
            night.Messages.Zone,
            night.Clock,
            new TimeOnly(8, 0),
            NullLogger<DailyDigests>.Instance
        );
        await using var db = await night.Records.CreateDbContextAsync(Stop);
        var home = await db.Residents.Include(r => r.Contacts).FirstAsync(Stop);
        db.Devices.Add(
            new Device
            {
                Id = "m1",
                Profile = "senml",
                ResidentId = home.Id,
                InstalledAt = DateTime.UnixEpoch,
            }
        );
        home.ConsentDailyLife = true;
        home.Contacts.Single(c => c.Order == 1).DailyDigest = true;
        await db.SaveChangesAsync(Stop);
        // It is noon on the 15th, local time. Each day 20 L were used at 07:00 and 20 L at 20:00, but on the 14th only 10 L at 09:00.
        var (rows, total) = (new List<Reading>(), 10.0);
        var from = new DateTime(2026, 1, 4, 16, 0, 0, DateTimeKind.Utc);
        for (var hour = 0; from.AddHours(hour) < night.Clock.GetUtcNow().UtcDateTime; hour++)
        {
            var (day, of) = (hour / 24, hour % 24);
            total +=
                day == 9 ? (of == 9 ? 0.010 : 0)
                : of is 7 or 20 ? 0.020
                : 0;
            rows.Add(
                new Reading
                {
                    Device = new DeviceId("m1"),
                    Metric = Metric.WaterVolume,
                    Time = from.AddHours(hour),
                    Received = from.AddHours(hour),
                    Value = total,
                }
            );
        }

        await readings.AppendAsync(rows, Stop);
    }

    public async ValueTask DisposeAsync()
    {
        digests.Dispose();
        await readings.DisposeAsync();
        await night.DisposeAsync();
        Directory.Delete(folder, recursive: true);
    }

    [Fact]
    public async Task Whoever_wants_it_hears_of_yesterday_once_against_the_homes_own_usual_day()
    {
        Assert.Equal(1, await digests.CycleAsync(Stop));
        Assert.Equal(0, await digests.CycleAsync(Stop));
        var told = Assert.Single(night.Heard.All);
        Assert.Equal((night.Contact1, Channel.Sms), (told.Address, told.Channel));
        Assert.Contains("01-14", told.Text, StringComparison.Ordinal);
        Assert.Contains("用水10升（平时40）", told.Text, StringComparison.Ordinal);
        Assert.Contains("09:00至09:00", told.Text, StringComparison.Ordinal);
        Assert.Contains("*", told.Text, StringComparison.Ordinal); // the name is masked
        night.Clock.Advance(TimeSpan.FromHours(12)); // it is midnight, too early for the next digest
        Assert.Equal(0, await digests.CycleAsync(Stop));
    }

    [Fact]
    public async Task A_slow_change_is_told_by_the_next_digest_and_by_none_after_it()
    {
        await using (var db = await night.Records.CreateDbContextAsync(Stop))
        {
            db.SlowChanges.Add(Rises(await db.Residents.Select(r => r.Id).FirstAsync(Stop), foundHoursAgo: 11));
            // found too long ago to be told
            db.SlowChanges.Add(Rises(await db.Residents.Select(r => r.Id).FirstAsync(Stop), foundHoursAgo: 8 * 24));
            await db.SaveChangesAsync(Stop);
        }

        Assert.Equal(1, await digests.CycleAsync(Stop));
        Assert.EndsWith(
            "20:00。近两周：起床比10月晚两小时（现在08:10，当时06:05）。",
            night.Heard.All[0].Text.Replace("09:00至09:00", "20:00", StringComparison.Ordinal),
            StringComparison.Ordinal
        );
        night.Clock.Advance(TimeSpan.FromDays(1));
        Assert.Equal(1, await digests.CycleAsync(Stop));
        Assert.DoesNotContain("近两周", night.Heard.All[1].Text, StringComparison.Ordinal);

        SlowChange Rises(string resident, int foundHoursAgo) =>
            new()
            {
                ResidentId = resident,
                Figure = DailyFigure.Rises,
                FoundAt = night.Clock.GetUtcNow().UtcDateTime.AddHours(-foundHoursAgo),
                Month = new DateOnly(2025, 10, 1),
                Before = 365,
                Now = 490,
            };
    }

    [Fact]
    public async Task A_contact_who_cannot_be_read_and_a_home_that_fails_keep_nobody_elses_morning_away()
    {
        await using (var db = await night.Records.CreateDbContextAsync(Stop))
        {
            var other = new Resident
            {
                Id = "a0",
                Name = "赵",
                Area = "440111001001",
                ConsentDailyLife = true,
            };
            other.Contacts.Add(
                new Contact
                {
                    ResidentId = "a0",
                    Order = 1,
                    Name = "赵大",
                    Phone = "+8613900000009",
                    DailyDigest = true,
                }
            );
            db.Residents.Add(other);
            var broken = new Resident
            {
                Id = "a1",
                Name = "钱",
                Area = "440111001001",
                ConsentDailyLife = true,
            };
            broken.Contacts.Add(
                new Contact
                {
                    ResidentId = "a1",
                    Order = 1,
                    Name = "钱大",
                    Phone = "+8613900000008",
                    DailyDigest = true,
                }
            );
            db.Residents.Add(broken);
            await db.SaveChangesAsync(Stop);
            await db.Database.ExecuteSqlRawAsync(
                "UPDATE Contacts SET Phone = substr(Phone, 1, 25) WHERE ResidentId = 'a0'; CREATE TRIGGER poison BEFORE INSERT ON "
                    + "Digests WHEN NEW.Channel = 'sms' AND NEW.ContactId = (SELECT Id FROM Contacts WHERE ResidentId = 'a1') AND "
                    + "NEW.Note = '' BEGIN SELECT RAISE(ABORT, 'poison'); END",
                Stop
            );
        }

        Assert.Equal(1, await digests.CycleAsync(Stop));
        Assert.Equal(night.Contact1, Assert.Single(night.Heard.All).Address);
        Assert.Equal(0, await digests.CycleAsync(Stop)); // tried again later, but not every minute
    }

    [Fact]
    public async Task Without_the_residents_consent_nobody_hears_anything()
    {
        await using (var db = await night.Records.CreateDbContextAsync(Stop))
            await db.Residents.ExecuteUpdateAsync(u => u.SetProperty(r => r.ConsentDailyLife, false), Stop);
        Assert.Equal(0, await digests.CycleAsync(Stop));
        Assert.Empty(night.Heard.All);
        // Nothing is told of a home that isn't watched either, whatever was agreed to before.
        await using (var db = await night.Records.CreateDbContextAsync(Stop))
            await db.Residents.ExecuteUpdateAsync(
                u => u.SetProperty(r => r.ConsentDailyLife, true).SetProperty(r => r.RefusesMonitoring, true),
                Stop
            );
        Assert.Equal(0, await digests.CycleAsync(Stop));
        Assert.Empty(night.Heard.All);
    }
}
