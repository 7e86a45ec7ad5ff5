using System.Collections.Concurrent;
using System.Diagnostics;
using System.Diagnostics.Metrics;
using System.Threading.Channels;
using Microsoft.EntityFrameworkCore;
using Vigil.Ingest.Decoding;
using Vigil.Ingest.Mqtt;
using Vigil.Ingest.Profiles;
using Vigil.Model;
using Vigil.Notify;
using Vigil.Storage;
using Vigil.Storage.Readings;
using Vigil.Storage.Records;

namespace Vigil.Host;

/// <summary>
/// The order, written once: message → whose is it → decode → (life first) → commit readings → rules → commit findings → acknowledge.
/// Many messages share one commit. A message is acknowledged when everything it said is durable (invariant 1); whatever fails before that
/// leaves it unacknowledged, and it is sent again, which changes nothing visible.
/// </summary>
internal sealed partial class Pipeline(
    ProfileSet profiles, Registry registry, RulePartitions rules, IReadingStore readings, AlarmDesk desk, IDbContextFactory<RecordsDb> records,
    RecordsProbe probe, SetAside aside, DiskReserve reserve, Meter meter, ILogger<Pipeline> log) : BackgroundService
{
    private const int LargestBatch = 8192;
    private const int KeptRejected = 10_000;

    /// <summary>Findings, and sightings, of one transaction: between two others get their turn.</summary>
    private const int LargestCommit = 200;

    /// <summary>Profile of a device that is read as it announced itself.</summary>
    private const string AnnouncedProfile = "home-assistant";

    private readonly Channel<Pending> queue = Channel.CreateBounded<Pending>(new BoundedChannelOptions(65_536) { SingleReader = true });
    private readonly ConcurrentBag<DecodedPayload> spare = [];
    private readonly ConcurrentBag<Pending> sparePending = [];
    private readonly ConcurrentDictionary<string, Sighting> seen = new(StringComparer.Ordinal);
    /// <summary>Test presses that have not been written down: they raise no alarm, and whoever installs a button sees that it was heard.</summary>
    private readonly ConcurrentDictionary<string, DateTime> tested = new(StringComparer.Ordinal);
    private readonly Announcements announcements = new();
    private readonly List<Finding> owed = [];
    private readonly SemaphoreSlim owedGate = new(1, 1);

    /// <summary>How many findings the next transaction has: halved while the store refuses one of them, so that it is found.</summary>
    private int most = LargestCommit;

    /// <summary>Commits of findings that failed because the store didn't work: whoever asked before the last of them needn't ask again.</summary>
    private long failures;

    /// <summary>What is noted of devices is written in a line of its own: no press waits for it.</summary>
    private readonly SemaphoreSlim noting = new(1, 1);
    private readonly Counter<long> received = meter.CreateCounter<long>("vigil_messages_received", description: "MQTT messages taken in");
    private readonly Counter<long> committed = meter.CreateCounter<long>("vigil_readings_committed", description: "Readings made durable");
    private readonly Counter<long> rejected = meter.CreateCounter<long>("vigil_payloads_rejected", description: "Payloads that could not be read");
    private readonly Counter<long> unbound = meter.CreateCounter<long>("vigil_messages_unbound", description: "Messages of devices that nobody has registered");
    private readonly Counter<long> unstored = meter.CreateCounter<long>("vigil_messages_not_stored", description: "Messages left unacknowledged because a store failed");

    /// <summary>What happens, as it happens: the demo prints it.</summary>
    public event Action<InboundMessage, Profile, IReadOnlyList<Reading>>? Decoded;

    /// <summary>Findings on their way to the alarm desk.</summary>
    public event Action<IReadOnlyList<Finding>>? Found;

    private volatile string? readingsTrouble;
    private volatile string? findingsTrouble;
    private volatile string? notesTrouble;

    /// <summary>Why something can't be committed, in words: alarms, readings, what is noted beside them. Null when all that failed works again.</summary>
    public string? Trouble => findingsTrouble ?? readingsTrouble ?? notesTrouble;

    /// <summary>Tries what failed, so that the trouble is over when it works again though no device speaks. Findings that are owed are tried four times a second anyway.</summary>
    public async Task LookAgainAsync(CancellationToken cancellation)
    {
        if (readingsTrouble is not null && await readings.ProbeAsync(cancellation) is null) readingsTrouble = null;
        if (notesTrouble is not null && await probe.WorksAsync()) notesTrouble = null;
    }

    /// <summary>
    /// Why readings are not taken at all: the disk is nearly full, and what is left is for alarms and notices. A press still becomes an alarm; it is not
    /// acknowledged, so that its reading comes again.
    /// </summary>
    public string? Reserved { get; private set; }

    public void Reserve(string? why) => Reserved = why;

    /// <summary>Nothing waits to be committed: silence may be judged (invariant 3).</summary>
    public bool CaughtUp => queue.Reader.Count == 0;

    /// <summary>An empty turn of the commit loop, by which it shows that it turns though no device speaks.</summary>
    private static readonly Pending Empty = new();

    private long turned = Stopwatch.GetTimestamp();

    /// <summary>How long ago, by the wall clock, the commit loop last finished a turn.</summary>
    public TimeSpan SinceTurn => Stopwatch.GetElapsedTime(Interlocked.Read(ref turned));

    /// <summary>Asks the commit loop for a sign of life; a full queue needs no asking.</summary>
    public void Pulse() => queue.Writer.TryWrite(Empty);

    public async ValueTask<Receipt> ReceiveAsync(InboundMessage message, CancellationToken cancellation)
    {
        using var span = Tracing.Source.StartActivity("receive", ActivityKind.Consumer);
        span?.SetTag("messaging.system", "mqtt").SetTag("messaging.destination.name", message.Topic).SetTag("messaging.message.body.size", message.Payload.Length);
        received.Add(1);
        if (Announcements.IsConfig(message.Topic)) return await AnnouncedAsync(message, cancellation);
        if (message.Payload.IsEmpty) return Receipt.Committed; // an emptied retained topic: nothing is said

        // Whose is it?
        if (profiles.Match(message.Topic) is not { } match)
        {
            if (announcements.Knows(message.Topic)) return await SpokenAsync(message, profile: null, "", cancellation);
            if (!MaySend(message.From, message.Topic, "")) return Receipt.NotAllowed;
            return await RejectAsync(message, "", "", "no device profile matches this topic", cancellation);
        }

        var (profile, topicDevice) = match;
        if (profile.Ignores(message.Topic)) return Receipt.Committed;
        if (!MaySend(message.From, message.Topic, topicDevice)) return Receipt.NotAllowed;
        if (registry.Find(topicDevice) is { } known && known.Profile.Topics.Any(t => t.TryMatch(message.Topic, out _))) profile = known.Profile;

        return await SpokenAsync(message, profile, topicDevice, cancellation);
    }

    /// <param name="message">What came.</param>
    /// <param name="profile">Who reads it; null for a topic that a device announced.</param>
    /// <param name="topicDevice">The device the topic names; empty where the payload or the announcement does.</param>
    /// <param name="cancellation">Ends the wait, not the commit.</param>
    private async ValueTask<Receipt> SpokenAsync(InboundMessage message, Profile? profile, string topicDevice, CancellationToken cancellation)
    {
        // What does it say?
        var decoded = spare.TryTake(out var reused) ? reused : new DecodedPayload();
        try
        {
            decoded.Reset(topicDevice, message.Received, message.Retained ? ReadingFlags.Retained : ReadingFlags.None);
            var profileId = profile?.Id ?? AnnouncedProfile;
            if (Decode(message, profile, profileId, decoded) is { } reason)
                return await RejectAsync(message, topicDevice, profileId, reason, cancellation);
            var partly = decoded.Partly is { } part ? Refused(message, topicDevice, profileId, "partly: " + part) : null;
            if (partly is not null) rejected.Add(1);
            if (decoded.Readings.Count == 0 && partly is null)
            {
                Sight(message, topicDevice, profileId);
                return Receipt.Committed;
            }

            var pending = sparePending.TryTake(out var used) ? used : new Pending();
            pending.Rejected = partly;
            pending.Trace = Tracing.Source.HasListeners() ? Activity.Current?.Context ?? default : default;
            RegisteredDevice? device = null;
            string? before = null;
            foreach (var reading in decoded.Readings)
            {
                // A payload mostly speaks of one device: whose it is and that it was heard is looked up once.
                if (!ReferenceEquals(before, reading.Device.Value))
                {
                    before = reading.Device.Value;
                    device = registry.Find(before) ?? registry.Find(topicDevice);
                    var spoken = device?.Id.Value ?? before;
                    if (message.From is { Gateway: false } sender && spoken != sender.Name) return Receipt.NotAllowed;
                    Sight(message, spoken, profileId, isKnown: device is not null);
                }

                if (device is null) continue;
                if (reading.Event == "test" && ReferenceEquals(reading.Metric, Metric.Button)) tested[device.Id.Value] = reading.Time;
                pending.IsSelfTest = device.Id.Value == SelfTest.Name;
                // To the microsecond, as every store keeps it: a replay has to find the same moment under the same key.
                var time = reading.Time.NearestMicrosecond();
                pending.Readings.Add(reading.Device == device.Id && reading.Time == time ? reading : reading with { Device = device.Id, Time = time });
                pending.Residents.Add(device.Resident);
            }

            if (pending.Readings.Count == 0 && partly is null)
            {
                unbound.Add(1);
                return await NoteUnboundAsync(cancellation);
            }

            if (profile is not null) Decoded?.Invoke(message, profile, pending.Readings);
            if (!await LifeFirstAsync(pending, cancellation)) return Receipt.NotStored;
            await queue.Writer.WriteAsync(pending, cancellation);
            var receipt = await pending.Receipt.Task;
            pending.Clear(); // the committer gave it back with the receipt
            sparePending.Add(pending);
            return receipt;
        }
        finally
        {
            spare.Add(decoded);
        }
    }

    private string? Decode(InboundMessage message, Profile? profile, string profileId, DecodedPayload into)
    {
        using var span = Tracing.Source.StartActivity("decode");
        string? reason;
        try
        {
            reason = profile is null ? announcements.Decode(message.Topic, message.Payload.Span, into) : profile.Decode(message.Payload.Span, message.Topic, into);
        }
        catch (Exception e) when (e is not OutOfMemoryException)
        {
            // A payload that no decoder foresaw is kept like any other that can't be read, and its sender is not made to send it for ever.
            reason = $"the decoder failed: {e.Message}";
        }

        span?.SetTag("vigil.profile", profileId).SetTag("vigil.readings", into.Readings.Count).SetTag("vigil.refused", reason);
        return reason;
    }

    /// <summary>SOS, fall, smoke, gas and voice help reach the alarm desk before the readings' batch is even begun (invariant 2).</summary>
    private async ValueTask<bool> LifeFirstAsync(Pending pending, CancellationToken cancellation)
    {
        pending.LifeApplied = true;
        if (!pending.Readings.Exists(r => r.Metric.IsLifeSafety)) return true;
        List<Finding>? findings = null;
        using var under = new UnderWay(this);
        for (var i = 0; i < pending.Readings.Count; i++)
        {
            if (!pending.Readings[i].Metric.IsLifeSafety || pending.Residents[i] is not { } resident) continue;
            Apply(resident, pending.Readings[i], findings ??= [], pending.Trace);
        }

        return under.Done = findings is not { Count: > 0 } || await CommitFindingsAsync(findings, cancellation);
    }

    protected override Task ExecuteAsync(CancellationToken stoppingToken) => CommitLoopAsync(stoppingToken);

    internal async Task CommitLoopAsync(CancellationToken stoppingToken)
    {
        var batch = new List<Pending>();
        var rows = new List<Reading>();
        var findings = new List<Finding>();
        var reader = queue.Reader;
        // WaitToRead + TryRead: ReadAsync with a token loses items here (dotnet/runtime#132094).
        while (await reader.WaitToReadAsync(CancellationToken.None))
        {
            batch.Clear();
            rows.Clear();
            findings.Clear();
            while (rows.Count < LargestBatch && reader.TryRead(out var pending))
            {
                if (ReferenceEquals(pending, Empty)) continue;
                batch.Add(pending);
                if (!pending.IsSelfTest) rows.AddRange(pending.Readings);
            }

            Interlocked.Exchange(ref turned, Stopwatch.GetTimestamp());
            if (batch.Count == 0) continue;
            var receipt = await CommitAsync(batch, rows, findings, stoppingToken);
            if (receipt == Receipt.NotStored) unstored.Add(batch.Count);
            foreach (var pending in batch) pending.Receipt.TrySetResult(receipt);
            Interlocked.Exchange(ref turned, Stopwatch.GetTimestamp());
        }
    }

    public override async Task StopAsync(CancellationToken cancellationToken)
    {
        queue.Writer.TryComplete();
        if (ExecuteTask is { } running) await running.WaitAsync(cancellationToken);
        await FlushSightingsAsync(cancellationToken);
        await base.StopAsync(cancellationToken);
    }

    private async Task<Receipt> CommitAsync(List<Pending> batch, List<Reading> rows, List<Finding> findings, CancellationToken cancellation)
    {
        if (Reserved is not null) return Receipt.NotStored;
        var begun = Tracing.Source.HasListeners() ? TimeProvider.System.GetUtcNow() : default;
        if (!await AppendAsync(rows) || !await KeepRejectedAsync(batch))
        {
            LogNotStored(log, batch.Count, Trouble ?? "");
            return Receipt.NotStored;
        }

        // One commit of many messages: it stands in each one's trace.
        if (begun != default)
            foreach (var pending in batch.Where(p => p.Trace != default))
                Tracing.Source.StartActivity("commit", ActivityKind.Internal, pending.Trace, startTime: begun)?.SetTag("vigil.batch", rows.Count).Dispose();

        // Last, because it can't be undone: once the rules have moved on, what they found is owed until it is committed, whatever becomes of this batch.
        using var under = new UnderWay(this);
        foreach (var pending in batch)
        {
            pending.InOrderOfTime();
            using var span = pending.Trace == default ? null : Tracing.Source.StartActivity("rules", ActivityKind.Internal, pending.Trace);
            for (var i = 0; i < pending.Readings.Count; i++)
                if (pending.Residents[i] is { } resident && !(pending.LifeApplied && pending.Readings[i].Metric.IsLifeSafety))
                    Apply(resident, pending.Readings[i], findings, pending.Trace);
        }

        under.Done = await CommitFindingsAsync(findings, cancellation);
        return under.Done ? Receipt.Committed : Receipt.NotStored;
    }

    private readonly ConcurrentDictionary<UnderWay, bool> underWay = [];

    /// <summary>
    /// Waits until what the rules have taken in up to now is committed. Before that a snapshot of them may not be kept: after a crash it would know a press of which
    /// nobody was told, and take it for an old one when the device sends it again.
    /// </summary>
    /// <returns>False when something is owed.</returns>
    public async Task<bool> SettledAsync()
    {
        var settled = true;
        foreach (var one in underWay.Keys) settled &= await one.Ended;
        return settled;
    }

    /// <summary>From the moment the rules are given readings until what they found is committed.</summary>
    private sealed class UnderWay : IDisposable
    {
        private readonly Pipeline pipeline;
        private readonly TaskCompletionSource<bool> ended = new(TaskCreationOptions.RunContinuationsAsynchronously);

        public UnderWay(Pipeline pipeline)
        {
            this.pipeline = pipeline;
            pipeline.underWay[this] = true;
        }

        public bool Done { get; set; }

        public Task<bool> Ended => ended.Task;

        public void Dispose()
        {
            pipeline.underWay.TryRemove(this, out _);
            ended.SetResult(Done);
        }
    }

    /// <summary>One that the store will never take is kept aside, so that the others are committed.</summary>
    private async Task<bool> AppendAsync(List<Reading> rows)
    {
        if (rows.Count == 0) return true;
        var failure = await TriedAsync(() => Halving.CommitAsync(
            rows, some => readings.AppendAsync(some, CancellationToken.None), async () => await readings.ProbeAsync(CancellationToken.None) is null,
            (row, why) => aside.Keep(("a reading", "一条读数"), Described(row), Cause(why))));
        readingsTrouble = failure?.Message;
        if (failure is null) committed.Add(rows.Count);
        return failure is null;
    }

    /// <summary>Runs a commit; what is thrown is why it failed.</summary>
    private static async Task<Exception?> TriedAsync(Func<Task<Exception?>> commit)
    {
        try
        {
            return await commit();
        }
        catch (Exception e) when (e is not OutOfMemoryException)
        {
            return e; // what a store refused could not be kept aside either
        }
    }

    private static object Described(Reading r) => new
    {
        device = r.Device.Value, metric = r.Metric.Name, channel = r.Channel, time = r.Time, received = r.Received, value = $"{r.Value:R}", longitude = $"{r.Longitude:R}", @event = r.Event, flags = r.Flags.ToString(),
    };

    private void Apply(ResidentId resident, in Reading reading, List<Finding> into, ActivityContext trace)
    {
        var before = into.Count;
        rules.Apply(resident, reading, into);
        if (trace == default) return;
        for (var i = before; i < into.Count; i++) into[i] = into[i] with { Trace = Tracing.Format(Activity.Current?.Context ?? trace) };
    }

    /// <summary>
    /// Commits findings together with those still owed from a failed commit: critical ones first, in transactions of 200 between which others get their turn,
    /// so that a storm never holds up a press. One that the store refuses for what it says is found by ever smaller transactions and kept aside, and a plain alarm stands
    /// in its place. Returns when its own are committed; false: the store doesn't work and they are owed now.
    /// </summary>
    public async ValueTask<bool> CommitFindingsAsync(List<Finding> findings, CancellationToken cancellation)
    {
        var mine = findings.ToHashSet(ReferenceEqualityComparer.Instance);
        var asked = failures;
        var added = false;
        while (true)
        {
            await owedGate.WaitAsync(CancellationToken.None);
            try
            {
                if (!added) owed.AddRange(findings);
                added = true;
                if (owed.Count == 0 || (mine.Count > 0 && !owed.Exists(mine.Contains))) return true;
                // While this one waited, the store was found not to work: a hundred presses don't wait a hundred times.
                if (failures > asked) return false;
                var next = owed.OrderByDescending(f => f.Kind.DefaultSeverity == Severity.Critical).Take(most).ToList();
                Found?.Invoke(next);
                if (await CommitSomeAsync(next) is { } failure)
                {
                    failures++;
                    findingsTrouble = failure.Message;
                    LogOwed(log, owed.Count, failure.Message);
                    return false;
                }
            }
            finally
            {
                owedGate.Release();
            }
        }
    }

    /// <summary>Commits these, or makes the next transaction smaller, or sets the one aside that is at fault. Null when the store works.</summary>
    private async Task<Exception?> CommitSomeAsync(List<Finding> next)
    {
        try
        {
            await desk.CommitAsync(next, CancellationToken.None);
            most = Math.Min(LargestCommit, most * 2);
        }
        catch (Exception e) when (e is not OutOfMemoryException)
        {
            if (reserve.Release())
            {
                // There is space now, tried again at once; it is not for readings, as the next look at the disk will say.
                Reserved = "the disk is full, and its reserve is for alarms";
                return null;
            }

            if (!StoreFailure.IsOfRows(e)) return e;
            if (next.Count > 1)
            {
                most = next.Count / 2;
                return null;
            }

            if (await TriedAsync(() => StandInAsync(next[0], e)) is { } failure) return failure;
        }

        var done = next.ToHashSet(ReferenceEqualityComparer.Instance);
        owed.RemoveAll(done.Contains);
        findingsTrouble = null;
        return null;
    }

    /// <summary>Nobody's press disappears because of a text: what is refused is told in plain words under the same key, and kept aside with the store's reason.</summary>
    private async Task<Exception?> StandInAsync(Finding refused, Exception why)
    {
        var plain = refused with
        {
            Episode = StorableText.Of(refused.Episode, 256), Device = null, Trace = null,
            Reason = $"{refused.Kind.Name}: what was noticed could not be stored as it was said and is kept aside", ReasonZh = "已触发报警，详情无法按原文保存，已另行存放",
        };
        var told = true;
        try
        {
            // Once more, alone: what failed may have been passing.
            await desk.CommitAsync([refused], CancellationToken.None);
            return null;
        }
        catch (Exception e) when (StoreFailure.IsOfRows(e))
        {
            why = e;
        }

        try
        {
            await desk.CommitAsync([plain], CancellationToken.None);
        }
        catch (Exception e) when (e is not OutOfMemoryException)
        {
            if (!StoreFailure.IsOfRows(e) || !await probe.WorksAsync()) return e;
            told = false;
        }

        aside.Keep(told ? ("a finding", "一条报警详情") : ($"{refused.Kind.Name} of {refused.Subject} (look after them now)", $"{refused.Subject}的{refused.Kind.Name}报警（请立即处理）"), Described(refused), Cause(why));
        return null;
    }

    private static object Described(Finding f) => new
    {
        subject = f.Subject, kind = f.Kind.Name, severity = f.Severity.ToString(), change = f.Change.ToString(), episode = f.Episode, sequence = f.Sequence, time = f.Time, reason = f.Reason, reasonZh = f.ReasonZh, device = f.Device?.Value,
    };

    private static bool MaySend(Sender sender, string topic, string device)
    {
        if (!sender.Gateway) return device == sender.Name || device.Length == 0 || HasLevel(topic, sender.Name);
        if (sender.Topics.Count == 0) return true;
        foreach (var filter in sender.Topics)
            if (Topics.Matches(filter, topic)) return true;
        return false;
    }

    /// <summary>A device may speak on a topic that carries its own name; that the payload names it too is checked after decoding.</summary>
    private static bool HasLevel(string topic, string name)
    {
        foreach (var level in topic.AsSpan().Split('/'))
            if (topic.AsSpan(level).SequenceEqual(name)) return true;
        return false;
    }

    private async ValueTask<Receipt> RejectAsync(InboundMessage message, string device, string profile, string reason, CancellationToken cancellation)
    {
        rejected.Add(1);
        var pending = new Pending { Rejected = Refused(message, device, profile, reason) };
        await queue.Writer.WriteAsync(pending, cancellation);
        return await pending.Receipt.Task;
    }

    /// <summary>What announces itself waits to be bound, with what it says of itself; if a profile reads its topics, under that profile.</summary>
    private async ValueTask<Receipt> AnnouncedAsync(InboundMessage message, CancellationToken cancellation)
    {
        if (!message.From.Gateway) return Receipt.Committed; // a device with a credential of its own is registered already: what it announces says nothing new
        var (found, reason) = announcements.Take(message.Topic, message.Payload.Span);
        if (reason is not null) return await RejectAsync(message, "", AnnouncedProfile, reason, cancellation);
        await noting.WaitAsync(cancellation);
        try
        {
            await using var db = await records.CreateDbContextAsync(cancellation);
            await using var turn = await WriteTurn.BeginAsync(db, first: false, cancellation);
            foreach (var a in found.Where(f => registry.Find(f.Device) is null))
            {
                var (profile, device) = profiles.Match(a.StateTopic) is { } match && match.Device.Length > 0 ? (match.Profile.Id, match.Device) : (AnnouncedProfile, a.Device);
                if (registry.Find(device) is not null) continue;
                device = StorableText.Of(device, DeviceId.MaxLength);
                if (await db.Unbound.FindAsync([device], cancellation) is not { } row) db.Unbound.Add(row = new UnboundDevice { Id = device, Profile = profile, Topic = StorableText.Of(a.StateTopic, StorableText.LongTopic), FirstSeenAt = message.Received, LastSeenAt = message.Received, LastPayload = message.Payload.ToArray() });
                var line = StorableText.Of($"{a.Name} ({a.Model}): {a.Component} {a.Class} {a.Unit} {a.Metric?.Name}".Replace("  ", " ", StringComparison.Ordinal).Trim(), StorableText.LongReason);
                if (!row.Announced.Contains(line, StringComparison.Ordinal) && row.Announced.Length < 4000) row.Announced = row.Announced.Length == 0 ? line : row.Announced + "\n" + line;
            }

            await db.SaveChangesAsync(CancellationToken.None);
            await turn.CommitAsync(CancellationToken.None);
            return Receipt.Committed;
        }
        catch (Exception e) when (StoreFailure.IsOfRows(e))
        {
            return await RejectAsync(message, "", AnnouncedProfile, $"what it announces was refused by the records: {Cause(e)}", cancellation);
        }
        catch (Exception e) when (StoreFailure.IsOfStore(e))
        {
            notesTrouble = e.Message;
            LogNotStored(log, 1, e.Message);
            return Receipt.NotStored;
        }
        finally
        {
            noting.Release();
        }
    }

    private static RejectedPayload Refused(InboundMessage message, string device, string profile, string reason) => new()
    {
        Received = message.Received, Topic = StorableText.Of(message.Topic, StorableText.LongTopic), Username = StorableText.Of(message.From.Name, StorableText.LongWord), Device = StorableText.Of(device, DeviceId.MaxLength), Profile = profile,
        Payload = message.Payload.ToArray(), Reason = StorableText.Of(reason, StorableText.LongReason),
    };

    private async Task<bool> KeepRejectedAsync(List<Pending> batch)
    {
        List<RejectedPayload> rows = [.. batch.Select(p => p.Rejected).OfType<RejectedPayload>()];
        if (rows.Count == 0) return true;
        var failure = await TriedAsync(() => Halving.CommitAsync(rows, KeepAsync, probe.WorksAsync, (row, why) => aside.Keep(("a payload that can't be read", "一条无法解读的数据"), row, Cause(why))));
        notesTrouble = failure?.Message;
        return failure is null;
    }

    private async Task KeepAsync(IReadOnlyList<RejectedPayload> rows)
    {
        await using var db = await records.CreateDbContextAsync();
        await using var turn = await WriteTurn.BeginAsync(db, first: false, CancellationToken.None);
        foreach (var row in rows) row.Id = 0; // tried before, in a larger batch
        db.Rejected.AddRange(rows);
        await db.SaveChangesAsync();
        var newest = rows.Max(r => r.Id);
        await db.Rejected.Where(r => r.Id <= newest - KeptRejected).ExecuteDeleteAsync();
        await turn.CommitAsync(CancellationToken.None);
    }

    private void Sight(InboundMessage message, string device, string profile, bool? isKnown = null)
    {
        if (device.Length == 0) return;
        device = StorableText.Of(device, DeviceId.MaxLength);
        var known = isKnown ?? registry.Find(device) is not null;
        // Of a known device only the newest moment counts, and it is written every few seconds: a second's older one will do.
        if (known && seen.TryGetValue(device, out var lately) && lately.Known && message.Received - lately.Last < TimeSpan.FromSeconds(1)) return;
        Note(message, device, profile, known);
    }

    private void Note(InboundMessage message, string device, string profile, bool known)
    {
        seen.AddOrUpdate(
            device,
            _ => new Sighting(known, profile, StorableText.Of(message.Topic, StorableText.LongTopic), message.Received, message.Received, 1, known ? [] : message.Payload.ToArray()),
            (_, s) => s with { Known = known, Last = message.Received, Messages = s.Messages + 1, Payload = known || s.Payload.Length > 0 ? s.Payload : message.Payload.ToArray() });
    }

    /// <summary>A stranger's first words are durable before they are acknowledged; later ones are counted with the next flush.</summary>
    private async ValueTask<Receipt> NoteUnboundAsync(CancellationToken cancellation)
    {
        if (!seen.Values.Any(s => !s.Known && s.Messages == 1)) return Receipt.Committed;
        return await FlushSightingsAsync(cancellation, strangersAlone: true) ? Receipt.Committed : Receipt.NotStored;
    }

    /// <summary>Writes when devices were last heard, and strangers that wait to be bound. What could not be written is tried again with the next flush.</summary>
    /// <param name="cancellation">Ends it between transactions.</param>
    /// <param name="strangersAlone">Known devices can wait: thousands of rows at once would hold up an alarm.</param>
    /// <returns>Whether all of it is written.</returns>
    public async Task<bool> FlushSightingsAsync(CancellationToken cancellation, bool strangersAlone = false)
    {
        if (Reserved is not null) return false; // what is left of the disk is for alarms
        await noting.WaitAsync(cancellation);
        try
        {
            KeyValuePair<string, Sighting>[] taken = [.. seen.Where(s => !strangersAlone || !s.Value.Known)];
            foreach (var some in taken.Chunk(LargestCommit))
            {
                cancellation.ThrowIfCancellationRequested();
                if (Failed(await TriedAsync(() => Halving.CommitAsync(some, WriteAsync, probe.WorksAsync, KeepAside)))) return false;
                foreach (var pair in some) seen.TryRemove(pair);
            }

            return !Failed(await TriedAsync(WriteTestsAsync));
        }
        finally
        {
            noting.Release();
        }

        bool Failed(Exception? failure)
        {
            notesTrouble = failure?.Message;
            if (failure is not null) LogNotNoted(log, failure.Message);
            return failure is not null;
        }

        void KeepAside(KeyValuePair<string, Sighting> s, Exception why) => aside.Keep(
            ("a device that was heard", "一条设备上线记录"), new { device = s.Key, s.Value.Known, s.Value.Profile, s.Value.Topic, s.Value.First, s.Value.Last }, Cause(why));
    }

    private async Task WriteAsync(IReadOnlyList<KeyValuePair<string, Sighting>> sightings)
    {
        await using var db = await records.CreateDbContextAsync();
        await using var turn = await WriteTurn.BeginAsync(db, first: false, CancellationToken.None);
        foreach (var (id, s) in sightings)
        {
            if (s.Known)
            {
                await db.Devices.Where(d => d.Id == id)
                    .ExecuteUpdateAsync(u => u.SetProperty(d => d.LastSeenAt, s.Last).SetProperty(d => d.FirstSeenAt, d => d.FirstSeenAt ?? s.First));
                await db.Unbound.Where(d => d.Id == id).ExecuteDeleteAsync();
            }
            else if (await db.Unbound.FindAsync(id) is { } row)
            {
                row.LastSeenAt = s.Last;
                row.Messages += s.Messages;
            }
            else
            {
                db.Unbound.Add(new UnboundDevice
                {
                    Id = id, Profile = s.Profile, Topic = s.Topic, FirstSeenAt = s.First, LastSeenAt = s.Last, Messages = s.Messages, LastPayload = s.Payload,
                });
            }
        }

        await db.SaveChangesAsync();
        await turn.CommitAsync(CancellationToken.None);
    }

    private async Task<Exception?> WriteTestsAsync()
    {
        if (tested.IsEmpty) return null;
        var presses = tested.ToArray();
        await using var db = await records.CreateDbContextAsync();
        await using var turn = await WriteTurn.BeginAsync(db, first: false, CancellationToken.None);
        foreach (var (id, at) in presses) await db.Devices.Where(d => d.Id == id).ExecuteUpdateAsync(u => u.SetProperty(d => d.TestedAt, at));
        await turn.CommitAsync(CancellationToken.None);
        foreach (var press in presses) tested.TryRemove(press);
        return null;
    }

    /// <summary>The store's own words, without those of the library around it.</summary>
    private static string Cause(Exception e) => StorableText.Of((e.InnerException ?? e).Message, StorableText.LongReason);

    /// <summary>One message on its way to its commit.</summary>
    private sealed class Pending
    {
        public List<Reading> Readings { get; } = [];
        public List<ResidentId?> Residents { get; } = [];
        public RejectedPayload? Rejected { get; set; }
        public bool LifeApplied { get; set; }

        /// <summary>The canary's press goes the whole way, but no history is kept of it.</summary>
        public bool IsSelfTest { get; set; }
        public ActivityContext Trace { get; set; }
        public TaskCompletionSource<Receipt> Receipt { get; private set; } = new(TaskCreationOptions.RunContinuationsAsynchronously);

        /// <summary>A meter that sends its frozen day newest first has lived it oldest first; the rules take it so.</summary>
        public void InOrderOfTime()
        {
            var ordered = true;
            for (var i = 1; i < Readings.Count && ordered; i++) ordered = Readings[i - 1].Time <= Readings[i].Time;
            if (ordered) return;
            var sorted = Readings.Zip(Residents).OrderBy(r => r.First.Time).ToList(); // stable
            for (var i = 0; i < sorted.Count; i++) (Readings[i], Residents[i]) = sorted[i];
        }

        public void Clear()
        {
            Readings.Clear();
            Residents.Clear();
            (Rejected, LifeApplied, IsSelfTest, Trace, Receipt) = (null, false, false, default, new TaskCompletionSource<Receipt>(TaskCreationOptions.RunContinuationsAsynchronously));
        }
    }

    private sealed record Sighting(bool Known, string Profile, string Topic, DateTime First, DateTime Last, long Messages, byte[] Payload);

    [LoggerMessage(Level = LogLevel.Error, Message = "{Messages} messages are not acknowledged, because they could not be stored: {Reason}")]
    private static partial void LogNotStored(ILogger logger, int messages, string reason);

    [LoggerMessage(Level = LogLevel.Error, Message = "When devices were last heard could not be written and is tried again: {Reason}")]
    private static partial void LogNotNoted(ILogger logger, string reason);

    [LoggerMessage(Level = LogLevel.Critical, Message = "{Findings} findings could not be committed and are owed: {Reason}")]
    private static partial void LogOwed(ILogger logger, int findings, string reason);
}
