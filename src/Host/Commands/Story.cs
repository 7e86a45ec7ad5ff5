using System.Globalization;
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
/// Prints what happens in the demo, in order and in plain words: what the service does, and what happens on people's phones.
/// </summary>
internal sealed class Story : IAsyncDisposable
{
    private readonly Dictionary<string, Household> homes;
    private readonly FastClock clock;
    private readonly Settings settings;
    private readonly WebApplication app;
    private readonly StoryTerminal terminal;
    private readonly HashSet<string> formatsShown = [];
    private readonly DemoPeople people;
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
        terminal = new StoryTerminal(clock, settings.Zone);
        // Subscribed before the escalator, so that an alarm is printed before the messages that follow from it.
        app.Services.GetRequiredService<AlarmDesk>().Changed += OnChanged;
        app.Services.GetRequiredService<Admission>().Decoded += OnDecoded;
        app.Services.GetRequiredService<UncommittedFindings>().Found += OnFound;
        app.Services.GetRequiredService<Escalator>().Stepped += (step, alarm, text) =>
            TellIfBegun("ESCALATE", $"{NameOf(alarm.Subject)}: {text}", ConsoleColor.DarkYellow);
        app.Services.GetRequiredService<OutboxChannel>().Shown += notice =>
            TellIfBegun(notice.Channel.Word().ToUpperInvariant(), $"to {notice.Address}: {notice.Text}", ConsoleColor.Yellow);
        phones.Happened += OnPhone;
    }

    public void Begin() => begun = true;

    public async ValueTask DisposeAsync()
    {
        if (terminal.IsClosed)
            return;
        await using var db = await app.Services.GetRequiredService<IDbContextFactory<RecordsDb>>().CreateDbContextAsync();
        var alarms = await db.Alarms.CountAsync();
        var notices = await db.Notices.CountAsync();
        var answered = await db.Timeline.Where(t => t.What == TimelineEvent.Acknowledged).Select(t => t.AlarmId).Distinct().CountAsync();
        terminal.Write("");
        terminal.Write(
            $"The demo ends: {Volatile.Read(ref readings)} readings, {alarms} alarms, {notices} messages shown instead of sent, "
                + $"{answered} alarms answered."
        );
        await terminal.CloseAsync();
    }

    /// <summary>Prints the first payload of each profile, and after that only life-safety ones.</summary>
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
        terminal.Tell("FRAME", $"{message.Topic}  {(payload.Length > 150 ? payload[..150] + "…" : payload)}", ConsoleColor.DarkGray);
        terminal.Tell("READING", string.Join("; ", found.Select(Shown)) + $"  (profile {profile.Id})", ConsoleColor.Gray);
    }

    private void OnFound(IReadOnlyList<Finding> findings)
    {
        if (!begun)
            return;
        foreach (var f in findings)
            terminal.Tell(
                "FINDING",
                $"{NameOf(f.Subject)}: {f.Kind} {f.Change.ToString().ToLowerInvariant()}: {f.Reason}",
                ConsoleColor.Cyan
            );
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
                terminal.Tell(
                    "ALARM",
                    $"{name} ({change.Severity.ToString().ToLowerInvariant()}) is open: {settings.Urls[0]}/alarms/{alarm.Id}",
                    ConsoleColor.Red
                );
                break;
            case TimelineEvent.Acknowledged:
                terminal.Tell(
                    "ACKNOWLEDGED",
                    $"{name} by {DemoAnswers.By(db, alarm)}; must be seen well by {terminal.Local(alarm.SeenWellBy!.Value)}, "
                        + "else escalation resumes",
                    ConsoleColor.Green
                );
                _ = SeenWellAsync(alarm);
                break;
            case TimelineEvent.Cleared or TimelineEvent.Resolved:
                terminal.Tell(
                    "RESOLVED",
                    alarm.Resolution == Resolution.None
                        ? $"{name}: over by itself, nobody has closed it yet"
                        : $"{name} by {DemoAnswers.NameOf(db, alarm.ResolvedBy)}: "
                            + Vigil.Web.Texts.Of($"resolution.{alarm.Resolution}", "en"),
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
            _ => ("", "", ConsoleColor.Gray), // picked up, hung up: what is said in between tells it
        };
        if (what.Length > 0)
            TellIfBegun(what, text, colour);
    }

    private string Phone(PhoneEvent happened) => $"{people.NameOf(happened.Number)} {happened.Number}";

    /// <summary>Half an hour after acknowledging an alarm the person has been there and closes it.</summary>
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
            terminal.Tell("NOTE", $"the visit could not be noted: {e.Message}", ConsoleColor.DarkRed);
        }
    }

    private void TellIfBegun(string what, string text, ConsoleColor colour)
    {
        if (begun)
            terminal.Tell(what, text, colour);
    }

    private string NameOf(string subject) => homes.TryGetValue(subject, out var home) ? $"{home.Id} {home.Name}" : subject;

    private static string Shown(Reading r) =>
        r.Metric.Kind switch
        {
            MetricKind.Event => $"{r.Metric}: {r.Event}",
            MetricKind.Location => string.Create(CultureInfo.InvariantCulture, $"{r.Metric} {r.Value:0.00000},{r.Longitude:0.00000}"),
            MetricKind.State => string.Create(CultureInfo.InvariantCulture, $"{r.Metric} {r.Value:0.###}"),
            _ => string.Create(CultureInfo.InvariantCulture, $"{r.Metric} {r.Value:0.###} {r.Metric.Unit}").TrimEnd(),
        };
}
