using System.Collections.Concurrent;
using Microsoft.Extensions.Logging;
using Vigil.Model;
using Vigil.Registry;

namespace Vigil.Web.Operations;

/// <summary>
/// Imports that run in the background of the console: each goes on when its page is closed, and is found again by whoever began it. An
/// account has one at a time, and two are checked at once at most, so that uploads can't use up a machine that watches over people.
/// </summary>
/// <param name="folder">Where an uploaded file lies while it is needed.</param>
public sealed class ImportJobs(Func<RegistryImport> import, string folder, TimeProvider clock, ILogger<ImportJobs> log) : IDisposable
{
    /// <summary>Bytes of an uploaded file: some 400,000 residents as CSV.</summary>
    public const long Largest = 256L << 20;

    private readonly ConcurrentDictionary<string, ImportJob> jobs = new(StringComparer.Ordinal);
    private readonly SemaphoreSlim room = new(2);

    /// <summary>The import that this account began last; null when there is none.</summary>
    public ImportJob? Of(string who) => jobs.GetValueOrDefault(who);

    /// <summary>
    /// Takes an uploaded file and begins to check it. What the same account had before is forgotten, unless it is being written.
    /// </summary>
    /// <returns>Why it isn't taken; null when it is.</returns>
    public async Task<Wording?> BeginAsync(string who, string name, Stream upload, ImportOptions options, CancellationToken cancellation)
    {
        if (Path.GetExtension(name).ToUpperInvariant() is not (".CSV" or ".XLSX"))
            return new Wording("the name of the file ends in neither .csv nor .xlsx", "文件名应以 .csv 或 .xlsx 结尾");
        if (Of(who)?.Stage is ImportStage.Writing)
            return new Wording("your last import is still being written", "您上次的导入仍在写入");
        var file = Open(folder);
        try
        {
            await upload.CopyToAsync(file, cancellation);
        }
        catch
        {
            await file.DisposeAsync();
            throw;
        }

        var job = new ImportJob(import, room, file, Path.GetFileName(name), options, clock, log);
        ImportJob? before = null;
        jobs.AddOrUpdate(
            who,
            job,
            (_, there) =>
            {
                before = there;
                return job;
            }
        );
        before?.Dispose();
        job.Check(options);
        return null;
    }

    /// <summary>Somebody's file is read once more to be written, or is being written.</summary>
    public bool IsWriting => jobs.Values.Any(j => j.Stage is ImportStage.Writing);

    /// <summary>
    /// Forgets what was uploaded and isn't being written: somebody was erased, who may stand in it and would be imported again.
    /// </summary>
    public void Forget()
    {
        foreach (var (who, job) in jobs)
            if (job.Stage is not ImportStage.Writing && jobs.TryRemove(KeyValuePair.Create(who, job)))
                job.Dispose();
    }

    public void Dispose()
    {
        foreach (var job in jobs.Values)
            job.Dispose();
        room.Dispose();
    }

    /// <summary>Without a name from the first moment on: the file is gone with the process, however that ends.</summary>
    private static FileStream Open(string folder)
    {
        Directory.CreateDirectory(folder);
        var path = Path.Combine(folder, Guid.NewGuid().ToString("N"));
        var file = new FileStream(
            path,
            FileMode.CreateNew,
            FileAccess.ReadWrite,
            FileShare.Delete,
            1 << 16,
            FileOptions.DeleteOnClose | FileOptions.Asynchronous
        );
        if (!OperatingSystem.IsWindows())
            File.Delete(path);
        return file;
    }
}
