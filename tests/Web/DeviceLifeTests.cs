using Microsoft.EntityFrameworkCore;
using Vigil.Model;
using Vigil.Notify;
using Vigil.Notify.Escalation;
using Vigil.Registry;
using Vigil.Storage.Records;
using Vigil.Tests.Registry;
using Vigil.Tests.Servers;
using Vigil.Tests.Storage.Records;
using Vigil.Web.Accounts;
using Vigil.Web.Operations;

namespace Vigil.Tests.Web;

public sealed class SqliteDeviceLifeTests : DeviceLifeTests
{
    private readonly string folder = Directory.CreateTempSubdirectory("vigil-devices-").FullName;

    protected override Task<RecordsFactory> BeginAsync() => FreshRecords.SqliteAsync(folder);

    public override ValueTask DisposeAsync()
    {
        Microsoft.Data.Sqlite.SqliteConnection.ClearAllPools();
        Directory.Delete(folder, recursive: true);
        return base.DisposeAsync();
    }
}

[Trait("Category", "Server")]
public sealed class PostgresDeviceLifeTests(PostgresServer server) : DeviceLifeTests, IClassFixture<PostgresServer>
{
    protected override async Task<RecordsFactory> BeginAsync() => await FreshRecords.PostgresAsync(await server.CreateDatabaseAsync());
}

/// <summary>A device from the shelf into homes and out of use: what is written down of it, and what is refused.</summary>
public abstract class DeviceLifeTests : IAsyncLifetime
{
    private const string Village = "440114003201";
    private static readonly DateTime Noon = new(2026, 1, 15, 4, 0, 0, DateTimeKind.Utc);

    private RecordsFactory records = null!;

    private static CancellationToken Stop => TestContext.Current.CancellationToken;

    protected abstract Task<RecordsFactory> BeginAsync();

    public async ValueTask InitializeAsync()
    {
        records = await BeginAsync();
        await using var db = records.CreateDbContext();
        foreach (var (id, area) in new[] { ("R1", Village), ("R2", "440114003999"), ("R3", "440100001001") })
            db.Residents.Add(
                new Resident
                {
                    Id = id,
                    Name = "王秀英",
                    Area = area,
                    CreatedAt = Noon,
                    UpdatedAt = Noon,
                }
            );
        await db.SaveChangesAsync(Stop);
    }

    public virtual ValueTask DisposeAsync() => ValueTask.CompletedTask;

    [Fact]
    public async Task Each_step_stands_in_the_audit_with_who_why_before_and_after_and_where_it_was_is_kept()
    {
        Good(await By(0).RegisterAsync(new DeviceEntry("w1", "senml", "厨房"), Stop));
        Assert.Equal(DeviceStatus.InStock, (await FindAsync("w1")).Status);
        Good(await By(1).MoveAsync("w1", null, "R1", null, Stop));
        Good(await By(2).EditAsync("w1", (await FindAsync("w1")).Version, new DeviceEdit("浴室", null, 60, null), Stop));
        Good(await By(3).MoveAsync("w1", (await FindAsync("w1")).Version, "R2", null, Stop));
        Good(await By(4, why: "broken").ReplaceAsync("w1", null, "w2", null, retire: true, null, Stop));
        Good(await By(5).RestockAsync("w1", null, Stop));
        Good(await By(6).RetireAsync("w1", null, null, Stop));
        Good(await By(7).UnbindAsync("w2", null, null, Stop));

        var (old, next) = (await FindAsync("w1"), await FindAsync("w2"));
        Assert.Equal((DeviceStatus.Retired, null, Noon.AddHours(6)), (old.Status, old.ResidentId, old.RetiredAt!.Value));
        Assert.Equal((DeviceStatus.InStock, "浴室", 60, "440114003999"), (next.Status, next.Label, next.ReportMinutes, next.StockArea));
        await using var db = records.CreateDbContext();
        Assert.Equal(
            [
                ("w1", "R1", Noon.AddHours(1), Noon.AddHours(3)),
                ("w1", "R2", Noon.AddHours(3), Noon.AddHours(4)),
                ("w2", "R2", (DateTime?)null, Noon.AddHours(7)),
            ],
            (await db.FormerPlaces.OrderBy(p => p.Until).ToListAsync(Stop)).Select(p => (p.DeviceId, p.ResidentId, p.From, p.Until))
        );
        var told = await db.Audit.Where(a => a.Subject == "device:w1").OrderBy(a => a.Id).ToListAsync(Stop);
        Assert.Equal(["register", "move", "edit", "move", "replace", "restock", "retire"], told.Select(a => a.Action));
        Assert.All(told, a => Assert.Equal("duty:李", a.Who));
        Assert.Contains("label: 厨房 → 浴室; report minutes: — → 60", told[2].Detail, StringComparison.Ordinal);
        Assert.Contains("resident: R1 → R2", told[3].Detail, StringComparison.Ordinal);
        Assert.Contains("state: in-home → retired; resident: R2 → —", told[4].Detail, StringComparison.Ordinal);
        Assert.EndsWith("(broken)", told[4].Detail, StringComparison.Ordinal);
        Assert.Contains("replaces device:w1", (await db.Audit.FirstAsync(a => a.Subject == "device:w2", Stop)).Detail);
    }

    [Fact]
    public async Task A_device_in_stock_is_not_dated_back_into_the_home_that_it_was_in()
    {
        await AddAsync("w1", "R1");
        Good(await By(5).UnbindAsync("w1", null, null, Stop));
        async Task<DeviceRefusal?> DatedAsync(int hour) =>
            await By(7).EditAsync("w1", (await FindAsync("w1")).Version, new DeviceEdit(null, null, null, Noon.AddHours(hour)), Stop);
        var refused = (await DatedAsync(4))!;
        Assert.Equal(400, refused.Status);
        Assert.Contains("2026-01-15 08:00 lies before 2026-01-15 09:00", refused.Why.En, StringComparison.Ordinal);
        Assert.Contains("2026-01-15 08:00 早于", refused.Why.Zh, StringComparison.Ordinal);
        Good(await DatedAsync(6));
        Assert.Equal(Noon.AddHours(6), LatestReadings.HereSince(await FindAsync("w1")));
    }

    [Fact]
    public async Task Who_changes_what_somebody_else_has_changed_meanwhile_is_refused_and_of_two_at_once_one_is()
    {
        await AddAsync("w1", "R1");
        var seen = (await FindAsync("w1")).Version;
        await using (var db = records.CreateDbContext())
            await db.Devices.ExecuteUpdateAsync(
                u => u.SetProperty(d => d.LastSeenAt, Noon).SetProperty(d => d.FirstSeenAt, Noon).SetProperty(d => d.TestedAt, Noon),
                Stop
            );
        Assert.Equal(seen, (await FindAsync("w1")).Version); // that it spoke is no change of what is registered
        var answers = await Task.WhenAll(
            Enumerable.Range(0, 4).Select(i => Task.Run(() => By(1).MoveAsync("w1", seen, i % 2 == 0 ? "R2" : "R3", null, Stop), Stop))
        );
        Assert.Single(answers, a => a is null);
        Assert.All(answers.Where(a => a is not null), a => Assert.Equal(409, a!.Status));
        Assert.Equal(409, (await By(2).EditAsync("w1", seen, new DeviceEdit("x", null, null, null), Stop))!.Status);
        await using var after = records.CreateDbContext();
        Assert.Single(await after.FormerPlaces.ToListAsync(Stop));
    }

    [Fact]
    public async Task What_is_wrong_is_refused_in_both_languages_and_nothing_is_changed()
    {
        await AddAsync("w1", "R1");
        await AddAsync("w3", "R3");
        await AddAsync("gone", null, retired: true);
        var before = await FindAsync("w1");
        var refused = new (Task<DeviceRefusal?> Answer, int Status, string En, string Zh)[]
        {
            (By(1).RegisterAsync(new DeviceEntry("w1", "senml"), Stop), 409, "'w1' is registered already", "设备“w1”已登记"),
            (By(1).RegisterAsync(new DeviceEntry("gone", "senml"), Stop), 409, "'gone' is registered already", "设备“gone”已登记"),
            (By(1).RegisterAsync(new DeviceEntry("a b", "senml"), Stop), 400, "'a b' is no id", "“a b”不是设备编号"),
            (By(1).RegisterAsync(new DeviceEntry("n1", "sennml"), Stop), 400, "profile 'sennml'", "型号文件“sennml”"),
            (By(1).RegisterAsync(new DeviceEntry("n1", "senml", Resident: "R9"), Stop), 404, "resident 'R9'", "服务对象“R9”"),
            (By(1).RegisterAsync(new DeviceEntry("n1", "senml", StockArea: "44x"), Stop), 400, "'44x' is no area", "“44x”不是"),
            (By(1).RegisterAsync(new DeviceEntry("n1", "senml", new string('x', 101)), Stop), 400, "100 characters", "超过 100 个字"),
            (By(1).MoveAsync("w1", null, "R9", null, Stop), 404, "resident 'R9'", "服务对象“R9”"),
            (By(1).MoveAsync("w1", null, "R1", null, Stop), 409, "home of 'R1' already", "已在服务对象“R1”家中"),
            (By(1).MoveAsync("w9", null, "R1", null, Stop), 404, "no device 'w9'", "没有设备“w9”"),
            (By(1).MoveAsync("gone", null, "R1", null, Stop), 409, "'gone' is retired", "设备“gone”已报废"),
            (By(1).BindAsync("gone", "R1", null, null, null, Stop), 409, "'gone' is retired", "设备“gone”已报废"),
            (By(1).RetireAsync("gone", null, null, Stop), 409, "'gone' is retired", "设备“gone”已报废"),
            (By(1).RestockAsync("w1", null, Stop), 409, "'w1' is not retired", "设备“w1”并未报废"),
            (By(1).ReplaceAsync("w1", null, "gone", null, true, null, Stop), 409, "'gone' is retired", "设备“gone”已报废"),
            (By(1).ReplaceAsync("w1", null, "w3", null, true, null, Stop), 409, "resident 'R3' already", "已绑定到服务对象“R3”"),
            (By(1).ReplaceAsync("w1", null, "n1", "sennml", true, null, Stop), 400, "profile 'sennml'", "型号文件“sennml”"),
            (By(1).ReplaceAsync("gone", null, "n1", null, true, null, Stop), 409, "nobody's home", "不在任何服务对象家中"),
            (By(1).UnbindAsync("w1", null, Noon.AddHours(2), Stop), 400, "lies in the future", "在将来"),
            (By(1).UnbindAsync("w1", null, Noon.AddDays(-32), Stop), 400, "more than 31 days ago", "已超过 31 天"),
        };
        foreach (var (answer, status, en, zh) in refused)
        {
            var why = await answer;
            Assert.Equal((status, true, true), (why!.Status, why.Why.En.Contains(en), why.Why.Zh.Contains(zh)));
            Assert.Empty(Language.Sentences.Wrong(why.Why.En, why.Why.Zh));
        }

        Assert.Equal(before.Version, (await FindAsync("w1")).Version);
        await using var db = records.CreateDbContext();
        Assert.Equal(3, await db.Devices.CountAsync(Stop));
        Assert.Empty(await db.FormerPlaces.ToListAsync(Stop));
    }

    [Fact]
    public async Task Nothing_is_entered_for_a_time_before_the_device_came_where_it_is()
    {
        await AddAsync("w1", null);
        Good(await By(1).MoveAsync("w1", null, "R1", Noon.AddHours(-5), Stop));
        Assert.Equal(400, (await By(2).MoveAsync("w1", null, "R2", Noon.AddHours(-6), Stop))!.Status);
        Good(await By(2).MoveAsync("w1", null, "R2", Noon.AddHours(-2), Stop));
        await using var db = records.CreateDbContext();
        var place = await db.FormerPlaces.SingleAsync(Stop);
        Assert.Equal((Noon.AddHours(-5), Noon.AddHours(-2)), (place.From!.Value, place.Until));
        Assert.Equal(Noon.AddHours(2), (await FindAsync("w1")).RegisteredAt); // its grace begins when it was entered
    }

    [Fact]
    public async Task An_import_takes_no_retired_device_back_keeps_where_one_was_and_gives_one_from_stock_its_day()
    {
        await AddAsync("gone", null, retired: true);
        await AddAsync("shelf", null);
        await AddAsync("w1", "R1");
        var outcome = await records.ImportAsync($"编号,姓名,区划代码,设备1编号,设备1型号\nR1,王秀英,{Village},gone,senml\n");
        Assert.Equal([(2, "device 1 id", "gone")], outcome.Places());
        Assert.Contains("已报废", outcome.Problems[0].Message.Zh, StringComparison.Ordinal);
        await records.GoodAsync(
            $"编号,姓名,区划代码,设备1编号,设备1型号\nR1,王秀英,{Village},shelf,senml\n",
            new ImportOptions { Replace = true }
        );
        var (shelf, old) = (await FindAsync("shelf"), await FindAsync("w1"));
        Assert.Equal("R1", shelf.ResidentId);
        // Each moment of an import is later than the one before, by a microsecond.
        Assert.Equal(ImportedFile.Clock().GetUtcNow().UtcDateTime, shelf.PlacedAt!.Value, TimeSpan.FromSeconds(1));
        Assert.Equal((null, Village), (old.ResidentId, old.StockArea));
        await using var db = records.CreateDbContext();
        var place = await db.FormerPlaces.SingleAsync(Stop);
        Assert.Equal(("w1", "R1"), (place.DeviceId, place.ResidentId));
    }

    [Fact]
    public async Task A_town_sees_its_own_stock_alone_and_takes_devices_to_its_own_homes_alone()
    {
        await AddAsync("w1", "R1");
        await AddAsync("w3", "R3");
        await AddAsync("county", null);
        const string town = "440114003";
        Assert.Equal(404, (await By(1, area: town).UnbindAsync("w3", null, null, Stop))!.Status);
        Assert.Equal(404, (await By(1, area: town).MoveAsync("w1", null, "R3", null, Stop))!.Status);
        Good(await By(1, area: town).UnbindAsync("w1", null, null, Stop));
        Good(await By(2, area: town).RegisterAsync(new DeviceEntry("w9", "senml"), Stop));
        Assert.Equal(400, (await By(2, area: town).RegisterAsync(new DeviceEntry("w8", "senml", StockArea: "4401"), Stop))!.Status);
        await using (var db = records.CreateDbContext(town))
            Assert.Equal(["w1", "w9"], await db.Devices.OrderBy(d => d.Id).Select(d => d.Id).ToListAsync(Stop));
        await using (var other = records.CreateDbContext("440100"))
            Assert.Equal(["w3"], await other.Devices.Select(d => d.Id).ToListAsync(Stop));
        Good(await By(3, area: town).MoveAsync("w1", null, "R2", null, Stop));
    }

    [Fact]
    public async Task A_waiting_device_can_replace_another_and_an_alarm_that_it_had_raised_is_that_homes()
    {
        await AddAsync("b1", "R1");
        await using var db = records.CreateDbContext();
        db.Unbound.Add(
            new UnboundDevice
            {
                Id = "b2",
                Profile = "senml",
                Topic = "vigil/b2/up",
            }
        );
        await db.SaveChangesAsync(Stop);
        await Desk.CommitAsync([Host.PipelineParts.Finding(AlarmKind.Sos, Alarm.OfDevice + "b2")], Stop);
        Good(await By(1).ReplaceAsync("b1", null, "b2", null, retire: false, null, Stop));
        Assert.Equal("R1", (await db.Alarms.AsNoTracking().SingleAsync(Stop)).ResidentId);
        Assert.Empty(await db.Unbound.AsNoTracking().ToListAsync(Stop));
        Assert.Equal((DeviceStatus.InStock, "R1"), ((await FindAsync("b1")).Status, (await FindAsync("b2")).ResidentId));
    }

    [Fact]
    public async Task An_import_binds_a_device_that_had_called_as_a_person_does()
    {
        await using var db = records.CreateDbContext();
        foreach (var id in new[] { "b2", "b3" })
            db.Unbound.Add(
                new UnboundDevice
                {
                    Id = id,
                    Profile = "senml",
                    Topic = $"vigil/{id}/up",
                }
            );
        await db.SaveChangesAsync(Stop);
        foreach (var id in new[] { "b2", "b3" })
            await Desk.CommitAsync([Host.PipelineParts.Finding(AlarmKind.Sos, Alarm.OfDevice + id)], Stop);
        await records.GoodAsync($"编号,设备1编号,设备1型号\nR1,b2,senml\n");
        Assert.Equal(["b3"], await db.Unbound.Select(u => u.Id).ToListAsync(Stop));

        // The import may run in another process: the service looks for such alarms.
        var tied = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        Desk.Changed += change => tied.TrySetResult();
        using var watch = new Vigil.Host.ImportWatch(
            () => new RegistryImport(records, TimeProvider.System, p => p == "senml"),
            Desk,
            TimeProvider.System,
            Microsoft.Extensions.Logging.Abstractions.NullLogger<Vigil.Host.ImportWatch>.Instance
        );
        await watch.StartAsync(Stop);
        await tied.Task.WaitAsync(TimeSpan.FromSeconds(30), Stop);
        await watch.StopAsync(Stop);
        Assert.Equal(
            ["device:b2 R1", "device:b3 "],
            (await db.Alarms.AsNoTracking().ToListAsync(Stop)).Select(a => $"{a.Subject} {a.ResidentId}").Order(StringComparer.Ordinal)
        );
        Assert.Equal(0, await Desk.TieBoundAsync("import", Stop));
    }

    private AlarmDesk Desk =>
        field ??= new AlarmDesk(
            records,
            Policies.Load(Path.Combine(AppContext.BaseDirectory, "config", "policies.yaml"), [])!,
            TimeProvider.System,
            TimeZoneInfo.Utc
        );

    private DeviceOperations By(double hours, string area = "", string why = "") =>
        new(new BoundRecords(records, area), p => p is "senml" or "zigbee2mqtt", Desk, "duty:李", area, Noon.AddHours(hours), why);

    private static void Good(DeviceRefusal? answer) => Assert.Null(answer?.Why.En);

    private async Task<Device> FindAsync(string id)
    {
        await using var db = records.CreateDbContext();
        return await db.Devices.AsNoTracking().SingleAsync(d => d.Id == id, Stop);
    }

    private async Task AddAsync(string id, string? home, bool retired = false)
    {
        await using var db = records.CreateDbContext();
        db.Devices.Add(
            new Device
            {
                Id = id,
                Profile = "senml",
                ResidentId = home,
                InstalledAt = Noon.AddDays(-100),
                RegisteredAt = Noon.AddDays(-100),
                RetiredAt = retired ? Noon.AddDays(-1) : null,
            }
        );
        await db.SaveChangesAsync(Stop);
    }
}
