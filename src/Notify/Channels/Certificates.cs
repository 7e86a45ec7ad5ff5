using System.Net.Security;
using System.Security.Cryptography.X509Certificates;
using Vigil.Model;

namespace Vigil.Notify.Channels;

/// <summary>
/// Reports a provider's certificate that expires soon, while there is time to replace it, and one that is refused because it has expired
/// or isn't trusted.
/// </summary>
public static class Certificates
{
    private static readonly TimeSpan Warned = TimeSpan.FromDays(14);

    /// <summary>Checks the certificate of a connection that is being made.</summary>
    /// <returns>Whether the connection may go on: exactly where .NET would let it.</returns>
    public static bool Seen(string provider, X509Certificate? certificate, SslPolicyErrors errors, TimeProvider clock, Troubles? troubles)
    {
        var name = $"certificate {provider}";
        var ends = certificate is X509Certificate2 known ? known.NotAfter.ToUniversalTime() : (DateTime?)null;
        if (errors != SslPolicyErrors.None)
            troubles?.Say(
                name,
                $"the certificate of {provider} is refused ({errors}{(ends is { } end ? $", valid until {end:yyyy-MM-dd}" : "")})",
                $"{provider} 的证书未通过验证（{errors}{(ends is { } zhEnd ? $"，有效期至 {zhEnd:yyyy-MM-dd}" : "")}）"
            );
        else if (ends is { } soon && soon - clock.GetUtcNow().UtcDateTime < Warned)
            troubles?.Say(
                name,
                $"the certificate of {provider} ends on {soon:yyyy-MM-dd}",
                $"{provider} 的证书将于 {soon:yyyy-MM-dd} 到期"
            );
        else
            troubles?.Over(name);
        return errors == SslPolicyErrors.None;
    }
}
