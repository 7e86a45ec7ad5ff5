namespace Vigil.Phones;

/// <summary>What somebody does when the phone rings.</summary>
public enum OnCall
{
    /// <summary>It rings until the caller gives up.</summary>
    Ignores,

    /// <summary>Picks up and presses <see cref="Person.Keys"/>, one a question; with none listens and hangs up.</summary>
    Answers,

    /// <summary>A machine picks up and listens.</summary>
    Voicemail,
    Busy,

    /// <summary>No such line.</summary>
    Unreachable,
}

/// <summary>What becomes of a message, and what its reader does.</summary>
public enum OnText
{
    /// <summary>It arrives; nobody does anything.</summary>
    Ignores,

    /// <summary>Sends the code in it back: "I take it".</summary>
    Replies,

    /// <summary>Sends 2 and the code back: "I can't".</summary>
    RepliesCannot,

    /// <summary>Opens the link in it and presses "I take it".</summary>
    OpensLink,

    /// <summary>Opens the link in it and presses "I can't".</summary>
    OpensLinkCannot,

    /// <summary>Has sent STOP: refused at once (Twilio 21610).</summary>
    OptedOut,

    /// <summary>Refused at once: a landline (Twilio 21614).</summary>
    Landline,

    /// <summary>Taken, then undelivered: switched off (Twilio 30003).</summary>
    SwitchedOff,

    /// <summary>Taken, then undelivered: no longer in service (Twilio 30005).</summary>
    UnknownNumber,

    /// <summary>Taken, then held back by the carrier's filter (Twilio 30007).</summary>
    Filtered,
}

/// <summary>Somebody with a phone, and how they behave; the same for every provider.</summary>
public sealed record Person
{
    public OnCall Call { get; init; }

    /// <summary>Keys pressed, one after each time the call asks: "31" hears it again and takes it.</summary>
    public string Keys { get; init; } = "";

    /// <summary>How long it rings before somebody or something picks up.</summary>
    public TimeSpan PicksUpAfter { get; init; } = TimeSpan.FromSeconds(8);

    public OnText Text { get; init; }

    /// <summary>How long after a message arrived it is acted on.</summary>
    public TimeSpan ReadsAfter { get; init; } = TimeSpan.FromSeconds(40);
}

/// <summary>What the provider does with requests.</summary>
public enum Service
{
    Up,

    /// <summary>503 to everything.</summary>
    Fails,

    /// <summary>Takes the connection and never answers; nothing goes out.</summary>
    Hangs,

    /// <summary>The message goes out, and the answer never comes.</summary>
    SwallowsAnswer,

    /// <summary>429, Twilio 20429.</summary>
    TooMany,

    /// <summary>Twilio 20005: suspended because the credit is gone.</summary>
    OutOfCredit,

    /// <summary>401, Twilio 20003.</summary>
    RefusesToken,
}

/// <summary>How receipts come.</summary>
public enum Receipts
{
    Once,

    /// <summary>Each twice.</summary>
    Twice,

    /// <summary>"sent" after "delivered", "completed" before the search for a machine ends.</summary>
    OutOfOrder,
    None,
}

/// <summary>Something that happened on a phone, for who watches.</summary>
/// <param name="What">sms, rings, picked-up, says, key, voicemail, no-answer, busy, hung-up, reply, reply-answer, link.</param>
/// <param name="Number">Whose phone.</param>
/// <param name="Text">The message, what the call says, or the key.</param>
public sealed record PhoneEvent(DateTimeOffset At, string What, string Number, string Text);

/// <summary>One message or call that the provider really took: what tests count.</summary>
/// <param name="Id">The provider's.</param>
/// <param name="Kind">sms or call.</param>
public sealed record Taken(DateTimeOffset At, string Provider, string Kind, string Number, string Text, string Id);
