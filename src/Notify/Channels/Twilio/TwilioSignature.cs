using Twilio.Security;

namespace Vigil.Notify.Channels.Twilio;

/// <summary>X-Twilio-Signature (twilio.com/docs/usage/security), as Twilio's own validator checks it.</summary>
public static class TwilioSignature
{
    public const string Header = "X-Twilio-Signature";

    /// <summary>Signed with one of the tokens, all of which are tried; without a token nothing is valid.</summary>
    public static bool IsValid(IEnumerable<string> tokens, string url, IDictionary<string, string> form, string given)
    {
        // The validator throws at these.
        if (given.Length == 0 || !Uri.TryCreate(url, UriKind.Absolute, out _))
            return false;
        var right = false;
        foreach (var token in tokens.Where(t => t.Length > 0))
        {
            try
            {
                right |= new RequestValidator(token).Validate(url, form, given);
            }
            catch (Exception e) when (e is FormatException or ArgumentException)
            {
                // It also tries the address with and without its port, and there are addresses that it can't write anew: not signed.
            }
        }

        return right;
    }
}
