using System.Collections.Frozen;

namespace Vigil.Ingest.Decoding;

/// <summary>Reads what devices say of presses and states in several words; single words are in <see cref="DeviceWords"/>.</summary>
public static class DevicePhrases
{
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
    /// True or false by a phrase for a state: "Local smoke Alarm activated", "Water Not Present". Null for one that is neither, and where
    /// it speaks of the sensor itself ("No sensor", "Error").
    /// </summary>
    public static bool? OfState(string phrase)
    {
        if (DeviceWords.OfState(phrase.Trim()) is { } known)
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
        if (phrase.Length == 0 || DeviceWords.OfState(phrase) == false || DeviceWords.IsPosition(phrase))
            return null;
        if (DeviceWords.OfKnownEvent(phrase) is { } known)
            return known;
        if (DeviceWords.OfState(phrase) == true)
            return "pressed";
        bool Says(string part) => phrase.Contains(part, StringComparison.OrdinalIgnoreCase);
        return OfState(phrase) == false ? null
            : Says("sos") || Says("emergency") || Says("panic") ? "sos"
            : Says("double") ? "double"
            : Says("triple") ? "triple"
            : Says("long") || Says("held") ? "long"
            : Says("press") || Says("push") || OfState(phrase) == true ? "pressed"
            : DeviceWords.OfEvent(phrase);
    }
}
