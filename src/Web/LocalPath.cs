namespace Vigil.Web;

/// <summary>
/// Where somebody is sent after signing in: to a path of this site alone, so that no link leads through our sign-in to a page of another
/// site. Browsers drop tabs and line ends from an address and take a backslash for a slash, so that <c>/%09/evil.example</c> is
/// <c>//evil.example</c> to them: a path with any of these is refused.
/// </summary>
internal static class LocalPath
{
    /// <returns>The path; that of the board where it is no path of this site.</returns>
    public static string Of(string? to) =>
        to is ['/', ..] and not ['/', '/', ..]
        && !to.Any(c => char.IsControl(c) || c is '\\' or '\u2028' or '\u2029')
        && Uri.TryCreate(to, UriKind.Relative, out _)
            ? to
            : "/";
}
