using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.Time.Testing;
using Vigil.Model;
using Vigil.Registry;
using Vigil.Storage.Records;
using Vigil.Tests.Servers;

namespace Vigil.Tests.Registry;

public sealed class SqliteRegistryImportTests : RegistryImportTests
{
    private readonly string folder = Directory.CreateTempSubdirectory("vigil-records-").FullName;

    protected override Task<IDbContextFactory<RecordsDb>> BeginAsync() =>
        Task.FromResult<IDbContextFactory<RecordsDb>>(RecordsServices.CreateFactory("Sqlite", null, folder));
}

[Trait("Category", "Server")]
public sealed class PostgresRegistryImportTests(PostgresServer server) : RegistryImportTests, IClassFixture<PostgresServer>
{
    protected override async Task<IDbContextFactory<RecordsDb>> BeginAsync() =>
        RecordsServices.CreateFactory("Postgres", await server.CreateDatabaseAsync(), "");
}

/// <summary>What the records contain after a registry file was imported, in both databases.</summary>
public abstract class RegistryImportTests
{
    private static readonly DateTime Noon = new(2026, 1, 15, 4, 0, 0, DateTimeKind.Utc);

    protected abstract Task<IDbContextFactory<RecordsDb>> BeginAsync();

    private static CancellationToken Stop => TestContext.Current.CancellationToken;

    [Fact]
    public async Task The_example_registry_is_imported_and_imported_again_without_change()
    {
        var records = await ReadyAsync();
        var import = new RegistryImport(records, new FakeTimeProvider(new DateTimeOffset(Noon)), p => p == "senml");
        var path = Path.Combine(AppContext.BaseDirectory, "docs", "registry.csv");
        for (var i = 0; i < 2; i++)
            Assert.Empty((await import.ImportAsync(path, dryRun: false, Stop)).Problems);
        await using var db = await records.CreateDbContextAsync(Stop);
        var resident = await db.Residents.Include(r => r.Contacts).Include(r => r.Devices).Include(r => r.Visitor).SingleAsync(Stop);
        Assert.Equal(["+8613800138001", "+85221234567"], resident.Contacts.OrderBy(c => c.Order).Select(c => c.Phone));
        Assert.Equal("陈探访", resident.Visitor!.Name);
        Assert.Equal(["sos-1", "water-1"], resident.Devices.Select(d => d.Id).Order());
        Assert.Equal(60, resident.Devices.Single(d => d.Id == "water-1").ReportMinutes);
        // with the shipped settings for numbers
        Assert.All(resident.Contacts, c => Assert.Null(Vigil.Notify.Escalation.Numbers.Shipped.Refuses(Channel.Sms, c.Phone!)));
        Assert.Equal(2, await db.DutyOfficers.CountAsync(Stop));
    }

    [Fact]
    public async Task A_rota_is_imported_with_its_substitutes_and_a_second_file_takes_its_place()
    {
        var records = await ReadyAsync();
        const string Heading = "记录,编号,姓名,区划代码,联系电话,替班编号,离岗自,离岗至,星期,时段,起始日,截止日\n";
        const string People =
            "值班,d1,李,440111,13800138004,d2,2026-02-16,2026-02-22,,,,\n值班,d2,张,440111,13800138006,,,,,,,\n"
            + "探访人,v1,陈,440111001001,13800138003,,,,,,,\n";
        var import = new RegistryImport(records, new FakeTimeProvider(new DateTimeOffset(Noon)), _ => true);
        foreach (
            var shifts in new[]
            {
                "值班班次,d1,,,,,,,1-5,08:00-20:00,,\n值班班次,d1,,,,,,,周六,,,\n探访班次,v1,,,,,,,,20:00-08:00,2026-01-01,2026-06-30\n",
                "值班班次,d1,,,,,,,6-1,9:00-24:00,,\n",
            }
        )
        {
            using var text = new StringReader(Heading + People + shifts);
            Assert.Empty((await import.ImportAsync(text, "x.csv", dryRun: false, Stop)).Problems);
        }

        await using var db = await records.CreateDbContextAsync(Stop);
        Assert.Equal(
            ("d2", new DateOnly(2026, 2, 22)),
            await db
                .DutyOfficers.Where(d => d.Id == "d1")
                .Select(d => new ValueTuple<string?, DateOnly?>(d.SubstituteId, d.AwayUntil))
                .SingleAsync(Stop)
        );
        var officer = await db.Shifts.SingleAsync(s => s.Who == "officer:d1", Stop);
        Assert.Equal((0b1100001, new TimeOnly(9, 0), TimeOnly.MinValue), (officer.Days, officer.From, officer.Until));
        Assert.Equal(new DateOnly(2026, 6, 30), (await db.Shifts.SingleAsync(s => s.Who == "visitor:v1", Stop)).LastDay);
        using var wrong = new StringReader(Heading + "值班班次,d9,,,,,,,0-5,8-20,2026-02-02,2026-01-01\n");
        var problems = (await import.ImportAsync(wrong, "x.csv", dryRun: false, Stop)).Problems;
        Assert.Equal(["days", "hours", "id", "last day"], problems.Select(p => p.Id).Order(StringComparer.Ordinal));
    }

    [Fact]
    public async Task Neither_a_missing_column_nor_an_empty_cell_changes_anything_and_one_under_a_heading_with_an_equals_sign_empties()
    {
        var records = await ReadyAsync();
        var import = new RegistryImport(records, new FakeTimeProvider(new DateTimeOffset(Noon)), _ => true);
        async Task<(Resident Resident, DutyOfficer Officer)> AfterAsync(string file)
        {
            using var text = new StringReader(file);
            Assert.Empty((await import.ImportAsync(text, "x.csv", dryRun: false, Stop)).Problems);
            await using var db = await records.CreateDbContextAsync(Stop);
            return (
                await db.Residents.Include(r => r.Contacts).Include(r => r.Household).SingleAsync(Stop),
                await db.DutyOfficers.SingleAsync(Stop)
            );
        }

        var whole = await AfterAsync(
            "记录,编号,姓名,区划代码,身份证号,电话,住址,重点,接受服务,同意共享日常生活信息,纬度,活动半径米,家庭每月收入,建档日期,邮箱,替班编号,离岗自,"
                + "紧急联系人1姓名,紧急联系人1电话,紧急联系人1关系,家庭成员1姓名,家庭成员1健康状况\n"
                + "老人,r1,王,440111001001,11010519491231002X,13800138000,村口1号,是,否,是,23.1,500,1200,2026-01-02,,,,甲,13800138001,女儿,乙,良好\n"
                + "值班,d1,李,440111,,13800138004,,,,,,,,,d1@example.com,d2,2026-02-16,,,,,\n"
        );
        Assert.Equal("d2", whole.Officer.SubstituteId);
        var (resident, officer) = await AfterAsync(
            "记录,编号,姓名,区划代码,紧急联系人1姓名,家庭成员1姓名\n老人,r1,王秀英,440111001001,甲,乙\n值班,d1,李,440111,,\n"
        );
        Assert.Equal("王秀英", resident.Name);
        Assert.Equal(
            ("11010519491231002X", "+8613800138000", "村口1号", true, false, true),
            (
                resident.IdentityNumber,
                resident.Phone,
                resident.Address,
                resident.KeyClass,
                resident.ConsentService,
                resident.ConsentDailyLife
            )
        );
        Assert.Equal(
            (23.1, 500, 1200, new DateOnly(2026, 1, 2)),
            (resident.HomeLatitude, resident.HomeRadiusMetres, resident.MonthlyIncome, resident.FiledOn)
        );
        Assert.Equal(("+8613800138001", "女儿"), (resident.Contacts.Single().Phone, resident.Contacts.Single().Relation));
        Assert.Equal("良好", resident.Household.Single().Health);
        Assert.Equal(
            ("+8613800138004", "d1@example.com", "d2", new DateOnly(2026, 2, 16)),
            (officer.Phone, officer.Mail, officer.SubstituteId, officer.AwayFrom)
        );
        (resident, officer) = await AfterAsync(
            "记录,编号,姓名,区划代码,电话,住址,重点,接受服务,活动半径米,替班编号\n老人,r1,,,,,,,,\n值班,d1,,,,,,,,\n"
        );
        Assert.Equal(
            ("王秀英", "+8613800138000", "村口1号", true, false, 500.0),
            (resident.Name, resident.Phone, resident.Address, resident.KeyClass, resident.ConsentService, resident.HomeRadiusMetres)
        );
        Assert.Equal(("李", "+8613800138004", "d2"), (officer.Name, officer.Phone, officer.SubstituteId));
        (resident, officer) = await AfterAsync(
            "记录,编号,电话=,住址＝,重点 =,接受服务=,活动半径米=,替班编号=\n老人,r1,,,,,,\n值班,d1,,,,,,\n"
        );
        Assert.Equal(
            ("", "", false, true, 300.0),
            (resident.Phone, resident.Address, resident.KeyClass, resident.ConsentService, resident.HomeRadiusMetres)
        );
        Assert.Equal(("", (string?)null), (officer.Phone, officer.SubstituteId));
        Assert.Equal("11010519491231002X", resident.IdentityNumber);

        // Contacts and household members are known by their number in the file: another name there is another person, who must not keep the
        // former one's phone.
        using var renamed = new StringReader("编号,姓名,区划代码,紧急联系人1姓名,家庭成员1姓名\nr1,王秀英,440111001001,丙,丁\n");
        var (problems, _) = await import.ImportAsync(renamed, "x.csv", dryRun: false, Stop);
        Assert.Equal("contact 1 phone", Assert.Single(problems).Id);
        (resident, _) = await AfterAsync("编号,姓名,区划代码,紧急联系人1姓名,紧急联系人1每日摘要\nr1,王秀英,440111001001,甲,是\n");
        Assert.True(resident.Contacts.Single().DailyDigest);

        // What the files said of consent is its history.
        await using var after = await records.CreateDbContextAsync(Stop);
        Assert.Equal(
            ["daily-life given x.csv", "visits given x.csv", "visits refused x.csv"],
            (await after.Consents.ToListAsync(Stop)).Select(c => $"{c.Purpose.Word()} {c.Decision.Word()} {c.How}").Order()
        );
        Assert.All(after.Consents, c => Assert.Equal(("r1", ConsentBy.Unstated), (c.ResidentId, c.By)));
        (resident, _) = await AfterAsync("编号,姓名,区划代码,紧急联系人1姓名,紧急联系人1电话\nr1,王秀英,440111001001,丙,13800138009\n");
        Assert.False(resident.Contacts.Single().DailyDigest);
        (resident, _) = await AfterAsync("编号,姓名,区划代码,家庭成员1姓名\nr1,王秀英,440111001001,丁\n");
        Assert.Equal(("丁", ""), (resident.Household.Single().Name, resident.Household.Single().Health));
    }

    [Fact]
    public async Task A_registry_with_errors_names_them_all_and_writes_nothing()
    {
        var records = await ReadyAsync();
        var import = new RegistryImport(records, new FakeTimeProvider(new DateTimeOffset(Noon)), p => p == "senml");
        using var text = new StringReader(
            "编号,姓名,区划代码,身份证号,紧急联系人1姓名,紧急联系人1电话,设备1编号,设备1型号\n"
                + "r1,王,440111001001,,甲,13800138001,w1,senml\nr2,,4401,110105194912310021,乙,12,w2,nothing\n"
        );
        var (problems, _) = await import.ImportAsync(text, "x.csv", dryRun: false, Stop);
        Assert.Equal(
            ["area", "contact 1 phone", "device 1 profile", "identity", "name"],
            problems.Where(p => p.Line == 3).Select(p => p.Id).Distinct().Order(StringComparer.Ordinal)
        );
        await using var db = await records.CreateDbContextAsync(Stop);
        Assert.Equal(0, await db.Residents.CountAsync(Stop));
    }

    [Fact]
    public async Task Whoever_is_bound_to_an_area_changes_no_officer_and_no_visitor_of_another_one()
    {
        var records = await ReadyAsync();
        var import = new RegistryImport(records, new FakeTimeProvider(new DateTimeOffset(Noon)), _ => true);
        const string Heading = "记录,编号,姓名,区划代码,联系电话,探访人编号,探访人姓名,探访人电话\n";
        using var elsewhere = new StringReader(
            Heading
                + "值班,d1,李,440111,13800138004,,,\n老人,r1,王,440111001001,,v1,陈,13800138003\n探访人,v2,赵,441900003,13800138005,,,\n"
        );
        Assert.Empty((await import.ImportAsync(elsewhere, "x.csv", dryRun: false, Stop)).Problems);

        async Task<IReadOnlyList<Vigil.Model.Problem>> BoundAsync(string rows) =>
            (
                await import.ImportAsync(
                    new MemoryStream(System.Text.Encoding.UTF8.GetBytes(Heading + rows)),
                    "x.csv",
                    dryRun: false,
                    Stop,
                    bound: "441900003001"
                )
            ).Problems;

        var problems = await BoundAsync(
            "值班,d1,我,441900003001,13900139000,,,\n"
                + "老人,r2,刘,441900003001,,v1,我,13900139000\n老人,r3,周,441900003001,,v1,,\n老人,r4,吴,441900003001,,v2,我,13900139000\n"
        );
        Assert.Equal(
            [(2, "id", "d1"), (3, "visitor id", "v1"), (4, "visitor id", "v1"), (5, "visitor id", "v2")],
            problems.Select(p => (p.Line, p.Id, p.Value))
        );
        Assert.All(problems, p => Assert.Contains("of another area", p.Message.En, StringComparison.Ordinal));
        Assert.Empty(await BoundAsync("老人,r4,吴,441900003001,,v2,赵,13800138005\n")); // another visitor of the same town

        await using var db = await records.CreateDbContextAsync(Stop);
        Assert.Equal("李", (await db.DutyOfficers.SingleAsync(Stop)).Name);
        Assert.Equal(
            [("陈", "+8613800138003"), ("赵", "+8613800138005")],
            (await db.Visitors.OrderBy(v => v.Id).ToListAsync(Stop)).Select(v => (v.Name, v.Phone))
        );
        Assert.Equal("v2", (await db.Residents.SingleAsync(r => r.Id == "r4", Stop)).VisitorId);
    }

    [Fact]
    public async Task A_workbook_of_Annex_1_is_imported_as_the_CSV_is()
    {
        var records = await ReadyAsync();
        var import = new RegistryImport(records, new FakeTimeProvider(new DateTimeOffset(Noon)), p => p == "senml");
        using var book = new MemoryStream();
        Sheet.Write(
            book,
            "a.xlsx",
            [
                "编号",
                "姓名",
                "区划代码",
                "出生日期",
                "联系电话",
                "对象类型",
                "户籍地址",
                "家庭每月收入",
                "家庭成员1姓名",
                "家庭成员1与户主关系",
                "紧急联系人1姓名",
                "紧急联系人1电话",
            ],
            [
                [
                    "r1",
                    "王秀英",
                    441900003001d,
                    new DateTime(1941, 5, 17),
                    13800138000d,
                    "独居,失能",
                    "广东省东莞市",
                    1200.5,
                    "王秀英",
                    "户主",
                    "王建国",
                    "13800138001",
                ],
            ]
        );
        book.Position = 0;
        Assert.Empty((await import.ImportAsync(book, "a.xlsx", dryRun: false, Stop)).Problems);
        await using var db = await records.CreateDbContextAsync(Stop);
        var r = await db.Residents.Include(x => x.Household).Include(x => x.Contacts).SingleAsync(Stop);
        Assert.Equal(
            ("441900003001", new DateOnly(1941, 5, 17), "+8613800138000", 1200.5, "户主"),
            (r.Area, r.BirthDate, r.Phone, r.MonthlyIncome, r.Household.Single().Relation)
        );

        var (problems, _) = await import.ImportAsync(new MemoryStream([1, 2, 3]), "b.xlsx", dryRun: false, Stop);
        Assert.Contains("not a readable workbook", Assert.Single(problems).Message.En, StringComparison.Ordinal);
    }

    [Fact]
    public async Task An_import_that_was_killed_while_it_was_written_is_finished_without_repeating_or_leaving_out_a_row()
    {
        var (records, clock) = (await ReadyAsync(), ImportedFile.Clock());
        var file = ImportedFile.Homes(451);
        var killed = new Told(p =>
        {
            if (p.Writing)
                throw new TimeoutException("killed");
        });
        await Assert.ThrowsAsync<TimeoutException>(() => records.ImportAsync(file, new ImportOptions { Who = "li" }, clock, killed, Stop));
        await using (var db = await records.CreateDbContextAsync(Stop))
        {
            Assert.Equal(200, await db.Residents.CountAsync(Stop));
            (await db.Residents.SingleAsync(r => r.Id == "r0", Stop)).Name = "改过";
            await db.SaveChangesAsync(Stop);
        }

        // The process of the killed import may still be alive, so nobody else may import yet.
        var (problems, _) = await records.ImportAsync(ImportedFile.Homes(1), clock: clock);
        Assert.Contains("another import", Assert.Single(problems).Message.En, StringComparison.Ordinal);
        clock.Advance(TimeSpan.FromSeconds(31));
        var import = new RegistryImport(records, clock, _ => true);
        Assert.Equal("x.csv", (await import.FinishAsync(Stop))!.Value.File);
        Assert.Null(await import.FinishAsync(Stop));
        await using var after = await records.CreateDbContextAsync(Stop);
        Assert.Equal(
            (451, 451, 451, 0, 0),
            (
                await after.Residents.CountAsync(Stop),
                await after.Contacts.CountAsync(Stop),
                await after.Devices.CountAsync(d => d.ResidentId != null, Stop),
                await after.ImportRuns.CountAsync(Stop),
                await after.ImportPieces.CountAsync(Stop)
            )
        );
        Assert.Equal("改过", (await after.Residents.SingleAsync(r => r.Id == "r0", Stop)).Name);
        Assert.Equal(("li", "x.csv"), await after.Audit.Select(a => new ValueTuple<string, string>(a.Who, a.Subject)).SingleAsync(Stop));
    }

    [Fact]
    public async Task The_next_import_finishes_the_one_that_was_killed_and_one_that_had_not_begun_is_forgotten()
    {
        var (records, clock) = (await ReadyAsync(), ImportedFile.Clock());
        var killed = new Told(p =>
        {
            if (p.Writing)
                throw new TimeoutException("killed");
        });
        await Assert.ThrowsAsync<TimeoutException>(() => records.ImportAsync(ImportedFile.Homes(450), null, clock, killed, Stop));
        clock.Advance(TimeSpan.FromSeconds(31));
        Assert.Empty((await records.ImportAsync("编号,姓名\nr449,最后\n", clock: clock)).Problems);
        await using (var db = await records.CreateDbContextAsync(Stop))
        {
            Assert.Equal(
                (450, "最后"),
                (await db.Residents.CountAsync(Stop), (await db.Residents.SingleAsync(r => r.Id == "r449", Stop)).Name)
            );
            db.Add(
                new ImportRun
                {
                    File = "half.csv",
                    Who = "",
                    Options = "{}",
                    Writer = Guid.NewGuid(),
                    AliveUntil = Noon,
                }
            );
            db.Add(new ImportPiece { Number = 0, Content = "half" });
            await db.SaveChangesAsync(Stop);
        }

        Assert.Empty((await records.ImportAsync("编号,姓名\nr449,再见\n", clock: clock)).Problems);
        await using var after = await records.CreateDbContextAsync(Stop);
        Assert.Equal((0, 0), (await after.ImportRuns.CountAsync(Stop), await after.ImportPieces.CountAsync(Stop)));
    }

    [Fact]
    public async Task An_import_that_is_ended_while_it_is_checked_has_written_nothing()
    {
        var records = await ReadyAsync();
        using var stop = new CancellationTokenSource();
        var ended = new Told(p => stop.Cancel());
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() =>
            records.ImportAsync(ImportedFile.Homes(1500), null, null, ended, stop.Token)
        );
        await using var db = await records.CreateDbContextAsync(Stop);
        Assert.Equal((0, 0), (await db.Residents.CountAsync(Stop), await db.ImportRuns.CountAsync(Stop)));
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task An_import_that_is_cancelled_while_it_is_written_leaves_the_database_as_it_was(bool killedMeanwhile)
    {
        var (records, clock) = (await ReadyAsync(), ImportedFile.Clock());
        await records.GoodAsync("记录,姓名,区划代码\n区划,云溪村,440111001001\n");
        await records.GoodAsync(ImportedFile.Homes(300) + "r300,周,440111001001,,周大,13700000300,d300,senml\n");
        await DecideAsync(records, "r2", Purpose.DailyLife, ConsentDecision.Given, ConsentBy.Resident);
        await using (var db = await records.CreateDbContextAsync(Stop))
        {
            db.Unbound.Add(
                new UnboundDevice
                {
                    Id = "waits",
                    Profile = "senml",
                    Topic = "vigil/waits/up",
                    LastPayload = [1, 2, 3],
                }
            );
            await db.SaveChangesAsync(Stop);
        }

        // Everything an import can do to 300 homes: change, remove, move, bind, withdraw; and 700 new ones, areas and people.
        var csv = new System.Text.StringBuilder(
            "记录,编号,姓名,区划代码,联系电话,同意共享日常生活信息,建档日期,家庭每月收入,探访人编号,探访人姓名,紧急联系人1姓名,紧急联系人1电话,紧急联系人2姓名,紧急联系人2电话,"
                + "家庭成员1姓名,设备1编号,设备1型号,设备2编号,设备2型号\n"
                + "区划,,石滩村,440111001002,,,,,,,,,,,,,,,\n值班,o1,李,440111,13800138004,,,,,,,,,,,,,,\n"
                + "探访人,v2,陈,440111001001,13800138003,,,,,,,,,,,,,,\n"
        );
        for (var i = 0; i < 1000; i++)
        {
            var people = i % 3 == 0 ? ",,,,," : FormattableString.Invariant($"王大,136{i:D8},王二,135{i:D8},王老,");
            var device = i == 7 ? "waits" : FormattableString.Invariant($"d{(i < 300 ? (i + 1) % 300 : i)}");
            csv.Append(
                System.Globalization.CultureInfo.InvariantCulture,
                $"老人,r{i},赵{i},440111001001,139{i:D8},{(i % 2 == 0 ? "否" : "是")},2026-01-02,1200.5,v1,王探访,{people}{device},senml,,\n"
            );
        }

        var before = await DumpAsync(records);
        clock.Advance(TimeSpan.FromHours(2)); // what was decided was decided before
        using var cancel = new CancellationTokenSource();
        var progress = new Told(p =>
        {
            if (p is { Writing: true, Rows: >= 600 })
                cancel.Cancel();
            if (killedMeanwhile && p is { TakenBack: true, Rows: <= 400 })
                throw new TimeoutException("killed");
        });
        var options = new ImportOptions { Replace = true, Who = "li" };
        var import = records.ImportAsync(csv.ToString(), options, clock, progress, Stop, cancel.Token);
        if (killedMeanwhile)
        {
            await Assert.ThrowsAsync<TimeoutException>(() => import);
            Assert.NotEqual(before, await DumpAsync(records));
            clock.Advance(TimeSpan.FromSeconds(31));
            Assert.Null(await new RegistryImport(records, clock, _ => true).FinishAsync(Stop));
        }
        else
            await Assert.ThrowsAsync<OperationCanceledException>(() => import);

        Assert.Equal(before, await DumpAsync(records));
        await using var after = await records.CreateDbContextAsync(Stop);
        Assert.Equal((0, 0), (await after.ImportRuns.CountAsync(Stop), await after.ImportPieces.CountAsync(Stop)));
        Assert.Contains("taken back", (await after.Audit.SingleAsync(Stop)).Detail, StringComparison.Ordinal);
        // The same file can be imported afterwards, to its end.
        Assert.True((await records.ImportAsync(csv.ToString(), options, clock)).Written);
        Assert.Equal(1000, await after.Residents.CountAsync(Stop));
    }

    [Fact]
    public async Task What_somebody_has_done_since_stays_when_an_import_is_taken_back()
    {
        var records = await ReadyAsync();
        await records.GoodAsync(ImportedFile.Homes(1));
        using var cancel = new CancellationTokenSource();
        var meanwhile = new Told(p =>
        {
            if (!p.Writing || cancel.IsCancellationRequested)
                return;
            using var db = records.CreateDbContext();
            db.Residents.Single(r => r.Id == "r0").Phone = "+8613600000000";
            db.Add(
                new Absence
                {
                    Id = Guid.NewGuid(),
                    ResidentId = "r1",
                    From = Noon,
                    Until = Noon.AddDays(1),
                    Author = "li",
                    Reason = "医院",
                }
            );
            db.SaveChanges();
            cancel.Cancel();
        });
        await Assert.ThrowsAsync<OperationCanceledException>(() =>
            records.ImportAsync(ImportedFile.Homes(450, "139"), null, null, meanwhile, Stop, cancel.Token)
        );
        await using var after = await records.CreateDbContextAsync(Stop);
        var left = await after.Residents.Include(r => r.Contacts).Include(r => r.Devices).OrderBy(r => r.Id).ToListAsync(Stop);
        Assert.Equal(
            ["r0 +8613600000000 1 1", "r1 +8613900000001 1 1"],
            left.Select(r => $"{r.Id} {r.Phone} {r.Contacts.Count} {r.Devices.Count}")
        );
    }

    /// <summary>All rows of the registry.</summary>
    [Fact]
    public async Task What_people_say_while_an_import_is_taken_back_is_not_undone()
    {
        var (records, clock) = (await ReadyAsync(), ImportedFile.Clock());
        string File(string share, string contact)
        {
            var csv = new System.Text.StringBuilder("编号,姓名,区划代码,同意共享日常生活信息,紧急联系人1姓名,紧急联系人1电话\n");
            for (var i = 0; i < 600; i++)
                csv.Append(
                    System.Globalization.CultureInfo.InvariantCulture,
                    $"r{i},王{i},{ImportedFile.Village},{share},{contact},{(contact.Length > 0 ? $"137{i:D8}" : "")}\n"
                );
            return csv.ToString();
        }

        await records.GoodAsync(File("是", "王大"));
        clock.Advance(TimeSpan.FromHours(2));
        using var cancel = new CancellationTokenSource();
        var progress = new Told(p =>
        {
            if (p is { Writing: true, TakenBack: false, Rows: >= 500 })
                cancel.Cancel();
            if (p is { TakenBack: true, Rows: <= 400 })
                throw new TimeoutException("killed");
        });
        await Assert.ThrowsAsync<TimeoutException>(() =>
            records.ImportAsync(File("否", ""), new ImportOptions { Replace = true }, clock, progress, Stop, cancel.Token)
        );

        clock.Advance(TimeSpan.FromSeconds(31));
        await using (var db = await records.CreateDbContextAsync(Stop))
        {
            Assert.Equal((false, 0), await HomeAsync(db, "r1"));
            db.Decide(
                await db.Residents.SingleAsync(r => r.Id == "r1", Stop),
                new Consent
                {
                    Id = Guid.CreateVersion7(),
                    ResidentId = "r1",
                    Purpose = Purpose.DailyLife,
                    Decision = ConsentDecision.Withdrawn,
                    By = ConsentBy.Resident,
                    On = new DateOnly(2026, 1, 15),
                    RecordedAt = clock.GetUtcNow().UtcDateTime,
                }
            );
            db.Add(
                new Contact
                {
                    Id = Guid.NewGuid(),
                    ResidentId = "r2",
                    Order = 1,
                    Name = "赵",
                    Phone = "+8613600000000",
                }
            );
            await db.SaveChangesAsync(Stop);
        }

        Assert.Null(await new RegistryImport(records, clock, _ => true).FinishAsync(Stop));
        await using var after = await records.CreateDbContextAsync(Stop);
        Assert.Equal((true, 1), await HomeAsync(after, "r0"));
        Assert.Equal((false, 1), await HomeAsync(after, "r1"));
        Assert.Equal(
            ["赵 1", "王大 2"],
            await after
                .Contacts.Where(c => c.ResidentId == "r2")
                .OrderBy(c => c.Order)
                .Select(c => c.Name + " " + c.Order)
                .ToListAsync(Stop)
        );

        static async Task<(bool Shares, int Contacts)> HomeAsync(RecordsDb db, string id) =>
            (
                await db.Residents.Where(r => r.Id == id).Select(r => r.ConsentDailyLife).SingleAsync(Stop),
                await db.Contacts.CountAsync(c => c.ResidentId == id, Stop)
            );
    }

    private static async Task<string> DumpAsync(IDbContextFactory<RecordsDb> records)
    {
        await using var db = await records.CreateDbContextAsync(Stop);
        async Task<IEnumerable<string>> RowsAsync<T>()
            where T : class =>
            (await db.Set<T>().AsNoTracking().ToListAsync(Stop))
                .Select(r =>
                    string.Join(
                        '|',
                        db.Entry(r)
                            .Properties.Select(p =>
                                $"{p.Metadata.Name}={(p.CurrentValue is byte[] b ? Convert.ToHexString(b) : p.CurrentValue)}"
                            )
                    )
                )
                .Order(StringComparer.Ordinal);
        return string.Join(
            '\n',
            [
                .. await RowsAsync<Resident>(),
                .. await RowsAsync<Contact>(),
                .. await RowsAsync<HouseholdMember>(),
                .. await RowsAsync<Consent>(),
                .. await RowsAsync<Device>(),
                .. await RowsAsync<FormerPlace>(),
                .. await RowsAsync<UnboundDevice>(),
                .. await RowsAsync<Visitor>(),
                .. await RowsAsync<DutyOfficer>(),
                .. await RowsAsync<Area>(),
                .. await RowsAsync<Shift>(),
            ]
        );
    }

    [Fact]
    public async Task A_press_gets_its_turn_between_the_rows_of_an_import()
    {
        var records = await ReadyAsync();
        var pressed = 0;
        var progress = new Told(p =>
        {
            // If the import held the turn to write here, this wait would fail, because the import waits for this handler.
            using var patience = new CancellationTokenSource(TimeSpan.FromSeconds(20));
            using var db = records.CreateDbContext();
            var turn = WriteTurn.BeginAsync(db, first: true, patience.Token).GetAwaiter().GetResult();
            db.Findings.Add(new CommittedFinding { Key = $"press {pressed++}", CommittedAt = Noon });
            db.SaveChanges();
            turn.CommitAsync(patience.Token).GetAwaiter().GetResult();
            turn.DisposeAsync().AsTask().GetAwaiter().GetResult();
        });
        Assert.Empty((await records.ImportAsync(ImportedFile.Homes(900), progress: progress, cancellation: Stop)).Problems);
        await using var after = await records.CreateDbContextAsync(Stop);
        Assert.Equal((900, pressed), (await after.Residents.CountAsync(Stop), await after.Findings.CountAsync(Stop)));
        Assert.True(pressed >= 5, $"{pressed}");
    }

    [Fact]
    public async Task A_row_whose_device_somebody_else_takes_meanwhile_is_left_out_and_said_and_all_others_are_written()
    {
        var records = await ReadyAsync();
        Assert.Empty((await records.ImportAsync("编号,姓名,区划代码\nx1,李,440111001001\n")).Problems);
        var taken = new Told(p =>
        {
            if (!p.Writing || p.Rows > 200)
                return;
            using var db = records.CreateDbContext();
            db.Add(
                new Device
                {
                    Id = "d300",
                    Profile = "senml",
                    ResidentId = "x1",
                }
            );
            db.SaveChanges();
        });
        var outcome = await records.ImportAsync(ImportedFile.Homes(450), progress: taken, cancellation: Stop);
        Assert.True(outcome.Written);
        Assert.Equal([(302, "device 1 id", "d300")], outcome.Places());
        await using var after = await records.CreateDbContextAsync(Stop);
        Assert.Equal(450, await after.Residents.CountAsync(Stop)); // x1, and all but r300
        Assert.False(await after.Residents.AnyAsync(r => r.Id == "r300", Stop));
    }

    [Fact]
    public async Task A_second_file_adds_a_contact_a_member_and_a_device_to_a_home_that_is_there()
    {
        var records = await ReadyAsync();
        await records.GoodAsync(ImportedFile.Homes(2));
        await records.GoodAsync(
            "编号,紧急联系人2姓名,紧急联系人2邮箱,家庭成员1姓名,家庭成员1健康状况,设备1编号,设备1型号,探访人编号,探访人姓名\nr1,王二,er@example.org,王秀英,良好,w1,senml,v1,陈\n"
        );
        await using var db = await records.CreateDbContextAsync(Stop);
        var home = await db
            .Residents.Include(r => r.Contacts)
            .Include(r => r.Household)
            .Include(r => r.Devices)
            .Include(r => r.Visitor)
            .AsSplitQuery()
            .SingleAsync(r => r.Id == "r1", Stop);
        Assert.Equal(
            ("王大,王二", "良好", "d1,w1", "陈"),
            (
                string.Join(',', home.Contacts.OrderBy(c => c.Order).Select(c => c.Name)),
                home.Household.Single().Health,
                string.Join(',', home.Devices.Select(d => d.Id).Order(StringComparer.Ordinal)),
                home.Visitor!.Name
            )
        );
    }

    [Fact]
    public async Task An_old_file_imported_again_does_not_give_back_what_was_withdrawn_in_person_and_says_so()
    {
        var records = await ReadyAsync();
        const string file =
            "编号,姓名,区划代码,接受服务,同意共享日常生活信息\nr1,王,440111001001,是,是\nr2,李,440111001001,是,是\nr3,赵,440111001001,是,否\n";
        await records.GoodAsync(file);
        await DecideAsync(records, "r1", Purpose.DailyLife, ConsentDecision.Withdrawn, ConsentBy.Guardian);
        await DecideAsync(records, "r1", Purpose.Visits, ConsentDecision.Withdrawn, ConsentBy.Resident);
        await DecideAsync(records, "r2", Purpose.DailyLife, ConsentDecision.Withdrawn, ConsentBy.Unstated); // by another file
        foreach (var dryRun in new[] { true, false })
        {
            var outcome = await records.GoodAsync(file, new ImportOptions { DryRun = dryRun });
            Assert.Equal(
                [
                    "resident r1: consent kept: withdrawn on 2026-01-10 | 老人 r1：接受服务保持不变：2026-01-10 已撤回",
                    "resident r1: share kept: withdrawn on 2026-01-10 | 老人 r1：同意共享日常生活信息保持不变：2026-01-10 已撤回",
                ],
                outcome.Changes.KeptLines.Select(l => $"{l.En} | {l.Zh}")
            );
            Assert.Equal(["resident r2: share no → yes"], outcome.Changes.Lines.Select(l => l.En));
        }

        // An empty cell under a heading that empties means yes, to visits.
        Assert.Single((await records.GoodAsync("编号,接受服务=\nr1,\n")).Changes.KeptLines);
        Assert.Equal("r1 False False; r2 True True; r3 True False", await AgreedAsync(records));
        // What the person has given again, a file may take and give.
        await DecideAsync(records, "r1", Purpose.Visits, ConsentDecision.Given, ConsentBy.Resident);
        await records.GoodAsync("编号,接受服务\nr1,否\n");
        Assert.Empty((await records.GoodAsync("编号,接受服务\nr1,是\n")).Changes.KeptLines);
        Assert.Equal("r1 True False; r2 True True; r3 True False", await AgreedAsync(records));
    }

    private static async Task<string> AgreedAsync(IDbContextFactory<RecordsDb> records)
    {
        await using var db = await records.CreateDbContextAsync(Stop);
        var all = await db.Residents.OrderBy(r => r.Id).ToListAsync(Stop);
        return string.Join("; ", all.Select(r => $"{r.Id} {r.ConsentService} {r.ConsentDailyLife}"));
    }

    private static async Task DecideAsync(
        IDbContextFactory<RecordsDb> records,
        string resident,
        Purpose purpose,
        ConsentDecision decision,
        ConsentBy by
    )
    {
        await using var db = await records.CreateDbContextAsync(Stop);
        db.Decide(
            await db.Residents.SingleAsync(r => r.Id == resident, Stop),
            new Consent
            {
                Id = Guid.CreateVersion7(),
                ResidentId = resident,
                Purpose = purpose,
                Decision = decision,
                By = by,
                On = new DateOnly(2026, 1, 10),
                How = "x.csv",
                RecordedAt = Noon.AddHours(1),
            }
        );
        await db.SaveChangesAsync(Stop);
    }

    [Theory]
    [InlineData(false, false)]
    [InlineData(false, true)]
    [InlineData(true, false)]
    [InlineData(true, true)]
    public async Task A_device_goes_from_one_home_to_another_in_one_file_whichever_row_is_first(bool newHomeFirst, bool replace)
    {
        var (records, clock) = (await ReadyAsync(), ImportedFile.Clock());
        await records.GoodAsync(ImportedFile.Homes(450));
        await using (var db = await records.CreateDbContextAsync(Stop))
            await db.Residents.ExecuteUpdateAsync(u => u.SetProperty(r => r.UpdatedAt, Noon.AddDays(-9)), Stop);
        // The rows stand in two transactions: d0 and d449 go to each other's home, d1 comes to r448 too, which has d448 as before.
        var rows = Enumerable.Range(0, 450).Select(i => $"r{i},d{i},").ToArray();
        (rows[0], rows[449], rows[1], rows[448]) = ("r0,d449,senml", "r449,d0,senml", "r1,,", "r448,d448,,d1,senml");
        if (newHomeFirst)
            Array.Reverse(rows);
        var csv = "编号,设备1编号,设备1型号,设备2编号,设备2型号\n" + string.Join('\n', rows) + "\n";
        clock.Advance(TimeSpan.FromHours(2));
        var outcome = await records.ImportAsync(csv, new ImportOptions { Replace = replace }, clock);
        Assert.Equal("", string.Join('\n', outcome.Problems));
        await using var after = await records.CreateDbContextAsync(Stop);
        Assert.Equal(
            "d0 r449, d1 r448, d2 r2, d448 r448, d449 r0",
            string.Join(
                ", ",
                (await after.Devices.ToListAsync(Stop))
                    .Where(d => d.Id is "d0" or "d1" or "d2" or "d448" or "d449")
                    .OrderBy(d => d.Id, StringComparer.Ordinal)
                    .Select(d => $"{d.Id} {d.ResidentId}")
            )
        );
        // What they measured before stays with the homes that they have left, which are changed too.
        var places = await after.FormerPlaces.OrderBy(p => p.DeviceId).ToListAsync(Stop);
        Assert.Equal("d0 r0, d1 r1, d449 r449", string.Join(", ", places.Select(p => $"{p.DeviceId} {p.ResidentId}")));
        var moved = await after.Devices.SingleAsync(d => d.Id == "d1", Stop);
        Assert.True(places[1].Until <= moved.PlacedAt);
        Assert.InRange(moved.PlacedAt!.Value, Noon.AddHours(2), Noon.AddHours(2).AddSeconds(1));
        Assert.Equal(
            ["r0", "r1", "r448", "r449"],
            await after.Residents.Where(r => r.UpdatedAt > Noon).Select(r => r.Id).OrderBy(r => r).ToListAsync(Stop)
        );
        // The same file again changes nothing.
        var again = await records.ImportAsync(csv, new ImportOptions { Replace = replace }, clock);
        Assert.Empty(again.Changes.Lines);
    }

    [Fact]
    public async Task A_device_that_the_old_home_s_row_still_names_or_that_has_no_row_does_not_move()
    {
        var records = await ReadyAsync();
        await records.GoodAsync(ImportedFile.Homes(3));
        const string Heading = "编号,设备1编号,设备1型号\n";
        foreach (
            var (rows, line) in new[]
            {
                ("r0,d1,\n", 2), // r1 has no row
                ("r0,d1,\nr1,d1,\n", 3),
                ("r1,d1,\nr0,d1,\n", 3),
                ("r0,d1,\nr2,d1,\nr1,,\n", 3), // to two homes
            }
        )
            Assert.Equal([(line, "device 1 id", "d1")], (await records.ImportAsync(Heading + rows)).Places());
        await using var db = await records.CreateDbContextAsync(Stop);
        Assert.Equal("r1", (await db.Devices.SingleAsync(d => d.Id == "d1", Stop)).ResidentId);
    }

    [Fact]
    public async Task A_device_still_moves_when_the_import_was_killed_between_its_two_rows()
    {
        var (records, clock) = (await ReadyAsync(), ImportedFile.Clock());
        await records.GoodAsync(ImportedFile.Homes(450));
        var rows = Enumerable.Range(0, 450).Select(i => $"r{i},王{i}改,d{i},").ToArray();
        (rows[0], rows[449]) = ("r0,王,,", "r449,王,d0,senml");
        var killed = new Told(p =>
        {
            if (p.Writing)
                throw new TimeoutException("killed");
        });
        var csv = "编号,姓名,设备1编号,设备1型号\n" + string.Join('\n', rows) + "\n";
        await Assert.ThrowsAsync<TimeoutException>(() => records.ImportAsync(csv, null, clock, killed, Stop));
        clock.Advance(TimeSpan.FromSeconds(31));
        Assert.Empty((await new RegistryImport(records, clock, _ => true).FinishAsync(Stop))!.Value.Problems);
        await using var db = await records.CreateDbContextAsync(Stop);
        Assert.Equal("r449", (await db.Devices.SingleAsync(d => d.Id == "d0", Stop)).ResidentId);
        Assert.Equal("r0", (await db.FormerPlaces.SingleAsync(Stop)).ResidentId);
    }

    private async Task<IDbContextFactory<RecordsDb>> ReadyAsync()
    {
        var records = await BeginAsync();
        await records.MigrateAsync(Stop);
        return records;
    }
}
