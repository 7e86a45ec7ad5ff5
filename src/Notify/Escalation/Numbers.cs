using Microsoft.Extensions.Configuration;
using Vigil.Model;
using Vigil.Storage.Records;

namespace Vigil.Notify.Escalation;

/// <summary>
/// Which numbers are called and written to at all: those that begin with a prefix of <c>Notify:Prefixes</c>. A contact that somebody
/// changed to a premium or a foreign number would cost money with every alarm and reach nobody.
/// </summary>
public sealed class Numbers
{
    /// <summary>E.164: a plus, a country code, at most fifteen digits.</summary>
    private const int Shortest = 7,
        Longest = 15;

    /// <summary>Mainland China, Hong Kong, Macau, Taiwan.</summary>
    private const string Default = "+86, +852, +853, +886";

    private readonly string[] prefixes;

    private Numbers(string[] prefixes) => this.prefixes = prefixes;

    public static Numbers Shipped { get; } = new(Split(Default));

    public static Numbers Read(IConfiguration configuration) =>
        new(Split(configuration["Notify:Prefixes"] is { Length: > 0 } text ? text : Default));

    public static IEnumerable<Problem> Check(IConfiguration configuration) =>
        from prefix in Read(configuration).prefixes
        where prefix.Length < 2 || prefix[0] != '+' || prefix.AsSpan(1).ContainsAnyExceptInRange('0', '9')
        select new Problem("Notify:Prefixes", 0, "", prefix, "is not a number prefix such as +86");

    /// <summary>Why nothing goes to this address over this channel, without the number; null when it may.</summary>
    public Wording? Refuses(Channel channel, string address)
    {
        if (channel is not (Channel.Sms or Channel.Voice))
            return address.Length > 0 && address[0] == '\uFFFD'
                ? new Wording("the stored address can't be read", "存储的地址无法读取")
                : null;
        if (address.Length - 1 is < Shortest or > Longest || address[0] != '+' || address.AsSpan(1).ContainsAnyExceptInRange('0', '9'))
            return new Wording("the stored number can't be read or is no phone number", "存储的号码无法读取或不是电话号码");
        return prefixes.Any(p => address.StartsWith(p, StringComparison.Ordinal))
            ? null
            : new Wording("the number's country is not in Notify:Prefixes", "该号码的国家或地区不在 Notify:Prefixes 中");
    }

    private static string[] Split(string text) => text.Split(',', StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries);
}
