using Vigil.Storage.Records;

namespace Vigil.Registry.Protection;

/// <summary>Over which providers contacts are reached: a bit for each, so that a home costs one number.</summary>
/// <param name="To">Providers that carry this channel to this address; what only shows messages is none.</param>
/// <param name="Usable">Providers that can be used now.</param>
public sealed record ContactWays(Func<Channel, string, ulong> To, Func<ulong> Usable)
{
    /// <summary>Providers that carry anything to a contact, but for the channels that are known not to reach the phone.</summary>
    public ulong Of(string phone, string mail, IReadOnlyCollection<Channel> blocked)
    {
        var ways = mail.Length > 0 ? To(Channel.Mail, mail) : 0;
        if (phone.Length == 0)
            return ways;
        foreach (var channel in (ReadOnlySpan<Channel>)[Channel.Sms, Channel.Voice])
            if (!blocked.Contains(channel))
                ways |= To(channel, phone);
        return ways;
    }
}

/// <summary>Whether a device of this profile is a call button, which is to be tested now and then.</summary>
public delegate bool IsCallButton(string profile);
