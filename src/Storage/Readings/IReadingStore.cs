using Vigil.Model;

namespace Vigil.Storage.Readings;

/// <summary>Which stored readings to return. Times are of measurement, UTC.</summary>
/// <param name="Devices">One or more devices.</param>
/// <param name="Metric">One metric; null for all.</param>
/// <param name="From">Inclusive.</param>
/// <param name="To">Exclusive.</param>
/// <param name="Limit">At most so many, the earliest ones.</param>
public sealed record ReadingQuery(IReadOnlyList<DeviceId> Devices, Metric? Metric, DateTime From, DateTime To, int Limit = int.MaxValue)
{
    /// <summary>
    /// Thins what is drawn: of each series and each interval of this length (they begin at the Unix epoch), the first, the last and a
    /// highest reading of those whose value is 0, and of those whose value isn't. So no change, peak, or end of a pause is lost. Null: all.
    /// </summary>
    public TimeSpan? Thinned { get; init; }
}

/// <summary>
/// Stores readings. Two implementations, <c>DuckDb</c> (embedded) and <c>Influx</c> (server), pass the same contract tests: a reading is
/// unique by series (device, metric, channel) and time, and appending it again changes nothing visible. Times are kept to the microsecond;
/// finer digits are cut off.
/// </summary>
public interface IReadingStore : IAsyncDisposable
{
    /// <summary>Stores a batch. Once the task completes it is durable and survives kill -9.</summary>
    /// <exception cref="ReadingStoreException">The batch must be regarded as not stored, and its messages not be acknowledged.</exception>
    Task AppendAsync(IReadOnlyList<Reading> readings, CancellationToken cancellation);

    /// <summary>Readings in order of time, then of arrival; each (series, time) once.</summary>
    IAsyncEnumerable<Reading> QueryAsync(ReadingQuery query, CancellationToken cancellation);

    /// <summary>All readings that arrived at or after a moment, in order of arrival: what the rules replay after a restart.</summary>
    IAsyncEnumerable<Reading> ReceivedSinceAsync(DateTime received, CancellationToken cancellation);

    /// <summary>Null when it can be written to now; else why not, in words.</summary>
    Task<string?> ProbeAsync(CancellationToken cancellation);

    /// <summary>
    /// What is going wrong, in words, even while readings are still accepted: a server is down and readings wait on disk, or the disk is
    /// nearly full. Null when all is well.
    /// </summary>
    string? Concern { get; }

    /// <summary>Removes raw readings measured before a moment (retention).</summary>
    Task DeleteBeforeAsync(DateTime time, CancellationToken cancellation);

    /// <summary>
    /// Removes the raw readings that devices made while they were in a home (erasure of a person).
    /// </summary>
    /// <exception cref="ReadingStoreException">
    /// They could not be removed; also while readings wait on disk for a server, which would get them afterwards.
    /// </exception>
    Task DeleteAsync(IReadOnlyList<DeviceSpan> devices, CancellationToken cancellation);

    /// <summary>Removes the raw readings of some metrics measured before a moment: a class of data, or a purpose that ended.</summary>
    /// <param name="devices">Of whom, and when they were in the home; null for all.</param>
    /// <param name="metrics">Which.</param>
    /// <param name="before">Exclusive.</param>
    /// <param name="cancellation">Some may be removed then.</param>
    /// <param name="from">Of all devices: nothing measured earlier has to be looked for.</param>
    Task DeleteAsync(
        IReadOnlyList<DeviceSpan>? devices,
        IReadOnlyList<Metric> metrics,
        DateTime before,
        CancellationToken cancellation,
        DateTime from = default
    );
}

/// <summary>The store could not write or read; the message says which store and why.</summary>
public sealed class ReadingStoreException(string message, Exception? inner = null) : Exception(message, inner);
