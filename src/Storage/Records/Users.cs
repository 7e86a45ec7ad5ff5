using Microsoft.AspNetCore.Identity;
using Vigil.Model;

namespace Vigil.Storage.Records;

/// <summary>A person with an account. The role says what they may do, the area where.</summary>
public sealed class User : IdentityUser<Guid>
{
    /// <summary>One of <see cref="Roles.All"/>.</summary>
    public required string Role { get; set; }

    /// <summary>Prefix of the area codes (GB/T 2260 style) they see; empty for everything.</summary>
    public required string Area { get; set; }

    /// <summary>Name shown on the timelines of alarms they act on.</summary>
    public string DisplayName { get; set; } = "";
    public DateTime CreatedAt { get; set; }
    public DateTime? LastSignInAt { get; set; }

    /// <summary>May not sign in any more; the account is kept because the audit log refers to it.</summary>
    public bool Disabled { get; set; }

    /// <summary>The password was set by somebody else and has to be changed at the next sign-in.</summary>
    public bool ChangePassword { get; set; }
}

/// <summary>Roles and their scopes; an API key has scopes directly.</summary>
public static class Roles
{
    public const string Administrator = "administrator";
    public const string Supervisor = "supervisor";
    public const string Duty = "duty";
    public const string Visitor = "visitor";
    public const string ReadOnly = "read-only";

    public static readonly IReadOnlyList<string> All = [Administrator, Supervisor, Duty, Visitor, ReadOnly];

    /// <summary>read ⊂ visit (visits and absences) ⊂ write (alarms, devices) ⊂ supervise ⊂ admin (accounts, keys, credentials).</summary>
    public static IReadOnlyList<string> Scopes(string role) =>
        role switch
        {
            Administrator => ["read", "visit", "write", "supervise", "admin"],
            Supervisor => ["read", "visit", "write", "supervise"],
            Duty => ["read", "visit", "write"],
            Visitor => ["read", "visit"],
            ReadOnly => ["read"],
            _ => [],
        };
}

/// <summary>Another system that receives signed messages about alarms over HTTP; registered by an administrator.</summary>
public sealed class Webhook
{
    public Guid Id { get; set; }
    public required string Name { get; set; }
    public required string Url { get; set; }

    /// <summary>HMAC key of the signature, base64; encrypted at rest, shown once.</summary>
    public required string Secret { get; set; }

    /// <summary>Prefix of the area codes whose alarms are sent; empty for all.</summary>
    public string Area { get; set; } = "";

    /// <summary>Comma-separated: opened, acknowledged, resolved.</summary>
    public required string Events { get; set; }
    public required string CreatedBy { get; set; }
    public DateTime CreatedAt { get; set; }
    public bool Disabled { get; set; }

    /// <summary>Timeline entries up to this one have been turned into deliveries.</summary>
    public long SeenTimeline { get; set; }
}

/// <summary>One message to one webhook, kept until it was delivered or given up.</summary>
public sealed class WebhookDelivery
{
    public Guid Id { get; set; }
    public Guid WebhookId { get; set; }
    public Guid AlarmId { get; set; }
    public required string Event { get; set; }
    public required string Body { get; set; }
    public int Attempts { get; set; }
    public DateTime CreatedAt { get; set; }
    public DateTime DueAt { get; set; }
    public DateTime? DeliveredAt { get; set; }
    public DateTime? GivenUpAt { get; set; }
    public Wording Note { get; set; } = Wording.None;
}
