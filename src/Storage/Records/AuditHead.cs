using System.Globalization;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using System.Text.Json.Serialization;

namespace Vigil.Storage.Records;

/// <summary>
/// The end of the audit chain, signed: whoever keeps one elsewhere sees whether rows up to there were cut off or the chain was built anew,
/// even by somebody who may write the whole database.
/// </summary>
/// <param name="Place">Of the row in the chain.</param>
/// <param name="Hash">Of that row.</param>
/// <param name="Time">When it was signed, UTC.</param>
/// <param name="Key">Which key signed: the beginning of its SHA-256.</param>
/// <param name="Signature">ECDSA P-256 over SHA-256, base64.</param>
public sealed record AuditHead(long Place, string Hash, DateTime Time, string Key, string Signature)
{
    [JsonIgnore]
    internal byte[] Signed =>
        Encoding.UTF8.GetBytes(string.Create(CultureInfo.InvariantCulture, $"vigil audit head 1\n{Place}\n{Hash}\n{Time:O}\n{Key}\n"));

    public string Write() => JsonSerializer.Serialize(this, JsonSerializerOptions.Web);

    /// <returns>Null when the text is no head.</returns>
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
/// The key that signs heads: <c>keys/audit.key</c> in the data folder; its public half beside it, for whoever checks elsewhere.
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

    /// <summary>Makes one where there is none.</summary>
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
                // another process of this service was faster: its key is ours
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

    /// <returns>Null when there is no key yet.</returns>
    public static AuditKey? Find(string dataPath) => System.IO.File.Exists(File(dataPath)) ? Open(dataPath) : null;

    public AuditHead Sign(ChainEnd end, DateTime now)
    {
        var head = new AuditHead(end.Place, end.Hash, now, Id, "");
        return head with { Signature = Convert.ToBase64String(key.SignData(head.Signed, HashAlgorithmName.SHA256)) };
    }

    /// <summary>Why a head proves nothing; null when it does.</summary>
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
