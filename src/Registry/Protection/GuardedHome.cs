using Vigil.Rules;

namespace Vigil.Registry.Protection;

/// <summary>A home as the registry knows it, and what is missing there now. Small: a county's homes are all in memory.</summary>
public sealed class GuardedHome
{
    public required string Id { get; init; }
    public required string Area { get; init; }
    public bool KeyClass { get; init; }
    internal string? Visitor { get; init; }
    internal bool Refused { get; init; }
    internal bool HasContact { get; init; }
    internal bool HasHomePoint { get; init; }

    /// <summary>The number or address of one contact at least has been verified.</summary>
    internal bool Verified { get; init; }

    /// <summary>Those of every contact have failed.</summary>
    internal bool Failed { get; init; }

    /// <summary>Providers over which a contact is reached: <see cref="ContactWays"/>.</summary>
    internal ulong Ways { get; init; }

    /// <summary>When the first of its buttons has to be tested, UTC ticks; long.MaxValue: none.</summary>
    internal long TestDue { get; init; }

    /// <summary>What the registry says of its devices, where the running rules aren't there to ask.</summary>
    internal HomeSigns Registered { get; init; }

    /// <summary>A bit for each <see cref="ProtectionGap"/>; replaced as a whole, so that it is read at any time.</summary>
    private volatile int gaps;

    internal const int UnprotectingGaps = (1 << ((int)ProtectionGap.NumberFailed + 1)) - 1;

    internal int Gaps => gaps;

    public bool IsProtected => (gaps & UnprotectingGaps) == 0;

    public bool Lacks(ProtectionGap gap) => (gaps & (1 << (int)gap)) != 0;

    /// <summary>The worst first.</summary>
    public IEnumerable<ProtectionGap> Missing => ProtectionGaps.All.Where(Lacks);

    /// <param name="signs">What its devices could show now.</param>
    /// <param name="now">UTC.</param>
    /// <param name="usable">Providers that can be used now.</param>
    /// <param name="visitors">Visitors who come, or for whom somebody stands in.</param>
    internal void Judge(in HomeSigns signs, DateTime now, ulong usable, IReadOnlySet<string> visitors)
    {
        var found = 0;
        void Add(ProtectionGap gap, bool missing) => found |= missing ? 1 << (int)gap : 0;
        Add(ProtectionGap.Refused, Refused);
        Add(ProtectionGap.NoDevice, signs.Devices == 0);
        Add(ProtectionGap.AllSilent, signs is { Devices: > 0, Heard: 0 });
        Add(ProtectionGap.NoContact, !HasContact);
        Add(ProtectionGap.NoRoute, HasContact && (Ways & usable) == 0);
        Add(ProtectionGap.NumberFailed, HasContact && Failed);
        Add(ProtectionGap.NumberUnverified, HasContact && !Failed && !Verified);
        Add(ProtectionGap.NoVisitor, Visitor is null || !visitors.Contains(Visitor));
        Add(ProtectionGap.NoHomePoint, signs.Locator && !HasHomePoint);
        Add(ProtectionGap.BatteryLow, signs.BatteryLow);
        Add(ProtectionGap.TestOverdue, signs.Devices > 0 && TestDue <= now.Ticks);
        gaps = found;
    }
}
