using System.Diagnostics;

namespace Vigil.Tests.Servers;

/// <summary>Debian's PostgreSQL, a cluster of its own. PostgreSQL refuses to run as root: then it runs as the user postgres.</summary>
internal sealed class PostgresServer() : ServerProcess("postgres")
{
    private static readonly string Binaries = Directory.Exists("/usr/lib/postgresql")
        ? Directory.GetDirectories("/usr/lib/postgresql").OrderDescending(StringComparer.Ordinal).Select(d => d + "/bin").FirstOrDefault() ?? "/usr/lib/postgresql/bin"
        : "/usr/lib/postgresql/bin";

    private string Data => Path.Combine(Folder, "data");

    public string ConnectionString(string database = "postgres") => $"Host=127.0.0.1;Port={Port};Username=postgres;Database={database};Timeout=5;Command Timeout=30";

    protected override ProcessStartInfo Command()
    {
        if (!File.Exists($"{Binaries}/initdb")) throw new FileNotFoundException($"{Binaries}/initdb is not installed; ./test installs what the tests need");
        if (!Directory.Exists(Data))
        {
            if (Environment.IsPrivilegedProcess) Run("/usr/bin/chown", "postgres", Folder);
            var command = AsPostgres($"{Binaries}/initdb", "-D", Data, "-U", "postgres", "-A", "trust", "-E", "UTF8", "--locale=C", "--no-sync");
            Run(command.FileName, [.. command.ArgumentList]);
        }

        // A postmaster that was killed leaves its lock file; PostgreSQL itself finds out that the process is gone.
        return AsPostgres($"{Binaries}/postgres", "-D", Data, "-p", $"{Port}", "-c", "listen_addresses=127.0.0.1", "-c", $"unix_socket_directories={Folder}");
    }

    protected override async Task<bool> ReadyAsync()
    {
        using var ready = Process.Start(new ProcessStartInfo($"{Binaries}/pg_isready", ["-q", "-h", "127.0.0.1", "-p", $"{Port}"]))!;
        await ready.WaitForExitAsync();
        return ready.ExitCode == 0;
    }

    /// <summary>setpriv executes the server in its own place, so the process id that is signalled is the postmaster's.</summary>
    private static ProcessStartInfo AsPostgres(string program, params string[] arguments) => Environment.IsPrivilegedProcess
        ? new ProcessStartInfo("/usr/bin/setpriv", ["--reuid=postgres", "--regid=postgres", "--clear-groups", program, .. arguments]) { WorkingDirectory = "/" }
        : new ProcessStartInfo(program, arguments);

    private static void Run(string program, params string[] arguments)
    {
        using var process = Process.Start(new ProcessStartInfo(program, arguments) { RedirectStandardOutput = true, RedirectStandardError = true, WorkingDirectory = "/" })!;
        var said = process.StandardOutput.ReadToEndAsync();
        var complained = process.StandardError.ReadToEnd();
        process.WaitForExit();
        if (process.ExitCode != 0) throw new InvalidOperationException($"{program} ended with {process.ExitCode}: {complained}{said.Result}");
    }
}
