using System.Text;

namespace Vigil.Storage.Records;

/// <summary>By what a person can be found in texts: ids as whole words, names and numbers anywhere.</summary>
/// <param name="Ids">Of the resident and the contacts.</param>
/// <param name="Texts">Names, phone, identity and other numbers, mail addresses.</param>
public sealed record PersonTraces(IReadOnlyList<string> Ids, IReadOnlyList<string> Texts)
{
    /// <summary>Shorter ones stand in too many texts that are about somebody else.</summary>
    private const int LeastLength = 2;

    /// <summary>Of a resident who was read with contacts and household.</summary>
    public static PersonTraces Of(Resident r) =>
        new(
            [r.Id, .. r.Contacts.Select(c => c.Id.ToString())],
            [
                .. new[] { r.Name, r.Phone, r.IdentityNumber, r.DisabilityCertificate }
                    .Concat(r.Contacts.SelectMany(c => new[] { c.Name, c.Phone, c.Mail }))
                    .Concat(r.Household.SelectMany(m => new[] { m.Name, m.IdentityNumber }))
                    .Select(FieldKeys.Readable)
                    .SelectMany(t => t.StartsWith("+86", StringComparison.Ordinal) ? new[] { t, t[3..] } : [t])
                    .Where(t => t.Length >= LeastLength)
                    .Distinct(),
            ]
        );

    public bool In(string text) => Ids.Any(i => Names(text, i)) || Texts.Any(t => text.Contains(t, StringComparison.Ordinal));

    public bool In(byte[] payload) => payload.Length > 0 && In(Encoding.UTF8.GetString(payload));

    /// <summary>Whether a text has an id that is not a part of a longer one.</summary>
    public static bool Names(string text, string id)
    {
        for (var at = text.IndexOf(id, StringComparison.Ordinal); at >= 0; at = text.IndexOf(id, at + 1, StringComparison.Ordinal))
            if (!IsOfId(text, at - 1) && !IsOfId(text, at + id.Length))
                return true;
        return false;
    }

    private static bool IsOfId(string text, int at) =>
        at >= 0 && at < text.Length && (char.IsAsciiLetterOrDigit(text[at]) || text[at] is '-' or '_');
}
