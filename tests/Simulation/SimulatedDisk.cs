namespace Vigil.Tests.Simulation;

/// <summary>The files that the service writes itself: the state of its rules. Their times are the simulated wall clock's.</summary>
internal sealed class SimulatedDisk(string folder, SimulatedClock clock)
{
    private readonly Dictionary<string, DateTime> stamped = [];

    /// <summary>The service may have written: what is new gets the time that a disk of this world would give it.</summary>
    public void Written()
    {
        var rules = Path.Combine(folder, "rules");
        if (!Directory.Exists(rules)) return;
        foreach (var path in Directory.EnumerateFiles(rules))
        {
            var written = File.GetLastWriteTimeUtc(path);
            if (stamped.TryGetValue(path, out var before) && before == written) continue;
            File.SetLastWriteTimeUtc(path, clock.Wall);
            stamped[path] = File.GetLastWriteTimeUtc(path);
        }
    }
}
