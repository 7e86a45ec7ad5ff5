using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Vigil.Model;
using Vigil.Notify.Messages;
using Vigil.Storage.Records;

namespace Vigil.Notify.Escalation;

/// <summary>
/// Runs the steps that are due: looks every second, and at once when something changed, in two lanes. A step and the notices it makes are
/// one transaction, so a crash leaves either both or neither; sending is the <see cref="Dispatcher"/>'s. An empty step is skipped at once
/// with a note and the next is due now.
/// </summary>
public sealed partial class Escalator : BackgroundService
{
    private const int LargestBatch = 100;

    /// <summary>A plan that is at its end and that nobody has answered begins its last step again, this long apart at least.</summary>
    private static readonly TimeSpan LastStepAgain = TimeSpan.FromMinutes(15);

    /// <summary>How long a link in a message opens its alarm.</summary>
    internal static readonly TimeSpan LinkLifetime = TimeSpan.FromHours(24);

    private readonly IDbContextFactory<RecordsDb> records;
    private readonly AlarmDesk desk;
    private readonly Policies policies;
    private readonly MessageTexts messages;
    private readonly SignedLinks links;
    private readonly Dispatcher dispatcher;
    private readonly TimeProvider clock;
    private readonly ILogger<Escalator> log;
    private readonly Troubles? troubles;
    private readonly Dictionary<Lane, Pace> paces;

    public Escalator(
        IDbContextFactory<RecordsDb> records,
        AlarmDesk desk,
        Policies policies,
        MessageTexts messages,
        SignedLinks links,
        Dispatcher dispatcher,
        TimeProvider clock,
        ILogger<Escalator> log,
        Troubles? troubles = null
    )
    {
        (this.records, this.desk, this.policies, this.messages, this.links, this.dispatcher, this.clock, this.log, this.troubles) = (
            records,
            desk,
            policies,
            messages,
            links,
            dispatcher,
            clock,
            log,
            troubles
        );
        paces = Enum.GetValues<Lane>().ToDictionary(l => l, _ => new Pace(clock));
        foreach (var lane in Enum.GetValues<Lane>())
            turned[lane] = clock.GetTimestamp();
        desk.Changed += change => paces[change.Severity == Severity.Critical ? Lane.Critical : Lane.Others].Wake();
    }

    /// <summary>
    /// How long ago the lane that is further behind last finished a look: the health check fails when it stops, not when the process does.
    /// </summary>
    public TimeSpan SinceCycle => clock.GetElapsedTime(turned.Values.Min());

    /// <summary>The clock's timestamps: a wall clock that is set is no sign of life.</summary>
    private readonly System.Collections.Concurrent.ConcurrentDictionary<Lane, long> turned = [];

    /// <summary>A step ran; the demo prints it.</summary>
    public event Action<EscalationStep, Alarm, string>? Stepped;

    public override void Dispose()
    {
        foreach (var pace in paces.Values)
            pace.Dispose();
        base.Dispose();
    }

    protected override Task ExecuteAsync(CancellationToken stoppingToken) =>
        Task.WhenAll(
            Task.Run(() => LoopAsync(Lane.Critical, stoppingToken), stoppingToken),
            Task.Run(() => LoopAsync(Lane.Others, stoppingToken), stoppingToken)
        );

    private async Task LoopAsync(Lane lane, CancellationToken stopping)
    {
        while (!stopping.IsCancellationRequested)
        {
            try
            {
                // In a storm there is always more to do: each look is a turn.
                while (await LookAsync(lane, stopping) > 0)
                    turned[lane] = clock.GetTimestamp();
                turned[lane] = clock.GetTimestamp();
            }
            catch (Exception e) when (e is not OutOfMemoryException && !stopping.IsCancellationRequested)
            {
                LogFailed(log, e);
            }

            await paces[lane].NextAsync([], stopping);
        }
    }

    /// <summary>One look at both lanes until nothing is due. Returns how much there was to do.</summary>
    public async Task<int> CycleAsync(CancellationToken cancellation)
    {
        var (all, done) = (0, 0);
        do
        {
            done = await LookAsync(Lane.Critical, cancellation) + await LookAsync(Lane.Others, cancellation);
            all += done;
        } while (done > 0);
        foreach (var lane in Enum.GetValues<Lane>())
            turned[lane] = clock.GetTimestamp();
        return all;
    }

    /// <summary>One look at one lane; returns how much there was to do.</summary>
    internal async Task<int> LookAsync(Lane lane, CancellationToken cancellation)
    {
        var done = await ExpireAsync(lane, cancellation);
        try
        {
            done += await RunAsync(lane, LargestBatch, cancellation);
        }
        catch (Exception e) when (Faults.MayBeOneRow(e, cancellation))
        {
            // One row may spoil a batch: one at a time, the good ones get through.
            LogStepFailed(log, lane, e);
            done += await OneByOneAsync(lane, cancellation);
        }

        if (done > 0)
            dispatcher.Wake(lane);
        return done;
    }

    private async Task<int> OneByOneAsync(Lane lane, CancellationToken cancellation)
    {
        var done = 0;
        for (var i = 0; i < LargestBatch; i++)
        {
            try
            {
                if (await RunAsync(lane, 1, cancellation) == 0)
                    break;
                done++;
            }
            catch (DbUpdateConcurrencyException)
            {
                // Somebody answered for its alarm this moment: the next look sees what stands then.
            }
            catch (Exception e) when (Faults.MayBeOneRow(e, cancellation))
            {
                // It stays due, only later than the others: it is tried again, and the auditor tells that it is late.
                await using var db = await records.CreateDbContextAsync(cancellation);
                if ((await Due.StepsAsync(db, lane, clock.GetUtcNow().UtcDateTime, 1, cancellation)).FirstOrDefault() is not { } spoiled)
                    break;
                var later = clock.GetUtcNow().UtcDateTime.AddSeconds(10);
                await db.Steps.Where(s => s.Id == spoiled.Id).ExecuteUpdateAsync(u => u.SetProperty(s => s.DueAt, later), cancellation);
                LogStepPostponed(log, spoiled.Id, e);
                troubles?.Happened(
                    "step",
                    $"step {spoiled.Id} of alarm {spoiled.AlarmId} can't be run and is tried again: {e.GetType().Name}",
                    $"警报 {spoiled.AlarmId} 的步骤 {spoiled.Id} 无法执行，将重试：{e.GetType().Name}",
                    TimeSpan.FromHours(1)
                );
            }
        }

        return done;
    }

    private async Task<int> RunAsync(Lane lane, int most, CancellationToken cancellation)
    {
        var ran = new List<(EscalationStep Step, Alarm Alarm)>();
        await using var db = await records.CreateDbContextAsync(cancellation);
        await using (var transaction = await WriteTurn.BeginAsync(db, first: lane == Lane.Critical, cancellation))
        {
            var now = clock.GetUtcNow().UtcDateTime; // in the transaction: the clock may have been set while we stood in line
            var due = await Due.StepsAsync(db, lane, now, most, cancellation);
            if (due.Count == 0)
                return 0;
            var ids = due.Select(s => s.AlarmId).Distinct().ToList();
            await db.Steps.Where(s => ids.Contains(s.AlarmId) && s.State == StepState.Waiting).LoadAsync(cancellation);
            db.ChangeTracker.AutoDetectChangesEnabled = false; // once at the end instead of at each look into Local
            var people = await People.LoadAsync(db, due.Select(s => s.Alarm!), messages.ToLocal(now), cancellation);
            var planned = new HashSet<Guid>();
            foreach (var step in due)
            {
                // Of one alarm's plan one step at a time, however late we are: the waits between people are kept after our own downtime.
                if (step.State != StepState.Waiting || (step.Template == "opened" && !planned.Add(step.AlarmId)))
                    continue;
                await RunAsync(db, step, step.Alarm!, people, now, cancellation);
                ran.Add((step, step.Alarm!));
            }

            db.ChangeTracker.DetectChanges();
            await db.SaveChangesAsync(cancellation);
            await transaction.CommitAsync(cancellation);
        }

        foreach (var (step, alarm) in ran)
            Stepped?.Invoke(step, alarm, step.Note.En);
        return ran.Count;
    }

    private async Task RunAsync(RecordsDb db, EscalationStep step, Alarm alarm, People people, DateTime now, CancellationToken cancellation)
    {
        var policy = policies.For(alarm, people.Resident(alarm), messages.Zone);
        (step.StartedAt, step.FinishedAt) = (now, now);
        switch (step.To)
        {
            case AlarmDesk.Told:
                await TellClearedAsync(db, step, alarm, people, now, cancellation);
                return;
            case AlarmDesk.Again:
                await TellAgainAsync(db, step, alarm, now, cancellation);
                return;
        }

        if (
            policy.Until == PlanEnd.Told
            && await db.Notices.AnyAsync(
                n => n.AlarmId == alarm.Id && (n.State == NoticeState.Sent || n.State == NoticeState.Delivered),
                cancellation
            )
        )
        {
            foreach (var waiting in AlarmDesk.Waiting(db, alarm.Id))
                (waiting.State, waiting.FinishedAt, waiting.Note) = (
                    StepState.Cancelled,
                    now,
                    new Wording("somebody has been told, which is enough for this policy", "已通知到人，按此策略即可")
                );
            return;
        }

        var to = Recipient.Parse(step.To);
        var (meant, note, noteZh) = people.Find(to, alarm);
        var reached = new List<Wording>();
        foreach (var person in meant)
        {
            var found = person.Way(step.Via, critical: alarm.Severity == Severity.Critical);
            Unusual(db, step, alarm, person, found?.Channel, now);
            if (found is not { } way)
                continue;
            var notice = NewNotice(step, alarm, person, way, people, now);
            if (policy.Quiet is { } quiet && alarm.Severity <= Severity.Warning && quiet.EndOf(now, messages.Zone) is var end && end > now)
                (notice.State, notice.DueAt, notice.Note) = (NoticeState.Deferred, end, $"quiet hours {quiet}");
            db.Notices.Add(notice);
            reached.Add(new Wording($"{person.Name} ({way.Channel})", $"{person.Name}（{ChannelWords.Of(way.Channel).Zh}）"));
        }

        step.State = reached.Count > 0 ? StepState.Done : StepState.Skipped;
        var all = Wording.Join(reached);
        step.Note =
            reached.Count > 0
                ? new Wording(
                    $"step {step.Order}: {step.To} — {all.En}{(note.Length > 0 ? $" ({note})" : "")}",
                    $"第{step.Order}步：{to.Chinese} — {all.Zh}{(noteZh.Length > 0 ? $"（{noteZh}）" : "")}"
                )
            : meant.Count == 0
                ? new Wording(
                    $"step {step.Order} skipped: {(note.Length > 0 ? note : $"there is no {step.To}")}",
                    $"第{step.Order}步跳过：{(noteZh.Length > 0 ? noteZh : $"没有{to.Chinese}")}"
                )
            : new Wording(
                $"step {step.Order} skipped: {step.To} has no address for {step.Via}",
                $"第{step.Order}步跳过：{to.Chinese}没有可用的联系方式（{ChannelWords.List(step.Via).Zh}）"
            );
        AlarmDesk.Line(db, alarm.Id, now, step.State == StepState.Done ? "step" : "skipped", "escalation", step.Note.En, step.Note.Zh);
        if (step.Template != "opened" && step.WaitSeconds == 0)
            return; // told at once, beside the plan
        AlarmDesk.Resume(db, alarm.Id, step.State == StepState.Skipped ? now : now.AddSeconds(step.WaitSeconds));
        await GoOnAsync(db, step, alarm, policy, now, cancellation);
    }

    /// <summary>Why somebody is told another way than the plan says, or not at all.</summary>
    private static void Unusual(RecordsDb db, EscalationStep step, Alarm alarm, Person person, string? way, DateTime now)
    {
        var (instead, insteadZh) = way is null ? ("passed over", "跳过") : ($"told by {way}", $"改用{ChannelWords.Of(way).Zh}");
        if (person.Unreadable)
            AlarmDesk.Line(
                db,
                alarm.Id,
                now,
                "skipped",
                "escalation",
                $"{person.Name} ({person.Key}): a stored number or address can't be read; {instead}",
                $"{person.Name}（{person.Key}）：存储的号码或地址无法读取，{insteadZh}"
            );
        if (
            step.Via.Split(',').FirstOrDefault(c => person.Blocked.Contains(c) && person.AddressFor(c).Length > 0) is { } blocked
            && blocked != way
        )
            AlarmDesk.Line(
                db,
                alarm.Id,
                now,
                "skipped",
                "escalation",
                $"{person.Name}: {blocked} is known not to reach this number; {instead}",
                $"{person.Name}：该号码无法通过{ChannelWords.Of(blocked).Zh}联系，{insteadZh}"
            );
    }

    /// <summary>"Until somebody answers for it": the end of a plan is not the end of telling people.</summary>
    private async Task GoOnAsync(
        RecordsDb db,
        EscalationStep step,
        Alarm alarm,
        Policy policy,
        DateTime now,
        CancellationToken cancellation
    )
    {
        if (alarm.Severity < Severity.High || AlarmDesk.Waiting(db, alarm.Id).Exists(s => s.WaitSeconds > 0))
            return;
        var last = policy.Steps[^1];
        var order = await AlarmDesk.LastOrderAsync(db, alarm.Id, cancellation);
        var wait = TimeSpan.FromSeconds(Math.Max(step.WaitSeconds, LastStepAgain.TotalSeconds));
        db.Steps.Add(
            new EscalationStep
            {
                Id = NewId(),
                AlarmId = alarm.Id,
                Order = order + 1,
                To = last.To,
                Via = string.Join(',', last.Via),
                DueAt = now + wait,
                WaitSeconds = (int)wait.TotalSeconds,
            }
        );
        AlarmDesk.Line(
            db,
            alarm.Id,
            now,
            "exhausted",
            "escalation",
            $"the plan is at its end and nobody has answered: {last.To} again in {wait.TotalMinutes:0} min",
            $"预案已执行完毕仍无人响应：{wait.TotalMinutes:0} 分钟后再次通知{Recipient.Parse(last.To).Chinese}"
        );
    }

    /// <summary>
    /// It happened again after somebody acknowledged, and the set time is over without an end: somebody has to answer anew.
    /// </summary>
    private async Task TellAgainAsync(RecordsDb db, EscalationStep step, Alarm alarm, DateTime now, CancellationToken cancellation)
    {
        (step.State, step.Note) = (StepState.Done, new Wording("told again", "已再次通知"));
        if (alarm.Severity == Severity.Critical)
            AlarmDesk.Counted(db, alarm, now);
        if (alarm.State is not (AlarmState.Acknowledged or AlarmState.InHand))
            return; // people are being told already
        AlarmDesk.Line(
            db,
            alarm.Id,
            now,
            "reopened",
            "escalation",
            $"happened again after {alarm.AcknowledgedBy} acknowledged it",
            $"{alarm.AcknowledgedBy} 确认后再次发生"
        );
        db.ChangeTracker.DetectChanges();
        await db.Entry(alarm).Reference(a => a.Resident).LoadAsync(cancellation); // a policy may look at the class
        await desk.OpenAgainAsync(db, alarm, now, cancellation);
        alarm.ReopenedAt = now;
    }

    /// <summary>Whoever was told hears that it is over, the way they were told; a call is followed by a text.</summary>
    private async Task TellClearedAsync(
        RecordsDb db,
        EscalationStep step,
        Alarm alarm,
        People people,
        DateTime now,
        CancellationToken cancellation
    )
    {
        var told = await db
            .Notices.AsNoTracking()
            .Where(n =>
                n.AlarmId == alarm.Id && (n.State == NoticeState.Sending || n.State == NoticeState.Sent || n.State == NoticeState.Delivered)
            )
            .ToListAsync(cancellation);
        var names = new List<string>();
        foreach (var notice in told.OrderBy(n => n.CreatedAt).DistinctBy(n => n.Recipient))
        {
            var channel = notice.Channel == "voice" ? "sms" : notice.Channel;
            var person = new Person(
                notice.Recipient,
                notice.RecipientName,
                notice.Address,
                notice.Address,
                notice.Address,
                notice.Language
            );
            db.Notices.Add(NewNotice(step, alarm, person, (channel, notice.Address), people, now));
            names.Add(notice.RecipientName);
        }

        step.State = names.Count > 0 ? StepState.Done : StepState.Skipped;
        var over = step.Template == "cleared";
        step.Note =
            names.Count > 0
                ? new Wording(
                    $"told that it {(over ? "is over" : "has eased, and that somebody still has to look")}: {string.Join(", ", names)}",
                    $"{(over ? "已告知解除" : "已告知好转，仍需确认")}：{string.Join("、", names)}"
                )
                : new Wording("nobody had been told", "此前未通知任何人");
        AlarmDesk.Line(db, alarm.Id, now, "step", "escalation", step.Note.En, step.Note.Zh);
    }

    /// <summary>"Seen well by" ran out: escalation resumes above whoever acknowledged (invariant 8).</summary>
    private async Task<int> ExpireAsync(Lane lane, CancellationToken cancellation)
    {
        var now = clock.GetUtcNow().UtcDateTime;
        var (least, highest) = Due.Severities(lane);
        await using var db = await records.CreateDbContextAsync(cancellation);
        var expired = await db
            .Alarms.AsNoTracking()
            .Where(a =>
                a.SeenWellBy <= now
                && a.Severity >= least
                && a.Severity <= highest
                && (a.State == AlarmState.Acknowledged || a.State == AlarmState.InHand)
            )
            .Select(a => a.Id)
            .Take(LargestBatch)
            .ToListAsync(cancellation);
        var done = 0;
        foreach (var id in expired)
        {
            try
            {
                await ExpireAsync(id, cancellation);
                done++;
            }
            catch (DbUpdateConcurrencyException)
            {
                // Somebody resolved or handed it over this moment: the next look sees what stands then.
            }
            catch (Exception e) when (Faults.MayBeOneRow(e, cancellation))
            {
                LogNotExpired(log, id, e); // the others' promises run out all the same
                troubles?.Happened(
                    "promise",
                    $"alarm {id} can't be opened again although nobody was seen well in time: {e.GetType().Name}",
                    $"警报 {id} 未按时报告平安，但无法重新打开：{e.GetType().Name}",
                    TimeSpan.FromHours(1)
                );
            }
        }

        return done;
    }

    private async Task ExpireAsync(Guid id, CancellationToken cancellation)
    {
        await using var db = await records.CreateDbContextAsync(cancellation);
        await using var transaction = await WriteTurn.BeginAsync(db, first: true, cancellation);
        var now = clock.GetUtcNow().UtcDateTime;
        var alarm = await db.Alarms.FirstAsync(a => a.Id == id, cancellation);
        if (alarm.SeenWellBy is null || alarm.SeenWellBy > now)
            return;
        var people = await People.LoadAsync(db, [alarm], messages.ToLocal(now), cancellation);
        var who = alarm.AcknowledgedBy!;
        AlarmDesk.OpenAgain(alarm);
        AlarmDesk.Line(
            db,
            alarm.Id,
            now,
            "reopened",
            "escalation",
            $"{who} acknowledged, but nobody reported the person seen well in time",
            $"{who} 已确认，但未按时报告平安"
        );
        var role = await db.Users.AsNoTracking().Where(u => u.UserName == who).Select(u => u.Role).FirstOrDefaultAsync(cancellation);
        var mine = people.PlaceOf(who, role, alarm);
        foreach (var step in await AlarmDesk.WaitingAsync(db, alarm.Id, cancellation))
            if (!Recipient.Parse(step.To).IsAbove(mine))
                (step.State, step.FinishedAt, step.Note) = (
                    StepState.Skipped,
                    now,
                    new Wording($"not above {who}, who acknowledged", $"不高于已确认的 {who}")
                );
        if ((await AlarmDesk.WaitingAsync(db, alarm.Id, cancellation)).Count == 0)
        {
            var order = await AlarmDesk.LastOrderAsync(db, alarm.Id, cancellation);
            var last = policies.For(alarm, people.Resident(alarm), messages.Zone).Steps[^1];
            foreach (var to in mine.Kind < RecipientKind.Duty ? new[] { "duty", "supervisor" } : ["supervisor"])
                db.Steps.Add(
                    new EscalationStep
                    {
                        Id = NewId(),
                        AlarmId = alarm.Id,
                        Order = ++order,
                        To = to,
                        Via = alarm.Severity >= Severity.High ? "voice,sms,webhook,mail" : "webhook,mail,sms",
                        DueAt = now,
                        WaitSeconds = (int)last.Wait.TotalSeconds,
                    }
                );
        }

        await AlarmDesk.ResumeAsync(db, alarm.Id, now, cancellation);
        await db.SaveChangesAsync(cancellation);
        await transaction.CommitAsync(cancellation);
    }

    private Notice NewNotice(
        EscalationStep step,
        Alarm alarm,
        Person person,
        (string Channel, string Address) way,
        People people,
        DateTime now
    )
    {
        var id = NewId();
        var link = step.Template == "cleared" || person.Key == SelfTest.Name ? "" : links.For(id, LinkLifetime);
        var (template, text) =
            person.Key == SelfTest.Name
                ? (SelfTest.Channel, SelfTest.Text(person.Language))
                : (
                    step.Template,
                    messages.Text(
                        step.Template,
                        person.Language,
                        people.NameOf(alarm),
                        alarm.Kind,
                        step.Template == "opened" ? alarm.RaisedAt : now,
                        link
                    )
                );
        var notice = Notices.To(person, way, alarm, id, now, template, text, link);
        notice.StepId = step.Id;
        return notice;
    }

    private Guid NewId() => Guid.CreateVersion7(clock.GetUtcNow());

    [LoggerMessage(Level = LogLevel.Error, Message = "An escalation cycle failed; the next one tries again")]
    private static partial void LogFailed(ILogger logger, Exception e);

    [LoggerMessage(Level = LogLevel.Error, Message = "Alarm {Alarm} could not be opened again; it is tried again")]
    private static partial void LogNotExpired(ILogger logger, Guid alarm, Exception e);

    [LoggerMessage(Level = LogLevel.Error, Message = "Escalation step {Step} could not be run; it is tried again")]
    private static partial void LogStepPostponed(ILogger logger, Guid step, Exception e);

    [LoggerMessage(Level = LogLevel.Error, Message = "A batch of escalation steps failed in lane {Lane}; they are tried one at a time")]
    private static partial void LogStepFailed(ILogger logger, Lane lane, Exception e);
}
