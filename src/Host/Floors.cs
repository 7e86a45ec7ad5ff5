using Microsoft.Data.Sqlite;
using MQTTnet;
using Vigil.Model;

namespace Vigil.Host;

/// <summary>
/// The least versions of what the service stands on, because what lies below loses alarms: .NET before 10.0.12 has timers that freeze when
/// the clock is put back (runtime#123950), SQLite before 3.51.3 loses commits (WAL-reset bug), MQTTnet before 5.2.0 has clients that hear
/// nothing and don't know it (#2248). Packages are pinned; a shared runtime or a library of the system may be rolled back under the
/// service.
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

    /// <summary>Of the library that is loaded, not of the package.</summary>
    private static Version Sqlite()
    {
        using var connection = new SqliteConnection();
        return Version.Parse(connection.ServerVersion);
    }

    private static Version Numbers(Version version) => new(version.Major, version.Minor, Math.Max(version.Build, 0));
}
