namespace Vigil.Model;

/// <summary>What shows life.</summary>
public enum LifeSense
{
    /// <summary>Nothing: the metric tells of things, or is measured whether somebody lives or not.</summary>
    None,

    /// <summary>Water, electricity above the base load, gas.</summary>
    Use,

    /// <summary>Somebody moved before a sensor.</summary>
    Movement,

    /// <summary>A door, a refrigerator, a drawer was opened or closed.</summary>
    Door,

    /// <summary>Somebody lay down or got up.</summary>
    Bed,

    /// <summary>A lamp or another thing was switched.</summary>
    Switch,

    /// <summary>A plug's appliance was put to use: its power rose above standby.</summary>
    Appliance,

    /// <summary>A button was pressed, somebody spoke.</summary>
    Press,

    /// <summary>Somebody took a measurement: cuff, meter, scales.</summary>
    Measurement,

    /// <summary>A watch counted steps.</summary>
    Steps,

    /// <summary>A watch was put on or taken off.</summary>
    Worn,

    /// <summary>A locator was carried somewhere else.</summary>
    Travel,
}

/// <summary>Which of a metric's readings are signs of life.</summary>
public enum LifeWhen
{
    Never,

    /// <summary>It turns on, or is on again after a while.</summary>
    On,

    /// <summary>It turns on or off.</summary>
    Changes,

    /// <summary>The total has grown.</summary>
    Grows,

    /// <summary>The value rises clearly above what it is at rest.</summary>
    Rises,

    /// <summary>Each reading.</summary>
    Each,

    /// <summary>The position is another one.</summary>
    Moves,
}

/// <summary>What a reading of a metric says about life in the home.</summary>
/// <param name="Sense">What shows it.</param>
/// <param name="When">Which readings do.</param>
/// <param name="Strength">1: proves by itself that somebody is up; 0.5: a sensor that fires in empty homes too, so that another one has to
/// confirm it; 0: says nothing.</param>
public readonly record struct LifeSign(LifeSense Sense, LifeWhen When, float Strength)
{
    public bool IsOne => When != LifeWhen.Never;

    internal static LifeSign Use(float strength) => new(LifeSense.Use, LifeWhen.Grows, strength);

    internal static LifeSign Movement(float strength) => new(LifeSense.Movement, LifeWhen.On, strength);

    internal static LifeSign Door(float strength) => new(LifeSense.Door, LifeWhen.Changes, strength);

    internal static LifeSign Bed(float strength) => new(LifeSense.Bed, LifeWhen.Changes, strength);

    internal static LifeSign Switch(float strength) => new(LifeSense.Switch, LifeWhen.Changes, strength);

    internal static LifeSign Worn(float strength) => new(LifeSense.Worn, LifeWhen.Changes, strength);

    internal static LifeSign Appliance(float strength) => new(LifeSense.Appliance, LifeWhen.Rises, strength);

    internal static LifeSign Press(float strength) => new(LifeSense.Press, LifeWhen.Each, strength);

    internal static LifeSign Measurement(float strength) => new(LifeSense.Measurement, LifeWhen.Each, strength);

    internal static LifeSign Steps(float strength) => new(LifeSense.Steps, LifeWhen.Grows, strength);

    internal static LifeSign Travel(float strength) => new(LifeSense.Travel, LifeWhen.Moves, strength);
}
