using System.Security.Cryptography;
using System.Text;
using Microsoft.EntityFrameworkCore;
using Microsoft.EntityFrameworkCore.Infrastructure;
using Microsoft.EntityFrameworkCore.Storage.ValueConversion;

namespace Vigil.Storage.Records;

/// <summary>
/// Encrypts single columns (identity numbers, phone numbers, mail addresses, what is told of somebody's health, secrets) at rest: AES-256-GCM, with the column's name as associated data, so that a value
/// moved to another column doesn't open. The nonce is a keyed hash (HMAC-SHA256) of column and text, as in SIV (RFC 5297): the same number in the
/// same column has the same stored form, which makes it findable without a second column that could disagree, and shows equality, as a
/// separate hash column would. Keys stand in a file, a line each: <c>id base64</c>, the current one first; older ones open what they sealed.
/// </summary>
public sealed class FieldKeys
{
    private const string Mark = "enc1.";
    private const int NonceLength = 12, TagLength = 16;

    private readonly Dictionary<string, (byte[] Encrypt, byte[] Hash)> keys = new(StringComparer.Ordinal);

    private FieldKeys(IReadOnlyList<(string Id, byte[] Secret)> ring)
    {
        Current = ring[0].Id;
        foreach (var (id, secret) in ring)
            keys[id] = (HKDF.DeriveKey(HashAlgorithmName.SHA256, secret, 32, info: "vigil field encryption"u8.ToArray()), HKDF.DeriveKey(HashAlgorithmName.SHA256, secret, 32, info: "vigil field nonce"u8.ToArray()));
        var all = ring.SelectMany(k => Encoding.ASCII.GetBytes(k.Id + " ").Concat(k.Secret)).ToArray();
        Fingerprint = Convert.ToHexString(SHA256.HashData(all))[..16];
    }

    /// <summary>Id of the key that seals.</summary>
    public string Current { get; }

    /// <summary>Tells two rings apart; not a secret.</summary>
    public string Fingerprint { get; }

    /// <summary>What every value sealed with the current key begins with.</summary>
    public string CurrentMark => Mark + Current + ".";

    /// <summary>The ring of a file; makes the file, readable by its owner alone, when there is none.</summary>
    public static FieldKeys Open(string path)
    {
        if (!File.Exists(path))
        {
            Directory.CreateDirectory(Path.GetDirectoryName(Path.GetFullPath(path))!);
            try
            {
                Write(path, [NewLine()], FileMode.CreateNew);
            }
            catch (IOException) when (File.Exists(path))
            {
                // another process of this service was faster: its key is ours
            }
        }

        return Parse(File.ReadAllLines(path), path);
    }

    /// <summary>A new current key; the old ones stay to open what they sealed until the next start has sealed it anew.</summary>
    public static void Rotate(string path)
    {
        Open(path);
        var next = path + ".new";
        Write(next, [NewLine(), .. File.ReadAllLines(path)], FileMode.Create);
        File.Move(next, path, overwrite: true);
    }

    public static FieldKeys Parse(IEnumerable<string> lines, string source)
    {
        var ring = new List<(string, byte[])>();
        foreach (var line in lines.Select(l => l.Trim()).Where(l => l.Length > 0 && l[0] != '#'))
        {
            var secret = new byte[32];
            if (line.Split(' ') is not [{ Length: > 0 } id, var text] || id.Contains('.', StringComparison.Ordinal) || !Convert.TryFromBase64String(text, secret, out var length) || length != 32)
                throw new InvalidDataException($"{source}: a line is not 'id key' with a key of 32 bytes in base64");
            ring.Add((id, secret));
        }

        return ring.Count > 0 ? new FieldKeys(ring) : throw new InvalidDataException($"{source}: has no key");
    }

    /// <summary>Empty stays empty: that there is no number is no secret.</summary>
    /// <param name="column">What it is sealed into.</param>
    /// <param name="text">What is sealed.</param>
    /// <param name="findable">The same text looks the same each time; false: never.</param>
    public string Seal(string column, string text, bool findable = true)
    {
        if (text.Length == 0) return text;
        var (encrypt, hash) = keys[Current];
        var plain = Encoding.UTF8.GetBytes(text);
        var name = Encoding.UTF8.GetBytes(column);
        var nonce = findable ? HMACSHA256.HashData(hash, (byte[])[.. name, 0, .. plain])[..NonceLength] : RandomNumberGenerator.GetBytes(NonceLength);
        var sealedText = new byte[NonceLength + plain.Length + TagLength];
        nonce.CopyTo(sealedText, 0);
        using var aes = new AesGcm(encrypt, TagLength);
        aes.Encrypt(nonce, plain, sealedText.AsSpan(NonceLength, plain.Length), sealedText.AsSpan(NonceLength + plain.Length), name);
        return CurrentMark + Convert.ToBase64String(sealedText);
    }

    /// <summary>What an older version stored in clear comes back as it is.</summary>
    /// <exception cref="CryptographicException">The key is missing, or the value was changed.</exception>
    public string Unseal(string column, string stored)
    {
        if (!stored.StartsWith(Mark, StringComparison.Ordinal)) return stored;
        var end = stored.IndexOf('.', Mark.Length);
        var id = end > 0 ? stored[Mark.Length..end] : "";
        if (!keys.TryGetValue(id, out var key)) throw new CryptographicException($"{column} was sealed with key '{id}', which is not in the key file");
        var bytes = Convert.FromBase64String(stored[(end + 1)..]);
        var plain = new byte[bytes.Length - NonceLength - TagLength];
        using var aes = new AesGcm(key.Encrypt, TagLength);
        aes.Decrypt(bytes.AsSpan(0, NonceLength), bytes.AsSpan(NonceLength, plain.Length), bytes.AsSpan(NonceLength + plain.Length), plain, Encoding.UTF8.GetBytes(column));
        return Encoding.UTF8.GetString(plain);
    }

    private static string NewLine() => $"{Convert.ToHexString(RandomNumberGenerator.GetBytes(4)).ToLowerInvariant()} {Convert.ToBase64String(RandomNumberGenerator.GetBytes(32))}";

    private static void Write(string path, IReadOnlyList<string> lines, FileMode mode)
    {
        var options = new FileStreamOptions { Mode = mode, Access = FileAccess.Write };
        if (!OperatingSystem.IsWindows()) options.UnixCreateMode = UnixFileMode.UserRead | UnixFileMode.UserWrite;
        using var stream = new FileStream(path, options);
        stream.Write(Encoding.ASCII.GetBytes(string.Join('\n', lines) + "\n"));
        stream.Flush(flushToDisk: true);
    }
}

/// <summary>Seals on the way in and opens on the way out; what is findable also in comparisons of a query.</summary>
internal sealed class SealedText(FieldKeys keys, string column, bool findable) : ValueConverter<string, string>(v => keys.Seal(column, v, findable), v => keys.Unseal(column, v));

/// <summary>The converters hold their keys, so a model belongs to a ring of keys.</summary>
internal sealed class ModelByKeys : IModelCacheKeyFactory
{
    public object Create(DbContext context, bool designTime) => (context.GetType(), (context as RecordsDb)?.Keys?.Fingerprint, designTime);
}
