using System.Collections.Frozen;

namespace Vigil.Ingest.Decoding;

/// <summary>The many words that devices have for the same press, and ours.</summary>
public static class EventWords
{
    private static readonly FrozenDictionary<string, string> Events = new Dictionary<string, string>(StringComparer.OrdinalIgnoreCase)
    {
        ["single"] = "pressed",
        ["press"] = "pressed",
        ["click"] = "pressed",
        ["on"] = "pressed",
        ["single_push"] = "pressed",
        ["S"] = "pressed",
        ["single_click"] = "pressed",
        ["short"] = "pressed",
        ["1_single"] = "pressed",
        ["button_1_single"] = "pressed",
        ["toggle"] = "pressed",
        ["pressed"] = "pressed",
        ["double"] = "double",
        ["double_push"] = "double",
        ["SS"] = "double",
        ["double_click"] = "double",
        ["1_double"] = "double",
        ["triple"] = "triple",
        ["triple_push"] = "triple",
        ["SSS"] = "triple",
        ["triple_click"] = "triple",
        ["hold"] = "long",
        ["hold_press"] = "long",
        ["long"] = "long",
        ["long_push"] = "long",
        ["L"] = "long",
        ["long_press"] = "long",
        ["1_hold"] = "long",
        ["emergency"] = "sos",
        ["sos"] = "sos",
        ["panic"] = "sos",
        ["alarm"] = "sos",
        ["help"] = "sos",
    }.ToFrozenDictionary(StringComparer.OrdinalIgnoreCase);

    public static string OfEvent(string word) =>
        Events.TryGetValue(word, out var known) ? known
        : word.Length <= 64 ? word
        : word[..64];
}
