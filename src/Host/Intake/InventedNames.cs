using Vigil.Model;
using Vigil.Rules;
using Vigil.Storage.Records;

namespace Vigil.Host.Intake;

/// <summary>
/// Whoever may publish can invent names of devices, and each would be a critical alarm of its own: a thousand calls to the desk, among them
/// nobody's. Of each sender the first names within an hour are alarms of their own; what further ones call is one alarm for all of them,
/// told like any other and again as more call, which names them. So no press is lost. Not thread-safe.
/// </summary>
internal sealed class InventedNames
{
    /// <summary>New names of one sender within an hour that are alarms of their own.</summary>
    public const int MostAlone = 20;

    /// <summary>Names that an alarm lists; all of them stand on the page of devices.</summary>
    private const int MostListed = 30;

    /// <summary>Most names that are counted: they must not fill the memory.</summary>
    private const int MostCounted = 10_000;

    private static readonly TimeSpan Within = TimeSpan.FromHours(1);

    private readonly Dictionary<string, Names> senders = new(StringComparer.Ordinal);

    /// <summary>Whether this device's call is an alarm of its own: it has called before, or few others of its sender have.</summary>
    public bool MayStandAlone(string sender, string device, DateTime now)
    {
        if (!senders.TryGetValue(sender, out var names))
            senders[sender] = names = new Names();
        foreach (var (old, _) in names.Alone.Where(n => now - n.Value > Within).ToList())
            names.Alone.Remove(old);
        if (names.Alone.Count == 0)
            (names.Further, names.Newest) = ([], []);
        if (!names.Alone.ContainsKey(device) && names.Alone.Count >= MostAlone)
            return false;
        names.Alone.TryAdd(device, now);
        return true;
    }

    /// <summary>The finding as one of the alarm for all further names; none for what tells that something is over.</summary>
    public IEnumerable<Finding> Gathered(Finding finding, string sender)
    {
        if (finding.Change == FindingChange.Cleared)
            return [];
        var names = senders[sender];
        var device = finding.Device!.Value.Value;
        if (names.Further.Count < MostCounted)
            names.Further.Add(device);
        names.Newest.Remove(device);
        names.Newest.Insert(0, device);
        var (count, listed) = (names.Further.Count, names.Newest.Take(MostListed).ToList());
        names.Newest = listed;
        var (more, moreZh) = count > listed.Count ? (", …", "……") : ("", "");
        var (via, viaZh) = sender.Length > 0 ? ($" of {sender}", $"（来自 {sender}）") : ("", "");
        return
        [
            finding with
            {
                Subject = Alarm.OfManyDevices + sender,
                Device = null,
                // The same press that is sent again is known by its key.
                Episode = $"{device}|{finding.Episode}",
                Event = finding.Event is { } press ? $"{device}|{press}" : null,
                Change = FindingChange.Opened,
                Notify = true,
                Reason =
                    $"{count} more unregistered devices{via} have called within an hour, newest first: "
                    + $"{string.Join(", ", listed)}{more}; {finding.Reason}",
                ReasonZh =
                    $"一小时内又有 {count} 台未登记设备呼叫{viaZh}，最新在前："
                    + $"{string.Join("、", listed)}{moreZh}；{finding.ReasonZh}",
            },
        ];
    }

    private sealed class Names
    {
        /// <summary>Those with alarms of their own, and since when.</summary>
        public Dictionary<string, DateTime> Alone { get; } = new(StringComparer.Ordinal);

        /// <summary>All others.</summary>
        public HashSet<string> Further { get; set; } = [];

        /// <summary>Those of them that called last, the newest first.</summary>
        public List<string> Newest { get; set; } = [];
    }
}
