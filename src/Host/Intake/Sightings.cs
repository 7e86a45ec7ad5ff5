using System.Collections.Concurrent;
using Microsoft.EntityFrameworkCore;
using Vigil.Ingest.Mqtt;
using Vigil.Model;
using Vigil.Storage.Records;

namespace Vigil.Host.Intake;

/// <summary>
/// Records when devices were last heard, which unregistered devices have sent something, and which buttons were tested. It is collected in
/// memory and written in the background, so that no press waits for it. Thread-safe.
/// </summary>
internal sealed partial class Sightings(
    IDbContextFactory<RecordsDb> records,
    RecordsProbe probe,
    SetAside aside,
    DiskReserve reserve,
    ILogger<Sightings> log
) : IDisposable
{
    /// <summary>Most rows in one transaction; others can write between two of them.</summary>
    private const int LargestCommit = 200;

    private readonly ConcurrentDictionary<string, (DateTime First, DateTime Last)> heard = new(StringComparer.Ordinal);
    private readonly Strangers strangers = new(records);

    /// <summary>
    /// Test presses that are not written yet. They raise no alarm; they show the installer of a button that it works.
    /// </summary>
    private readonly ConcurrentDictionary<string, DateTime> tested = new(StringComparer.Ordinal);
    private readonly SemaphoreSlim writing = new(1, 1);
    private volatile string? trouble;

    /// <summary>Why something could not be written; null when what failed works again.</summary>
    public string? Trouble => trouble;

    public async Task LookAgainAsync()
    {
        if (trouble is not null && await probe.WorksAsync())
            trouble = null;
    }

    /// <returns>True for an unregistered device that has no row in the records yet.</returns>
    public bool Saw(InboundMessage message, string device, string profile, bool isKnown)
    {
        if (device.Length == 0)
            return false;
        device = StorableText.Of(device, DeviceId.MaxLength);
        if (isKnown)
        {
            // It is written every few seconds anyway, so a time within the last second is new enough.
            if (heard.TryGetValue(device, out var lately) && message.Received - lately.Last < TimeSpan.FromSeconds(1))
                return false;
            heard.AddOrUpdate(device, static (_, at) => (at, at), static (_, was, at) => (was.First, at), message.Received);
            return false;
        }

        return strangers.Saw(message, device, profile);
    }

    public void Tested(string device, DateTime at) => tested[device] = at;

    /// <summary>Writes what was collected. What could not be written is tried again with the next flush.</summary>
    /// <param name="cancellation">Stops between two transactions.</param>
    /// <param name="strangersAlone">Writes unregistered devices only: thousands of rows of the others, too often, would delay
    /// alarms.</param>
    /// <returns>Whether everything was written.</returns>
    public async Task<bool> FlushAsync(CancellationToken cancellation, bool strangersAlone = false)
    {
        if (reserve.Withheld is not null)
            return false; // the rest of the disk is reserved for alarms
        await writing.WaitAsync(cancellation);
        try
        {
            foreach (var some in strangers.Unwritten().Chunk(LargestCommit))
            {
                cancellation.ThrowIfCancellationRequested();
                if (Failed(await Halving.TriedAsync(() => Halving.CommitAsync(some, strangers.WriteAsync, probe.WorksAsync, KeepAside))))
                    return false;
                foreach (var (id, written) in some)
                    strangers.MarkWritten(id, written);
            }

            if (strangersAlone)
                return true;
            strangers.ForgetQuiet();
            foreach (var some in heard.Chunk(LargestCommit))
            {
                cancellation.ThrowIfCancellationRequested();
                if (Failed(await Halving.TriedAsync(() => Halving.CommitAsync(some, WriteHeardAsync, probe.WorksAsync, KeepAside))))
                    return false;
                foreach (var pair in some)
                    heard.TryRemove(pair);
            }

            return !Failed(await Halving.TriedAsync(WriteTestsAsync));
        }
        finally
        {
            writing.Release();
        }

        void KeepAside<T>(KeyValuePair<string, T> row, Exception why) =>
            aside.Keep(("a device that was heard", "一条设备上线记录"), new { device = row.Key, seen = row.Value }, Halving.Cause(why));
    }

    public void Dispose() => writing.Dispose();

    private bool Failed(Exception? failure)
    {
        trouble = failure?.Message;
        if (failure is not null)
            LogNotWritten(log, failure.Message);
        return failure is not null;
    }

    private async Task WriteHeardAsync(IReadOnlyList<KeyValuePair<string, (DateTime First, DateTime Last)>> some)
    {
        await using var db = await records.CreateDbContextAsync();
        await using var turn = await WriteTurn.BeginAsync(db, first: false, CancellationToken.None);
        foreach (var (id, (first, last)) in some)
        {
            await db
                .Devices.Where(d => d.Id == id)
                .ExecuteUpdateAsync(u =>
                    u.SetProperty(d => d.LastSeenAt, last).SetProperty(d => d.FirstSeenAt, d => d.FirstSeenAt ?? first)
                );
            await db.Unbound.Where(d => d.Id == id).ExecuteDeleteAsync();
        }

        await turn.CommitAsync(CancellationToken.None);
    }

    private async Task<Exception?> WriteTestsAsync()
    {
        if (tested.IsEmpty)
            return null;
        var presses = tested.ToArray();
        await using var db = await records.CreateDbContextAsync();
        await using var turn = await WriteTurn.BeginAsync(db, first: false, CancellationToken.None);
        foreach (var (id, at) in presses)
            await db.Devices.Where(d => d.Id == id).ExecuteUpdateAsync(u => u.SetProperty(d => d.TestedAt, at));
        await turn.CommitAsync(CancellationToken.None);
        foreach (var press in presses)
            tested.TryRemove(press);
        return null;
    }

    [LoggerMessage(Level = LogLevel.Error, Message = "When devices were last heard could not be written and is tried again: {Reason}")]
    private static partial void LogNotWritten(ILogger logger, string reason);
}
