using System.Globalization;

namespace Vigil.Tests.Simulation;

/// <summary>
/// What happens in a home and what its devices report. In some homes life stops, in some the meter fails; people press buttons, sometimes
/// twice, and leave doors open.
/// </summary>
internal sealed class SimulatedHome
{
    public static readonly TimeSpan ReportEvery = TimeSpan.FromHours(3);

    private readonly World world;
    private readonly int home;
    private readonly SimulatedLink water,
        button,
        door;
    private readonly bool buttonHasClock;
    private double litres;

    public SimulatedHome(World world, int home)
    {
        (this.world, this.home) = (world, home);
        (water, button, door) = (
            new SimulatedLink(world, $"water-{home}"),
            new SimulatedLink(world, $"button-{home}"),
            new SimulatedLink(world, $"door-{home}")
        );
        var random = world.Random;
        litres = random.Next(900_000);
        buttonHasClock = random.Next(3) > 0;
        StopsAt = random.Next(8) == 0 ? TimeSpan.FromHours(random.Next(12, 100)) : null;
        MeterDiesAt = random.Next(10) == 0 ? TimeSpan.FromHours(random.Next(12, 130)) : null;
    }

    public string Resident => SimulatedRegistry.Resident(home);

    /// <summary>From this moment on nobody uses water.</summary>
    public TimeSpan? StopsAt { get; }

    /// <summary>From this moment on the meter reports nothing.</summary>
    public TimeSpan? MeterDiesAt { get; }

    public TimeSpan LastUse { get; private set; }

    public SimulatedLink Water => water;

    public IEnumerable<SimulatedLink> Links => [water, button, door];

    public int Pressed { get; private set; }

    /// <summary>Repeated deliveries from a button without a clock, which nobody can tell from another press.</summary>
    public int PressedPerhaps { get; private set; }

    public int PressesAcknowledged { get; set; }

    public void Begin()
    {
        var random = world.Random;
        world.At(TimeSpan.FromSeconds(random.Next(1, 60)), Report);
        world.At(TimeSpan.FromSeconds(random.Next(60, 90)), () => button.Say(Sent.Of("battery.level", null, "\"u\":\"%EL\",\"v\":90")));
        world.At(TimeSpan.FromSeconds(random.Next(60, 90)), () => door.Say(Sent.Of("battery.level", null, "\"u\":\"%EL\",\"v\":90")));
        if (random.Next(3) == 0)
            world.At(Sometime(), Press);
        if (random.Next(8) == 0)
            world.At(Sometime(), LeaveDoorOpen);
    }

    private TimeSpan Sometime() =>
        TimeSpan.FromMinutes(world.Random.Next(60, (int)World.Week.TotalMinutes - 24 * 60))
        + TimeSpan.FromMilliseconds(world.Random.Next(60_000));

    private void Report()
    {
        world.At(ReportEvery, Report);
        if (MeterDiesAt <= world.Clock.Elapsed)
            return;
        var local = world.Clock.Truth.AddHours(8).Hour;
        if (!(StopsAt <= world.Clock.Elapsed) && local is >= 7 and < 23)
        {
            litres += world.Random.Next(15, 90);
            LastUse = world.Clock.Elapsed;
        }

        water.Say(Sent.Of("water.volume", Now(), string.Create(CultureInfo.InvariantCulture, $"\"u\":\"m3\",\"v\":{litres / 1000:0.000}")));
    }

    private void Press()
    {
        Pressed++;
        world.Journal.Note($"{Resident} presses");
        var press = Sent.Of("button", buttonHasClock ? Now() : null, "\"vs\":\"sos\"");
        button.Say(press);
        world.Pressed(this, press);
        var random = world.Random;
        if (random.Next(3) == 0)
            world.At(TimeSpan.FromSeconds(random.Next(5, 1500)), Press);
        else if (random.Next(3) == 0)
            world.At(
                TimeSpan.FromHours(random.Next(1, 30)),
                () =>
                {
                    if (world.Clock.Elapsed < World.Week - TimeSpan.FromHours(20))
                        Press();
                }
            );
    }

    private void LeaveDoorOpen()
    {
        door.Say(Sent.Of("door.open", Now(), "\"vb\":true"));
        world.At(TimeSpan.FromMinutes(world.Random.Next(2, 240)), () => door.Say(Sent.Of("door.open", Now(), "\"vb\":false")));
    }

    /// <summary>The right time to the millisecond, as devices report it.</summary>
    private DateTime Now() => world.Clock.Truth.AddTicks(-(world.Clock.Truth.Ticks % TimeSpan.TicksPerMillisecond));
}
