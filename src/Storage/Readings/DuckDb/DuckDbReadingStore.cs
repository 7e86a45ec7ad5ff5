using DuckDB.NET.Data;
using Vigil.Model;

namespace Vigil.Storage.Readings.DuckDb;

/// <summary>
/// The embedded store: one connection writes (<see cref="DuckDbWriter"/>), every reader opens its own (<see cref="DuckDbReader"/>). A
/// committed transaction is in the write-ahead log, synced to disk, and survives kill -9. The table of readings has no primary key, because
/// its index would live in memory and slow down every append: the latest times of each series keep a redelivered reading out, and every
/// read returns each time of a series once, the one that arrived first.
/// </summary>
public sealed class DuckDbReadingStore : IReadingStore
{
    /// <summary>
    /// A write-ahead log of this size has not been checkpointed for long, mostly because a reader keeps its transaction open. The next
    /// start would have to replay all of it.
    /// </summary>
    private const long LargeLog = 1L << 30;

    /// <summary>
    /// After so many failed writes in a row that look like damage the file is set aside. A single one may be chance, since each write
    /// opens the file anew; but a block that only writes touch may really be damaged.
    /// </summary>
    private const int DamagedWritesAtMost = 3;

    private readonly string path;
    private readonly DuckDbOptions options;
    private readonly Troubles? troubles;
    private readonly DuckDbWriter writer;
    private readonly DuckDbReader reader;
    private readonly SemaphoreSlim writing = new(1, 1);
    private string? failure;
    private int damagedWrites;

    public DuckDbReadingStore(string path, DuckDbOptions options, Troubles? troubles = null)
    {
        this.path = Path.GetFullPath(path);
        this.options = options;
        this.troubles = troubles;
        writer = new DuckDbWriter(this.path, options, troubles);
        reader = new DuckDbReader(this.path, CreateFileAsync);
    }

    /// <summary>The database file.</summary>
    public string FilePath => path;

    public string? Concern
    {
        get
        {
            if (failure is { } why)
                return why;
            var log = new FileInfo(path + ".wal");
            if (log.Exists && log.Length > LargeLog)
                return $"the write-ahead log of {Path.GetFileName(path)} has grown to {log.Length >> 20} MiB";
            var free = new DriveInfo(path).AvailableFreeSpace;
            return free < options.LowDiskBytes ? $"only {free >> 20} MiB are free where {Path.GetFileName(path)} stands" : null;
        }
    }

    public Task AppendAsync(IReadOnlyList<Reading> readings, CancellationToken cancellation) =>
        readings.Count == 0
            ? Task.CompletedTask
            : WriteAsync(() => writer.Append(readings), $"append {readings.Count} readings", cancellation);

    public IAsyncEnumerable<Reading> QueryAsync(ReadingQuery query, CancellationToken cancellation) =>
        reader.QueryAsync(query, cancellation);

    public IAsyncEnumerable<Reading> ReceivedSinceAsync(DateTime received, CancellationToken cancellation) =>
        reader.ReceivedSinceAsync(received, cancellation);

    public async Task<string?> ProbeAsync(CancellationToken cancellation)
    {
        if (!await writing.WaitAsync(TimeSpan.FromSeconds(5), cancellation))
            return "DuckDB has been busy with one append for more than 5 s";
        writing.Release();
        try
        {
            // After a failure something is really written: on a full disk a SELECT would still succeed.
            await WriteAsync(failure is null ? writer.EnsureOpen : writer.EnsureWritable, "be written to", cancellation);
            return null;
        }
        catch (ReadingStoreException e)
        {
            return e.Message;
        }
    }

    public Task DeleteBeforeAsync(DateTime time, CancellationToken cancellation) =>
        WriteAsync(
            () => writer.Execute("DELETE FROM readings WHERE time < $time", [new("time", time)]),
            "delete old readings",
            cancellation
        );

    public Task DeleteAsync(IReadOnlyList<DeviceSpan> devices, CancellationToken cancellation)
    {
        if (devices.Count == 0)
            return Task.CompletedTask;
        return WriteAsync(
            () =>
            {
                if (devices.Where(d => d.IsAlways).Select(d => d.Device).ToList() is { Count: > 0 } whole)
                    writer.Forget(whole);
                foreach (var (device, from, until) in devices.Where(d => !d.IsAlways))
                    writer.Execute(
                        "DELETE FROM readings WHERE series IN (SELECT id FROM series WHERE device = $device) "
                            + "AND time >= $from AND time < $until",
                        [new("device", device.Value), new("from", from), new("until", until)]
                    );
            },
            "delete the readings of devices",
            cancellation
        );
    }

    public Task DeleteAsync(
        IReadOnlyList<DeviceSpan>? devices,
        IReadOnlyList<Metric> metrics,
        DateTime before,
        CancellationToken cancellation,
        DateTime from = default
    )
    {
        if (metrics.Count == 0 || devices is { Count: 0 })
            return Task.CompletedTask;
        var of = string.Join(", ", metrics.Select((_, i) => $"$m{i}"));
        DuckDBParameter[] Named() => [.. metrics.Select((m, i) => new DuckDBParameter($"m{i}", m.Name))];
        return WriteAsync(
            () =>
            {
                if (devices is null)
                    writer.Execute(
                        "DELETE FROM readings WHERE time >= $from AND time < $time "
                            + $"AND series IN (SELECT id FROM series WHERE metric IN ({of}))",
                        [new("from", from), new("time", before), .. Named()]
                    );
                foreach (var (device, begun, until) in devices ?? [])
                    writer.Execute(
                        "DELETE FROM readings WHERE time >= $from AND time < $time "
                            + $"AND series IN (SELECT id FROM series WHERE device = $device AND metric IN ({of}))",
                        [new("from", begun), new("time", until < before ? until : before), new("device", device.Value), .. Named()]
                    );
            },
            "delete readings",
            cancellation
        );
    }

    /// <summary>A consistent copy while readings are appended and read (<see cref="DuckDbCopy.MakeAsync"/>).</summary>
    public Task<(long Rows, DateTime? Newest)> CopyAsync(string to, CancellationToken cancellation) =>
        DuckDbCopy.MakeAsync(reader, to, cancellation);

    public async ValueTask DisposeAsync()
    {
        await writing.WaitAsync();
        writer.Close();
        writing.Dispose();
    }

    /// <summary>Readers can't create the file and its tables: on a first start the writer has to.</summary>
    private Task CreateFileAsync(CancellationToken cancellation) =>
        writer.IsOpen ? Task.CompletedTask : WriteAsync(writer.EnsureOpen, "be opened", cancellation);

    /// <summary>One write at a time, on a thread of the pool because DuckDB's calls block.</summary>
    private async Task WriteAsync(Action write, string what, CancellationToken cancellation)
    {
        await writing.WaitAsync(cancellation);
        try
        {
            await Task.Run(write, CancellationToken.None);
            (failure, damagedWrites) = (null, 0);
        }
        catch (Exception e) when (e is not (OutOfMemoryException or UnusableDataException))
        {
            // After a failure neither the connection nor the cached series can be trusted. The next write opens the file again and reads
            // what was really committed, so a full disk needs no restart once there is space.
            writer.Close();
            if (DamagedFile.IsDamage(e) && ++damagedWrites >= DamagedWritesAtMost)
                DamagedFile.SetAside(path, e, troubles);
            failure = $"DuckDB could not {what} in {Path.GetFileName(path)}: {StoreFailure.FirstLine(e)}";
            throw new ReadingStoreException(failure, e);
        }
        finally
        {
            writing.Release();
        }
    }
}
