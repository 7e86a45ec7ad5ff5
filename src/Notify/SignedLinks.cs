using System.Buffers.Binary;
using System.Buffers.Text;
using System.Security.Cryptography;
using Vigil.Storage;

namespace Vigil.Notify;

/// <summary>
/// Links in messages: <c>/c/{token}</c> opens one alarm for the one recipient of one notice, until it expires. The token is the notice's
/// id, the expiry and an HMAC-SHA256 of both cut to 128 bits; the key stands in the data folder, readable by the service alone.
/// </summary>
public sealed class SignedLinks
{
    private const int TokenBytes = 16 + 4 + 16;

    private readonly byte[] key;
    private readonly TimeProvider clock;

    public SignedLinks(string dataPath, string publicUrl, TimeProvider clock)
    {
        PublicUrl = publicUrl.TrimEnd('/');
        this.clock = clock;
        var path = Path.Combine(dataPath, "links.key");
        Directory.CreateDirectory(dataPath);
        if (File.Exists(path) && new FileInfo(path).Length < 32)
            DataFile.SetAside(path, clock.GetUtcNow().UtcDateTime); // incomplete: links that it signed can't be checked any more
        if (!File.Exists(path))
        {
            DataFile.WriteNew(path, RandomNumberGenerator.GetBytes(32), secret: true);
            IsNew = true;
        }

        key = File.ReadAllBytes(path);
    }

    /// <summary>The key was made by this start: links in messages that were sent before no longer open.</summary>
    public bool IsNew { get; }

    public string PublicUrl { get; }

    public string For(Guid notice, TimeSpan lifetime)
    {
        Span<byte> token = stackalloc byte[TokenBytes];
        notice.TryWriteBytes(token, bigEndian: true, out _);
        BinaryPrimitives.WriteUInt32BigEndian(token[16..], (uint)(clock.GetUtcNow() + lifetime).ToUnixTimeSeconds());
        Sign(token[..20], token[20..]);
        return $"{PublicUrl}/c/{Base64Url.EncodeToString(token)}";
    }

    /// <summary>The notice a token was made for; null when it is forged, cut or expired.</summary>
    public Guid? Open(string token)
    {
        Span<byte> bytes = stackalloc byte[TokenBytes];
        Span<byte> right = stackalloc byte[16];
        // TryDecodeFromChars throws at characters that are no base64; this one says so.
        if (
            token.Length != Base64Url.GetEncodedLength(TokenBytes)
            || Base64Url.DecodeFromChars(token, bytes, out _, out var length) != System.Buffers.OperationStatus.Done
            || length != TokenBytes
        )
            return null;
        Sign(bytes[..20], right);
        if (!CryptographicOperations.FixedTimeEquals(bytes[20..], right))
            return null;
        return BinaryPrimitives.ReadUInt32BigEndian(bytes[16..]) < clock.GetUtcNow().ToUnixTimeSeconds()
            ? null
            : new Guid(bytes[..16], bigEndian: true);
    }

    private void Sign(ReadOnlySpan<byte> data, Span<byte> into)
    {
        Span<byte> hash = stackalloc byte[32];
        HMACSHA256.HashData(key, data, hash);
        hash[..16].CopyTo(into);
    }
}
