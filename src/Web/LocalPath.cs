namespace Vigil.Web;

/// <summary>
/// Where somebody is led on this site, and nowhere else: an address of elsewhere would lead people there after they signed in here.
/// Browsers drop tabs and line ends from an address and take a backslash for a slash, so that <c>/%09/evil.example</c> is
/// <c>//evil.example</c> to them: what has either is not a path of ours.
/// </summary>
internal static class LocalPath
{
    /// <returns>The path, or the board.</returns>
    public static string Of(string? to) =>
        to is ['/', ..] and not ['/', '/', ..]
        && !to.Any(c => char.IsControl(c) || c is '\\' or '\u2028' or '\u2029')
        && Uri.TryCreate(to, UriKind.Relative, out _)
            ? to
            : "/";
}
