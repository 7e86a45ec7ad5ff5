using Vigil.Model;
using Vigil.Storage.Readings;

namespace Vigil.Tests.Storage.Readings;

public sealed class HourlyUseTests
{
    private static readonly DateTime Start = new(2026, 3, 1, 0, 0, 0, DateTimeKind.Utc);

    [Fact]
    public void What_was_used_lies_on_the_hours_between_two_totals_and_an_untold_hour_is_not_zero()
    {
        Reading[] readings = [Total(0, 10), Total(60, 10.010), Total(150, 10.040), Total(150 + 6 * 60, 10.1), Total(150 + 7 * 60, 10.1)];
        var hours = HourlyUse.Of(readings, Start, Start.AddHours(10));
        Assert.Equal(10, hours.Count);
        Assert.Equal([10, 20, 10], hours.Take(3).Select(h => Math.Round(h.Litres!.Value, 6)));
        Assert.Null(hours[5].Litres); // six hours between two totals: nobody can say in which hour it was used
        Assert.Equal(0, hours[9].Litres);
        Assert.All(hours, h => Assert.Null(h.KilowattHours));
    }

    private static Reading Total(int minutes, double cubicMetres) =>
        new()
        {
            Device = new DeviceId("m"),
            Metric = Metric.WaterVolume,
            Time = Start.AddMinutes(minutes),
            Received = Start.AddMinutes(minutes),
            Value = cubicMetres,
        };
}
