using System.Security.Cryptography;
using System.Text;
using Vigil.Model;

namespace Vigil.Storage.Records;

/// <summary>
/// The keys that encrypt ("seal") single columns at rest: identity numbers, phone numbers, mail addresses, health, secrets. AES-256-GCM
/// with the column's name as associated data, so that a value copied to another column doesn't open. The nonce is a keyed hash
/// (HMAC-SHA256) of column and text, as in SIV (RFC 5297): equal texts of a column are stored equal, so that a row can be found by its
/// number without a second column of hashes, and equality is visible, as it would be in that column. The key file has a line <c>id
/// base64</c> for each key, the current one first; older keys open what they sealed.
/// </summary>
public sealed class FieldKeys
{
    private const string Mark = "enc1.";
    private const int NonceLength = 12,
        TagLength = 16;

    /// <summary>
    /// Prefix of a text that stands for a value which no key opens: U+FFFD, the replacement character, before the value as it is stored.
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

    /// <summary>Id of the key that seals new values.</summary>
    public string Current { get; }

    /// <summary>Differs between two sets of keys; not a secret.</summary>
    public string Fingerprint { get; }

    /// <summary>Prefix of every sealed value, before the id of its key.</summary>
    internal const string AnyMark = Mark;

    /// <summary>Id of the key that a stored value was sealed with; null when it isn't sealed.</summary>
    internal static string? KeyOf(string stored) =>
        stored.StartsWith(Mark, StringComparison.Ordinal) && stored.IndexOf('.', Mark.Length) is > 0 and var end
            ? stored[Mark.Length..end]
            : null;

    internal bool Has(string id) => keys.ContainsKey(id);

    /// <summary>Ids of all keys, the current one first.</summary>
    public IReadOnlyCollection<string> Ids => keys.Keys;

    /// <summary>Prefix of every value sealed with the current key.</summary>
    public string CurrentMark => Mark + Current + ".";

    internal UnreadableValues Unreadable { get; } = new();

    /// <summary>The file the keys were read from.</summary>
    internal string Source { get; private set; } = "the key file";

    /// <summary>
    /// Whether a text stands for a sealed value that is damaged, or whose key is missing. One bad value must not fail a query over many
    /// people; so it is read as such a text, and written back unchanged.
    /// </summary>
    public static bool IsUnreadable(string? text) => text is not null && text.StartsWith(Damaged, StringComparison.Ordinal);

    /// <summary>The text; empty where it is unreadable, because nobody can be reached at an unreadable address.</summary>
    public static string Readable(string? text) => text is null || IsUnreadable(text) ? "" : text;

    /// <summary>The text as people see it; where it is unreadable, words that say so.</summary>
    public static string Shown(string? text, string language = "en") =>
        !IsUnreadable(text) ? text ?? ""
        : language == "en" ? "(can't be read)"
        : "（无法读取）";

    /// <summary>Reads the key file. Where there is none, creates one with a new key, readable by its owner only.</summary>
    /// <param name="path">The file.</param>
    /// <param name="sealedWith">Asked before a new key is created: id of a key that stored values are sealed with, null when none
    /// are.</param>
    /// <exception cref="UnusableDataException">The file is missing, empty or unreadable, but stored values are sealed with its
    /// keys.</exception>
    public static FieldKeys Open(string path, Func<string?>? sealedWith = null)
    {
        // An empty file was left by a process that died while it created its first key; nothing was sealed with that.
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
            DataFile.WriteNew(path, content, secret: true); // another process may have been faster: then its key counts
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

    /// <summary>Adds a new current key. The old ones remain, to open what they sealed; the next start seals it with the new key.</summary>
    public static void Rotate(string path)
    {
        Open(path);
        DataFile.Write(path, string.Join('\n', [NewLine(), .. File.ReadAllLines(path)]) + "\n", secret: true);
    }

    /// <exception cref="InvalidDataException">A line is no key, or there is none.</exception>
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

    /// <summary>Encrypts a value. An empty text stays empty: that there is no number is no secret.</summary>
    /// <param name="column">Name of the column it is stored in.</param>
    /// <param name="text">The value.</param>
    /// <param name="findable">Equal texts are stored equal, so that a query can compare them; false: each is stored differently.</param>
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

    /// <summary>
    /// 20 hexadecimal digits that are the same for the same text and tell nobody without the key what it was: of an identity number, of
    /// which there are few enough to try them all, a plain hash would.
    /// </summary>
    /// <param name="purpose">Codes of different purposes don't match.</param>
    /// <param name="text">The text.</param>
    public string Code(string purpose, string text) =>
        Convert.ToHexStringLower(HMACSHA256.HashData(keys[Current].Hash, Encoding.UTF8.GetBytes($"code\0{purpose}\0{text}")))[..20];

    /// <summary>Decrypts a stored value. What an older version stored unencrypted is returned as it is.</summary>
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
    /// Like <see cref="Unseal"/>, but a value that can't be opened is noted and returned as a text for which <see cref="IsUnreadable"/>
    /// holds.
    /// </summary>
    internal string Read(string column, string stored)
    {
        try
        {
            return Unseal(column, stored);
        }
        // Not base64, too short, changed, or sealed with a key that is missing.
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
