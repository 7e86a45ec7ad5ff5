using System.Collections.Frozen;
using Vigil.Model;

namespace Vigil.Ingest.Decoding;

/// <summary>Translates the words that devices use for presses and states into ours.</summary>
public static class DeviceWords
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

    private static readonly FrozenSet<string> Yes = new[]
    {
        "true",
        "1",
        "yes",
        "on",
        "open",
        "opened",
        "leak",
        "leaking",
        "detected",
        "occupied",
        "trigger",
        "triggered",
        "alarm",
        "uninstalled",
        "moving",
        "motion",
        "smoke",
        "wet",
        "low",
    }.ToFrozenSet(StringComparer.OrdinalIgnoreCase);

    private static readonly FrozenSet<string> No = new[]
    {
        "false",
        "0",
        "no",
        "off",
        "close",
        "closed",
        "normal",
        "noleak",
        "no leak",
        "none",
        "vacant",
        "unoccupied",
        "idle",
        "installed",
        "stationary",
        "still",
        "no alarm",
        "dry",
        "not detected",
        "clear",
    }.ToFrozenSet(StringComparer.OrdinalIgnoreCase);

    private static readonly FrozenSet<string> Positions = new[] { "open", "opened", "close", "closed" }.ToFrozenSet(
        StringComparer.OrdinalIgnoreCase
    );

    /// <summary>Our word for a press; null for a word that is not known.</summary>
    public static string? OfKnownEvent(string word) => Events.GetValueOrDefault(word);

    /// <summary>Whether a word names a position (open, closed) and neither a press nor a state.</summary>
    public static bool IsPosition(string word) => Positions.Contains(word);

    public static string OfEvent(string word) =>
        OfKnownEvent(word) is { } known ? known
        : word.Length <= 64 ? word
        : word[..64];

    /// <summary>True or false by a device's word for a state; null for a word that is neither.</summary>
    public static bool? OfState(string word) =>
        Yes.Contains(word) ? true
        : No.Contains(word) ? false
        : null;

    /// <summary>The same for one metric: for a valve, "closed" is true.</summary>
    public static bool? OfState(Metric metric, string word)
    {
        word = word.Trim();
        return ReferenceEquals(metric, Metric.ValveClosed) && IsPosition(word) ? !OfState(word) : OfState(word) ?? JsonFields.Flag(word);
    }
}
