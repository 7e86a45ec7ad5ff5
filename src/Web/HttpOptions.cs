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
    /// Addresses and networks of the proxies in front, separated by commas: 127.0.0.1, 10.0.0.0/8. From these alone X-Forwarded-For and
    /// X-Forwarded-Proto are believed; from anybody else they are the word of a stranger.
    /// </summary>
    public IReadOnlyList<IPNetwork> KnownProxies { get; init; } = [];

    /// <summary>
    /// <c>Http:PublicUrl</c>; null when there is none. With https everything is taken to have come over TLS: that is what stands in front.
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

    /// <summary>One that speaks for many: a known proxy, and whoever is on this machine.</summary>
    public bool IsProxy(IPAddress address) =>
        IPAddress.IsLoopback(address) || KnownProxies.Any(n => n.Contains(address.IsIPv4MappedToIPv6 ? address.MapToIPv4() : address));

    /// <summary>Who asks and over what, before anything looks at either.</summary>
    internal void Use(WebApplication app)
    {
        if (KnownProxies.Count > 0)
        {
            // Several proxies in a row each add themselves: the walk goes on as long as the next one is known.
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
                // A year, as browsers' preload lists ask; not for subdomains, which are not ours to promise.
                if (http.Request.IsHttps)
                    http.Response.Headers.StrictTransportSecurity = "max-age=31536000";
                await next();
            }
        );
    }

    /// <summary>An address of ours, as the outside knows it.</summary>
    internal string Absolute(HttpRequest request, string path) =>
        PublicUrl is { } url ? url.GetLeftPart(UriPartial.Authority) + path : $"{request.Scheme}://{request.Host}{path}";

    /// <summary>
    /// A page of another site may not act here in somebody's name. Told by Sec-Fetch-Site where the browser sends it, else by Origin. A
    /// form of our own sends "Origin: null" because of our no-referrer policy; the cookie is SameSite=Strict, so null by itself carries
    /// nobody's name. A WebSocket is not held back by the browser's same-origin rule, but always names its origin: it has to be one of
    /// ours.
    /// </summary>
    internal bool IsForeign(HttpRequest request)
    {
        var origin = request.Headers.Origin.ToString();
        // By its headers: what would tell it from an ordinary request stands further down the way.
        if (
            HttpMethods.IsConnect(request.Method)
            || request.Headers.Upgrade.ToString().Contains("websocket", StringComparison.OrdinalIgnoreCase)
        )
            return !IsOurs(request, origin);
        var reads = HttpMethods.IsGet(request.Method) || HttpMethods.IsHead(request.Method) || HttpMethods.IsOptions(request.Method);
        if (reads && request.Path != "/_blazor")
            return false; // what stands in for the socket where a proxy lets none through
        if (request.Headers["Sec-Fetch-Site"].ToString() is { Length: > 0 } site)
            return site is not ("same-origin" or "none");
        return origin.Length > 0 && origin != "null" && !IsOurs(request, origin);
    }

    private bool IsOurs(HttpRequest request, string origin) =>
        Uri.TryCreate(origin, UriKind.Absolute, out var from)
        && (from.Authority == request.Host.Value || (PublicUrl is { } url && from.Authority == url.Authority && from.Scheme == url.Scheme));
}
