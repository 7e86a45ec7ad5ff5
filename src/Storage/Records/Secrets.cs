using System.Collections.Concurrent;
using System.Security.Cryptography;
using System.Text;
using Microsoft.EntityFrameworkCore;

namespace Vigil.Storage.Records;

/// <summary>Whether a device speaks of presses, falls, smoke or gas: its login goes before others'.</summary>
public delegate bool SpeaksOfLife(string username);

/// <summary>What a password proved to be.</summary>
/// <param name="Credential">Whose it is; null when it fits nobody.</param>
/// <param name="Checked">False: it was not looked at, because that would cost more than it is worth now.</param>
public readonly record struct Verified(Credential? Credential, bool Checked = true);

/// <summary>
/// Passwords of devices and gateways at the embedded broker, and keys of the HTTP API. Only hashes are stored. A password is made here, of
/// 144 random bits, so a salted fast hash of it can't be guessed; what an older version stored as PBKDF2 is read on and stored anew when it
/// was right.
/// </summary>
public sealed class Secrets(IDbContextFactory<RecordsDb> records, TimeProvider clock, SpeaksOfLife? speaksOfLife = null) : IDisposable
{
    private const int PasswordBytes = 18;
    private const int PasswordLength = 24;

    private readonly CredentialReads reads = new(records);

    /// <summary>
    /// A password that was right once is remembered as a keyed hash in memory, together with what was stored: a changed or revoked one is
    /// not honoured.
    /// </summary>
    private readonly ConcurrentDictionary<string, (string Stored, byte[] Known)> right = new(StringComparer.Ordinal);
    private readonly byte[] key = RandomNumberGenerator.GetBytes(32);
    private readonly SlowHashes slow = new(clock);

    /// <summary>Makes or replaces a credential; the password is returned once and stands nowhere.</summary>
    public async Task<string> CreateCredentialAsync(
        string username,
        bool gateway,
        IEnumerable<string> topics,
        CancellationToken cancellation
    )
    {
        var password = Base64(RandomNumberGenerator.GetBytes(PasswordBytes));
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

    /// <summary>The credential, when the password fits.</summary>
    /// <param name="username">MQTT user name.</param>
    /// <param name="password">What was shown.</param>
    /// <param name="cancellation">Who asked is gone.</param>
    /// <param name="rememberedAlone">Only what memory knows is worth a look.</param>
    /// <param name="slowly">A slow hash may be worked out, in its turn.</param>
    public async ValueTask<Verified> VerifyAsync(
        string username,
        byte[] password,
        CancellationToken cancellation,
        bool rememberedAlone = false,
        bool slowly = true
    )
    {
        var known = Known(username, password);
        var remembered = right.TryGetValue(username, out var before) && CryptographicOperations.FixedTimeEquals(before.Known, known);
        if (rememberedAlone && !remembered)
            return new Verified(null, Checked: false);
        var life = speaksOfLife?.Invoke(username) == true;
        var row = await reads.FindAsync(username, goesFirst: life, cancellation);
        if (row is null)
        {
            PasswordHash.Fits(PasswordHash.Nobody, password); // as long as for a name that is there
            right.TryRemove(username, out _);
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
        right[username] = (row.PasswordHash, known);
        if (isSlow && password.Length == PasswordLength)
            slow.Later(() => StoreAnewAsync(username, row.PasswordHash, PasswordHash.Fast(password)));
        return new Verified(row);
    }

    private byte[] Known(string username, byte[] password)
    {
        var text = new byte[Encoding.UTF8.GetByteCount(username) + 1 + password.Length];
        Encoding.UTF8.GetBytes(username, text);
        password.CopyTo(text, text.Length - password.Length);
        return HMACSHA256.HashData(key, text);
    }

    /// <summary>
    /// Not when it was changed meanwhile. A failure changes nothing: it is tried again with the next start's first login.
    /// </summary>
    private async Task StoreAnewAsync(string username, string before, string after)
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
            // the slow one is still there and right
        }
    }

    public void Dispose() => slow.Dispose();

    /// <summary>A new API key: 256 random bits, shown once.</summary>
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

    private static string Base64(byte[] bytes) => Convert.ToBase64String(bytes).TrimEnd('=').Replace('+', '-').Replace('/', '_');
}
