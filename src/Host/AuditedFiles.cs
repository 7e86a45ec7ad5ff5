using System.Security.Cryptography;
using Microsoft.EntityFrameworkCore;
using Vigil.Storage.Records;

namespace Vigil.Host;

/// <summary>Writes into the audit log with which files the service works, and every change of them.</summary>
internal sealed class AuditedFiles(IDbContextFactory<RecordsDb> records, IReadOnlyList<FollowedFile> files, TimeProvider clock)
{
    private readonly Dictionary<FollowedFile, DateTime?> inForce = [];

    public async Task RecordStartAsync(CancellationToken cancellation)
    {
        foreach (var file in files)
            inForce[file] = file.InForce;
        await records.AddAsync(
            clock.GetUtcNow().UtcDateTime,
            "service",
            "start",
            "service",
            string.Join(", ", files.Select(f => Named(f.Path))),
            cancellation
        );
    }

    public async Task RecordChangesAsync(CancellationToken cancellation)
    {
        foreach (var file in files)
        {
            // Not yet recorded: the service is stopped before this has begun.
            if (file.InForce is not { } written || !inForce.TryGetValue(file, out var before) || written == before)
                continue;
            inForce[file] = written;
            await records.AddAsync(
                clock.GetUtcNow().UtcDateTime,
                "service",
                file.Name,
                "service",
                "in force: " + Named(file.Path),
                cancellation
            );
        }
    }

    private static string Named(string path) =>
        $"{Path.GetFileName(path)} "
        + $"{(File.Exists(path) ? Convert.ToHexString(SHA256.HashData(File.ReadAllBytes(path)))[..16].ToLowerInvariant() : "missing")}";
}
