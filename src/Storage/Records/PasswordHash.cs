using System.Globalization;
using System.Security.Cryptography;

namespace Vigil.Storage.Records;

/// <summary>
/// Stored hashes of a device's password: <c>hmac-sha256$salt$hash</c>, and <c>pbkdf2-sha256$iterations$salt$hash</c> of older versions; in
/// base64.
/// </summary>
internal static class PasswordHash
{
    private const string FastName = "hmac-sha256",
        SlowName = "pbkdf2-sha256";

    /// <summary>Hash of a password that nobody has: compared with for an unknown user name, so that it takes as long.</summary>
    public static readonly string Nobody = Fast(RandomNumberGenerator.GetBytes(18));

    /// <summary>For passwords of at least 128 random bits, which can't be guessed however fast the hash is.</summary>
    public static string Fast(byte[] password)
    {
        var salt = RandomNumberGenerator.GetBytes(16);
        return $"{FastName}${Convert.ToBase64String(salt)}${Convert.ToBase64String(HMACSHA256.HashData(salt, password))}";
    }

    public static bool IsSlow(string stored) => stored.StartsWith(SlowName, StringComparison.Ordinal);

    public static bool Fits(string stored, byte[] password) =>
        stored.Split('$') switch
        {
            [FastName, var salt, var hash] => CryptographicOperations.FixedTimeEquals(
                Convert.FromBase64String(hash),
                HMACSHA256.HashData(Convert.FromBase64String(salt), password)
            ),
            [SlowName, var n, var salt, var hash] => CryptographicOperations.FixedTimeEquals(
                Convert.FromBase64String(hash),
                Rfc2898DeriveBytes.Pbkdf2(
                    password,
                    Convert.FromBase64String(salt),
                    int.Parse(n, CultureInfo.InvariantCulture),
                    HashAlgorithmName.SHA256,
                    32
                )
            ),
            _ => false,
        };
}
