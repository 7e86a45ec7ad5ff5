using System.Diagnostics;
using System.Net;
using System.Net.Sockets;
using System.Runtime.InteropServices;

namespace Vigil.Tests.Servers;

/// <summary>
/// A server that a test starts on a free loopback port with a folder of its own, and ends by its process id. It counts as started when it
/// accepts a connection.
/// </summary>
internal abstract class ServerProcess : IAsyncDisposable
{
    private const int Kill = 9;
    private const int Stop = 19;
    private const int Continue = 18;
    private readonly List<string> output = [];
    private Process? process;

    protected ServerProcess(string name)
    {
        Folder = Directory.CreateTempSubdirectory($"vigil-{name}-").FullName;
        Port = Server.FreePort();
    }

    public string Folder { get; }

    public int Port { get; }

    public int ProcessId => process?.Id ?? throw new InvalidOperationException("the server isn't running");

    protected abstract ProcessStartInfo Command();

    /// <summary>
    /// Starts the server and returns when it accepts connections. After <see cref="KillAsync"/> it starts again with the same folder and
    /// port.
    /// </summary>
    public async Task StartAsync()
    {
        var command = Command();
        if (!File.Exists(command.FileName))
            throw new FileNotFoundException($"{command.FileName} is not installed; ./test installs what the tests need", command.FileName);
        command.RedirectStandardOutput = command.RedirectStandardError = true;
        command.UseShellExecute = false;
        process = Process.Start(command)!;
        process.OutputDataReceived += (_, line) => Remember(line.Data);
        process.ErrorDataReceived += (_, line) => Remember(line.Data);
        process.BeginOutputReadLine();
        process.BeginErrorReadLine();
        var since = Stopwatch.GetTimestamp();
        while (!await ReadyAsync())
        {
            if (process.HasExited || Stopwatch.GetElapsedTime(since) > TimeSpan.FromSeconds(60))
                throw new InvalidOperationException($"{command.FileName} is not ready on port {Port}. It said:\n{Output()}");
            await Task.Delay(TimeSpan.FromMilliseconds(30), TimeProvider.System);
        }
    }

    /// <summary>kill -9; returns when the process has ended.</summary>
    public async Task KillAsync()
    {
        if (process is not { HasExited: false } running)
            return;
        _ = Signal(running.Id, Kill);
        await running.WaitForExitAsync();
    }

    /// <summary>SIGSTOP: connections stay open, but nothing is answered.</summary>
    public void Freeze()
    {
        Assert.Equal(0, Signal(ProcessId, Stop));
        // A thread that is running stops only a moment later.
        SpinWait.SpinUntil(
            () =>
                Directory
                    .EnumerateDirectories($"/proc/{ProcessId}/task")
                    .All(t => File.ReadAllText($"{t}/stat") is var s && s[(s.LastIndexOf(')') + 2)..].StartsWith('T')),
            TimeSpan.FromSeconds(5)
        );
    }

    public void Thaw() => Assert.Equal(0, Signal(ProcessId, Continue));

    public string Output()
    {
        lock (output)
            return string.Join('\n', output);
    }

    public virtual async ValueTask DisposeAsync()
    {
        await KillAsync();
        process?.Dispose();
        Directory.Delete(Folder, recursive: true);
        GC.SuppressFinalize(this);
    }

    protected virtual async Task<bool> ReadyAsync()
    {
        using var socket = new TcpClient();
        try
        {
            await socket.ConnectAsync(IPAddress.Loopback, Port);
            return true;
        }
        catch (SocketException)
        {
            return false;
        }
    }

    private void Remember(string? line)
    {
        if (line is null)
            return;
        lock (output)
        {
            if (output.Count == 400)
                output.RemoveAt(0);
            output.Add(line);
        }
    }

    [DllImport("libc", EntryPoint = "kill")]
    [DefaultDllImportSearchPaths(DllImportSearchPath.SafeDirectories)]
    private static extern int Signal(int process, int signal);
}
