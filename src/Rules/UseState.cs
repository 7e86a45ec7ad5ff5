namespace Vigil.Rules;

/// <summary>
/// How much of something (water, electricity) a home used, hour by hour over the last week, summed over its meters. Fed with totals; copes with resets,
/// rollovers, replaced meters, gaps, duplicates and readings out of order.
/// </summary>
internal sealed class UseState
{
    public const int Hours = 24 * 7;

    /// <summary>Totals of the meters: series → last total and its time.</summary>
    public Dictionary<string, (double Total, DateTime Time)> Meters { get; set; } = [];

    /// <summary>Use by hour; the hour's number modulo <see cref="Hours"/>.</summary>
    public float[] Used { get; set; } = new float[Hours];

    /// <summary>From when on use is known without a hole.</summary>
    public DateTime KnownSince { get; set; }

    /// <summary>The latest time that use is known up to.</summary>
    public DateTime KnownUntil { get; set; }

    /// <summary>When something was last used, beyond what runs by itself.</summary>
    public DateTime LastUse { get; set; }

    /// <summary>Use since the present episode began.</summary>
    public double SinceOpened { get; set; }

    /// <param name="series">Device and channel.</param>
    /// <param name="total">The meter's total.</param>
    /// <param name="time">When it was measured.</param>
    /// <param name="mostAnHour">More than this in an hour is no use but a fault of the meter.</param>
    /// <returns>Use since the meter's last total; null when it says nothing new (first, repeated, out of order, reset, absurd).</returns>
    public double? Take(string series, double total, DateTime time, double mostAnHour)
    {
        if (!Meters.TryGetValue(series, out var last))
        {
            Meters[series] = (total, time);
            if (KnownSince == default) (KnownSince, KnownUntil, LastUse) = (time, time, time);
            return null;
        }

        if (time <= last.Time) return null;
        Meters[series] = (total, time);
        var use = total - last.Total;
        var hours = (time - last.Time).TotalHours;
        if (use < -1e-9 || use > mostAnHour * Math.Max(1, hours))
        {
            // Reset, rolled over, replaced or misread: what happened in between is unknown, which is neither silence nor life.
            Forget(time);
            return null;
        }

        use = Math.Max(0, use);
        Add(last.Time, time, use);
        SinceOpened += use;
        return use;
    }

    /// <summary>Use in the window that ends at the latest known time.</summary>
    public double Sum(TimeSpan window)
    {
        var (to, sum) = (HourBefore(KnownUntil), 0.0);
        var from = HourBefore(KnownUntil - window);
        for (var hour = from + 1; hour <= to; hour++) sum += Used[hour % Hours];
        return sum;
    }

    /// <summary>What runs by itself in an hour (a leak, a refrigerator): the quietest six hours of the last week before the window, repeated.</summary>
    public double BaseAnHour(TimeSpan window)
    {
        var to = HourBefore(KnownUntil - window);
        var from = Math.Max(HourBefore(KnownSince) + 2, HourBefore(KnownUntil) - Hours + 1);
        if (to - from < 24) return 0;
        var least = double.MaxValue;
        for (var hour = from; hour + 6 <= to; hour++)
        {
            var sum = 0.0;
            for (var i = 0; i < 6; i++) sum += Used[(hour + i) % Hours];
            least = Math.Min(least, sum / 6);
        }

        return least == double.MaxValue ? 0 : least;
    }

    private void Add(DateTime from, DateTime to, double use)
    {
        var (first, last, known) = (HourBefore(from.AddTicks(1)), HourBefore(to), HourBefore(KnownUntil));
        for (var hour = Math.Max(known + 1, last - Hours + 1); hour <= last; hour++) Used[hour % Hours] = 0;
        if (last - first < Hours)
        {
            var share = use / (last - first + 1);
            for (var hour = first; hour <= last; hour++)
                if (Math.Max(known, last) - hour < Hours) Used[hour % Hours] += (float)share;
        }

        if (to > KnownUntil) KnownUntil = to;
    }

    private void Forget(DateTime time)
    {
        Array.Clear(Used);
        (KnownSince, KnownUntil, LastUse) = (time, time, time);
    }

    /// <summary>The hour that ends at or after a moment: what is read at 08:00 tells of the hour from 07:00.</summary>
    private static long HourBefore(DateTime time) => (time.Ticks - 1) / TimeSpan.TicksPerHour;
}
