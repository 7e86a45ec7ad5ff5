using System.Globalization;
using System.Threading.Channels;
using Microsoft.EntityFrameworkCore;
using Vigil.Host.Intake;
using Vigil.Ingest.Mqtt;
using Vigil.Ingest.Profiles;
using Vigil.Model;
using Vigil.Notify;
using Vigil.Notify.Channels.Outbox;
using Vigil.Notify.Escalation;
using Vigil.Phones;
using Vigil.Storage.Records;
using Vigil.Village;

namespace Vigil.Host.Commands;

/// <summary>
/// Tells the demo's days on the terminal, in order and in plain words: what the service does, and what happens on people's phones.
/// </summary>
internal sealed class Story : IAsyncDisposable
{
    private readonly Dictionary<string, Household> homes;
    private readonly FastClock clock;
    private readonly Settings settings;
    private readonly WebApplication app;
    private readonly Channel<string> lines = System.Threading.Channels.Channel.CreateUnbounded<string>();
    private readonly HashSet<string> formatsShown = [];
    private readonly DemoPeople people;
    private readonly Task printing;
    private readonly bool colours = !Console.IsOutputRedirected;
    private bool begun;
    private int readings;

    public Story(
        WebApplication app,
        IReadOnlyList<Household> homes,
        DemoPeople people,
        PhoneNetwork phones,
        FastClock clock,
        Settings settings
    )
    {
        (this.app, this.people, this.clock, this.settings) = (app, people, clock, settings);
        this.homes = homes.ToDictionary(h => h.Id);
        // Before the escalator hears of it: the story tells an alarm before the message that follows from it.
        app.Services.GetRequiredService<AlarmDesk>().Changed += OnChanged;
        app.Services.GetRequiredService<Admission>().Decoded += OnDecoded;
        app.Services.GetRequiredService<UncommittedFindings>().Found += OnFound;
        app.Services.GetRequiredService<Escalator>().Stepped += (step, alarm, text) =>
            TellIfBegun("ESCALATE", $"{NameOf(alarm.Subject)}: {text}", ConsoleColor.DarkYellow);
        app.Services.GetRequiredService<OutboxChannel>().Shown += notice =>
            TellIfBegun(notice.Channel.Word().ToUpperInvariant(), $"to {notice.Address}: {notice.Text}", ConsoleColor.Yellow);
        phones.Happened += OnPhone;
        printing = PrintAsync();
    }

    public void Begin() => begun = true;

    public async ValueTask DisposeAsync()
    {
        if (printing.IsCompleted)
            return;
        await using var db = await app.Services.GetRequiredService<IDbContextFactory<RecordsDb>>().CreateDbContextAsync();
        var alarms = await db.Alarms.CountAsync();
        var notices = await db.Notices.CountAsync();
        var answered = await db.Timeline.Where(t => t.What == TimelineEvent.Acknowledged).Select(t => t.AlarmId).Distinct().CountAsync();
        lines.Writer.TryWrite("");
        lines.Writer.TryWrite(
            $"The demo ends: {Volatile.Read(ref readings)} readings, {alarms} alarms, {notices} messages shown instead of sent, "
                + $"{answered} alarms answered."
        );
        lines.Writer.TryComplete();
        await printing;
    }

    /// <summary>The first payload of each kind is shown whole; after that only those that matter.</summary>
    private void OnDecoded(InboundMessage message, Profile profile, IReadOnlyList<Reading> found)
    {
        Interlocked.Add(ref readings, found.Count);
        if (!begun)
            return;
        lock (formatsShown)
            if (!formatsShown.Add(profile.Id) && !found.Any(r => r.IsLifeSafety))
                return;
        var payload = profile.IsBinary
            ? Convert.ToHexString(message.Payload.Span)
            : System.Text.Encoding.UTF8.GetString(message.Payload.Span);
        Tell("FRAME", $"{message.Topic}  {(payload.Length > 150 ? payload[..150] + "…" : payload)}", ConsoleColor.DarkGray);
        Tell("READING", string.Join("; ", found.Select(Shown)) + $"  (profile {profile.Id})", ConsoleColor.Gray);
    }

    private void OnFound(IReadOnlyList<Finding> findings)
    {
        if (!begun)
            return;
        foreach (var f in findings)
            Tell("FINDING", $"{NameOf(f.Subject)}: {f.Kind} {f.Change.ToString().ToLowerInvariant()}: {f.Reason}", ConsoleColor.Cyan);
    }

    private void OnChanged(AlarmChange change)
    {
        if (!begun)
            return;
        using var db = app.Services.GetRequiredService<IDbContextFactory<RecordsDb>>().CreateDbContext();
        if (db.Alarms.AsNoTracking().FirstOrDefault(a => a.Id == change.AlarmId) is not { } alarm)
            return;
        var name = $"{NameOf(alarm.Subject)} · {alarm.Kind}";
        switch (change.What)
        {
            case TimelineEvent.Opened:
                Tell(
                    "ALARM",
                    $"{name} ({change.Severity.ToString().ToLowerInvariant()}) is open: {settings.Urls[0]}/alarms/{alarm.Id}",
                    ConsoleColor.Red
                );
                break;
            case TimelineEvent.Acknowledged:
                Tell(
                    "ACKNOWLEDGED",
                    $"{name} by {Who(db, alarm)}; must be seen well by {At(alarm.SeenWellBy!.Value)}, else escalation resumes",
                    ConsoleColor.Green
                );
                _ = SeenWellAsync(alarm);
                break;
            case TimelineEvent.Cleared or TimelineEvent.Resolved:
                Tell(
                    "RESOLVED",
                    alarm.Resolution == Resolution.None
                        ? $"{name}: over by itself, nobody has closed it yet"
                        : $"{name} by {Named(db, alarm.ResolvedBy)}: {Vigil.Web.Texts.Of($"resolution.{alarm.Resolution}", "en")}",
                    ConsoleColor.Green
                );
                break;
        }
    }

    private void OnPhone(PhoneEvent happened)
    {
        var (what, text, colour) = happened.What switch
        {
            "sms" => ("SMS", $"to {Phone(happened)}: {happened.Text}", ConsoleColor.Yellow),
            "rings" => ("CALL", $"the phone of {Phone(happened)} rings", ConsoleColor.Yellow),
            "says" => ("CALL", $"{Phone(happened)} hears: {happened.Text}", ConsoleColor.Yellow),
            "voicemail" => ("CALL", $"voicemail of {Phone(happened)} picks up, which is no answer", ConsoleColor.DarkYellow),
            "busy" or "no-answer" => ("CALL", $"{Phone(happened)}: {happened.What}", ConsoleColor.DarkYellow),
            "key" => ("KEY", $"{Phone(happened)} presses {happened.Text}", ConsoleColor.Green),
            "reply" => ("REPLY", $"{Phone(happened)} writes: {happened.Text}", ConsoleColor.Green),
            "reply-answer" => ("SMS", $"to {Phone(happened)}: {happened.Text}", ConsoleColor.Yellow),
            "link" => (
                "LINK",
                $"{Phone(happened)} opens the link and answers: {(happened.Text == "take" ? "I take it" : "I can't")}",
                ConsoleColor.Green
            ),
            _ => ("", "", ConsoleColor.Gray), // picked up, hung up: the words in between tell it
        };
        if (what.Length > 0)
            TellIfBegun(what, text, colour);
    }

    private string Phone(PhoneEvent happened) => $"{people.NameOf(happened.Number)} {happened.Number}";

    /// <summary>Half an hour after somebody took it they have been there.</summary>
    private async Task SeenWellAsync(Alarm alarm)
    {
        try
        {
            await Task.Delay(TimeSpan.FromMinutes(30), clock);
            await app
                .Services.GetRequiredService<AlarmDesk>()
                .ResolveAsync(alarm.Id, alarm.AcknowledgedBy!, Resolution.True, "seen well", CancellationToken.None);
        }
        catch (Exception e) when (e is InvalidOperationException or OperationCanceledException or AlarmConflictException)
        {
            Tell("NOTE", $"the visit could not be noted: {e.Message}", ConsoleColor.DarkRed);
        }
    }

    private void TellIfBegun(string what, string text, ConsoleColor colour)
    {
        if (begun)
            Tell(what, text, colour);
    }

    private void Tell(string what, string text, ConsoleColor colour)
    {
        var line = $"{At(clock.GetUtcNow().UtcDateTime)}  {what, -12}  {text}";
        lines.Writer.TryWrite(colours ? $"\u001b[{Ansi(colour)}m{line}\u001b[0m" : line);
    }

    private async Task PrintAsync()
    {
        while (await lines.Reader.WaitToReadAsync())
        while (lines.Reader.TryRead(out var line))
            Console.WriteLine(line);
    }

    private string NameOf(string subject) => homes.TryGetValue(subject, out var home) ? $"{home.Id} {home.Name}" : subject;

    private static string Who(RecordsDb db, Alarm alarm)
    {
        var how =
            db.Timeline.AsNoTracking()
                .Where(t => t.AlarmId == alarm.Id && t.What == TimelineEvent.Acknowledged)
                .OrderByDescending(t => t.Id)
                .Select(t => t.Text)
                .FirstOrDefault()
            ?? "";
        var with =
            how.Contains("voice key", StringComparison.Ordinal) ? ", with a key in the call"
            : how.Contains("reply", StringComparison.Ordinal) ? ", with a reply"
            : how.Contains("link", StringComparison.Ordinal) ? ", with the link in the message"
            : "";
        return Named(db, alarm.AcknowledgedBy) + with;
    }

    private static string Named(RecordsDb db, string? who)
    {
        var person = Recipient.Parse(who ?? "");
        return person.Kind switch
        {
            RecipientKind.Contact when Guid.TryParse(person.Id, out var id) && db.Contacts.Find(id) is { } c => $"{c.Name} ({c.Relation})",
            RecipientKind.Visitor when db.Visitors.Find(person.Id) is { } v => $"{v.Name} (visitor)",
            RecipientKind.Duty or RecipientKind.Supervisor when db.DutyOfficers.Find(person.Id) is { } o =>
                $"{o.Name} ({(o.Supervisor ? "supervisor" : "duty desk")})",
            _ => who ?? "nobody",
        };
    }

    private string At(DateTime time) =>
        TimeZoneInfo.ConvertTimeFromUtc(time, settings.Zone).ToString("MM-dd HH:mm:ss", CultureInfo.InvariantCulture);

    private static string Shown(Reading r) =>
        r.Metric.Kind switch
        {
            MetricKind.Event => $"{r.Metric}: {r.Event}",
            MetricKind.Location => string.Create(CultureInfo.InvariantCulture, $"{r.Metric} {r.Value:0.00000},{r.Longitude:0.00000}"),
            MetricKind.State => string.Create(CultureInfo.InvariantCulture, $"{r.Metric} {r.Value:0.###}"),
            _ => string.Create(CultureInfo.InvariantCulture, $"{r.Metric} {r.Value:0.###} {r.Metric.Unit}").TrimEnd(),
        };

    private static int Ansi(ConsoleColor colour) =>
        colour switch
        {
            ConsoleColor.Red => 91,
            ConsoleColor.Yellow => 93,
            ConsoleColor.DarkYellow => 33,
            ConsoleColor.Green => 92,
            ConsoleColor.Cyan => 96,
            ConsoleColor.Gray => 37,
            ConsoleColor.DarkRed => 31,
            _ => 90,
        };
}
