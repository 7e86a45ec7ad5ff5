using Vigil.Ingest.Mqtt;
using Vigil.Ingest.Profiles;
using Vigil.Model;

namespace Vigil.Host.Intake;

/// <summary>Which sender may publish on which topic (invariant 11).</summary>
internal static class SpeakingRights
{
    /// <param name="sender">Who is logged in.</param>
    /// <param name="topic">Topic of the message.</param>
    /// <param name="device">The device that the topic names; empty where the payload names it.</param>
    public static bool MaySend(Sender sender, string topic, string device)
    {
        if (!sender.Gateway)
            return device == sender.Name || device.Length == 0 || HasLevel(topic, sender.Name);
        if (sender.Topics.Count == 0)
            return true;
        foreach (var filter in sender.Topics)
            if (Topics.Matches(filter, topic))
                return true;
        return false;
    }

    /// <summary>Whether the topic contains the device's name. That the payload names the same device is checked after decoding.</summary>
    private static bool HasLevel(string topic, string name)
    {
        foreach (var level in topic.AsSpan().Split('/'))
            if (topic.AsSpan(level).SequenceEqual(name))
                return true;
        return false;
    }

    /// <summary>
    /// A device with a profile of its own whose name an announcement uses. A gateway with limited topics must not speak for a device that
    /// publishes elsewhere. The payload is refused, but the connection isn't closed, because the gateway carries other devices too.
    /// </summary>
    public static RegisteredDevice? Borrowed(LiveRegistry registry, Sender from, IReadOnlyList<Reading> readings) =>
        from.Topics.Count == 0
            ? null
            : readings
                .Select(r => registry.Find(r.Device.Value))
                .FirstOrDefault(d => d is not null && d.Profile.Id != Admission.AnnouncedProfile);
}
