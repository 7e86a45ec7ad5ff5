namespace Vigil.Rules.Inactivity;

/// <summary>Merges the intervals of several meters of one home into one sequence.</summary>
internal struct SeveralMeters
{
    /// <summary>
    /// Use in a time that was known already, or that not all meters have reported yet: it is added to the next interval.
    /// </summary>
    public double Waiting { get; set; }

    /// <param name="from">The earlier total of a meter, UTC.</param>
    /// <param name="to">Its later total.</param>
    /// <param name="use">Used between them.</param>
    /// <param name="all">Up to here all meters that still report have reported.</param>
    /// <param name="lives">The use is a sign of life: it counts at once.</param>
    /// <param name="knownUntil">Where the sequence ends; null before its first interval.</param>
    /// <returns>The next interval of the sequence; null when this one has to wait.</returns>
    public (DateTime From, DateTime To, double Use)? Merge(
        DateTime from,
        DateTime to,
        double use,
        DateTime all,
        bool lives,
        DateTime? knownUntil
    )
    {
        var known = lives || to < all ? to : all;
        if (known <= (knownUntil ?? DateTime.MinValue) || (known <= from && knownUntil is null))
        {
            if (use >= 0 && double.IsFinite(use))
                Waiting += use;
            return null;
        }

        // Where this meter's interval begins after the end of the sequence, another meter has reported the time between. With one meter
        // nobody has: it stays a gap.
        var several = all != to;
        if (knownUntil is { } end && (several || from < end))
            from = end;
        use += Waiting;
        Waiting = 0;
        return (from, known, use);
    }
}
