using System.Collections.Concurrent;
using System.Diagnostics;
using System.Net;
using System.Net.Sockets;

namespace Vigil.Tests.Servers;

/// <summary>A program that a test started: keeps its output, and ends it by its process id.</summary>
public sealed class Server : IAsyncDisposable
{
    private static int nextPort = 20_000 + Environment.ProcessId % 50 * 200;

    private readonly Process process;
    private readonly ConcurrentQueue<string> output = new();
    private readonly SemaphoreSlim more = new(0);

    private Server(Process process) => this.process = process;

    public int Id => process.Id;

    public bool HasExited => process.HasExited;

    public string Output => string.Join('\n', output);

    /// <summary>Starts a program; a missing one is reported clearly.</summary>
    public static Server Start(
        string program,
        IEnumerable<string> arguments,
        string? folder = null,
        IReadOnlyDictionary<string, string>? environment = null
    )
    {
        var start = new ProcessStartInfo(Find(program), arguments)
        {
            RedirectStandardOutput = true,
            RedirectStandardError = true,
            RedirectStandardInput = true,
            WorkingDirectory = folder ?? "",
        };
        foreach (var (key, value) in environment ?? new Dictionary<string, string>())
            start.Environment[key] = value;
        var process = new Process { StartInfo = start };
        var server = new Server(process);
        process.OutputDataReceived += (_, e) => server.Take(e.Data);
        process.ErrorDataReceived += (_, e) => server.Take(e.Data);
        process.Start();
        process.BeginOutputReadLine();
        process.BeginErrorReadLine();
        return server;
    }

    /// <summary>Runs a program to its end.</summary>
    public static async Task<(int Code, string Output)> RunAsync(
        string program,
        IEnumerable<string> arguments,
        string input = "",
        string? folder = null
    )
    {
        await using var server = Start(program, arguments, folder);
        await server.process.StandardInput.WriteAsync(input);
        server.process.StandardInput.Close();
        await server.process.WaitForExitAsync().WaitAsync(TimeSpan.FromMinutes(2));
        return (server.process.ExitCode, server.Output);
    }

    /// <summary>
    /// A port on which nobody listens and that no other server of this run has. It is below the range for outgoing connections, one of
    /// which could otherwise take it before the server listens.
    /// </summary>
    public static int FreePort()
    {
        while (true)
        {
            var port = 20_000 + Interlocked.Increment(ref nextPort) % 12_000;
            using var listener = new TcpListener(IPAddress.Any, port);
            try
            {
                listener.Start();
                return port;
            }
            catch (SocketException)
            {
                // another program has it
            }
        }
    }

    /// <summary>Waits until the program prints a text.</summary>
    public async Task<string> SaysAsync(string text, TimeSpan? within = null)
    {
        using var timeout = new CancellationTokenSource(within ?? TimeSpan.FromSeconds(60));
        while (true)
        {
            if (output.FirstOrDefault(l => l.Contains(text, StringComparison.Ordinal)) is { } line)
                return line;
            if (process.HasExited && !Output.Contains(text, StringComparison.Ordinal))
                throw new InvalidOperationException(
                    $"{process.StartInfo.FileName} ended with {process.ExitCode} before it said '{text}':\n{Output}"
                );
            try
            {
                await more.WaitAsync(timeout.Token);
            }
            catch (OperationCanceledException)
            {
                throw new TimeoutException($"'{text}' was not said in time; said was:\n{Output}");
            }
        }
    }

    /// <summary>Waits until a connection to a loopback port is accepted.</summary>
    public async Task ListensAsync(int port)
    {
        for (var tries = 0; ; tries++)
        {
            if (process.HasExited)
                throw new InvalidOperationException($"{process.StartInfo.FileName} ended with {process.ExitCode}:\n{Output}");
            try
            {
                using var client = new TcpClient();
                await client.ConnectAsync(IPAddress.Loopback, port);
                return;
            }
            catch (SocketException) when (tries < 600)
            {
                await Task.Delay(TimeSpan.FromMilliseconds(50), TimeProvider.System);
            }
        }
    }

    /// <summary>kill -9.</summary>
    public async Task KillAsync()
    {
        process.Kill(entireProcessTree: true);
        await process.WaitForExitAsync();
    }

    /// <summary>Sends a signal such as TERM, STOP or CONT.</summary>
    public async Task SignalAsync(string signal)
    {
        using var kill = Process.Start("kill", [$"-{signal}", $"{process.Id}"]);
        await kill.WaitForExitAsync();
    }

    /// <summary>Sends SIGTERM and returns the exit code.</summary>
    public async Task<int> StopAsync(TimeSpan within)
    {
        await SignalAsync("TERM");
        await process.WaitForExitAsync().WaitAsync(within);
        return process.ExitCode;
    }

    /// <summary>Waits until the program ends by itself, and returns its exit code.</summary>
    public async Task<int> EndsAsync(TimeSpan? within = null)
    {
        await process.WaitForExitAsync().WaitAsync(within ?? TimeSpan.FromMinutes(2));
        return process.ExitCode;
    }

    public async ValueTask DisposeAsync()
    {
        if (!process.HasExited)
            await KillAsync();
        process.Dispose();
        more.Dispose();
    }

    private static string Find(string program)
    {
        if (program.Contains('/', StringComparison.Ordinal))
            return program;
        string[] folders = [.. (Environment.GetEnvironmentVariable("PATH") ?? "").Split(':'), "/usr/sbin", "/usr/local/sbin", "/sbin"];
        return folders.Select(f => Path.Combine(f, program)).FirstOrDefault(File.Exists)
            ?? throw new InvalidOperationException($"{program} is not installed; ./test installs it");
    }

    private void Take(string? line)
    {
        if (line is null)
            return;
        output.Enqueue(line);
        more.Release();
    }
}
