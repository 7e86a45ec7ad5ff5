namespace Vigil.Tests.Web;

internal static class Running
{
    /// <summary>Ends with the running test.</summary>
    public static CancellationToken Token => TestContext.Current.CancellationToken;
}
