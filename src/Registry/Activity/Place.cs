namespace Vigil.Registry.Activity;

/// <summary>Where in the home a device is or what it is on, as far as its name says.</summary>
internal enum Place
{
    Unknown,
    Toilet,
    Fridge,
    Kettle,
    Cooker,
    Kitchen,
}

/// <summary>The words by which a name tells a place: the label that people give a device, its id, its channel.</summary>
internal static class Places
{
    /// <summary>
    /// The first that fits holds: a refrigerator in the kitchen is a refrigerator. Chinese anywhere, others as whole words.
    /// </summary>
    private static readonly (Place Place, string[] Words)[] Table =
    [
        (Place.Fridge, ["冰箱", "fridge", "refrigerator"]),
        (Place.Kettle, ["水壶", "kettle"]),
        (Place.Cooker, ["灶", "电饭", "电磁炉", "微波炉", "烤箱", "cooker", "stove", "hob", "oven", "microwave", "燃气炉", "cooktop"]),
        (Place.Kitchen, ["厨房", "kitchen"]),
        (Place.Toilet, ["卫生间", "厕所", "洗手间", "浴室", "马桶", "toilet", "bathroom", "washroom", "restroom", "lavatory", "wc"]),
    ];

    public static Place Of(params ReadOnlySpan<string> names)
    {
        foreach (var name in names)
        foreach (var (place, words) in Table)
        foreach (var word in words)
            if (Says(name, word))
                return place;
        return Place.Unknown;
    }

    private static bool Says(string name, string word)
    {
        if (word[0] > 127)
            return name.Contains(word, StringComparison.Ordinal);
        for (var at = 0; (at = name.IndexOf(word, at, StringComparison.OrdinalIgnoreCase)) >= 0; at++)
            if (
                (at == 0 || !char.IsAsciiLetter(name[at - 1]))
                && (at + word.Length == name.Length || !char.IsAsciiLetter(name[at + word.Length]))
            )
                return true;
        return false;
    }
}
