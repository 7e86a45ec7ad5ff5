using System.Collections.Concurrent;
using System.Globalization;
using System.Security.Cryptography;
using Microsoft.AspNetCore.DataProtection;
using Vigil.Storage.Records;

namespace Vigil.Web.Accounts;

/// <summary>
/// Signing in with a second factor takes two pages. The second one holds a sealed proof that the password was right on the first, and not
/// the password. The proof is good once, for two minutes, and for one account as long as that is unchanged. Used ones are kept in memory,
/// as used codes are. Thread-safe.
/// </summary>
internal sealed class FirstSteps(IDataProtectionProvider protection, TimeProvider clock)
{
    public static readonly TimeSpan Kept = TimeSpan.FromMinutes(2);

    private readonly IDataProtector seal = protection.CreateProtector("Vigil.FirstStep");
    private readonly ConcurrentDictionary<string, DateTimeOffset> used = new(StringComparer.Ordinal);

    /// <summary>A proof for an account whose password was right.</summary>
    public string Give(User user) =>
        seal.Protect(
            string.Create(
                CultureInfo.InvariantCulture,
                $"{Guid.NewGuid():N} {user.Id:N} {(clock.GetUtcNow() + Kept).UtcTicks} {user.SecurityStamp}"
            )
        );

    /// <summary>Whether the proof is this account's, in time and not used yet; from now on it is used.</summary>
    public bool Take(string step, User? user)
    {
        var now = clock.GetUtcNow();
        foreach (var (once, until) in used)
            if (until < now)
                used.TryRemove(once, out _);
        return user is not null
            && Open(step) is [var id, var whose, var end, var stamp]
            && whose == user.Id.ToString("N")
            && stamp == user.SecurityStamp // another one where the password was changed or the account disabled
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
            return []; // forged, or sealed with other keys
        }
    }
}
