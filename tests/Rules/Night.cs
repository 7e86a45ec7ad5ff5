using Vigil.Model;
using Vigil.Rules;

namespace Vigil.Tests.Rules;

/// <summary>A home, its devices and a clock that the test moves: what a scenario is written with.</summary>
internal sealed class Night
{
    public static readonly DateTime Midnight = new(2026, 1, 1, 16, 0, 0, DateTimeKind.Utc); // 2 January 00:00 in Shanghai

    public Night(RuleSet? rules = null, TimeZoneInfo? zone = null, ResidentFacts? facts = null)
    {
        Rules = rules ?? RuleSet.Default;
        Zone = zone ?? TimeZoneInfo.FindSystemTimeZoneById("Asia/Shanghai");
        Facts = facts ?? Home("R1");
        Engine = new RuleEngine(Rules, Zone);
        Engine.Put(Facts);
    }

    public RuleSet Rules { get; }
    public TimeZoneInfo Zone { get; }
    public ResidentFacts Facts { get; set; }
    public RuleEngine Engine { get; set; }
    public List<Finding> Findings { get; } = [];

    public static ResidentFacts Home(string id, params DeviceFacts[] devices) => new()
    {
        Id = new ResidentId(id), Area = new AreaCode("440100001001"), Home = (23.1, 113.3),
        Devices = devices.Length > 0 ? devices : [Meter("w"), new DeviceFacts(new DeviceId("b"), Midnight, null, [Metric.Button])],
    };

    public static DeviceFacts Meter(string id) => new(new DeviceId(id), Midnight.AddDays(-30), TimeSpan.FromHours(1), [Metric.WaterVolume]);

    public static DateTime At(double hours) => Midnight.AddHours(hours);

    public Night Say(string device, Metric metric, double hours, double value, string? word = null, double? received = null, ReadingFlags flags = ReadingFlags.None, double longitude = 0)
    {
        Engine.Apply(
            Facts.Id,
            new Reading
            {
                Device = new DeviceId(device), Metric = metric, Time = At(hours), Received = At(received ?? hours), Value = value, Event = word, Flags = flags, Longitude = longitude,
            },
            Findings);
        return this;
    }

    public Night Water(double hours, double total, double? received = null) => Say("w", Metric.WaterVolume, hours, total, received: received);

    /// <summary>Hourly totals from one hour to another; what each hour uses.</summary>
    public Night Flow(int from, int to, double start, Func<int, double> use)
    {
        var total = start;
        for (var h = from; h <= to; h++) Water(h, total += use(h));
        return this;
    }

    public Night Press(double hours, double? received = null, ReadingFlags flags = ReadingFlags.None) => Say("b", Metric.Button, hours, 1, "pressed", received, flags);

    public Night Tick(double hours)
    {
        Engine.AdvanceTo(At(hours), Findings);
        return this;
    }

    public Night Restart()
    {
        using var stream = new MemoryStream();
        Engine.Save(stream);
        stream.Position = 0;
        Engine = new RuleEngine(Rules, Zone);
        Engine.Load(stream);
        Engine.Put(Facts);
        return this;
    }

    public IEnumerable<Finding> Of(AlarmKind kind) => Findings.Where(f => f.Kind == kind);

    public Finding Only(AlarmKind kind, FindingChange change = FindingChange.Opened) => Assert.Single(Of(kind), f => f.Change == change);
}
