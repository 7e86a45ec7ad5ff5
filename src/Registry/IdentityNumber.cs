using System.Globalization;

namespace Vigil.Registry;

/// <summary>Numbers of Chinese identity cards (GB 11643-1999).</summary>
internal static class IdentityNumber
{
    /// <summary>A checksum by ISO 7064 MOD 11-2 over 17 digits, and a date of birth that exists.</summary>
    public static bool IsValid(string text)
    {
        if (
            text.Length != 18
            || text.AsSpan(0, 17).IndexOfAnyExceptInRange('0', '9') >= 0
            || !DateOnly.TryParseExact(text.AsSpan(6, 8), "yyyyMMdd", CultureInfo.InvariantCulture, DateTimeStyles.None, out _)
        )
            return false;
        var sum = 0;
        for (var i = 0; i < 17; i++)
            sum += (text[i] - '0') * ((1 << (17 - i)) % 11);
        return text[17] == "10X98765432"[sum % 11];
    }

    /// <summary>The number with most digits hidden, for error messages.</summary>
    public static string Masked(string identity) =>
        identity.Length > 8 ? identity[..4] + new string('*', identity.Length - 6) + identity[^2..] : "****";
}
