using Microsoft.EntityFrameworkCore;
using Vigil.Storage.Records;

namespace Vigil.Web.Pages.Parts;

/// <summary>Who a step is for, in words: <c>contact 2</c> → 紧急联系人 2.</summary>
internal static class People
{
    public static string Step(string to, string language)
    {
        var words = to.Split(' ', 2);
        var key = "step.to." + words[0];
        return Texts.All.ContainsKey(key) ? Texts.Of(key, language) + (words.Length > 1 ? " " + words[1] : "") : to;
    }

    /// <summary>The names behind contact:…, visitor:… and duty:…; whoever is not on file any more is left out.</summary>
    public static async Task<Dictionary<string, string>> NamesAsync(RecordsDb db, IEnumerable<string?> who)
    {
        var ids = who.OfType<string>()
            .Distinct()
            .Select(w => (Who: w, Parts: w.Split(':', 2)))
            .Where(w => w.Parts.Length == 2)
            .ToLookup(w => w.Parts[0], w => w.Parts[1], StringComparer.Ordinal);
        var found = new Dictionary<string, string>(StringComparer.Ordinal);
        if (ids["contact"].Select(c => Guid.TryParse(c, out var id) ? id : Guid.Empty).ToList() is { Count: > 0 } contacts)
            foreach (
                var c in await db
                    .Contacts.AsNoTracking()
                    .Where(c => contacts.Contains(c.Id))
                    .Select(c => new
                    {
                        c.Id,
                        c.Name,
                        c.Relation,
                    })
                    .ToListAsync()
            )
                found[$"contact:{c.Id}"] = c.Relation.Length > 0 ? $"{c.Name}（{c.Relation}）" : c.Name;
        if (ids["visitor"].ToList() is { Count: > 0 } visitors)
            foreach (
                var v in await db
                    .Visitors.AsNoTracking()
                    .Where(v => visitors.Contains(v.Id))
                    .Select(v => new { v.Id, v.Name })
                    .ToListAsync()
            )
                found[$"visitor:{v.Id}"] = v.Name;
        if (ids["duty"].ToList() is { Count: > 0 } officers)
            foreach (
                var o in await db
                    .DutyOfficers.AsNoTracking()
                    .Where(o => officers.Contains(o.Id))
                    .Select(o => new { o.Id, o.Name })
                    .ToListAsync()
            )
                found[$"duty:{o.Id}"] = o.Name;
        return found;
    }

    /// <summary>The timeline's word, in the language of the page.</summary>
    public static string What(string what, string language) =>
        Texts.All.ContainsKey("what." + what) ? Texts.Of("what." + what, language) : what;

    public static string Channels(string via, string language) =>
        string.Join(
            '/',
            via.Split(',', StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries)
                .Select(c => Texts.All.ContainsKey("channel." + c) ? Texts.Of("channel." + c, language) : c)
        );
}
