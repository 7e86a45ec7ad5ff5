using System.Diagnostics;
using Npgsql;

namespace Vigil.Bench;

/// <summary>
/// A PostgreSQL of the machine's packages on a free loopback port, with its data in a temporary folder, for the duration of a run.
/// </summary>
internal sealed class TemporaryPostgres : IAsyncDisposable
{
    private readonly string folder = Path.Combine(Path.GetTempPath(), "vigil-postgres-" + Guid.NewGuid().ToString("N")[..8]);
    private readonly int port = BrokerLoad.FreePort();
    private Process? server;

    public string ConnectionString => $"Host=127.0.0.1;Port={port};Username=vigil;Database=vigil;Maximum Pool Size=40";

    /// <summary>Starts one when the arguments say <c>--postgres yes</c>; else returns null.</summary>
    public static async Task<TemporaryPostgres?> WhereAskedAsync(Arguments arguments) =>
        arguments.Text("--postgres") is "yes" ? await StartedAsync() : null;

    public static async Task<TemporaryPostgres> StartedAsync()
    {
        var postgres = new TemporaryPostgres();
        await postgres.StartAsync();
        return postgres;
    }

    public async Task<long> SizeAsync()
    {
        await using var connection = new NpgsqlConnection(ConnectionString);
        await connection.OpenAsync();
        await using var command = new NpgsqlCommand("SELECT pg_database_size('vigil')", connection);
        return (long)(await command.ExecuteScalarAsync())!;
    }

    public async ValueTask DisposeAsync()
    {
        if (server is { HasExited: false })
        {
            server.Kill(entireProcessTree: true);
            await server.WaitForExitAsync();
        }

        server?.Dispose();
        Directory.Delete(folder, recursive: true);
    }

    private async Task StartAsync()
    {
        var bin = Directory
            .GetDirectories("/usr/lib/postgresql")
            .Order(StringComparer.Ordinal)
            .Select(d => Path.Combine(d, "bin"))
            .Last(d => File.Exists(Path.Combine(d, "initdb")));
        Directory.CreateDirectory(folder);
        // PostgreSQL refuses to run as root
        string[] asPostgres = Environment.UserName == "root" ? ["runuser", "-u", "postgres", "--"] : [];
        if (asPostgres.Length > 0)
            await RunAsync(["chown", "postgres", folder]);
        await RunAsync([
            .. asPostgres,
            Path.Combine(bin, "initdb"),
            "-D",
            Path.Combine(folder, "data"),
            "-U",
            "vigil",
            "-A",
            "trust",
            "-E",
            "UTF8",
        ]);
        server = Start([
            .. asPostgres,
            Path.Combine(bin, "postgres"),
            "-D",
            Path.Combine(folder, "data"),
            "-p",
            $"{port}",
            "-k",
            folder,
            "-c",
            "listen_addresses=127.0.0.1",
        ]);
        for (var tries = 0; ; tries++)
        {
            try
            {
                await using var connection = new NpgsqlConnection(
                    ConnectionString.Replace("Database=vigil", "Database=postgres", StringComparison.Ordinal)
                );
                await connection.OpenAsync();
                await using var command = new NpgsqlCommand("CREATE DATABASE vigil", connection);
                await command.ExecuteNonQueryAsync();
                return;
            }
            catch (NpgsqlException) when (tries < 600 && !server.HasExited)
            {
                await Task.Delay(TimeSpan.FromMilliseconds(100), TimeProvider.System);
            }
        }
    }

    private static async Task RunAsync(string[] command)
    {
        using var process = Start(command);
        await process.WaitForExitAsync();
        if (process.ExitCode != 0)
            throw new InvalidOperationException($"{string.Join(' ', command)} ended with {process.ExitCode}");
    }

    private static Process Start(string[] command)
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
