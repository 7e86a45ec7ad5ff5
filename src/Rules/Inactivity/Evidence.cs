using System.Runtime.CompilerServices;

namespace Vigil.Rules.Inactivity;

/// <summary>
/// How strongly the newest signs of a home, taken together, tell that somebody is up. One pulse of one motion sensor proves little: empty
/// homes have some every day. A second room, a door or a tap within half an hour confirm it; where one sensor is all there is, its next
/// pulse within two hours does.
/// </summary>
internal struct Evidence
{
    /// <summary>How many signs are looked back at.</summary>
    public const int Ring = 8;

    private const long Together = 30 * TimeSpan.TicksPerMinute;
    private const long TogetherAlone = 2 * TimeSpan.TicksPerHour;

    /// <summary>A sensor that fires again sooner says nothing more.</summary>
    private const long Again = 3 * TimeSpan.TicksPerMinute;

    /// <summary>What each further sign of the same sensor adds, as a share of its own strength.</summary>
    private const float Repeated = 0.25f;
    private const int MostRepeated = 5;

    public Newest Signs;
    private int next;

    /// <summary>
    /// Adds a sign and returns how strong the evidence is now (1 or more proves it), and whether it is one that is known already.
    /// </summary>
    /// <param name="source">Which sensor.</param>
    /// <param name="time">UTC ticks.</param>
    /// <param name="strength">The metric's.</param>
    /// <param name="alone">The home has no other sensor.</param>
    public (float Strength, bool Repeats) Add(int source, long time, float strength, bool alone)
    {
        var repeats = false;
        foreach (ref var sign in (Span<Sign>)Signs)
            repeats |= sign.Source == source && sign.Time > 0 && time - sign.Time < Again && time >= sign.Time && sign.Strength >= strength;
        if (!repeats)
        {
            Signs[next] = new Sign(source, time, strength);
            next = (next + 1) % Ring;
        }

        var together = alone ? TogetherAlone : Together;
        var sum = 0f;
        for (var i = 0; i < Ring; i++)
        {
            ref var sign = ref Signs[i];
            if (!IsNear(sign.Time, time, together))
                continue;
            if (alone)
            {
                sum += sign.Strength;
                continue;
            }

            // The strongest of each sensor (a press of a watch, beside its steps) counts whole, its others in part.
            var before = 0;
            for (var j = 0; j < Ring; j++)
                if (Signs[j].Source == sign.Source && IsNear(Signs[j].Time, time, together) && IsBefore(Signs[j], sign))
                    before++;
            sum +=
                before == 0 ? sign.Strength
                : before < MostRepeated ? sign.Strength * Repeated
                : 0;
        }

        return (sum, repeats);
    }

    private static bool IsBefore(in Sign a, in Sign b) => a.Strength > b.Strength || (a.Strength == b.Strength && a.Time < b.Time);

    private static bool IsNear(long sign, long time, long together) => sign > time - together && sign <= time && sign > 0;

    public readonly void Write(BinaryWriter to)
    {
        to.Write(next);
        foreach (var sign in (ReadOnlySpan<Sign>)Signs)
        {
            to.Write(sign.Source);
            to.Write(sign.Time);
            to.Write(sign.Strength);
        }
    }

    public void Read(BinaryReader from)
    {
        next = from.ReadInt32();
        for (var i = 0; i < Ring; i++)
            Signs[i] = new Sign(from.ReadInt32(), from.ReadInt64(), from.ReadSingle());
    }

    /// <param name="source">Which sensor.</param>
    /// <param name="time">UTC ticks; 0: none.</param>
    /// <param name="strength">The metric's.</param>
    public struct Sign(int source, long time, float strength)
    {
        public long Time = time;
        public readonly int Source = source;
        public readonly float Strength = strength;
    }

    [InlineArray(Ring)]
    public struct Newest
    {
        private Sign first;
    }
}
