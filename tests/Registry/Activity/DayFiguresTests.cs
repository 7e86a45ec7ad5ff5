using Vigil.Model;
using Vigil.Registry.Activity;
using Vigil.Storage.Records;

namespace Vigil.Tests.Registry.Activity;

/// <summary>The figures of one day in one home, calculated from its sensors.</summary>
public sealed class DayFiguresTests
{
    private static readonly TimeZoneInfo Shanghai = TimeZoneInfo.FindSystemTimeZoneById("Asia/Shanghai");
    private static readonly DateOnly Day = new(2026, 3, 10);
    private readonly List<Reading> readings = [];

    private DayFiguresTests Say(string device, Metric metric, string at, double value, int days = 0)
    {
        var local = Day.AddDays(days).ToDateTime(TimeOnly.Parse(at, System.Globalization.CultureInfo.InvariantCulture));
        var time = TimeZoneInfo.ConvertTimeToUtc(local, Shanghai);
        readings.Add(
            new Reading
            {
                Device = new DeviceId(device),
                Metric = metric,
                Time = time,
                Received = time,
                Value = value,
                Event = metric.Kind == MetricKind.Event ? "pressed" : null,
            }
        );
        return this;
    }

    /// <summary>A meter total every hour; <paramref name="used"/> gives the use in the hour that ends then.</summary>
    private DayFiguresTests Meter(Metric metric, Func<int, double> used)
    {
        var total = 10.0;
        for (var hour = 0; hour <= 23; hour++)
            Say("meter", metric, $"{hour:00}:00", total += used(hour));
        return this;
    }

    private DailyActivity Figures() =>
        DayFigures
            .Of("r1", [.. readings.OrderBy(r => r.Time)], (device, channel) => Places.Of(channel, device.Value), Day, Day, Shanghai)
            .Single();

    [Fact]
    public void A_home_of_which_nothing_is_heard_has_no_figures()
    {
        var day = Figures();
        Assert.Equal((null, null, null, null, null), (day.Rose, day.BedExits, day.ToiletVisits, day.Meals, day.MinutesOut));
    }

    [Fact]
    public void A_night_with_one_walk_to_the_toilet_and_a_morning()
    {
        Say("mat", Metric.BedOccupied, "22:30", 1, -1)
            .Say("mat", Metric.BedOccupied, "01:10", 0)
            .Say("mat", Metric.BedOccupied, "01:20", 1);
        Say("mat", Metric.BedOccupied, "03:00", 0).Say("mat", Metric.BedOccupied, "03:00:20", 1); // turned over in bed
        Say("卫生间人体", Metric.Motion, "01:12", 1)
            .Say("卫生间人体", Metric.Motion, "01:13", 0)
            .Say("卫生间人体", Metric.Motion, "01:15", 1);
        Say("卫生间人体", Metric.Motion, "01:17", 0)
            .Say("卫生间人体", Metric.Motion, "06:10", 1)
            .Say("卫生间人体", Metric.Motion, "06:12", 0);
        Say("mat", Metric.BedOccupied, "05:50", 0); // got up for the day, so this is no walk at night
        Say("kettle-1", Metric.ElectricityPower, "06:00", 0).Say("kettle-1", Metric.ElectricityPower, "06:20", 1800);
        Say("kettle-1", Metric.ElectricityPower, "06:25", 0.4);
        Say("冰箱门", Metric.DoorOpen, "00:00", 0).Say("冰箱门", Metric.DoorOpen, "06:30", 1).Say("冰箱门", Metric.DoorOpen, "06:31", 0);
        Say("冰箱门", Metric.DoorOpen, "12:00", 1).Say("冰箱门", Metric.DoorOpen, "12:01", 0);
        // the refrigerator's compressor
        Say("fridge-plug", Metric.ElectricityPower, "08:00", 1).Say("fridge-plug", Metric.ElectricityPower, "09:30", 90);
        var day = Figures();
        Assert.Equal(5 * 60 + 50, day.Rose);
        Assert.Equal(1, day.BedExits);
        Assert.Equal(2, day.ToiletVisits);
        Assert.Equal(2, day.Meals);
        Assert.Null(day.MinutesOut); // this home has no sensor on its front door
    }

    [Fact]
    public void Who_went_out_came_back_through_the_door_and_who_slept_behind_it_was_at_home()
    {
        Say("hall", Metric.Motion, "08:55", 1).Say("hall", Metric.Motion, "08:58", 0);
        Say("door", Metric.DoorOpen, "00:00", 0).Say("door", Metric.DoorOpen, "09:00", 1).Say("door", Metric.DoorOpen, "09:01", 0);
        Say("hall", Metric.Motion, "09:02", 1).Say("hall", Metric.Motion, "09:05", 0); // reported while the door was closing
        Say("door", Metric.DoorOpen, "11:30", 1).Say("door", Metric.DoorOpen, "11:31", 0).Say("hall", Metric.Motion, "11:32", 1);
        Say("hall", Metric.Motion, "11:40", 0); // a parcel was taken in at the door
        Say("door", Metric.DoorOpen, "14:00", 1).Say("door", Metric.DoorOpen, "14:01", 0);
        Say("hall", Metric.Motion, "14:05", 1).Say("hall", Metric.Motion, "14:06", 0);
        Say("door", Metric.DoorOpen, "18:00", 1).Say("door", Metric.DoorOpen, "18:01", 0); // slept in the chair
        Say("hall", Metric.Motion, "20:00", 1).Say("hall", Metric.Motion, "20:05", 0).Say("door", Metric.DoorOpen, "20:30", 1);
        Assert.Equal(149, Figures().MinutesOut);
    }

    [Fact]
    public void An_outing_over_midnight_is_divided_between_its_days()
    {
        Say("hall", Metric.Motion, "20:00", 1, -1)
            .Say("door", Metric.DoorOpen, "21:59", 1, -1)
            .Say("door", Metric.DoorOpen, "22:00", 0, -1);
        Say("door", Metric.DoorOpen, "01:30", 1).Say("hall", Metric.Motion, "01:32", 1);
        Assert.Equal(90, Figures().MinutesOut);
    }

    [Fact]
    public void A_meter_tells_when_somebody_rose_unless_it_was_the_leak()
    {
        Meter(Metric.WaterVolume, hour => hour is 7 or 19 ? 0.015 : 0.003); // a leak of 3 L in every hour
        Assert.Equal(7 * 60, Figures().Rose);
    }

    [Fact]
    public void A_base_load_is_no_sign_of_life()
    {
        Meter(Metric.ElectricityEnergy, hour => hour == 6 ? 0.35 : 0.06 + hour % 3 * 0.02);
        Assert.Equal(6 * 60, Figures().Rose);
    }

    [Fact]
    public void One_movement_alone_may_be_the_curtain()
    {
        Say("hall", Metric.Motion, "04:30", 1).Say("hall", Metric.Motion, "04:31", 0);
        Say("hall", Metric.Motion, "07:00", 1).Say("hall", Metric.Motion, "07:01", 0).Say("hall", Metric.Motion, "07:10", 1);
        Assert.Equal(7 * 60, Figures().Rose);
    }

    [Theory]
    [InlineData("卫生间红外", "Toilet")]
    [InlineData("Bathroom motion", "Toilet")]
    [InlineData("wc_door", "Toilet")]
    [InlineData("newcastle", "Unknown")] // "wc" inside a word
    [InlineData("厨房冰箱", "Fridge")]
    [InlineData("电热水壶", "Kettle")]
    [InlineData("燃气灶", "Cooker")]
    [InlineData("kitchen-2", "Kitchen")]
    [InlineData("门厅", "Unknown")]
    public void A_name_tells_the_place(string name, string place) => Assert.Equal(place, Places.Of(name).ToString());
}
