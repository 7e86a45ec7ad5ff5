using Vigil.Host.Intake;
using Vigil.Model;
using Vigil.Registry.Search;
using Vigil.Web.Operations;

namespace Vigil.Host;

/// <summary>
/// Takes somebody who was erased from the records out of what this service holds beside them: memory, both generations of the rules'
/// snapshots, rows that were set aside.
/// </summary>
internal sealed class ErasedFiles(
    Settings settings,
    LiveRegistry registry,
    SearchIndex search,
    RulePartitions rules,
    UncommittedFindings uncommitted,
    SetAside aside,
    TimeProvider clock
) : IDisposable
{
    /// <summary>An open transaction holds the feed of changes back on PostgreSQL: <see cref="Storage.Records.ChangeFeed"/>.</summary>
    private const int MostLooks = 60;

    private static readonly TimeSpan Look = TimeSpan.FromMilliseconds(500);

    private readonly SemaphoreSlim turn = new(1, 1);

    public void Dispose() => turn.Dispose();

    /// <inheritdoc cref="ForgetsErased"/>
    public async Task ForgetAsync(string resident, IReadOnlyList<string> devices, CancellationToken cancellation)
    {
        await turn.WaitAsync(cancellation);
        try
        {
            // While the change still names who is gone: afterwards the search could only find it by reading all anew.
            await search.FollowAsync(cancellation);
            for (var looks = 0; looks < MostLooks; looks++)
            {
                await registry.FollowAsync(cancellation);
                if (registry.FactsOf(new ResidentId(resident)) is null)
                    break;
                await Task.Delay(Look, clock, cancellation);
            }

            // A home that has moved may stand in the older generation of another partition, so all are looked at.
            var folder = Path.Combine(settings.DataPath, "rules");
            for (var p = 0; p < rules.Count; p++)
            for (var generations = 0; generations < 2 && rules.IsNamedOnDisk(folder, p, resident); generations++)
                await rules.SaveAsync(folder, p, clock.GetUtcNow().UtcDateTime, uncommitted.SettledAsync);
            aside.Forget([resident, .. devices]);
        }
        finally
        {
            turn.Release();
        }
    }
}
