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

    /// <summary>A sensor that pauses no longer than this…</summary>
    private const long Pause = 90 * TimeSpan.TicksPerMinute;

    /// <summary>…for so long fires by itself: whoever it sees sleeps, goes out, sits elsewhere.</summary>
    private const long NobodyLivesSo = 30 * TimeSpan.TicksPerHour;

    /// <summary>A sensor that was silent for longer, while others showed life, is no part of what is expected of them.</summary>
    private const long Gone = 7 * TimeSpan.TicksPerDay;

    /// <summary>…in so many half hours, because in an empty home all are silent.</summary>
    private const int GoneQuiet = 24;

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

    /// <summary>Since when it has shown life without a pause.</summary>
    public long Since;

    /// <summary>It fires without a pause, so that what it shows is no life: the sun, a curtain, a fault.</summary>
    public readonly bool IsStuck => Series >= 0 && Newest - Since >= NobodyLivesSo;

    /// <summary>Its newest sign, if it has shown life without a pause until now; else 0.</summary>
    public readonly long StillSeen(long time) => time - Newest <= Pause ? Newest : 0;

    public readonly bool IsGone(long time) => time - Newest > Gone && Quiet >= GoneQuiet;

    /// <summary>Others live, and it has said nothing for far longer than it ever did.</summary>
    public readonly bool IsMissed => Signs >= Enough && Quiet >= Math.Max(Least, Times * MostQuiet);

    /// <summary>It shows life, or fires by itself.</summary>
    public void Fired(long time)
    {
        if (time - Newest > Pause)
            Since = time;
        Newest = Math.Max(Newest, time);
    }

    /// <summary>It shows life that is believed.</summary>
    public void Spoke()
    {
        MostQuiet = Math.Max(MostQuiet - MostQuiet / 64, Quiet);
        Quiet = 0;
        Signs++;
    }
}
