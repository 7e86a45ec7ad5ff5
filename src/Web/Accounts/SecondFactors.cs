using System.Collections.Concurrent;
using Microsoft.AspNetCore.Identity;
using Microsoft.EntityFrameworkCore;
using Vigil.Storage.Records;

namespace Vigil.Web.Accounts;

/// <summary>Authenticator codes (TOTP, RFC 6238) and recovery codes of people with an account, on ASP.NET Core Identity.</summary>
public sealed class SecondFactors(UserManager<User> users, IDbContextFactory<RecordsDb> records, TimeProvider clock)
{
    /// <summary>A code is good for one sign-in, so that one that was seen over a shoulder is of no use.</summary>
    private static readonly ConcurrentDictionary<(Guid User, string Code), DateTimeOffset> UsedCodes = new();

    /// <summary>The key for an authenticator. It is in force only when a code shows that the authenticator has it.</summary>
    public async Task<string> KeyAsync(User user)
    {
        if (await users.GetAuthenticatorKeyAsync(user) is { Length: > 0 } key)
            return key;
        await users.ResetAuthenticatorKeyAsync(user);
        return await users.GetAuthenticatorKeyAsync(user) ?? "";
    }

    /// <returns>Ten recovery codes, shown once; null when the code is wrong.</returns>
    public async Task<IReadOnlyList<string>?> EnrolAsync(User user, string code, CancellationToken cancellation)
    {
        if (!await users.VerifyTwoFactorTokenAsync(user, TokenOptions.DefaultAuthenticatorProvider, Digits(code)))
            return null;
        await users.SetTwoFactorEnabledAsync(user, true);
        await AuditAsync(user.UserName!, user, "second factor", cancellation);
        return [.. await users.GenerateNewTwoFactorRecoveryCodesAsync(user, 10) ?? []];
    }

    /// <summary>The phone with the authenticator is lost: the person signs in with the password alone and enrols again.</summary>
    public async Task ForgetAsync(User user, string by, CancellationToken cancellation)
    {
        await users.SetTwoFactorEnabledAsync(user, false);
        await users.ResetAuthenticatorKeyAsync(user);
        await AuditAsync(by, user, "second factor forgotten", cancellation);
    }

    /// <summary>Whether it is a code of the authenticator or a recovery code, each of which works once.</summary>
    public async Task<bool> IsRightAsync(User user, string code)
    {
        if (code.Trim() is not { Length: > 0 } given)
            return false;
        var digits = Digits(given);
        if (digits.Length == 6 && await users.VerifyTwoFactorTokenAsync(user, TokenOptions.DefaultAuthenticatorProvider, digits))
        {
            var now = clock.GetUtcNow();
            foreach (var old in UsedCodes.Where(u => now - u.Value > TimeSpan.FromMinutes(5)).Select(u => u.Key).ToList())
                UsedCodes.TryRemove(old, out _);
            return UsedCodes.TryAdd((user.Id, digits), now);
        }

        return (await users.RedeemTwoFactorRecoveryCodeAsync(user, given)).Succeeded;
    }

    private static string Digits(string code) => new([.. code.Where(char.IsAsciiDigit)]);

    private Task AuditAsync(string who, User user, string detail, CancellationToken cancellation) =>
        records.AddAsync(clock.GetUtcNow().UtcDateTime, who, "account", $"user:{user.UserName}", detail, cancellation);
}
