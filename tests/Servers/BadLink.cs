using System.Globalization;
using System.Net;
using System.Net.Sockets;

namespace Vigil.Tests.Servers;

/// <summary>
/// A bad line in front of a server on loopback. In each direction one packet in so many is lost (by the kernel's own filter, so that TCP
/// has to repair it), and the rest is forwarded at a set rate after a set delay. Disposing it removes the filter's rules.
/// </summary>
internal sealed class BadLink : IAsyncDisposable
{
    private readonly TcpListener listener = new(IPAddress.Loopback, 0);
    private readonly CancellationTokenSource stopping = new();
    private readonly List<string[]> rules = [];
    private readonly int target,
        bytesPerSecond;
    private readonly TimeSpan delay;
    private Task running = Task.CompletedTask;

    private BadLink(int target, int bytesPerSecond, TimeSpan delay) =>
        (this.target, this.bytesPerSecond, this.delay) = (target, bytesPerSecond, delay);

    public string Url => $"http://127.0.0.1:{((IPEndPoint)listener.LocalEndpoint).Port}";

    /// <summary>How many connections were accepted.</summary>
    public int Connections { get; private set; }

    public static async Task<BadLink> StartAsync(int target, double loss, int bitsPerSecond, TimeSpan delay)
    {
        var link = new BadLink(target, bitsPerSecond / 8, delay);
        link.listener.Start();
        var port = ((IPEndPoint)link.listener.LocalEndpoint).Port.ToString(CultureInfo.InvariantCulture);
        foreach (var side in new[] { "--dport", "--sport" })
        {
            string[] rule =
            [
                "INPUT",
                "-i",
                "lo",
                "-p",
                "tcp",
                side,
                port,
                "-m",
                "statistic",
                "--mode",
                "random",
                "--probability",
                loss.ToString(CultureInfo.InvariantCulture),
                "-j",
                "DROP",
            ];
            await MustAsync(["-I", .. rule]);
            link.rules.Add(rule);
        }

        link.running = link.AcceptAsync();
        return link;
    }

    public async ValueTask DisposeAsync()
    {
        foreach (var rule in rules)
            await MustAsync(["-D", .. rule]);
        await stopping.CancelAsync();
        listener.Stop();
        await running;
        stopping.Dispose();
    }

    private async Task AcceptAsync()
    {
        try
        {
            while (true)
            {
                var socket = await listener.AcceptTcpClientAsync(stopping.Token);
                Connections++;
                _ = CarryAsync(socket);
            }
        }
        catch (Exception e) when (e is OperationCanceledException or SocketException or ObjectDisposedException)
        {
            // it ends
        }
    }

    private async Task CarryAsync(TcpClient near)
    {
        using var far = new TcpClient();
        using (near)
        {
            try
            {
                await far.ConnectAsync(IPAddress.Loopback, target, stopping.Token);
                await Task.WhenAny(PumpAsync(near.GetStream(), far.GetStream()), PumpAsync(far.GetStream(), near.GetStream()));
            }
            catch (Exception e) when (e is SocketException or OperationCanceledException)
            {
                // the line is cut
            }
        }
    }

    private async Task PumpAsync(NetworkStream from, NetworkStream to)
    {
        var buffer = new byte[1500];
        try
        {
            while (await from.ReadAsync(buffer, stopping.Token) is > 0 and var length)
            {
                await Task.Delay(delay + TimeSpan.FromSeconds((double)length / bytesPerSecond), TimeProvider.System, stopping.Token);
                await to.WriteAsync(buffer.AsMemory(0, length), stopping.Token);
            }
        }
        catch (Exception e) when (e is IOException or OperationCanceledException or ObjectDisposedException)
        {
            // the line is cut
        }
    }

    private static async Task MustAsync(string[] arguments)
    {
        var (code, output) = await Server.RunAsync("iptables", ["-w", .. arguments]);
        Assert.True(code == 0, $"iptables {string.Join(' ', arguments)}: {output}");
    }
}
