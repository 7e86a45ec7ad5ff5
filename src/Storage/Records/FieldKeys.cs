using System.Collections.Concurrent;
using System.Security.Cryptography;
using System.Text;
using Microsoft.EntityFrameworkCore;
using Microsoft.EntityFrameworkCore.Infrastructure;
using Microsoft.EntityFrameworkCore.Storage.ValueConversion;
using Vigil.Model;

namespace Vigil.Storage.Records;

/// <summary>
/// Encrypts single columns (identity numbers, phone numbers, mail addresses, what is told of somebody's health, secrets) at rest:
/// AES-256-GCM, with the column's name as associated data, so that a value moved to another column doesn't open. The nonce is a keyed hash
/// (HMAC-SHA256) of column and text, as in SIV (RFC 5297): the same number in the same column has the same stored form, which makes it
/// findable without a second column that could disagree, and shows equality, as a separate hash column would. Keys stand in a file, a line
/// each: <c>id base64</c>, the current one first; older ones open what they sealed.
/// </summary>
public sealed class FieldKeys
{
    private const string Mark = "enc1.";
    private const int NonceLength = 12,
        TagLength = 16;

    /// <summary>
    /// Begins a text that no key opens; what is stored stands behind it. U+FFFD is what a character that can't be read is shown as.
    /// </summary>
    private const string Damaged = "\uFFFD" + Mark;

    private readonly Dictionary<string, (byte[] Encrypt, byte[] Hash)> keys = new(StringComparer.Ordinal);

    private FieldKeys(IReadOnlyList<(string Id, byte[] Secret)> ring)
    {
        Current = ring[0].Id;
        foreach (var (id, secret) in ring)
            keys[id] = (
                HKDF.DeriveKey(HashAlgorithmName.SHA256, secret, 32, info: "vigil field encryption"u8.ToArray()),
                HKDF.DeriveKey(HashAlgorithmName.SHA256, secret, 32, info: "vigil field nonce"u8.ToArray())
            );
        var all = ring.SelectMany(k => Encoding.ASCII.GetBytes(k.Id + " ").Concat(k.Secret)).ToArray();
        Fingerprint = Convert.ToHexString(SHA256.HashData(all))[..16];
    }

    /// <summary>Id of the key that seals.</summary>
    public string Current { get; }

    /// <summary>Tells two rings apart; not a secret.</summary>
    public string Fingerprint { get; }

    /// <summary>What every sealed value begins with, before the id of its key.</summary>
    internal const string AnyMark = Mark;

    /// <summary>The key a stored value was sealed with; null when it isn't sealed.</summary>
    internal static string? KeyOf(string stored) =>
        stored.StartsWith(Mark, StringComparison.Ordinal) && stored.IndexOf('.', Mark.Length) is > 0 and var end
            ? stored[Mark.Length..end]
            : null;

    /// <summary>Whether the ring has a key.</summary>
    internal bool Has(string id) => keys.ContainsKey(id);

    /// <summary>Ids of all keys, the current one first.</summary>
    public IReadOnlyCollection<string> Ids => keys.Keys;

    /// <summary>What every value sealed with the current key begins with.</summary>
    public string CurrentMark => Mark + Current + ".";

    /// <summary>What could not be opened since the start.</summary>
    internal DamagedValues Unreadable { get; } = new();

    /// <summary>The file it was read from.</summary>
    internal string Source { get; private set; } = "the key file";

    /// <summary>
    /// A value of a sealed column that is damaged, or sealed with a key that is not here. One bad number must not stop a query of many
    /// people, so it comes as a text that this tells from a good one, and is written back as it was found.
    /// </summary>
    public static bool IsUnreadable(string? text) => text is not null && text.StartsWith(Damaged, StringComparison.Ordinal);

    /// <summary>The text where it can be read, else nothing: an address that can't be read is none.</summary>
    public static string Readable(string? text) => text is null || IsUnreadable(text) ? "" : text;

    /// <summary>For a page, an answer or a file: the text, else that it can't be read.</summary>
    public static string Shown(string? text, string language = "en") =>
        !IsUnreadable(text) ? text ?? ""
        : language == "en" ? "(can't be read)"
        : "（无法读取）";

    /// <summary>The ring of a file; makes the file, readable by its owner alone, when there is none.</summary>
    /// <param name="path">The file.</param>
    /// <param name="sealedWith">Asked before a new key is made: the key that something stored is sealed with, null when nothing is.</param>
    /// <exception cref="UnusableDataException">The file is missing, empty or unreadable, and a new key would not open what is
    /// stored.</exception>
    public static FieldKeys Open(string path, Func<string?>? sealedWith = null)
    {
        // Empty: a process that died while it made its first key; nothing was sealed with it.
        if (!File.Exists(path) || new FileInfo(path).Length == 0)
        {
            if (sealedWith?.Invoke() is { } id)
                throw new UnusableDataException(
                    $"{path} is {(File.Exists(path) ? "empty" : "missing")}, but numbers in the records are sealed with key '{id}', "
                        + $"which stands in it, and no new key opens them. Put it back from where the keys are kept (vigil backup "
                        + $"--keys copies them there), or name it with Records:KeyFile."
                );
            if (File.Exists(path))
                File.Delete(path);
            var content = Encoding.ASCII.GetBytes(NewLine() + "\n");
            DataFile.WriteNew(path, content, secret: true); // when another process of this service was faster, its key is ours
        }

        try
        {
            var ring = Parse(File.ReadAllLines(path), path);
            ring.Source = path;
            return ring;
        }
        catch (InvalidDataException e)
        {
            throw new UnusableDataException(
                $"{e.Message}. Put the file back from where the keys are kept; no new key opens what was sealed with the old one.",
                e
            );
        }
    }

    /// <summary>A new current key; the old ones stay to open what they sealed until the next start has sealed it anew.</summary>
    public static void Rotate(string path)
    {
        Open(path);
        DataFile.Write(path, string.Join('\n', [NewLine(), .. File.ReadAllLines(path)]) + "\n", secret: true);
    }

    public static FieldKeys Parse(IEnumerable<string> lines, string source)
    {
        var ring = new List<(string, byte[])>();
        foreach (var line in lines.Select(l => l.Trim()).Where(l => l.Length > 0 && l[0] != '#'))
        {
            var secret = new byte[32];
            if (
                line.Split(' ') is not [{ Length: > 0 } id, var text]
                || id.Contains('.', StringComparison.Ordinal)
                || !Convert.TryFromBase64String(text, secret, out var length)
                || length != 32
            )
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
        if (text.Length == 0)
            return text;
        if (IsUnreadable(text))
            return text[1..];
        var (encrypt, hash) = keys[Current];
        var plain = Encoding.UTF8.GetBytes(text);
        var name = Encoding.UTF8.GetBytes(column);
        var nonce = findable
            ? HMACSHA256.HashData(hash, (byte[])[.. name, 0, .. plain])[..NonceLength]
            : RandomNumberGenerator.GetBytes(NonceLength);
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
        if (!stored.StartsWith(Mark, StringComparison.Ordinal))
            return stored;
        var end = stored.IndexOf('.', Mark.Length);
        var id = end > 0 ? stored[Mark.Length..end] : "";
        if (!keys.TryGetValue(id, out var key))
            throw new CryptographicException($"{column} was sealed with key '{id}', which is not in the key file");
        var bytes = Convert.FromBase64String(stored[(end + 1)..]);
        var plain = new byte[bytes.Length - NonceLength - TagLength];
        using var aes = new AesGcm(key.Encrypt, TagLength);
        aes.Decrypt(
            bytes.AsSpan(0, NonceLength),
            bytes.AsSpan(NonceLength, plain.Length),
            bytes.AsSpan(NonceLength + plain.Length),
            plain,
            Encoding.UTF8.GetBytes(column)
        );
        return Encoding.UTF8.GetString(plain);
    }

    /// <summary>
    /// As <see cref="Unseal"/>; what can't be opened is noted and comes as a text of which <see cref="IsUnreadable"/> is true.
    /// </summary>
    internal string Read(string column, string stored)
    {
        try
        {
            return Unseal(column, stored);
        }
        // Not base64, too short, changed, or a key that is not in the ring.
        catch (Exception e) when (e is CryptographicException or FormatException or OverflowException or ArgumentException)
        {
            Unreadable.Note(column, stored);
            return "\uFFFD" + stored;
        }
    }

    private static string NewLine() =>
        $"{Convert.ToHexString(RandomNumberGenerator.GetBytes(4)).ToLowerInvariant()} "
        + $"{Convert.ToBase64String(RandomNumberGenerator.GetBytes(32))}";
}

/// <summary>
/// Values that no key opened, by column and stored text; no more than a thousand, which is no damage but a wrong key. Thread-safe.
/// </summary>
internal sealed class DamagedValues
{
    private const int Most = 1000;

    private readonly ConcurrentDictionary<(string Column, string Stored), bool> found = [];

    public int Count => found.Count;

    public ILookup<string, string> ByColumn => found.Keys.ToLookup(k => k.Column, k => k.Stored);

    public void Note(string column, string stored)
    {
        if (found.Count < Most)
            found.TryAdd((column, stored), true);
    }
}

/// <summary>Seals on the way in and opens on the way out; what is findable also in comparisons of a query.</summary>
internal sealed class SealedText(FieldKeys keys, string column, bool findable)
    : ValueConverter<string, string>(v => keys.Seal(column, v, findable), v => keys.Read(column, v));

/// <summary>The converters hold their keys, so a model belongs to a ring of keys.</summary>
internal sealed class ModelByKeys : IModelCacheKeyFactory
{
    public object Create(DbContext context, bool designTime) => (context.GetType(), (context as RecordsDb)?.Keys?.Fingerprint, designTime);
}
