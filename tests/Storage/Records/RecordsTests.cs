using Microsoft.EntityFrameworkCore;
using Vigil.Model;
using Vigil.Storage.Records;
using Vigil.Tests.Servers;

namespace Vigil.Tests.Storage.Records;

public sealed class SqliteRecordsTests : RecordsTests
{
    private readonly string folder = Directory.CreateTempSubdirectory("vigil-records-").FullName;

    protected override Task<IDbContextFactory<RecordsDb>> BeginAsync() =>
        Task.FromResult<IDbContextFactory<RecordsDb>>(RecordsServices.CreateFactory("Sqlite", null, folder));
}

[Trait("Category", "Server")]
public sealed class PostgresRecordsTests(PostgresServer server) : RecordsTests, IClassFixture<PostgresServer>
{
    protected override async Task<IDbContextFactory<RecordsDb>> BeginAsync() =>
        RecordsServices.CreateFactory("Postgres", await server.CreateDatabaseAsync(), "");
}

/// <summary>What both databases must be able to do.</summary>
public abstract class RecordsTests
{
    private static readonly DateTime Noon = new(2026, 1, 15, 4, 0, 0, DateTimeKind.Utc);

    protected abstract Task<IDbContextFactory<RecordsDb>> BeginAsync();

    private static CancellationToken Stop => TestContext.Current.CancellationToken;

    public static TheoryData<string> Impossible =>
        ["resolved by nobody", "acknowledged by nobody", "open without its key", "resolved and still open", "no such severity"];

    [Theory]
    [MemberData(nameof(Impossible))]
    public async Task The_database_refuses_an_alarm_in_an_impossible_state(string what)
    {
        var records = await ReadyAsync();
        await using var db = await records.CreateDbContextAsync(Stop);
        var alarm = Alarm();
        switch (what)
        {
            case "resolved by nobody":
                (alarm.State, alarm.OpenKey) = (AlarmState.Resolved, null);
                break;
            case "acknowledged by nobody":
                alarm.State = AlarmState.Acknowledged;
                break;
            case "open without its key":
                alarm.OpenKey = null;
                break;
            case "resolved and still open":
                (alarm.State, alarm.ResolvedAt, alarm.ResolvedBy, alarm.Resolution) = (AlarmState.Resolved, Noon, "x", Resolution.True);
                break;
            default:
                alarm.Severity = (Severity)4;
                break;
        }

        db.Alarms.Add(alarm);
        await Assert.ThrowsAsync<DbUpdateException>(() => db.SaveChangesAsync(Stop));
    }

    [Fact]
    public async Task Devices_that_were_heard_are_noted_at_once_each_with_its_own_times_and_wait_no_longer_to_be_bound()
    {
        var records = await ReadyAsync();
        await using var db = await records.CreateDbContextAsync(Stop);
        db.Devices.Add(new Device { Id = "new", Profile = "senml" });
        db.Devices.Add(
            new Device
            {
                Id = "old \"水表\"",
                Profile = "senml",
                FirstSeenAt = Noon,
                LastSeenAt = Noon,
            }
        );
        db.Devices.Add(new Device { Id = "silent", Profile = "senml" });
        foreach (var id in new[] { "new", "stranger" })
            db.Unbound.Add(new UnboundDevice { Id = id, Topic = "t" });
        await db.SaveChangesAsync(Stop);
        var (first, last) = (Noon.AddSeconds(1).AddMicroseconds(1234), Noon.AddSeconds(30));
        await using (var turn = await WriteTurn.BeginAsync(db, first: false, Stop))
        {
            await HeardDevices.WriteAsync(
                db,
                [new("new", first, last), new("old \"水表\"", first, last.AddTicks(10)), new("?", first, last)],
                Stop
            );
            await turn.CommitAsync(Stop);
        }

        Assert.Equal(
            [("new", first, last), ("old \"水表\"", Noon, last.AddTicks(10)), ("silent", null, (DateTime?)null)],
            (await db.Devices.AsNoTracking().ToListAsync(Stop))
                .OrderBy(d => d.Id, StringComparer.Ordinal)
                .Select(d => (d.Id, d.FirstSeenAt, d.LastSeenAt))
        );
        Assert.Equal(["stranger"], await db.Unbound.Select(u => u.Id).ToListAsync(Stop));
        Assert.Equal(1, await db.Devices.CountAsync(d => d.LastSeenAt == last, Stop)); // compares equal to a time that EF itself writes
    }

    [Fact]
    public async Task There_is_one_open_alarm_of_a_kind_for_a_subject()
    {
        var records = await ReadyAsync();
        await using var db = await records.CreateDbContextAsync(Stop);
        db.Alarms.AddRange(Alarm(), Alarm());
        await Assert.ThrowsAsync<DbUpdateException>(() => db.SaveChangesAsync(Stop));
    }

    [Fact]
    public async Task Two_who_change_an_alarm_at_once_do_not_overwrite_each_other()
    {
        var records = await ReadyAsync();
        var alarm = Alarm();
        await using (var db = await records.CreateDbContextAsync(Stop))
        {
            db.Alarms.Add(alarm);
            await db.SaveChangesAsync(Stop);
        }

        await using var first = await records.CreateDbContextAsync(Stop);
        await using var second = await records.CreateDbContextAsync(Stop);
        (await first.Alarms.SingleAsync(Stop)).Version++;
        (await second.Alarms.SingleAsync(Stop)).Version++;
        await first.SaveChangesAsync(Stop);
        await Assert.ThrowsAsync<DbUpdateConcurrencyException>(() => second.SaveChangesAsync(Stop));
    }

    [Fact]
    public async Task Times_come_back_as_utc()
    {
        var records = await ReadyAsync();
        await using (var db = await records.CreateDbContextAsync(Stop))
        {
            db.Alarms.Add(Alarm());
            await db.SaveChangesAsync(Stop);
        }

        await using var again = await records.CreateDbContextAsync(Stop);
        var row = await again.Alarms.SingleAsync(Stop);
        Assert.Equal((Noon, DateTimeKind.Utc), (row.RaisedAt, row.RaisedAt.Kind));
    }

    [Fact]
    public void A_text_that_looks_like_a_formula_is_a_text_in_a_workbook()
    {
        using var book = new MemoryStream();
        Sheet.Write(
            book,
            "a.xlsx",
            ["name"],
            [
                ["=HYPERLINK(\"http://x\")"],
            ]
        );
        book.Position = 0;
        using var zip = new System.IO.Compression.ZipArchive(book, System.IO.Compression.ZipArchiveMode.Read, leaveOpen: true);
        using var reader = new StreamReader(zip.Entries.Single(e => e.FullName.EndsWith("sheet1.xml", StringComparison.Ordinal)).Open());
        Assert.DoesNotContain("<x:f>", reader.ReadToEnd().Replace("<f>", "<x:f>", StringComparison.Ordinal), StringComparison.Ordinal);
        book.Position = 0;
        Assert.Equal("=HYPERLINK(\"http://x\")", Sheet.Read(book, "a.xlsx").Last().Fields.Single());
    }

    private async Task<IDbContextFactory<RecordsDb>> ReadyAsync()
    {
        var records = await BeginAsync();
        await records.MigrateAsync(Stop);
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
