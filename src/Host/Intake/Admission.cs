using System.Collections.Concurrent;
using System.Diagnostics;
using System.Diagnostics.Metrics;
using Vigil.Ingest.Decoding;
using Vigil.Ingest.Mqtt;
using Vigil.Ingest.Profiles;
using Vigil.Model;
using Vigil.Storage.Records;

namespace Vigil.Host.Intake;

/// <summary>
/// Takes in a message: checks whether its sender may publish it, decodes it with the right profile, and finds the resident of each reading.
/// Thread-safe.
/// </summary>
internal sealed class Admission(
    ProfileSet profiles,
    LiveRegistry registry,
    Announcements announcements,
    Sightings sightings,
    GatewayAreas gateways,
    Meter meter
)
{
    /// <summary>Profile id of devices that are decoded by their own announcement.</summary>
    public const string AnnouncedProfile = "home-assistant";

    private readonly ConcurrentBag<DecodedPayload> spare = [];
    private readonly ConcurrentQueue<Pending> sparePending = [];
    private readonly Counter<long> rejected = meter.CreateCounter<long>(
        "vigil_payloads_rejected",
        description: "Payloads that could not be read"
    );
    private readonly Counter<long> withheld = meter.CreateCounter<long>(
        "vigil_readings_withheld",
        description: "Readings that were neither stored nor judged, because the resident does not agree to it"
    );
    private readonly Counter<long> unbound = meter.CreateCounter<long>(
        "vigil_messages_unbound",
        description: "Messages of devices that nobody has registered"
    );

    /// <summary>Raised for each decoded message.</summary>
    public event Action<InboundMessage, Profile, IReadOnlyList<Reading>>? Decoded;

    public Admitted Admit(InboundMessage message)
    {
        if (message.Payload.IsEmpty)
            return new Admitted(null); // a retained topic was cleared
        if (profiles.Match(message.Topic) is not { } match)
        {
            if (!SpeakingRights.MaySend(message.From, message.Topic, ""))
                return new Admitted(null, Receipt.NotAllowed);
            return announcements.Knows(message.Topic)
                ? Read(message, profile: null, "")
                : Refuse(message, "", "", new Wording("no device profile matches this topic", "没有型号文件匹配此主题"));
        }

        var (profile, device) = match;
        if (profile.Ignores(message.Topic))
            return new Admitted(null);
        if (!SpeakingRights.MaySend(message.From, message.Topic, device))
            return new Admitted(null, Receipt.NotAllowed);
        if (registry.Find(device) is { } known && known.Profile.Topics.Any(t => t.TryMatch(message.Topic, out _)))
            profile = known.Profile;
        return Read(message, profile, device);
    }

    /// <summary>A payload that can't be decoded, or isn't accepted, is stored with the reason.</summary>
    public Admitted Refuse(InboundMessage message, string device, string profile, Wording reason)
    {
        rejected.Add(1);
        var pending = Spare();
        pending.Rejected = new RejectedPayload
        {
            Received = message.Received,
            Topic = StorableText.Of(message.Topic, StorableText.LongTopic),
            Username = StorableText.Of(message.From.Name, StorableText.LongWord),
            Device = StorableText.Of(device, DeviceId.MaxLength),
            Profile = profile,
            // Of a home that has refused something, nobody knows what stands in the bytes.
            Payload = RefusedBy(registry.Find(device)) == Refusals.None ? message.Payload.ToArray() : [],
            Reason = new Wording(StorableText.Of(reason.En, StorableText.LongReason), StorableText.Of(reason.Zh, StorableText.LongReason)),
        };
        return new Admitted(pending);
    }

    /// <summary>Takes back a committed message to reuse its memory.</summary>
    public void Return(Pending pending)
    {
        pending.Clear();
        sparePending.Enqueue(pending);
    }

    /// <param name="message">The message.</param>
    /// <param name="profile">The profile that decodes it; null for a topic that a device announced.</param>
    /// <param name="topicDevice">The device that the topic names; empty where the payload or the announcement names it.</param>
    private Admitted Read(InboundMessage message, Profile? profile, string topicDevice)
    {
        var decoded = spare.TryTake(out var reused) ? reused : new DecodedPayload();
        try
        {
            decoded.Reset(topicDevice, message.Received, message.Retained ? ReadingFlags.Retained : ReadingFlags.None);
            var profileId = profile?.Id ?? AnnouncedProfile;
            if (Decode(message, profile, profileId, decoded) is { } reason)
                return Refuse(message, topicDevice, profileId, reason);
            if (profile is null && SpeakingRights.Borrowed(registry, message.From, decoded.Readings) is { } borrowed)
                return Refuse(
                    message,
                    borrowed.Id.Value,
                    profileId,
                    new Wording(
                        $"announced as {borrowed.Id}, which is registered as {borrowed.Profile.Id} and does not speak here",
                        $"声明为 {borrowed.Id}，该设备已登记为 {borrowed.Profile.Id}，不使用此主题"
                    )
                );
            var partly = decoded.Partly is { } part ? Refuse(message, topicDevice, profileId, Partly(part)).Taken : null;
            if (decoded.Readings.Count == 0 && partly is null)
            {
                sightings.Saw(message, topicDevice, profileId, isKnown: registry.Find(topicDevice) is not null);
                return new Admitted(null);
            }

            var pending = partly ?? Spare();
            pending.Trace = Tracing.Source.HasListeners() ? Activity.Current?.Context ?? default : default;
            if (!Attribute(message, topicDevice, profileId, decoded.Readings, pending, out var newStranger, out var calls))
                return new Admitted(null, Receipt.NotAllowed);
            var call = calls is null ? null : CallOf(profileId, message, calls);
            if (pending.Readings.Count == 0 && partly is null)
            {
                if (decoded.Readings.All(r => (registry.Find(r.Device.Value) ?? registry.Find(topicDevice)) is null))
                    unbound.Add(1);
                Return(pending);
                return new Admitted(null, NewStranger: newStranger, Calls: call);
            }

            if (profile is not null)
                Decoded?.Invoke(message, profile, pending.Readings);
            return new Admitted(pending, Calls: call);
        }
        finally
        {
            spare.Add(decoded);
        }
    }

    /// <summary>Finds device and resident of each reading.</summary>
    /// <returns>False when the sender may not speak for one of the devices.</returns>
    private bool Attribute(
        InboundMessage message,
        string topicDevice,
        string profileId,
        IReadOnlyList<Reading> decoded,
        Pending into,
        out bool newStranger,
        out List<Reading>? calls
    )
    {
        newStranger = false;
        calls = null;
        RegisteredDevice? device = null;
        string? before = null;
        WithheldReadings withholds = default;
        foreach (var reading in decoded)
        {
            // Nearly all readings of a payload are of one device, which is looked up once.
            if (!ReferenceEquals(before, reading.Device.Value))
            {
                before = reading.Device.Value;
                device = registry.Find(before) ?? registry.Find(topicDevice);
                var spoken = device?.Id.Value ?? before;
                if (message.From is { Gateway: false } sender && spoken != sender.Name)
                    return false;
                newStranger |= sightings.Saw(message, spoken, profileId, isKnown: device is not null);
                withholds = default;
                if (device?.Resident is { } home)
                {
                    var facts = registry.FactsOf(home);
                    gateways.Heard(message.From, facts?.Area.Value ?? "");
                    if (facts is { Refused: not Refusals.None })
                        withholds = new WithheldReadings(facts.Refused, before, decoded);
                }
            }

            if (device?.Resident is null && reading.Metric.IsLifeSafety)
                (calls ??= []).Add(
                    reading with
                    {
                        Device = new DeviceId(StorableText.Of(device?.Id.Value ?? before, DeviceId.MaxLength)),
                        Time = reading.Time.NearestMicrosecond(),
                    }
                );
            if (device is null)
                continue;
            if (withholds.Holds(reading.Metric))
            {
                withheld.Add(1);
                continue;
            }

            if (reading.Event == "test" && ReferenceEquals(reading.Metric, Metric.Button))
                sightings.Tested(device.Id.Value, reading.Time);
            // To the microsecond, as every store keeps it, because a replay has to produce the same keys.
            var time = reading.Time.NearestMicrosecond();
            into.Readings.Add(
                reading.Device == device.Id && reading.Time == time ? reading : reading with { Device = device.Id, Time = time }
            );
            into.Residents.Add(device.Resident);
        }

        // A payload that contains readings of other devices too is stored like any other.
        into.IsSelfTest = into.Readings.Count > 0 && into.Readings.TrueForAll(r => r.Device.Value == SelfTest.Name);
        return true;
    }

    /// <summary>A call, with what the registry knows of the devices that call.</summary>
    private UnboundCall CallOf(string profile, InboundMessage message, List<Reading> calls)
    {
        Dictionary<string, DateTime>? retired = null;
        HashSet<string>? registered = null;
        foreach (var call in calls)
        {
            if (registry.Find(call.Device.Value) is not { } device)
                continue;
            (registered ??= []).Add(call.Device.Value);
            if (device.Retired is { } since)
                (retired ??= [])[call.Device.Value] = since;
        }

        return new UnboundCall(profile, message.From, calls) { Retired = retired, Registered = registered };
    }

    private Wording? Decode(InboundMessage message, Profile? profile, string profileId, DecodedPayload into)
    {
        using var span = Tracing.Source.StartActivity("decode");
        Wording? reason;
        try
        {
            reason = profile is null
                ? announcements.Decode(message.Topic, message.Payload.Span, into)
                : profile.Decode(message.Payload.Span, message.Topic, into);
        }
        catch (Exception e) when (e is not OutOfMemoryException)
        {
            // A bug in the decoder: stored like any payload that can't be decoded. An exception would make its sender repeat it for ever.
            reason = new Wording($"the decoder failed: {e.Message}", "解码器出错");
        }

        span?.SetTag("vigil.profile", profileId).SetTag("vigil.readings", into.Readings.Count).SetTag("vigil.refused", reason?.En);
        return reason;
    }

    private Refusals RefusedBy(RegisteredDevice? device) =>
        device?.Resident is { } home ? registry.FactsOf(home)?.Refused ?? Refusals.None : Refusals.None;

    private static Wording Partly(Wording part) => new($"partly: {part.En}", $"部分无法读取：{part.Zh}");

    private Pending Spare() => sparePending.TryDequeue(out var used) ? used : new Pending();
}
