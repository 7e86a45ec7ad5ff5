namespace Vigil.Storage.Records;

/// <summary>
/// What a message says. Its word (opened, repeated…) is what is stored, what <c>config/messages.yaml</c> has the texts under, and what
/// providers that send templates have theirs under.
/// </summary>
public enum MessageKind
{
    /// <summary>Somebody has to answer for an alarm.</summary>
    Opened,

    /// <summary>Somebody has to answer, because it happened again.</summary>
    Repeated,

    /// <summary>It is over by itself: nobody has to do anything.</summary>
    Cleared,

    /// <summary>It has eased, and whoever acknowledged it still has to look.</summary>
    Back,

    /// <summary>Telling people is late: for the supervisor.</summary>
    Late,

    /// <summary>Several alarms in one message to one person.</summary>
    Digest,

    /// <summary>Yesterday at home, for a contact; about no alarm.</summary>
    Daily,

    /// <summary>Whether a number reaches somebody; about no alarm.</summary>
    Reach,

    /// <summary>The service's self-test has reached the end of an alarm's path.</summary>
    SelfTest,
}
