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

    /// <summary>It turns on, or says again that it is.</summary>
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
    /// <summary>Fewer steps are an arm that moves in sleep.</summary>
    private const double FewSteps = 10;

    /// <summary>A plug is in use above its power at rest by half of it and so many watts…</summary>
    private const double AboveRest = 15;

    /// <summary>…and rest follows upwards by this share of the difference, per reading.</summary>
    private const double RestFollows = 0.001;

    /// <summary>m³ of gas between two readings that no home uses: the meter was changed.</summary>
    private const double MostGas = 100;

    /// <summary>A locator that lies still moves on the map by as much, or by twice what it says of its accuracy.</summary>
    private const double StillMetres = 150;

    private const ReadingFlags Unbelieved = ReadingFlags.Suspect | ReadingFlags.Retained | ReadingFlags.Test;

    public bool IsOne => When != LifeWhen.Never;

    /// <summary>
    /// Whether a reading of this metric is a sign of life. The one answer of the rules, of a day's figures and of the line of life; only
    /// the totals of water and electricity are judged elsewhere, above leak and base load.
    /// </summary>
    /// <param name="before">What the series showed before; its power at rest is kept up to date.</param>
    /// <param name="r">The reading.</param>
    /// <param name="time">When it was measured, UTC ticks.</param>
    public bool IsIn(ref LifeBefore before, in Reading r, long time)
    {
        var first = before.Time == 0;
        if ((r.Flags & Unbelieved) != 0 || (When != LifeWhen.Each && time <= before.Time))
            return false;
        switch (When)
        {
            case LifeWhen.On:
                return r.Value != 0;
            case LifeWhen.Changes:
                return !first && r.Value != 0 != (before.Value != 0);
            case LifeWhen.Each:
                return true;
            case LifeWhen.Rises:
                var rest = first ? r.Value : before.Rest;
                var most = rest * 1.5 + AboveRest;
                before.Rest = Math.Min(r.Value, rest + (r.Value - rest) * RestFollows);
                return !first && r.Value > most && before.Value <= most;
            case LifeWhen.Moves:
                return !first
                    && Distance.Metres(before.Value, before.Longitude, r.Value, r.Longitude)
                        > Math.Max(StillMetres, float.IsNaN(r.Accuracy) ? 0 : 2 * r.Accuracy);
            case LifeWhen.Grows when Sense == LifeSense.Steps:
                return !first && r.Value >= before.Value + FewSteps;
            case LifeWhen.Grows when ReferenceEquals(r.Metric, Metric.GasVolume):
                return !first && r.Value > before.Value && r.Value - before.Value < MostGas;
            default:
                return false;
        }
    }

    /// <summary>The signs of life among the readings of one series.</summary>
    /// <param name="series">In order of time.</param>
    public static IEnumerable<Reading> Among(IEnumerable<Reading> series)
    {
        var before = default(LifeBefore);
        foreach (var reading in series)
        {
            var time = reading.Time.Ticks;
            if (reading.Metric.Life.IsIn(ref before, reading, time))
                yield return reading;
            if (time > before.Time && (reading.Flags & Unbelieved) == 0)
                before = before with { Time = time, Value = reading.Value, Longitude = reading.Longitude };
        }
    }

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

/// <summary>What a series showed before a reading.</summary>
/// <param name="Time">UTC ticks; 0: nothing yet.</param>
/// <param name="Value">In the metric's unit; the latitude of a position.</param>
/// <param name="Longitude">Of a position.</param>
/// <param name="Rest">Of a plug: what it takes when nobody uses it, W.</param>
public record struct LifeBefore(long Time, double Value, double Longitude, double Rest);
