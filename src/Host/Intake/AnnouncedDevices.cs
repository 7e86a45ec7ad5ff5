using Microsoft.EntityFrameworkCore;
using Vigil.Ingest.Mqtt;
using Vigil.Ingest.Profiles;
using Vigil.Model;
using Vigil.Storage;
using Vigil.Storage.Records;

namespace Vigil.Host.Intake;

/// <summary>
/// Devices that announce themselves (Home Assistant's discovery): stores their announcements, and lists them as devices that can be bound
/// to a home. Thread-safe.
/// </summary>
internal sealed partial class AnnouncedDevices(
    Announcements announcements,
    ProfileSet profiles,
    LiveRegistry registry,
    IDbContextFactory<RecordsDb> records,
    RecordsProbe probe,
    ILogger<AnnouncedDevices> log
) : IDisposable
{
    private const int LongestAnnounced = 4000;

    private readonly SemaphoreSlim writing = new(1, 1);
    private volatile string? trouble;

    /// <summary>Why an announcement could not be written; null when what failed works again.</summary>
    public string? Trouble => trouble;

    public async Task LookAgainAsync()
    {
        if (trouble is not null && await probe.WorksAsync())
            trouble = null;
    }

    /// <summary>
    /// Loads the stored announcements before the first message: without them, devices that were bound long ago could not be decoded.
    /// </summary>
    public async Task RecoverAsync(CancellationToken cancellation)
    {
        await using var db = await records.CreateDbContextAsync(cancellation);
        announcements.TakeAll((await db.Announcements.AsNoTracking().ToListAsync(cancellation)).Select(a => (a.Topic, a.Payload)));
    }

    /// <returns>The answer to the sender; and why the announcement is refused, null when it isn't.</returns>
    public async ValueTask<(Receipt Answer, Wording? Refused)> TakeAsync(InboundMessage message, CancellationToken cancellation)
    {
        if (!message.From.Gateway)
            // A device with a credential of its own is registered already: its announcement isn't needed.
            return (Receipt.Committed, null);
        var (found, reason) = announcements.Take(
            message.Topic,
            message.Payload.Span,
            topic => SpeakingRights.MaySend(message.From, topic, "")
        );
        if (reason is not null)
            return (Receipt.Committed, reason);
        await writing.WaitAsync(cancellation);
        try
        {
            try
            {
                await WriteAsync(found, message, cancellation);
            }
            catch (Exception e) when (StoreFailure.IsOfRows(e))
            {
                await WriteAsync(found, message, cancellation); // a concurrent message may have created the same row
            }

            return (Receipt.Committed, null);
        }
        catch (Exception e) when (StoreFailure.IsOfRows(e))
        {
            return (
                Receipt.Committed,
                new Wording($"what it announces was refused by the records: {Halving.Cause(e)}", "其声明无法存入数据库")
            );
        }
        catch (Exception e) when (StoreFailure.IsOfStore(e))
        {
            trouble = e.Message;
            LogNotWritten(log, e.Message);
            return (Receipt.NotStored, null);
        }
        finally
        {
            writing.Release();
        }
    }

    public void Dispose() => writing.Dispose();

    private async Task WriteAsync(IEnumerable<Announcement> found, InboundMessage message, CancellationToken cancellation)
    {
        await using var db = await records.CreateDbContextAsync(cancellation);
        await using var turn = await WriteTurn.BeginAsync(db, first: false, cancellation);
        var topic = StorableText.Of(message.Topic, StorableText.LongTopic);
        if (message.Payload.IsEmpty)
        {
            await db.Announcements.Where(a => a.Topic == topic).ExecuteDeleteAsync(cancellation);
        }
        else if (await db.Announcements.FindAsync([topic], cancellation) is not { } kept)
        {
            db.Announcements.Add(
                new DeviceAnnouncement
                {
                    Topic = topic,
                    Payload = message.Payload.ToArray(),
                    ReceivedAt = message.Received,
                }
            );
        }
        else if (!message.Payload.Span.SequenceEqual(kept.Payload))
        {
            (kept.Payload, kept.ReceivedAt) = (message.Payload.ToArray(), message.Received);
        }

        foreach (var a in found.Where(f => registry.Find(f.Device) is null))
        {
            // Where a profile matches the topics of the device, it is listed with that profile.
            var (profile, device) =
                profiles.Match(a.StateTopic) is { } match && match.Device.Length > 0
                    ? (match.Profile.Id, match.Device)
                    : (Admission.AnnouncedProfile, a.Device);
            if (registry.Find(device) is not null)
                continue;
            device = StorableText.Of(device, DeviceId.MaxLength);
            if (await db.Unbound.FindAsync([device], cancellation) is not { } row)
            {
                row = new UnboundDevice
                {
                    Id = device,
                    Profile = profile,
                    Topic = StorableText.Of(a.StateTopic, StorableText.LongTopic),
                    FirstSeenAt = message.Received,
                    LastSeenAt = message.Received,
                    LastPayload = message.Payload.ToArray(),
                };
                db.Unbound.Add(row);
            }

            var line = StorableText.Of(
                $"{a.Name} ({a.Model}): {a.Component} {a.Class} {a.Unit} {a.Metric?.Name}"
                    .Replace("  ", " ", StringComparison.Ordinal)
                    .Trim(),
                StorableText.LongReason
            );
            if (!row.Announced.Contains(line, StringComparison.Ordinal) && row.Announced.Length < LongestAnnounced)
                row.Announced = row.Announced.Length == 0 ? line : row.Announced + "\n" + line;
        }

        await db.SaveChangesAsync(CancellationToken.None);
        await turn.CommitAsync(CancellationToken.None);
        trouble = null;
    }

    [LoggerMessage(
        Level = LogLevel.Error,
        Message = "A device's announcement is not acknowledged, because it could not be written: {Reason}"
    )]
    private static partial void LogNotWritten(ILogger logger, string reason);
}
