namespace Vigil.Web.Accounts;

/// <summary>How people sign in.</summary>
/// <param name="SecondFactor">Administrators need one: without it they get no further than their own account
/// (<c>Access:SecondFactor</c>).</param>
/// <param name="SingleSignOn">Accounts of an organisation that people may sign in with; null for none.</param>
public sealed record AccountsOptions(bool SecondFactor = true, SingleSignOn? SingleSignOn = null)
{
    /// <summary>How soon an open page notices that its account was disabled or changed. Not a setting: tests make it shorter.</summary>
    internal TimeSpan PagesRevalidatedEvery { get; init; } = Revalidation.Every;
}
