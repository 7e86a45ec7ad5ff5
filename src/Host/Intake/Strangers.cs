using System.Collections.Concurrent;
using Microsoft.EntityFrameworkCore;
using Vigil.Ingest.Mqtt;
using Vigil.Model;
using Vigil.Storage.Records;

namespace Vigil.Host.Intake;

/// <summary>Devices that send messages but are not registered; people can bind them to a home. Thread-safe.</summary>
internal sealed class Strangers(IDbContextFactory<RecordsDb> records)
{
    /// <summary>Most of them in memory, and in the records: a gateway that invents names must fill neither.</summary>
    public const int Most = 10_000;

    private readonly ConcurrentDictionary<string, Stranger> strangers = new(StringComparer.Ordinal);

    /// <returns>True for a device that has no row in the records yet.</returns>
    public bool Saw(InboundMessage message, string device, string profile)
    {
        // While the records can't be written this grows. Further devices are not remembered; unacknowledged, they send again.
        if (!strangers.ContainsKey(device) && strangers.Count >= 2 * Most)
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

    /// <summary>Devices with messages that are not counted in the records yet.</summary>
    public IEnumerable<KeyValuePair<string, Stranger>> Unwritten() => strangers.Where(s => s.Value.Messages > 0);

    /// <summary>Forgets devices that have sent nothing since they were written.</summary>
    public void ForgetQuiet()
    {
        foreach (var quiet in strangers.Where(s => s.Value.Messages == 0))
            strangers.TryRemove(quiet);
    }

    /// <summary>Notes that a device has its row.</summary>
    public void MarkWritten(string id, Stranger written)
    {
        // Kept in memory for a while, so that its next messages are only counted and needn't be written at once.
        if (strangers.Count > Most)
            strangers.TryRemove(KeyValuePair.Create(id, written));
        while (
            strangers.TryGetValue(id, out var now)
            && !strangers.TryUpdate(id, now with { Messages = now.Messages - written.Messages, IsWritten = true, Payload = [] }, now)
        )
        {
            // it has sent another message meanwhile
        }
    }

    public async Task WriteAsync(IReadOnlyList<KeyValuePair<string, Stranger>> some)
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
        if (known.Count < some.Count && await db.Unbound.CountAsync() - Most is > 0 and var more)
        {
            // Removes those that were silent for longest: a real device will send again.
            var longest = await db.Unbound.OrderBy(u => u.LastSeenAt).Select(u => u.Id).Take(more).ToListAsync();
            await db.Unbound.Where(u => longest.Contains(u.Id)).ExecuteDeleteAsync();
        }

        await turn.CommitAsync(CancellationToken.None);
    }

    /// <param name="Profile">Profile that decoded its messages.</param>
    /// <param name="Topic">Topic of its first message.</param>
    /// <param name="First">When it was first heard.</param>
    /// <param name="Last">When it was last heard.</param>
    /// <param name="Messages">Messages that are not counted in the records yet.</param>
    /// <param name="IsWritten">It has a row in the records.</param>
    /// <param name="Payload">Its first payload; empty once that is written.</param>
    internal sealed record Stranger(
        string Profile,
        string Topic,
        DateTime First,
        DateTime Last,
        long Messages,
        bool IsWritten,
        byte[] Payload
    );
}
