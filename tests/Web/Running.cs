namespace Vigil.Tests.Web;

internal static class Running
{
    /// <summary>Cancelled when the running test ends.</summary>
    public static CancellationToken Token => TestContext.Current.CancellationToken;
}
