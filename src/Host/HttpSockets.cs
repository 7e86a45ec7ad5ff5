using System.Collections.Concurrent;
using System.Net;
using Microsoft.AspNetCore.Connections;
using Vigil.Model;

namespace Vigil.Host;

/// <summary>
/// Limits the connections to pages and API. Anybody can open them and send nothing; without a limit they would use up the file descriptors
/// that databases and devices need. A quarter of what the process may open, and a quarter of that for each address, except known proxies,
/// which carry many clients. Thread-safe.
/// </summary>
internal sealed class HttpSockets(Func<IPAddress, bool> isProxy)
{
    private const int Fewest = 64,
        Largest = 20_000;

    private readonly int most = Math.Clamp(OpenFiles.Most / 4, Fewest, Largest);
    private readonly ConcurrentDictionary<IPAddress, int> byAddress = [];
    private int all;

    public ConnectionDelegate Limit(ConnectionDelegate next) =>
        async connection =>
        {
            var address = (connection.RemoteEndPoint as IPEndPoint)?.Address ?? IPAddress.None;
            var ofThis = byAddress.AddOrUpdate(address, 1, static (_, n) => n + 1);
            try
            {
                if (Interlocked.Increment(ref all) > most || (ofThis > most / 4 && !isProxy(address)))
                {
                    connection.Abort(new ConnectionAbortedException("too many connections"));
                    return;
                }

                await next(connection);
            }
            finally
            {
                Interlocked.Decrement(ref all);
                if (byAddress.AddOrUpdate(address, 0, static (_, n) => n - 1) == 0)
                    byAddress.TryRemove(KeyValuePair.Create(address, 0));
            }
        };
}
