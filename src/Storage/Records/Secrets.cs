using System.Collections.Concurrent;
using System.Security.Cryptography;
using System.Text;
using Microsoft.EntityFrameworkCore;

namespace Vigil.Storage.Records;

/// <summary>Whether a device reports emergencies (presses, falls, smoke, gas): its login is checked before those of others.</summary>
public delegate bool SpeaksOfLife(string username);

/// <summary>The result of checking a password.</summary>
/// <param name="Credential">The credential; null when user name and password don't match one.</param>
/// <param name="Checked">False: not checked, because too many logins wait; the client should retry.</param>
public readonly record struct Verified(Credential? Credential, bool Checked = true);

/// <summary>
/// Passwords of devices and gateways at the embedded broker, and keys of the HTTP API. Only hashes are stored. Passwords are generated here
/// from 144 random bits, which can't be guessed even from a fast salted hash. Older versions stored PBKDF2 hashes: these are still
/// accepted, and replaced by fast ones at the next successful login.
/// </summary>
public sealed class Secrets(IDbContextFactory<RecordsDb> records, TimeProvider clock, SpeaksOfLife? speaksOfLife = null) : IDisposable
{
    private const int PasswordBytes = 18;
    private const int PasswordLength = 24;

    private readonly CredentialReads reads = new(records);

    /// <summary>
    /// Passwords that have matched, as keyed hashes, each with the stored hash it matched: a cached password doesn't count any more once
    /// the stored one was changed.
    /// </summary>
    private readonly ConcurrentDictionary<string, (string Stored, byte[] Hash)> matched = new(StringComparer.Ordinal);
    private readonly byte[] key = RandomNumberGenerator.GetBytes(32);
    private readonly SlowHashes slow = new(clock);

    /// <summary>Creates or replaces a credential. The password is returned here only and never stored.</summary>
    public async Task<string> CreateCredentialAsync(
        string username,
        bool gateway,
        IEnumerable<string> topics,
        CancellationToken cancellation
    )
    {
        var password = NewPassword();
        await using var db = await records.CreateDbContextAsync(cancellation);
        var row = await db.Credentials.FindAsync([username], cancellation);
        if (row is null)
            db.Credentials.Add(row = new Credential { Username = username, PasswordHash = "" });
        row.PasswordHash = PasswordHash.Fast(Encoding.UTF8.GetBytes(password));
        row.Gateway = gateway;
        row.Topics = string.Join('\n', topics);
        row.Disabled = false;
        row.CreatedAt = clock.GetUtcNow().UtcDateTime;
        await db.SaveChangesAsync(cancellation);
        return password;
    }

    /// <summary>A credential of a device that has none yet, to be written by the caller, and its password, which is in no store.</summary>
    public static (Credential Credential, string Password) NewDevice(string username, DateTime now)
    {
        var password = NewPassword();
        return (
            new Credential
            {
                Username = username,
                PasswordHash = PasswordHash.Fast(Encoding.UTF8.GetBytes(password)),
                CreatedAt = now,
            },
            password
        );
    }

    /// <summary>Checks a password.</summary>
    /// <param name="username">MQTT user name.</param>
    /// <param name="password">The password that the client sent.</param>
    /// <param name="cancellation">The client is gone.</param>
    /// <param name="rememberedAlone">Accept cached passwords only.</param>
    /// <param name="slowly">A slow hash may be checked, which may have to wait for its turn.</param>
    public async ValueTask<Verified> VerifyAsync(
        string username,
        byte[] password,
        CancellationToken cancellation,
        bool rememberedAlone = false,
        bool slowly = true
    )
    {
        var hash = MemoryHash(username, password);
        var remembered = matched.TryGetValue(username, out var before) && CryptographicOperations.FixedTimeEquals(before.Hash, hash);
        if (rememberedAlone && !remembered)
            return new Verified(null, Checked: false);
        var life = speaksOfLife?.Invoke(username) == true;
        var row = await reads.FindAsync(username, goesFirst: life, cancellation);
        if (row is null)
        {
            // Takes as long as for an existing name, so that names can't be found out by timing.
            PasswordHash.Fits(PasswordHash.Nobody, password);
            matched.TryRemove(username, out _);
            return new Verified(null);
        }

        if (remembered && before.Stored == row.PasswordHash)
            return new Verified(row);
        var isSlow = PasswordHash.IsSlow(row.PasswordHash);
        if (isSlow && !slowly)
            return new Verified(null, Checked: false);
        var fits = isSlow
            ? await slow.FitsAsync(row.PasswordHash, password, first: row.Gateway || life, cancellation)
            : PasswordHash.Fits(row.PasswordHash, password);
        if (fits is not { } answer)
            return new Verified(null, Checked: false);
        if (!answer)
            return new Verified(null);
        matched[username] = (row.PasswordHash, hash);
        if (isSlow && password.Length == PasswordLength)
            slow.Later(() => ReplaceHashAsync(username, row.PasswordHash, PasswordHash.Fast(password)));
        return new Verified(row);
    }

    private byte[] MemoryHash(string username, byte[] password)
    {
        var text = new byte[Encoding.UTF8.GetByteCount(username) + 1 + password.Length];
        Encoding.UTF8.GetBytes(username, text);
        password.CopyTo(text, text.Length - password.Length);
        return HMACSHA256.HashData(key, text);
    }

    /// <summary>
    /// Replaces a stored hash, unless it was changed meanwhile. After a failure the old hash is still valid; the first login after the next
    /// start tries again.
    /// </summary>
    private async Task ReplaceHashAsync(string username, string before, string after)
    {
        try
        {
            await using var db = await records.CreateDbContextAsync();
            await db
                .Credentials.Where(c => c.Username == username && c.PasswordHash == before)
                .ExecuteUpdateAsync(u => u.SetProperty(c => c.PasswordHash, after));
        }
        catch (Exception e) when (e is DbUpdateException or System.Data.Common.DbException or TimeoutException)
        {
            // the slow hash is still stored and valid
        }
    }

    public void Dispose() => slow.Dispose();

    /// <summary>Creates an API key of 256 random bits. It is returned here only; its hash is stored.</summary>
    public async Task<string> CreateApiKeyAsync(string name, string scopes, string area, TimeSpan? lifetime, CancellationToken cancellation)
    {
        var text = "vk_" + Base64(RandomNumberGenerator.GetBytes(32));
        await using var db = await records.CreateDbContextAsync(cancellation);
        var now = clock.GetUtcNow().UtcDateTime;
        db.ApiKeys.Add(
            new ApiKey
            {
                Id = Guid.CreateVersion7(clock.GetUtcNow()),
                Name = name,
                Hash = KeyHash(text),
                Scopes = scopes,
                Area = area,
                CreatedAt = now,
                ExpiresAt = now + lifetime,
            }
        );
        await db.SaveChangesAsync(cancellation);
        return text;
    }

    public async Task<ApiKey?> FindApiKeyAsync(string text, CancellationToken cancellation)
    {
        var hash = KeyHash(text);
        await using var db = await records.CreateDbContextAsync(cancellation);
        var found = await db.ApiKeys.AsNoTracking().FirstOrDefaultAsync(k => k.Hash == hash, cancellation);
        return found?.ExpiresAt <= clock.GetUtcNow().UtcDateTime ? null : found;
    }

    private static string KeyHash(string text) => Convert.ToBase64String(SHA256.HashData(Encoding.UTF8.GetBytes(text)));

    /// <summary>Not beginning with -, which a command line takes for an option and a spreadsheet for a formula.</summary>
    private static string NewPassword()
    {
        while (true)
            if (Base64(RandomNumberGenerator.GetBytes(PasswordBytes)) is var password && password[0] != '-')
                return password;
    }

    private static string Base64(byte[] bytes) => Convert.ToBase64String(bytes).TrimEnd('=').Replace('+', '-').Replace('/', '_');
}
