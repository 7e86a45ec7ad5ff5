using Vigil.Model;
using Vigil.Rules;

namespace Vigil.Tests.Rules;

/// <summary>A home, its devices and a clock that the test moves.</summary>
internal sealed class HomeScenario
{
    public static readonly DateTime Midnight = new(2026, 1, 1, 16, 0, 0, DateTimeKind.Utc); // 2 January 00:00 in Shanghai

    public HomeScenario(RuleSet? rules = null, TimeZoneInfo? zone = null, ResidentFacts? facts = null)
    {
        Rules = rules ?? RuleSet.Default;
        Zone = zone ?? TimeZoneInfo.FindSystemTimeZoneById("Asia/Shanghai");
        Facts = facts ?? Home("R1");
        Engine = Strict(Rules, Zone);
        Engine.Put(Facts);
    }

    public RuleSet Rules { get; }
    public TimeZoneInfo Zone { get; }
    public ResidentFacts Facts { get; set; }
    public RuleEngine Engine { get; set; }
    public List<Finding> Findings { get; } = [];
    private int heard;

    public static ResidentFacts Home(string id, params DeviceFacts[] devices) =>
        new()
        {
            Id = new ResidentId(id),
            Area = new AreaCode("440100001001"),
            Home = (23.1, 113.3),
            Devices = devices.Length > 0 ? devices : [Meter("w"), new DeviceFacts(new DeviceId("b"), Midnight, null, [Metric.Button])],
        };

    public static DeviceFacts Meter(string id) => new(new DeviceId(id), Midnight.AddDays(-30), TimeSpan.FromHours(1), [Metric.WaterVolume]);

    /// <summary>A rule set from the text of a rules file, with a file of holidays beside it.</summary>
    public static RuleSet Written(string yaml, string? holidays = null)
    {
        var folder = Directory.CreateTempSubdirectory("vigil-rules-").FullName;
        File.WriteAllText(Path.Combine(folder, "rules.yaml"), yaml);
        if (holidays is not null)
            File.WriteAllText(Path.Combine(folder, "holidays.yaml"), holidays);
        var problems = new List<Problem>();
        var rules = RuleSet.Load(Path.Combine(folder, "rules.yaml"), problems);
        Directory.Delete(folder, recursive: true);
        Assert.Empty(problems);
        return rules!;
    }

    public static DateTime At(double hours) => Midnight.AddHours(hours);

    public HomeScenario Say(
        string device,
        Metric metric,
        double hours,
        double value,
        string? word = null,
        double? received = null,
        ReadingFlags flags = ReadingFlags.None,
        double longitude = 0
    )
    {
        Engine.Apply(
            Facts.Id,
            new Reading
            {
                Device = new DeviceId(device),
                Metric = metric,
                Time = At(hours),
                Received = At(received ?? hours),
                Value = value,
                Event = word,
                Flags = flags,
                Longitude = longitude,
            },
            Findings
        );
        Listen();
        return this;
    }

    public HomeScenario Water(double hours, double total, double? received = null) =>
        Say("w", Metric.WaterVolume, hours, total, received: received);

    /// <summary>Hourly totals from one hour to another; <paramref name="use"/> gives the use of each hour.</summary>
    public HomeScenario Flow(int from, int to, double start, Func<int, double> use)
    {
        var total = start;
        for (var h = from; h <= to; h++)
            Water(h, total += use(h));
        return this;
    }

    public HomeScenario Press(double hours, double? received = null, ReadingFlags flags = ReadingFlags.None) =>
        Say("b", Metric.Button, hours, 1, "pressed", received, flags);

    /// <summary>A locator's position, in metres north of the home.</summary>
    public HomeScenario Fix(double hours, double metres, float accuracy = 20)
    {
        Engine.Apply(
            Facts.Id,
            new Reading
            {
                Device = new DeviceId("l"),
                Metric = Metric.Location,
                Time = At(hours),
                Received = At(hours),
                Value = 23.1 + metres / 111195,
                Longitude = 113.3,
                Accuracy = accuracy,
            },
            Findings
        );
        Listen();
        return this;
    }

    public HomeScenario Tick(double hours)
    {
        Engine.AdvanceTo(At(hours), Findings);
        Listen();
        return this;
    }

    /// <summary>Every scenario also checks that each finding has its reason in both languages.</summary>
    private void Listen()
    {
        for (; heard < Findings.Count; heard++)
            Assert.Empty(Language.Sentences.Wrong(Findings[heard].Reason, Findings[heard].ReasonZh));
    }

    /// <summary>An engine in which a rule that throws fails the test.</summary>
    public static RuleEngine Strict(RuleSet rules, TimeZoneInfo zone) =>
        new(rules, zone) { Failed = (home, e) => throw new InvalidOperationException($"the rules of {home} failed", e) };

    public HomeScenario Restart()
    {
        using var stream = new MemoryStream();
        Engine.Save(stream);
        stream.Position = 0;
        Engine = Strict(Rules, Zone);
        Engine.Load(stream);
        Engine.Put(Facts);
        return this;
    }

    /// <summary>The findings that were held back, with the reason.</summary>
    public List<string> HeldBack
    {
        get
        {
            if (field is null)
            {
                field = [];
                Engine.HeldBack = (f, why) => field.Add($"{f.Kind}: {why}");
            }

            return field;
        }
    }

    public IEnumerable<Finding> Of(AlarmKind kind) => Findings.Where(f => f.Kind == kind);

    public Finding Only(AlarmKind kind, FindingChange change = FindingChange.Opened) => Assert.Single(Of(kind), f => f.Change == change);
}
