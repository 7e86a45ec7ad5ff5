using Vigil.Model;
using Vigil.Rules;

namespace Vigil.Tests.Rules;

/// <summary>A snapshot of the version before is read: an update must not let every home learn anew.</summary>
public sealed class SnapshotVersionTests
{
    private static string File4 => Path.Combine(AppContext.BaseDirectory, "data", "rules", "snapshot-4.state");

    [Fact]
    public void A_home_from_a_snapshot_of_version_4_is_the_home_that_was_saved()
    {
        var lived = Lived();
        var loaded = HomeScenario.Strict(lived.Rules, lived.Zone);
        using (var file = File.OpenRead(File4))
            loaded.Load(file);
        loaded.Put(lived.Facts);
        Assert.Equal(Bytes(Again(lived.Engine, lived)), Bytes(loaded));
        Assert.Equal(lived.Engine.OutlooksOf(lived.Facts.Id), loaded.OutlooksOf(lived.Facts.Id));
        Assert.NotEmpty(loaded.OutlooksOf(lived.Facts.Id));
    }

    /// <summary>Forty days of a home with two meters, a door and a motion sensor, among them an outing a day.</summary>
    private static HomeScenario Lived()
    {
        var night = new HomeScenario(
            facts: HomeScenario.Home(
                "R1",
                HomeScenario.Meter("w"),
                new DeviceFacts(new DeviceId("e"), HomeScenario.Midnight, TimeSpan.FromHours(1), [Metric.ElectricityEnergy]),
                new DeviceFacts(new DeviceId("d"), HomeScenario.Midnight, null, [Metric.DoorOpen]),
                new DeviceFacts(new DeviceId("m"), HomeScenario.Midnight, null, [Metric.Motion])
            )
        );
        var (water, power) = (10.0, 100.0);
        for (var hour = 0; hour < 40 * 24; hour++)
        {
            var up = hour % 24 is >= 7 and < 22;
            night.Water(hour, water += up && hour % 3 > 0 ? 0.015 : 0);
            night.Say("e", Metric.ElectricityEnergy, hour + 0.01, power += up ? 0.3 : 0.06);
            if (up && hour % 2 == 0 && hour % 24 != 14)
                night.Say("m", Metric.Motion, hour + 0.2, 1).Say("m", Metric.Motion, hour + 0.3, 0);
            if (hour % 24 is 13 or 15)
                night.Say("d", Metric.DoorOpen, hour + 0.5, 1).Say("d", Metric.DoorOpen, hour + 0.52, 0);
            night.Tick(hour + 0.6);
        }

        return night;
    }

    private static RuleEngine Again(RuleEngine engine, HomeScenario lived)
    {
        using var stream = new MemoryStream(Bytes(engine));
        var again = HomeScenario.Strict(lived.Rules, lived.Zone);
        again.Load(stream);
        again.Put(lived.Facts);
        return again;
    }

    private static byte[] Bytes(RuleEngine engine)
    {
        using var stream = new MemoryStream();
        engine.Save(stream);
        return stream.ToArray();
    }
}
