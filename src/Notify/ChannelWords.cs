using System.Collections.Frozen;
using Vigil.Model;
using Vigil.Storage.Records;

namespace Vigil.Notify;

/// <summary>The ways people are told, in words.</summary>
public static class ChannelWords
{
    public static readonly FrozenDictionary<Channel, Wording> All = new Dictionary<Channel, Wording>
    {
        [Channel.Sms] = new("SMS", "短信"),
        [Channel.Voice] = new("voice", "电话"),
        [Channel.Mail] = new("mail", "邮件"),
        [Channel.Webhook] = new("webhook", "推送"),
        [Channel.SelfTest] = new("self-test", "自检"),
    }.ToFrozenDictionary();

    /// <summary>A channel that another version wrote down has no words here: its stored word is shown.</summary>
    public static Wording Of(Channel channel) => All.GetValueOrDefault(channel) ?? Wording.Same(channel.Word());

    public static Wording List(IEnumerable<Channel> via) => Wording.Join([.. via.Select(Of)]);
}
