using System.Collections.Concurrent;
using System.Globalization;
using System.Security.Cryptography;
using Microsoft.AspNetCore.DataProtection;
using Vigil.Storage.Records;

namespace Vigil.Web.Accounts;

/// <summary>
/// That somebody gave the right password and is asked for the second factor on a page of its own. The page carries this, sealed, and never
/// the password: for one account as it is now, for two minutes, once. Used ones are kept in memory, as used codes are. Thread-safe.
/// </summary>
internal sealed class FirstSteps(IDataProtectionProvider protection, TimeProvider clock)
{
    public static readonly TimeSpan Kept = TimeSpan.FromMinutes(2);

    private readonly IDataProtector seal = protection.CreateProtector("Vigil.FirstStep");
    private readonly ConcurrentDictionary<string, DateTimeOffset> used = new(StringComparer.Ordinal);

    public string Give(User user) =>
        seal.Protect(
            string.Create(
                CultureInfo.InvariantCulture,
                $"{Guid.NewGuid():N} {user.Id:N} {(clock.GetUtcNow() + Kept).UtcTicks} {user.SecurityStamp}"
            )
        );

    /// <summary>Whether it is this account's, in time, and not used yet; from now on it is.</summary>
    public bool Take(string step, User? user)
    {
        var now = clock.GetUtcNow();
        foreach (var (once, until) in used)
            if (until < now)
                used.TryRemove(once, out _);
        return user is not null
            && Open(step) is [var id, var whose, var end, var stamp]
            && whose == user.Id.ToString("N")
            && stamp == user.SecurityStamp // a password that was changed meanwhile, an account that was disabled
            && long.Parse(end, CultureInfo.InvariantCulture) >= now.UtcTicks
            && used.TryAdd(id, now + Kept);
    }

    private string[] Open(string step)
    {
        try
        {
            return seal.Unprotect(step).Split(' ', 4);
        }
        catch (CryptographicException)
        {
            return []; // forged, or of other keys
        }
    }
}
