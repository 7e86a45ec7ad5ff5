using Microsoft.EntityFrameworkCore;
using Vigil.Model;
using Vigil.Storage.Records;
using Vigil.Tests.Servers;

namespace Vigil.Tests.Storage.Records;

public sealed class SqliteAuditTests : AuditTests, IDisposable
{
    private readonly string folder = Directory.CreateTempSubdirectory("vigil-audit-").FullName;

    protected override async Task<RecordsFactory> BeginAsync() => await FreshRecords.SqliteAsync(folder);

    public void Dispose()
    {
        Microsoft.Data.Sqlite.SqliteConnection.ClearAllPools();
        Directory.Delete(folder, recursive: true);
    }
}

[Trait("Category", "Server")]
public sealed class PostgresAuditTests(PostgresServer server) : AuditTests, IClassFixture<PostgresServer>
{
    protected override async Task<RecordsFactory> BeginAsync() => await FreshRecords.PostgresAsync(await server.CreateDatabaseAsync());
}

/// <summary>Whatever is changed or removed in the database itself is found and named, on both databases.</summary>
public abstract class AuditTests
{
    private static readonly DateTime Noon = new(2026, 1, 15, 4, 0, 0, DateTimeKind.Utc);
    private readonly string data = Directory.CreateTempSubdirectory("vigil-audit-key-").FullName;

    protected abstract Task<RecordsFactory> BeginAsync();

    private static CancellationToken Stop => TestContext.Current.CancellationToken;

    /// <summary>What somebody with write access to the database may do, and the words that report it.</summary>
    public static TheoryData<string, string> Tampering =>
        new()
        {
            { "UPDATE \"Audit\" SET \"Who\" = 'duty:d2' WHERE \"Place\" = 3", "at place 3 (read of r2 by duty:d2) was changed or moved" },
            {
                "UPDATE \"Audit\" SET \"Time\" = \"Time\" WHERE \"Place\" = 3; UPDATE \"Audit\" SET \"Detail\" = 'x' WHERE \"Place\" = 4",
                "at place 4"
            },
            { "DELETE FROM \"Audit\" WHERE \"Place\" = 3", "the row at place 3 is missing" },
            { "DELETE FROM \"Audit\" WHERE \"Place\" BETWEEN 2 AND 4", "the rows at places 2 to 4 are missing" },
            {
                "UPDATE \"Audit\" SET \"Place\" = 99 WHERE \"Place\" = 3; UPDATE \"Audit\" SET \"Place\" = 3 WHERE \"Place\" = 4; "
                    + "UPDATE \"Audit\" SET \"Place\" = 4 WHERE \"Place\" = 99",
                "at place 3"
            },
            { "UPDATE \"Timeline\" SET \"Text\" = 'he was well' WHERE \"What\" = 'note'", "was changed: it was 'note' by duty:d1" },
            {
                "UPDATE \"Timeline\" SET \"Who\" = 'duty:d2' WHERE \"What\" = 'acknowledged'",
                "was changed: it was 'acknowledged' by duty:d1"
            },
            { "DELETE FROM \"Timeline\" WHERE \"What\" = 'note'", "was deleted: note by duty:d1" },
            {
                "UPDATE \"Alarms\" SET \"Resolution\" = 5",
                "was changed outside: it is Resolved, acknowledged by duty:d1, resolved by duty:d1 as FalseMistake"
            },
            { "UPDATE \"Alarms\" SET \"ResolvedBy\" = 'duty:d2'", "resolved by duty:d2" },
            { "UPDATE \"Alarms\" SET \"AcknowledgedAt\" = '2026-01-15 04:00:01Z'", "was changed outside" },
            { "DELETE FROM \"Timeline\"; DELETE FROM \"Alarms\"", "was deleted" },
            { "DELETE FROM \"Audit\" WHERE \"Place\" > 8", "the newest rows were cut off: the log ends at place 8" },
            { "DELETE FROM \"Audit\"", "the newest rows were cut off: the log ends at place 0" },
        };

    [Theory]
    [MemberData(nameof(Tampering))]
    public async Task What_is_changed_behind_the_services_back_is_named(string sql, string named)
    {
        var records = await FilledAsync();
        using var key = AuditKey.Open(data);
        var head = key.Sign((await records.ChainAsync(everything: true, Stop))!.Value, Noon);
        Assert.Null(key.Refuses(head));
        var whole = await records.CheckAuditAsync([head], Stop);
        Assert.Equal((0, 9, 0), (whole.Problems.Count, whole.Rows, whole.Waiting));
        await using (var db = records.CreateDbContext())
            await db.Database.ExecuteSqlRawAsync(sql, Stop);
        var report = await records.CheckAuditAsync([head], Stop);
        Assert.True(report.Problems.Any(p => p.Contains(named, StringComparison.Ordinal)), string.Join('\n', report.Problems));
    }

    [Fact]
    public async Task The_services_own_test_presses_are_in_no_chain_and_are_not_missed_when_they_are_taken_away()
    {
        var records = await FilledAsync();
        var press = new Alarm
        {
            Id = Guid.NewGuid(),
            Subject = SelfTest.Name,
            Area = RecordsDb.Nowhere,
            Kind = "sos",
            OpenedAt = Noon,
            RaisedAt = Noon,
            Episode = "e",
            Reason = "r",
            ReasonZh = "r",
            OpenKey = "e",
        };
        await using (var db = records.CreateDbContext())
        {
            db.Alarms.Add(press);
            db.Timeline.Add(
                new TimelineEntry
                {
                    AlarmId = press.Id,
                    Time = Noon,
                    What = TimelineEvent.Opened,
                    Who = "rules",
                    Text = "r",
                    TextZh = "r",
                }
            );
            await db.SaveChangesAsync(Stop);
        }

        await records.ChainAsync(everything: true, Stop);
        var between = await records.CheckAuditAsync([], Stop);
        Assert.Equal((0, 0), (between.Problems.Count, between.Waiting));
        await using (var db = records.CreateDbContext())
            await db.Alarms.Where(a => a.Id == press.Id).ExecuteDeleteAsync(Stop);
        await records.ChainAsync(everything: true, Stop);
        Assert.Empty((await records.CheckAuditAsync([], Stop)).Problems);
    }

    [Fact]
    public async Task A_chain_that_was_built_anew_does_not_fit_the_head_that_was_kept_elsewhere()
    {
        var records = await FilledAsync();
        using var key = AuditKey.Open(data);
        // the head as the other machine has kept it
        var head = AuditHead.Read(key.Sign((await records.ChainAsync(everything: true, Stop))!.Value, Noon).Write())!;
        Assert.Null(key.Refuses(head));
        await using (var db = records.CreateDbContext())
        {
            await db.Database.ExecuteSqlRawAsync("UPDATE \"Audit\" SET \"Who\" = 'duty:d2' WHERE \"Place\" = 3", Stop);
            var before = "";
            foreach (var row in await db.Audit.OrderBy(a => a.Place).ToListAsync(Stop))
            {
                row.PreviousHash = before;
                before = row.Hash = AuditChain.HashOf(row);
            }

            await db.SaveChangesAsync(Stop);
        }

        // the chain alone looks correct; only a head that was kept elsewhere shows the change
        Assert.Empty((await records.CheckAuditAsync([], Stop)).Problems);
        Assert.Contains(
            "the chain was built anew",
            Assert.Single((await records.CheckAuditAsync([head], Stop)).Problems),
            StringComparison.Ordinal
        );
        Assert.Contains("not rightly signed", key.Refuses(head with { Place = 2 }), StringComparison.Ordinal);
        Assert.Contains("another key", key.Refuses(head with { Key = "0123" }), StringComparison.Ordinal);
    }

    [Fact]
    public async Task Rows_and_lines_of_many_writers_at_once_stand_in_one_chain_without_gaps()
    {
        var records = await BeginAsync();
        var alarm = Alarm();
        await using (var db = records.CreateDbContext())
        {
            db.Alarms.Add(alarm);
            await db.SaveChangesAsync(Stop);
        }

        var writers = Enumerable
            .Range(0, 4)
            .Select(w =>
                Task.Run(
                    async () =>
                    {
                        for (var i = 0; i < 60; i++)
                        {
                            await records.AddAsync(Noon, $"duty:{w}", "read", $"r{i}", "", Stop);
                            await using var db = records.CreateDbContext();
                            db.Timeline.Add(
                                new TimelineEntry
                                {
                                    AlarmId = alarm.Id,
                                    Time = Noon,
                                    What = TimelineEvent.Note,
                                    Who = $"duty:{w}",
                                    Text = $"{i}",
                                }
                            );
                            await db.SaveChangesAsync(Stop);
                        }
                    },
                    Stop
                )
            )
            .ToList();
        var all = Task.WhenAll(writers);
        var chainers = Enumerable
            .Range(0, 2)
            .Select(_ =>
                Task.Run(
                    async () =>
                    {
                        do await records.ChainAsync(everything: false, Stop);
                        while (!all.IsCompleted);
                    },
                    Stop
                )
            )
            .ToList();
        await all;
        await Task.WhenAll(chainers);
        var end = await records.ChainAsync(everything: true, Stop);
        Assert.Equal(2 * 4 * 60, end!.Value.Place);
        var report = await records.CheckAuditAsync([], Stop);
        Assert.Empty(report.Problems);
        Assert.Equal((480, 0), (report.Rows, report.Waiting));
    }

    [Fact]
    public async Task A_line_that_waits_is_no_problem_and_an_erased_persons_lines_are_known_to_have_gone()
    {
        var records = await FilledAsync();
        await records.ChainAsync(everything: true, Stop);
        await using (var db = records.CreateDbContext())
        {
            var alarm = await db.Alarms.SingleAsync(Stop);
            (alarm.State, alarm.ResolvedAt, alarm.ResolvedBy, alarm.Resolution, alarm.OpenKey) = (
                AlarmState.Acknowledged,
                null,
                null,
                Resolution.None,
                "r1|sos"
            );
            db.Timeline.Add(
                new TimelineEntry
                {
                    AlarmId = alarm.Id,
                    Time = Noon,
                    What = TimelineEvent.Reopened,
                    Who = "duty:d1",
                    Text = "",
                }
            );
            await db.SaveChangesAsync(Stop);
        }

        var report = await records.CheckAuditAsync([], Stop);
        Assert.Equal((0, 1), (report.Problems.Count, report.Waiting));
        await using (var db = records.CreateDbContext())
        {
            db.AddAudit(Noon, "admin", AuditLog.Erased, AuditChain.SubjectOf(await db.Alarms.Select(a => a.Id).SingleAsync(Stop)), "");
            await db.SaveChangesAsync(Stop);
            await records.ChainAsync(everything: true, Stop);
            await db.Timeline.ExecuteDeleteAsync(Stop);
        }

        Assert.Empty((await records.CheckAuditAsync([], Stop)).Problems);
    }

    [Fact]
    public async Task Rows_that_an_older_version_chained_still_fit_and_new_ones_follow_them()
    {
        var records = await BeginAsync();
        await using (var db = records.CreateDbContext())
        {
            var before = "";
            for (var i = 1; i <= 4; i++)
            {
                var row = new AuditEntry
                {
                    Time = Noon.AddSeconds(i),
                    Who = "duty:d1",
                    Action = "read",
                    Subject = $"r{i}",
                    Place = i,
                    PreviousHash = before,
                };
                before = row.Hash = AuditChain.OldHashOf(row);
                db.Audit.Add(row);
            }

            await db.SaveChangesAsync(Stop);
        }

        await records.AddAsync(Noon, "duty:d1", "read", "r5", "", Stop);
        Assert.Equal(5, (await records.ChainAsync(everything: true, Stop))!.Value.Place);
        Assert.Empty((await records.CheckAuditAsync([], Stop)).Problems);
        await using (var db = records.CreateDbContext())
            await db.Database.ExecuteSqlRawAsync("UPDATE \"Audit\" SET \"Who\" = 'x' WHERE \"Place\" = 2", Stop);
        Assert.Contains("at place 2", Assert.Single((await records.CheckAuditAsync([], Stop)).Problems), StringComparison.Ordinal);
    }

    /// <summary>Five rows of the audit log, and an alarm with four lines from its opening to its end.</summary>
    private async Task<RecordsFactory> FilledAsync()
    {
        var records = await BeginAsync();
        for (var i = 0; i < 5; i++)
            await records.AddAsync(Noon.AddTicks(i * 12345), "duty:d1", "read", $"r{i}", "", Stop);
        await using var db = records.CreateDbContext();
        var alarm = Alarm();
        (alarm.State, alarm.AcknowledgedAt, alarm.AcknowledgedBy, alarm.ResolvedAt, alarm.ResolvedBy, alarm.Resolution, alarm.OpenKey) = (
            AlarmState.Resolved,
            Noon.AddMinutes(1),
            "duty:d1",
            Noon.AddMinutes(9),
            "duty:d1",
            Resolution.True,
            null
        );
        foreach (
            var (what, i) in new[] { TimelineEvent.Opened, TimelineEvent.Acknowledged, TimelineEvent.Note, TimelineEvent.Resolved }.Select(
                (w, i) => (w, i)
            )
        )
            alarm.Timeline.Add(
                new TimelineEntry
                {
                    AlarmId = alarm.Id,
                    Time = Noon.AddMinutes(i).AddTicks(1234567),
                    What = what,
                    Who = i == 0 ? "rules" : "duty:d1",
                    Text = "fell",
                }
            );
        db.Alarms.Add(alarm);
        await db.SaveChangesAsync(Stop);
        return records;
    }

    private static Alarm Alarm() =>
        new()
        {
            Id = Guid.NewGuid(),
            Subject = "r1",
            Area = "",
            Kind = "sos",
            Severity = Severity.Critical,
            Episode = "e",
            Reason = "",
            ReasonZh = "",
            RaisedAt = Noon,
            OpenedAt = Noon,
            OpenKey = "r1|sos",
        };
}
