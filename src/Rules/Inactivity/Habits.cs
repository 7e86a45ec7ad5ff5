namespace Vigil.Rules.Inactivity;

/// <summary>
/// What the facts of <see cref="Silence"/> say about the chance that the next hour ends it (logistic regression), learned on by each home
/// for itself; and how long to wait.
/// </summary>
/// <remarks>
/// The wait is chosen when the silence begins, and doesn't move while it lasts: the hour at which
/// <c>weight × chance of a false alarm + delay of a true one</c> is least. A life that has stopped may have stopped in any hour that the
/// silence would have reached anyway; the harm of the delay counted from there grows most around ten hours. So it tells before hours that
/// would say nothing (the night), not after them, and doesn't wait for certainty that will not come.
/// </remarks>
internal readonly struct Habits
{
    /// <summary>Fitted to the silences of the homes of the tuning part (ADR 3), where every home begins.</summary>
    public static readonly float[] Prior = [1.133f, 0.513f, 0.295f, -1.781f, 1.716f, 0.142f, 0.136f, 0.592f, -0.379f];

    private const double LearningRate = 0.003;

    /// <summary>
    /// What a silence of an hour or more takes away of what was learned: forgotten by half in some 700 of them, four months of a usual
    /// life.
    /// </summary>
    private const double Forgetting = 0.001;
    private const double Furthest = 1.5;

    /// <summary>A reading a little before the full hour still counts as that hour: meters report when the network lets them.</summary>
    private const double Late = 0.26;

    private static readonly double[] Harm =
    [
        .. Enumerable.Range(0, Silence.Hours + 1).Select(h => 1 / (1 + Math.Exp((10 - h) / 1.5)) + 0.01 * h),
    ];

    public readonly float[] Weights = [.. Prior];

    public Habits() { }

    /// <summary>How likely a silence lasts so many full hours, from 0 to 24.</summary>
    public void Lasts(in PastDays days, long from, Span<double> lasts)
    {
        var silence = new Silence(days, from);
        Span<float> facts = stackalloc float[Silence.Facts];
        lasts[0] = 1;
        for (var hour = 0; hour < Silence.Hours; hour++)
        {
            silence.Next(facts);
            // nothing is known of the first hour: some meters report once an hour
            lasts[hour + 1] = lasts[hour] * (hour == 0 ? 1 : 1 - Chance(facts));
        }
    }

    /// <summary>Takes a silence that is over, or (<paramref name="ended"/> false) one of which no more is known.</summary>
    public void Learn(in PastDays days, long from, double hours, bool ended)
    {
        var silence = new Silence(days, from);
        Span<float> facts = stackalloc float[Silence.Facts];
        Span<double> slope = stackalloc double[Silence.Facts];
        slope.Clear();
        for (var hour = 0; hour < Silence.Hours; hour++)
        {
            silence.Next(facts);
            if (hour == 0)
                continue;
            var lasted = hour + 1 <= hours + Late;
            if (!lasted && !ended)
                break;
            var error = (lasted ? 0 : 1) - Chance(facts);
            for (var i = 0; i < facts.Length; i++)
                slope[i] += error * facts[i];
            if (!lasted)
                break;
        }

        for (var i = 0; i < slope.Length; i++)
        {
            var moved = Weights[i] + LearningRate * slope[i] + Forgetting * (Prior[i] - Weights[i]);
            Weights[i] = (float)Math.Clamp(moved, Prior[i] - Furthest, Prior[i] + Furthest);
        }
    }

    /// <summary>After how many hours to tell; 24 means not before the fixed rule does.</summary>
    /// <param name="lasts">How likely the silence lasts so many hours.</param>
    /// <param name="weight">What a false alarm costs.</param>
    /// <param name="least">Not before so many hours.</param>
    /// <param name="floor">The fixed rule tells after 24 hours anyway: its false alarms cost nothing more.</param>
    public static int Wait(ReadOnlySpan<double> lasts, double weight, int least, bool floor)
    {
        var best = double.MaxValue;
        var at = Silence.Hours;
        for (var hours = least; hours <= Silence.Hours; hours++)
        {
            var cost = hours == Silence.Hours ? 0 : weight * (lasts[hours] - (floor ? lasts[Silence.Hours] : 0));
            for (var since = 0; since < hours && cost < best; since++)
                cost += lasts[since] * Harm[hours - since];
            if (cost >= best)
                continue;
            best = cost;
            at = hours;
        }

        return at;
    }

    private double Chance(ReadOnlySpan<float> facts)
    {
        var sum = 0f;
        for (var i = 0; i < facts.Length; i++)
            sum += Weights[i] * facts[i];
        return 1 / (1 + MathF.Exp(-sum));
    }
}
