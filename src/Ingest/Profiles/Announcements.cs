using System.Collections.Concurrent;
using Vigil.Ingest.Decoding;
using Vigil.Model;

namespace Vigil.Ingest.Profiles;

/// <summary>
/// What devices announced by Home Assistant's MQTT discovery (<see cref="DiscoveryMessage"/>). An announced device waits to be bound to a
/// resident; topics that belong to no profile are read as they were announced.
/// </summary>
public sealed class Announcements
{
    private const int Most = 20_000;

    /// <summary>Discovery topic → what it announces. A new message replaces it, an empty one removes it.</summary>
    private readonly ConcurrentDictionary<string, IReadOnlyList<Announcement>> byConfig = new(StringComparer.Ordinal);
    private readonly ConcurrentDictionary<string, Announcement[]> byTopic = new(StringComparer.Ordinal);

    /// <summary>State topic → discovery topic → entities, so that a new announcement changes only its own state topics.</summary>
    private readonly Dictionary<string, SortedDictionary<string, Announcement[]>> byStateTopic = new(StringComparer.Ordinal);
    private readonly Lock changing = new();

    public static bool IsConfig(string topic) =>
        topic.StartsWith("homeassistant/", StringComparison.Ordinal) && topic.EndsWith("/config", StringComparison.Ordinal);

    /// <summary>Takes a discovery message. An empty one removes the entity.</summary>
    /// <param name="topic">The discovery topic.</param>
    /// <param name="payload">Its payload.</param>
    /// <param name="maySpeakOn">Whether its sender may publish on a topic: nobody may announce, change or remove an entity whose topic
    /// belongs to others.</param>
    /// <returns>What it announces; the reason when it can't be read or its sender may not announce it.</returns>
    public (IReadOnlyList<Announcement> Announced, Wording? Reason) Take(
        string topic,
        ReadOnlySpan<byte> payload,
        Func<string, bool>? maySpeakOn = null
    )
    {
        try
        {
            var (found, reason) = DiscoveryMessage.Read(topic, payload);
            reason ??= RefuseAsTooMany(topic, found);
            if (reason is not null)
                return ([], reason);
            if (
                maySpeakOn is not null
                && found.Concat(byConfig.GetValueOrDefault(topic) ?? []).FirstOrDefault(a => !maySpeakOn(a.StateTopic)) is { } foreign
            )
                return (
                    [],
                    new Wording(
                        $"announces {foreign.StateTopic}, on which its sender may not speak",
                        $"声明了 {foreign.StateTopic}，但其发送者无权使用该主题"
                    )
                );
            Put(topic, found);
            return (found, null);
        }
        catch (InvalidOperationException e) when (JsonFields.IsBadText(e))
        {
            return ([], JsonFields.BadText(e));
        }
    }

    /// <summary>Takes what was announced before the service started.</summary>
    public void TakeAll(IEnumerable<(string Topic, byte[] Payload)> announced)
    {
        foreach (var (topic, payload) in announced)
        {
            try
            {
                if (
                    DiscoveryMessage.Read(topic, payload) is { Reason: null, Announced: { Count: > 0 } found }
                    && RefuseAsTooMany(topic, found) is null
                )
                    Put(topic, found);
            }
            catch (InvalidOperationException e) when (JsonFields.IsBadText(e))
            {
                // an earlier version could read it
            }
        }
    }

    private Wording? RefuseAsTooMany(string topic, IReadOnlyList<Announcement> found) =>
        found.Count > 0 && byConfig.Count >= Most && !byConfig.ContainsKey(topic)
            ? new Wording($"more than {Most} announcements", $"声明超过 {Most} 条")
            : null;

    private void Put(string config, IReadOnlyList<Announcement> found)
    {
        lock (changing)
        {
            var touched = new HashSet<string>(StringComparer.Ordinal);
            foreach (var before in byConfig.GetValueOrDefault(config) ?? [])
                if (byStateTopic[before.StateTopic].Remove(config))
                    touched.Add(before.StateTopic);
            if (found.Count > 0)
                byConfig[config] = found;
            else
                byConfig.TryRemove(config, out _);
            foreach (var spoken in found.GroupBy(a => a.StateTopic, StringComparer.Ordinal))
            {
                if (!byStateTopic.TryGetValue(spoken.Key, out var there))
                    byStateTopic[spoken.Key] = there = new SortedDictionary<string, Announcement[]>(StringComparer.Ordinal);
                there[config] = [.. spoken];
                touched.Add(spoken.Key);
            }

            foreach (var topic in touched)
            {
                if (byStateTopic[topic].Count > 0)
                    byTopic[topic] = [.. byStateTopic[topic].Values.SelectMany(a => a)];
                else if (byStateTopic.Remove(topic))
                    byTopic.TryRemove(topic, out _);
            }
        }
    }

    /// <summary>Whether a device announced this state topic.</summary>
    public bool Knows(string topic) => byTopic.ContainsKey(topic);

    /// <summary>Reads a state topic as it was announced.</summary>
    public Wording? Decode(string topic, ReadOnlySpan<byte> payload, DecodedPayload into)
    {
        if (!byTopic.TryGetValue(topic, out var entities))
            return new Wording("nobody announced this topic", "没有设备声明过该主题");
        try
        {
            return AnnouncedState.Decode(entities, payload, into);
        }
        catch (InvalidOperationException e) when (JsonFields.IsBadText(e))
        {
            return JsonFields.BadText(e);
        }
    }
}
