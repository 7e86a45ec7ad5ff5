using System.Text;

namespace Vigil.Model;

/// <summary>
/// Text that came from a device, as every store takes it. PostgreSQL refuses U+0000, UTF-8 has no half of a surrogate pair, and an index
/// refuses what is very long: one such word would hold up everything that is committed with it. They become U+FFFD, and what is too long
/// ends with an ellipsis.
/// </summary>
public static class StorableText
{
    /// <summary>A topic, and what was said in it.</summary>
    public const int LongTopic = 1024;

    /// <summary>Why something could not be read.</summary>
    public const int LongReason = 1000;

    /// <summary>A channel, a word of an event, a profile.</summary>
    public const int LongWord = 128;

    /// <returns>The same object when nothing is to be changed.</returns>
    public static string Of(string text, int longest)
    {
        // Letters of nearly all scripts; what lies outside is looked at one by one.
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
