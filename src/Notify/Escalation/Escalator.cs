using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Vigil.Model;
using Vigil.Notify.Channels;
using Vigil.Notify.Messages;
using Vigil.Storage.Records;

namespace Vigil.Notify.Escalation;

/// <summary>
/// Runs the steps that are due: looks every second (and at once when something changed) for rows, most severe first. A step is marked before anything is
/// sent, and a notice is committed as Sending before its request goes out: after a crash the outcome is asked of the provider, and otherwise it is sent
/// again rather than never. An empty step is skipped at once with a note; a failed channel falls through at once.
/// </summary>
public sealed partial class Escalator : BackgroundService
{
    private readonly IDbContextFactory<RecordsDb> records;
    private readonly AlarmDesk desk;
    private readonly Routes routes;
    private readonly MessageTexts messages;
    private readonly SignedLinks links;
    private readonly TimeProvider clock;
    private readonly ILogger<Escalator> log;
    private readonly SemaphoreSlim wake = new(1, 1);

    public Escalator(
        IDbContextFactory<RecordsDb> records, AlarmDesk desk, Routes routes, MessageTexts messages, SignedLinks links, TimeProvider clock, ILogger<Escalator> log)
    {
        (this.records, this.desk, this.routes, this.messages, this.links, this.clock, this.log) = (records, desk, routes, messages, links, clock, log);
        desk.Changed += _ => Wake();
    }

    /// <summary>When the last cycle ended: the health check fails when it stops, not when the process does.</summary>
    public DateTimeOffset LastCycle { get; private set; }

    /// <summary>A step ran; the demo prints it.</summary>
    public event Action<EscalationStep, Alarm, string>? Stepped;

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        await Task.Yield();
        while (!stoppingToken.IsCancellationRequested)
        {
            try
            {
                while (await CycleAsync(stoppingToken) > 0)
                {
                }
            }
            catch (Exception e) when (e is not OutOfMemoryException && !stoppingToken.IsCancellationRequested)
            {
                LogFailed(log, e);
            }

            using var either = CancellationTokenSource.CreateLinkedTokenSource(stoppingToken);
            var woken = wake.WaitAsync(either.Token);
            var second = Task.Delay(TimeSpan.FromSeconds(1), clock, either.Token);
            await Task.WhenAny(woken, second);
            await either.CancelAsync();
        }
    }

    /// <summary>Puts right what a crash left in between; called once before the first cycle.</summary>
    public async Task RecoverAsync(CancellationToken cancellation)
    {
        await using var db = await records.CreateDbContextAsync(cancellation);
        foreach (var notice in await db.Notices.Where(n => n.State == NoticeState.Sending).ToListAsync(cancellation))
        {
            var known = routes.Find(notice.Provider) is { } channel ? await channel.ReconcileAsync(notice.Id, notice.ProviderId, notice.Address, cancellation) : null;
            if (known is { Outcome: ChannelOutcome.Sent }) (notice.State, notice.SentAt, notice.Note) = (NoticeState.Sent, notice.SentAt ?? Now(), "found at the provider after a restart");
            else (notice.State, notice.Note) = (NoticeState.Waiting, "outcome unknown after a restart; sent again");
        }

        foreach (var step in await db.Steps.Where(s => s.State == StepState.Running).ToListAsync(cancellation))
        {
            if (await db.Notices.AnyAsync(n => n.StepId == step.Id, cancellation)) (step.State, step.FinishedAt) = (StepState.Done, Now());
            else (step.State, step.StartedAt, step.Note) = (StepState.Waiting, null, "interrupted by a restart; run again");
        }

        await db.SaveChangesAsync(cancellation);
    }

    /// <summary>One look at what is due. Returns how much there was to do.</summary>
    public async Task<int> CycleAsync(CancellationToken cancellation)
    {
        var done = await ExpireAsync(cancellation);
        var now = Now();
        List<Guid> due;
        await using (var db = await records.CreateDbContextAsync(cancellation))
        {
            due = await db.Steps.AsNoTracking()
                .Where(s => s.State == StepState.Waiting && s.DueAt <= now && (s.Alarm!.State == AlarmState.Open || s.To == "told" || s.Note == "repeated"))
                .OrderByDescending(s => s.Alarm!.Severity).ThenBy(s => s.DueAt).ThenBy(s => s.Order).Take(200).Select(s => s.Id).ToListAsync(cancellation);
        }

        foreach (var step in due)
        {
            try
            {
                await RunAsync(step, cancellation);
            }
            catch (Exception e) when (e is not OutOfMemoryException && !cancellation.IsCancellationRequested)
            {
                LogStepFailed(log, step, e);
                done--; // not counted: the loop waits a moment before it tries again
            }

            done++;
        }

        done += await DispatchAsync(cancellation);
        LastCycle = clock.GetUtcNow();
        return done;
    }

    private async Task RunAsync(Guid id, CancellationToken cancellation)
    {
        await using var db = await records.CreateDbContextAsync(cancellation);
        var now = Now();
        // One executor: whoever changes Waiting to Running has it, on SQLite and on PostgreSQL alike.
        if (await db.Steps.Where(s => s.Id == id && s.State == StepState.Waiting).ExecuteUpdateAsync(u => u.SetProperty(s => s.State, StepState.Running).SetProperty(s => s.StartedAt, now), cancellation) == 0) return;
        var step = await db.Steps.Include(s => s.Alarm).FirstAsync(s => s.Id == id, cancellation);
        var alarm = step.Alarm!;
        var people = await PeopleAsync(db, step, alarm, cancellation);
        var resident = alarm.ResidentId is null ? null : await db.Residents.AsNoTracking().FirstOrDefaultAsync(r => r.Id == alarm.ResidentId, cancellation);
        var name = resident?.Name ?? await db.Areas.Where(a => alarm.Area.StartsWith(a.Code)).OrderByDescending(a => a.Code.Length).Select(a => a.Name).FirstOrDefaultAsync(cancellation) ?? alarm.Area;
        var template = step.Note is "repeated" or "cleared" ? step.Note : "opened";
        var reached = new List<string>();
        foreach (var person in people)
        {
            if (Way(person, step.Via.Split(','), after: null) is not { } way) continue;
            var notice = NewNotice(alarm, step.Id, person.Key, person.Name, way.Channel, way.Address, now);
            notice.Text = messages.Text(template, person.Language, name, alarm.Kind, alarm.RaisedAt, template == "cleared" ? "" : links.For(notice.Id, TimeSpan.FromHours(24)));
            db.Notices.Add(notice);
            reached.Add($"{person.Name} ({way.Channel})");
        }

        step.FinishedAt = now;
        string text;
        if (reached.Count > 0)
        {
            step.State = StepState.Done;
            text = $"step {step.Order}: {step.To} — {string.Join(", ", reached)}";
        }
        else
        {
            step.State = StepState.Skipped;
            text = people.Count == 0 ? $"step {step.Order} skipped: there is no {step.To}" : $"step {step.Order} skipped: {step.To} has no address for {step.Via}";
            if (step.Note != "repeated" && step.To != "told") await AlarmDesk.ResumeAsync(db, alarm, now, cancellation);
        }

        step.Note = text;
        db.Timeline.Add(new TimelineEntry { AlarmId = alarm.Id, Time = now, What = step.State == StepState.Done ? "step" : "skipped", Who = "escalation", Text = text, TextZh = text });
        await db.SaveChangesAsync(cancellation);
        Stepped?.Invoke(step, alarm, text);
    }

    /// <summary>Sends what waits, most urgent first.</summary>
    private async Task<int> DispatchAsync(CancellationToken cancellation)
    {
        var now = Now();
        await using var db = await records.CreateDbContextAsync(cancellation);
        var waiting = await (
            from n in db.Notices
            join a in db.Alarms on n.AlarmId equals a.Id
            where n.State == NoticeState.Waiting && n.DueAt <= now
            orderby a.Severity descending, n.DueAt
            select new { Notice = n, Alarm = a }).Take(100).ToListAsync(cancellation);
        foreach (var item in waiting) await SendAsync(db, item.Notice, item.Alarm, cancellation);
        return waiting.Count;
    }

    private async Task SendAsync(RecordsDb db, Notice notice, Alarm alarm, CancellationToken cancellation)
    {
        if (routes.For(notice.Channel, notice.Address) is not { } channel)
        {
            await FallThroughAsync(db, notice, alarm, $"no provider carries {notice.Channel} to this address", cancellation);
            return;
        }

        (notice.State, notice.Provider, notice.Attempts) = (NoticeState.Sending, channel.Provider, notice.Attempts + 1);
        await db.SaveChangesAsync(cancellation);
        ChannelResult result;
        try
        {
            result = await channel.SendAsync(
                new OutgoingNotice(
                    notice.Id, notice.Channel, notice.Address, "zh", "opened", new Dictionary<string, string> { ["kind"] = alarm.Kind }, messages.Kind(alarm.Kind, "zh"), notice.Text, "",
                    alarm.Severity == (int)Severity.Critical),
                cancellation);
        }
        catch (Exception e) when (e is not OutOfMemoryException && !cancellation.IsCancellationRequested)
        {
            result = new ChannelResult(ChannelOutcome.TryAgain, e.Message);
        }

        var now = Now();
        notice.Note = result.Reason;
        notice.ProviderId = result.ProviderId ?? notice.ProviderId;
        switch (result.Outcome)
        {
            case ChannelOutcome.Sent:
                (notice.State, notice.SentAt) = (NoticeState.Sent, now);
                db.Timeline.Add(new TimelineEntry { AlarmId = alarm.Id, Time = now, What = "sent", Who = notice.Provider, Text = $"{notice.Channel} to {notice.RecipientName}", TextZh = $"{notice.Channel} → {notice.RecipientName}" });
                break;
            case ChannelOutcome.TryAgain or ChannelOutcome.Unknown when notice.Attempts < 3:
                (notice.State, notice.DueAt) = (NoticeState.Waiting, now.AddSeconds(5 * notice.Attempts));
                break;
            default:
                await FallThroughAsync(db, notice, alarm, result.Reason, cancellation);
                return;
        }

        await db.SaveChangesAsync(cancellation);
    }

    /// <summary>The channel failed: the next one of the step is tried at once; after the last, the next step is due at once when nobody else was reached.</summary>
    private async Task FallThroughAsync(RecordsDb db, Notice notice, Alarm alarm, string reason, CancellationToken cancellation)
    {
        var now = Now();
        (notice.State, notice.FinishedAt, notice.Note) = (NoticeState.Failed, now, reason);
        db.Timeline.Add(new TimelineEntry { AlarmId = alarm.Id, Time = now, What = "failed", Who = "escalation", Text = $"{notice.Channel} to {notice.RecipientName}: {reason}", TextZh = $"{notice.Channel} → {notice.RecipientName}：{reason}" });
        var step = await db.Steps.FirstOrDefaultAsync(s => s.Id == notice.StepId, cancellation);
        var person = step is null ? null : (await PeopleAsync(db, step, alarm, cancellation)).FirstOrDefault(p => p.Key == notice.Recipient);
        if (step is not null && person is not null && Way(person, step.Via.Split(','), after: notice.Channel) is { } way)
        {
            var next = NewNotice(alarm, step.Id, person.Key, person.Name, way.Channel, way.Address, now);
            var token = links.For(next.Id, TimeSpan.FromHours(24));
            next.Text = ReplaceLink(notice.Text, token);
            db.Notices.Add(next);
        }
        else if (step is not null && alarm.State == AlarmState.Open
            && !await db.Notices.AnyAsync(n => n.StepId == step.Id && n.Id != notice.Id && n.State != NoticeState.Failed && n.State != NoticeState.Cancelled, cancellation))
        {
            await AlarmDesk.ResumeAsync(db, alarm, now, cancellation);
        }

        await db.SaveChangesAsync(cancellation);
    }

    /// <summary>"Seen well by" ran out: escalation resumes above whoever acknowledged (invariant 8).</summary>
    private async Task<int> ExpireAsync(CancellationToken cancellation)
    {
        var now = Now();
        await using var db = await records.CreateDbContextAsync(cancellation);
        var expired = await db.Alarms.Where(a => a.SeenWellBy <= now && (a.State == AlarmState.Acknowledged || a.State == AlarmState.InHand)).ToListAsync(cancellation);
        foreach (var alarm in expired)
        {
            var who = alarm.AcknowledgedBy!;
            var level = Level(who.Split(':')[0]);
            foreach (var step in await db.Steps.Where(s => s.AlarmId == alarm.Id && s.State == StepState.Waiting).ToListAsync(cancellation))
                if (Level(step.To.Split(' ')[0]) <= level) (step.State, step.FinishedAt, step.Note) = (StepState.Skipped, now, $"below {who}, who acknowledged");
            (alarm.State, alarm.AcknowledgedAt, alarm.AcknowledgedBy, alarm.SeenWellBy) = (AlarmState.Open, null, null, null);
            alarm.Version++;
            db.Timeline.Add(new TimelineEntry { AlarmId = alarm.Id, Time = now, What = "reopened", Who = "escalation", Text = $"{who} acknowledged, but nobody reported the person seen well in time", TextZh = $"{who} 已确认，但未按时报告平安" });
            await db.SaveChangesAsync(cancellation);
            if (!await db.Steps.AnyAsync(s => s.AlarmId == alarm.Id && s.State == StepState.Waiting, cancellation))
                db.Steps.Add(new EscalationStep { Id = Guid.CreateVersion7(clock.GetUtcNow()), AlarmId = alarm.Id, Order = 900, To = level >= Level("duty") ? "supervisor" : "duty", Via = "voice,sms,webhook", DueAt = now });
            else await AlarmDesk.ResumeAsync(db, alarm, now, cancellation);
            await db.SaveChangesAsync(cancellation);
        }

        return expired.Count;
    }

    private static int Level(string role) => role switch { "contacts" or "contact" => 1, "visitor" => 2, "duty" or "api" or "console" => 3, "supervisor" => 4, _ => 0 };

    private sealed record Person(string Key, string Name, string Phone, string Mail, string Webhook, string Language);

    /// <summary>Who is meant, looked up when the step runs: registry changes count until the last moment.</summary>
    private static async Task<List<Person>> PeopleAsync(RecordsDb db, EscalationStep step, Alarm alarm, CancellationToken cancellation)
    {
        switch (step.To.Split(' ')[0])
        {
            case "contacts":
            case "contact":
                var order = step.To.Length > 8 ? step.To[8] - '0' : 0;
                return [.. (await db.Contacts.AsNoTracking().Where(c => c.ResidentId == alarm.ResidentId && (order == 0 || c.Order == order)).OrderBy(c => c.Order).ToListAsync(cancellation))
                    .Select(c => new Person($"contact:{c.Id}", c.Name, c.Phone, c.Mail, "", c.Language))];
            case "visitor":
                var id = await db.Residents.Where(r => r.Id == alarm.ResidentId).Select(r => r.VisitorId).FirstOrDefaultAsync(cancellation);
                var visitor = id is null ? null : await db.Visitors.FindAsync([id], cancellation);
                if (visitor is { Away: true, SubstituteId: { } substitute }) visitor = await db.Visitors.FindAsync([substitute], cancellation) ?? visitor;
                return visitor is null ? [] : [new Person($"visitor:{visitor.Id}", visitor.Name, visitor.Phone, visitor.Mail, "", visitor.Language)];
            case "duty":
            case "supervisor":
                var above = step.To == "supervisor";
                return [.. (await db.DutyOfficers.AsNoTracking().Where(d => d.Supervisor == above && alarm.Area.StartsWith(d.Area)).OrderByDescending(d => d.Area.Length).ToListAsync(cancellation))
                    .Select(d => new Person($"{step.To}:{d.Id}", d.Name, d.Phone, d.Mail, d.Webhook, d.Language))];
            case "told":
                return [.. (await db.Notices.AsNoTracking().Where(n => n.AlarmId == alarm.Id && n.Channel == "sms" && n.State == NoticeState.Sent).ToListAsync(cancellation))
                    .DistinctBy(n => n.Recipient).Select(n => new Person(n.Recipient, n.RecipientName, n.Address, "", "", "zh"))];
            default:
                return [];
        }
    }

    /// <summary>The first channel of the step, after the one that failed, for which the person has an address.</summary>
    private static (string Channel, string Address)? Way(Person person, string[] via, string? after)
    {
        var start = after is null ? 0 : Array.IndexOf(via, after) + 1;
        for (var i = start; i < via.Length; i++)
        {
            var address = via[i] switch { "mail" => person.Mail, "webhook" => person.Webhook, _ => person.Phone };
            if (address.Length > 0) return (via[i], address);
        }

        return null;
    }

    private Notice NewNotice(Alarm alarm, Guid step, string recipient, string name, string channel, string address, DateTime now) => new()
    {
        Id = Guid.CreateVersion7(clock.GetUtcNow()), AlarmId = alarm.Id, StepId = step, Channel = channel, Recipient = recipient, RecipientName = name, Address = address, Text = "",
        CreatedAt = now, DueAt = now,
    };

    private static string ReplaceLink(string text, string link)
    {
        var start = text.IndexOf("http", StringComparison.Ordinal);
        return start < 0 ? text : text[..start] + link;
    }

    private void Wake()
    {
        try
        {
            wake.Release();
        }
        catch (SemaphoreFullException)
        {
            // it is awake already
        }
    }

    private DateTime Now() => clock.GetUtcNow().UtcDateTime;

    [LoggerMessage(Level = LogLevel.Error, Message = "An escalation cycle failed; the next one tries again")]
    private static partial void LogFailed(ILogger logger, Exception e);

    [LoggerMessage(Level = LogLevel.Error, Message = "Escalation step {Step} failed; it is tried again")]
    private static partial void LogStepFailed(ILogger logger, Guid step, Exception e);
}
