namespace Vigil.Ingest.Mqtt;

/// <summary>Whether a user name belongs to a device that reports presses, falls, smoke or gas: its login has priority.</summary>
public delegate bool GoesFirst(string username);

/// <summary>
/// Limits the logins in progress. When thousands of devices reconnect together the others wait with their CONNECT unread by the broker, so
/// that a button's login and press don't wait behind a thousand meters. Devices with priority have places of their own.
/// </summary>
internal sealed class LoginLine(GoesFirst goesFirst) : IDisposable
{
    private const int Most = 10_000;

    private readonly SemaphoreSlim first = new(64),
        others = new(16);
    private int waiting;

    /// <summary>Waits for a place, which has to be released; null when too many are waiting.</summary>
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
