using CsCheck;
using Vigil.Model;
using Vigil.Storage.Readings;

namespace Vigil.Tests.Storage.Readings;

public sealed class DailyLifeTests
{
    private static readonly TimeZoneInfo Shanghai = TimeZoneInfo.FindSystemTimeZoneById("Asia/Shanghai");
    private static readonly DateOnly First = new(2026, 3, 1);

    [Fact]
    public void A_day_is_what_the_totals_grew_by_between_two_local_midnights()
    {
        var days = DailyLife.Of(
            [
                Water("00:00", 10),
                Water("07:30", 10.02),
                Water("07:45", 10.03),
                Water("21:00", 10.03),
                Water("21:15", 10.08),
                Water("24:00", 10.08),
                Water("30:00", 10.1),
            ],
            Shanghai
        );
        Assert.Equal([new DayOfUse(First, 80, null, At("07:45"), At("21:15")), new DayOfUse(First.AddDays(1), 20, null, null, null)], days);
    }

    [Fact]
    public void A_total_frozen_at_midnight_tells_of_the_day_before()
    {
        var days = DailyLife.Of([Water("00:00", 10), Water("24:00", 10.1), Water("48:00", 10.15)], Shanghai);
        Assert.Equal([(First, 100), (First.AddDays(1), 50)], days.Select(d => (d.Day, d.Litres!.Value)));
        Assert.All(days, d => Assert.Null(d.FirstUse)); // one total a day doesn't show when water was used
    }

    [Fact]
    public void A_gap_is_spread_over_the_days_it_covers()
    {
        var days = DailyLife.Of([Water("00:00", 10), Water("72:00", 10.3)], Shanghai);
        Assert.Equal([100, 100, 100], days.Select(d => d.Litres!.Value));
    }

    [Theory]
    [InlineData(120.5, 0.2, 0, "a counter that began anew: what was used meanwhile is not known")]
    [InlineData(99999.9, 0.3, 400, "a register of five digits that rolled over")]
    [InlineData(120.5, 64.2, 0, "another meter: nothing is known")]
    [InlineData(120.5, 120.49, 0, "a hair back")]
    [InlineData(0.5, 8000, 0, "a jump no home makes")]
    public void Totals_that_do_not_grow_are_not_use(double before, double after, double litres, string why)
    {
        var days = DailyLife.Of([Water("08:00", before), Water("09:00", after), Water("10:00", after)], Shanghai);
        Assert.True(litres == days.Sum(d => d.Litres ?? 0), $"{why}: {days.Sum(d => d.Litres)} litres");
    }

    [Fact]
    public void A_hair_back_and_forth_is_counted_once()
    {
        var days = DailyLife.Of(
            [Water("08:00", 10), Water("09:00", 10.03), Water("10:00", 10.02), Water("11:00", 10.03), Water("12:00", 10.05)],
            Shanghai
        );
        Assert.Equal(50, Assert.Single(days).Litres);
    }

    [Fact]
    public void Phases_and_meters_add_up_and_suspect_values_do_not()
    {
        var days = DailyLife.Of(
            [
                Energy("08:00", "l1", 1),
                Energy("09:00", "l1", 1.5),
                Energy("08:00", "l2", 7),
                Energy("09:00", "l2", 7.25),
                Energy("08:30", "l1", 900) with
                {
                    Flags = ReadingFlags.Suspect,
                },
                Energy("08:30", "l1", double.NaN),
                Water("08:30", 3) with
                {
                    Metric = Metric.WaterTemperature,
                },
            ],
            Shanghai
        );
        Assert.Equal(new DayOfUse(First, null, 0.75, null, null), Assert.Single(days));
    }

    [Fact]
    public void However_often_a_growing_meter_is_read_the_days_add_up_to_what_it_grew_by() =>
        Gen.Select(Gen.Int[1, 5000], Gen.Int[0, 200]) // at most as much as can flow in a minute
            .Array[2, 60]
            .Sample(steps =>
            {
                var (time, litres, readings) = (At("00:00"), 0, new List<Reading> { Water("00:00", 0) });
                foreach (var (minutes, used) in steps)
                {
                    (time, litres) = (time.AddMinutes(minutes), litres + used);
                    readings.Add(Water("00:00", litres / 1000.0) with { Time = time });
                }

                Assert.Equal(litres, DailyLife.Of(readings, Shanghai).Sum(d => d.Litres!.Value), tolerance: 0.1 * steps.Length * 4);
            });

    /// <summary>A time of the first local day in hours and minutes; 24:00 is the next midnight.</summary>
    private static DateTime At(string clock)
    {
        var parts = clock.Split(':');
        return new DateTime(2026, 2, 28, 16, 0, 0, DateTimeKind.Utc).AddHours(int.Parse(parts[0])).AddMinutes(int.Parse(parts[1]));
    }

    private static Reading Water(string clock, double total) =>
        new()
        {
            Device = new DeviceId("meter"),
            Metric = Metric.WaterVolume,
            Time = At(clock),
            Received = At(clock),
            Value = total,
        };

    private static Reading Energy(string clock, string phase, double total) =>
        Water(clock, total) with
        {
            Metric = Metric.ElectricityEnergy,
            Channel = phase,
        };
}
