using System.Collections.Concurrent;
using Vigil.Ingest.Mqtt;

namespace Vigil.Host.Intake;

/// <summary>
/// Where a gateway stands: in the smallest area that holds all homes whose devices it has carried since the start. Thread-safe.
/// </summary>
internal sealed class GatewayAreas
{
    /// <summary>Digits of the code of a province, a city, a county, a town and a village.</summary>
    private static readonly int[] CodeLengths = [12, 9, 6, 4, 2];

    private readonly ConcurrentDictionary<string, string> areas = new(StringComparer.Ordinal);

    /// <summary>A device of a home in this village was heard.</summary>
    public void Heard(Sender from, string village)
    {
        if (!from.Gateway || from.Name.Length == 0 || village.Length == 0)
            return;
        if (!areas.TryGetValue(from.Name, out var known) || !village.StartsWith(known, StringComparison.Ordinal))
            areas.AddOrUpdate(from.Name, static (_, at) => at, static (_, was, at) => Common(was, at), village);
    }

    /// <summary>Empty for a gateway that has carried no home's device yet, and for homes that have no area in common.</summary>
    public string Of(Sender from) => areas.GetValueOrDefault(from.Name, "");

    private static string Common(string one, string other) =>
        CodeLengths
            .Where(n => n <= one.Length && n <= other.Length && one.AsSpan(0, n).SequenceEqual(other.AsSpan(0, n)))
            .Select(n => one[..n])
            .FirstOrDefault("");
}
