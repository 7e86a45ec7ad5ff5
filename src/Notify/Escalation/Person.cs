using System.Collections.Frozen;
using Vigil.Storage.Records;

namespace Vigil.Notify.Escalation;

/// <summary>Somebody who can be told.</summary>
/// <param name="Key">contact:{id}, visitor:{id}, duty:{id}, supervisor:{id}.</param>
internal sealed record Person(string Key, string Name, string Phone, string Mail, string Webhook, string Language)
{
    /// <summary>A stored number or address can't be decrypted; it counts as if there were none.</summary>
    public bool Unreadable { get; init; }

    /// <summary>Channels that are known not to reach this phone: opted out, no longer in service.</summary>
    public IReadOnlySet<Channel> Blocked { get; init; } = FrozenSet<Channel>.Empty;

    /// <summary>
    /// The first channel of a step, after the one that failed, for which the person has an address; null when there is none. A channel that
    /// is known not to reach the phone is left out, except for a critical alarm when no other is left.
    /// </summary>
    public (Channel Channel, string Address)? Way(IReadOnlyList<Channel> via, Channel? after = null, bool critical = false)
    {
        var ways = (after is { } failed && via.Contains(failed) ? via.SkipWhile(c => c != failed).Skip(1) : via)
            .Select(c => (Channel: c, Address: AddressFor(c)))
            .Where(w => w.Address.Length > 0)
            .ToList();
        var open = ways.Where(w => !Blocked.Contains(w.Channel)).ToList();
        if (open.Count > 0)
            return open[0];
        return critical && after is null && ways.Count > 0 ? ways[0] : null;
    }

    public string AddressFor(Channel channel) =>
        channel switch
        {
            Channel.Mail => Mail,
            Channel.Webhook => Webhook,
            _ => Phone,
        };
}

/// <summary>Who a place of the plan is now.</summary>
/// <param name="People">Who is told; empty when there is nobody.</param>
/// <param name="Note">Why it is nobody, or somebody else than usual; empty when there is nothing to say.</param>
/// <param name="NoteZh">The same in Chinese.</param>
internal sealed record PeopleFound(IReadOnlyList<Person> People, string Note = "", string NoteZh = "");
