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
    TimeProvider clock,
    ILogger<Sightings> log
) : IDisposable
{
    /// <summary>Most strangers in one transaction: they are written row by row.</summary>
    private const int MostStrangers = 200;

    /// <summary>
    /// Most registered devices in one transaction, which are one statement: some ten milliseconds, the longest that a press can wait here.
    /// </summary>
    private const int MostHeard = 2000;

    /// <summary>
    /// Between two transactions of registered devices. Whoever has come meanwhile writes first, and finds the disk and a processor free.
    /// </summary>
    internal static readonly TimeSpan Pause = TimeSpan.FromMilliseconds(20);

    private readonly ConcurrentDictionary<string, (DateTime First, DateTime Last)> heard = new(StringComparer.Ordinal);
    private readonly Strangers strangers = new(records);

    /// <summary>
    /// Test presses that are not written yet. They raise no alarm; they show the installer of a button that it works.
    /// </summary>
    private readonly ConcurrentDictionary<string, DateTime> tested = new(StringComparer.Ordinal);

    /// <summary>Two, because a stranger's message waits for its row, and must not wait for all the devices of a county.</summary>
    private readonly SemaphoreSlim writingStrangers = new(1, 1),
        writingHeard = new(1, 1);
    private volatile string? strangersTrouble;
    private volatile string? heardTrouble;

    /// <summary>Why something could not be written; null when what failed works again.</summary>
    public string? Trouble => strangersTrouble ?? heardTrouble;

    public async Task LookAgainAsync()
    {
        if (Trouble is not null && await probe.WorksAsync())
            (strangersTrouble, heardTrouble) = (null, null);
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
    /// <returns>Whether everything was written.</returns>
    public async Task<bool> FlushAsync(CancellationToken cancellation) =>
        await FlushStrangersAsync(cancellation) && await FlushHeardAsync(cancellation);

    /// <summary>Writes unregistered devices only; a stranger's first message is acknowledged after it.</summary>
    /// <returns>Whether everything was written.</returns>
    public async Task<bool> FlushStrangersAsync(CancellationToken cancellation)
    {
        if (reserve.Withheld is not null)
            return false; // the rest of the disk is reserved for alarms
        await writingStrangers.WaitAsync(cancellation);
        try
        {
            foreach (var some in strangers.Unwritten().Chunk(MostStrangers))
            {
                cancellation.ThrowIfCancellationRequested();
                var failure = await Halving.TriedAsync(() =>
                    Halving.CommitAsync(some, strangers.WriteAsync, probe.WorksAsync, (s, why) => KeepAside(s.Key, s.Value, why))
                );
                if ((strangersTrouble = Failed(failure)) is not null)
                    return false;
                foreach (var (id, written) in some)
                    strangers.MarkWritten(id, written);
            }

            return true;
        }
        finally
        {
            writingStrangers.Release();
        }
    }

    public void Dispose()
    {
        writingStrangers.Dispose();
        writingHeard.Dispose();
    }

    /// <summary>Writes when registered devices were heard and tested: all of a county in some seconds, which nobody waits for.</summary>
    private async Task<bool> FlushHeardAsync(CancellationToken cancellation)
    {
        if (reserve.Withheld is not null)
            return false;
        await writingHeard.WaitAsync(cancellation);
        try
        {
            strangers.ForgetQuiet();
            var first = true;
            foreach (var some in Heard().Chunk(MostHeard))
            {
                if (!first)
                    await Task.Delay(Pause, clock, cancellation);
                first = false;
                cancellation.ThrowIfCancellationRequested();
                var failure = await Halving.TriedAsync(() =>
                    Halving.CommitAsync(some, WriteHeardAsync, probe.WorksAsync, (h, why) => KeepAside(h.Device, h.Last, why))
                );
                if ((heardTrouble = Failed(failure)) is not null)
                    return false;
                foreach (var (device, begun, last) in some)
                    heard.TryRemove(KeyValuePair.Create(device, (begun, last)));
            }

            return (heardTrouble = Failed(await Halving.TriedAsync(WriteTestsAsync))) is null;
        }
        finally
        {
            writingHeard.Release();
        }
    }

    /// <summary>
    /// Ordered, so that the rows of one transaction lie on few pages. Without the locks of a copy, which messages would wait for.
    /// </summary>
    private List<HeardDevice> Heard()
    {
        var all = new List<HeardDevice>();
        foreach (var (device, (begun, last)) in heard)
            all.Add(new HeardDevice(device, begun, last));
        all.Sort(static (a, b) => string.CompareOrdinal(a.Device, b.Device));
        return all;
    }

    private void KeepAside(string device, object seen, Exception why) =>
        aside.Keep(("a device that was heard", "一条设备上线记录"), new { device, seen }, Halving.Cause(why));

    private string? Failed(Exception? failure)
    {
        if (failure is not null)
            LogNotWritten(log, failure.Message);
        return failure?.Message;
    }

    private async Task WriteHeardAsync(IReadOnlyList<HeardDevice> some)
    {
        await using var db = await records.CreateDbContextAsync();
        await using var turn = await WriteTurn.BeginAsync(db, first: false, CancellationToken.None);
        await HeardDevices.WriteAsync(db, some, CancellationToken.None);
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
