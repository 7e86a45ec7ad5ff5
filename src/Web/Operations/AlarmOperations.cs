using Microsoft.EntityFrameworkCore;
using Vigil.Model;
using Vigil.Notify;
using Vigil.Storage.Records;

namespace Vigil.Web.Operations;

/// <summary>What became of many alarms that were changed together.</summary>
internal sealed record ChangedTogether(IReadOnlyList<Guid> Done, IReadOnlyList<(Guid Alarm, Wording Why)> Refused);

/// <summary>What is done with alarms on the board, on a page and over the API.</summary>
internal static class AlarmOperations
{
    /// <summary>Who has been told of each alarm, and which step comes next.</summary>
    public static async Task<(Dictionary<Guid, IReadOnlyList<string>> Told, Dictionary<Guid, EscalationStep> Next)> ToldAndNextAsync(
        RecordsDb db,
        IReadOnlyList<Guid> alarms,
        CancellationToken cancellation
    )
    {
        var told = (
            await db
                .Notices.AsNoTracking()
                .Where(n => alarms.Contains(n.AlarmId) && n.SentAt != null)
                .OrderBy(n => n.SentAt)
                .Select(n => new { n.AlarmId, n.RecipientName })
                .ToListAsync(cancellation)
        )
            .GroupBy(n => n.AlarmId)
            .ToDictionary(g => g.Key, g => (IReadOnlyList<string>)[.. g.Select(n => n.RecipientName).Distinct()]);
        var next = (
            await db
                .Steps.AsNoTracking()
                .Where(s => alarms.Contains(s.AlarmId) && s.State == StepState.Waiting)
                .OrderBy(s => s.Order)
                .ToListAsync(cancellation)
        )
            .GroupBy(s => s.AlarmId)
            .ToDictionary(g => g.Key, g => g.First());
        return (told, next);
    }

    /// <summary>
    /// Changes them one after the other, each in its own transaction and with a line on its own timeline: one that can't be changed doesn't
    /// hold up the rest.
    /// </summary>
    public static async Task<ChangedTogether> ChangeManyAsync(
        AlarmDesk desk,
        IDbContextFactory<RecordsDb> records,
        string who,
        IReadOnlyCollection<Guid> alarms,
        string action,
        Resolution resolution,
        string note,
        CancellationToken cancellation
    )
    {
        await using var db = await records.CreateDbContextAsync(cancellation);
        var known = (await db.Alarms.Where(a => alarms.Contains(a.Id)).Select(a => a.Id).ToListAsync(cancellation)).ToHashSet();
        var (done, refused) = (new List<Guid>(), new List<(Guid Alarm, Wording Why)>());
        foreach (var id in alarms.Distinct())
        {
            if (!known.Contains(id))
            {
                refused.Add((id, new Wording("there is no such alarm", "没有此警情")));
                continue;
            }

            try
            {
                await (
                    action switch
                    {
                        "acknowledge" => desk.AcknowledgeAsync(id, who, note, cancellation),
                        "in-hand" => desk.TakeInHandAsync(id, who, note, cancellation),
                        "note" => desk.NoteAsync(id, who, note, cancellation),
                        _ => desk.ResolveAsync(id, who, resolution, note, cancellation),
                    }
                );
                done.Add(id);
            }
            catch (AlarmConflictException e)
            {
                refused.Add((id, e.Words));
            }
        }

        return new ChangedTogether(done, refused);
    }

    public static string StateName(AlarmState state) => state == AlarmState.InHand ? "in-hand" : state.ToString().ToLowerInvariant();

    /// <summary>
    /// A message without its link: whoever has the link can answer in the name of the person it was sent to.
    /// </summary>
    public static string WithoutLink(string text)
    {
        var at = text.IndexOf("/c/", StringComparison.Ordinal);
        if (at < 0)
            return text;
        var end = at + 3;
        while (end < text.Length && (char.IsAsciiLetterOrDigit(text[end]) || text[end] is '-' or '_'))
            end++;
        return text[..(at + 3)] + "…" + text[end..];
    }

    public const string Resolutions = "true, false-away, false-habit, false-device, false-mistake, test, technical";

    public static bool TryResolution(string? text, out Resolution resolution) =>
        Enum.TryParse((text ?? "").Replace("-", "", StringComparison.Ordinal), ignoreCase: true, out resolution)
        && Enum.IsDefined(resolution)
        && resolution is not (Resolution.None or Resolution.Cleared)
        && !char.IsAsciiDigit(text![0]);
}
