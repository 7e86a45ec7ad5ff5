using Vigil.Model;

namespace Vigil.Storage.Records;

/// <summary>Who may connect to the embedded broker: a device or a gateway, with the devices it may speak for.</summary>
public sealed class Credential
{
    /// <summary>MQTT user name.</summary>
    public required string Username { get; set; }

    /// <summary>Salted hash of the password, see <see cref="Vigil.Storage.Records.PasswordHash"/>.</summary>
    public required string PasswordHash { get; set; }

    /// <summary>A gateway speaks for other devices; a device for itself alone.</summary>
    public bool Gateway { get; set; }

    /// <summary>
    /// For a gateway: topic filters it may publish to, one a line; empty means those of its profile with its own name as {device}.
    /// </summary>
    public string Topics { get; set; } = "";
    public DateTime CreatedAt { get; set; }
    public bool Disabled { get; set; }
}

/// <summary>A bearer key of the HTTP API; only its hash is kept.</summary>
public sealed class ApiKey
{
    public Guid Id { get; set; }
    public required string Name { get; set; }

    /// <summary>SHA-256 of the key (256 random bits), base64.</summary>
    public required string Hash { get; set; }

    /// <summary>Comma-separated: read, write, admin.</summary>
    public required string Scopes { get; set; }

    /// <summary>Area the key is bound to; empty for all.</summary>
    public string Area { get; set; } = "";
    public DateTime CreatedAt { get; set; }
    public DateTime? ExpiresAt { get; set; }
}
