using System.ComponentModel.DataAnnotations;

namespace Vigil.Storage.Readings;

/// <summary>Section <c>Readings</c>.</summary>
public sealed class ReadingsOptions
{
    public const string Section = "Readings";

    /// <summary><c>DuckDb</c> (embedded) or <c>Influx</c> (server).</summary>
    public string Store { get; set; } = "DuckDb";

    public DuckDbOptions DuckDb { get; set; } = new();
}

public sealed class DuckDbOptions
{
    /// <summary>Database file; empty: <c>readings.duckdb</c> in Data:Path.</summary>
    public string Path { get; set; } = "";

    /// <summary>Memory DuckDB may use for queries and checkpoints.</summary>
    public string MemoryLimit { get; set; } = "1GB";
}

/// <summary>Section <c>Influx</c>.</summary>
public sealed class InfluxOptions
{
    public const string Section = "Influx";

    public string Url { get; set; } = "http://127.0.0.1:8086";

    /// <summary><c>v2</c>: /api/v2/write (2.x, 3.x, 1.8); <c>v1</c>: /write (1.x).</summary>
    public string Api { get; set; } = "v2";

    public string Org { get; set; } = "";

    /// <summary>The bucket; for v1 the database, which is created when it is missing.</summary>
    public string Bucket { get; set; } = "vigil";

    public string Token { get; set; } = "";

    public string Username { get; set; } = "";

    public string Password { get; set; } = "";

    [Range(1, 600)]
    public int TimeoutSeconds { get; set; } = 10;

    /// <summary>Readings that may wait on disk while the server is down. At the cap nothing more is acknowledged.</summary>
    [Range(1 << 20, long.MaxValue)]
    public long SpoolBytes { get; set; } = 1L << 30;

    /// <summary>Points in one request.</summary>
    [Range(1, 100_000)]
    public int BatchSize { get; set; } = 5000;
}
