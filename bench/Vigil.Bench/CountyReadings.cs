using Vigil.Model;

namespace Vigil.Bench;

/// <summary>
/// Readings as a county's devices send them: 1000 residents with five series each (water and electricity totals, room temperature, a
/// battery, a locator), one reading per series every 15 minutes, in order of arrival. Values move as real ones do, so that their
/// compression is realistic.
/// </summary>
internal sealed class CountyReadings
{
    public const int Residents = 1000;
    public const int SeriesEach = 5;
    public static readonly DateTime Start = new(2026, 1, 1, 0, 0, 0, DateTimeKind.Utc);
    public static readonly TimeSpan Every = TimeSpan.FromMinutes(15);
    private static readonly Metric[] Metrics =
    [
        Metric.WaterVolume,
        Metric.ElectricityEnergy,
        Metric.AirTemperature,
        Metric.BatteryLevel,
        Metric.Location,
    ];
    private readonly Random random = new(20260101);
    private readonly double[] values = new double[Residents * SeriesEach];
    private readonly DeviceId[] devices =
    [
        .. Enumerable.Range(0, Residents * SeriesEach).Select(i => Device(i / SeriesEach, i % SeriesEach)),
    ];
    private long made;

    public static DeviceId Device(int resident, int series) => new($"{Metrics[series].Name.Split('.')[0]}-4401{resident:D8}");

    public static IReadOnlyList<DeviceId> DevicesOf(int resident) => [.. Enumerable.Range(0, SeriesEach).Select(s => Device(resident, s))];

    public void Fill(Reading[] batch)
    {
        for (var i = 0; i < batch.Length; i++)
            batch[i] = Next();
    }

    private Reading Next()
    {
        var round = made / values.Length;
        var slot = (int)(made++ % values.Length);
        var metric = Metrics[slot % SeriesEach];
        // Devices don't report on the minute: each has its own moment within 15 minutes, and a reading takes some hundred milliseconds to
        // arrive.
        var time = Start + Every * round + TimeSpan.FromMilliseconds(slot * 180L);
        var reading = new Reading
        {
            Device = devices[slot],
            Metric = metric,
            Time = time,
            Received = time.AddMilliseconds(150 + random.Next(400)),
            Value = Move(slot, metric),
        };
        return metric == Metric.Location
            ? reading with
            {
                Longitude = Math.Round(113.264 + random.Next(2000) / 1e6, 6),
                Accuracy = 5 + random.Next(20),
                Speed = random.Next(15) / 10f,
            }
            : reading;
    }

    private double Move(int slot, Metric metric)
    {
        ref var value = ref values[slot];
        if (metric == Metric.WaterVolume)
            value += random.Next(10) < 3 ? random.Next(40) / 1000.0 : 0;
        else if (metric == Metric.ElectricityEnergy)
            value += random.Next(5, 60) / 1000.0;
        else if (metric == Metric.AirTemperature)
            value = 20 + random.Next(100) / 10.0;
        else if (metric == Metric.BatteryLevel)
            value = 100 - made / values.Length / 400 % 100;
        else
            value = 23.129 + random.Next(2000) / 1e6;
        return Math.Round(value, 6);
    }
}
