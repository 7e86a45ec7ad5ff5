using System.Globalization;
using System.Security.Cryptography;
using System.Text;

namespace Vigil.Notify.Channels.Aliyun;

/// <summary>
/// Alibaba Cloud's request signature V3, ACS3-HMAC-SHA256
/// (alibabacloud.com/help/en/sdk/product-overview/v3-request-structure-and-signature). V2 with its HMAC-SHA1 is discontinued there. The
/// parameters go in the query, the body is empty.
/// </summary>
public static class AliyunSignature
{
    private const string Algorithm = "ACS3-HMAC-SHA256";

    public static HttpRequestMessage Request(
        Uri endpoint,
        string action,
        string version,
        IEnumerable<KeyValuePair<string, string>> parameters,
        string keyId,
        string secret,
        DateTimeOffset now,
        string nonce
    )
    {
        var query = Query(parameters);
        var request = new HttpRequestMessage(HttpMethod.Post, new Uri($"{endpoint.GetLeftPart(UriPartial.Authority)}/?{query}"));
        var headers = new SortedDictionary<string, string>(StringComparer.Ordinal)
        {
            ["host"] = endpoint.Authority, // without the port where it is the scheme's own, as the client sends it
            ["x-acs-action"] = action,
            ["x-acs-content-sha256"] = Hex(SHA256.HashData([])),
            ["x-acs-date"] = now.UtcDateTime.ToString("yyyy-MM-dd'T'HH:mm:ss'Z'", CultureInfo.InvariantCulture),
            ["x-acs-signature-nonce"] = nonce,
            ["x-acs-version"] = version,
        };
        foreach (var (name, value) in headers)
            if (name != "host")
                request.Headers.Add(name, value);
        request.Headers.TryAddWithoutValidation(
            "Authorization",
            $"{Algorithm} Credential={keyId},SignedHeaders={string.Join(';', headers.Keys)},"
                + $"Signature={Sign("POST", query, headers, secret)}"
        );
        return request;
    }

    /// <summary>The signature of a request to the path / with an empty body.</summary>
    public static string Sign(string method, string query, SortedDictionary<string, string> headers, string secret)
    {
        var lines = string.Concat(headers.Select(h => $"{h.Key}:{h.Value.Trim()}\n"));
        var canonical = $"{method}\n/\n{query}\n{lines}\n{string.Join(';', headers.Keys)}\n{headers["x-acs-content-sha256"]}";
        return Hex(
            HMACSHA256.HashData(
                Encoding.UTF8.GetBytes(secret),
                Encoding.UTF8.GetBytes($"{Algorithm}\n{Hex(SHA256.HashData(Encoding.UTF8.GetBytes(canonical)))}")
            )
        );
    }

    /// <summary>Sorted by name; everything but letters, digits and -_.~ as %XY (RFC 3986).</summary>
    public static string Query(IEnumerable<KeyValuePair<string, string>> parameters) =>
        string.Join(
            '&',
            parameters
                .OrderBy(p => p.Key, StringComparer.Ordinal)
                .Select(p => $"{Uri.EscapeDataString(p.Key)}={Uri.EscapeDataString(p.Value)}")
        );

    private static string Hex(byte[] bytes) => Convert.ToHexStringLower(bytes);
}
