using Vigil.Model;

namespace Vigil.Rules.Inactivity;

/// <summary>
/// A sensor that shows life. One that has fallen silent while the others go on is broken, badly placed or covered: it says nothing about
/// its people.
/// </summary>
internal struct LifeSource
{
    /// <summary>A sensor with fewer signs isn't known well enough to be missed.</summary>
    private const int Enough = 40;

    /// <summary>Half hours of others' life, some three days', within which no sensor is missed…</summary>
    private const int Least = 72;

    /// <summary>…and how many times as long as it ever was silent.</summary>
    private const int Times = 4;

    /// <summary>Its series in the home; -1 and -2 are water and electricity.</summary>
    public int Series;
    public LifeSense Sense;

    /// <summary>Its newest sign, UTC ticks.</summary>
    public long Newest;

    /// <summary>Half hours in which others showed life since.</summary>
    public int Quiet;

    /// <summary>The most there have been between two of its signs, slowly forgotten.</summary>
    public int MostQuiet;
    public int Signs;

    /// <summary>Others live, and it has said nothing for far longer than it ever did.</summary>
    public readonly bool IsMissed => Signs >= Enough && Quiet >= Math.Max(Least, Times * MostQuiet);

    public void Spoke()
    {
        MostQuiet = Math.Max(MostQuiet - MostQuiet / 64, Quiet);
        Quiet = 0;
        Signs++;
    }
}
