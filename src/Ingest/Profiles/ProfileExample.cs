namespace Vigil.Ingest.Profiles;

/// <summary>A reading that an example expects.</summary>
public sealed record ExpectedReading(
    string Metric,
    double? Value,
    string? Event,
    double? Latitude,
    double? Longitude,
    string? Channel,
    DateTime? Time,
    int Line
);

/// <summary>A real payload and what it must decode to: readings, or a refusal whose reason contains <paramref name="Rejected"/>.</summary>
public sealed record ProfileExample(
    string Payload,
    string Topic,
    DateTime Received,
    string? Rejected,
    string? Device,
    IReadOnlyList<ExpectedReading> Readings,
    int Line
);
