using System.Collections.Concurrent;
using Microsoft.EntityFrameworkCore;
using Vigil.Ingest.Mqtt;
using Vigil.Model;
using Vigil.Storage.Records;

namespace Vigil.Host.Intake;

/// <summary>
/// When devices were last heard, which strangers wait to be bound, and which buttons were tested. Written in a line of its own: no press
/// waits for it. Thread-safe.
/// </summary>
internal sealed partial class Sightings(
    IDbContextFactory<RecordsDb> records,
    RecordsProbe probe,
    SetAside aside,
    DiskReserve reserve,
    ILogger<Sightings> log
) : IDisposable
{
    /// <summary>Rows of one transaction: between two others get their turn.</summary>
    private const int LargestCommit = 200;

    /// <summary>
    /// Most strangers that are remembered here, and that wait in the records: a gateway that invents names fills neither.
    /// </summary>
    public const int MostStrangers = 10_000;

    private readonly ConcurrentDictionary<string, (DateTime First, DateTime Last)> heard = new(StringComparer.Ordinal);
    private readonly ConcurrentDictionary<string, Stranger> strangers = new(StringComparer.Ordinal);

    /// <summary>
    /// Test presses that have not been written down: they raise no alarm, and whoever installs a button sees that it was heard.
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

    /// <returns>Whether it is a stranger who does not stand in the records yet.</returns>
    public bool Saw(InboundMessage message, string device, string profile, bool isKnown)
    {
        if (device.Length == 0)
            return false;
        device = StorableText.Of(device, DeviceId.MaxLength);
        if (isKnown)
        {
            // Only the newest moment counts, and it is written every few seconds: a second's older one will do.
            if (heard.TryGetValue(device, out var lately) && message.Received - lately.Last < TimeSpan.FromSeconds(1))
                return false;
            heard.AddOrUpdate(device, static (_, at) => (at, at), static (_, was, at) => (was.First, at), message.Received);
            return false;
        }

        // With the records out of order those who wait to be written fill the memory; they are not acknowledged, and come again.
        if (!strangers.ContainsKey(device) && strangers.Count >= 2 * MostStrangers)
            return true;
        return !strangers
            .AddOrUpdate(
                device,
                static (_, from) =>
                    new Stranger(
                        from.Profile,
                        StorableText.Of(from.Message.Topic, StorableText.LongTopic),
                        from.Message.Received,
                        from.Message.Received,
                        1,
                        false,
                        from.Message.Payload.ToArray()
                    ),
                static (_, s, from) =>
                    s with
                    {
                        Last = from.Message.Received,
                        Messages = s.Messages + 1,
                        Payload = s.IsWritten && s.Payload.Length == 0 ? from.Message.Payload.ToArray() : s.Payload,
                    },
                (Message: message, Profile: profile)
            )
            .IsWritten;
    }

    public void Tested(string device, DateTime at) => tested[device] = at;

    /// <summary>Writes what was seen. What could not be written is tried again with the next flush.</summary>
    /// <param name="cancellation">Ends it between transactions.</param>
    /// <param name="strangersAlone">Known devices can wait: thousands of rows at once would hold up an alarm.</param>
    /// <returns>Whether all of it is written.</returns>
    public async Task<bool> FlushAsync(CancellationToken cancellation, bool strangersAlone = false)
    {
        if (reserve.Withheld is not null)
            return false; // what is left of the disk is for alarms
        await writing.WaitAsync(cancellation);
        try
        {
            foreach (var some in strangers.Where(s => s.Value.Messages > 0).Chunk(LargestCommit))
            {
                cancellation.ThrowIfCancellationRequested();
                if (Failed(await Halving.TriedAsync(() => Halving.CommitAsync(some, WriteStrangersAsync, probe.WorksAsync, KeepAside))))
                    return false;
                foreach (var (id, written) in some)
                    IsWritten(id, written);
            }

            if (strangersAlone)
                return true;
            foreach (var quiet in strangers.Where(s => s.Value.Messages == 0))
                strangers.TryRemove(quiet);
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

    private void IsWritten(string id, Stranger written)
    {
        // Kept for a while, so that what it says next is counted and not written at once.
        if (strangers.Count > MostStrangers)
            strangers.TryRemove(KeyValuePair.Create(id, written));
        while (
            strangers.TryGetValue(id, out var now)
            && !strangers.TryUpdate(id, now with { Messages = now.Messages - written.Messages, IsWritten = true, Payload = [] }, now)
        )
        {
            // it has spoken meanwhile
        }
    }

    private async Task WriteStrangersAsync(IReadOnlyList<KeyValuePair<string, Stranger>> some)
    {
        await using var db = await records.CreateDbContextAsync();
        await using var turn = await WriteTurn.BeginAsync(db, first: false, CancellationToken.None);
        var ids = some.Select(s => s.Key).ToList();
        var known = await db.Unbound.Where(u => ids.Contains(u.Id)).ToDictionaryAsync(u => u.Id, StringComparer.Ordinal);
        foreach (var (id, s) in some)
        {
            if (known.TryGetValue(id, out var row))
                (row.LastSeenAt, row.Messages) = (s.Last, row.Messages + s.Messages);
            else
                db.Unbound.Add(
                    new UnboundDevice
                    {
                        Id = id,
                        Profile = s.Profile,
                        Topic = s.Topic,
                        FirstSeenAt = s.First,
                        LastSeenAt = s.Last,
                        Messages = s.Messages,
                        LastPayload = s.Payload,
                    }
                );
        }

        await db.SaveChangesAsync();
        if (known.Count < some.Count && await db.Unbound.CountAsync() - MostStrangers is > 0 and var more)
        {
            // Whoever is real speaks again.
            var longest = await db.Unbound.OrderBy(u => u.LastSeenAt).Select(u => u.Id).Take(more).ToListAsync();
            await db.Unbound.Where(u => longest.Contains(u.Id)).ExecuteDeleteAsync();
        }

        await turn.CommitAsync(CancellationToken.None);
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

    /// <param name="Profile">Who read what it said.</param>
    /// <param name="Topic">Where it spoke first.</param>
    /// <param name="First">When it was first heard.</param>
    /// <param name="Last">When it was last heard.</param>
    /// <param name="Messages">That are not counted in the records yet.</param>
    /// <param name="IsWritten">It has a row.</param>
    /// <param name="Payload">What it said first; empty once that is written.</param>
    private sealed record Stranger(
        string Profile,
        string Topic,
        DateTime First,
        DateTime Last,
        long Messages,
        bool IsWritten,
        byte[] Payload
    );

    [LoggerMessage(Level = LogLevel.Error, Message = "When devices were last heard could not be written and is tried again: {Reason}")]
    private static partial void LogNotWritten(ILogger logger, string reason);
}
