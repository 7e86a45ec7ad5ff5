using System.Net;
using System.Net.Http;
using System.Net.Sockets;
using Vigil.Model;

namespace Vigil.Notify.Webhooks;

/// <summary>
/// Connections to addresses that somebody typed in: never into this machine or its network, whatever a name resolves to. Checked is the
/// address that is connected to, at the moment of connecting: a name that resolves to another address after a check (DNS rebinding) is
/// refused too.
/// </summary>
public sealed class OutwardConnections(bool allowLoopback, IReadOnlyList<IPNetwork> allowed)
{
    /// <summary>
    /// Networks that are not the Internet: IANA's special-purpose registries for IPv4 and IPv6 (RFC 6890 and its successors), multicast
    /// included.
    /// </summary>
    private static readonly IPNetwork[] Inward =
    [
        .. new[]
        {
            "0.0.0.0/8",
            "10.0.0.0/8",
            "100.64.0.0/10",
            "127.0.0.0/8",
            "169.254.0.0/16",
            "172.16.0.0/12",
            "192.0.0.0/24",
            "192.0.2.0/24",
            "192.88.99.0/24",
            "192.168.0.0/16",
            "198.18.0.0/15",
            "198.51.100.0/24",
            "203.0.113.0/24",
            "224.0.0.0/4",
            "240.0.0.0/4",
            // of IPv6 all but 2000::/3 is refused below; these lie within it
            "2001::/23",
            "2001:db8::/32",
            "2002::/16",
            "3fff::/20",
        }.Select(IPNetwork.Parse),
    ];

    private static readonly Wording NoHttps = new("is not an https address", "不是 https 地址");
    private static readonly Wording LiesInside = new("lies inside this network", "位于本机所在网络");

    /// <summary>Why a request failed of which <see cref="WasRefused"/> is true.</summary>
    internal static readonly Wording Inside = OfAddress(LiesInside);

    private static readonly IPNetwork Global = IPNetwork.Parse("2000::/3");

    /// <summary>Whether this address may be connected to.</summary>
    public bool Allows(IPAddress address)
    {
        if (address.IsIPv4MappedToIPv6)
            address = address.MapToIPv4();
        if (allowed.Any(n => n.Contains(address)))
            return true;
        if (IPAddress.IsLoopback(address))
            return allowLoopback;
        return (address.AddressFamily == AddressFamily.InterNetwork || Global.Contains(address)) && !Inward.Any(n => n.Contains(address));
    }

    /// <summary>
    /// Whether a message may be sent to this address at all: https, and http only to a loopback address that was allowed. Null when it may;
    /// else why not, as what is said of the address: see <see cref="OfAddress"/>.
    /// </summary>
    public Wording? Refuses(string url)
    {
        if (!Uri.TryCreate(url, UriKind.Absolute, out var at) || at.Scheme is not ("https" or "http"))
            return NoHttps;
        if (at.UserInfo.Length > 0)
            return new Wording("carries a user name", "带有用户名");
        if (at.Scheme == "http" && !(allowLoopback && at.IsLoopback))
            return NoHttps;
        return IPAddress.TryParse(at.Host.Trim('[', ']'), out var address) && !Allows(address) ? LiesInside : null;
    }

    /// <summary>A whole sentence of what <see cref="Refuses"/> said.</summary>
    internal static Wording OfAddress(Wording refused) => new($"the address {refused.En}", $"地址{refused.Zh}");

    /// <summary>Whether a request failed because its address, once its name was looked up, lies inside.</summary>
    internal static bool WasRefused(HttpRequestException e) => e is InwardException || e.InnerException is InwardException;

    /// <summary>
    /// Follows no redirect (it would be a second address), keeps no cookie, uses no proxy (it would resolve the name itself).
    /// </summary>
    public SocketsHttpHandler Handler() =>
        new()
        {
            AllowAutoRedirect = false,
            UseCookies = false,
            UseProxy = false,
            ConnectTimeout = TimeSpan.FromSeconds(5),
            PooledConnectionLifetime = TimeSpan.FromMinutes(2),
            MaxResponseHeadersLength = 16,
            ConnectCallback = async (context, cancellation) =>
            {
                var addresses = await Dns.GetHostAddressesAsync(context.DnsEndPoint.Host, cancellation);
                // One inward address among several is refused too: which of them is tried would be chance.
                if (addresses.Length == 0 || !addresses.All(Allows))
                    throw new InwardException();
                var socket = new Socket(SocketType.Stream, ProtocolType.Tcp) { NoDelay = true };
                try
                {
                    await socket.ConnectAsync(addresses, context.DnsEndPoint.Port, cancellation);
                    return new NetworkStream(socket, ownsSocket: true);
                }
                catch
                {
                    socket.Dispose();
                    throw;
                }
            },
        };

    private sealed class InwardException() : HttpRequestException(HttpRequestError.ConnectionError, Inside.En);
}
