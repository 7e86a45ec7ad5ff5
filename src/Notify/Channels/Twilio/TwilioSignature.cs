using System.Security.Cryptography;
using System.Text;

namespace Vigil.Notify.Channels.Twilio;

/// <summary>
/// X-Twilio-Signature: base64 of HMAC-SHA1 over the address and the form's fields sorted by name, each name followed by its value
/// (twilio.com/docs/usage/security).
/// </summary>
public static class TwilioSignature
{
    public const string Header = "X-Twilio-Signature";

    public static string Of(string token, string url, IEnumerable<KeyValuePair<string, string>> form)
    {
        var text = new StringBuilder(url);
        foreach (var (name, value) in form.OrderBy(f => f.Key, StringComparer.Ordinal))
            text.Append(name).Append(value);
#pragma warning disable CA5350 // Twilio's choice; HMAC-SHA1 is not broken by collisions of SHA-1
        return Convert.ToBase64String(HMACSHA1.HashData(Encoding.UTF8.GetBytes(token), Encoding.UTF8.GetBytes(text.ToString())));
#pragma warning restore CA5350
    }

    /// <summary>
    /// Signed with one of the tokens. Takes the same time whichever it is, and wherever the signatures differ; without a token nothing is
    /// right.
    /// </summary>
    public static bool IsRight(IEnumerable<string> tokens, string url, IReadOnlyCollection<KeyValuePair<string, string>> form, string given)
    {
        var right = false;
        foreach (var token in tokens.Where(t => t.Length > 0))
            right |= CryptographicOperations.FixedTimeEquals(Encoding.ASCII.GetBytes(Of(token, url, form)), Encoding.ASCII.GetBytes(given));
        return right;
    }
}
