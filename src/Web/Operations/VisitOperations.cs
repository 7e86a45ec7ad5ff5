using Microsoft.EntityFrameworkCore;
using Vigil.Storage.Records;

namespace Vigil.Web.Operations;

/// <summary>Visit records (Annex 2 of the policy document).</summary>
internal static class VisitOperations
{
    private const int LongestText = 4000;

    public static readonly string[] Forms = ["home", "phone", "video", "remote"];

    /// <summary>Records a visit. A record that is sent again (a phone with a bad connection) changes nothing.</summary>
    /// <returns>Null when it is recorded; else what is wrong with it.</returns>
    public static async Task<string?> AddAsync(
        IDbContextFactory<RecordsDb> records,
        Visit row,
        DateTime now,
        CancellationToken cancellation
    )
    {
        if (!Forms.Contains(row.Form))
            return $"'{row.Form}' is not one of {string.Join(", ", Forms)}";
        if (row.Time > now.AddMinutes(10))
            return "the visit lies in the future";
        if (new[] { row.Condition, row.Needs, row.Actions, row.Notes, row.Satisfaction }.Any(t => t.Length > LongestText))
            return $"a text is longer than {LongestText} characters";
        await using var db = await records.CreateDbContextAsync(cancellation);
        if (await db.Visits.AsNoTracking().FirstOrDefaultAsync(v => v.Id == row.Id, cancellation) is { } known)
            return known.ResidentId == row.ResidentId && known.RecordedBy == row.RecordedBy
                ? null
                : $"the id '{row.Id}' belongs to another visit";
        if (row.AlarmId is { } alarm && !await db.Alarms.AnyAsync(a => a.Id == alarm && a.ResidentId == row.ResidentId, cancellation))
            return $"there is no alarm '{alarm}' of this resident";
        db.Visits.Add(row);
        await db.SaveChangesAsync(cancellation);
        await records.AddAsync(now, row.RecordedBy, "visit", $"resident:{row.ResidentId}", row.Form, cancellation);
        return null;
    }
}
