using Vigil.Host.Intake;
using Vigil.Model;
using Vigil.Storage.Readings;

namespace Vigil.Host;

/// <summary>
/// What the rules know, in the folder <c>rules</c> of the data: snapshots, saved one partition after another, and what the known homes
/// teach of new ones.
/// </summary>
internal sealed partial class RuleStore(
    string folder,
    RulePartitions rules,
    UncommittedFindings uncommitted,
    Troubles troubles,
    TimeProvider clock,
    ILogger log
)
{
    private static readonly TimeSpan SaveAllWithin = TimeSpan.FromMinutes(5);

    private const string NotSaved = "rules snapshots";

    private long saved = clock.GetTimestamp();
    private int partition;

    /// <summary>
    /// Saves all partitions in the next turns. Called when the clock was set: from snapshots of the old time a start after a crash would
    /// find things a second time.
    /// </summary>
    public void SaveAgain() => Interlocked.Exchange(ref partition, 0);

    /// <summary>Not all partitions have been saved since the start, or since the clock was set.</summary>
    public bool SavesAll => Volatile.Read(ref partition) < rules.Count;

    /// <summary>Reads what was saved; see <see cref="RulePartitions.Load"/>.</summary>
    public (DateTime ReplayFrom, DateTime? Newest) Load(DateTime relearn, Action<string, string> damaged, DateTime started)
    {
        rules.Use(PriorsFile.Read(folder, out var unread));
        if (unread is not null)
            LogPriorsUnread(log, unread);
        return rules.Load(folder, relearn, damaged, started);
    }

    /// <summary>Applies the stored readings that arrived since the snapshots.</summary>
    /// <param name="readings">The store.</param>
    /// <param name="registry">Says whose device it is.</param>
    /// <param name="from">Arrival of the first.</param>
    /// <param name="started">When the service started: an arrival after it was measured by a clock that was ahead.</param>
    /// <param name="missed">Gets what the rules find.</param>
    /// <param name="cancellation">Stops between two readings.</param>
    /// <returns>How many there were; the newest arrival until the start, null without one.</returns>
    public async Task<(int Count, DateTime? Newest)> ReplayAsync(
        IReadingStore readings,
        LiveRegistry registry,
        DateTime from,
        DateTime started,
        List<Finding> missed,
        CancellationToken cancellation
    )
    {
        var moved = await registry.MovedSinceAsync(from, cancellation);
        var (count, newest) = (0, (DateTime?)null);
        try
        {
            await foreach (var reading in readings.ReceivedSinceAsync(from, cancellation))
            {
                count++;
                if (reading.Received <= started && (newest is null || reading.Received > newest))
                    newest = reading.Received;
                // Of the home that the device was in when it was heard: that of a meter replaced since, and not the home it is in now.
                if (moved.HomeOf(reading.Device.Value, reading.Received, registry) is { } resident)
                    rules.Replay(resident, reading, missed);
            }
        }
        catch (ReadingStoreException e)
        {
            // Alarms must not wait for a readings server that is down (invariant 2): the rules continue from the snapshot alone.
            LogNoReplay(log, e.Message);
        }

        return (count, newest);
    }

    /// <summary>
    /// Saves the next partition, where its time has come, so that all are saved within five minutes. After a start they are saved at once,
    /// so that after a crash the downtime isn't excused a second time.
    /// </summary>
    /// <param name="now">When the turn began.</param>
    public async Task SaveNextAsync(DateTime now)
    {
        if (!SavesAll)
        {
            if (clock.GetElapsedTime(saved) < SaveAllWithin / rules.Count)
                return;
            saved = clock.GetTimestamp();
        }

        var next = partition;
        // The clock may have been set back since this turn began. Too early a time only means that some readings are replayed again.
        var taken = clock.GetUtcNow().UtcDateTime is var later && later < now ? later : now;
        // Before the write: a partition that can't be written, as on a full disk, is tried again after the others, not at once.
        Interlocked.CompareExchange(ref partition, next + 1, next);
        await SaveAsync(next % rules.Count, taken);
    }

    /// <summary>Saves all partitions, at a stop.</summary>
    public async Task SaveAllAsync()
    {
        for (var p = 0; p < rules.Count; p++)
            await SaveAsync(p, clock.GetUtcNow().UtcDateTime);
    }

    /// <summary>What the known homes teach of new ones. Where it can't be written it is learned again next time.</summary>
    public void LearnPriors()
    {
        if (rules.LearnPriors() is not { } priors)
            return;
        try
        {
            PriorsFile.Write(folder, priors);
            rules.Use(priors);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            LogNoPriors(log, e.Message);
        }
    }

    /// <summary>
    /// A snapshot that can't be written is reported, but doesn't fail the turn: the next start replays the readings it lacks.
    /// </summary>
    private async Task SaveAsync(int next, DateTime taken)
    {
        try
        {
            await rules.SaveAsync(folder, next, taken, uncommitted.SettledAsync);
            troubles.Over(NotSaved);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            troubles.Say(
                NotSaved,
                $"what the rules know can't be saved in {folder}: {e.Message}",
                $"规则状态无法保存到 {folder}，原因见运行日志"
            );
        }
    }

    [LoggerMessage(
        Level = LogLevel.Error,
        Message = "The readings since the snapshot can't be read, so the rules go on from the snapshot alone: {Reason}"
    )]
    private static partial void LogNoReplay(ILogger logger, string reason);

    [LoggerMessage(
        Level = LogLevel.Warning,
        Message = "What the known homes have taught of new ones can't be read, and is learned again; until then as shipped: {Reason}"
    )]
    private static partial void LogPriorsUnread(ILogger logger, string reason);

    [LoggerMessage(
        Level = LogLevel.Warning,
        Message = "What the known homes teach of new ones can't be written, and stays as it was: {Reason}"
    )]
    private static partial void LogNoPriors(ILogger logger, string reason);
}
