using System.Diagnostics;
using System.Net;
using System.Net.Sockets;

namespace Vigil.Tests.Servers;

/// <summary>
/// A real PostgreSQL on a free loopback port, with its data in a temporary folder. It is started once for all tests that share it and
/// stopped by its process id.
/// </summary>
public sealed class PostgresServer : IAsyncLifetime
{
    private readonly string folder = Path.Combine(Path.GetTempPath(), "vigil-postgres-" + Guid.NewGuid().ToString("N")[..8]);
    private Process? server;
    private int databases;

    public int Port { get; private set; }

    public async ValueTask InitializeAsync()
    {
        var bin = Directory
            .GetDirectories("/usr/lib/postgresql")
            .Order()
            .Select(d => Path.Combine(d, "bin"))
            .Last(d => File.Exists(Path.Combine(d, "initdb")));
        Directory.CreateDirectory(folder);
        if (Environment.UserName == "root")
            await RunAsync("chown", "postgres", folder); // PostgreSQL refuses to run as root
        await RunAsync([
            .. AsPostgres(),
            Path.Combine(bin, "initdb"),
            "-D",
            Path.Combine(folder, "data"),
            "-U",
            "vigil",
            "-A",
            "trust",
            "-E",
            "UTF8",
            "--no-sync",
        ]);
        Port = Server.FreePort();
        await StartAsync();
    }

    /// <summary>
    /// Starts the server and returns when it accepts connections. After <see cref="KillAsync"/> it starts again with the same data and
    /// port.
    /// </summary>
    public async Task StartAsync()
    {
        var bin = Directory
            .GetDirectories("/usr/lib/postgresql")
            .Order()
            .Select(d => Path.Combine(d, "bin"))
            .Last(d => File.Exists(Path.Combine(d, "initdb")));
        server?.Dispose();
        server = Start([
            .. AsPostgres(),
            Path.Combine(bin, "postgres"),
            "-D",
            Path.Combine(folder, "data"),
            "-p",
            $"{Port}",
            "-k",
            folder,
            "-c",
            "listen_addresses=127.0.0.1",
            "-c",
            "max_connections=200",
        ]);
        while (true)
        {
            if (server.HasExited)
                throw new InvalidOperationException($"PostgreSQL ended with {server.ExitCode}");
            try
            {
                await using var connection = new Npgsql.NpgsqlConnection(ConnectionString("postgres"));
                await connection.OpenAsync();
                return;
            }
            catch (Npgsql.NpgsqlException)
            {
                await Task.Delay(TimeSpan.FromMilliseconds(100), TimeProvider.System);
            }
        }
    }

    /// <summary>kill -9 of the postmaster and all its backends, as when the machine is lost.</summary>
    public async Task KillAsync()
    {
        await SignalAsync("KILL");
        await server!.WaitForExitAsync();
    }

    /// <summary>SIGSTOP: connections stay open and are still accepted by the kernel, but nothing is answered.</summary>
    public Task FreezeAsync() => SignalAsync("STOP");

    public Task ThawAsync() => SignalAsync("CONT");

    /// <summary>Signals the postmaster first, so that it starts no further backend, then its children.</summary>
    private async Task SignalAsync(string signal)
    {
        var postmaster = (await File.ReadAllLinesAsync(Path.Combine(folder, "data", "postmaster.pid")))[0];
        var children = (await File.ReadAllTextAsync($"/proc/{postmaster}/task/{postmaster}/children")).Split(
            ' ',
            StringSplitOptions.RemoveEmptyEntries
        );
        await RunAsync("kill", $"-{signal}", postmaster);
        foreach (var child in children)
        {
            using var one = Start("kill", $"-{signal}", child); // it may have ended already
            await one.WaitForExitAsync();
        }
    }

    /// <summary>Creates an empty database and returns its connection string.</summary>
    public async Task<string> CreateDatabaseAsync()
    {
        var name = $"test{Interlocked.Increment(ref databases)}";
        await using var connection = new Npgsql.NpgsqlConnection(ConnectionString("postgres"));
        await connection.OpenAsync();
        await using var command = connection.CreateCommand();
        command.CommandText = $"CREATE DATABASE {name}";
        await command.ExecuteNonQueryAsync();
        return ConnectionString(name);
    }

    public async ValueTask DisposeAsync()
    {
        if (server is { HasExited: false })
        {
            // runuser passes SIGTERM on; all its children are ours
            server.Kill(entireProcessTree: true);
            await server.WaitForExitAsync();
        }

        server?.Dispose();
        try
        {
            Directory.Delete(folder, recursive: true);
        }
        catch (IOException)
        {
            // a server that is ending may still write; the system cleans its temporary folder anyway
        }
    }

    private string ConnectionString(string database) =>
        $"Host=127.0.0.1;Port={Port};Username=vigil;Database={database};Include Error Detail=true;Maximum Pool Size=40";

    private static string[] AsPostgres() => Environment.UserName == "root" ? ["runuser", "-u", "postgres", "--"] : [];

    private static async Task RunAsync(params string[] command)
    {
        using var process = Start(command);
        await process.WaitForExitAsync();
        if (process.ExitCode != 0)
            throw new InvalidOperationException($"{string.Join(' ', command)} ended with {process.ExitCode}");
    }

    private static Process Start(params string[] command)
    {
        var process = new Process
        {
            StartInfo = new ProcessStartInfo(command[0], command[1..]) { RedirectStandardOutput = true, RedirectStandardError = true },
        };
        process.OutputDataReceived += (_, _) => { };
        process.ErrorDataReceived += (_, _) => { };
        process.Start();
        process.BeginOutputReadLine();
        process.BeginErrorReadLine();
        return process;
    }
}
