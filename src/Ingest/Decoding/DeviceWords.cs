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

    public static string OfEvent(string word) =>
        Events.TryGetValue(word, out var known) ? known
        : word.Length <= 64 ? word
        : word[..64];

    private static readonly FrozenSet<string> Denied = new[]
    {
        "no",
        "not",
        "non",
        "n",
        "never",
        "without",
        "normal",
        "inactive",
        "deactivated",
        "cleared",
        "closed",
        "stopped",
        "released",
        "vacant",
        "absent",
        "dry",
    }.ToFrozenSet(StringComparer.OrdinalIgnoreCase);

    private static readonly FrozenSet<string> Affirmed = new[]
    {
        "y",
        "alarm",
        "alert",
        "active",
        "activated",
        "abnormal",
        "detected",
        "present",
        "leak",
        "leakage",
        "flooded",
        "smoke",
        "fire",
        "wet",
        "open",
        "opened",
        "occupied",
        "motion",
        "moving",
        "triggered",
    }.ToFrozenSet(StringComparer.OrdinalIgnoreCase);

    /// <summary>
    /// The same for a phrase: "Local smoke Alarm activated", "Water Not Present". Null for one that is neither, and where it speaks of the
    /// sensor itself ("No sensor", "Error").
    /// </summary>
    public static bool? OfPhrase(string phrase)
    {
        if (OfState(phrase.Trim()) is { } known)
            return known;
        if (
            phrase.Contains("sensor", StringComparison.OrdinalIgnoreCase)
            || phrase.Contains("error", StringComparison.OrdinalIgnoreCase)
            || phrase.Contains("fault", StringComparison.OrdinalIgnoreCase)
        )
            return null;
        bool affirmed = false,
            denied = false;
        foreach (var part in phrase.Split(Separators, StringSplitOptions.RemoveEmptyEntries))
        {
            affirmed |= Affirmed.Contains(part);
            denied |= Denied.Contains(part);
        }

        return denied ? false
            : affirmed ? true
            : null;
    }

    private static readonly char[] Separators = [' ', '_', '-', ',', '.', ':', ';', '/', '(', ')'];

    /// <summary>
    /// Our word for what a button says, also in a phrase ("Button 1 pressed", "Long Push"); null where nothing was pressed: released, the
    /// position of a switch.
    /// </summary>
    public static string? OfPress(string phrase)
    {
        phrase = phrase.Trim();
        if (phrase.Length == 0 || OfState(phrase) == false || Positions.Contains(phrase))
            return null;
        if (Events.TryGetValue(phrase, out var known))
            return known;
        if (OfState(phrase) == true)
            return "pressed";
        bool Says(string part) => phrase.Contains(part, StringComparison.OrdinalIgnoreCase);
        return OfPhrase(phrase) == false ? null
            : Says("sos") || Says("emergency") || Says("panic") ? "sos"
            : Says("double") ? "double"
            : Says("triple") ? "triple"
            : Says("long") || Says("held") ? "long"
            : Says("press") || Says("push") || OfPhrase(phrase) == true ? "pressed"
            : OfEvent(phrase);
    }

    /// <summary>True or false by a device's word for a state; null for a word that is neither.</summary>
    public static bool? OfState(string word) =>
        Yes.Contains(word) ? true
        : No.Contains(word) ? false
        : null;

    /// <summary>The same for one metric: for a valve, "closed" is true.</summary>
    public static bool? OfState(Metric metric, string word)
    {
        word = word.Trim();
        return ReferenceEquals(metric, Metric.ValveClosed) && Positions.Contains(word)
            ? !OfState(word)
            : OfState(word) ?? JsonFields.Flag(word);
    }
}
