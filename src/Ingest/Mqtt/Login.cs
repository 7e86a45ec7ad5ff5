namespace Vigil.Ingest.Mqtt;

/// <summary>How much work may be spent on checking a login.</summary>
public enum LoginEffort
{
    /// <summary>Memory only: has this name logged in with this password before?</summary>
    Remembered,

    /// <summary>A query of the records and a fast hash.</summary>
    Quick,

    /// <summary>A slow hash too, where the password is stored with one.</summary>
    Full,
}

public enum LoginOutcome
{
    Right,
    Wrong,

    /// <summary>Not checked: it would have needed more work than allowed. The client is to try again.</summary>
    Busy,
}

/// <summary>The result of a login.</summary>
public readonly record struct Login(LoginOutcome Outcome, Sender? Sender = null);

/// <summary>Checks a user name and password. Takes the same time for an unknown name as for a wrong password.</summary>
public delegate ValueTask<Login> Authenticate(string username, byte[] password, LoginEffort effort, CancellationToken cancellation);
