using Vigil.Model;
using Vigil.Storage.Records;

namespace Vigil.Notify.Channels;

/// <summary>
/// Which provider carries a message: by the longest number prefix of <c>Notify:Routes</c> (<c>"+86": "aliyun"</c>, <c>"default": "twilio,
/// outbox"</c>, <c>"mail": "mail"</c>). Of several in a list the first that is not down; when all are down the first, where the message is
/// kept until it is back.
/// </summary>
public sealed class Routes(IEnumerable<IChannel> channels, IReadOnlyDictionary<string, string> routes)
{
    private readonly OrderedDictionary<string, IChannel> byProvider = new(
        channels.Select(c => KeyValuePair.Create(c.Provider, c)),
        StringComparer.OrdinalIgnoreCase
    );

    public IReadOnlyCollection<IChannel> All => byProvider.Values;

    /// <summary>No provider is named: messages are only shown in the outbox, and reach nobody's phone.</summary>
    public bool ReachNobody => routes.Count == 0;

    public IChannel? Find(string provider) => byProvider.GetValueOrDefault(provider);

    /// <summary>Null when no configured provider carries this channel to this address.</summary>
    public IChannel? For(Channel channel, string address)
    {
        var word = channel.Word();
        var able = routes
            .Where(r =>
                r.Key == word
                || (channel is Channel.Sms or Channel.Voice && address.StartsWith(r.Key, StringComparison.Ordinal))
                || r.Key.Length == 0
            )
            .OrderByDescending(r => r.Key == word)
            .ThenByDescending(r => r.Key.Length)
            .SelectMany(r => Listed(r.Value))
            .Select(Find)
            .OfType<IChannel>()
            .Where(c => c.CarriesTo(channel, address))
            .ToList();
        return able.Find(c => c.Health?.Trouble is null)
            ?? able.FirstOrDefault()
            ?? (routes.Count == 0 ? Find("outbox") : null)
            ?? (channel == Channel.SelfTest ? Find(Model.SelfTest.Channel) : null);
    }

    /// <summary>Providers that carry this channel to this address, a bit each; what only shows messages is none.</summary>
    public ulong Carriers(Channel channel, string address)
    {
        var (word, found) = (channel.Word(), 0UL);
        foreach (var (key, route) in routes)
            if (
                key.Length == 0
                || key == word
                || (channel is Channel.Sms or Channel.Voice && address.StartsWith(key, StringComparison.Ordinal))
            )
                foreach (var provider in Listed(route))
                    if (Find(provider) is { } able && able.Provider != "outbox" && able.CarriesTo(channel, address))
                        found |= 1UL << byProvider.IndexOf(able.Provider);
        return found;
    }

    /// <summary>Those that can be used now, as <see cref="Carriers"/> counts them.</summary>
    public ulong Usable()
    {
        var found = 0UL;
        foreach (var channel in byProvider.Values)
            if (channel.Health?.Trouble is null)
                found |= 1UL << byProvider.IndexOf(channel.Provider);
        return found;
    }

    /// <summary>The providers of one route, first choice first.</summary>
    public static string[] Listed(string route) => route.Split(',', StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries);
}
