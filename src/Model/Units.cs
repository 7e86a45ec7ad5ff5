using System.Collections.Frozen;

namespace Vigil.Model;

/// <summary>A linear conversion to a canonical unit: canonical = value × <see cref="Factor"/> + <see cref="Offset"/>.</summary>
public readonly record struct Conversion(double Factor, double Offset = 0)
{
    public static readonly Conversion Identity = new(1);

    public double Apply(double value) => value * Factor + Offset;
}

/// <summary>
/// The units that devices send, and their conversion to the canonical unit of a metric. Names are SenML's and UCUM's, with the spellings
/// found in the field.
/// </summary>
public static class Units
{
    private static readonly FrozenDictionary<(string From, string To), Conversion> Table = Build();

    /// <summary>Finds a conversion; the same unit, and an empty one, need none.</summary>
    public static bool TryConvert(string from, string to, out Conversion conversion)
    {
        conversion = Conversion.Identity;
        return from.Length == 0 || from == to || Table.TryGetValue((from, to), out conversion);
    }

    private static FrozenDictionary<(string, string), Conversion> Build()
    {
        var table = new Dictionary<(string, string), Conversion>();
        void To(string to, params (double Factor, string Names)[] rows)
        {
            foreach (var (factor, names) in rows)
            foreach (var name in names.Split(' '))
                table[(name, to)] = new Conversion(factor);
        }

        To(
            "m3",
            (1, "m³ m^3"),
            (1e-3, "L l litre liter dm3"),
            (1e-6, "mL ml"),
            (0.01, "10L"),
            (0.1, "100L"),
            (3.785411784e-3, "gal"),
            (0.028316846592, "ft3 ft³")
        );
        To("m3/s", (1.0 / 3600, "m3/h m³/h m3h"), (1e-3, "L/s l/s"), (1e-3 / 60, "L/min l/min lpm"), (1e-3 / 3600, "L/h l/h"));
        To(
            "kWh",
            (1e-3, "Wh"),
            (1e-6, "mWh"),
            (1.0 / 60000, "Wmin W.min"),
            (1e3, "MWh"),
            (1.0 / 3.6e6, "J"),
            (1.0 / 3.6, "MJ"),
            (1e3 / 3.6, "GJ"),
            (0.01, "10Wh")
        );
        To("W", (1e3, "kW"), (1e6, "MW"), (1e-3, "mW"));
        To("kvarh", (1e-3, "varh VArh"));
        To("var", (1e3, "kvar kVAr"), (1, "VAr"));
        To("VA", (1e3, "kVA"));
        To("V", (1e-3, "mV"), (1e3, "kV"), (0.1, "dV"), (0.01, "cV"));
        To("A", (1e-3, "mA"));
        To("Pa", (100, "hPa mbar"), (1e3, "kPa"), (1e5, "bar"), (1e6, "MPa"), (6894.757293168, "psi"), (133.322387415, "mm[Hg] mmHg"));
        To("mm[Hg]", (1, "mmHg"), (7.500615758, "kPa"));
        To("Cel", (1, "°C C degC ℃"), (0.1, "dCel"), (0.01, "cCel"));
        table[("K", "Cel")] = new Conversion(1, -273.15);
        table[("°F", "Cel")] = table[("degF", "Cel")] = table[("[degF]", "Cel")] = new Conversion(5.0 / 9, -160.0 / 9);
        To("%", (1, "%EL percent"), (100, "/ ratio"));
        To("%RH", (1, "%"), (100, "/"));
        To("/", (0.01, "%"), (1, "ratio"));
        To("beat/min", (1, "bpm 1/min /min"), (60, "Hz"));
        To("/min", (1, "1/min bpm beat/min"));
        To("mmol/l", (1, "mmol/L"), (1.0 / 18.0182, "mg/dL mg/dl"));
        To("lx", (1, "lux"));
        To("kg", (1e-3, "g"), (0.5, "jin 斤"));
        return table.ToFrozenDictionary();
    }
}
