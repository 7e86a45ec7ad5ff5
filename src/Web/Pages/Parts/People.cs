using System.Text.RegularExpressions;
using Microsoft.EntityFrameworkCore;
using Vigil.Model;
using Vigil.Notify;
using Vigil.Storage.Records;

namespace Vigil.Web.Pages.Parts;

/// <summary>Words for those who are told and who answer: a step's recipient, a person's name, an event, a channel.</summary>
internal static partial class People
{
    /// <summary>Who a step is for: <c>contact 2</c> → 紧急联系人 2.</summary>
    public static string Step(string to, string language)
    {
        var words = to.Split(' ', 2);
        var key = "step.to." + words[0];
        return Texts.All.ContainsKey(key) ? Texts.Of(key, language) + (words.Length > 1 ? " " + words[1] : "") : to;
    }

    /// <summary>The names of persons by their keys (<c>duty:d1</c>); whoever is not in the registry any more is left out.</summary>
    public static async Task<Dictionary<string, string>> NamesAsync(RecordsDb db, IEnumerable<string?> who, string language)
    {
        var ids = who.OfType<string>().Distinct().Select(Recipient.Parse).Where(r => r.Id.Length > 0).ToLookup(r => r.Kind, r => r.Id);
        var found = new Dictionary<string, string>(StringComparer.Ordinal);
        if (ids[RecipientKind.Contact].Select(c => Guid.TryParse(c, out var id) ? id : Guid.Empty).ToList() is { Count: > 0 } contacts)
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
                found[$"contact:{c.Id}"] = c.Relation.Length > 0 ? c.Name + Texts.InBrackets(c.Relation, language) : c.Name;
        if (ids[RecipientKind.Visitor].ToList() is { Count: > 0 } visitors)
            foreach (
                var v in await db
                    .Visitors.AsNoTracking()
                    .Where(v => visitors.Contains(v.Id))
                    .Select(v => new { v.Id, v.Name })
                    .ToListAsync()
            )
                found[$"visitor:{v.Id}"] = v.Name;
        if (ids[RecipientKind.Duty].Concat(ids[RecipientKind.Supervisor]).ToList() is { Count: > 0 } officers)
            foreach (
                var o in await db
                    .DutyOfficers.AsNoTracking()
                    .Where(o => officers.Contains(o.Id))
                    .Select(o => new { o.Id, o.Name })
                    .ToListAsync()
            )
                found[$"duty:{o.Id}"] = found[$"supervisor:{o.Id}"] = o.Name;
        return found;
    }

    /// <summary>
    /// Who did something: a person's name among those that were read, a word for the rules or the service itself, else what is written,
    /// such as the name of an account.
    /// </summary>
    public static string Name(string? who, IReadOnlyDictionary<string, string> names, string language) =>
        who is null ? ""
        : names.TryGetValue(who, out var name) ? name
        : Texts.All.ContainsKey("who." + who) ? Texts.Of("who." + who, language)
        : who;

    /// <summary>The keys of the persons that a text of the service names, such as <c>resolved by duty:d1</c>.</summary>
    public static IEnumerable<string> KeysIn(string text) => Key().Matches(text).Select(m => m.Value);

    /// <summary>
    /// A whole key. Numbers in the registry are anybody's choice and may have dots in them; white space or another sign ends them. Before a
    /// key may stand a Chinese character, which to a regular expression is a letter.
    /// </summary>
    [GeneratedRegex(@"(?<![A-Za-z0-9_-])(?:contact|visitor|duty|supervisor):[^\s:：,，;；、。()（）'""“”]*[^\s:：,，;；、。()（）'""“”.]")]
    private static partial Regex Key();

    /// <summary>A text of the service with names in the place of keys; a key without a name stays as it is.</summary>
    public static string Named(string text, IReadOnlyDictionary<string, string> names) =>
        Key().Replace(text, m => names.GetValueOrDefault(m.Value, m.Value));

    /// <summary>
    /// The same with the names read now: the words of a refusal name whoever was faster, and the page may not have read that name yet.
    /// </summary>
    public static async Task<string> NamedAsync(RecordsDb db, string text, string language) =>
        Named(text, await NamesAsync(db, KeysIn(text), language));

    /// <summary>The timeline's word, in the language of the page.</summary>
    public static string What(string what, string language) =>
        Texts.All.ContainsKey("what." + what) ? Texts.Of("what." + what, language) : what;

    public static string Channels(IEnumerable<Channel> via, string language) =>
        string.Join('/', via.Select(c => ChannelWords.Of(c).In(language)));
}
