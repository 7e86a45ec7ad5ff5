using System.Reflection;
using Microsoft.AspNetCore.Identity;
using Vigil.Ingest.Mqtt;
using Vigil.Ingest.Profiles;
using Vigil.Model;
using Vigil.Notify;
using Vigil.Notify.Escalation;
using Vigil.Notify.Messages;
using Vigil.Registry;
using Vigil.Rules;
using Vigil.Storage.Records;
using Vigil.Tests.Storage.Records;
using Vigil.Web;
using Vigil.Web.Accounts;

namespace Vigil.Tests.Language;

/// <summary>
/// Everything the service can say is Chinese in Chinese and English in English. What it can say is collected from the code, so nothing is
/// left out.
/// </summary>
public sealed class WordsTests
{
    private static readonly List<Problem> Problems = [];
    private static readonly ProfileSet Profiles = ProfileSet.Load(Path.Combine(AppContext.BaseDirectory, "devices"), Problems);

    [Fact]
    public void Every_word_of_the_pages()
    {
        // The link to the other language is written in that language.
        foreach (var (key, words) in Texts.All.Where(t => t.Key != "language"))
            Assert.True(!Sentences.Wrong(words.En, words.Zh).Any(), $"{key}: {string.Join("; ", Sentences.Wrong(words.En, words.Zh))}");
    }

    [Fact]
    public void Every_metric_and_every_state_of_a_device()
    {
        foreach (var metric in Metric.All)
            Good(Texts.All["metric." + metric.Name]);
        foreach (var state in Words.All<DeviceStatus>())
            Good(Texts.All["device.state." + state]);
        foreach (var flag in Enum.GetValues<ReadingFlags>().Where(f => f != ReadingFlags.None))
            Good(Texts.All["decode.flag." + flag]);
    }

    [Fact]
    public void Every_kind_of_alarm_every_outcome_and_every_channel()
    {
        List<Problem> problems = [];
        var messages = MessageTexts.Load(Path.Combine(AppContext.BaseDirectory, "config", "messages.yaml"), TimeZoneInfo.Utc, problems)!;
        foreach (var kind in AlarmKind.All)
            Good(new Wording(messages.Kind(kind.Name, "en"), messages.Kind(kind.Name, "zh")));
        foreach (var resolution in Enum.GetValues<Resolution>())
        {
            Good(ResolutionWords.Of(resolution));
            Assert.NotEqual(ResolutionWords.Of(resolution).En, ResolutionWords.Of(resolution).Zh);
        }

        foreach (var channel in Enum.GetValues<Channel>())
        {
            Good(ChannelWords.Of(channel));
            Assert.NotEqual(ChannelWords.Of(channel).En, ChannelWords.Of(channel).Zh);
        }
    }

    [Fact]
    public void Every_error_of_an_account()
    {
        // The errors of ASP.NET Core Identity: a new version with further errors is noticed here.
        var describer = new IdentityErrorDescriber();
        var errors = typeof(IdentityErrorDescriber)
            .GetMethods(BindingFlags.Public | BindingFlags.Instance | BindingFlags.DeclaredOnly)
            .Where(m => m.ReturnType == typeof(IdentityError))
            .Select(m => m.Invoke(describer, [.. m.GetParameters().Select(p => p.ParameterType == typeof(int) ? (object)12 : "name")]))
            .Cast<IdentityError>()
            .ToList();
        Assert.True(errors.Count > 15);
        Assert.All(errors, e => Good(Accounts.Said(e)));
    }

    [Fact]
    public async Task Every_error_of_an_import()
    {
        var folder = Directory.CreateTempSubdirectory("vigil-records-").FullName;
        var records = RecordsServices.CreateFactory("Sqlite", null, folder);
        await records.MigrateAsync(TestContext.Current.CancellationToken);
        RegistryImport Import() => new(records, TimeProvider.System, _ => false);
        var rows = string.Join(
            '\n',
            "记录,编号,姓名,区划代码,身份证号码,出生日期,联系电话,重点,纬度,探访人编号,探访人姓名,紧急联系人1姓名,紧急联系人1电话,家庭成员1姓名,"
                + "家庭成员1身份证号码,设备1编号,设备1型号,替班编号,离岗自,离岗至,星期,时段,起始日,截止日,网络钩子,colour",
            "老人,a b,,44,123,yesterday,12,perhaps,100,v9,,Li,,Wang,1,a+b,no/model,,,,,,,,,,,",
            "老人,r1,A,440111001001,,,,,,,,,,,,,,,,,,,,,,",
            "老人,r1,A,440111001001,,,,,,,,,,,,,,,,,,,,,,",
            "老人,r2,A,550111001001,,,,,,,,,,,,,,,,,,,,,,",
            "值班,d1,,4,,,,,,,,,,,,,,d1,2026-02-02,2026-01-01,,,,,nowhere,",
            "探访人,v1,,4,,,,,,,,,,,,,,,,,,,,,,",
            "区划,,,4,,,,,,,,,,,,,,,,,,,,,,",
            "值班班次,d7,,,,,,,,,,,,,,,,,,,someday,25:00,2026-02-02,2026-01-01,,",
            "探访班次,v7,,,,,,,,,,,,,,,,,,,,,,,,",
            "neighbour,x,,,,,,,,,,,,,,,,,,,,,,,,"
        );
        using var csv = new MemoryStream(System.Text.Encoding.UTF8.GetBytes(rows));
        var (problems, summary) = await Import().ImportAsync(csv, "a.csv", true, TestContext.Current.CancellationToken, bound: "44");
        var (more, _) = await Import().ImportAsync(new MemoryStream([1, 2, 3]), "a.xlsx", true, TestContext.Current.CancellationToken);
        var (none, _) = await Import().ImportAsync(new MemoryStream(), "a.csv", true, TestContext.Current.CancellationToken);
        Good(summary);
        async Task<ImportOutcome> ReadAsync(string file, ImportOptions options) =>
            await new RegistryImport(records, TimeProvider.System, _ => true).ImportAsync(
                new MemoryStream(System.Text.Encoding.UTF8.GetBytes(file)),
                "a.csv",
                options,
                null,
                TestContext.Current.CancellationToken
            );
        var (ids, _) = await ReadAsync("姓名,区划代码\nA,440111001001\n", new ImportOptions());
        var (whole, _) = await ReadAsync(
            "记录,编号,姓名=,姓名,区划代码,身份证号,对象类型,语言\n区划,,A,,440111,,,\n老人,r1,,A,440111001001,11010519491231002X,old,\n"
                + "老人,r2,,A,440112001001,11010519491231002X,,\n值班,d1,,A,440111,,,fr\n",
            new ImportOptions()
        );
        var (made, _) = await ReadAsync("姓名,区划代码,身份证号\nA,440111001001,\n", new ImportOptions { IdsFromIdentity = true });
        const string Home =
            "编号,姓名,区划代码,电话,重点,身份证号=,紧急联系人1姓名,紧急联系人1电话,家庭成员1姓名,家庭成员1健康状况,设备1编号,设备1型号\n";
        await ReadAsync(
            Home + "r1,A,440111001001,13800138000,是,11010519491231002X,Li,13800138001,Wang,ill,w1,senml\n",
            new ImportOptions()
        );
        var replaced = await ReadAsync(
            Home + "r1,A,440111001001,13800138009,否,,,,Wang,well,w2,senml\n",
            new ImportOptions { Replace = true, DryRun = true }
        );
        var missing = await ReadAsync(Home + "r1,,,,,,,,,,,\n", new ImportOptions { DryRun = true });
        foreach (var changes in new[] { replaced.Changes, missing.Changes })
            Assert.All(changes.Lines.Concat(changes.Counts), Good);
        Assert.True(replaced.Changes.Lines.Count >= 6);
        var all = problems.Concat(more).Concat(none).Concat(ids).Concat(whole).Concat(made).ToList();
        Assert.True(all.Select(p => p.Message.En).Distinct().Count() >= 30, string.Join('\n', all.Select(p => p.Message.En).Distinct()));
        Assert.All(all, p => Good(p.Message));
        // "colour" is a heading of the file that the import doesn't know
        Assert.All(problems.Where(p => p.Id.Length > 0), p => Good(RegistryHeadings.Heading(p.Id)));
        Assert.Equal("紧急联系人1电话", RegistryHeadings.Heading("contact 1 phone").Zh);
    }

    [Fact]
    public void Every_error_of_a_rules_file()
    {
        var wrong = Parameter
            .All.GroupBy(p => p.Kind.Name)
            .Select(k => $"  {k.Key}:\n" + string.Concat(k.Select(p => $"    {p.Name}: odd\n")));
        var problems = Read("rules:\n" + string.Concat(wrong.DistinctBy(k => k[..k.IndexOf(':', StringComparison.Ordinal)])));
        Assert.True(problems.Count >= Parameter.All.Length);
        problems.AddRange(
            Read(
                """
                holidays: there-is-none.yaml
                colour: red
                rules:
                  no-such-kind: { enabled: true }
                  sos: { enabled: false, severity: high, ignore: [sos], when: { from: "22:00" } }
                  no-water: { enabled: perhaps, severity: loud, within: 1e9h, when: { from: late, weekdays: [someday], holidays: never } }
                  wandering: { zones: [ { points: ["x"], radius: far } ] }
                overrides:
                  - { area: "1", class: rich, resident: "a b" }
                  - { rules: { fall: { enabled: true } } }
                """
            )
        );
        var days = Path.GetTempFileName();
        File.WriteAllText(
            days,
            "holidays:\n  - { from: soon, to: 2026-01-05 }\n  - { name: a, from: 2026-01-05, to: 2026-01-02 }\n"
                + "  - { name: b, from: 2026-01-03, to: 2026-01-03 }\nworkdays:\n"
                + "  - { name: c, day: 2026-01-03 }\n  - { name: d, day: 2026-01-05 }\n"
        );
        problems.AddRange(Read($"holidays: {days}"));
        File.Delete(days);
        problems.AddRange(Read("rules: [1, 2]"));
        problems.AddRange(Read("- a"));
        problems.AddRange(Read("a: ["));
        problems.AddRange(Read("rules: " + new string('[', 100)));
        Assert.All(problems, p => Good(p.Message));
    }

    [Fact]
    public void Every_error_of_a_policies_file()
    {
        var path = Path.GetTempFileName();
        File.WriteAllText(
            path,
            """
            policies:
              - { id: a, severity: [urgent], kind: [no-gas], area: [x], class: vip, until: never, hours: noon, quiet: 22:00-07:00 }
              - { id: a, severity: high, until: told, ringAgainAfter: 1h, steps: [{ to: nobody, via: [pigeon], wait: soon, repeat: 99 }] }
              - { id: b, steps: [{ to: duty }] }
            """
        );
        List<Problem> problems = [];
        Policies.Load(path, problems);
        File.Delete(path);
        Assert.True(problems.Count > 12, string.Join('\n', problems));
        Assert.All(problems, p => Good(p.Message));
    }

    [Fact]
    public void Every_reason_for_which_a_payload_of_the_examples_is_refused_whole_or_broken()
    {
        Assert.Empty(Problems);
        var reasons = new HashSet<Wording>();
        var into = new Vigil.Ingest.Decoding.DecodedPayload();
        foreach (var profile in Profiles.All)
        foreach (var example in profile.Examples)
        foreach (var payload in Broken(example.Payload))
        {
            into.Reset(profile.DeviceFromTopic(example.Topic), example.Received);
            if (profile.DecodeLine(payload, example.Topic, into) is { } reason)
                reasons.Add(reason);
            if (into.Partly is { } part)
                reasons.Add(part);
        }

        Assert.True(reasons.Count > 200, $"{reasons.Count} reasons");
        var wrong = reasons.SelectMany(r => Sentences.Wrong(r.En, r.Zh)).Distinct().ToList();
        Assert.True(wrong.Count == 0, string.Join('\n', wrong));
    }

    [Fact]
    public async Task Both_languages_are_stored_and_what_was_written_before_there_was_Chinese_is_read_in_English()
    {
        var folder = Directory.CreateTempSubdirectory("vigil-words-").FullName;
        try
        {
            var records = await FreshRecords.SqliteAsync(folder);
            await using (var db = records.CreateDbContext())
            {
                db.Rejected.Add(Refused(new Wording("is cut off", "不完整")));
                db.Rejected.Add(Refused(new Wording("the decoder failed", "")));
                await db.SaveChangesAsync(TestContext.Current.CancellationToken);
            }

            await using (var db = records.CreateDbContext())
                Assert.Equal(
                    ["is cut off|不完整", "the decoder failed|the decoder failed"],
                    db.Rejected.OrderBy(r => r.Id).AsEnumerable().Select(r => $"{r.Reason.In("en")}|{r.Reason.In("zh")}")
                );
        }
        finally
        {
            Microsoft.Data.Sqlite.SqliteConnection.ClearAllPools();
            Directory.Delete(folder, recursive: true);
        }

        static RejectedPayload Refused(Wording why) =>
            new()
            {
                Received = DateTime.UnixEpoch,
                Topic = "vigil/d1/up",
                Payload = [1],
                Reason = why,
            };
    }

    [Fact]
    public void Other_systems_read_a_text_in_English() =>
        Assert.Equal(
            """{"Note":"told again"}""",
            System.Text.Json.JsonSerializer.Serialize(new { Note = new Wording("told again", "已再次通知") })
        );

    private static void Good(Wording words) => Assert.Empty(Sentences.Wrong(words.En, words.Zh));

    private static List<Problem> Read(string yaml)
    {
        var folder = Directory.CreateTempSubdirectory("vigil-rules-").FullName;
        var path = Path.Combine(folder, "rules.yaml");
        File.WriteAllText(path, yaml);
        List<Problem> problems = [];
        RuleSet.Load(path, problems);
        Directory.Delete(folder, recursive: true);
        Assert.NotEmpty(problems);
        return problems;
    }

    /// <summary>The payload as it is, cut off, with something appended, and with one character changed.</summary>
    private static IEnumerable<string> Broken(string payload)
    {
        yield return payload;
        yield return "";
        yield return payload[..(payload.Length / 2)];
        yield return payload[..(payload.Length / 4 * 2)];
        yield return payload + "00";
        if (payload.Length < 4)
            yield break;
        foreach (var at in new[] { 1, payload.Length / 3, payload.Length / 2, payload.Length - 2 })
            yield return payload[..at] + (payload[at] == '7' ? '3' : '7') + payload[(at + 1)..];
    }
}
