using Microsoft.Extensions.Logging;
using Vigil.Model;
using Vigil.Registry;

namespace Vigil.Web.Operations;

/// <summary>How far a background import has come.</summary>
public enum ImportStage
{
    /// <summary>The file is being read; nothing is written.</summary>
    Checking,

    /// <summary>It was read; what is wrong with it, or would change, is known.</summary>
    Checked,

    /// <summary>Asked to import: it is read once more, and then written; or taken back, where it is cancelled meanwhile.</summary>
    Writing,

    /// <summary>It is written, but for rows that are said.</summary>
    Written,

    /// <summary>It was stopped, and nothing of it is written.</summary>
    Cancelled,

    /// <summary>It ended with an error of the service's own, which the log holds.</summary>
    Failed,
}

/// <summary>One file: checked, and imported when its person says so.</summary>
public sealed partial class ImportJob : IProgress<ImportProgress>, IDisposable
{
    private readonly Func<RegistryImport> import;
    private readonly SemaphoreSlim room;
    private readonly FileStream file;
    private readonly TimeProvider clock;
    private readonly ILogger log;
    private readonly Lock gate = new();
    private CancellationTokenSource stop = new();

    /// <summary>Only by a person: when the service stops, what is being written is written to its end after the next start.</summary>
    private CancellationTokenSource takeBack = new();
    private Task running = Task.CompletedTask;
    private bool disposed;

    internal ImportJob(
        Func<RegistryImport> import,
        SemaphoreSlim room,
        FileStream file,
        string name,
        ImportOptions options,
        TimeProvider clock,
        ILogger log
    )
    {
        (this.import, this.room, this.file, this.clock, this.log) = (import, room, file, clock, log);
        (Name, Options, Pace) = (name, options, new ImportPace(clock));
    }

    /// <summary>Of the file, as its person knows it.</summary>
    public string Name { get; }

    public ImportOptions Options { get; private set; }

    public ImportStage Stage { get; private set; }

    /// <summary>Of the stage that runs.</summary>
    public ImportProgress Progress { get; private set; }

    public ImportPace Pace { get; private set; }

    public ImportOutcome Outcome { get; private set; } = new([], Wording.None, new ImportChanges());

    /// <summary>Raised in the import's own thread, some times a second at most.</summary>
    public event Action? Changed;

    /// <summary>Whether it can still be stopped with nothing written.</summary>
    public bool MayBeCancelled => Stage is ImportStage.Checking or ImportStage.Writing && !takeBack.IsCancellationRequested;

    /// <summary>It was cancelled while it was written.</summary>
    public bool IsTakenBack => Stage is ImportStage.Writing && Progress.Writing && takeBack.IsCancellationRequested;

    /// <summary>Checks the file, also once more with other options.</summary>
    public void Check(ImportOptions options) => Start(ImportStage.Checking, options with { DryRun = true });

    /// <summary>Imports what was checked.</summary>
    /// <returns>False when it is not at that point: somebody was faster on another page.</returns>
    public bool Import()
    {
        lock (gate)
        {
            if (Stage is not ImportStage.Checked || Outcome.Problems.Count > 0)
                return false;
            Start(ImportStage.Writing, Options with { DryRun = false });
            return true;
        }
    }

    /// <summary>Stops it; what is written by then is taken back.</summary>
    public void Cancel()
    {
        lock (gate)
            if (!disposed)
            {
                stop.Cancel();
                takeBack.Cancel();
            }

        Changed?.Invoke();
    }

    public void Report(ImportProgress value)
    {
        Progress = value;
        Pace.Report(value);
        Changed?.Invoke();
    }

    public void Dispose()
    {
        lock (gate)
        {
            if (disposed)
                return;
            disposed = true;
            stop.Cancel();
            running = running.ContinueWith(
                _ =>
                {
                    file.Dispose();
                    stop.Dispose();
                    takeBack.Dispose();
                },
                TaskScheduler.Default
            );
        }
    }

    private void Start(ImportStage stage, ImportOptions options)
    {
        lock (gate)
        {
            if (disposed || (stage is ImportStage.Checking && Stage is ImportStage.Writing or ImportStage.Written))
                return;
            stop.Cancel();
            var before = running;
            var mine = stop = new CancellationTokenSource();
            var back = takeBack = new CancellationTokenSource();
            (Stage, Progress, Pace, Options) = (stage, default, new ImportPace(clock), options);
            running = Task.Run(() => RunAsync(before, options, mine, back));
        }

        Changed?.Invoke();
    }

    private async Task RunAsync(Task before, ImportOptions options, CancellationTokenSource mine, CancellationTokenSource back)
    {
        await before;
        var (stage, outcome) = (ImportStage.Failed, Outcome);
        try
        {
            await room.WaitAsync(mine.Token);
            try
            {
                file.Position = 0;
                outcome = await import().ImportAsync(file, Name, options, this, mine.Token, back.Token);
                stage = outcome.Written ? ImportStage.Written : ImportStage.Checked;
            }
            finally
            {
                room.Release();
            }
        }
        catch (OperationCanceledException) when (mine.IsCancellationRequested || back.IsCancellationRequested)
        {
            stage = ImportStage.Cancelled;
        }
        catch (Exception e) when (e is not OutOfMemoryException)
        {
            LogFailed(log, Name, e);
        }

        if (stage == ImportStage.Written)
            await file.DisposeAsync(); // it isn't needed any more
        lock (gate)
            if (stop == mine)
                (Stage, Outcome) = (stage, outcome);
            else
            {
                mine.Dispose();
                back.Dispose();
            }

        Changed?.Invoke();
    }

    [LoggerMessage(Level = LogLevel.Error, Message = "The import of {File} ended with an error")]
    private static partial void LogFailed(ILogger logger, string file, Exception e);
}
