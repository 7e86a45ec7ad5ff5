using System.Globalization;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using System.Text.Json.Serialization;

namespace Vigil.Storage.Records;

/// <summary>
/// The signed end of the audit chain. A copy kept on another machine shows later whether rows were cut off or the chain was rebuilt, even
/// by somebody who can write the whole database.
/// </summary>
/// <param name="Place">Place of the row in the chain.</param>
/// <param name="Hash">Hash of that row.</param>
/// <param name="Time">When it was signed, UTC.</param>
/// <param name="Key">Id of the signing key: the beginning of the SHA-256 of its public half.</param>
/// <param name="Signature">ECDSA P-256 over SHA-256, base64.</param>
public sealed record AuditHead(long Place, string Hash, DateTime Time, string Key, string Signature)
{
    [JsonIgnore]
    internal byte[] Signed =>
        Encoding.UTF8.GetBytes(string.Create(CultureInfo.InvariantCulture, $"vigil audit head 1\n{Place}\n{Hash}\n{Time:O}\n{Key}\n"));

    public string Write() => JsonSerializer.Serialize(this, JsonSerializerOptions.Web);

    /// <returns>Null when the text is no signed head.</returns>
    public static AuditHead? Read(string text)
    {
        try
        {
            return
                JsonSerializer.Deserialize<AuditHead>(text, JsonSerializerOptions.Web)
                    is { Hash: not null, Key: not null, Signature: not null } head
                ? head with
                {
                    Time = head.Time.ToUniversalTime(),
                }
                : null;
        }
        catch (JsonException)
        {
            return null;
        }
    }
}

/// <summary>
/// The key that signs heads: <c>keys/audit.key</c> in the data folder. Its public half is written beside it, for checks on other machines.
/// </summary>
public sealed class AuditKey : IDisposable
{
    private readonly ECDsa key;

    private AuditKey(ECDsa key)
    {
        this.key = key;
        Id = Convert.ToHexString(SHA256.HashData(key.ExportSubjectPublicKeyInfo()))[..16].ToLowerInvariant();
    }

    public string Id { get; }

    private static string File(string dataPath) => Path.Combine(dataPath, "keys", "audit.key");

    /// <summary>Reads the key; creates it where there is none.</summary>
    /// <exception cref="InvalidDataException">The file holds no key.</exception>
    public static AuditKey Open(string dataPath)
    {
        var path = File(dataPath);
        if (!System.IO.File.Exists(path))
        {
            Directory.CreateDirectory(Path.GetDirectoryName(path)!);
            using var made = ECDsa.Create(ECCurve.NamedCurves.nistP256);
            var options = new FileStreamOptions { Mode = FileMode.CreateNew, Access = FileAccess.Write };
            if (!OperatingSystem.IsWindows())
                options.UnixCreateMode = UnixFileMode.UserRead | UnixFileMode.UserWrite;
            try
            {
                using var file = new FileStream(path, options);
                file.Write(Encoding.ASCII.GetBytes(made.ExportPkcs8PrivateKeyPem()));
                file.Flush(flushToDisk: true);
                System.IO.File.WriteAllText(Path.ChangeExtension(path, ".pub"), made.ExportSubjectPublicKeyInfoPem());
            }
            catch (IOException) when (System.IO.File.Exists(path))
            {
                // another process was faster: its key is used
            }
        }

        var key = ECDsa.Create();
        try
        {
            key.ImportFromPem(System.IO.File.ReadAllText(path));
            return new AuditKey(key);
        }
        catch (Exception e) when (e is ArgumentException or CryptographicException)
        {
            key.Dispose();
            throw new InvalidDataException(
                $"{path} holds no key that signs the audit log: put back the one of the backup, or take the file away to have a new "
                    + $"one made (heads signed before can't be checked then)"
            );
        }
    }

    /// <summary>Reads the key; null when there is none yet.</summary>
    public static AuditKey? Find(string dataPath) => System.IO.File.Exists(File(dataPath)) ? Open(dataPath) : null;

    public AuditHead Sign(ChainEnd end, DateTime now)
    {
        var head = new AuditHead(end.Place, end.Hash, now, Id, "");
        return head with { Signature = Convert.ToBase64String(key.SignData(head.Signed, HashAlgorithmName.SHA256)) };
    }

    /// <summary>Null when the signature of a head is valid; else why it proves nothing.</summary>
    public string? Refuses(AuditHead head)
    {
        if (head.Key != Id)
            return $"was signed with another key ({head.Key}) than keys/audit.key ({Id})";
        var signature = new byte[256];
        return
            Convert.TryFromBase64String(head.Signature, signature, out var length)
            && key.VerifyData(head.Signed, signature.AsSpan(0, length), HashAlgorithmName.SHA256)
            ? null
            : "is not rightly signed";
    }

    public void Dispose() => key.Dispose();
}
