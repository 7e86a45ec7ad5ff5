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
    private readonly Dictionary<string, IChannel> byProvider = channels.ToDictionary(c => c.Provider, StringComparer.OrdinalIgnoreCase);

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

    /// <summary>The providers of one route, first choice first.</summary>
    public static string[] Listed(string route) => route.Split(',', StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries);
}
