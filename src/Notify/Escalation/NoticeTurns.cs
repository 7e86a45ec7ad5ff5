using Microsoft.EntityFrameworkCore;
using Vigil.Model;
using Vigil.Notify.Channels;
using Vigil.Notify.Messages;
using Vigil.Storage.Records;

namespace Vigil.Notify.Escalation;

/// <summary>
/// Handles the notices that are due: those to be sent are marked as Sending and committed, and only then sent. What is done with each is
/// decided by <see cref="DeliveryDecision"/>.
/// </summary>
internal sealed class NoticeTurns(
    IDbContextFactory<RecordsDb> records,
    Routes routes,
    MessageTexts messages,
    Numbers numbers,
    NoticeSender sender,
    OtherWays otherWays,
    TimeProvider clock,
    Troubles? troubles
)
{
    /// <summary>Claims what is due, and begins to send it. None of it is in flight already.</summary>
    public async Task<IReadOnlyList<Task<Outcome>>> ClaimAsync(Lane lane, int most, CancellationToken cancellation)
    {
        var sends = new List<Func<Task<Outcome>>>();
        await using var db = await records.CreateDbContextAsync(cancellation);
        await using (var transaction = await WriteTurn.BeginAsync(db, first: lane == Lane.Critical, cancellation))
        {
            var now = Now();
            var due = (await Due.NoticesAsync(db, lane, now, most, cancellation)).Where(n => !sender.IsInFlight(n.Id)).ToList();
            if (due.Count == 0)
                return [];
            var ids = due.Select(n => n.AlarmId).Distinct().ToList();
            var alarms = await db.Alarms.Where(a => ids.Contains(a.Id)).ToDictionaryAsync(a => a.Id, cancellation);
            var people = await People.LoadAsync(db, alarms.Values, messages.ToLocal(now), cancellation);
            var limits = lane == Lane.Critical ? null : await SendingLimits.LoadAsync(db, due, now, cancellation);
            if (limits is not null)
                Bundles.Make(db, due, alarms, people, limits, messages, now);
            foreach (var notice in due.Where(n => n.State != NoticeState.Cancelled))
                if (await TurnAsync(db, notice, alarms[notice.AlarmId], people, limits, now, cancellation) is { } send)
                    sends.Add(send);
            await db.SaveChangesAsync(cancellation);
            await transaction.CommitAsync(cancellation);
        }

        return [.. sends.Select(s => s())];
    }

    /// <summary>Puts a notice that can't be handled behind the others, for ten seconds; its alarm's next step comes in its time.</summary>
    /// <returns>The notice; null when none is due any more, or the first is being sent.</returns>
    public async Task<Notice?> PutOffAsync(Lane lane, CancellationToken cancellation)
    {
        await using var db = await records.CreateDbContextAsync(cancellation);
        await using var transaction = await WriteTurn.BeginAsync(db, first: lane == Lane.Critical, cancellation);
        var (now, later) = (Now(), Now().AddSeconds(10));
        if ((await Due.NoticesAsync(db, lane, now, 1, cancellation)).FirstOrDefault() is not { } spoiled || sender.IsInFlight(spoiled.Id))
            return null;
        await db.Notices.Where(n => n.Id == spoiled.Id).ExecuteUpdateAsync(u => u.SetProperty(n => n.DueAt, later), cancellation);
        await transaction.CommitAsync(cancellation);
        return spoiled;
    }

    /// <summary>A provider is back: what waits for it is due now.</summary>
    public async Task ReleaseHeldAsync(CancellationToken cancellation)
    {
        await using var db = await records.CreateDbContextAsync(cancellation);
        await using var transaction = await WriteTurn.BeginAsync(db, first: true, cancellation); // a lane waits for it
        var now = Now();
        await db
            .Notices.Where(n => (n.State == NoticeState.Deferred || n.State == NoticeState.Sending) && n.Held)
            .ExecuteUpdateAsync(u => u.SetProperty(n => n.DueAt, now), cancellation);
        await transaction.CommitAsync(cancellation);
    }

    /// <returns>What goes out once it is committed; null for nothing.</returns>
    private async Task<Func<Task<Outcome>>?> TurnAsync(
        RecordsDb db,
        Notice notice,
        Alarm alarm,
        People people,
        SendingLimits? limits,
        DateTime now,
        CancellationToken cancellation
    )
    {
        // The address can't be decrypted: the one that stands in the registry now is used.
        if (
            FieldKeys.IsUnreadable(notice.Address)
            && people.WithKey(notice.Recipient, alarm)?.AddressFor(notice.Channel) is { Length: > 0 } address
        )
            notice.Address = address;
        var (refused, channel) = (numbers.Refuses(notice.Channel, notice.Address), routes.For(notice.Channel, notice.Address));
        var freeAt = limits?.Earliest(notice, now);
        var (turn, due) = DeliveryDecision.AtItsTurn(notice, alarm.State, refused is not null, channel is not null, freeAt, now);
        notice.DueAt = due ?? notice.DueAt;
        switch (turn)
        {
            case NoticeTurn.HeldTooLong:
                (notice.State, notice.FinishedAt) = (NoticeState.Failed, now);
                notice.Note = $"the provider was not back within {DeliveryDecision.LongestHeld.TotalHours:0} h";
                var zh = $"：服务商 {DeliveryDecision.LongestHeld.TotalHours:0} 小时内未恢复";
                Timeline.Add(db, notice, now, TimelineEvent.Failed, "escalation", $": {notice.Note}", zh);
                return null;
            case NoticeTurn.AskProvider:
                var past = await PastAsync(db, notice, Outgoing(notice, alarm, people), now, cancellation);
                return () => sender.AskAsync(notice, past);
            case NoticeTurn.Answered:
                (notice.State, notice.FinishedAt, notice.Note) = (NoticeState.Cancelled, now, "somebody has answered for it");
                if (notice.Template == MessageKind.Digest)
                    await Bundles.UndoAsync(db, notice, now, cancellation);
                return null;
            case NoticeTurn.AddressRefused:
                await otherWays.FailAsync(db, notice, alarm, people, refused!, now, cancellation);
                troubles?.Happened(
                    "number",
                    $"{notice.Recipient} was not told by {notice.Channel.Word()}: {refused!.En}",
                    $"{notice.Recipient} 未能通过{ChannelWords.Of(notice.Channel).Zh}通知：{refused.Zh}",
                    TimeSpan.FromHours(1)
                );
                return null;
            case NoticeTurn.NoProvider:
                var why = new Wording(
                    $"no provider carries {notice.Channel.Word()} to this address",
                    $"没有服务商可向该地址发送{ChannelWords.Of(notice.Channel).Zh}"
                );
                await otherWays.FailAsync(db, notice, alarm, people, why, now, cancellation);
                return null;
            case NoticeTurn.LimitReached:
                await DeferAsync(db, notice, alarm, people, now, cancellation);
                return null;
            default:
                return await SendAsync(db, notice, alarm, people, channel!, limits, now, cancellation);
        }
    }

    private async Task DeferAsync(RecordsDb db, Notice notice, Alarm alarm, People people, DateTime now, CancellationToken cancellation)
    {
        var before = notice.State;
        if (before != NoticeState.Deferred)
            Timeline.Add(
                db,
                notice,
                now,
                TimelineEvent.Deferred,
                "escalation",
                ": too many to this number; later",
                "：该号码消息过多，稍后发送"
            );
        (notice.State, notice.Held, notice.Note) = (NoticeState.Deferred, false, "limit of messages to this number");
        if (DeliveryDecision.IsToldAnotherWay(before, alarm.Severity))
            await otherWays.TellAnotherWayAsync(db, notice, alarm, people, now, cancellation);
    }

    private async Task<Func<Task<Outcome>>> SendAsync(
        RecordsDb db,
        Notice notice,
        Alarm alarm,
        People people,
        IChannel channel,
        SendingLimits? limits,
        DateTime now,
        CancellationToken cancellation
    )
    {
        limits?.Count(notice, now);
        (notice.State, notice.Provider, notice.Attempts, notice.Round) = (
            NoticeState.Sending,
            channel.Provider,
            notice.Attempts + 1,
            alarm.Round
        );
        if (notice.Template is MessageKind.Opened or MessageKind.Repeated && channel.TakesReplies(notice.Channel, notice.Address))
            notice.ReplyCode ??= await ReplyCodes.ForAsync(db, notice, cancellation);
        var outgoing = Outgoing(notice, alarm, people);
        return () => sender.SendAsync(channel, notice, alarm.Trace, outgoing);
    }

    /// <summary>
    /// What the provider is asked about: with what else is known at that address, so that one request isn't taken for another.
    /// </summary>
    private static async Task<PastNotice> PastAsync(
        RecordsDb db,
        Notice notice,
        OutgoingNotice outgoing,
        DateTime now,
        CancellationToken cancellation
    )
    {
        var since = (notice.SentAt ?? notice.CreatedAt).AddMinutes(-1); // its clock is not ours
        var others = await db
            .Notices.AsNoTracking()
            .Where(n => n.Address == notice.Address && n.Channel == notice.Channel && n.Id != notice.Id && n.CreatedAt > now.AddDays(-1))
            .Select(n => new { n.ProviderId, n.State })
            .ToListAsync(cancellation);
        return new PastNotice(
            outgoing,
            notice.ProviderId,
            since,
            others.Select(o => o.ProviderId).OfType<string>().ToHashSet(StringComparer.Ordinal),
            others.TrueForAll(o => o.State != NoticeState.Sending || o.ProviderId is not null)
        );
    }

    private OutgoingNotice Outgoing(Notice notice, Alarm alarm, People people)
    {
        var code = notice.ReplyCode ?? "";
        return new OutgoingNotice(
            notice.Id,
            notice.Channel,
            notice.Address,
            notice.Language,
            notice.Template,
            messages.Values(notice.Language, people.NameOf(alarm), alarm.Kind, alarm.RaisedAt, notice.Link),
            notice.Channel == Channel.Mail ? messages.Kind(alarm.Kind, notice.Language) : "",
            notice.Text + (code.Length > 0 ? messages.Reply(notice.Language, code) : ""),
            notice.Link,
            alarm.Severity == Severity.Critical,
            code
        );
    }

    private DateTime Now() => clock.GetUtcNow().UtcDateTime;
}
