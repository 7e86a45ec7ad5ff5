using Microsoft.EntityFrameworkCore;
using Vigil.Model;
using Vigil.Storage.Records;

namespace Vigil.Web.Operations;

/// <summary>What somebody has written down of a decision.</summary>
/// <param name="Name">Of a guardian or family member.</param>
/// <param name="Relation">To the resident.</param>
/// <param name="On">The day it was said or signed.</param>
/// <param name="How">On which paper, or how.</param>
internal sealed record DecisionMade(
    Purpose Purpose,
    ConsentDecision Decision,
    ConsentBy By,
    string Name,
    string Relation,
    DateOnly On,
    string How
);

/// <summary>Consent of a resident: what holds now, how it came to that, and new decisions.</summary>
internal static class ConsentOperations
{
    public const int LongestName = 100,
        LongestHow = 500;

    private static readonly DateOnly Earliest = new(1990, 1, 1);

    /// <summary>The newest first. An area-bound reader finds nothing outside the own area.</summary>
    public static Task<List<Consent>> HistoryAsync(RecordsDb db, string resident, CancellationToken cancellation) =>
        db
            .Consents.AsNoTracking()
            .Where(c => c.ResidentId == resident)
            .OrderByDescending(c => c.RecordedAt)
            .ThenByDescending(c => c.Id)
            .ToListAsync(cancellation);

    /// <summary>Null when it can be written down; else why not.</summary>
    /// <param name="made">The decision.</param>
    /// <param name="today">Local.</param>
    public static Wording? Refuses(DecisionMade made, DateOnly today)
    {
        if (!Enum.IsDefined(made.Purpose) || !Enum.IsDefined(made.Decision))
            return new Wording("say which purpose, and what was decided", "请选择用途和决定");
        if (!Enum.IsDefined(made.By) || made.By == ConsentBy.Unstated)
            return new Wording("say who decided: the resident, a guardian or family", "请选择由谁作出决定：本人、监护人或家属");
        if (made.By != ConsentBy.Resident && (made.Name.Length == 0 || made.Relation.Length == 0))
            return new Wording(
                "give the name of the guardian or family member, and the relation to the resident",
                "请填写监护人或家属的姓名及其与老人的关系"
            );
        if (made.Name.Length > LongestName || made.Relation.Length > LongestName)
            return new Wording($"name and relation have {LongestName} characters at most", $"姓名和关系各不超过 {LongestName} 个字符");
        if (made.How.Length is 0 or > LongestHow)
            return new Wording(
                $"say on which paper it stands or how it was said, in 1 to {LongestHow} characters",
                $"请填写书面凭证或告知方式，1 至 {LongestHow} 个字符"
            );
        if (made.On > today || made.On < Earliest)
            return new Wording($"'{made.On:yyyy-MM-dd}' lies in the future, or too far back", $"日期“{made.On:yyyy-MM-dd}”在将来或过早");
        return null;
    }

    /// <summary>Writes a decision down; it is in force as soon as the running service has followed the registry.</summary>
    /// <returns>Null when there is no such resident in the caller's area.</returns>
    public static async Task<Consent?> RecordAsync(
        IDbContextFactory<RecordsDb> records,
        string who,
        DateTime now,
        string resident,
        DecisionMade made,
        CancellationToken cancellation
    )
    {
        await using var db = await records.CreateDbContextAsync(cancellation);
        if (await db.Residents.FirstOrDefaultAsync(r => r.Id == resident, cancellation) is not { } home)
            return null;
        var row = new Consent
        {
            Id = Guid.CreateVersion7(new DateTimeOffset(now)),
            ResidentId = resident,
            Purpose = made.Purpose,
            Decision = made.Decision,
            By = made.By,
            Name = made.Name,
            Relation = made.Relation,
            On = made.On,
            How = made.How,
            RecordedBy = who,
            RecordedAt = now,
        };
        // Who is watched again is missed from now on, not for the time in which nothing was taken of the devices.
        if (made is { Purpose: Purpose.Monitoring, Decision: ConsentDecision.Given } && home.RefusesMonitoring)
            foreach (var device in await db.Devices.Where(d => d.ResidentId == resident).ToListAsync(cancellation))
                device.RegisteredAt = now;
        db.Decide(home, row);
        // In the same transaction: no decision without a line of who wrote it down.
        var what = $"{made.Purpose.Word()} {made.Decision.Word()} by {made.By.Word()}";
        db.AddAudit(now, who, "consent", $"resident:{resident}", what);
        await db.SaveChangesAsync(cancellation);
        return row;
    }
}
