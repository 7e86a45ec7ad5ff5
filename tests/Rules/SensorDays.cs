using Vigil.Model;
using Vigil.Rules;

namespace Vigil.Tests.Rules;

/// <summary>Days in a home with sensors.</summary>
internal static class SensorDays
{
    public static DeviceFacts Sensor(string id, Metric metric, string label) =>
        new(new DeviceId(id), HomeScenario.Midnight.AddDays(-1), null, [metric]) { Label = label };

    /// <summary>A home with three rooms, a front door, a refrigerator and a water meter.</summary>
    public static HomeScenario Rooms(RuleSet? rules = null) =>
        new(
            rules,
            facts: HomeScenario.Home(
                "R1",
                Sensor("kitchen", Metric.Motion, "厨房"),
                Sensor("bedroom", Metric.Motion, "卧室"),
                Sensor("bath", Metric.Motion, "卫生间"),
                Sensor("door", Metric.DoorOpen, "大门"),
                Sensor("fridge", Metric.DoorOpen, "冰箱"),
                Sensor("w", Metric.WaterVolume, "水表")
            )
        );

    public static HomeScenario Pulse(this HomeScenario home, string sensor, double hours) => home.Say(sensor, Metric.Motion, hours, 1);

    public static HomeScenario Opens(this HomeScenario home, string door, double hours) =>
        home.Say(door, Metric.DoorOpen, hours, 1).Say(door, Metric.DoorOpen, hours + 0.01, 0);

    /// <summary>Somebody gets up: movement in three rooms within two minutes.</summary>
    public static HomeScenario Morning(this HomeScenario home, double hours) =>
        home.Pulse("bedroom", hours).Pulse("kitchen", hours + 1 / 60.0).Pulse("bath", hours + 2 / 60.0);

    /// <summary>A sensor works although nobody moves: it reports its battery every hour.</summary>
    public static HomeScenario Battery(this HomeScenario home, double from, double to, string sensor = "bedroom")
    {
        for (var h = Math.Ceiling(from) + 0.01; h < to; h++)
            home.Say(sensor, Metric.BatteryLevel, h, 90);
        return home;
    }

    /// <summary>
    /// Up at seven, to bed at ten, with a look into the refrigerator at each meal; out from nine for <paramref name="outFor"/> hours.
    /// </summary>
    public static HomeScenario Day(this HomeScenario home, int day, string? without = null, double outFor = 0, bool dry = false)
    {
        var random = new Random(day);
        var midnight = day * 24.0;
        var litres = dry ? 35 * 96.0 : day * 96.0; // what was used in 35 days; nothing is used from then on
        for (var h = 0; h < 24; h++)
        {
            var at = midnight + h;
            var isOut = outFor > 0 && h > 9 && h <= 9 + (int)outFor;
            if (!dry && h is >= 8 and <= 22 && h % 2 == 0 && !isOut)
                litres += 12;
            home.Water(at + 0.001, 100 + litres * 1e-3);
            home.Say("bedroom", Metric.BatteryLevel, at + 0.01, 90);
            if (outFor > 0 && h == 9)
                home.Opens("door", at + 0.02);
            if (outFor > 0 && h == 9 + (int)outFor)
                home.Opens("door", at + outFor - (int)outFor + 0.02);
            if (h is < 7 or > 21 || (outFor > 0 && h >= 9 && h <= 9 + (int)outFor))
                continue;
            if (h is 7 or 12 or 18)
                home.Opens("fridge", at + 0.05);
            foreach (var room in (string[])["bedroom", "kitchen", "bath"])
                if (room != without)
                    home.Pulse(room, at + 0.1 + 0.1 * random.NextDouble());
        }

        return home;
    }
}
