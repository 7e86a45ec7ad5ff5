namespace Vigil.Village;

/// <summary>
/// One simulated home with the daily life of one older person: when they get up, cook, wash, go to bed. Seeded, so the same village lives
/// the same days.
/// </summary>
public sealed class Household
{
    private static readonly string[] Surnames = ["陈", "李", "黄", "张", "梁", "林", "何", "吴", "刘", "罗"];
    private static readonly string[] GivenNames = ["秀英", "桂兰", "玉珍", "建国", "志强", "月娥", "惠芳", "伟明", "凤仪", "国华"];

    private readonly Random random;
    private readonly double wakes;
    private readonly double sleeps;
    private double water;
    private double energy;

    public Household(int number, int seed)
    {
        Number = number;
        random = new Random(seed * 1000 + number);
        wakes = 5.8 + random.NextDouble() * 1.7;
        sleeps = 20.8 + random.NextDouble() * 1.6;
        water = 50 + random.Next(300);
        energy = 1000 + random.Next(4000);
        Name = Surnames[number % Surnames.Length] + GivenNames[(number * 7 + number / 10) % GivenNames.Length];
    }

    public int Number { get; }

    /// <summary>R01, R02…</summary>
    public string Id => $"R{Number:00}";

    public string Name { get; }

    public string WaterMeter => $"7634{Number:0000}";

    public string ElectricityMeter => $"{201900000000 + Number:000000000000}";

    public string Button => $"sos-{Id}";

    public string Sensor => $"room-{Id}";

    public string Locator => $"{13800000000 + Number:000000000000}";

    public (double Latitude, double Longitude) Home => (23.5 + Number * 0.0011, 113.25 + Number * 0.0007);

    /// <summary>From then on nothing is used in this home, whatever the clock says; null while life goes on.</summary>
    public DateTimeOffset? StillSince { get; set; }

    /// <summary>Lives the hour before <paramref name="end"/> (local time) and returns the meters' totals at its end: m³ and kWh.</summary>
    public (double Water, double Energy) LiveHour(DateTimeOffset end)
    {
        var hour = end.Hour + end.Minute / 60.0;
        if (StillSince is null || end <= StillSince)
        {
            var awake = hour > wakes && hour < sleeps;
            var meal = Math.Abs(hour - wakes - 1) < 1 || Math.Abs(hour - 12) < 1 || Math.Abs(hour - 18.5) < 1;
            var chance =
                !awake ? 0.04
                : meal ? 0.97
                : 0.55;
            if (random.NextDouble() < chance)
                water += (meal ? 6 : 2 + random.Next(6)) * 0.001 + random.NextDouble() * 0.004;
            energy += awake ? 0.06 + random.NextDouble() * (meal ? 0.5 : 0.12) : 0;
        }

        energy += 0.03 + random.NextDouble() * 0.01; // the refrigerator goes on
        return (Math.Round(water, 3), Math.Round(energy, 2));
    }

    public double RoomTemperature(DateTimeOffset at) => 22 + 3 * Math.Sin((at.Hour - 9) / 24.0 * 2 * Math.PI) + random.NextDouble() * 0.3;
}
