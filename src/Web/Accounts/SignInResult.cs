namespace Vigil.Web.Accounts;

/// <summary>How a sign-in ended. It never tells whether the name exists.</summary>
public enum SignInResult
{
    In,

    /// <summary>Name or password wrong, or the account is disabled.</summary>
    Wrong,

    /// <summary>The password is right; the second factor is missing or wrong.</summary>
    CodeNeeded,
}
