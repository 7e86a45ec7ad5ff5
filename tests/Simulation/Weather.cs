namespace Vigil.Tests.Simulation;

/// <summary>The kinds of trouble in a week. The seed decides how much of each there is, and when.</summary>
[Flags]
internal enum Weather
{
    Good = 0,
    Crashes = 1,
    Records = 2,
    Readings = 4,
    Network = 8,
    Provider = 16,
    Freezes = 32,
    Clocks = 64,
    Bad = Crashes | Records | Readings | Network | Provider | Freezes | Clocks,
}

/// <summary>Brings trouble at any time of the week, and more often around a press.</summary>
internal static class Weathers
{
    /// <summary>The last hours of a week are calm, so that everything late can still arrive.</summary>
    private static readonly TimeSpan Calm = TimeSpan.FromHours(14);

    public static void Fall(this Weather weather, World world)
    {
        var random = new Random(world.Seed + 4);
        foreach (var kind in Enum.GetValues<Weather>().Where(k => k is not (Weather.Good or Weather.Bad) && weather.HasFlag(k)))
            for (var i = random.Next(5); i > 0; i--)
                world.At(TimeSpan.FromMinutes(random.Next(30, (int)(World.Week - Calm).TotalMinutes)), () => Strike(kind, world, random));
        world.OnPress = _ =>
        {
            if (world.Clock.Elapsed > World.Week - Calm)
                return;
            foreach (var kind in Enum.GetValues<Weather>().Where(k => k is not (Weather.Good or Weather.Bad) && weather.HasFlag(k)))
                if (random.Next(5) == 0)
                    world.At(
                        TimeSpan.FromMilliseconds(random.Next(3) == 0 ? random.Next(600_000) : random.Next(200)),
                        () => Strike(kind, world, random)
                    );
        };
    }

    private static void Strike(Weather kind, World world, Random random)
    {
        var while_ = TimeSpan.FromSeconds(random.Next(4) == 0 ? random.Next(60, 900) : random.Next(2, 60));
        switch (kind)
        {
            case Weather.Crashes:
                world.CrashAfter(random.Next(3) == 0 ? random.Next(300) : random.Next(25));
                break;
            case Weather.Records or Weather.Readings or Weather.Provider:
                var place = kind switch
                {
                    Weather.Records => Place.Records,
                    Weather.Readings => Place.Readings,
                    _ => Place.Provider,
                };
                world.Journal.Note($"{place}: trouble for {while_}");
                switch (random.Next(3))
                {
                    case 0:
                        world.Faults.Down(place, while_);
                        break;
                    case 1:
                        world.Faults.Flaky(place, while_);
                        break;
                    default:
                        world.Faults.Slow(place, while_);
                        break;
                }

                // Makes the simulation stop at these moments, so that lateness is measured exactly around them.
                world.At(while_, () => { });
                world.At(while_ + TimeSpan.FromSeconds(51), () => { });
                break;
            case Weather.Network:
                world.BadNetwork(while_ * 4);
                break;
            case Weather.Freezes:
                world.Freeze(while_ * random.Next(1, 30));
                break;
            case Weather.Clocks:
                var by = TimeSpan.FromMilliseconds(
                    random.Next(3) switch
                    {
                        0 => random.Next(3_000, 120_000),
                        1 => random.Next(120_000, 5_400_000),
                        _ => random.Next(3_600_000, 15_000_000),
                    }
                );
                world.SetClock(random.Next(2) == 0 ? by : -by);
                // In half of the cases somebody sets the clock right later.
                if (random.Next(2) == 0)
                    world.At(TimeSpan.FromMinutes(random.Next(1, 600)), () => world.SetClock(-world.Clock.Ahead));
                break;
        }
    }
}
