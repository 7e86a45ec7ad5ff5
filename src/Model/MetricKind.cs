namespace Vigil.Model;

/// <summary>How the values of a metric behave over time.</summary>
public enum MetricKind
{
    /// <summary>A total that only grows while the meter is not reset, rolled over or replaced.</summary>
    Cumulative,

    /// <summary>A quantity at a moment.</summary>
    Gauge,

    /// <summary>0 or 1 from the moment of the reading on.</summary>
    State,

    /// <summary>Something that happened; carries a word, no value.</summary>
    Event,

    /// <summary>Latitude and longitude in WGS-84 degrees.</summary>
    Location,
}
