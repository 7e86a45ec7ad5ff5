using System.Collections.Concurrent;
using System.Globalization;
using System.Security.Cryptography;
using System.Text;
using Microsoft.EntityFrameworkCore;

namespace Vigil.Storage.Records;

/// <summary>Passwords of devices and gateways at the embedded broker, and keys of the HTTP API. Only hashes are stored.</summary>
public sealed class Secrets(IDbContextFactory<RecordsDb> records, TimeProvider clock)
{
    private const int Iterations = 100_000;
    private static readonly string Nobody = Hash("nobody");

    /// <summary>A password that was right once is remembered as a keyed hash in memory: a reconnect storm doesn't cost a PBKDF2 each.</summary>
    private readonly ConcurrentDictionary<string, (string Stored, byte[] Known)> right = new(StringComparer.Ordinal);
    private readonly byte[] key = RandomNumberGenerator.GetBytes(32);

    /// <summary>Makes or replaces a credential; the password is returned once and stands nowhere.</summary>
    public async Task<string> CreateCredentialAsync(string username, bool gateway, IEnumerable<string> topics, CancellationToken cancellation)
    {
        var password = Base64(RandomNumberGenerator.GetBytes(18));
        await using var db = await records.CreateDbContextAsync(cancellation);
        var row = await db.Credentials.FindAsync([username], cancellation);
        if (row is null) db.Credentials.Add(row = new Credential { Username = username, PasswordHash = "" });
        row.PasswordHash = Hash(password);
        row.Gateway = gateway;
        row.Topics = string.Join('\n', topics);
        row.Disabled = false;
        row.CreatedAt = clock.GetUtcNow().UtcDateTime;
        await db.SaveChangesAsync(cancellation);
        return password;
    }

    /// <summary>The credential, when the password fits. An unknown name takes as long as a wrong password.</summary>
    public async ValueTask<Credential?> VerifyAsync(string username, byte[] password, CancellationToken cancellation)
    {
        await using var db = await records.CreateDbContextAsync(cancellation);
        var row = await db.Credentials.AsNoTracking().FirstOrDefaultAsync(c => c.Username == username && !c.Disabled, cancellation);
        var known = HMACSHA256.HashData(key, password);
        if (row is not null && right.TryGetValue(username, out var remembered) && remembered.Stored == row.PasswordHash && CryptographicOperations.FixedTimeEquals(remembered.Known, known)) return row;
        if (!Fits(row?.PasswordHash ?? Nobody, password) || row is null) return null;
        right[username] = (row.PasswordHash, known);
        return row;
    }

    /// <summary>A new API key: 256 random bits, shown once.</summary>
    public async Task<string> CreateApiKeyAsync(string name, string scopes, string area, TimeSpan? lifetime, CancellationToken cancellation)
    {
        var text = "vk_" + Base64(RandomNumberGenerator.GetBytes(32));
        await using var db = await records.CreateDbContextAsync(cancellation);
        var now = clock.GetUtcNow().UtcDateTime;
        db.ApiKeys.Add(new ApiKey { Id = Guid.CreateVersion7(clock.GetUtcNow()), Name = name, Hash = KeyHash(text), Scopes = scopes, Area = area, CreatedAt = now, ExpiresAt = now + lifetime });
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

    private static string Hash(string password)
    {
        var salt = RandomNumberGenerator.GetBytes(16);
        return string.Create(CultureInfo.InvariantCulture, $"pbkdf2-sha256${Iterations}${Convert.ToBase64String(salt)}${Convert.ToBase64String(Derive(Encoding.UTF8.GetBytes(password), salt, Iterations))}");
    }

    private static bool Fits(string stored, byte[] password)
    {
        var parts = stored.Split('$');
        return parts is ["pbkdf2-sha256", var n, var salt, var hash]
            && CryptographicOperations.FixedTimeEquals(Convert.FromBase64String(hash), Derive(password, Convert.FromBase64String(salt), int.Parse(n, CultureInfo.InvariantCulture)));
    }

    private static byte[] Derive(byte[] password, byte[] salt, int iterations) => Rfc2898DeriveBytes.Pbkdf2(password, salt, iterations, HashAlgorithmName.SHA256, 32);

    private static string KeyHash(string text) => Convert.ToBase64String(SHA256.HashData(Encoding.UTF8.GetBytes(text)));

    private static string Base64(byte[] bytes) => Convert.ToBase64String(bytes).TrimEnd('=').Replace('+', '-').Replace('/', '_');
}
