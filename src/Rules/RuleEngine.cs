using System.Globalization;
using System.Text.Json;
using Vigil.Model;

namespace Vigil.Rules;

/// <summary>
/// One partition of residents: (state, reading or tick, settings) → (state, findings). Pure: no I/O, no clock of its own, no randomness.
/// Not thread-safe: one owner at a time. Silence of people is judged by the times readings were measured, silence of devices by the times they arrived.
/// </summary>
public sealed partial class RuleEngine
{
    private static readonly JsonSerializerOptions Snapshot = new() { IncludeFields = true };

    private readonly Dictionary<string, ResidentState> residents = new(StringComparer.Ordinal);
    private readonly Dictionary<string, ResidentState> loaded = new(StringComparer.Ordinal);
    /// <summary>Moments at which a device has to have been heard. An entry that turns out too early is put back: a tick costs what is due, not what exists.</summary>
    private readonly PriorityQueue<(string Resident, string Device), DateTime> deadlines = new();

    public RuleEngine(RuleSet rules, TimeZoneInfo zone)
    {
        Rules = rules;
        Zone = zone;
    }

    public RuleSet Rules { get; private set; }

    public TimeZoneInfo Zone { get; }

    /// <summary>When <see cref="AdvanceTo"/> has something to do next; null when nothing is awaited.</summary>
    public DateTime? NextDue => deadlines.TryPeek(out _, out var due) ? due : null;

    /// <summary>Adds a resident or replaces what is known; learned state is kept.</summary>
    public void Put(ResidentFacts facts)
    {
        if (!residents.TryGetValue(facts.Id.Value, out var state))
        {
            if (!loaded.Remove(facts.Id.Value, out state)) state = new ResidentState();
            residents[facts.Id.Value] = state;
        }

        var before = state.Facts?.Devices ?? [];
        state.Facts = facts;
        state.Rules = Rules.For(facts);
        foreach (var device in facts.Devices)
            if (!before.Contains(device) && DueOf(state, device) is { } due) deadlines.Enqueue((facts.Id.Value, device.Id.Value), due);
    }

    public void Remove(ResidentId resident) => residents.Remove(resident.Value);

    /// <summary>Replaces the rules without losing state.</summary>
    public void Use(RuleSet rules)
    {
        Rules = rules;
        foreach (var state in residents.Values) state.Rules = rules.For(state.Facts);
    }

    /// <summary>Takes one reading of a resident's device.</summary>
    public void Apply(ResidentId resident, in Reading reading, List<Finding> into)
    {
        if (!residents.TryGetValue(resident.Value, out var state)) return;
        Heard(state, reading, into);
        if (reading.Has(ReadingFlags.Suspect | ReadingFlags.Retained)) return;
        var metric = reading.Metric;
        switch (metric.Kind)
        {
            case MetricKind.Event:
                Event(state, reading, into);
                break;
            case MetricKind.State:
                State(state, reading, into);
                break;
            case MetricKind.Location:
                Location(state, reading, into);
                break;
            case MetricKind.Cumulative when ReferenceEquals(metric, Metric.WaterVolume):
                Use(state, state.Water ??= new(), AlarmKind.NoWater, reading, into);
                break;
            case MetricKind.Cumulative when ReferenceEquals(metric, Metric.ElectricityEnergy):
                Use(state, state.Electricity ??= new(), AlarmKind.NoElectricity, reading, into);
                break;
            case MetricKind.Gauge:
                Gauge(state, reading, into);
                break;
        }
    }

    /// <summary>Lets time pass up to a moment of arrival time: devices that should have been heard by then are found. Called only when the queue before it has been applied (invariant 3).</summary>
    public void AdvanceTo(DateTime now, List<Finding> into)
    {
        while (deadlines.TryPeek(out var who, out var due) && due <= now)
        {
            deadlines.Dequeue();
            if (!residents.TryGetValue(who.Resident, out var state) || state.Facts.Devices.FirstOrDefault(d => d.Id.Value == who.Device) is not { } device) continue;
            if (DueOf(state, device) is not { } really) continue;
            if (really > now) deadlines.Enqueue(who, really);
            else if (Overdue(state, device, really, into) is { } next) deadlines.Enqueue(who, next);
        }
    }

    /// <summary>
    /// The service itself was deaf for a while: that time doesn't count as silence of devices (invariant 3). What they say afterwards is judged as always.
    /// </summary>
    public void ForgiveDeafness(DateTime from, DateTime to)
    {
        foreach (var state in residents.Values)
            foreach (var device in state.Devices.Values)
                if (device.LastReceived is { } last) device.LastReceived = last + (to - (last > from ? last : from));
    }

    /// <summary>Writes all state; <see cref="Load"/> reads it back, and the readings that arrived since are applied again.</summary>
    public void Save(Stream stream) => JsonSerializer.Serialize(stream, residents, Snapshot);

    /// <summary>State of residents comes into force when <see cref="Put"/> names them.</summary>
    /// <exception cref="JsonException">Not a snapshot; nothing was taken over.</exception>
    public void Load(Stream stream)
    {
        foreach (var (id, state) in JsonSerializer.Deserialize<Dictionary<string, ResidentState>>(stream, Snapshot)!) loaded[id] = state;
    }

    private static void Open(ResidentState state, AlarmKind kind, string key, DateTime since, DateTime time, string reason, string zh, DeviceId? device, List<Finding> into)
    {
        if (state.Open.ContainsKey(key)) return;
        var settings = state.Rules[kind.Name];
        var episode = string.Create(CultureInfo.InvariantCulture, $"{key}/{since:yyyy-MM-ddTHH:mm:ss.FFFZ}");
        state.Open[key] = new OpenEpisode(episode, 0, since, settings.Severity);
        into.Add(new Finding(state.Facts.Id.Value, kind, settings.Severity, FindingChange.Opened, episode, 0, time, reason, zh, device));
    }

    private static void Update(ResidentState state, AlarmKind kind, string key, Severity severity, DateTime time, string reason, string zh, DeviceId? device, List<Finding> into)
    {
        if (!state.Open.TryGetValue(key, out var open)) return;
        state.Open[key] = open with { Sequence = open.Sequence + 1, Severity = severity };
        into.Add(new Finding(state.Facts.Id.Value, kind, severity, FindingChange.Updated, open.Episode, open.Sequence + 1, time, reason, zh, device));
    }

    private static void Clear(ResidentState state, AlarmKind kind, string key, DateTime time, string reason, string zh, DeviceId? device, List<Finding> into)
    {
        if (!state.Open.Remove(key, out var open)) return;
        into.Add(new Finding(state.Facts.Id.Value, kind, open.Severity, FindingChange.Cleared, open.Episode, open.Sequence + 1, time, reason, zh, device));
    }

    private static bool Enabled(ResidentState state, AlarmKind kind, out RuleSettings settings) => state.Rules.TryGetValue(kind.Name, out settings!) && settings.Enabled;

    private static bool Absent(ResidentState state, DateTime time)
    {
        foreach (var absence in state.Facts.Absences)
            if (absence.From <= time && time < absence.Until) return true;
        return false;
    }

    /// <summary>Local day and time of the home.</summary>
    private string At(DateTime time) => TimeZoneInfo.ConvertTimeFromUtc(time, Zone).ToString("MM-dd HH:mm", CultureInfo.InvariantCulture);
}
