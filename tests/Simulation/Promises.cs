using Vigil.Model;
using Vigil.Notify.Channels;
using Vigil.Storage.Records;

namespace Vigil.Tests.Simulation;

/// <summary>
/// The promises of the service, checked after every step against the committed rows, the acknowledged messages, the provider's requests and
/// what really happened.
/// </summary>
internal sealed class Promises(World world, Agenda agenda)
{
    /// <summary>How late something may be, counted only while everything it needs works.</summary>
    private static readonly TimeSpan Tolerance = TimeSpan.FromSeconds(15);

    private readonly List<(string Device, Sent Message)> acknowledged = [];
    private readonly Dictionary<(Guid, string), Deadline> deadlines = [];
    private readonly Dictionary<Guid, Known> alarms = [];
    private readonly Lateness lateness = new(world);

    private long seen;

    /// <summary>
    /// True while no service runs, or none that knows by which clock its deadlines are: then rows that changed can't be judged yet.
    /// </summary>
    private bool unread;

    private TimeSpan ahead;

    /// <summary>How many alarms there have been so far.</summary>
    public int Alarms => alarms.Count;

    public void Pressed(SimulatedHome home, Sent press) => presses.Add((home, press));

    private readonly List<(SimulatedHome Home, Sent Press)> presses = [];

    /// <summary>A device received an acknowledgement: from now on its message must be stored and its press must be found.</summary>
    public void Acknowledged(string device, Sent message)
    {
        acknowledged.Add((device, message));
        if (message.Metric == "button")
            presses.First(p => ReferenceEquals(p.Press, message)).Home.PressesAcknowledged++;
        CheckStored(device, message);
    }

    public void CheckAcknowledged()
    {
        foreach (var (device, message) in acknowledged)
            CheckStored(device, message);
    }

    /// <summary>Somebody has acknowledged the alarm.</summary>
    public void Answered(Guid alarm)
    {
        Look();
        if (alarms.TryGetValue(alarm, out var known))
            known.AnsweredAt = world.Clock.Elapsed;
    }

    /// <summary>The alarm and the recipient of a notice.</summary>
    public (Guid Alarm, string Recipient) Of(Guid notice)
    {
        var command = agenda.Command("SELECT AlarmId, Recipient FROM Notices WHERE Id = $id", ("$id", notice));
        using var reader = command.ExecuteReader();
        return reader.Read()
            ? (reader.GetGuid(0), reader.GetString(1))
            : throw new InvalidOperationException("a notice that is not in the records went out");
    }

    /// <summary>The provider was asked to tell somebody.</summary>
    public void Asked(OutgoingNotice notice)
    {
        var (id, _) = Of(notice.NoticeId);
        Look();
        var alarm = agenda.Alarms.First(a => a.Id == id);
        if (!alarms.TryGetValue(id, out var known))
            return;
        known.Told[SimulatedRegistry.LevelOf(notice.Address)] = true;
        if (notice.Template is MessageKind.Cleared or MessageKind.Back or MessageKind.Late || alarm.State == 0)
            return;
        // A notice sent within seconds of the answer was already on its way.
        if (known.AnsweredAt is { } at && world.Clock.Elapsed - at > TimeSpan.FromSeconds(10))
            Break(
                $"nobody is told of what was answered: {world.Journal.Name("alarm", id)} was answered at {at}, and {notice.Address} "
                    + $"is told ({notice.Template.Word()})"
            );
    }

    /// <summary>Called after each step.</summary>
    public void Check()
    {
        Look();
        foreach (var deadline in deadlines.Values)
            if (lateness.Of(deadline) is { } late && late > Tolerance)
                Break(
                    $"every deadline is kept while the service is up: {deadline.What} of "
                        + $"{world.Journal.Name("alarm", deadline.Alarm)} is {late.TotalSeconds:0} s late"
                );
        lateness.Moved();
        foreach (var known in alarms.Values)
            CheckTold(known);
    }

    public void CheckEnd()
    {
        Check();
        CheckAcknowledged();
        foreach (var home in world.Homes)
        {
            foreach (var link in home.Links)
                if (!link.Empty)
                    Break($"whatever is said is acknowledged in the end: {link.Device} still waits");
            SilenceChecks.CheckFound(world, home, agenda.Alarms, Break);
        }
    }

    private void Look()
    {
        agenda.Refresh();
        if (agenda.Revision != seen)
        {
            seen = agenda.Revision;
            Changed();
        }
        else if (unread)
        {
            KeepDeadlines();
        }
    }

    private void Changed()
    {
        foreach (var twice in agenda.Alarms.Where(a => a.State != 3).GroupBy(a => (a.Subject, a.Kind)).Where(g => g.Count() > 1))
            Break($"one open alarm a subject and kind: {twice.Key} has {twice.Count()}");
        foreach (var alarm in agenda.Alarms)
        {
            if (!alarms.TryGetValue(alarm.Id, out var known))
            {
                alarms[alarm.Id] = known = new Known(alarm);
                world.Journal.Note($"{world.Journal.Name("alarm", alarm.Id)}: {alarm.Kind} of {alarm.Subject} opened");
                SilenceChecks.CheckTrue(world, alarm, Break);
                foreach (var before in alarms.Values)
                    if (
                        before.Row.Id != alarm.Id
                        && alarm.Kind != "sos"
                        && before.Row.Subject == alarm.Subject
                        && before.Row.Kind == alarm.Kind
                        && before.Row.Episode == alarm.Episode
                        && before.Row.Severity >= alarm.Severity
                    )
                        Break($"nothing that was over begins again by itself: {alarm.Kind} of {alarm.Subject}, episode {alarm.Episode}");
                known.OldNews =
                    world.Clock.Truth + world.Clock.Ahead.Duration() - alarm.RaisedAt > TimeSpan.FromMinutes(14)
                    || world.Clock.Ahead.Duration() > TimeSpan.FromMinutes(14)
                    // Or it arrived while the clock was wrong and was told after the clock was set.
                    || (
                        world.WrongBefore.By > TimeSpan.FromMinutes(14)
                        && world.Clock.Elapsed - world.WrongBefore.Until < TimeSpan.FromSeconds(5)
                    );
                known.Open(world);
            }

            if (known.Row.Version != alarm.Version || known.Row.State != alarm.State)
                Moved(known, alarm);
            known.Row = alarm;
            if (
                alarm.State == 0
                && alarm.Severity >= 2
                && !agenda.Waiting.Exists(s => s.Alarm == alarm.Id)
                && !agenda.Underway.Exists(n => n.Alarm == alarm.Id)
            )
                Break($"every open alarm has its next deadline: {world.Journal.Name("alarm", alarm.Id)} has none");
            if (alarm.State is 1 or 2 && alarm.SeenWellBy is null)
                Break($"whoever answers promises to look: {world.Journal.Name("alarm", alarm.Id)} has no end");
        }

        CheckPresses();
        KeepDeadlines();
    }

    private void Moved(Known known, AlarmRow now)
    {
        var before = known.Row;
        if (before.State != now.State)
            world.Journal.Note($"{world.Journal.Name("alarm", now.Id)}: {(State)before.State} → {(State)now.State}");
        if (now.Version < before.Version)
            Break($"states go forward: {world.Journal.Name("alarm", now.Id)} went from version {before.Version} to {now.Version}");
        if (before.State == 3 && now.State != 3)
            Break($"what is resolved stays so: {world.Journal.Name("alarm", now.Id)} is {(State)now.State}");
        if (before.State is 1 or 2 && now.State == 0)
        {
            // When nobody looked in time, those who were told before are not told again: escalation continues above them.
            if (OpenedAgain(known, now))
                known.GoOn(world);
            else
                known.Open(world);
            known.AnsweredAt = null;
        }

        if (now.State != 0)
            known.OpenSince = null;
        if (before.State == 0 && now.State == 1)
            known.FindingsWhenAnswered = Findings(now.Subject);
    }

    /// <summary>Whether an answered alarm is open again because nobody looked in time; checks that another reason is a good one.</summary>
    private bool OpenedAgain(Known known, AlarmRow now)
    {
        var command = agenda.Command(
            "SELECT Who, Text FROM Timeline WHERE AlarmId = $id AND What = 'reopened' ORDER BY Id DESC LIMIT 1",
            ("$id", now.Id)
        );
        using var reader = command.ExecuteReader();
        if (!reader.Read())
            Break("an alarm that is open again says why");
        var (who, text) = (reader.GetString(0), reader.GetString(1));
        world.Journal.Note($"{world.Journal.Name("alarm", now.Id)} is open again: {text}");
        if (text.Contains("seen well", StringComparison.Ordinal))
        {
            world.Journal.Cover("a promise to look after somebody ran out");
            if (deadlines.TryGetValue((now.Id, "seen well by"), out var deadline) && world.Clock.Elapsed < deadline.At - Tolerance)
                Break(
                    $"whoever answered has their time: {world.Journal.Name("alarm", now.Id)} is open again "
                        + $"{(deadline.At - world.Clock.Elapsed).TotalMinutes:0} min too early"
                );
            return true;
        }

        if (
            who == "rules"
            && text.Contains("happened again", StringComparison.Ordinal)
            && now.Kind == "sos"
            && Findings(now.Subject) <= known.FindingsWhenAnswered
        )
            Break($"nobody is called again without another press: {world.Journal.Name("alarm", now.Id)}");
        return false;
    }

    private long Findings(string resident) =>
        agenda.Count(
            "SELECT COUNT(*) FROM Findings WHERE Key >= $from AND Key < $to",
            ("$from", resident + "|sos|"),
            ("$to", resident + "|sos}") // the character after "|"
        );

    private void CheckPresses()
    {
        foreach (var home in world.Homes)
        {
            if (home.Pressed == 0)
                continue;
            var found = Findings(home.Resident);
            if (found < home.PressesAcknowledged)
                Break($"an acknowledged press is found: {home.PressesAcknowledged} of {home.Resident} were acknowledged, {found} found");
            // A press without a believable time of its own counts once for each arrival.
            var most = presses.Where(p => p.Home == home).Sum(p => Math.Max(1, p.Press.Arrivals));
            if (found > most)
                Break($"a press is found once: {home.Resident} pressed {home.Pressed} times, {found} were found: {Keys(home.Resident)}");
        }
    }

    private string Keys(string resident)
    {
        var command = agenda.Command(
            "SELECT group_concat(Key, ', ') FROM Findings WHERE Key LIKE $prefix",
            ("$prefix", resident + "|sos|%")
        );
        return (string)command.ExecuteScalar()!;
    }

    private void CheckStored(string device, Sent message)
    {
        if (message.Time is { } time && !world.Readings.Holds(device, message.Metric, time))
            Break($"what is acknowledged is stored: {message.Metric} of {device} at {time:O} is not");
    }

    private void KeepDeadlines()
    {
        // When a commit that moved the deadlines seemed to fail, the service finds out a second later whether it did; until then deadlines
        // may be by either clock.
        unread = world.Service is null or { ClockIsUnsure: true };
        if (unread || world.Service is not { } service)
            return;
        var now = world.Clock.Peek(service.Clock);
        var offset = now - world.Clock.Truth;
        var moved = (offset - ahead).Duration() > TimeSpan.FromSeconds(2);
        ahead = offset;
        var kept = new HashSet<(Guid, string)>();
        var late = deadlines.Values.Where(d => d.At <= world.Clock.Elapsed).Select(d => d.Alarm).ToHashSet();
        foreach (var row in agenda.Waiting.Concat(agenda.Underway).Concat(agenda.Promised))
        {
            var key = (row.Id, row.What);
            kept.Add(key);
            var isKnown = deadlines.TryGetValue(key, out var known);
            if (isKnown && known!.DueAt == row.DueAt)
                continue;
            var wait = row.DueAt - now;
            var at = world.Clock.Elapsed + (wait > TimeSpan.Zero ? wait : TimeSpan.Zero);
            // Setting the clock moves the times of all that waits, but not the waits. Another plan (it happened again, or a step has run)
            // is not compared, nor are steps after one that is late.
            var plan = (alarms.TryGetValue(row.Alarm, out var its) ? its.Row.Version : 0, agenda.Waiting.Count(s => s.Alarm == row.Alarm));
            if (
                isKnown
                && moved
                && known!.Plan == plan
                && known.At > world.Clock.Elapsed
                && (at - known.At).Duration() > Tolerance
                && !late.Contains(row.Alarm)
            )
                Break(
                    $"setting the clock moves nothing that waits: {row.What} of {world.Journal.Name("alarm", row.Alarm)} was due at "
                        + $"{known.At}, and now at {at}"
                );
            deadlines[key] = new Deadline(row.Alarm, row.What, row.DueAt, at, plan);
        }

        foreach (var gone in deadlines.Keys.Where(k => !kept.Contains(k)).ToList())
            deadlines.Remove(gone);
    }

    /// <summary>A critical alarm that nobody answers goes up a level each minute: contacts, visitor, duty desk, supervisor.</summary>
    private void CheckTold(Known known)
    {
        // After a quarter of an hour, or with a clock that is wrong by as much, a press counts as late, and late presses have a plan of
        // their own.
        if (known.OldNews || known is not { OpenSince: { } since, Row: { State: 0, Severity: 3 } })
            return;
        var well = world.AllWell - since;
        var first = Array.LastIndexOf(known.Passed, true) + 1;
        for (var level = first; level <= 3; level++)
        {
            var steps = level - first;
            if (!known.Told[level] && well > TimeSpan.FromSeconds(60 * steps + 30 * (steps + 1)))
                Break(
                    $"nobody is told of less than the plan: {world.Journal.Name("alarm", known.Row.Id)} has been open for "
                        + $"{well.TotalSeconds:0} s and {(Level)level} has not been told"
                );
        }
    }

    private void Break(string promise) => world.Broken ??= new BrokenPromiseException(promise);

    private enum State
    {
        Open,
        Acknowledged,
        InHand,
        Resolved,
    }

    private enum Level
    {
        Contacts,
        Visitor,
        Duty,
        Supervisor,
    }

    private sealed class Known(AlarmRow row)
    {
        public AlarmRow Row { get; set; } = row;
        public TimeSpan? AnsweredAt { get; set; }
        public TimeSpan? OpenSince { get; set; }
        public bool OldNews { get; set; }
        public bool[] Told { get; private set; } = new bool[4];
        public bool[] Passed { get; private set; } = new bool[4];
        public long FindingsWhenAnswered { get; set; }

        public void Open(World world) => (OpenSince, Passed, Told) = (world.AllWell, new bool[4], new bool[4]);

        public void GoOn(World world)
        {
            (OpenSince, Passed, Told) = (world.AllWell, [.. Told], new bool[4]);
            // Whoever acknowledged, and everybody below.
            var level = Row.AcknowledgedBy?.Split(':')[0] switch
            {
                "contact" => 0,
                "visitor" => 1,
                "duty" => 2,
                _ => 3,
            };
            for (var i = 0; i <= level; i++)
                Passed[i] = true;
        }
    }
}

/// <summary>A deadline of an alarm.</summary>
/// <param name="Alarm">The alarm.</param>
/// <param name="What">Who is to be told and by which channel, or the promise to look.</param>
/// <param name="DueAt">The time in the row.</param>
/// <param name="At">The same moment by the monotonic clock, calculated when the row was written, so that setting the wall clock can't move
/// it.</param>
/// <param name="Plan">The alarm's version and its number of steps at that time.</param>
internal sealed record Deadline(Guid Alarm, string What, DateTime DueAt, TimeSpan At, (int Version, int Steps) Plan)
{
    /// <summary>The value of <see cref="World.Well"/> when it fell due; null before.</summary>
    public TimeSpan? WellThen { get; set; }
}

/// <summary>How late something is, counting only time in which the service ran and its stores worked.</summary>
internal sealed class Lateness(World world)
{
    private TimeSpan before;

    public TimeSpan? Of(Deadline deadline)
    {
        if (world.Clock.Elapsed < deadline.At)
            return null;
        // Of the step in which it fell due, only the time after the deadline counts.
        deadline.WellThen ??= world.Well - Least(world.Well - before, world.Clock.Elapsed - deadline.At);
        return world.Well - deadline.WellThen;
    }

    public void Moved() => before = world.Well;

    private static TimeSpan Least(TimeSpan a, TimeSpan b) => a < b ? a : b;
}
