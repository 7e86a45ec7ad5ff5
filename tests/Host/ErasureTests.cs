using System.Text;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.DependencyInjection;
using Vigil.Host;
using Vigil.Host.Intake;
using Vigil.Model;
using Vigil.Notify;
using Vigil.Notify.Webhooks;
using Vigil.Registry;
using Vigil.Storage.Readings;
using Vigil.Storage.Records;
using Vigil.Tests.Servers;
using Vigil.Web.Operations;

namespace Vigil.Tests.Host;

public sealed class SqliteErasureTests : ErasureTests
{
    protected override Task<Dictionary<string, string?>> SettingsAsync() => Task.FromResult(new Dictionary<string, string?>());
}

[Trait("Category", "Server")]
public sealed class PostgresErasureTests(PostgresServer server) : ErasureTests, IClassFixture<PostgresServer>
{
    protected override async Task<Dictionary<string, string?>> SettingsAsync() =>
        new() { ["Records:Store"] = "Postgres", ["Records:ConnectionString"] = await server.CreateDatabaseAsync() };
}

/// <summary>Somebody is erased after a full life, and no table and no file has a word of them (W11).</summary>
public abstract class ErasureTests : IDisposable
{
    private const string Id = "Z7Q-4711";
    private const string Name = "欧阳慕雪";

    /// <summary>What must not be found anywhere.</summary>
    private static readonly string[] Traces =
    [
        Id,
        Name,
        "13912345678",
        "11010519491231002X",
        "司马青衫",
        "13987654321",
        "qingshan@example.org",
        "诸葛望舒",
        "440524188001010014",
        "44000012345678901", // disability certificate
    ];

    private readonly string data = Directory.CreateTempSubdirectory("vigil-erasure-").FullName;

    protected abstract Task<Dictionary<string, string?>> SettingsAsync();

    private static CancellationToken Stop => TestContext.Current.CancellationToken;

    private static DateTime Now => TimeProvider.System.GetUtcNow().UtcDateTime;

    public void Dispose()
    {
        Directory.Delete(data, recursive: true);
        GC.SuppressFinalize(this);
    }

    [Fact]
    public async Task No_table_and_no_file_has_a_word_of_who_was_erased_and_the_audit_log_is_whole()
    {
        var settings = await SettingsAsync();
        await using (var service = await ServiceUnderTest.StartAsync(settings, data))
        {
            await LiveAsync(service);
            Assert.NotEmpty(await InTablesAsync(service.Records));
            Assert.Contains(InFiles(), f => f.StartsWith("rules/", StringComparison.Ordinal) && f.EndsWith(Id, StringComparison.Ordinal));
            Assert.Contains(InFiles(), f => f.StartsWith("set-aside.jsonl", StringComparison.Ordinal));
            var head = await service.Records.ChainAsync(everything: true, Stop);
            using var key = AuditKey.Open(data);
            var signed = key.Sign(head!.Value, Now);
            Assert.Empty((await service.Records.CheckAuditAsync([signed], Stop)).Problems);

            Assert.Null(await EraseAsync(service));

            Assert.Empty(await InTablesAsync(service.Records));
            Assert.Empty(InFiles());
            Assert.Empty(await StoredAsync(service));
            await service.Records.ChainAsync(everything: true, Stop);
            Assert.Empty((await service.Records.CheckAuditAsync([signed], Stop)).Problems);
            await using var db = await service.Records.CreateDbContextAsync(Stop);
            var row = await db.Audit.SingleAsync(a => a.Action == AuditErasure.Action, Stop);
            Assert.Equal(
                ("admin", "the family asked for it"),
                (row.Who, row.Detail[(row.Detail.IndexOf(": ", StringComparison.Ordinal) + 2)..])
            );
            Assert.True(await db.Audit.AnyAsync(a => a.Action == "reveal" && a.Subject == row.Subject, Stop));
            // A device that was in another home before stays, in stock: registered anew, it would bring that home's past along.
            var device = await db.Devices.AsNoTracking().SingleAsync(d => d.Id == "call-z", Stop);
            Assert.Equal((null, ""), (device.ResidentId, device.Label));
            device.Enter("R1", Now, Now);
            Assert.NotNull(device.PlacedAt);
            // Everybody else is as before.
            Assert.Equal(["R1"], await db.Residents.Select(r => r.Id).ToListAsync(Stop));
            Assert.True(await db.Audit.AnyAsync(a => a.Subject == "resident:R1", Stop));
            Assert.Equal(1, await db.Alarms.CountAsync(a => a.Subject == "erased", Stop));
            await service.StopAsync();
        }

        Assert.Empty(InFiles());
        await using var again = await ServiceUnderTest.StartAsync(settings, data);
        Assert.Empty(await InTablesAsync(again.Records));
        Assert.Empty(InFiles());
    }

    [Fact]
    public async Task Who_has_an_open_alarm_is_not_erased_nor_anybody_while_a_file_is_being_written()
    {
        await using var service = await ServiceUnderTest.StartAsync(await SettingsAsync(), data);
        await ImportAsync(service);
        await using var db = await service.Records.CreateDbContextAsync(Stop);
        db.ImportRuns.Add(
            new ImportRun
            {
                File = "f.csv",
                Who = "admin",
                Options = "{}",
                AliveUntil = Now.AddMinutes(5),
            }
        );
        await db.SaveChangesAsync(Stop);
        Assert.Equal(409, (await EraseAsync(service))?.Status);
        await db.ImportRuns.ExecuteDeleteAsync(Stop);
        await service.PressAsync("call-z");
        await service.UntilDbAsync(d => d.Alarms.AnyAsync(a => a.ResidentId == Id));
        Assert.Equal(409, (await EraseAsync(service))?.Status);
        Assert.True(await db.Residents.AnyAsync(r => r.Id == Id, Stop));
    }

    [Theory]
    [InlineData("UPDATE \"Audit\" SET \"Who\" = 'somebody' WHERE \"Subject\" LIKE 'erased:%' AND \"Action\" = 'read'", "after the erasure")]
    [InlineData(
        "UPDATE \"Audit\" SET \"Subject\" = (SELECT \"Subject\" FROM \"Audit\" WHERE \"Action\" = 'erase'), \"Detail\" = '' "
            + "WHERE \"Subject\" = 'resident:R1'",
        "after the erasure"
    )]
    [InlineData("UPDATE \"Audit\" SET \"Subject\" = 'erased:00', \"Detail\" = '' WHERE \"Subject\" = 'resident:R1'", "no erasure says so")]
    [InlineData("DELETE FROM \"Audit\" WHERE \"Subject\" LIKE 'erased:%' AND \"Action\" = 'read'", "is missing")]
    public async Task Rows_that_are_blanked_without_an_erasure_or_changed_after_it_are_named(string sql, string named)
    {
        await using var service = await ServiceUnderTest.StartAsync(await SettingsAsync(), data);
        await ImportAsync(service);
        await service.Records.AddAsync(Now, "duty:d1", "read", "resident:R1", "page", Stop);
        await service.Records.AddAsync(Now, "duty:d1", "read", $"resident:{Id}", "page", Stop);
        await service.Records.AddAsync(Now, "duty:d1", "bind", "device:x", $"to resident:{Id}", Stop);
        await service.Records.ChainAsync(everything: true, Stop);
        Assert.Null(await EraseAsync(service));
        Assert.Empty((await service.Records.CheckAuditAsync([], Stop)).Problems); // also before the row of the erasure is chained
        await service.Records.ChainAsync(everything: true, Stop);
        Assert.Empty((await service.Records.CheckAuditAsync([], Stop)).Problems);
        await using (var db = await service.Records.CreateDbContextAsync(Stop))
            await db.Database.ExecuteSqlRawAsync(sql, Stop);
        await service.UntilDbAsync(d => d.Audit.AllAsync(a => a.Place != null)); // the service chains as well, one at a time
        var problems = (await service.Records.CheckAuditAsync([], Stop)).Problems;
        Assert.True(problems.Any(p => p.Contains(named, StringComparison.Ordinal)), string.Join('\n', problems));
    }

    private static Task<NotErased?> EraseAsync(ServiceUnderTest service) =>
        ErasureOperations.EraseAsync(
            service.Records,
            service.Services.GetRequiredService<IReadingStore>(),
            service.Services.GetRequiredService<ForgetsErased>(),
            TimeProvider.System,
            "admin",
            Id,
            "the family asked for it",
            Stop
        );

    private static async Task ImportAsync(ServiceUnderTest service)
    {
        (string Heading, string Value)[] cells =
        [
            ("记录", "老人"),
            ("编号", Id),
            ("姓名", Name),
            ("区划代码", "440114003201"),
            ("身份证号", "11010519491231002X"),
            ("联系电话", "13912345678"),
            ("居住地址", "三巷5号"),
            ("残疾人证号", "44000012345678901"),
            ("接受服务", "是"),
            ("同意共享日常生活信息", "是"),
            ("紧急联系人1姓名", "司马青衫"),
            ("紧急联系人1关系", "女儿"),
            ("紧急联系人1电话", "13987654321"),
            ("紧急联系人1邮箱", "qingshan@example.org"),
            ("设备1编号", "call-z"),
            ("设备1型号", "senml"),
            ("设备2编号", "meter-z"),
            ("设备2型号", "senml"),
            ("家庭成员1姓名", "诸葛望舒"),
            ("家庭成员1身份证号码", "440524188001010014"),
        ];
        var file = $"{string.Join(',', cells.Select(c => c.Heading))}\n{string.Join(',', cells.Select(c => c.Value))}\n";
        using var content = new MemoryStream(Encoding.UTF8.GetBytes(file));
        var outcome = await service
            .Services.GetRequiredService<Func<RegistryImport>>()()
            .ImportAsync(content, "people.csv", new ImportOptions { Who = "admin" }, null, Stop);
        Assert.Empty(outcome.Problems);
        var registry = service.Services.GetRequiredService<LiveRegistry>();
        await service.UntilDbAsync(_ => Task.FromResult(registry.FactsOf(new ResidentId(Id)) is not null));
    }

    /// <summary>What the years leave of somebody.</summary>
    private async Task LiveAsync(ServiceUnderTest service)
    {
        await WebhookEvents.AddAsync(
            service.Records,
            TimeProvider.System,
            "hook",
            "https://127.0.0.1:9/x",
            "",
            WebhookEvents.All,
            "admin",
            Stop
        );
        await ImportAsync(service);
        await service.SayAsync(
            "meter-z",
            """[{"n":"water.volume","v":1.5},{"n":"heart.rate","v":70},{"n":"motion","v":1},{"n":"air.temperature","v":21}]"""
        );
        await service.SayAsync("meter-z", $$"""{"{{Name}}":"13912345678 is no reading"}""");
        await service.SayAsync("stranger-z", $$"""[{"n":"water.volume","v":1,"label":"{{Id}} {{Name}}"}]""");
        await service.PressAsync("call-z");
        await service.UntilDbAsync(db => db.Alarms.AnyAsync(a => a.ResidentId == Id));
        await service.UntilDbAsync(db => db.Notices.AnyAsync(n => n.RecipientName == "司马青衫"));
        await service.UntilDbAsync(db => db.WebhookDeliveries.AnyAsync());
        var desk = service.Services.GetRequiredService<AlarmDesk>();
        await using var db = await service.Records.CreateDbContextAsync(Stop);
        var alarm = await db.Alarms.SingleAsync(a => a.ResidentId == Id, Stop);
        await desk.AcknowledgeAsync(alarm.Id, "duty:d1", $"called {Name}", Stop);
        await desk.ResolveAsync(alarm.Id, "duty:d1", Resolution.True, $"{Name} is well", Stop);
        await RecordsAsync(db, alarm.Id);
        await ConsentOperations.RecordAsync(
            service.Records,
            "admin",
            Now,
            Id,
            new DecisionMade(
                Purpose.Location,
                ConsentDecision.Withdrawn,
                ConsentBy.Family,
                "司马青衫",
                "女儿",
                new DateOnly(2026, 1, 1),
                "form"
            ),
            Stop
        );
        await service.Records.AddAsync(Now, "duty:d1", "read", "resident:R1", "page", Stop);
        await service.Records.AddAsync(Now, "duty:d1", "read", $"resident:{Id}", "page", Stop);
        await service.Records.AddAsync(Now, "duty:d1", "reveal", $"resident:{Id}", $"{Name} called from 13912345678", Stop);
        await service.Records.AddAsync(Now, "duty:d1", "bind", "device:meter-z", $"to resident:{Id}", Stop);
        // As a move writes it, with a reason that somebody typed.
        await service.Records.AddAsync(Now, "duty:d1", "move", "device:meter-z", $"resident: R1 → {Id}; why: {Name} has none", Stop);
        db.FormerPlaces.Add(
            new FormerPlace
            {
                DeviceId = "call-z",
                ResidentId = "R1",
                Until = Now.AddDays(-100),
                Profile = "senml",
                Label = "",
            }
        );
        await db.SaveChangesAsync(Stop);
        await service.Services.GetRequiredService<Retention>().RunAsync(Now.AddDays(1), Stop);
        service
            .Services.GetRequiredService<SetAside>()
            .Keep(("a finding", "一条警情"), new { Subject = Id, Reason = "pressed" }, "refused");
        var rules = service.Services.GetRequiredService<RulePartitions>();
        for (var generation = 0; generation < 2; generation++)
        for (var p = 0; p < rules.Count; p++)
            await rules.SaveAsync(Path.Combine(data, "rules"), p, Now, () => Task.FromResult(true));
    }

    private static async Task RecordsAsync(RecordsDb db, Guid alarm)
    {
        var outage = Guid.NewGuid();
        db.Alarms.Add(
            new Alarm
            {
                Id = outage,
                Subject = "area:440114003201",
                Area = "440114003201",
                Kind = "outage",
                Episode = "e",
                Reason = $"outage: held back: {Id}, no water",
                ReasonZh = $"区域中断：暂不通知：{Id}，没有用水",
                RaisedAt = Now,
                OpenedAt = Now,
                OpenKey = "area:440114003201|outage",
            }
        );
        db.Timeline.Add(
            new TimelineEntry
            {
                AlarmId = outage,
                Time = Now,
                What = TimelineEvent.Opened,
                Who = "rules",
                Text = $"outage: held back: {Id}, no water",
                TextZh = $"区域中断：暂不通知：{Id}，没有用水",
            }
        );
        db.Visits.Add(
            new Visit
            {
                Id = Guid.NewGuid(),
                ResidentId = Id,
                AlarmId = alarm,
                Time = Now,
                Form = "home",
                Condition = $"{Name} is well",
                RecordedBy = "v1",
            }
        );
        db.Absences.Add(
            new Absence
            {
                Id = Guid.NewGuid(),
                ResidentId = Id,
                From = Now.AddDays(-9),
                Until = Now.AddDays(-8),
                Author = "司马青衫",
            }
        );
        var day = new DateOnly(2026, 1, 1);
        db.DailyUse.Add(new DailyUse { ResidentId = Id, Day = day });
        db.DailyActivity.Add(new DailyActivity { ResidentId = Id, Day = day });
        db.SlowChanges.Add(
            new SlowChange
            {
                ResidentId = Id,
                FoundAt = Now,
                Figure = DailyFigure.Rises,
                Month = day,
            }
        );
        db.Digests.Add(
            new DailyDigest
            {
                ContactId = await db.Contacts.Where(c => c.ResidentId == Id).Select(c => c.Id).SingleAsync(Stop),
                Day = day,
                Channel = Channel.Sms,
            }
        );
        db.BlockedNumbers.Add(
            new BlockedNumber
            {
                Id = Guid.NewGuid(),
                Address = "+8613987654321",
                Channel = Channel.Sms,
                Reason = "opted out",
            }
        );
        db.Announcements.Add(new DeviceAnnouncement { Topic = "homeassistant/sensor/z/config", Payload = Encoding.UTF8.GetBytes(Name) });
        db.Unbound.Add(
            new UnboundDevice
            {
                Id = "meter-z-before",
                Topic = "vigil/meter-z-before/up",
                LastPayload = Encoding.UTF8.GetBytes($"name {Name}"),
            }
        );
        await db.SaveChangesAsync(Stop);
    }

    private static async Task<List<Reading>> StoredAsync(ServiceUnderTest service) =>
        await service
            .Services.GetRequiredService<IReadingStore>()
            .QueryAsync(new ReadingQuery([new DeviceId("meter-z"), new DeviceId("call-z")], null, DateTime.UnixEpoch, Now.AddDays(1)), Stop)
            .ToListAsync(Stop);

    /// <summary>Table, column and what was found, in every text and blob column of the model, as stored and as read.</summary>
    private static async Task<List<string>> InTablesAsync(IDbContextFactory<RecordsDb> records)
    {
        var found = new List<string>();
        await using var db = await records.CreateDbContextAsync(Stop);
        await db.Database.OpenConnectionAsync(Stop);
        foreach (var type in db.Model.GetEntityTypes())
        {
            await using (var command = db.Database.GetDbConnection().CreateCommand())
            {
                command.CommandText = $"SELECT * FROM \"{type.GetTableName()}\"";
                await using var rows = await command.ExecuteReaderAsync(Stop);
                while (await rows.ReadAsync(Stop))
                    for (var i = 0; i < rows.FieldCount; i++)
                        Look($"{type.GetTableName()}.{rows.GetName(i)}", rows.GetValue(i));
            }

            foreach (var row in (IEnumerable<object>)ReadMethod.MakeGenericMethod(type.ClrType).Invoke(null, [db])!)
            foreach (var property in db.Entry(row).Properties)
                Look($"{type.ClrType.Name}.{property.Metadata.Name}", property.CurrentValue);
        }

        return [.. found.Distinct()];

        void Look(string where, object? value)
        {
            var text = value switch
            {
                string s => s,
                byte[] b => Encoding.UTF8.GetString(b) + Encoding.Unicode.GetString(b),
                _ => "",
            };
            found.AddRange(Traces.Where(t => text.Contains(t, StringComparison.Ordinal)).Select(t => $"{where}: {t}"));
        }
    }

    private static readonly System.Reflection.MethodInfo ReadMethod = typeof(ErasureTests).GetMethod(
        nameof(Read),
        System.Reflection.BindingFlags.NonPublic | System.Reflection.BindingFlags.Static
    )!;

    private static List<T> Read<T>(RecordsDb db)
        where T : class => [.. db.Set<T>().IgnoreQueryFilters()];

    /// <summary>File and what was found among the bytes of every file of the data folder.</summary>
    private List<string> InFiles()
    {
        var found = new List<string>();
        foreach (var file in Directory.EnumerateFiles(data, "*", SearchOption.AllDirectories))
        {
            byte[] bytes;
            using (var stream = new FileStream(file, FileMode.Open, FileAccess.Read, FileShare.ReadWrite | FileShare.Delete))
            using (var all = new MemoryStream())
            {
                stream.CopyTo(all);
                bytes = all.ToArray();
            }

            foreach (var trace in Traces)
            foreach (var encoding in new[] { Encoding.UTF8, Encoding.Unicode, Encoding.BigEndianUnicode })
                if (bytes.AsSpan().IndexOf(encoding.GetBytes(trace)) >= 0)
                    found.Add($"{Path.GetRelativePath(data, file)}: {trace}");
        }

        return found;
    }
}
