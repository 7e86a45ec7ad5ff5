namespace Vigil.Registry.Search;

/// <summary>How often somebody is to be visited, in as few bytes as possible. Times are seconds since 2000, 0: never.</summary>
/// <param name="Consents">To the service.</param>
/// <param name="KeyClass">Key (重点) rather than general (一般).</param>
/// <param name="Disabled">失能 or 重残.</param>
/// <param name="Created">Since when they are in the registry.</param>
/// <param name="Last">The last visit in any form but remotely.</param>
/// <param name="LastAtHome">The last visit at home.</param>
internal readonly record struct Care(bool Consents, bool KeyClass, bool Disabled, uint Created, uint Last = 0, uint LastAtHome = 0)
{
    private static readonly DateTime Epoch = new(2000, 1, 1, 0, 0, 0, DateTimeKind.Utc);

    public static uint Seconds(DateTime? time) => time is { } t ? (uint)Math.Clamp((t - Epoch).TotalSeconds, 1, uint.MaxValue) : 0;

    public static DateTime? Time(uint seconds) => seconds == 0 ? null : Epoch.AddSeconds(seconds);
}
