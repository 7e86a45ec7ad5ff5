using Vigil.Model;

namespace Vigil.Storage.Readings;

/// <summary>Which stored readings are asked for. Times are of measurement, UTC; <paramref name="To"/> is exclusive.</summary>
/// <param name="Devices">One or more devices.</param>
/// <param name="Metric">One metric; null for all.</param>
/// <param name="From">Inclusive.</param>
/// <param name="To">Exclusive.</param>
/// <param name="Limit">At most so many, the earliest first.</param>
public sealed record ReadingQuery(IReadOnlyList<DeviceId> Devices, Metric? Metric, DateTime From, DateTime To, int Limit = int.MaxValue);

/// <summary>
/// Where readings stand. Two implementations, <c>DuckDb</c> (embedded) and <c>Influx</c> (server), held to one contract suite:
/// a reading is unique by series (device, metric, channel) and time; appending it again changes nothing visible.
/// Times are kept to the microsecond; what is finer is cut off.
/// </summary>
public interface IReadingStore : IAsyncDisposable
{
    /// <summary>Stores a batch. When the task completes the batch survives kill -9.</summary>
    /// <exception cref="ReadingStoreException">Nothing of the batch may be taken for stored; the caller doesn't acknowledge.</exception>
    Task AppendAsync(IReadOnlyList<Reading> readings, CancellationToken cancellation);

    /// <summary>In order of time, then of arrival; each (series, time) once.</summary>
    IAsyncEnumerable<Reading> QueryAsync(ReadingQuery query, CancellationToken cancellation);

    /// <summary>All readings that arrived at or after a moment, in order of arrival: what the rules replay after a restart.</summary>
    IAsyncEnumerable<Reading> ReceivedSinceAsync(DateTime received, CancellationToken cancellation);

    /// <summary>Whether it can be written to now, with the reason in words where it can't.</summary>
    Task<string?> ProbeAsync(CancellationToken cancellation);

    /// <summary>
    /// What is going wrong although readings may still be taken, in words: a server is down and readings wait on disk, the disk is nearly
    /// full. Null when all is well.
    /// </summary>
    string? Concern { get; }

    /// <summary>Removes raw readings measured before a moment (retention).</summary>
    Task DeleteBeforeAsync(DateTime time, CancellationToken cancellation);

    /// <summary>
    /// Removes all raw readings of devices (erasure of a person). Readings that still wait on disk for a server are not among them.
    /// </summary>
    Task DeleteAsync(IReadOnlyList<DeviceId> devices, CancellationToken cancellation);
}

/// <summary>The store could not take or give readings; the message says which store and why.</summary>
public sealed class ReadingStoreException(string message, Exception? inner = null) : Exception(message, inner);
