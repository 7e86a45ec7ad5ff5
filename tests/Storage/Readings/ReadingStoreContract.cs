using Vigil.Model;
using Vigil.Storage.Readings;

namespace Vigil.Tests.Storage.Readings;

/// <summary>
/// What every reading store promises. Each test uses devices of its own, so that tests can share a store that is slow to start.
/// </summary>
public abstract class ReadingStoreContract
{
    private static readonly DateTime Noon = new(2026, 3, 1, 4, 0, 0, DateTimeKind.Utc);
    private static int devices;

    protected static CancellationToken Cancellation => TestContext.Current.CancellationToken;

    protected abstract Task<IReadingStore> OpenAsync();

    [Fact]
    public async Task What_was_appended_is_read_in_order_of_time()
    {
        await using var store = await OpenAsync();
        var meter = NewDevice();
        await store.AppendAsync([Water(meter, 2, 12.345), Water(meter, 0, 12.3), Water(meter, 1, 12.34)], Cancellation);
        var read = await ReadAsync(store, meter);
        Assert.Equal([Water(meter, 0, 12.3), Water(meter, 1, 12.34), Water(meter, 2, 12.345)], read);
    }

    [Fact]
    public async Task From_is_included_and_to_is_not()
    {
        await using var store = await OpenAsync();
        var meter = NewDevice();
        await store.AppendAsync([Water(meter, 0, 1), Water(meter, 1, 2), Water(meter, 2, 3)], Cancellation);
        var read = await store
            .QueryAsync(new ReadingQuery([meter], Metric.WaterVolume, Noon.AddMinutes(1), Noon.AddMinutes(2)), Cancellation)
            .ToListAsync(Cancellation);
        Assert.Equal([Water(meter, 1, 2)], read);
    }

    [Fact]
    public async Task A_limit_gives_the_earliest()
    {
        await using var store = await OpenAsync();
        var (meter, other) = (NewDevice(), NewDevice());
        await store.AppendAsync(
            [
                .. Enumerable
                    .Range(0, 50)
                    .SelectMany(i => new[] { Water(meter, i, i), Water(other, i, i) with { Metric = Metric.ElectricityEnergy } }),
            ],
            Cancellation
        );
        var read = await store
            .QueryAsync(new ReadingQuery([meter, other], null, Noon, Noon.AddDays(1), 7), Cancellation)
            .ToListAsync(Cancellation);
        Assert.Equal([0, 0, 1, 1, 2, 2, 3], read.Select(r => r.Value));
    }

    [Fact]
    public async Task Thinned_readings_keep_both_ends_and_the_peak_of_each_interval_and_every_state()
    {
        await using var store = await OpenAsync();
        var (plug, door) = (NewDevice(), NewDevice());
        Reading At(DeviceId device, Metric metric, int minute, double value) => Water(device, minute, value) with { Metric = metric };
        // a kettle peaks in the first interval of five minutes; the last two values are in the second one
        double[] watts = [2, 3, 2000, 1, 4, 3, 5];
        int[] open = [0, 0, 1, 0, 0];
        await store.AppendAsync(
            [
                .. watts.Select((w, minute) => At(plug, Metric.ElectricityPower, minute, w)),
                .. open.Select((o, minute) => At(door, Metric.DoorOpen, minute, o)),
            ],
            Cancellation
        );
        var query = new ReadingQuery([plug, door], null, Noon, Noon.AddHours(1)) { Thinned = TimeSpan.FromMinutes(5) };
        var read = await store.QueryAsync(query, Cancellation).ToListAsync(Cancellation);
        Assert.Equal([2, 2000, 4, 3, 5], read.Where(r => r.Device == plug).Select(r => r.Value));
        Assert.Equal(
            [0, 2, 4],
            read.Where(r => r.Device == door).Select(r => r.Time.Minute).Where(minute => minute is 0 or 2 or 4).Distinct()
        );
        Assert.Equal(3, (await store.QueryAsync(query with { Limit = 3 }, Cancellation).ToListAsync(Cancellation)).Count);
    }

    [Fact]
    public async Task Only_the_asked_devices_and_metric_are_read()
    {
        await using var store = await OpenAsync();
        var (mine, neighbour) = (NewDevice(), NewDevice());
        await store.AppendAsync(
            [Water(mine, 0, 1), Water(mine, 0, 2) with { Metric = Metric.WaterTemperature }, Water(neighbour, 0, 3)],
            Cancellation
        );
        var read = await store
            .QueryAsync(new ReadingQuery([mine], Metric.WaterTemperature, Noon, Noon.AddDays(1)), Cancellation)
            .ToListAsync(Cancellation);
        Assert.Equal([2], read.Select(r => r.Value));
        Assert.Equal(2, (await ReadAsync(store, mine)).Count);
        Assert.Empty(await store.QueryAsync(new ReadingQuery([], null, Noon, Noon.AddDays(1)), Cancellation).ToListAsync(Cancellation));
        Assert.Empty(await ReadAsync(store, NewDevice()));
    }

    [Fact]
    public async Task A_redelivered_batch_changes_nothing_visible()
    {
        await using var store = await OpenAsync();
        var meter = NewDevice();
        Reading[] batch = [.. Enumerable.Range(0, 100).Select(i => Water(meter, i, i))];
        await store.AppendAsync(batch, Cancellation);
        await store.AppendAsync(batch, Cancellation);
        await store.AppendAsync([.. batch.Reverse()], Cancellation);
        Assert.Equal(batch, await ReadAsync(store, meter));
        Assert.Equal(
            100,
            (await store.ReceivedSinceAsync(Noon, Cancellation).Where(r => r.Device == meter).ToListAsync(Cancellation)).Count
        );
    }

    [Fact]
    public async Task The_same_time_twice_in_one_batch_is_one_reading()
    {
        await using var store = await OpenAsync();
        var meter = NewDevice();
        await store.AppendAsync([Water(meter, 0, 5), Water(meter, 0, 5)], Cancellation);
        Assert.Single(await ReadAsync(store, meter));
    }

    [Fact]
    public async Task Channels_are_series_of_their_own()
    {
        await using var store = await OpenAsync();
        var meter = NewDevice();
        var phases = new[] { "", "l1", "l2", "l 3", "=,\"x\"" }
            .Select((c, i) => Water(meter, 0, i) with { Metric = Metric.ElectricityVoltage, Channel = c })
            .ToList();
        await store.AppendAsync(phases, Cancellation);
        Assert.Equal(
            phases.OrderBy(r => r.Channel, StringComparer.Ordinal),
            (await ReadAsync(store, meter)).OrderBy(r => r.Channel, StringComparer.Ordinal)
        );
    }

    [Fact]
    public async Task Events_keep_their_word()
    {
        await using var store = await OpenAsync();
        var button = NewDevice();
        var words = new[] { "pressed", "long \"press\"", "求助", "a\\b\\", "50%5C", "two\nlines" };
        Reading[] events = [.. words.Select((w, i) => Water(button, i, 1) with { Metric = Metric.Button, Event = w })];
        await store.AppendAsync(events, Cancellation);
        Assert.Equal(words, (await ReadAsync(store, button)).Select(r => r.Event));
    }

    [Fact]
    public async Task A_location_keeps_its_place_accuracy_and_speed()
    {
        await using var store = await OpenAsync();
        var locator = NewDevice();
        Reading[] places =
        [
            Water(locator, 0, 23.129112) with
            {
                Metric = Metric.Location,
                Longitude = 113.264385,
                Accuracy = 12.5f,
                Speed = 1.4f,
            },
            Water(locator, 1, -0.000001) with
            {
                Metric = Metric.Location,
                Longitude = -180,
            },
        ];
        await store.AppendAsync(places, Cancellation);
        Assert.Equal(places, await ReadAsync(store, locator));
    }

    [Fact]
    public async Task Flags_are_kept()
    {
        await using var store = await OpenAsync();
        var meter = NewDevice();
        const ReadingFlags all =
            ReadingFlags.ArrivalTime
            | ReadingFlags.ClockWrong
            | ReadingFlags.History
            | ReadingFlags.Retained
            | ReadingFlags.Suspect
            | ReadingFlags.Test;
        await store.AppendAsync([Water(meter, 0, 1) with { Flags = all }, Water(meter, 1, 1)], Cancellation);
        Assert.Equal([all, ReadingFlags.None], (await ReadAsync(store, meter)).Select(r => r.Flags));
    }

    [Theory]
    [InlineData("水表-001")]
    [InlineData("0x00158d0001a2b3c4")]
    [InlineData("a,b=c")]
    [InlineData("O'Brien\"s")]
    [InlineData("ends-with\\")]
    [InlineData("\\\\server\\share\\,")]
    [InlineData("100%25")]
    [InlineData("🆘/$x;--")]
    [InlineData(
        "a_name_as_long_as_the_registry_takes_a_name_as_long_as_the_registry_takes_a_name_as_long_as_the_registry_takes_a_name_as_lon_128"
    )]
    public async Task Any_device_id_of_the_registry_reads_back_as_it_is(string id)
    {
        await using var store = await OpenAsync();
        Assert.True(DeviceId.TryParse(id, out var device));
        await store.AppendAsync([Water(device, 0, 7)], Cancellation);
        Assert.Equal([Water(device, 0, 7)], await ReadAsync(store, device));
    }

    [Theory]
    [InlineData(0.0)]
    [InlineData(0.1)]
    [InlineData(-273.15)]
    [InlineData(123456789.123456789)]
    [InlineData(1e-300)]
    [InlineData(double.MaxValue)]
    [InlineData(double.Epsilon)]
    public async Task A_value_reads_back_to_the_last_bit(double value)
    {
        await using var store = await OpenAsync();
        var meter = NewDevice();
        await store.AppendAsync([Water(meter, 0, value)], Cancellation);
        Assert.Equal(value, Assert.Single(await ReadAsync(store, meter)).Value);
    }

    [Fact]
    public async Task Times_are_kept_to_the_microsecond()
    {
        await using var store = await OpenAsync();
        var meter = NewDevice();
        await store.AppendAsync(
            [Water(meter, 0, 1) with { Time = Noon.AddTicks(12_345_678), Received = Noon.AddTicks(98_765_432) }],
            Cancellation
        );
        var read = Assert.Single(await ReadAsync(store, meter));
        Assert.Equal(Noon.AddTicks(12_345_670), read.Time);
        Assert.Equal(Noon.AddTicks(98_765_430), read.Received);
        Assert.Equal(DateTimeKind.Utc, read.Time.Kind);
    }

    [Fact]
    public async Task What_arrived_since_a_moment_comes_in_order_of_arrival_late_history_included()
    {
        await using var store = await OpenAsync();
        var meter = NewDevice();
        var since = Noon.AddHours(1);
        await store.AppendAsync(
            [
                Water(meter, 0, 1) with
                {
                    Received = since.AddSeconds(-1),
                },
                Water(meter, 1, 2) with
                {
                    Received = since,
                },
                Water(meter, 2, 3) with
                {
                    Received = since.AddSeconds(9),
                },
                Water(meter, -3 * 24 * 60, 4) with
                {
                    Received = since.AddSeconds(5),
                },
            ],
            Cancellation
        );
        var read = await store.ReceivedSinceAsync(since, Cancellation).Where(r => r.Device == meter).ToListAsync(Cancellation);
        Assert.Equal([2, 4, 3], read.Select(r => r.Value));
    }

    [Fact]
    public async Task A_frozen_month_and_a_clock_that_runs_ahead_are_among_what_arrived()
    {
        await using var store = await OpenAsync();
        var (frozen, ahead, usual) = (NewDevice(), new DeviceId($"it's ahead-{NewDevice()}".Replace(' ', '_')), NewDevice());
        var since = Noon.AddDays(40);
        Reading[] batch =
        [
            .. Enumerable.Range(0, 30).Select(day => Water(frozen, day * 24 * 60, day) with { Received = since.AddMinutes(1) }),
            Water(ahead, 0, 1) with
            {
                Time = since.AddDays(300),
                Received = since.AddMinutes(2),
            },
            Water(usual, 0, 2) with
            {
                Time = since.AddMinutes(2),
                Received = since.AddMinutes(3),
            },
        ];
        await store.AppendAsync(
            [Water(frozen, -5, 99), Water(usual, 0, 99) with { Time = since.AddMinutes(-1), Received = since.AddMinutes(-1) }],
            Cancellation
        );
        await store.AppendAsync(batch, Cancellation);
        var mine = new[] { frozen, ahead, usual };
        Assert.Equal(
            batch,
            await store.ReceivedSinceAsync(since, Cancellation).Where(r => mine.Contains(r.Device)).ToListAsync(Cancellation)
        );
    }

    [Fact]
    public async Task Deleting_before_a_moment_leaves_what_came_after()
    {
        await using var store = await OpenAsync();
        var meter = NewDevice();
        // Older than anything that other tests read from a shared store.
        var old = Noon.AddYears(-2);
        await store.AppendAsync([Water(meter, 0, 1) with { Time = old }, Water(meter, 0, 2) with { Time = old.AddDays(1) }], Cancellation);
        await store.DeleteBeforeAsync(old.AddDays(1), Cancellation);
        var read = await store.QueryAsync(new ReadingQuery([meter], null, old, Noon), Cancellation).ToListAsync(Cancellation);
        Assert.Equal([2], read.Select(r => r.Value));
    }

    [Fact]
    public async Task Deleting_a_persons_devices_leaves_no_reading_of_them_and_all_of_the_others()
    {
        await using var store = await OpenAsync();
        var (gone, stays) = (NewDevice(), NewDevice());
        await store.AppendAsync([Water(gone, 0, 1), Water(gone, 60, 2), Water(stays, 0, 3)], Cancellation);
        await store.DeleteAsync([gone], Cancellation);
        Assert.Empty(await ReadAsync(store, gone));
        Assert.Equal([3], (await ReadAsync(store, stays)).Select(r => r.Value));
        await store.AppendAsync([Water(gone, 120, 4)], Cancellation); // the device is moved to another home
        Assert.Equal([4], (await ReadAsync(store, gone)).Select(r => r.Value));
    }

    [Fact]
    public async Task Deleting_what_a_device_measured_in_one_home_leaves_what_it_measured_before_and_after()
    {
        await using var store = await OpenAsync();
        var meter = NewDevice();
        await store.AppendAsync([Water(meter, 0, 1), Water(meter, 60, 2), Water(meter, 119, 3), Water(meter, 120, 4)], Cancellation);
        await store.DeleteAsync([new DeviceSpan(meter, Noon.AddMinutes(60), Noon.AddMinutes(120))], Cancellation);
        Assert.Equal([1, 4], (await ReadAsync(store, meter)).Select(r => r.Value));
    }

    [Fact]
    public async Task Deleting_some_metrics_of_some_devices_before_a_moment_leaves_everything_else()
    {
        await using var store = await OpenAsync();
        var (mine, other) = (NewDevice(), NewDevice());
        Reading Pulse(DeviceId device, int minutes) => Water(device, minutes, 70) with { Metric = Metric.HeartRate };
        await store.AppendAsync([Water(mine, 0, 1), Pulse(mine, 0), Pulse(mine, 60), Pulse(other, 0)], Cancellation);
        await store.DeleteAsync([mine], [Metric.HeartRate, Metric.BloodOxygen], Noon.AddMinutes(60), Cancellation);
        Assert.Equal(
            [("water.volume", Noon), ("heart.rate", Noon.AddMinutes(60))],
            (await ReadAsync(store, mine)).Select(r => (r.Metric.Name, r.Time))
        );
        Assert.Single(await ReadAsync(store, other));
        await store.AppendAsync([Pulse(mine, 120)], Cancellation);
        Assert.Equal(3, (await ReadAsync(store, mine)).Count);
    }

    [Fact]
    public async Task Deleting_a_metric_of_all_devices_before_a_moment_leaves_the_newer_ones()
    {
        await using var store = await OpenAsync();
        var (one, two) = (NewDevice(), NewDevice());
        // Older than what the other tests of a shared store read.
        var old = Noon.AddYears(-3);
        Reading At(DeviceId device, DateTime time) => Water(device, 0, 37) with { Metric = Metric.BodyTemperature, Time = time };
        await store.AppendAsync([At(one, old), At(two, old), At(two, old.AddDays(1))], Cancellation);
        await store.DeleteAsync(null, [Metric.BodyTemperature], old.AddDays(1), Cancellation);
        var left = await store.QueryAsync(new ReadingQuery([one, two], null, old, Noon), Cancellation).ToListAsync(Cancellation);
        Assert.Equal([(two, old.AddDays(1))], left.Select(r => (r.Device, r.Time)));
    }

    [Fact]
    public async Task A_large_batch_of_many_series_is_stored_whole()
    {
        await using var store = await OpenAsync();
        var meters = Enumerable.Range(0, 200).Select(_ => NewDevice()).ToList();
        Reading[] batch = [.. Enumerable.Range(0, 20_000).Select(i => Water(meters[i % 200], i / 200, i / 1000.0))];
        await store.AppendAsync(batch, Cancellation);
        var read = await store
            .QueryAsync(new ReadingQuery(meters, Metric.WaterVolume, Noon, Noon.AddDays(1)), Cancellation)
            .ToListAsync(Cancellation);
        Assert.Equal(20_000, read.Count);
        Assert.Equal(batch.Sum(r => r.Value), read.Sum(r => r.Value), 6);
    }

    [Fact]
    public async Task Readers_see_whole_batches_while_others_are_appended()
    {
        await using var store = await OpenAsync();
        var meters = Enumerable.Range(0, 4).Select(_ => NewDevice()).ToList();
        var writing = Task.Run(
            async () =>
            {
                for (var i = 0; i < 50; i++)
                    await store.AppendAsync([.. meters.Select(m => Water(m, i, i))], Cancellation);
            },
            Cancellation
        );
        var reading = meters.Select(m =>
            Task.Run(
                async () =>
                {
                    var most = 0;
                    while (most < 50)
                    {
                        var count = (await ReadAsync(store, m)).Count;
                        Assert.True(count >= most, "a reading that was there is gone");
                        most = count;
                    }
                },
                Cancellation
            )
        );
        await Task.WhenAll([writing, .. reading]).WaitAsync(TimeSpan.FromSeconds(60), Cancellation);
    }

    [Fact]
    public async Task Appends_from_many_sides_at_once_are_all_stored()
    {
        await using var store = await OpenAsync();
        var meters = Enumerable.Range(0, 20).Select(_ => NewDevice()).ToList();
        await Task.WhenAll(
            meters.Select(m =>
                Task.Run(
                    async () =>
                    {
                        for (var i = 0; i < 10; i++)
                            await store.AppendAsync([Water(m, i, i)], Cancellation);
                    },
                    Cancellation
                )
            )
        );
        Assert.Equal(
            200,
            (await store.QueryAsync(new ReadingQuery(meters, null, Noon, Noon.AddDays(1)), Cancellation).ToListAsync(Cancellation)).Count
        );
    }

    [Fact]
    public async Task A_healthy_store_can_be_written_to_and_is_no_concern()
    {
        await using var store = await OpenAsync();
        await store.AppendAsync([Water(NewDevice(), 0, 1)], Cancellation);
        Assert.Null(await store.ProbeAsync(Cancellation));
        Assert.Null(store.Concern);
        await store.AppendAsync([], Cancellation);
    }

    protected static DeviceId NewDevice() => new($"dev-{Environment.ProcessId}-{Interlocked.Increment(ref devices)}");

    protected static Reading Water(DeviceId device, int minute, double value) =>
        new()
        {
            Device = device,
            Metric = Metric.WaterVolume,
            Time = Noon.AddMinutes(minute),
            Received = Noon.AddMinutes(minute).AddSeconds(2),
            Value = value,
        };

    protected static async Task<List<Reading>> ReadAsync(IReadingStore store, DeviceId device) =>
        await store.QueryAsync(new ReadingQuery([device], null, Noon, Noon.AddDays(1)), Cancellation).ToListAsync(Cancellation);
}
