namespace Vigil.Storage.Readings;

/// <summary>
/// What was used between two totals of a meter. Totals don't only grow: a counter restarts at zero after a power cut, a register of so many
/// digits rolls over, a meter is replaced, a value jitters back by a hair.
/// </summary>
internal sealed class MeterTotal
{
    /// <summary>Between two readings no home uses more, in m³ or kWh: what is beyond is a replaced meter or a wrong value.</summary>
    private const double Absurd = 1000;

    /// <summary>A step back no larger than this (m³ or kWh) is jitter: the higher total stands until it is passed.</summary>
    private const double Jitter = 0.05;

    /// <summary>A counter that begins anew is found near zero.</summary>
    private const double Restarted = 5;

    private double? last;

    /// <returns>Null when nothing can be said: the first total, or one of another meter.</returns>
    public double? Next(double total)
    {
        var before = last;
        last = total;
        if (before is not { } b)
            return null;
        var used = total - b;
        if (used is >= 0 and <= Absurd)
            return used;
        if (used > 0)
            return null;
        if (-used <= Jitter)
        {
            last = b;
            return 0;
        }

        if (RolledOver(b, total) is { } round)
            return round;
        return total is >= 0 and <= Restarted ? total : null;
    }

    /// <summary>From just below 1000, 10 000 … (the digits of the register) to just above zero.</summary>
    private static double? RolledOver(double before, double now)
    {
        if (before < 900)
            return null;
        var register = Math.Pow(10, Math.Ceiling(Math.Log10(before)));
        return before > register * 0.99 && now >= 0 && now < register * 0.01 && register - before + now <= Absurd
            ? register - before + now
            : null;
    }
}
