using System.Diagnostics.CodeAnalysis;

namespace Vigil.Model;

/// <summary>
/// Identity of a device as the registry knows it: 1–128 characters without white space, control characters or MQTT wildcards (<c>+ #</c>).
/// </summary>
public readonly record struct DeviceId(string Value) : IComparable<DeviceId>
{
    public const int MaxLength = 128;

    public static bool TryParse(string? text, out DeviceId id)
    {
        id = default;
        if (!IdText.IsValid(text, MaxLength))
            return false;
        id = new DeviceId(text);
        return true;
    }

    public int CompareTo(DeviceId other) => string.CompareOrdinal(Value, other.Value);

    public override string ToString() => Value ?? "";

    public static bool operator <(DeviceId left, DeviceId right) => left.CompareTo(right) < 0;

    public static bool operator >(DeviceId left, DeviceId right) => left.CompareTo(right) > 0;

    public static bool operator <=(DeviceId left, DeviceId right) => left.CompareTo(right) <= 0;

    public static bool operator >=(DeviceId left, DeviceId right) => left.CompareTo(right) >= 0;
}

/// <summary>Identity of an older person in the registry (服务对象): 1–64 characters, same alphabet as <see cref="DeviceId"/>.</summary>
public readonly record struct ResidentId(string Value)
{
    public const int MaxLength = 64;

    public static bool TryParse(string? text, out ResidentId id)
    {
        id = default;
        if (!IdText.IsValid(text, MaxLength))
            return false;
        id = new ResidentId(text);
        return true;
    }

    public override string ToString() => Value ?? "";
}

/// <summary>
/// Administrative division code (GB/T 2260 and GB/T 10114): 6 digits a county, 9 a town, 12 a village. A shorter code contains every longer
/// one that starts with it.
/// </summary>
public readonly record struct AreaCode(string Value)
{
    public static bool TryParse(string? text, out AreaCode code)
    {
        code = default;
        if (text is not { Length: 2 or 4 or 6 or 9 or 12 } || !text.All(char.IsAsciiDigit))
            return false;
        code = new AreaCode(text);
        return true;
    }

    public bool Contains(AreaCode other) => other.Value.StartsWith(Value, StringComparison.Ordinal);

    public override string ToString() => Value ?? "";
}

internal static class IdText
{
    public static bool IsValid([NotNullWhen(true)] string? text, int maxLength)
    {
        if (string.IsNullOrEmpty(text) || text.Length > maxLength)
            return false;
        foreach (var c in text)
            if (char.IsWhiteSpace(c) || char.IsControl(c) || c is '+' or '#')
                return false;
        return true;
    }
}
