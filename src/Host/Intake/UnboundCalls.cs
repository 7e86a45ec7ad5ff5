using Vigil.Ingest.Mqtt;
using Vigil.Model;
using Vigil.Rules;
using Vigil.Storage.Records;

namespace Vigil.Host.Intake;

/// <summary>A press, a fall, a call for help, smoke or gas that a device in nobody's home has told of.</summary>
/// <param name="Profile">The profile that decoded it.</param>
/// <param name="From">Who sent it.</param>
/// <param name="Readings">Life-safety readings only.</param>
internal sealed record UnboundCall(string Profile, Sender From, IReadOnlyList<Reading> Readings)
{
    /// <summary>Since when those of the devices that are retired are so; null when none is.</summary>
    public IReadOnlyDictionary<string, DateTime>? Retired { get; init; }

    /// <summary>Those of the devices that are registered, in stock or retired: nobody has invented their names.</summary>
    public IReadOnlySet<string>? Registered { get; init; }
}

/// <summary>
/// Calls for help of devices that nobody has bound to a home, or that are in stock: somebody pressed, whoever it is. Judged by the rules of
/// presses and detectors, each device as a home of its own, of which nothing else is judged and which is in no snapshot: after a restart a
/// call that goes on is found anew, and is one more press on its open alarm. Thread-safe.
/// </summary>
internal sealed class UnboundCalls(RuleSet rules, TimeZoneInfo zone)
{
    /// <summary>As the rules have it for residents, when they are not changed: a press after this is another call.</summary>
    private static readonly TimeSpan Lasts = TimeSpan.FromMinutes(30);

    /// <summary>Most devices that are remembered: a gateway that invents names must not fill the memory.</summary>
    private const int Most = 10_000;

    private readonly Lock gate = new();
    private readonly InventedNames invented = new();
    private readonly Dictionary<string, DateTime> heard = new(StringComparer.Ordinal);
    private RuleSet inForce = rules;
    private RuleEngine engine = new(rules, zone);

    public void Use(RuleSet changed)
    {
        lock (gate)
        {
            inForce = changed;
            engine.Use(changed);
        }
    }

    /// <summary>What the rules find, with what is known of the device in the words.</summary>
    /// <param name="call">What was sent.</param>
    /// <param name="area">Where the sender stands; empty when that isn't known.</param>
    public List<Finding> Find(UnboundCall call, string area)
    {
        var found = new List<Finding>();
        lock (gate)
        {
            foreach (var reading in call.Readings)
                Apply(Alarm.OfDevice + reading.Device.Value, reading, found);
            return
            [
                // Such as a wrong clock: that is no call for help.
                .. found
                    .Where(f => f.Kind.DefaultSeverity == Severity.Critical)
                    .Select(f => Told(f, call, area))
                    .SelectMany(f => Alone(f, call) ? [f] : invented.Gathered(f, call.From.Name)),
            ];
        }
    }

    /// <summary>Whether it is an alarm of its own.</summary>
    private bool Alone(Finding finding, UnboundCall call) =>
        call.Registered?.Contains(finding.Device!.Value.Value) == true
        || invented.MayStandAlone(call.From.Name, finding.Device!.Value.Value, call.Readings[0].Received);

    private void Apply(string subject, in Reading reading, List<Finding> into)
    {
        var home = new ResidentId(subject);
        if (heard.Count >= Most)
        {
            engine = new RuleEngine(inForce, zone);
            heard.Clear();
        }

        if (heard.TryGetValue(subject, out var last) && reading.Received - last > Lasts)
            engine.Remove(home);
        heard[subject] = reading.Received;
        engine.Apply(home, reading, into);
    }

    private Finding Told(Finding finding, UnboundCall call, string area)
    {
        var device = finding.Subject[Alarm.OfDevice.Length..];
        var (via, viaZh) = call.From is { Gateway: true, Name.Length: > 0 } gateway
            ? ($", heard by {gateway.Name}", $"，经网关 {gateway.Name}")
            : ("", "");
        var (why, whyZh) =
            call.Retired?.TryGetValue(device, out var since) == true
                ? (
                    $"was retired on {TimeZoneInfo.ConvertTimeFromUtc(since, zone):yyyy-MM-dd}, and somebody still has it",
                    $"已于{TimeZoneInfo.ConvertTimeFromUtc(since, zone):yyyy-MM-dd}报废，但仍有人在使用"
                )
                : ("is bound to nobody's home", "尚未绑定到任何服务对象");
        return finding with
        {
            Device = new DeviceId(device),
            Area = area,
            Reason = $"{finding.Reason}: device {device} ({call.Profile}{via}) {why}",
            ReasonZh = $"{finding.ReasonZh}：设备 {device}（型号 {call.Profile}{viaZh}）{whyZh}",
        };
    }
}
