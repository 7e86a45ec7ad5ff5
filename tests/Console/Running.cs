namespace Vigil.Tests.Console;

internal static class Running
{
    /// <summary>Ends with the running test.</summary>
    public static CancellationToken Token => TestContext.Current.CancellationToken;
}
