namespace Vigil.Host;

/// <summary>Where the shipped files stand: beside the executable.</summary>
internal static class Paths
{
    public static string Devices => Path.Combine(AppContext.BaseDirectory, "devices");
    public static string Rules => Path.Combine(AppContext.BaseDirectory, "config", "rules.yaml");
    public static string Policies => Path.Combine(AppContext.BaseDirectory, "config", "policies.yaml");
}
