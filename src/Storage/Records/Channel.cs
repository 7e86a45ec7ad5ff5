namespace Vigil.Storage.Records;

/// <summary>How a person is told. Stored, written in policies and told to other systems by its word: sms, voice, mail, webhook.</summary>
public enum Channel
{
    Sms,

    /// <summary>A call.</summary>
    Voice,
    Mail,

    /// <summary>A post to another system's address, or to a group robot.</summary>
    Webhook,

    /// <summary>Leads back into the service: where its own press is told, see <see cref="Vigil.Model.SelfTest"/>.</summary>
    SelfTest,
}
