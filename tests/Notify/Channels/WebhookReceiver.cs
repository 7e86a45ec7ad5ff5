using System.Globalization;
using System.Security.Cryptography;
using System.Text;

namespace Vigil.Tests.Notify.Channels;

/// <summary>Checks a webhook as a receiver does (standardwebhooks.com), without the library that signs in Vigil.</summary>
internal static class WebhookReceiver
{
    public static string Sign(string secret, string id, long timestamp, string body) =>
        "v1,"
        + Convert.ToBase64String(
            HMACSHA256.HashData(
                Convert.FromBase64String(secret["whsec_".Length..]),
                Encoding.UTF8.GetBytes(string.Create(CultureInfo.InvariantCulture, $"{id}.{timestamp}.{body}"))
            )
        );

    /// <summary>Whether one of the signatures is right and the time is within five minutes.</summary>
    public static bool Believes(string secret, IReadOnlyDictionary<string, string> headers, string body, DateTimeOffset now)
    {
        var seconds = long.Parse(headers["webhook-timestamp"], CultureInfo.InvariantCulture);
        return (now - DateTimeOffset.FromUnixTimeSeconds(seconds)).Duration() <= TimeSpan.FromMinutes(5)
            && headers["webhook-signature"].Split(' ').Contains(Sign(secret, headers["webhook-id"], seconds, body));
    }
}
