namespace Vigil.Notify.Channels;

/// <summary>Which provider carries a message: by the longest number prefix of <c>Notify:Routes</c> (<c>"+86": "aliyun"</c>, <c>"": "outbox"</c>, <c>"mail": "mail"</c>).</summary>
public sealed class Routes(IEnumerable<IChannel> channels, IReadOnlyDictionary<string, string> routes)
{
    private readonly Dictionary<string, IChannel> byProvider = channels.ToDictionary(c => c.Provider, StringComparer.OrdinalIgnoreCase);

    public IChannel? Find(string provider) => byProvider.GetValueOrDefault(provider);

    /// <summary>Null when no configured provider carries this channel to this address.</summary>
    public IChannel? For(string channel, string address)
    {
        var best = routes
            .Where(r => r.Key == channel || (channel is "sms" or "voice" && address.StartsWith(r.Key, StringComparison.Ordinal)) || r.Key.Length == 0)
            .OrderByDescending(r => r.Key == channel).ThenByDescending(r => r.Key.Length)
            .Select(r => byProvider.GetValueOrDefault(r.Value)).FirstOrDefault(c => c?.Carries(channel) == true);
        return best ?? (routes.Count == 0 ? byProvider.GetValueOrDefault("outbox") : null);
    }
}
