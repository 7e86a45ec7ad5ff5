using Microsoft.Data.Sqlite;
using MQTTnet;
using Vigil.Model;

namespace Vigil.Host;

/// <summary>
/// Minimum versions of libraries, because older ones can lose alarms: in .NET before 10.0.12 timers freeze when the clock is set back
/// (runtime#123950), SQLite before 3.51.3 can lose commits (WAL-reset bug), and MQTTnet clients before 5.2.0 can stop receiving without
/// noticing (#2248). The packages are pinned, but a shared runtime or a system library may be downgraded.
/// </summary>
internal static class Floors
{
    private static readonly IReadOnlyList<(string What, Version Least, Func<Version> Here)> All =
    [
        (".NET", new Version(10, 0, 12), () => Environment.Version),
        ("SQLite", new Version(3, 51, 3), Sqlite),
        ("MQTTnet", new Version(5, 2, 0), () => Numbers(typeof(MqttClientFactory).Assembly.GetName().Version!)),
    ];

    public static IEnumerable<Problem> Check() => All.Select(f => Below(f.What, f.Least, f.Here())).OfType<Problem>();

    internal static Problem? Below(string what, Version least, Version here) =>
        here < least
            ? new Problem(
                what,
                0,
                "",
                here.ToString(),
                $"is older than {least}, with known faults that lose alarms: install {least} or newer"
            )
            : null;

    /// <summary>The version of the library that is loaded, which may differ from the package's.</summary>
    private static Version Sqlite()
    {
        using var connection = new SqliteConnection();
        return Version.Parse(connection.ServerVersion);
    }

    private static Version Numbers(Version version) => new(version.Major, version.Minor, Math.Max(version.Build, 0));
}
