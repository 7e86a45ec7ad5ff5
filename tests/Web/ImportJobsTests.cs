using System.Text;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.Logging.Abstractions;
using Vigil.Registry;
using Vigil.Storage.Records;
using Vigil.Tests.Registry;
using Vigil.Tests.Storage.Records;
using Vigil.Web.Operations;

namespace Vigil.Tests.Web;

/// <summary>Imports in the background: they go on without their page, and are stopped with nothing written.</summary>
public sealed class ImportJobsTests : IDisposable
{
    private readonly string folder = Directory.CreateTempSubdirectory("vigil-jobs-").FullName;

    private static CancellationToken Stop => TestContext.Current.CancellationToken;

    public void Dispose()
    {
        Microsoft.Data.Sqlite.SqliteConnection.ClearAllPools();
        Directory.Delete(folder, recursive: true);
    }

    [Fact]
    public async Task An_import_goes_on_without_its_page_and_is_found_again_by_its_account()
    {
        var (records, jobs) = await ReadyAsync();
        Assert.Null(await jobs.BeginAsync("a", "homes.csv", File(ImportedFile.Homes(3000)), new ImportOptions(), Stop));
        Assert.Null(jobs.Of("b"));
        var job = jobs.Of("a")!;
        await ReachedAsync(job, ImportStage.Checked);
        Assert.Contains("3000", job.Outcome.Summary.En, StringComparison.Ordinal);
        Assert.True(job.Import());
        Assert.False(job.Import()); // pressed on a second page
        await ReachedAsync(jobs.Of("a")!, ImportStage.Written);
        await using var db = await records.CreateDbContextAsync(Stop);
        Assert.Equal(3000, await db.Residents.CountAsync(Stop));
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task An_import_that_is_cancelled_has_written_nothing_and_can_be_checked_again(bool afterImport)
    {
        var (records, jobs) = await ReadyAsync();
        Assert.Null(await jobs.BeginAsync("a", "homes.csv", File(ImportedFile.Homes(3000)), new ImportOptions(), Stop));
        var job = jobs.Of("a")!;
        await ReachedAsync(job, ImportStage.Checked);
        var asked = 0;
        void CancelAtTheFirstRows()
        {
            if (job.Progress.Rows > 0 && job.MayBeCancelled && Interlocked.Exchange(ref asked, 1) == 0)
                job.Cancel();
        }

        job.Changed += CancelAtTheFirstRows;
        if (afterImport)
            Assert.True(job.Import());
        else
            job.Check(new ImportOptions());
        await ReachedAsync(job, ImportStage.Cancelled);
        job.Changed -= CancelAtTheFirstRows;
        await using var db = await records.CreateDbContextAsync(Stop);
        Assert.Equal(0, await db.Residents.CountAsync(Stop));
        Assert.Equal(0, await db.ImportRuns.CountAsync(Stop));
        job.Check(new ImportOptions());
        await ReachedAsync(job, ImportStage.Checked);
        Assert.True(job.Import());
        await ReachedAsync(job, ImportStage.Written);
        Assert.Equal(3000, await db.Residents.CountAsync(Stop));
    }

    [Fact]
    public async Task An_import_that_is_cancelled_while_it_is_written_has_written_nothing()
    {
        var (records, jobs) = await ReadyAsync();
        Assert.Null(await jobs.BeginAsync("a", "homes.csv", File(ImportedFile.Homes(3000)), new ImportOptions(), Stop));
        var job = jobs.Of("a")!;
        await ReachedAsync(job, ImportStage.Checked);
        var seen = new System.Collections.Concurrent.ConcurrentQueue<(bool TakenBack, bool MayBeCancelled)>();
        void CancelWhileItIsWritten()
        {
            seen.Enqueue((job.IsTakenBack, job.MayBeCancelled));
            if (job.Progress is { Writing: true, Rows: >= 1000 } && job.MayBeCancelled)
                job.Cancel();
        }

        job.Changed += CancelWhileItIsWritten;
        Assert.True(job.Import());
        await ReachedAsync(job, ImportStage.Cancelled);
        job.Changed -= CancelWhileItIsWritten;
        Assert.Contains((true, false), seen);
        await using var db = await records.CreateDbContextAsync(Stop);
        Assert.Equal((0, 0), (await db.Residents.CountAsync(Stop), await db.Devices.CountAsync(Stop)));
        Assert.Equal(0, await db.ImportRuns.CountAsync(Stop));
        job.Check(new ImportOptions());
        await ReachedAsync(job, ImportStage.Checked);
        Assert.True(job.Import());
        await ReachedAsync(job, ImportStage.Written);
        Assert.Equal(3000, await db.Residents.CountAsync(Stop));
    }

    [Fact]
    public async Task What_was_uploaded_has_no_name_on_the_disk_and_another_file_takes_its_place()
    {
        var (_, jobs) = await ReadyAsync();
        Assert.Null(await jobs.BeginAsync("a", "first.csv", File(ImportedFile.Homes(10)), new ImportOptions(), Stop));
        Assert.DoesNotContain(
            Directory.EnumerateFiles(folder, "*", SearchOption.AllDirectories),
            f => f.Contains("uploads", StringComparison.Ordinal)
        );
        Assert.NotNull(await jobs.BeginAsync("a", "notes.txt", File("x"), new ImportOptions(), Stop));
        Assert.Equal("first.csv", jobs.Of("a")!.Name);
        Assert.Null(await jobs.BeginAsync("a", "second.csv", File("姓名,区划代码\n"), new ImportOptions(), Stop));
        var job = jobs.Of("a")!;
        await ReachedAsync(job, ImportStage.Checked);
        Assert.Equal("缺少列：编号", Assert.Single(job.Outcome.Problems).Message.Zh);
        Assert.False(job.Import());
    }

    private async Task<(RecordsFactory Records, ImportJobs Jobs)> ReadyAsync()
    {
        var records = await FreshRecords.SqliteAsync(Path.Combine(folder, "records"));
        return (
            records,
            new ImportJobs(
                () => new RegistryImport(records, ImportedFile.Clock(), p => p == "senml"),
                Path.Combine(folder, "uploads"),
                TimeProvider.System,
                NullLogger<ImportJobs>.Instance
            )
        );
    }

    private static MemoryStream File(string text) => new(Encoding.UTF8.GetBytes(text));

    private static async Task ReachedAsync(ImportJob job, ImportStage stage)
    {
        var reached = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        void Look()
        {
            if (job.Stage == stage)
                reached.TrySetResult();
        }

        job.Changed += Look;
        Look();
        await reached.Task.WaitAsync(TimeSpan.FromMinutes(1), Stop);
        job.Changed -= Look;
    }
}
