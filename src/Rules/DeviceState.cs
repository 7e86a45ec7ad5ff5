namespace Vigil.Rules;

/// <summary>A device of a home.</summary>
internal struct DeviceState
{
    public string Id;

    /// <summary>0 when the registry doesn't know it.</summary>
    public long Installed;

    /// <summary>How often it is expected to report, ticks; 0 when unknown.</summary>
    public long ReportEvery;

    /// <summary>When it is missed is set, by the registry, its profile or the rules of meters.</summary>
    public readonly bool HasInterval => ReportEvery > 0 || Meter;

    /// <summary>When something of it last arrived.</summary>
    public long Received;

    /// <summary>Its own cadence, where no interval is set: <see cref="Cadence"/>.</summary>
    public Cadence Cadence;

    /// <summary>It measures use of water or electricity: a long silence asks for a welfare check.</summary>
    public bool Meter;

    /// <summary>Readings with a right time in a row since the clock was wrong.</summary>
    public byte GoodClock;

    /// <summary>In the registry now; a device that was taken out is not expected to report.</summary>
    public bool Registered;

    /// <summary>It watches nobody; from the registry, so not in a snapshot.</summary>
    public bool OnlyCalls;

    /// <summary>It was in this home, and is no longer: replaced, moved, taken away.</summary>
    public readonly bool TakenOut => !Registered && Installed != 0;
}
