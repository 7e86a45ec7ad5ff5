using System.Collections.Frozen;
using Vigil.Model;
using Vigil.Storage.Records;

namespace Vigil.Notify;

/// <summary>The ways people are told, in words.</summary>
public static class ChannelWords
{
    public static readonly FrozenDictionary<string, Wording> All = new Dictionary<string, Wording>
    {
        ["sms"] = new("SMS", "短信"),
        ["voice"] = new("voice", "电话"),
        ["mail"] = new("mail", "邮件"),
        ["webhook"] = new("webhook", "推送"),
        ["outbox"] = new("outbox", "发件箱"),
        [SelfTest.Channel] = new("self-test", "自检"),
    }.ToFrozenDictionary(StringComparer.Ordinal);

    public static Wording Of(Channel channel) => Of(channel.Word());

    public static Wording Of(string channel) => All.GetValueOrDefault(channel) ?? Wording.Same(channel);

    public static Wording List(IEnumerable<Channel> via) => Wording.Join([.. via.Select(Of)]);
}
