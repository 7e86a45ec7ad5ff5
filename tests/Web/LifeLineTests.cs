using Vigil.Model;
using Vigil.Web.LifeLines;

namespace Vigil.Tests.Web;

/// <summary>How the line of life draws readings.</summary>
public sealed class LifeLineTests
{
    private static readonly DateTime Noon = new(2026, 3, 1, 12, 0, 0, DateTimeKind.Utc);
    private static readonly Zoom Day = Zoom.Named("24h");

    [Fact]
    public void A_door_and_then_half_an_hour_without_a_sign_is_an_outing_until_the_next_sign()
    {
        SignOfLife[] signs =
        [
            Sign(0, Metric.Motion),
            Sign(5, Metric.DoorOpen),
            Sign(6, Metric.DoorOpen),
            Sign(96, Metric.DoorOpen),
            Sign(97, Metric.Motion),
        ];
        var outing = Assert.Single(Outing.Of(signs, Noon.AddHours(2)));
        Assert.Equal(new Outing(Noon.AddMinutes(6), Noon.AddMinutes(96)), outing);
    }

    [Fact]
    public void Whoever_has_not_come_back_is_out_still_and_a_short_pause_or_one_without_a_door_is_no_outing()
    {
        Assert.Equal([new Outing(Noon, null)], Outing.Of([Sign(0, Metric.DoorOpen)], Noon.AddMinutes(30)));
        Assert.Empty(Outing.Of([Sign(0, Metric.DoorOpen)], Noon.AddMinutes(29)));
        Assert.Empty(Outing.Of([Sign(0, Metric.DoorOpen), Sign(29, Metric.Motion)], Noon.AddMinutes(40)));
        Assert.Empty(Outing.Of([Sign(0, Metric.Motion)], Noon.AddHours(9)));
        Assert.Empty(Outing.Of([], Noon));
    }

    [Fact]
    public void A_silence_lies_between_signs_of_any_device_and_one_at_the_beginning_may_be_longer()
    {
        SignOfLife[] signs = [Sign(0, Metric.Motion), Sign(90, Metric.DoorOpen), Sign(240, Metric.Motion)];
        Assert.Equal(
            [
                new Silence(Noon.AddHours(-3), Noon, Longer: true),
                new Silence(Noon.AddMinutes(90), Noon.AddMinutes(240), Longer: false),
                new Silence(Noon.AddMinutes(240), Noon.AddHours(7), Longer: false),
            ],
            Silence.Of(signs, Noon.AddHours(-3), Noon.AddHours(7), TimeSpan.FromHours(2))
        );
    }

    [Fact]
    public void A_silence_that_began_before_the_line_has_its_true_length()
    {
        var line = LifeLine.Of([Read(-60, Metric.Motion, 1)], Zoom.Named("6h"), Noon.AddHours(7));
        Assert.Equal(TimeSpan.FromHours(8), Assert.Single(line.Silences).Length);
        Assert.Equal(Noon.AddHours(-1), line.Newest!.Value.Time);
        Assert.Empty(Assert.Single(line.Rows).Marks);
    }

    [Fact]
    public void Without_a_reading_nothing_is_called_silent() => Assert.Empty(LifeLine.Of([], Day, Noon).Silences);

    [Fact]
    public void Signs_in_one_or_neighbouring_slots_are_one_mark()
    {
        var from = Noon.AddDays(-1);
        Reading[] readings =
        [
            .. Enumerable.Range(0, 600).Select(i => Read(-1440 + i / 60.0, Metric.Motion, 1)),
            Read(-720, Metric.Motion, 1),
        ];
        var row = Assert.Single(LifeRow.Of(readings, from, Noon, Day));
        Assert.Equal([(0, 3), (180, 1)], row.Marks); // ten minutes of signs fill three slots of four minutes
        Assert.Equal(601, row.Signs.Count);
    }

    [Fact]
    public void States_tell_when_they_change_motion_when_it_is_on_and_a_bed_is_drawn_while_it_is_occupied()
    {
        Reading[] readings =
        [
            Read(-600, Metric.BedOccupied, 1),
            Read(-590, Metric.BedOccupied, 1),
            Read(-120, Metric.BedOccupied, 0),
            Read(-100, Metric.Motion, 0),
            Read(-90, Metric.Motion, 1),
            Read(-80, Metric.Motion, 0),
            Read(-70, Metric.BatteryLevel, 90),
        ];
        var rows = LifeRow.Of(readings, Noon.AddDays(-1), Noon, Day);
        Assert.Equal([Metric.Motion, Metric.BedOccupied], rows.Select(r => r.Metric));
        Assert.Equal([Noon.AddMinutes(-90)], rows[0].Signs.Select(s => s.Time));
        Assert.Equal([Noon.AddMinutes(-120)], rows[1].Signs.Select(s => s.Time)); // the first reading is not a change
        Assert.Equal([(210, 120)], rows[1].On);
        Assert.Empty(rows[0].On);
    }

    [Fact]
    public void What_is_implausible_or_kept_by_the_broker_is_no_sign()
    {
        Reading[] readings =
        [
            Read(-3, Metric.Button, 1) with
            {
                Flags = ReadingFlags.Retained,
            },
            Read(-2, Metric.Button, 1) with
            {
                Flags = ReadingFlags.Suspect,
            },
        ];
        Assert.Empty(Assert.Single(LifeRow.Of(readings, Noon.AddDays(-1), Noon, Day)).Signs);
    }

    [Fact]
    public void An_appliance_tells_when_it_rises_above_standby_and_a_locator_when_it_moved()
    {
        double[] watts = [2, 2, 1800, 1790, 2, 3, 2, 2, 1800, 2];
        double[] north = [23.1, 23.1001, 23.1, 23.12, 23.1201];
        Reading[] readings =
        [
            .. watts.Select((w, i) => Read(-60 + i, Metric.ElectricityPower, w)),
            .. north.Select((n, i) => Read(-40 + i, Metric.Location, n) with { Longitude = 113.8 }),
        ];
        var rows = LifeRow.Of(readings, Noon.AddDays(-1), Noon, Day);
        Assert.Equal([-58.0, -52], rows[0].Signs.Select(s => (s.Time - Noon).TotalMinutes));
        Assert.Equal([-37.0], rows[1].Signs.Select(s => (s.Time - Noon).TotalMinutes));
    }

    [Fact]
    public void A_leak_and_a_base_load_are_drawn_as_use_and_are_no_sign()
    {
        // Per half hour: 0.05 kWh of base load and one meal; half a litre dripping and one flush.
        var (readings, energy, water) = (new List<Reading>(), 100.0, 10.0);
        for (var i = -10; i <= 40; i++)
        {
            readings.Add(Read(-1200 + i * 30, Metric.ElectricityEnergy, energy += i == 20 ? 0.5 : 0.05));
            readings.Add(Read(-1200 + i * 30, Metric.WaterVolume, water += i == 30 ? 0.007 : 0.0005));
        }

        var rows = LifeRow.Of(readings, Noon.AddDays(-1), Noon, Day);
        Assert.Equal([Metric.WaterVolume, Metric.ElectricityEnergy], rows.Select(r => r.Metric));
        Assert.Equal([-300.0], rows[0].Signs.Select(s => (s.Time - Noon).TotalMinutes));
        Assert.Equal([-600.0], rows[1].Signs.Select(s => (s.Time - Noon).TotalMinutes));
        Assert.Equal(96, rows[1].Bars.Count);
        Assert.Equal(0.1, rows[1].Bars[0], 3);
        Assert.Equal(0.1, rows[1].Bars[^1], 3);
    }

    [Fact]
    public void Thinning_changes_neither_silences_nor_outings_by_more_than_it_says()
    {
        var zoom = Zoom.Named("28d");
        var random = new Random(7);
        var readings = new List<Reading>();
        for (var minute = -28.0 * 1440; minute < 0; minute += random.NextDouble() < 0.02 ? random.Next(20, 300) : random.NextDouble() * 6)
            readings.Add(
                random.NextDouble() < 0.1 ? Read(minute, Metric.DoorOpen, random.Next(2)) : Read(minute, Metric.Motion, random.Next(2))
            );
        var kept = Vigil.Storage.Readings.Thinning.Of(readings, zoom.Thinned).OrderBy(r => r.Time).ToList();
        Assert.True(kept.Count < readings.Count);
        var (all, thin) = (LifeLine.Of(readings, zoom, Noon), LifeLine.Of(kept, zoom, Noon));
        Assert.Equal(all.Outings, thin.Outings);
        var least = TimeSpan.FromHours(2);
        IEnumerable<Silence> Of(LifeLine line) =>
            Silence.Of([.. line.Rows.SelectMany(r => r.Signs).OrderBy(s => s.Time)], line.From, line.Until, least);
        Assert.Equal(Of(all), Of(thin));
        Assert.Equal(all.Hours(all.Rows), thin.Hours(thin.Rows));
    }

    [Theory]
    [InlineData("28d", "28d")]
    [InlineData("", "24h")]
    [InlineData("1y", "24h")]
    public void An_address_that_names_no_zoom_shows_a_day(string name, string shown) => Assert.Equal(shown, Zoom.Named(name).Name);

    [Theory]
    [InlineData("2026-03-01T08:00Z", true)]
    [InlineData("2026-03-01T14:00Z", false)] // in the future
    [InlineData("yesterday", false)]
    [InlineData("0001-01-01", false)]
    [InlineData(null, false)]
    public void An_address_names_an_end_that_has_come(string? text, bool named) => Assert.Equal(named, Zoom.Until(text, Noon) is not null);

    private static SignOfLife Sign(double minutes, Metric metric) => new(Noon.AddMinutes(minutes), new DeviceId("d"), metric);

    private static Reading Read(double minutes, Metric metric, double value) =>
        new()
        {
            Device = new DeviceId("d"),
            Metric = metric,
            Time = Noon.AddMinutes(minutes),
            Received = Noon.AddMinutes(minutes),
            Value = value,
        };
}
