using Microsoft.EntityFrameworkCore;
using Vigil.Registry;
using Vigil.Storage.Records;
using Vigil.Tests.Storage.Records;
using static Vigil.Tests.Registry.ImportedFile;

namespace Vigil.Tests.Registry;

/// <summary>The changes that a dry run lists are the ones that the import then makes.</summary>
public sealed class ImportChangesTests : IDisposable
{
    private static readonly ImportOptions DryRun = new() { DryRun = true };
    private readonly string folder = Directory.CreateTempSubdirectory("vigil-import-").FullName;

    private const string Whole =
        "编号,姓名,区划代码,联系电话,居住地址,身份证号,紧急联系人1姓名,紧急联系人1电话,紧急联系人2姓名,紧急联系人2电话,家庭成员1姓名,设备1编号,设备1型号,设备2编号,设备2型号\n"
        + "r1,王秀英,440111001001,13800131234,一巷1号,11010519491231002X,王大,13700000001,王二,13700000002,王秀英,w1,senml,s1,senml\n"
        + "r2,李桂兰,440111001001,13800139999,二巷2号,,李大,13700000003,,,,w2,senml,,\n";

    private static CancellationToken Stop => TestContext.Current.CancellationToken;

    public void Dispose()
    {
        Microsoft.Data.Sqlite.SqliteConnection.ClearAllPools();
        Directory.Delete(folder, recursive: true);
    }

    [Fact]
    public async Task A_dry_run_says_field_by_field_what_changes_in_both_languages_and_shows_no_whole_number()
    {
        var records = await FreshRecords.SqliteAsync(folder);
        var first = await records.GoodAsync(Whole);
        Assert.Equal(
            ["resident: 2 new", "contact: 3 new", "household member: 1 new", "device: 3 new"],
            first.Changes.Counts.Select(c => c.En)
        );
        const string File =
            "编号,联系电话,居住地址=,身份证号,紧急联系人1姓名,紧急联系人1电话,紧急联系人2姓名,紧急联系人2电话,设备1编号,设备1型号\n"
            + "r1,13800135678,,11010519491231002X,王大,13700000001,王二,13700000002,w1,senml\n"
            + "r2,13800139999,二巷2号,44011119400101001X,李大,13700000003,李二,13700000004,w2,senml\nr3,,,,,,,,,\n";
        var file = File.Replace("44011119400101001X", WithCheckDigit("44011119400101001"), StringComparison.Ordinal)
            .Replace("r3,,,,,,,,,\n", "", StringComparison.Ordinal);
        var dry = await records.ImportAsync(file, DryRun);
        Assert.Empty(dry.Problems);
        Assert.Equal(
            [
                "resident r1: phone …1234 → …5678",
                "resident r1: address 一巷1号 → (empty)",
                "resident r1: device s1 is not in the file",
                $"resident r2: identity (empty) → 4401************{WithCheckDigit("44011119400101001")[^2..]}",
                "resident r2: new contact 2 李二",
            ],
            dry.Changes.Lines.Select(l => l.En)
        );
        Assert.Equal("老人 r1：电话 …1234 → …5678", dry.Changes.Lines[0].Zh);
        Assert.Equal("老人 r1：文件中没有设备 s1", dry.Changes.Lines[2].Zh);
        Assert.Equal(["老人：变更 2", "紧急联系人：新增 1、不变 3", "设备：不变 2、文件中没有 1"], dry.Changes.Counts.Select(c => c.Zh));
        await using (var db = await records.CreateDbContextAsync(Stop))
            Assert.Equal("+8613800131234", (await db.Residents.SingleAsync(r => r.Id == "r1", Stop)).Phone);

        var done = await records.GoodAsync(file);
        Assert.Equal(dry.Changes.Lines, done.Changes.Lines);
        Assert.DoesNotContain((await records.ImportAsync(file, DryRun)).Changes.Lines, l => l.En.Contains('→', StringComparison.Ordinal));
        await using var after = await records.CreateDbContextAsync(Stop);
        var r1 = await after.Residents.Include(r => r.Devices).Include(r => r.Contacts).SingleAsync(r => r.Id == "r1", Stop);
        Assert.Equal(("+8613800135678", "", 2, 2), (r1.Phone, r1.Address, r1.Contacts.Count, r1.Devices.Count));
    }

    [Fact]
    public async Task Nothing_that_is_sealed_at_rest_is_shown_whole_by_a_dry_run()
    {
        var records = await FreshRecords.SqliteAsync(folder);
        string File(int n, string certificate) =>
            "记录,编号,姓名,区划代码,身份证号,电话,残疾人证号,邮箱,网络钩子,紧急联系人1姓名,紧急联系人1电话,紧急联系人1邮箱,"
            + "家庭成员1姓名,家庭成员1身份证号码,家庭成员1健康状况\n"
            + $"老人,r1,王,{ImportedFile.Village},{WithCheckDigit($"4401111940010100{n}")},1380000000{n},{certificate},"
            + $",,女儿,1380000001{n},a{n}@example.org,"
            + $"王,{WithCheckDigit($"4401111940010101{n}")},heart {n}\n"
            + $"探访人,v1,陈,{ImportedFile.Village},,1380000002{n},,b{n}@example.org,,,,,,,\n"
            + $"值班,o1,林,{ImportedFile.Village},,1380000003{n},,c{n}@example.org,https://example.org/secret{n},,,,,,\n";
        await records.GoodAsync(File(1, "440111194001010011B1"));
        var secrets = await SecretsAsync(records);
        var dry = await records.ImportAsync(File(2, "440111194001010022B2"), DryRun);
        Assert.Empty(dry.Problems);
        await records.GoodAsync(File(2, "440111194001010022B2"));
        secrets.UnionWith(await SecretsAsync(records));
        Assert.Equal(24, secrets.Count); // two of each: a column that this file leaves empty would not be looked at
        foreach (var secret in secrets)
            Assert.DoesNotContain(
                dry.Changes.Lines,
                l => l.En.Contains(secret, StringComparison.Ordinal) || l.Zh.Contains(secret, StringComparison.Ordinal)
            );

        static async Task<HashSet<string>> SecretsAsync(IDbContextFactory<RecordsDb> records)
        {
            await using var db = await records.CreateDbContextAsync(Stop);
            object[] rows =
            [
                .. await db.Residents.ToListAsync(Stop),
                .. await db.Contacts.ToListAsync(Stop),
                .. await db.Set<HouseholdMember>().ToListAsync(Stop),
                .. await db.Visitors.ToListAsync(Stop),
                .. await db.DutyOfficers.ToListAsync(Stop),
            ];
            var found = new HashSet<string>();
            foreach (var (entity, property) in RecordsDb.Sealed.Where(s => rows.Any(r => r.GetType() == s.Entity)))
            foreach (var row in rows.Where(r => r.GetType() == entity))
            {
                var value = (string?)entity.GetProperty(property)!.GetValue(row);
                Assert.False(string.IsNullOrEmpty(value), $"{entity.Name}.{property} is sealed, and this file has nothing for it");
                found.Add(value);
            }

            return found;
        }
    }

    [Fact]
    public async Task What_the_file_no_longer_names_stays_and_goes_with_replace_alone()
    {
        var records = await FreshRecords.SqliteAsync(folder);
        await records.GoodAsync(Whole);
        const string Fewer = "编号,紧急联系人1姓名,紧急联系人2姓名,家庭成员1姓名,设备1编号\nr1,王大,,,w1\nr2,李大,,,w2\n";
        await records.GoodAsync(Fewer);
        await using (var db = await records.CreateDbContextAsync(Stop))
            Assert.Equal(
                (3, 1, 3),
                (await db.Contacts.CountAsync(Stop), await db.Set<HouseholdMember>().CountAsync(Stop), await InHomesAsync(db))
            );
        // a file without the columns of a kind removes nothing of that kind
        await records.GoodAsync("编号,紧急联系人1姓名\nr2,李大\n", new ImportOptions { Replace = true });
        var done = await records.GoodAsync(Fewer, new ImportOptions { Replace = true });
        Assert.Equal(
            [
                "resident r1: contact 2 王二 is removed",
                "resident r1: household member 1 王秀英 is removed",
                "resident r1: device s1 is removed",
            ],
            done.Changes.Lines.Select(l => l.En)
        );
        await using var after = await records.CreateDbContextAsync(Stop);
        Assert.Equal(
            ["王大", "李大"],
            (await after.Contacts.OrderByDescending(c => c.ResidentId == "r1").ToListAsync(Stop)).Select(c => c.Name)
        );
        Assert.Equal((0, 2), (await after.Set<HouseholdMember>().CountAsync(Stop), await InHomesAsync(after)));
        Assert.Null((await after.Devices.SingleAsync(d => d.Id == "s1", Stop)).ResidentId); // it is bound to no home, but not deleted
    }

    [Fact]
    public async Task Two_hundred_changes_are_listed_and_the_rest_is_counted()
    {
        var records = await FreshRecords.SqliteAsync(folder);
        await records.GoodAsync(Homes(250));
        var dry = await records.ImportAsync(Homes(250, "139"), DryRun);
        Assert.Equal((200, 50), (dry.Changes.Lines.Count, dry.Changes.More));
        Assert.Contains("resident: 250 changed", dry.Changes.Counts.Select(c => c.En));
    }

    [Fact]
    public async Task Who_is_as_before_is_not_written()
    {
        var records = await FreshRecords.SqliteAsync(folder);
        await records.GoodAsync(Whole);
        async Task<List<DateTime>> ChangedAsync()
        {
            await using var db = await records.CreateDbContextAsync(Stop);
            return await db.Residents.OrderBy(r => r.Id).Select(r => r.UpdatedAt).ToListAsync(Stop);
        }

        var before = await ChangedAsync();
        var clock = Clock();
        clock.Advance(TimeSpan.FromHours(1));
        await records.ImportAsync(Whole, clock: clock);
        Assert.Equal(before, await ChangedAsync());
        // A changed device alone also counts as a change of its home, so that readers of changes hear of it.
        await records.ImportAsync("编号,设备1编号,设备1型号,设备1上报分钟\nr2,w2,senml,30\n", clock: clock);
        var after = await ChangedAsync();
        Assert.Equal((before[0], true), (after[0], after[1] > before[1]));
    }

    [Fact]
    public async Task The_day_of_an_installation_written_again_does_not_move_its_hour()
    {
        var records = await FreshRecords.SqliteAsync(folder);
        await records.GoodAsync(Whole); // installed now, which is four in the morning UTC
        await records.GoodAsync("编号,设备1编号,设备1安装日期\nr1,w1,2026-01-15\n");
        await using var db = await records.CreateDbContextAsync(Stop);
        Assert.Equal(4, (await db.Devices.SingleAsync(d => d.Id == "w1", Stop)).InstalledAt.Hour);
    }

    private static Task<int> InHomesAsync(RecordsDb db) => db.Devices.CountAsync(d => d.ResidentId != null, Stop);

    internal static string WithCheckDigit(string first)
    {
        var sum = first.Select((c, i) => (c - '0') * ((1 << (17 - i)) % 11)).Sum();
        return first + "10X98765432"[sum % 11];
    }
}
