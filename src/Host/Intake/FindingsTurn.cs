using Vigil.Model;

namespace Vigil.Host.Intake;

/// <summary>The time from giving readings to the rules until what they found is committed.</summary>
internal sealed class FindingsTurn(UncommittedFindings findings) : IDisposable
{
    private readonly TaskCompletionSource<bool> ended = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private bool done;

    public Task<bool> Ended => ended.Task;

    /// <summary>Commits what the rules found.</summary>
    public async ValueTask<bool> CommitAsync(List<Finding> found) => done = await findings.CommitAsync(found);

    /// <summary>The rules found nothing.</summary>
    public bool Nothing() => done = true;

    public void Dispose()
    {
        findings.TurnEnds(this);
        ended.SetResult(done);
    }
}
