namespace Vigil.Ingest.Mqtt;

/// <summary>How much a login is worth.</summary>
public enum LoginEffort
{
    /// <summary>What is in memory: has this name shown this password before?</summary>
    Remembered,

    /// <summary>A look into the records and a fast hash.</summary>
    Quick,

    /// <summary>A slow hash too, where the stored one is slow.</summary>
    Full,
}

public enum LoginOutcome
{
    Right,
    Wrong,

    /// <summary>Not looked at: it would cost more than it is worth now. Try again.</summary>
    Busy,
}

/// <summary>What a login came to.</summary>
public readonly record struct Login(LoginOutcome Outcome, Sender? Sender = null);

/// <summary>Checks a user name and password. Takes the same time for an unknown name as for a wrong password.</summary>
public delegate ValueTask<Login> Authenticate(string username, byte[] password, LoginEffort effort, CancellationToken cancellation);
