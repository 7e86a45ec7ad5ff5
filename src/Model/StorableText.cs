using System.Text;

namespace Vigil.Model;

/// <summary>
/// Makes text from a device acceptable to every store. PostgreSQL refuses U+0000, UTF-8 can't encode half of a surrogate pair, and an index
/// refuses very long text: one such word would fail the whole commit it is in. Such characters become U+FFFD, and long text is cut with an
/// ellipsis.
/// </summary>
public static class StorableText
{
    /// <summary>Longest topic that is stored.</summary>
    public const int LongTopic = 1024;

    /// <summary>Longest reason of a refusal.</summary>
    public const int LongReason = 1000;

    /// <summary>Longest channel, event word or profile id.</summary>
    public const int LongWord = 128;

    /// <returns>The same object when nothing has to be changed.</returns>
    public static string Of(string text, int longest)
    {
        // Nearly all text lies in this range; anything else is checked character by character.
        if (text.Length <= longest && text.AsSpan().IndexOfAnyExceptInRange('\u0001', '\uD7FF') < 0)
            return text;
        var kept = new StringBuilder(Math.Min(text.Length, longest));
        foreach (var rune in text.EnumerateRunes()) // gives U+FFFD for half a pair
        {
            var next = rune.Value == 0 ? Rune.ReplacementChar : rune;
            if (kept.Length + next.Utf16SequenceLength > longest - (text.Length > longest ? 1 : 0))
                return kept.Append('…').ToString();
            kept.Append(next.ToString());
        }

        return kept.ToString();
    }
}
