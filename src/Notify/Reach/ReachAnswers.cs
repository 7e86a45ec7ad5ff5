using Microsoft.EntityFrameworkCore;
using Vigil.Model;
using Vigil.Storage.Records;

namespace Vigil.Notify.Reach;

/// <summary>
/// What comes back of a reach test: a key pressed, the code sent back, the link confirmed; and providers' receipts. An answer to a test is
/// no answer to an alarm, nor the other way round: they have ids and codes of their own.
/// </summary>
public sealed class ReachAnswers(IDbContextFactory<RecordsDb> records, ReachOptions options, TimeProvider clock)
{
    /// <summary>A number was verified, or failed.</summary>
    public event Action<string>? Changed;

    public async Task<ReachTest?> FindAsync(Guid? id, CancellationToken cancellation)
    {
        if (id is null)
            return null;
        await using var db = await records.CreateDbContextAsync(cancellation);
        return await db.ReachTests.AsNoTracking().FirstOrDefaultAsync(t => t.Id == id, cancellation);
    }

    public async Task<ReachTest?> FindAsync(string address, CancellationToken cancellation)
    {
        await using var db = await records.CreateDbContextAsync(cancellation);
        return await db.ReachTests.AsNoTracking().FirstOrDefaultAsync(t => t.Address == address, cancellation);
    }

    /// <param name="provider">Whose call it is.</param>
    /// <param name="providerId">The provider's id.</param>
    /// <param name="cancellation">Ends it.</param>
    /// <param name="mayBe">Which test it is where the provider's id never arrived: the answer to the request was lost.</param>
    public async Task<ReachTest?> FindCallAsync(
        string provider,
        string providerId,
        CancellationToken cancellation,
        Func<Guid, bool>? mayBe = null
    )
    {
        await using var db = await records.CreateDbContextAsync(cancellation);
        var calls = db.ReachTests.AsNoTracking().Where(t => t.Provider == provider);
        if (providerId.Length > 0 && await calls.FirstOrDefaultAsync(t => t.ProviderId == providerId, cancellation) is { } known)
            return known;
        if (mayBe is null)
            return null;
        var since = clock.GetUtcNow().UtcDateTime.AddHours(-3);
        var lost = await calls
            .Where(t => t.State == ReachState.Asked && t.Channel == Channel.Voice && t.ProviderId == null && t.AskedAt >= since)
            .ToListAsync(cancellation);
        return lost.Find(t => mayBe(t.Id));
    }

    /// <summary>Somebody answered: the number is verified. Also after a test was given up, for a late answer is one.</summary>
    /// <param name="id">Of the test.</param>
    /// <param name="by">The way the answer came, which is open then; null for a link.</param>
    /// <param name="cancellation">Ends it.</param>
    public async Task AnsweredAsync(Guid id, Channel? by, CancellationToken cancellation)
    {
        await using var db = await records.CreateDbContextAsync(cancellation);
        if (await db.ReachTests.FirstOrDefaultAsync(t => t.Id == id, cancellation) is not { AskedAt: not null } test)
            return;
        var now = clock.GetUtcNow().UtcDateTime;
        // The code stays: the same text sent again, or late, is no guess.
        (test.State, test.VerifiedAt, test.Reason) = (ReachState.Idle, now, Wording.None);
        test.DueAt = Next(now);
        if (by is { } way)
            db.BlockedNumbers.RemoveRange(
                await db.BlockedNumbers.Where(b => b.Address == test.Address && b.Channel == way).ToListAsync(cancellation)
            );
        await db.SaveChangesAsync(cancellation);
        Changed?.Invoke(test.Address);
    }

    /// <summary>What a provider says of a message or call.</summary>
    /// <param name="delivered">Null: it is on its way. That it was delivered is no answer.</param>
    /// <param name="blocked">The number takes nothing this way any more.</param>
    /// <returns>False when no test is known by these ids.</returns>
    public async Task<bool> ReceiptAsync(
        string provider,
        string providerId,
        Guid? id,
        bool? delivered,
        Wording reason,
        bool blocked,
        CancellationToken cancellation
    )
    {
        await using var db = await records.CreateDbContextAsync(cancellation);
        var test = id is null ? null : await db.ReachTests.FirstOrDefaultAsync(t => t.Id == id, cancellation);
        if (providerId.Length > 0)
            test ??= await db.ReachTests.FirstOrDefaultAsync(t => t.Provider == provider && t.ProviderId == providerId, cancellation);
        if (test is null)
            return false;
        // One that came late is of an earlier message, of which it says nothing any more.
        if (test.State != ReachState.Asked || (test.ProviderId is { } mine && mine != providerId) || delivered != false)
            return true;
        if (blocked)
            await BlockAsync(db, test, reason, cancellation);
        // Another way is tried, or it has failed: the next cycle knows.
        (test.State, test.Reason, test.DueAt) = (ReachState.Waiting, reason, clock.GetUtcNow().UtcDateTime);
        await db.SaveChangesAsync(cancellation);
        return true;
    }

    /// <summary>The test has failed; the caller saves.</summary>
    internal void Fail(ReachTest test, Wording reason)
    {
        var now = clock.GetUtcNow().UtcDateTime;
        (test.State, test.FailedAt, test.Reason, test.DueAt) = (ReachState.Idle, now, reason, Next(now));
    }

    internal void Announce(string address) => Changed?.Invoke(address);

    /// <summary>When it is tested again; null when nobody has to be asked regularly.</summary>
    internal DateTime? Next(DateTime now) => options.ReachTestDays > 0 ? now.AddDays(options.ReachTestDays) : null;

    /// <summary>
    /// A way to the number is open again: where its test has failed, it is tested anew, that way too, instead of in a month or never.
    /// </summary>
    internal static Task UnblockedAsync(RecordsDb db, string address, DateTime now, CancellationToken cancellation) =>
        db
            .ReachTests.Where(t => t.Address == address && t.State == ReachState.Idle)
            .Where(t => t.FailedAt != null && (t.VerifiedAt == null || t.VerifiedAt <= t.FailedAt))
            .ExecuteUpdateAsync(
                u => u.SetProperty(t => t.State, ReachState.Waiting).SetProperty(t => t.Attempts, 0).SetProperty(t => t.DueAt, now),
                cancellation
            );

    /// <summary>Remembered for alarms too.</summary>
    internal async Task BlockAsync(RecordsDb db, ReachTest test, Wording reason, CancellationToken cancellation)
    {
        if (
            test.Channel is not (Channel.Sms or Channel.Voice)
            || await db.BlockedNumbers.AnyAsync(b => b.Address == test.Address && b.Channel == test.Channel, cancellation)
        )
            return;
        db.BlockedNumbers.Add(
            new BlockedNumber
            {
                Id = clock.NewId(),
                Address = test.Address,
                Channel = test.Channel,
                Reason = reason.En,
                Since = clock.GetUtcNow().UtcDateTime,
            }
        );
    }
}
