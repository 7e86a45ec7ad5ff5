using System.Diagnostics;
using Npgsql;
using Vigil.Model;

namespace Vigil.Host.Backup;

/// <summary>PostgreSQL's own tools: a dump is a consistent snapshot while others write; a restore is one transaction.</summary>
internal static class PostgresTools
{
    public static Task DumpAsync(string connectionString, string file, CancellationToken cancellation) =>
        RunAsync(
            "pg_dump",
            connectionString,
            ["--format=custom", "--no-owner", "--no-privileges", "--no-password", $"--file={file}"],
            cancellation
        );

    public static Task RestoreAsync(string connectionString, string file, CancellationToken cancellation) =>
        RunAsync(
            "pg_restore",
            connectionString,
            ["--no-owner", "--no-privileges", "--no-password", "--single-transaction", "--exit-on-error", file],
            cancellation
        );

    private static async Task RunAsync(string tool, string connectionString, string[] arguments, CancellationToken cancellation)
    {
        var to = new NpgsqlConnectionStringBuilder(connectionString);
        if (Find(tool) is not { } program)
            throw new UnusableDataException(
                $"{tool} is not installed here (Debian: postgresql-client), and records in PostgreSQL are copied with it. Install "
                    + $"it; or use the server's own backups and say so with Backup:Postgres=elsewhere."
            );
        var start = new ProcessStartInfo(program, [.. arguments, $"--dbname={to.Database}"]) { RedirectStandardError = true };
        start.Environment["PGHOST"] = to.Host;
        start.Environment["PGPORT"] = $"{to.Port}";
        start.Environment["PGUSER"] = to.Username;
        if (to.Password is { Length: > 0 } password)
            start.Environment["PGPASSWORD"] = password; // not on the command line, which other users of the machine can read
        using var process = Process.Start(start) ?? throw new IOException($"{program} could not be started");
        var complaint = await process.StandardError.ReadToEndAsync(cancellation);
        await process.WaitForExitAsync(cancellation);
        if (process.ExitCode != 0)
            throw new IOException($"{tool} ended with {process.ExitCode}: {complaint.Trim().ReplaceLineEndings(" ")}");
    }

    private static string? Find(string tool) =>
        (Environment.GetEnvironmentVariable("PATH") ?? "")
            .Split(Path.PathSeparator)
            .Where(f => f.Length > 0)
            .Select(f => Path.Combine(f, tool))
            .FirstOrDefault(File.Exists);
}
