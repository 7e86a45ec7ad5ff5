using System.ComponentModel.DataAnnotations;
using Vigil.Settings;

namespace Vigil.Ingest.Mqtt;

/// <summary>Section <c>Mqtt</c>. The limits' defaults and their sources are in docs/security.md.</summary>
public sealed class MqttOptions
{
    public const string Section = "Mqtt";

    /// <summary>The service is its own broker; false: it subscribes to the one at <see cref="Host"/>.</summary>
    public bool Embedded { get; set; } = true;

    /// <summary>
    /// The external broker, or the address the embedded one listens on: <c>localhost</c> (loopback alone), <c>*</c> or an IP address.
    /// </summary>
    public string Host { get; set; } = "localhost";

    [Range(1, 65535)]
    public int Port { get; set; } = 1883;

    /// <summary>TLS to the external broker, or on <see cref="Port"/> of the embedded one (then with <see cref="Certificate"/>).</summary>
    public bool Tls { get; set; }

    /// <summary>PEM file: the embedded broker's certificate, or the client certificate shown to an external one.</summary>
    [ExistingFile]
    public string Certificate { get; set; } = "";

    /// <summary>PEM file of the certificate's private key.</summary>
    [ExistingFile]
    public string CertificateKey { get; set; } = "";

    /// <summary>
    /// PEM file of the authority that the other side's certificate must come from. Empty: the system's at an external broker; no client
    /// certificates at the embedded one.
    /// </summary>
    [ExistingFile]
    public string CertificateAuthority { get; set; } = "";

    public string Username { get; set; } = "";

    public string Password { get; set; } = "";

    /// <summary>Comma-separated topic filters to subscribe to; empty: those of the profiles.</summary>
    public string Topics { get; set; } = "";

    /// <summary>Name of an MQTT 5 shared subscription, so that several services divide the messages; empty: not shared.</summary>
    public string ShareName { get; set; } = "";

    /// <summary>Identifies the persistent session at an external broker; has to stay the same over restarts.</summary>
    public string ClientId { get; set; } = "vigil";

    /// <summary>Messages of an external broker that may be unacknowledged at once: the back-pressure (MQTT 5 Receive Maximum).</summary>
    [Range(1, 65535)]
    public int ReceiveMaximum { get; set; } = 2000;

    /// <summary>
    /// Keep-alive at an external broker. The service publishes a canary message to itself twice in this time; when none has come back for
    /// one and a half times as long, the link counts as dead, even if it seems connected, and is replaced.
    /// </summary>
    [Range(1, 3600)]
    public int CanarySeconds { get; set; } = 15;

    /// <summary>
    /// When a message of an external broker could not be committed for so long, the service reconnects, and the broker sends it again.
    /// </summary>
    [Range(1, 3600)]
    public int UnacknowledgedSeconds { get; set; } = 30;

    /// <summary>Largest packet once logged in.</summary>
    [Range(1024, 16 * 1024 * 1024)]
    public int MaxPacketBytes { get; set; } = 64 * 1024;

    /// <summary>Largest CONNECT packet.</summary>
    [Range(256, 65536)]
    public int MaxConnectBytes { get; set; } = 4096;

    [Range(16, 65535)]
    public int MaxTopicBytes { get; set; } = 256;

    [Range(1, 64)]
    public int MaxTopicLevels { get; set; } = 12;

    /// <summary>Longest keep-alive a device may ask for; 0 (never) is refused, because a dead device would look alive.</summary>
    [Range(10, 65535)]
    public int MaxKeepAliveSeconds { get; set; } = 300;

    /// <summary>Sockets that have not logged in yet, all together and from one address.</summary>
    [Range(1, 100_000)]
    public int MaxUnauthenticated { get; set; } = 256;

    [Range(1, 100_000)]
    public int MaxUnauthenticatedPerAddress { get; set; } = 64;

    [Range(1, 1_000_000)]
    public int MaxConnections { get; set; } = 50_000;

    /// <summary>Connections of one device's credential at once; a further one ends the oldest.</summary>
    [Range(1, 1_000_000)]
    public int MaxConnectionsPerDevice { get; set; } = 10;

    /// <summary>The same for a gateway, whose processes may share a credential.</summary>
    [Range(1, 1_000_000)]
    public int MaxConnectionsPerGateway { get; set; } = 1000;

    /// <summary>
    /// Messages a second that one device may send continuously, over all its connections; after the burst its connection is read more
    /// slowly.
    /// </summary>
    [Range(0.01, 1_000_000)]
    public double DeviceRate { get; set; } = 20;

    [Range(1, 1_000_000)]
    public int DeviceBurst { get; set; } = 200;

    /// <summary>The same for a gateway, which carries many devices.</summary>
    [Range(0.01, 1_000_000)]
    public double GatewayRate { get; set; } = 2000;

    [Range(1, 1_000_000)]
    public int GatewayBurst { get; set; } = 5000;
}
