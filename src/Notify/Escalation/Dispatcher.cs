using System.Collections.Concurrent;
using System.Diagnostics;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Vigil.Model;
using Vigil.Notify.Channels;
using Vigil.Notify.Messages;
using Vigil.Storage.Records;

namespace Vigil.Notify.Escalation;

/// <summary>
/// Sends notices: Waiting → Sending, committed → the request goes out → Sent, or Failed and on to the next channel at once. When a crash or
/// a lost answer leaves one Sending, the provider is asked what became of it, and if it doesn't know, it is sent again rather than never.
/// Two lanes, so that nothing waits before a critical one; limits, quiet hours and digests are for the others alone. Retrying stands here
/// and nowhere else.
/// </summary>
public sealed partial class Dispatcher : BackgroundService
{
    private const int MostAttempts = 3;
    private const int MostInFlight = 64;

    /// <summary>Low severities waiting for one person go out as one message from two on; high ones from four on.</summary>
    private const int DigestLow = 2,
        DigestHigh = 4;

    /// <summary>How long a sender has a notice to itself before its outcome counts as unknown.</summary>
    private static readonly TimeSpan Lease = TimeSpan.FromSeconds(45);

    /// <summary>A channel that says nothing for so long is taken as an unknown outcome.</summary>
    private static readonly TimeSpan ChannelTimeout = TimeSpan.FromSeconds(30);

    /// <summary>
    /// A notice whose provider is in trouble: kept, and tried again this far apart (critical, others), or as soon as the provider is back.
    /// </summary>
    private static readonly TimeSpan HeldCritical = TimeSpan.FromSeconds(20),
        HeldOthers = TimeSpan.FromSeconds(60);

    /// <summary>As long as its link opens.</summary>
    private static readonly TimeSpan LongestHeld = TimeSpan.FromHours(24);

    /// <summary>Note of such a notice.</summary>
    private const string HeldNote = "kept until the provider is back";

    private readonly IDbContextFactory<RecordsDb> records;
    private readonly Routes routes;
    private readonly MessageTexts messages;
    private readonly TimeProvider clock;
    private readonly ILogger<Dispatcher> log;
    private readonly Dictionary<Lane, Pace> paces;
    private readonly ConcurrentDictionary<Guid, bool> inFlight = [];
    private readonly Numbers numbers;
    private readonly Troubles? troubles;
    private int recovered;

    /// <summary>Real time: a provider knows no fast clock.</summary>
    internal TimeProvider ProviderClock { get; init; } = TimeProvider.System;

    public Dispatcher(
        IDbContextFactory<RecordsDb> records,
        Routes routes,
        MessageTexts messages,
        TimeProvider clock,
        ILogger<Dispatcher> log,
        Numbers? numbers = null,
        Troubles? troubles = null
    )
    {
        (this.records, this.routes, this.messages, this.clock, this.log, this.troubles) = (records, routes, messages, clock, log, troubles);
        this.numbers = numbers ?? Numbers.Shipped;
        paces = Enum.GetValues<Lane>().ToDictionary(l => l, _ => new Pace(clock));
        foreach (var lane in Enum.GetValues<Lane>())
            turned[lane] = clock.GetTimestamp();
        foreach (var health in routes.All.Select(c => c.Health).OfType<ChannelHealth>())
            health.Recovered += OnRecovered;
    }

    /// <summary>How long ago the slower lane last finished a look.</summary>
    public TimeSpan SinceCycle => clock.GetElapsedTime(turned.Values.Min());

    private readonly ConcurrentDictionary<Lane, long> turned = [];

    /// <summary>A call went out while somebody answered for its alarm.</summary>
    public event Action<Guid>? CalledTooLate;

    public void Wake(Lane lane) => paces[lane].Wake();

    public override void Dispose()
    {
        foreach (var health in routes.All.Select(c => c.Health).OfType<ChannelHealth>())
            health.Recovered -= OnRecovered;
        foreach (var pace in paces.Values)
            pace.Dispose();
        base.Dispose();
    }

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        await Task.Yield();
        try
        {
            await RecoverAsync(stoppingToken);
        }
        catch (Exception e) when (e is not OutOfMemoryException && !stoppingToken.IsCancellationRequested)
        {
            LogFailed(log, e); // the leases run out by themselves
        }

        await Task.WhenAll(
            Task.Run(() => LoopAsync(Lane.Critical, stoppingToken), stoppingToken),
            Task.Run(() => LoopAsync(Lane.Others, stoppingToken), stoppingToken)
        );
    }

    /// <summary>
    /// After a restart: what was on its way is asked about now instead of when its lease runs out. On PostgreSQL another instance may be
    /// sending it: the lease decides.
    /// </summary>
    public async Task RecoverAsync(CancellationToken cancellation)
    {
        await using var db = await records.CreateDbContextAsync(cancellation);
        if (db is PostgresRecords)
            return;
        var now = Now();
        await db.Notices.Where(n => n.State == NoticeState.Sending).ExecuteUpdateAsync(u => u.SetProperty(n => n.DueAt, now), cancellation);
    }

    /// <summary>Sends all that is due, both lanes, and waits for the outcomes.</summary>
    public async Task<int> DrainAsync(CancellationToken cancellation)
    {
        var (all, done) = (0, 0);
        do
        {
            done = 0;
            foreach (var lane in Enum.GetValues<Lane>())
            {
                var sends = await ClaimAsync(lane, MostInFlight, cancellation);
                await Task.WhenAll(sends);
                await RecordAllAsync(lane, [.. sends.Select(s => s.Result)], cancellation);
                done += sends.Count;
            }

            all += done;
        } while (done > 0);
        return all;
    }

    private async Task LoopAsync(Lane lane, CancellationToken stopping)
    {
        var sends = new List<Task<Outcome>>();
        var outcomes = new List<Outcome>();
        while (!stopping.IsCancellationRequested)
        {
            try
            {
                var claimed = sends.Count < MostInFlight ? await ClaimAsync(lane, MostInFlight - sends.Count, stopping) : [];
                sends.AddRange(claimed);
                turned[lane] = clock.GetTimestamp();
                if (claimed.Count == 0 || sends.Count >= MostInFlight)
                    await paces[lane].NextAsync(sends, stopping);
                var done = sends.Where(s => s.IsCompleted).ToList();
                sends.RemoveAll(done.Contains);
                outcomes.AddRange(done.Select(d => d.Result));
                if (outcomes.Count > 0)
                    outcomes = await RecordAllAsync(lane, outcomes, stopping);
            }
            catch (Exception e) when (e is not OutOfMemoryException && !stopping.IsCancellationRequested)
            {
                LogFailed(log, e);
                await paces[lane].NextAsync([], stopping);
            }
        }
    }

    /// <summary>
    /// Claims what is due; when one row spoils it, one at a time, and that one is put off, so that the others get through.
    /// </summary>
    internal async Task<IReadOnlyList<Task<Outcome>>> ClaimAsync(Lane lane, int most, CancellationToken cancellation)
    {
        try
        {
            return await ClaimManyAsync(lane, most, cancellation);
        }
        catch (Exception e) when (Faults.MayBeOneRow(e, cancellation))
        {
            LogFailed(log, e);
        }

        var sends = new List<Task<Outcome>>();
        for (var i = 0; i < most; i++)
        {
            try
            {
                if (await ClaimManyAsync(lane, 1, cancellation) is not { Count: > 0 } one)
                    break;
                sends.AddRange(one);
            }
            catch (DbUpdateConcurrencyException)
            {
                // Somebody answered for its alarm this moment: the next try sees what stands then.
            }
            catch (Exception e) when (Faults.MayBeOneRow(e, cancellation))
            {
                await PutOffAsync(lane, e, cancellation);
            }
        }

        return sends;
    }

    /// <summary>
    /// The row that can't be handled stays, later than the others; its alarm's next step comes in its time, and the desk is told.
    /// </summary>
    private async Task PutOffAsync(Lane lane, Exception why, CancellationToken cancellation)
    {
        var (now, later) = (Now(), Now().AddSeconds(10));
        await using var db = await records.CreateDbContextAsync(cancellation);
        if (
            (await Due.NoticesAsync(db, lane, now, 1, cancellation)).FirstOrDefault() is not { } spoiled
            || inFlight.ContainsKey(spoiled.Id)
        )
            return;
        await db.Notices.Where(n => n.Id == spoiled.Id).ExecuteUpdateAsync(u => u.SetProperty(n => n.DueAt, later), cancellation);
        LogPutOff(log, spoiled.Id, why);
        troubles?.Happened(
            "notice",
            $"notice {spoiled.Id} of alarm {spoiled.AlarmId} can't be handled and is tried again: {why.GetType().Name}",
            $"警报 {spoiled.AlarmId} 的通知 {spoiled.Id} 无法处理，将重试：{why.GetType().Name}",
            TimeSpan.FromHours(1)
        );
    }

    /// <summary>Marks what is due as Sending, commits, and only then begins to send.</summary>
    private async Task<IReadOnlyList<Task<Outcome>>> ClaimManyAsync(Lane lane, int most, CancellationToken cancellation)
    {
        if (Interlocked.Exchange(ref recovered, 0) == 1)
            await ReleaseHeldAsync(cancellation);
        var sends = new List<Func<Task<Outcome>>>();
        await using var db = await records.CreateDbContextAsync(cancellation);
        await using (var transaction = await WriteTurn.BeginAsync(db, first: lane == Lane.Critical, cancellation))
        {
            var now = Now();
            var due = (await Due.NoticesAsync(db, lane, now, most, cancellation)).Where(n => !inFlight.ContainsKey(n.Id)).ToList();
            if (due.Count == 0)
                return [];
            var ids = due.Select(n => n.AlarmId).Distinct().ToList();
            var alarms = await db.Alarms.Where(a => ids.Contains(a.Id)).ToDictionaryAsync(a => a.Id, cancellation);
            var people = await People.LoadAsync(db, alarms.Values, messages.ToLocal(now), cancellation);
            var limits = lane == Lane.Critical ? null : await SendingLimits.LoadAsync(db, due, now, cancellation);
            if (lane == Lane.Others)
                Bundle(db, due, alarms, people, limits!, now);
            foreach (var notice in due.Where(n => n.State != NoticeState.Cancelled))
            {
                var alarm = alarms[notice.AlarmId];
                // Where it went can't be read any more: the address that the registry has now.
                if (
                    FieldKeys.IsUnreadable(notice.Address)
                    && people.WithKey(notice.Recipient, alarm)?.AddressFor(notice.Channel) is { Length: > 0 } address
                )
                    notice.Address = address;
                if (notice.Held && now - notice.CreatedAt > LongestHeld)
                {
                    (notice.State, notice.FinishedAt, notice.Note) = (
                        NoticeState.Failed,
                        now,
                        $"the provider was not back within {LongestHeld.TotalHours:0} h"
                    );
                    AlarmDesk.Line(
                        db,
                        alarm.Id,
                        now,
                        "failed",
                        "escalation",
                        $"{notice.Channel} to {notice.RecipientName}: {notice.Note}",
                        $"{Way(notice)}：服务商 {LongestHeld.TotalHours:0} 小时内未恢复"
                    );
                }
                else if (notice.State == NoticeState.Sending)
                {
                    var past = await PastAsync(db, notice, Outgoing(notice, alarm, people), now, cancellation);
                    notice.DueAt = now + Lease;
                    sends.Add(() => ReconcileAsync(notice, past));
                }
                else if (alarm.State != AlarmState.Open && notice.Template is not ("cleared" or "back" or "late"))
                {
                    (notice.State, notice.FinishedAt, notice.Note) = (NoticeState.Cancelled, now, "somebody has answered for it");
                    if (notice.Template == "digest")
                        await UnbundleAsync(db, notice, now, cancellation);
                }
                else if (numbers.Refuses(notice.Channel, notice.Address) is { } refused)
                {
                    await FallThroughAsync(db, notice, alarm, people, refused, now, cancellation);
                    troubles?.Happened(
                        "number",
                        $"{notice.Recipient} was not told by {notice.Channel}: {refused.En}",
                        $"{notice.Recipient} 未能通过{ChannelWords.Of(notice.Channel).Zh}通知：{refused.Zh}",
                        TimeSpan.FromHours(1)
                    );
                }
                else if (routes.For(notice.Channel, notice.Address) is not { } channel)
                {
                    await FallThroughAsync(
                        db,
                        notice,
                        alarm,
                        people,
                        new Wording(
                            $"no provider carries {notice.Channel} to this address",
                            $"没有服务商可向该地址发送{ChannelWords.Of(notice.Channel).Zh}"
                        ),
                        now,
                        cancellation
                    );
                }
                else if (limits?.Earliest(notice, now) is { } free && free > now)
                {
                    if (notice.State != NoticeState.Deferred)
                        AlarmDesk.Line(
                            db,
                            alarm.Id,
                            now,
                            "deferred",
                            "escalation",
                            $"{notice.Channel} to {notice.RecipientName}: too many to this number; later",
                            $"{Way(notice)}：该号码消息过多，稍后发送"
                        );
                    var isNews = notice.State != NoticeState.Deferred;
                    (notice.State, notice.DueAt, notice.Held, notice.Note) = (
                        NoticeState.Deferred,
                        free,
                        false,
                        "limit of messages to this number"
                    );
                    // What can't wait is told another way meanwhile.
                    if (isNews && alarm.Severity >= Severity.High)
                        await OtherWayAsync(db, notice, alarm, people, now, cancellation);
                }
                else
                {
                    limits?.Count(notice, now);
                    (notice.State, notice.Provider, notice.Attempts, notice.DueAt, notice.Round) = (
                        NoticeState.Sending,
                        channel.Provider,
                        notice.Attempts + 1,
                        now + Lease,
                        alarm.Round
                    );
                    if (notice.Template is "opened" or "repeated" && channel.TakesReplies(notice.Channel, notice.Address))
                        notice.ReplyCode ??= await ReplyCodes.ForAsync(db, notice, cancellation);
                    var outgoing = Outgoing(notice, alarm, people);
                    sends.Add(() => SendAsync(channel, notice, alarm.Trace, outgoing));
                }
            }

            await db.SaveChangesAsync(cancellation);
            await transaction.CommitAsync(cancellation);
        }

        return [.. sends.Select(s => s())];
    }

    /// <summary>What waits for one person at one address, and can wait, becomes one message.</summary>
    private void Bundle(RecordsDb db, List<Notice> due, Dictionary<Guid, Alarm> alarms, People people, SendingLimits limits, DateTime now)
    {
        var bundles = due.Where(n =>
                n.Template == "opened"
                && n.Channel != "voice"
                && n.State is NoticeState.Waiting or NoticeState.Deferred
                && alarms[n.AlarmId].State == AlarmState.Open
            )
            .GroupBy(n => (n.Channel, n.Address, Low: alarms[n.AlarmId].Severity <= Severity.Warning));
        foreach (var bundle in bundles)
        {
            var list = bundle.OrderByDescending(n => alarms[n.AlarmId].Severity).ThenBy(n => n.CreatedAt).ToList();
            if (list.Count < (bundle.Key.Low ? DigestLow : DigestHigh))
                continue;
            var first = list[0];
            if (limits.Earliest(first, now) > now)
                continue; // they wait one by one, so that whoever is answered for meanwhile takes no other's message away
            first.Template = "digest";
            first.Text = messages.Digest(
                first.Language,
                [.. list.Select(n => (people.NameOf(alarms[n.AlarmId]), alarms[n.AlarmId].Kind))],
                first.Link
            );
            foreach (var other in list.Skip(1))
            {
                (other.State, other.FinishedAt, other.DigestId, other.Note) = (
                    NoticeState.Cancelled,
                    now,
                    first.Id,
                    "in one message with others"
                );
                AlarmDesk.Line(
                    db,
                    other.AlarmId,
                    now,
                    "bundled",
                    "escalation",
                    $"{other.Channel} to {other.RecipientName}: in one message with {list.Count - 1} others",
                    $"{Way(other)}：与另外{list.Count - 1}条合并发送"
                );
            }
        }
    }

    private static Task<List<Notice>> BundledAsync(RecordsDb db, Notice digest, CancellationToken cancellation) =>
        db.Notices.Where(n => n.DigestId == digest.Id).ToListAsync(cancellation);

    /// <summary>A digest that isn't sent gives back what it held: each goes its own way again.</summary>
    private static async Task UnbundleAsync(RecordsDb db, Notice digest, DateTime now, CancellationToken cancellation)
    {
        foreach (var other in await BundledAsync(db, digest, cancellation))
            (other.State, other.FinishedAt, other.SentAt, other.DueAt, other.DigestId, other.Note) = (
                NoticeState.Waiting,
                null,
                null,
                now,
                null,
                ""
            );
    }

    private async Task<Outcome> SendAsync(IChannel channel, Notice notice, string trace, OutgoingNotice outgoing)
    {
        // A trace of its own, linked to the alarm's: what was said hours later would never end the first one.
        using var span = Tracing.Source.HasListeners()
            ? Tracing.Source.StartActivity(
                "notice",
                ActivityKind.Client,
                parentContext: default,
                links: Tracing.Parse(trace) is var opened && opened != default ? [new ActivityLink(opened)] : null
            )
            : null;
        span?.SetTag("vigil.alarm", notice.AlarmId)
            .SetTag("vigil.notice", notice.Id)
            .SetTag("vigil.channel", notice.Channel)
            .SetTag("vigil.provider", channel.Provider);
        inFlight[notice.Id] = true;
        try
        {
            return new Outcome(
                notice.Id,
                await channel.SendAsync(outgoing, CancellationToken.None).WaitAsync(ChannelTimeout, ProviderClock)
            );
        }
        catch (TimeoutException)
        {
            return new Outcome(
                notice.Id,
                new ChannelResult(
                    ChannelOutcome.Unknown,
                    new Wording($"no answer within {ChannelTimeout.TotalSeconds:0} s", $"{ChannelTimeout.TotalSeconds:0} 秒内没有应答")
                )
            );
        }
        catch (Exception e) when (e is not OutOfMemoryException)
        {
            // Whether the request had gone out is not known: ask before it is sent again.
            return new Outcome(notice.Id, new ChannelResult(ChannelOutcome.Unknown, Failed(e)));
        }
        finally
        {
            inFlight.TryRemove(notice.Id, out _);
        }
    }

    private async Task<Outcome> ReconcileAsync(Notice notice, PastNotice past)
    {
        inFlight[notice.Id] = true;
        try
        {
            var known = routes.Find(notice.Provider) is { } channel
                ? await channel.ReconcileAsync(past, CancellationToken.None).WaitAsync(ChannelTimeout, ProviderClock)
                : null;
            return new Outcome(
                notice.Id,
                known ?? new ChannelResult(ChannelOutcome.TryAgain, new Wording("the provider has never heard of it", "服务商没有此消息")),
                Reconciled: true
            );
        }
        catch (Exception e) when (e is not OutOfMemoryException)
        {
            // It may have gone out: sent again only after it was asked about. Another way is tried meanwhile.
            return new Outcome(
                notice.Id,
                new ChannelResult(
                    ChannelOutcome.Down,
                    new Wording($"the provider could not be asked: {e.Message}", $"无法向服务商查询（{e.GetType().Name}）")
                ),
                Reconciled: true
            );
        }
        finally
        {
            inFlight.TryRemove(notice.Id, out _);
        }
    }

    /// <summary>
    /// Writes outcomes down, together, else one by one. Returns those that are still to be written: what a provider said is not forgotten
    /// while the database is away.
    /// </summary>
    internal async Task<List<Outcome>> RecordAllAsync(Lane lane, List<Outcome> outcomes, CancellationToken cancellation)
    {
        try
        {
            await RecordAsync(lane, outcomes, cancellation);
            return [];
        }
        catch (Exception e) when (e is not OutOfMemoryException && !cancellation.IsCancellationRequested)
        {
            LogFailed(log, e);
        }

        var left = new List<Outcome>();
        foreach (var outcome in outcomes)
        {
            try
            {
                await RecordAsync(lane, [outcome], cancellation);
            }
            catch (Exception e) when (e is not OutOfMemoryException && !cancellation.IsCancellationRequested)
            {
                LogNotRecorded(log, outcome.Notice, e);
                if (outcome.Failures + 1 < MostAttempts)
                    left.Add(outcome with { Failures = outcome.Failures + 1 }); // else its lease runs out and the provider is asked
                else
                    troubles?.Happened(
                        "outcome",
                        $"what became of notice {outcome.Notice} can't be written down: {e.GetType().Name}",
                        $"通知 {outcome.Notice} 的结果无法保存：{e.GetType().Name}",
                        TimeSpan.FromHours(1)
                    );
            }
        }

        return left;
    }

    /// <summary>
    /// Writes outcomes down, many in one transaction. A receipt that came before its answer is not undone: states only go forward.
    /// </summary>
    internal async Task RecordAsync(Lane lane, IReadOnlyList<Outcome> outcomes, CancellationToken cancellation)
    {
        if (outcomes.Count == 0)
            return;
        await using var db = await records.CreateDbContextAsync(cancellation);
        await using var transaction = await WriteTurn.BeginAsync(db, first: lane == Lane.Critical, cancellation);
        var now = Now();
        var ids = outcomes.Select(o => o.Notice).ToList();
        var notices = await db.Notices.Where(n => ids.Contains(n.Id)).ToDictionaryAsync(n => n.Id, cancellation);
        var alarmIds = notices.Values.Select(n => n.AlarmId).Distinct().ToList();
        var alarms = await db.Alarms.Where(a => alarmIds.Contains(a.Id)).ToDictionaryAsync(a => a.Id, cancellation);
        var people = await People.LoadAsync(db, alarms.Values, messages.ToLocal(now), cancellation);
        var tooLate = new List<Guid>();
        foreach (var (id, result, reconciled, _) in outcomes)
        {
            if (!notices.TryGetValue(id, out var notice) || !alarms.TryGetValue(notice.AlarmId, out var alarm))
                continue; // erased meanwhile
            notice.ProviderId ??= result.ProviderId;
            if (notice.State != NoticeState.Sending)
                continue;
            if (result.Blocked)
                await BlockAsync(db, notice, alarm, result.Reason, now, cancellation);
            var held = notice.Held;
            if (!held || result.Outcome is not ChannelOutcome.Unknown)
                (notice.Held, notice.Note) = (false, result.Reason.En);
            switch (result.Outcome)
            {
                case ChannelOutcome.Sent or ChannelOutcome.Delivered:
                    (notice.State, notice.SentAt) = (NoticeState.Sent, now);
                    if (result.Outcome == ChannelOutcome.Delivered)
                        (notice.State, notice.FinishedAt) = (NoticeState.Delivered, now);
                    if (notice.Channel == "voice" && alarm.State != AlarmState.Open)
                        tooLate.Add(alarm.Id);
                    if (notice.Template == "digest")
                        foreach (var other in await BundledAsync(db, notice, cancellation))
                            (other.State, other.SentAt, other.FinishedAt) = (NoticeState.Sent, now, null);
                    var found = reconciled ? " (found at the provider)" : "";
                    AlarmDesk.Line(
                        db,
                        alarm.Id,
                        now,
                        "sent",
                        notice.Provider,
                        $"{notice.Channel} to {notice.RecipientName}{found}",
                        $"{Way(notice)}{(reconciled ? "（服务商确认已收到）" : "")}"
                    );
                    break;
                case ChannelOutcome.Unknown:
                    notice.DueAt = now.AddSeconds(2); // asked about then
                    break;
                case ChannelOutcome.Busy:
                    (notice.State, notice.DueAt, notice.Attempts) = (NoticeState.Waiting, now.AddSeconds(1), notice.Attempts - 1);
                    if (held)
                        (notice.Held, notice.Note) = (true, HeldNote);
                    break;
                case ChannelOutcome.Down when reconciled:
                    await HoldAsync(db, notice, alarm, people, result.Reason, held, now, cancellation, whole: true);
                    notice.State = NoticeState.Sending; // still unknown
                    break;
                case ChannelOutcome.Down when routes.For(notice.Channel, notice.Address) is { } other && other.Provider != notice.Provider:
                    (notice.State, notice.DueAt) = (NoticeState.Waiting, now);
                    AlarmDesk.Line(
                        db,
                        alarm.Id,
                        now,
                        "rerouted",
                        notice.Provider,
                        $"{notice.Channel} to {notice.RecipientName}: {result.Reason.En}; over {other.Provider}",
                        $"{Way(notice)}：{result.Reason.Zh}；改由 {other.Provider} 发送"
                    );
                    break;
                case ChannelOutcome.Down
                or ChannelOutcome.TryAgain when result.Outcome == ChannelOutcome.Down || notice.Attempts >= MostAttempts:
                    await HoldAsync(db, notice, alarm, people, result.Reason, held, now, cancellation);
                    break;
                case ChannelOutcome.TryAgain:
                    notice.State = NoticeState.Waiting;
                    notice.DueAt = reconciled ? now : now.AddSeconds(2 << notice.Attempts);
                    AlarmDesk.Line(
                        db,
                        alarm.Id,
                        now,
                        "retried",
                        notice.Provider,
                        $"{notice.Channel} to {notice.RecipientName}: {result.Reason.En}; tried again",
                        $"{Way(notice)}：{result.Reason.Zh}，重试"
                    );
                    break;
                default:
                    await FallThroughAsync(db, notice, alarm, people, result.Reason, now, cancellation);
                    break;
            }
        }

        await db.SaveChangesAsync(cancellation);
        await transaction.CommitAsync(cancellation);
        foreach (var alarm in tooLate)
            CalledTooLate?.Invoke(alarm);
        foreach (var pace in paces.Values)
            pace.Wake();
    }

    /// <summary>A receipt of a provider. May come twice, late, or before the answer to the request: states only go forward.</summary>
    /// <param name="notice">Ours, when the provider carries it back; else it is found by provider and <paramref
    /// name="providerId"/>.</param>
    /// <param name="delivered">False: it did not get there, and the next channel is tried at once. Null: it is on its way.</param>
    /// <param name="blocked">The number takes nothing this way any more.</param>
    /// <returns>False when no such notice is known.</returns>
    public async Task<bool> ReceiptAsync(
        string provider,
        string providerId,
        Guid? notice,
        bool? delivered,
        Wording reason,
        CancellationToken cancellation,
        bool blocked = false
    )
    {
        await using var db = await records.CreateDbContextAsync(cancellation);
        await using var transaction = await WriteTurn.BeginAsync(db, first: true, cancellation);
        var row = notice is { } id ? await db.Notices.FirstOrDefaultAsync(n => n.Id == id, cancellation) : null;
        row ??= await db.Notices.FirstOrDefaultAsync(n => n.Provider == provider && n.ProviderId == providerId, cancellation);
        if (row is null)
            return false;
        // Said before; or given up and on its way again, because the provider did not know it when it was asked: then it need not go out
        // twice.
        if (
            row.State is not (NoticeState.Sending or NoticeState.Sent)
            && !(delivered == true && row is { State: NoticeState.Waiting or NoticeState.Deferred, Attempts: > 0 })
        )
            return true;
        var now = Now();
        row.ProviderId ??= providerId;
        if (delivered is null)
        {
            // Nothing new, but its id: after a crash it is found by it.
        }
        else if (delivered == true)
        {
            (row.State, row.SentAt, row.FinishedAt, row.Held, row.Note) = (NoticeState.Delivered, row.SentAt ?? now, now, false, reason.En);
            // it does arrive
            await db.BlockedNumbers.Where(b => b.Address == row.Address && b.Channel == row.Channel).ExecuteDeleteAsync(cancellation);
            AlarmDesk.Line(db, row.AlarmId, now, "delivered", provider, $"{row.Channel} to {row.RecipientName}", $"{Way(row)} 已送达");
        }
        else
        {
            var alarm = await db.Alarms.FirstAsync(a => a.Id == row.AlarmId, cancellation);
            if (blocked)
                await BlockAsync(db, row, alarm, reason, now, cancellation);
            await FallThroughAsync(
                db,
                row,
                alarm,
                await People.LoadAsync(db, [alarm], messages.ToLocal(now), cancellation),
                reason,
                now,
                cancellation
            );
        }

        await db.SaveChangesAsync(cancellation);
        await transaction.CommitAsync(cancellation);
        foreach (var pace in paces.Values)
            pace.Wake();
        return true;
    }

    /// <summary>Remembered for the next alarm, and told to the desk: only a person can find another number.</summary>
    private async Task BlockAsync(RecordsDb db, Notice notice, Alarm alarm, Wording reason, DateTime now, CancellationToken cancellation)
    {
        if (db.BlockedNumbers.Local.Any(b => b.Address == notice.Address && b.Channel == notice.Channel))
            return;
        if (await db.BlockedNumbers.AnyAsync(b => b.Address == notice.Address && b.Channel == notice.Channel, cancellation))
            return;
        db.BlockedNumbers.Add(
            new BlockedNumber
            {
                Id = Guid.CreateVersion7(clock.GetUtcNow()),
                Address = notice.Address,
                Channel = notice.Channel,
                Reason = reason.En,
                Since = now,
            }
        );
        AlarmDesk.Line(
            db,
            alarm.Id,
            now,
            "blocked",
            "escalation",
            $"{notice.Channel} to {notice.RecipientName}: {reason.En}; not used again until the number is changed",
            $"{Way(notice)}：{reason.Zh}；更改号码前不再使用"
        );
        troubles?.Happened(
            "number",
            $"{notice.Channel} does not reach {notice.Recipient} any more ({reason.En}): ask for another number",
            $"{ChannelWords.Of(notice.Channel).Zh}已无法联系 {notice.Recipient}（{reason.Zh}）：请核实号码",
            TimeSpan.FromHours(1)
        );
    }

    /// <summary>
    /// The channel failed: the next one of the step is tried at once; after the last, the next step is due at once when nobody else of it
    /// was reached.
    /// </summary>
    private async Task FallThroughAsync(
        RecordsDb db,
        Notice notice,
        Alarm alarm,
        People people,
        Wording reason,
        DateTime now,
        CancellationToken cancellation
    )
    {
        (notice.State, notice.FinishedAt, notice.Held, notice.Note) = (NoticeState.Failed, now, false, reason.En);
        AlarmDesk.Line(
            db,
            alarm.Id,
            now,
            "failed",
            "escalation",
            $"{notice.Channel} to {notice.RecipientName}: {reason.En}",
            $"{Way(notice)}：{reason.Zh}"
        );
        await OtherWayAsync(db, notice, alarm, people, now, cancellation);
        if (notice.Template != "digest")
            return;
        foreach (var other in await BundledAsync(db, notice, cancellation))
        {
            var its = await db.Alarms.FirstAsync(a => a.Id == other.AlarmId, cancellation);
            await FallThroughAsync(
                db,
                other,
                its,
                await People.LoadAsync(db, [its], messages.ToLocal(now), cancellation),
                reason,
                now,
                cancellation
            );
        }
    }

    /// <summary>
    /// The provider failed, not the address: another way is tried at once as if the channel had failed, and this notice is kept and goes
    /// out when the provider is back, for as long as nobody has answered. An outage delays a message; it never loses one.
    /// </summary>
    private async Task HoldAsync(
        RecordsDb db,
        Notice notice,
        Alarm alarm,
        People people,
        Wording reason,
        bool held,
        DateTime now,
        CancellationToken cancellation,
        bool whole = false
    )
    {
        (notice.State, notice.DueAt, notice.Held, notice.Note) = (
            NoticeState.Deferred,
            now + (alarm.Severity == Severity.Critical ? HeldCritical : HeldOthers),
            true,
            HeldNote
        );
        if (held)
            return; // said before
        AlarmDesk.Line(
            db,
            alarm.Id,
            now,
            "held",
            "escalation",
            $"{notice.Channel} to {notice.RecipientName}: {reason.En}; {HeldNote}",
            $"{Way(notice)}：{reason.Zh}；服务商恢复后补发"
        );
        // Of several to one person about one alarm the newest is enough when the provider is back.
        await db
            .Notices.Where(n =>
                n.AlarmId == alarm.Id
                && n.Id != notice.Id
                && n.Recipient == notice.Recipient
                && n.Channel == notice.Channel
                && n.State == NoticeState.Deferred
                && n.Held
            )
            .ExecuteUpdateAsync(
                u =>
                    u.SetProperty(n => n.State, NoticeState.Cancelled)
                        .SetProperty(n => n.FinishedAt, now)
                        .SetProperty(n => n.Held, false)
                        .SetProperty(n => n.Note, "a newer one is kept in its place"),
                cancellation
            );
        await OtherWayAsync(db, notice, alarm, people, now, cancellation);
        if (notice.Template != "digest" || whole)
            return;
        // Taken apart: each alarm has its own other way, and what still waits together then is bundled anew.
        (notice.Template, notice.Text) = (
            "opened",
            messages.Text("opened", notice.Language, people.NameOf(alarm), alarm.Kind, alarm.RaisedAt, notice.Link)
        );
        foreach (var other in await BundledAsync(db, notice, cancellation))
        {
            (other.FinishedAt, other.SentAt, other.DigestId, other.Note) = (null, null, null, "");
            var its = await db.Alarms.FirstAsync(a => a.Id == other.AlarmId, cancellation);
            await HoldAsync(
                db,
                other,
                its,
                await People.LoadAsync(db, [its], messages.ToLocal(now), cancellation),
                reason,
                held: false,
                now,
                cancellation
            );
        }
    }

    private async Task OtherWayAsync(RecordsDb db, Notice notice, Alarm alarm, People people, DateTime now, CancellationToken cancellation)
    {
        if (notice.StepId is not { } stepId || await db.Steps.FirstOrDefaultAsync(s => s.Id == stepId, cancellation) is not { } step)
            return;
        if (alarm.State != AlarmState.Open)
            return;
        await db.Notices.Where(n => n.StepId == stepId).LoadAsync(cancellation);
        var ofStep = db.Notices.Local.Where(n => n.StepId == stepId).ToList();
        if (people.WithKey(notice.Recipient, alarm)?.Way(step.Via, after: notice.Channel) is { } way)
        {
            if (ofStep.Exists(n => n.Recipient == notice.Recipient && n.Channel == way.Channel))
                return; // on its way already
            var other = Notices.Anew(notice, alarm, Guid.CreateVersion7(clock.GetUtcNow()), now);
            (other.Channel, other.Address) = way;
            // A digest speaks of several: on the next channel each alarm has its own words, or is bundled anew there.
            if (notice.Template == "digest")
                (other.Template, other.Text) = (
                    "opened",
                    messages.Text("opened", notice.Language, people.NameOf(alarm), alarm.Kind, alarm.RaisedAt, notice.Link)
                );
            db.Notices.Add(other);
            return;
        }

        var declined = await db
            .Timeline.Where(t => t.AlarmId == alarm.Id && t.What == "declined" && t.Time >= step.StartedAt)
            .Select(t => t.Who)
            .ToListAsync(cancellation);
        if (ofStep.Exists(n => n.State is not (NoticeState.Failed or NoticeState.Cancelled) && !n.Held && !declined.Contains(n.Recipient)))
            return;
        // The same people once more at once would fail once more at once, without end: they keep their wait, and others come first.
        var others = (await AlarmDesk.WaitingAsync(db, alarm.Id, cancellation))
            .Where(s => s.Template == "opened")
            .SkipWhile(s => s.To == step.To)
            .ToList();
        if (others.Count == 0)
            return;
        AlarmDesk.Line(
            db,
            alarm.Id,
            now,
            "unreached",
            "escalation",
            $"nobody of step {step.Order} ({step.To}) could be reached: on to the next",
            $"第{step.Order}步（{Recipient.Parse(step.To).Chinese}）无人可达，立即执行下一步"
        );
        var due = now;
        foreach (var next in others)
        {
            next.DueAt = due;
            due = due.AddSeconds(next.WaitSeconds);
        }
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

    private void OnRecovered()
    {
        Volatile.Write(ref recovered, 1);
        foreach (var pace in paces.Values)
            pace.Wake();
    }

    private async Task ReleaseHeldAsync(CancellationToken cancellation)
    {
        var now = Now();
        await using var db = await records.CreateDbContextAsync(cancellation);
        await db
            .Notices.Where(n => (n.State == NoticeState.Deferred || n.State == NoticeState.Sending) && n.Held)
            .ExecuteUpdateAsync(u => u.SetProperty(n => n.DueAt, now), cancellation);
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
            notice.Channel == "mail" ? messages.Kind(alarm.Kind, notice.Language) : "",
            notice.Text + (code.Length > 0 ? messages.Reply(notice.Language, code) : ""),
            notice.Link,
            alarm.Severity == Severity.Critical,
            code
        );
    }

    private static string Way(Notice notice) => $"{ChannelWords.Of(notice.Channel).Zh} → {notice.RecipientName}";

    private static Wording Failed(Exception e) => new(e.Message, $"发送出错（{e.GetType().Name}）");

    private DateTime Now() => clock.GetUtcNow().UtcDateTime;

    /// <param name="Failures">How often it could not be written down.</param>
    internal sealed record Outcome(Guid Notice, ChannelResult Result, bool Reconciled = false, int Failures = 0);

    [LoggerMessage(Level = LogLevel.Error, Message = "Notice {Notice} can't be handled; it is tried again after the others")]
    private static partial void LogPutOff(ILogger logger, Guid notice, Exception e);

    [LoggerMessage(Level = LogLevel.Error, Message = "What became of notice {Notice} could not be written down")]
    private static partial void LogNotRecorded(ILogger logger, Guid notice, Exception e);

    [LoggerMessage(Level = LogLevel.Error, Message = "Notices could not be handled; the next look tries again")]
    private static partial void LogFailed(ILogger logger, Exception e);
}
