using System.Runtime.CompilerServices;

namespace Vigil.Rules.Inactivity;

/// <summary>
/// A logistic regression: from the features of <see cref="Silence"/> to the chance that the next hour ends the silence. Each home goes on
/// learning its own weights. Also chooses how long to wait before an alarm.
/// </summary>
/// <remarks>
/// The wait is chosen when the silence begins and doesn't change while it lasts: the hour at which
/// <c>weight × chance of a false alarm + harm of the delay of a true one</c> is least. The accident may have happened in any hour that the
/// silence would have reached anyway; the harm of the delay from then on grows most around ten hours. So the alarm comes before hours that
/// would prove nothing (the night) rather than after them.
/// </remarks>
internal struct Habits
{
    /// <summary>The weights with which every home begins, fitted to the homes of the tuning set (ADR 3).</summary>
    public static readonly float[] Prior = [1.133f, 0.513f, 0.295f, -1.781f, 1.716f, 0.142f, 0.136f, 0.592f, -0.379f];

    private const double LearningRate = 0.003;

    /// <summary>
    /// How far each silence of an hour or more pulls the weights back to <see cref="Prior"/>: halfway in some 700 of them, about four
    /// months.
    /// </summary>
    private const double Forgetting = 0.001;

    /// <summary>How far a weight may move from its prior.</summary>
    private const double Furthest = 1.5;

    /// <summary>Hours by which a reading may come before the full hour and count as it: reports are not punctual.</summary>
    public const double Late = 0.26;

    /// <summary>Harm of a delay of so many hours.</summary>
    private static readonly double[] Harm =
    [
        .. Enumerable.Range(0, Silence.Hours + 1).Select(h => 1 / (1 + Math.Exp((10 - h) / 1.5)) + 0.01 * h),
    ];

    /// <summary>One for each feature.</summary>
    public Features Weights;

    public Habits() => Prior.CopyTo((Span<float>)Weights);

    /// <summary>The chance that a silence lasts at least so many full hours, from 0 to 24 (survival).</summary>
    public readonly void Lasts(in PastDays days, long from, Span<double> lasts)
    {
        var silence = new Silence(days, from);
        Span<float> features = stackalloc float[Silence.Features];
        lasts[0] = 1;
        for (var hour = 0; hour < Silence.Hours; hour++)
        {
            silence.Next(features);
            // in the first hour nothing is known: some meters report once an hour
            lasts[hour + 1] = lasts[hour] * (hour == 0 ? 1 : 1 - Chance(features));
        }
    }

    /// <summary>Learns from a silence that is over or, when <paramref name="ended"/> is false, whose end isn't known.</summary>
    public void Learn(in PastDays days, long from, double hours, bool ended, double late = Late)
    {
        var silence = new Silence(days, from);
        Span<float> features = stackalloc float[Silence.Features];
        Span<double> slope = stackalloc double[Silence.Features];
        slope.Clear();
        for (var hour = 0; hour < Silence.Hours; hour++)
        {
            silence.Next(features);
            if (hour == 0)
                continue;
            var lasted = hour + 1 <= hours + late;
            if (!lasted && !ended)
                break;
            var error = (lasted ? 0 : 1) - Chance(features);
            for (var i = 0; i < features.Length; i++)
                slope[i] += error * features[i];
            if (!lasted)
                break;
        }

        for (var i = 0; i < slope.Length; i++)
        {
            var moved = Weights[i] + LearningRate * slope[i] + Forgetting * (Prior[i] - Weights[i]);
            Weights[i] = (float)Math.Clamp(moved, Prior[i] - Furthest, Prior[i] + Furthest);
        }
    }

    /// <summary>After how many hours to alarm; 24 means not before the fixed rule does.</summary>
    /// <param name="lasts">The chance that the silence lasts at least so many hours.</param>
    /// <param name="weight">What a false alarm costs.</param>
    /// <param name="least">Not before so many hours.</param>
    /// <param name="floor">The fixed rule alarms after 24 hours anyway: its false alarms cost nothing extra.</param>
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

    private readonly double Chance(ReadOnlySpan<float> features)
    {
        var sum = 0f;
        for (var i = 0; i < features.Length; i++)
            sum += Weights[i] * features[i];
        return 1 / (1 + MathF.Exp(-sum));
    }

    [InlineArray(Silence.Features)]
    public struct Features
    {
        private float first;
    }
}
