using System.ComponentModel.DataAnnotations;
using Vigil.Settings;

namespace Vigil.Storage.Readings;

/// <summary>Section <c>Readings</c>.</summary>
public sealed class ReadingsOptions
{
    public const string Section = "Readings";

    /// <summary><c>DuckDb</c> (embedded) or <c>Influx</c> (server).</summary>
    [OneOf("DuckDb", "Influx")]
    public string Store { get; set; } = "DuckDb";

    /// <summary>
    /// For how many days raw readings are kept: at least 10, or 0 for ever. What a home used each day is kept in any case
    /// (<c>Retention</c>).
    /// </summary>
    [Range(0, 36_500)]
    public int KeepDays { get; set; }

    public DuckDbOptions DuckDb { get; set; } = new();
}

public sealed class DuckDbOptions
{
    /// <summary>Database file; empty: <c>readings.duckdb</c> in Data:Path.</summary>
    public string Path { get; set; } = "";

    /// <summary>Memory DuckDB may use for queries and checkpoints.</summary>
    public string MemoryLimit { get; set; } = "1GB";

    /// <summary>Threads a query or a checkpoint may use.</summary>
    [Range(1, 256)]
    public int Threads { get; set; } = Math.Min(4, Environment.ProcessorCount);

    /// <summary>Size of the write-ahead log at which it is checkpointed; a start replays at most so much.</summary>
    public string CheckpointSize { get; set; } = "64MB";

    /// <summary>Free disk space, in bytes, below which the store reports a concern.</summary>
    public long LowDiskBytes { get; set; } = 512L << 20;
}

/// <summary>Section <c>Influx</c>.</summary>
public sealed class InfluxOptions
{
    public const string Section = "Influx";

    public string Url { get; set; } = "http://127.0.0.1:8086";

    /// <summary><c>v2</c>: /api/v2/write (2.x, 3.x, 1.8); <c>v1</c>: /write (1.x).</summary>
    [OneOf("v1", "v2")]
    public string Api { get; set; } = "v2";

    public string Org { get; set; } = "";

    /// <summary>The bucket; for v1 the database, which is created when it is missing.</summary>
    public string Bucket { get; set; } = "vigil";

    public string Token { get; set; } = "";

    public string Username { get; set; } = "";

    public string Password { get; set; } = "";

    /// <summary>Time limit of a query, or of a write from the spool.</summary>
    [Range(1, 600)]
    public int TimeoutSeconds { get; set; } = 10;

    /// <summary>How long a new reading waits for the server before it goes to the spool on disk instead.</summary>
    [Range(10, 60_000)]
    public int PatienceMilliseconds { get; set; } = 1000;

    /// <summary>
    /// Bytes of readings that may wait on disk while the server is down. The duty desk is told at four fifths; when it is full nothing more
    /// is acknowledged.
    /// </summary>
    [Range(64 << 10, long.MaxValue)]
    public long SpoolBytes { get; set; } = 1L << 30;

    /// <summary>Most points in one request.</summary>
    [Range(1, 100_000)]
    public int BatchSize { get; set; } = 5000;

    /// <summary>How long a request with fewer points waits for more.</summary>
    [Range(0, 10_000)]
    public int BatchMilliseconds { get; set; } = 5;

    internal bool IsV1 => Api.Equals("v1", StringComparison.OrdinalIgnoreCase);
}
