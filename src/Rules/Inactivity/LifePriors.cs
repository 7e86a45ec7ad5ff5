using System.Globalization;

namespace Vigil.Rules.Inactivity;

/// <summary>What shows the life of a home, for what is expected of it before it is known.</summary>
public enum LifeBasis
{
    Water,
    Electricity,
    Sensors,
}

/// <summary>
/// How likely there is life in each hour of the day in homes that are known, by what shows it and by the resident's class. It stands in
/// for a home's own past while there is none. Learned several times a day from all homes of the service; until enough are known, as
/// shipped.
/// </summary>
public sealed class LifePriors
{
    /// <summary>Fewer homes are their own people, not a habit of many.</summary>
    public const int Enough = 20;

    /// <summary>
    /// As shipped: the mean of the tuning homes of ADR 3 (Alicante water, New South Wales electricity). Sensors see what meters don't, by
    /// night too; no public record holds enough homes of them, so half of what water leaves out is added.
    /// </summary>
    public static LifePriors Shipped { get; } =
        new(
            new Dictionary<(LifeBasis, bool), float[]>
            {
                [(LifeBasis.Water, false)] = Water,
                [(LifeBasis.Electricity, false)] = Electricity,
                [(LifeBasis.Sensors, false)] = [.. Water.Select(p => p + (1 - p) / 2)],
            }
        );

    private readonly Dictionary<(LifeBasis Basis, bool KeyClass), float[]> hours;

    private LifePriors(Dictionary<(LifeBasis, bool), float[]> hours) => this.hours = hours;

    private static float[] Water =>
        [
            0.43f,
            0.30f,
            0.23f,
            0.19f,
            0.18f,
            0.26f,
            0.52f,
            0.67f,
            0.65f,
            0.62f,
            0.60f,
            0.59f,
            0.60f,
            0.61f,
            0.64f,
            0.66f,
            0.62f,
            0.61f,
            0.63f,
            0.64f,
            0.71f,
            0.72f,
            0.65f,
            0.58f,
        ];

    private static float[] Electricity =>
        [
            0.34f,
            0.38f,
            0.38f,
            0.33f,
            0.33f,
            0.41f,
            0.56f,
            0.68f,
            0.69f,
            0.71f,
            0.70f,
            0.67f,
            0.64f,
            0.64f,
            0.63f,
            0.66f,
            0.69f,
            0.75f,
            0.82f,
            0.82f,
            0.78f,
            0.66f,
            0.55f,
            0.42f,
        ];

    /// <summary>The chance of life in each of the 24 hours of a local day, for homes of a class or, where it has too few, of any.</summary>
    internal float[] Of(LifeBasis basis, bool keyClass) =>
        hours.GetValueOrDefault((basis, keyClass)) ?? hours.GetValueOrDefault((basis, false)) ?? Shipped.hours[(basis, false)];

    /// <summary>What was learned, a line for each basis and class: <c>water key 0.430 0.301 …</c>.</summary>
    public IEnumerable<string> Lines() =>
        hours
            .OrderBy(h => h.Key)
            .Select(h =>
                $"{h.Key.Basis.ToString().ToLowerInvariant()} {(h.Key.KeyClass ? "key" : "general")} "
                + string.Join(' ', h.Value.Select(p => p.ToString("0.000", CultureInfo.InvariantCulture)))
            );

    /// <exception cref="InvalidDataException">Not written by <see cref="Lines"/>.</exception>
    public static LifePriors Parse(IEnumerable<string> lines)
    {
        var hours = new Dictionary<(LifeBasis, bool), float[]>();
        foreach (var line in lines)
        {
            var words = line.Split(' ', StringSplitOptions.RemoveEmptyEntries);
            var chances = new float[24];
            var ok = words.Length == 26 && Enum.TryParse<LifeBasis>(words[0], ignoreCase: true, out _) && words[1] is "key" or "general";
            for (var h = 0; ok && h < 24; h++)
                ok =
                    float.TryParse(words[h + 2], NumberStyles.Float, CultureInfo.InvariantCulture, out chances[h])
                    && chances[h] is > 0 and < 1;
            if (!ok)
                throw new InvalidDataException($"not what is expected of homes: '{line}'");
            hours[(Enum.Parse<LifeBasis>(words[0], ignoreCase: true), words[1] == "key")] = chances;
        }

        return new LifePriors(hours);
    }

    /// <summary>Sums up what homes have learned.</summary>
    public sealed class Sum
    {
        private readonly Dictionary<(LifeBasis, bool KeyClass), (int Homes, double[] Hours)> sums = [];

        internal void Add(LifeBasis basis, bool keyClass, in LearnedSilence life)
        {
            if (!life.Learned)
                return;
            Add((basis, false), life);
            if (keyClass)
                Add((basis, true), life);
        }

        /// <summary>Null where too few homes are known of anything.</summary>
        public LifePriors? Priors()
        {
            var enough = sums.Where(s => s.Value.Homes >= Enough).ToList();
            return enough.Count == 0
                ? null
                : new LifePriors(
                    enough.ToDictionary(
                        s => s.Key,
                        s => s.Value.Hours.Select(h => (float)Math.Clamp(h / s.Value.Homes, 0.01, 0.99)).ToArray()
                    )
                );
        }

        private void Add((LifeBasis, bool) key, in LearnedSilence life)
        {
            var (homes, hours) = sums.GetValueOrDefault(key, (0, new double[24]));
            for (var h = 0; h < 24; h++)
                hours[h] += life.ChanceInHour(h);
            sums[key] = (homes + 1, hours);
        }
    }
}
