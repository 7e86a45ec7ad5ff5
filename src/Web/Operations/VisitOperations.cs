using Microsoft.EntityFrameworkCore;
using Vigil.Model;
using Vigil.Registry.Search;
using Vigil.Storage.Records;

namespace Vigil.Web.Operations;

/// <summary>Visit records (Annex 2 of the policy document).</summary>
internal static class VisitOperations
{
    private const int LongestText = 4000;

    public static readonly string[] Forms = ["home", "phone", "video", "remote"];

    /// <summary>The note on an alarm's timeline when a visit resolves it.</summary>
    public static Wording Resolves(string form, string note)
    {
        var (en, zh) = ($"visit {form}", Texts.Of("form." + form, "zh"));
        return note.Length == 0 ? new Wording(en, zh) : new Wording($"{en}: {note}", $"{zh}：{note}");
    }

    /// <summary>
    /// Records a visit. A record that is sent again (a phone with a bad connection) changes nothing: the same id, resident, alarm and
    /// author.
    /// </summary>
    /// <returns>Null when it is recorded; else what is wrong with it.</returns>
    public static async Task<Wording?> AddAsync(
        IDbContextFactory<RecordsDb> records,
        SearchIndex index,
        Visit row,
        DateTime now,
        CancellationToken cancellation
    )
    {
        if (!Forms.Contains(row.Form))
            return new Wording($"'{row.Form}' is not one of {string.Join(", ", Forms)}", $"探访方式“{row.Form}”不对");
        if (row.Time > now.AddMinutes(10))
            return new Wording("the visit lies in the future", "探访时间在将来");
        if (new[] { row.Condition, row.Needs, row.Actions, row.Notes, row.Satisfaction }.Any(t => t.Length > LongestText))
            return new Wording($"a text is longer than {LongestText} characters", $"文字超过 {LongestText} 个字符");
        await using var db = await records.CreateDbContextAsync(cancellation);
        // Before the look for a record that is sent again: the caller may go on to resolve this alarm.
        if (row.AlarmId is { } alarm && !await db.Alarms.AnyAsync(a => a.Id == alarm && a.ResidentId == row.ResidentId, cancellation))
            return new Wording($"there is no alarm '{alarm}' of this resident", $"该服务对象没有警情“{alarm}”");
        if (await db.Visits.AsNoTracking().FirstOrDefaultAsync(v => v.Id == row.Id, cancellation) is { } known)
            return (known.ResidentId, known.RecordedBy, known.AlarmId) == (row.ResidentId, row.RecordedBy, row.AlarmId)
                ? null
                : new Wording($"the id '{row.Id}' belongs to another visit", $"编号“{row.Id}”属于另一次探访");
        db.Visits.Add(row);
        await db.SaveChangesAsync(cancellation);
        index.WasVisited(row);
        await records.AddAsync(now, row.RecordedBy, "visit", $"resident:{row.ResidentId}", row.Form, cancellation);
        return null;
    }
}
