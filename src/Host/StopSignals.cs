using System.Runtime.InteropServices;

namespace Vigil.Host;

/// <summary>
/// SIGTERM, SIGINT and SIGQUIT from the beginning of a command on. The host's own lifetime would cancel a start that is under way: the host
/// then logs an exception and doesn't stop what has started already. With this lifetime it knows of no signals: a start is finished, and
/// then the service is stopped in order.
/// </summary>
internal sealed class StopSignals : IHostLifetime, IDisposable
{
    private readonly CancellationTokenSource asked = new();
    private readonly PosixSignalRegistration[] registrations;

    public StopSignals() =>
        registrations = [
            .. new[] { PosixSignal.SIGTERM, PosixSignal.SIGINT, PosixSignal.SIGQUIT }.Select(signal =>
                PosixSignalRegistration.Create(signal, Handle)
            ),
        ];

    /// <summary>Cancelled by the first signal.</summary>
    public CancellationToken Asked => asked.Token;

    /// <summary>The host has begun to start the service: from here on it has to be stopped in order.</summary>
    public bool HostStarts { get; private set; }

    public Task WaitForStartAsync(CancellationToken cancellationToken)
    {
        HostStarts = true;
        return Task.CompletedTask;
    }

    public Task StopAsync(CancellationToken cancellationToken) => Task.CompletedTask;

    public void Dispose()
    {
        foreach (var registration in registrations)
            registration.Dispose();
        asked.Dispose();
    }

    private void Handle(PosixSignalContext context)
    {
        context.Cancel = true; // else the process would end at once
        try
        {
            asked.Cancel();
        }
        catch (ObjectDisposedException)
        {
            // the command is at its end
        }
    }
}
