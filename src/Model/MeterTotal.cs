namespace Vigil.Model;

/// <summary>How a total compares with the one before it.</summary>
public enum MeterStep
{
    /// <summary>It fits: so much, or nothing, was used since the total before.</summary>
    Used,

    /// <summary>It doesn't fit the total before, and is believed only when the next one fits it.</summary>
    Doubted,

    /// <summary>It fits the doubted total: the meter counts from here on, and the use meanwhile isn't known.</summary>
    Began,
}

/// <summary>
/// The newest total of one meter, and the use up to the next. Totals don't only grow: a counter restarts at zero after a power cut, a
/// register of so many digits rolls over, a meter is replaced, the last digit jitters, a value is absurd. Rules, pages and daily figures
/// all use this, so that they agree on the same readings.
/// </summary>
public struct MeterTotal(long time, double value)
{
    private const long Hour = TimeSpan.TicksPerHour;

    /// <summary>
    /// A step back by one in the second decimal, the last that most meters show (m³ or kWh), is back-flow or rounding: the higher total
    /// is kept until it is passed. The 1e-6 allows for the rounding of 0.01 in binary.
    /// </summary>
    private const double Jitter = 0.01 + 1e-6;

    /// <summary>
    /// Totals at which registers begin again at 0: 4 to 8 digits before the point (BCD meters: 999999.99), and 32 bits of litres,
    /// 10 or 100 Wh.
    /// </summary>
    private static readonly double[] Rollovers = [1e4, 1e5, 1e6, 1e7, 1e8, 4294967.296, 42949672.96, 429496729.6];

    /// <summary>When it was read, UTC ticks.</summary>
    public long Time { get; set; } = time;

    /// <summary>m³ or kWh.</summary>
    public double Value { get; set; } = value;

    /// <summary>A total that was doubted: believed when the next one fits it.</summary>
    public double Candidate { get; set; }

    /// <summary>When that was read; 0 when there is none.</summary>
    public long CandidateTime { get; set; }

    /// <summary>
    /// The most that can have flowed: domestic meters DN15–DN20 carry Q4 = 3.125 m³/h at most (ISO 4064-1, Q3 = 2.5); a single-phase
    /// 60 A service 13 kW. Over longer intervals less per hour is allowed.
    /// </summary>
    public static double Most(bool water, long ticks)
    {
        var hours = ticks / (double)Hour;
        return water
            ? 0.2 + 3.2 * Math.Min(hours, 3) + 0.5 * Math.Max(0, hours - 3)
            : 1 + 15 * Math.Min(hours, 3) + 4 * Math.Max(0, hours - 3);
    }

    /// <summary>Takes the next total.</summary>
    /// <param name="water">Water in m³; else electricity in kWh.</param>
    /// <param name="time">After <see cref="Time"/>, UTC ticks.</param>
    /// <param name="total">Not negative.</param>
    /// <param name="used">Since <see cref="Time"/> as it was before the call, where the answer is <see cref="MeterStep.Used"/>.</param>
    public MeterStep Next(bool water, long time, double total, out double used)
    {
        used = total - Value;
        var (stands, most) = (total, Most(water, time - Time));
        if (used < 0 && used > -Jitter)
            (used, stands) = (0, Value);
        else if (used < 0)
            foreach (var end in Rollovers)
                if (Value >= end * 0.99 && Value < end && end - Value + total is >= 0 and var over && over <= most)
                    used = over;
        if (used >= 0 && used <= most)
        {
            (Time, Value, CandidateTime) = (time, stands, 0);
            return MeterStep.Used;
        }

        var since = total - Candidate;
        if (CandidateTime != 0 && time > CandidateTime && since >= 0 && since <= Most(water, time - CandidateTime))
        {
            (Time, Value, CandidateTime) = (time, total, 0);
            return MeterStep.Began;
        }

        (Candidate, CandidateTime) = (total, time);
        return MeterStep.Doubted;
    }
}
