using Microsoft.EntityFrameworkCore;
using Vigil.Model;
using Vigil.Registry;
using Vigil.Storage.Records;
using Vigil.Tests.Storage.Records;
using Vigil.Web.Accounts;
using static Vigil.Tests.Web.Running;

namespace Vigil.Tests.Registry;

/// <summary>Who is to be visited: by the intervals of the policy document, and because of alarms and watches.</summary>
public sealed class VisitPlanTests : IDisposable
{
    private static readonly DateTime Now = new(2026, 3, 20, 1, 0, 0, DateTimeKind.Utc);
    private readonly DirectoryInfo folder = Directory.CreateTempSubdirectory("vigil-visits");

    [Fact]
    public async Task Frequency_follows_the_category_and_a_phone_call_is_no_home_visit()
    {
        var records = await ReadyAsync(db =>
        {
            Add(db, "general", "独居", false, ("home", 20));
            Add(db, "general-due", "独居", false, ("phone", 29));
            Add(db, "key", "空巢", true, ("home", 15));
            Add(db, "disabled", "失能", false, ("home", 40), ("phone", 2));
            Add(db, "watched-remotely", "独居", false, ("remote", 1), ("home", 30));
        });
        var asked = await VisitPlan.ReadAsync(records, null, Now, TimeSpan.FromDays(1), Token);
        Assert.Equal(["disabled", "watched-remotely", "general-due", "key"], asked.Select(a => a.Resident));
        Assert.Equal(["disabled", "monthly", "monthly", "key"], asked.Select(a => a.Cause));
    }

    [Fact]
    public async Task An_alarm_comes_first_then_heightened_watch_until_somebody_was_there()
    {
        var alarm = Guid.NewGuid();
        var records = await ReadyAsync(db =>
        {
            db.Areas.Add(
                new Area
                {
                    Code = "441900003",
                    Name = "镇",
                    WatchFrom = Now.AddHours(-5),
                    WatchUntil = Now.AddDays(2),
                    WatchReason = "台风",
                }
            );
            Add(db, "seen", "独居", false, ("home", 0));
            Add(db, "not-seen", "独居", false, ("home", 3));
            Add(db, "alarmed", "独居", false, ("home", 3));
            db.Alarms.Add(
                new Alarm
                {
                    Id = alarm,
                    Subject = "alarmed",
                    ResidentId = "alarmed",
                    Area = "441900003001",
                    Kind = "no-water",
                    Severity = Severity.High,
                    Episode = "e",
                    Reason = "r",
                    ReasonZh = "r",
                    RaisedAt = Now,
                    OpenedAt = Now.AddHours(-1),
                    State = AlarmState.InHand,
                    AcknowledgedAt = Now.AddHours(-1),
                    AcknowledgedBy = "duty",
                    OpenKey = "alarmed|no-water",
                }
            );
        });
        var asked = await VisitPlan.ReadAsync(new BoundRecords(records, "4419"), null, Now, TimeSpan.FromDays(1), Token);
        Assert.Equal([("alarmed", "alarm", alarm), ("not-seen", "watch", (Guid?)null)], asked.Select(a => (a.Resident, a.Cause, a.Alarm)));
        Assert.Equal(Now.AddMinutes(-15), asked[0].Due); // 45 minutes after somebody said that a visitor is on the way
        Assert.Empty(await VisitPlan.ReadAsync(new BoundRecords(records, "4401"), null, Now, TimeSpan.FromDays(1), Token));
        // A watch over the town holds in its villages: an account bound to one of them sees the same visits.
        Assert.Equal(asked, await VisitPlan.ReadAsync(new BoundRecords(records, "441900003001"), null, Now, TimeSpan.FromDays(1), Token));
        // Who has refused visits is planned none, and is visited for an alarm all the same.
        await using (var db = await records.CreateDbContextAsync(Token))
            await db.Residents.ExecuteUpdateAsync(u => u.SetProperty(r => r.ConsentService, false), Token);
        Assert.Equal(["alarmed"], (await VisitPlan.ReadAsync(records, null, Now, TimeSpan.FromDays(60), Token)).Select(a => a.Resident));
    }

    public void Dispose()
    {
        Microsoft.Data.Sqlite.SqliteConnection.ClearAllPools();
        folder.Delete(recursive: true);
    }

    private async Task<RecordsFactory> ReadyAsync(Action<RecordsDb> fill)
    {
        var records = await FreshRecords.SqliteAsync(folder.FullName);
        await using var db = await records.CreateDbContextAsync(Token);
        fill(db);
        await db.SaveChangesAsync(Token);
        return records;
    }

    private static void Add(RecordsDb db, string id, string categories, bool key, params (string Form, int DaysAgo)[] visits)
    {
        db.Residents.Add(
            new Resident
            {
                Id = id,
                Name = id,
                Area = "441900003001",
                Categories = categories,
                KeyClass = key,
                CreatedAt = Now.AddDays(-100),
                UpdatedAt = Now,
            }
        );
        foreach (var (form, days) in visits)
            db.Visits.Add(
                new Visit
                {
                    Id = Guid.NewGuid(),
                    ResidentId = id,
                    Time = Now.AddDays(-days),
                    Form = form,
                    RecordedBy = "v1",
                }
            );
    }
}
