using System.Net;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.HttpOverrides;
using Microsoft.Extensions.Configuration;
using Vigil.Model;
using IPNetwork = System.Net.IPNetwork;

namespace Vigil.Web;

/// <summary>Section <c>Http</c>, as far as it says how people reach the service from outside.</summary>
public sealed class HttpOptions
{
    public const string Section = "Http";

    /// <summary>The keys that are read here.</summary>
    public static IReadOnlyList<string> Settings { get; } = ["Http:PublicUrl", "Http:KnownProxies"];

    /// <summary>
    /// Addresses and networks of the proxies in front, separated by commas: 127.0.0.1, 10.0.0.0/8. X-Forwarded-For and X-Forwarded-Proto
    /// are believed from these alone: anybody else may forge them.
    /// </summary>
    public IReadOnlyList<IPNetwork> KnownProxies { get; init; } = [];

    /// <summary>
    /// <c>Http:PublicUrl</c>; null when there is none. When it begins with https, each request counts as https: a proxy in front ends TLS.
    /// </summary>
    public Uri? PublicUrl { get; init; }

    private bool Tls => PublicUrl?.Scheme == Uri.UriSchemeHttps;

    /// <summary>Reads the section; what is wrong with it is added to the problems.</summary>
    public static HttpOptions Read(IConfiguration configuration, List<Problem> problems)
    {
        var proxies = new List<IPNetwork>();
        foreach (
            var text in (configuration["Http:KnownProxies"] ?? "").Split(
                [',', ';'],
                StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries
            )
        )
        {
            if (IPNetwork.TryParse(text, out var network))
                proxies.Add(network);
            else if (IPAddress.TryParse(text, out var address))
                proxies.Add(new IPNetwork(address, address.GetAddressBytes().Length * 8));
            else
                problems.Add(new Problem("Http:KnownProxies", 0, "", text, "is neither an IP address nor a network such as 10.0.0.0/8"));
        }

        Uri? url = null;
        if (
            configuration["Http:PublicUrl"] is { Length: > 0 } given
            && (!Uri.TryCreate(given, UriKind.Absolute, out url) || url.Scheme is not ("http" or "https"))
        )
            problems.Add(new Problem("Http:PublicUrl", 0, "", given, "is not an address such as https://vigil.example"));
        return new HttpOptions { KnownProxies = proxies, PublicUrl = url };
    }

    /// <summary>Whether many people may share this address: that of a known proxy, or of this machine.</summary>
    public bool IsProxy(IPAddress address) =>
        IPAddress.IsLoopback(address) || KnownProxies.Any(n => n.Contains(address.IsIPv4MappedToIPv6 ? address.MapToIPv4() : address));

    /// <summary>Takes the client's address and the scheme from what a proxy says. Runs before all that reads either.</summary>
    internal void Use(WebApplication app)
    {
        if (KnownProxies.Count > 0)
        {
            // Each of several proxies in a row adds an address: they are read from the end as long as the next one is a known proxy.
            var headers = new ForwardedHeadersOptions
            {
                ForwardedHeaders = ForwardedHeaders.XForwardedFor | ForwardedHeaders.XForwardedProto,
                ForwardLimit = null,
            };
            headers.KnownProxies.Clear();
            headers.KnownIPNetworks.Clear();
            foreach (var network in KnownProxies)
                headers.KnownIPNetworks.Add(network);
            app.UseForwardedHeaders(headers);
        }

        app.Use(
            async (http, next) =>
            {
                if (Tls)
                    http.Request.Scheme = Uri.UriSchemeHttps;
                // A year, as browsers' preload lists ask; not for subdomains, which may be others'.
                if (http.Request.IsHttps)
                    http.Response.Headers.StrictTransportSecurity = "max-age=31536000";
                await next();
            }
        );
    }

    /// <summary>The address of a path of this service, as it is reached from outside.</summary>
    internal string Absolute(HttpRequest request, string path) =>
        PublicUrl is { } url ? url.GetLeftPart(UriPartial.Authority) + path : $"{request.Scheme}://{request.Host}{path}";

    /// <summary>
    /// Whether a page of another site sent this request: such a page may not act here in the name of whoever is signed in. Recognised by
    /// Sec-Fetch-Site where the browser sends it, else by Origin. Our own forms send "Origin: null" because of our no-referrer policy. That
    /// is let through: from another site the browser doesn't send the SameSite=Strict cookie, so nobody is signed in. WebSockets are not
    /// held back by the browser's same-origin rule, but always name their origin, which has to be ours.
    /// </summary>
    internal bool IsForeign(HttpRequest request)
    {
        var origin = request.Headers.Origin.ToString();
        // Recognised by its headers: the middleware that knows WebSockets runs later.
        if (
            HttpMethods.IsConnect(request.Method)
            || request.Headers.Upgrade.ToString().Contains("websocket", StringComparison.OrdinalIgnoreCase)
        )
            return !IsOurs(request, origin);
        var reads = HttpMethods.IsGet(request.Method) || HttpMethods.IsHead(request.Method) || HttpMethods.IsOptions(request.Method);
        // /_blazor is checked although it may be read: where a proxy lets no WebSocket through, requests take the socket's place.
        if (reads && request.Path != "/_blazor")
            return false;
        if (request.Headers["Sec-Fetch-Site"].ToString() is { Length: > 0 } site)
            return site is not ("same-origin" or "none");
        return origin.Length > 0 && origin != "null" && !IsOurs(request, origin);
    }

    private bool IsOurs(HttpRequest request, string origin) =>
        Uri.TryCreate(origin, UriKind.Absolute, out var from)
        && (from.Authority == request.Host.Value || (PublicUrl is { } url && from.Authority == url.Authority && from.Scheme == url.Scheme));
}
