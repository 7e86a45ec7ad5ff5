using System.Security.Cryptography;
using System.Text;

namespace Vigil.Tests.Notify.Phones;

/// <summary>
/// X-Twilio-Signature as Twilio makes it: base64 of HMAC-SHA1 over the address and the form's fields sorted by name, each name followed by
/// its value (twilio.com/docs/usage/security).
/// </summary>
internal static class TwilioSigner
{
    public static string Of(string token, string url, IEnumerable<KeyValuePair<string, string>> form)
    {
        var text = new StringBuilder(url);
        foreach (var (name, value) in form.OrderBy(f => f.Key, StringComparer.Ordinal))
            text.Append(name).Append(value);
#pragma warning disable CA5350 // Twilio's choice; HMAC-SHA1 is not broken by collisions of SHA-1
        return Convert.ToBase64String(HMACSHA1.HashData(Encoding.UTF8.GetBytes(token), Encoding.UTF8.GetBytes(text.ToString())));
#pragma warning restore CA5350
    }
}
