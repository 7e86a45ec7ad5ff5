namespace Vigil.Ingest.Mqtt;

/// <summary>Whether a user name is of a device that speaks of presses, falls, smoke or gas: its login goes before others'.</summary>
public delegate bool GoesFirst(string username);

/// <summary>
/// Logins under way, a few at a time: when thousands come back together the others wait with their CONNECT unread by the broker, so that a
/// button's login and its press don't stand behind a thousand meters' at every step. Those who go first have places of their own.
/// </summary>
internal sealed class LoginLine(GoesFirst goesFirst) : IDisposable
{
    private const int Most = 10_000;

    private readonly SemaphoreSlim first = new(64),
        others = new(16);
    private int waiting;

    /// <summary>A place, to be given back; null: too many wait.</summary>
    public async ValueTask<SemaphoreSlim?> EnterAsync(string username, CancellationToken gone)
    {
        var line = goesFirst(username) ? first : others;
        if (line.Wait(0, CancellationToken.None))
            return line;
        if (Interlocked.Increment(ref waiting) > Most && line == others)
        {
            Interlocked.Decrement(ref waiting);
            return null;
        }

        try
        {
            await line.WaitAsync(gone);
            return line;
        }
        finally
        {
            Interlocked.Decrement(ref waiting);
        }
    }

    public void Dispose()
    {
        first.Dispose();
        others.Dispose();
    }
}
