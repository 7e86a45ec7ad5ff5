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

    /// <summary>The service's self-test only: nothing is sent to anybody. See <see cref="Vigil.Model.SelfTest"/>.</summary>
    SelfTest,
}
