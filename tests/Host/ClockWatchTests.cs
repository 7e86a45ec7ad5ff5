using Vigil.Host;
using Vigil.Model;
using Vigil.Storage.Records;

namespace Vigil.Tests.Host;

/// <summary>
/// The wall clock is put back, put forward or was never set, or the process is frozen: people are told after the same waits as otherwise,
/// and the duty desk is told of the clock.
/// </summary>
[Trait("Category", "Server")]
public sealed class ClockWatchTests
{
    private static readonly DateTimeOffset Noon = new(2026, 11, 28, 4, 0, 0, TimeSpan.Zero);

    private static readonly TimeSpan Hour = TimeSpan.FromHours(1);

    [Theory]
    [InlineData(-3600)]
    [InlineData(3 * 3600)]
    [InlineData(-3 * 86400)]
    [InlineData(400 * 86400)]
    public async Task Whatever_the_wall_clock_does_people_are_told_after_the_same_waits_and_nobody_twice(int seconds)
    {
        var (calm, jumped) = (await Calm.Value, await ToldAsync(TimeSpan.FromSeconds(seconds)));
        Assert.Equal(["王1 voice", "王2 voice", "陈探访 voice", "李值班 voice", "周主管 voice"], calm.Select(t => t.Who));
        Assert.Equal(calm.Select(t => t.Who), jumped.Select(t => t.Who));
        foreach (var (a, b) in calm.Zip(jumped))
            Assert.InRange(b.Second, a.Second, a.Second + Step);
    }

    private const int Step = 5;

    private static readonly Lazy<Task<List<(int Second, string Who)>>> Calm = new(() => ToldAsync(TimeSpan.Zero));

    /// <summary>Who is told of a press, and how many seconds after it by the clock that only goes forward.</summary>
    private static async Task<List<(int Second, string Who)>> ToldAsync(TimeSpan by)
    {
        await using var service = await SteppedService.BeginAsync(new JumpingClock(Noon));
        await service.PressAsync();
        await service.LookAsync();
        var alarm = Assert.Single(await service.AlarmsAsync("sos"));
        var told = new List<(int Second, string Who)>();
        for (var second = 0; second < 190; second += Step)
        {
            var now = await service.ToldAsync(alarm.Id);
            foreach (var (_, who) in told)
                now.Remove(who);
            told.AddRange(now.Order(StringComparer.Ordinal).Select(who => (second, who)));
            if (second == 20)
                service.Machine.Jump(by);
            await service.PassAsync(1, seconds: Step);
        }

        Assert.Empty(await service.AlarmsAsync("device-silent"));
        Assert.Empty(await service.AlarmsAsync("clock-wrong"));
        Assert.DoesNotContain((await service.AlarmsAsync("sos")).Single().Timeline, t => t.What == TimelineEvent.Late);
        if (by == TimeSpan.Zero)
            Assert.Empty(await service.AlarmsAsync("service-trouble"));
        else
            Assert.Contains("clock was put", Assert.Single(await service.AlarmsAsync("service-trouble")).Reason, StringComparison.Ordinal);
        return told;
    }

    [Fact]
    public async Task Put_forward_by_three_hours_none_of_twelve_devices_is_silent_and_the_jump_is_said_in_both_languages()
    {
        await using var service = await SteppedService.BeginAsync(new JumpingClock(Noon));
        await service.MetersAsync(1);
        await service.PassAsync(14, seconds: Step);
        service.Machine.Jump(3 * Hour);
        await service.PassAsync(3);
        Assert.Equal(service.Machine.GetUtcNow(), service.Clock.GetUtcNow()); // the service shows the right time again
        await service.PassAsync(14, seconds: Step);
        Assert.Empty(await service.AlarmsAsync("device-silent"));
        var trouble = Assert.Single(await service.AlarmsAsync("service-trouble"));
        Assert.Contains("the machine's clock was put forward by 3 h, from 2026-11-28 12:01:1", trouble.Reason, StringComparison.Ordinal);
        Assert.Contains("本机时钟被调快3小时", trouble.ReasonZh, StringComparison.Ordinal);

        // The meters are missed when three reports are overdue, counted in real time and not by the clock that was set.
        await service.PassAsync(17, seconds: 600);
        Assert.Empty(await service.AlarmsAsync("device-silent"));
        await service.PassAsync(4, seconds: 300);
        Assert.Equal(11, Assert.Single(await service.AlarmsAsync("device-silent")).Repeats); // one alarm for all twelve devices of the home
    }

    [Fact]
    public async Task A_press_right_after_the_clock_was_put_back_is_told_and_a_promise_runs_out_after_as_long_as_was_promised()
    {
        await using var service = await SteppedService.BeginAsync(new JumpingClock(Noon));
        await service.PressAsync();
        await service.LookAsync();
        var alarm = Assert.Single(await service.AlarmsAsync("sos"));
        // promises a visit within 45 minutes
        await service.Get<Vigil.Notify.AlarmDesk>().AcknowledgeAsync(alarm.Id, "visitor:v1", "", CancellationToken.None);
        await service.PassAsync(10);
        service.Machine.Jump(-Hour);
        await service.PassAsync(2);
        await service.PassAsync(11, seconds: 240);
        Assert.Equal(AlarmState.Acknowledged, (await service.AlarmsAsync("sos")).Single().State);
        await service.PassAsync(1, seconds: 60);
        Assert.Equal(AlarmState.Open, (await service.AlarmsAsync("sos")).Single().State);

        await service.Get<Vigil.Notify.AlarmDesk>().AcknowledgeAsync(alarm.Id, "visitor:v1", "", CancellationToken.None);
        Assert.Equal(Vigil.Ingest.Mqtt.Receipt.Committed, await service.PressAsync());
        // a press after somebody answered opens the alarm again
        Assert.Equal(AlarmState.Open, (await service.AlarmsAsync("sos")).Single().State);
    }

    [Fact]
    public async Task After_a_freeze_what_is_overdue_runs_at_once_and_once_no_device_is_silent_and_it_is_said()
    {
        await using var service = await SteppedService.BeginAsync(new JumpingClock(Noon));
        await service.MetersAsync(1);
        await service.PassAsync(14, seconds: Step);
        await service.PressAsync();
        await service.LookAsync();
        var alarm = Assert.Single(await service.AlarmsAsync("sos"));
        await service.PassAsync(10);
        var before = await service.ToldAsync(alarm.Id);
        await service.FreezeAsync(4 * Hour);
        var after = (await service.ToldAsync(alarm.Id)).Skip(before.Count).ToList();
        Assert.Equal(["陈探访 voice"], after); // only the next step of the plan has run, and once; the later steps keep their waits
        await service.PassAsync(10, seconds: Step);
        Assert.Empty(await service.AlarmsAsync("device-silent"));
        var trouble = Assert.Single(await service.AlarmsAsync("service-trouble"));
        Assert.Contains("the service stood still for 14400 s", trouble.Reason, StringComparison.Ordinal);
        Assert.Contains("服务停顿了14400秒", trouble.ReasonZh, StringComparison.Ordinal);
    }

    [Fact]
    public async Task A_freeze_in_which_the_clock_was_set_forward_is_forgiven_and_so_is_the_jump()
    {
        await using var service = await SteppedService.BeginAsync(new JumpingClock(Noon));
        await service.MetersAsync(1);
        await service.PassAsync(14, seconds: Step);
        service.Machine.Jump(3 * Hour);
        await service.FreezeAsync(2 * Hour);
        // The service has listened for a minute before the freeze and for an hour and forty minutes since: less than three reports.
        await service.PassAsync(10, seconds: 600);
        Assert.Empty(await service.AlarmsAsync("device-silent"));
        await service.PassAsync(10, seconds: 600);
        Assert.NotEmpty(await service.AlarmsAsync("device-silent"));
    }

    [Fact]
    public async Task Put_back_twice_the_second_time_while_the_service_was_down_no_device_is_silent()
    {
        var machine = new JumpingClock(Noon);
        var first = await SteppedService.BeginAsync(machine);
        await first.MetersAsync(1);
        await first.PassAsync(65, seconds: Step);
        machine.Jump(-2.6 * Hour);
        await first.PassAsync(65, seconds: Step); // long enough that all snapshots are written, with the new time
        var folder = await first.EndAsync();
        machine.Advance(TimeSpan.FromMinutes(11));
        machine.Jump(-1.15 * Hour);

        await using var second = await SteppedService.BeginAsync(machine, folder);
        // The service has listened for eleven minutes before the stop and for a hundred since: less than three reports.
        await second.PassAsync(10, seconds: 600);
        Assert.Empty(await second.AlarmsAsync("device-silent"));
        await second.PassAsync(10, seconds: 600);
        // time since the start counts as listening, even if nothing was due in it
        Assert.NotEmpty(await second.AlarmsAsync("device-silent"));
    }

    [Fact]
    public async Task A_downtime_that_was_forgiven_is_forgiven_still_after_a_crash_that_follows_it()
    {
        var first = await SteppedService.BeginAsync(new JumpingClock(Noon));
        await first.MetersAsync(1);
        await first.PassAsync(65, seconds: Step); // long enough that all snapshots are written
        var folder = await first.EndAsync();

        // After half a day without power, one meter reports; before the others' hour is over, the service crashes again.
        var second = await SteppedService.BeginAsync(new JumpingClock(Noon + 12 * Hour), folder);
        await second.SayAsync("meter-1", """[{"n":"water.volume","u":"m3","v":1.1}]""");
        await second.PassAsync(30);
        await second.EndAsync();

        await using var third = await SteppedService.BeginAsync(new JumpingClock(Noon + 12 * Hour + TimeSpan.FromMinutes(1)), folder);
        await third.PassAsync(20, seconds: Step);
        Assert.Empty(await third.AlarmsAsync("device-silent"));
    }

    [Fact]
    public async Task Put_back_while_the_service_was_down_escalation_goes_on_from_where_it_stopped()
    {
        var first = await SteppedService.BeginAsync(new JumpingClock(Noon));
        await first.PressAsync();
        await first.LookAsync();
        await first.PassAsync(4, seconds: Step);
        var folder = await first.EndAsync();

        await using var service = await SteppedService.BeginAsync(new JumpingClock(Noon - Hour), folder);
        var alarm = Assert.Single(await service.AlarmsAsync("sos"));
        var before = await service.ToldAsync(alarm.Id);
        await service.PassAsync(6, seconds: Step);
        Assert.Equal(before, await service.ToldAsync(alarm.Id));
        await service.PassAsync(6, seconds: Step); // 60 seconds in all, less the age of the last clock stamp
        Assert.Contains("陈探访 voice", await service.ToldAsync(alarm.Id));
        Assert.Contains(
            "was put back while the service was down by 1 h",
            Assert.Single(await service.AlarmsAsync("service-trouble")).Reason,
            StringComparison.Ordinal
        );
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task A_crash_right_after_the_clock_was_set_back_or_right_before_moves_what_waits_once(bool committed)
    {
        var first = await SteppedService.BeginAsync(new JumpingClock(Noon));
        await first.PressAsync();
        await first.LookAsync();
        await first.PassAsync(4, seconds: Step);
        if (committed)
            first.Machine.Jump(-Hour);
        await first.PassAsync(9, seconds: Step);
        string made;
        await using (var db = await first.Records.CreateDbContextAsync())
            made =
                (
                    await Microsoft.EntityFrameworkCore.EntityFrameworkQueryableExtensions.ToListAsync(
                        db.Findings.Where(f => f.Key.StartsWith("clock|"))
                    )
                )
                    .SingleOrDefault()
                    ?.Key[6..]
                ?? Guid.NewGuid().ToString();
        var folder = await first.EndAsync();

        // The clock file as it is after all times were moved and before the file says that the move is done.
        var (before, after) = (Noon.UtcDateTime.AddSeconds(65), Noon.UtcDateTime.AddSeconds(65) - Hour);
        await File.WriteAllTextAsync(Path.Combine(folder, "clock"), ClockStampFile.WithChecksum($"{before:O}\n- 0\n{made}\n{after:O}"));
        await using var service = await SteppedService.BeginAsync(new JumpingClock(new DateTimeOffset(after)), folder);
        var alarm = Assert.Single(await service.AlarmsAsync("sos"));
        var told = await service.ToldAsync(alarm.Id);
        Assert.DoesNotContain("李值班 voice", told); // he is called two minutes after the press; one has passed
        await service.PassAsync(1, seconds: Step);
        Assert.Equal(told, await service.ToldAsync(alarm.Id));
        await service.PassAsync(11, seconds: Step);
        Assert.Contains("李值班 voice", await service.ToldAsync(alarm.Id));
        Assert.Single((await service.AlarmsAsync("sos")).Single().Timeline, t => t.What == TimelineEvent.ClockSet);
    }

    [Fact]
    public async Task Put_forward_while_the_service_was_down_what_waits_waits_on_and_is_not_taken_for_a_long_downtime()
    {
        var machine = new JumpingClock(Noon);
        var first = await SteppedService.BeginAsync(machine);
        await first.PressAsync();
        await first.LookAsync();
        await first.PassAsync(4, seconds: Step);
        var folder = await first.EndAsync();

        machine.Jump(3 * Hour);
        await using var service = await SteppedService.BeginAsync(machine, folder);
        var alarm = Assert.Single(await service.AlarmsAsync("sos"));
        var before = await service.ToldAsync(alarm.Id);
        await service.PassAsync(7, seconds: Step);
        Assert.Equal(before, await service.ToldAsync(alarm.Id));
        await service.PassAsync(2, seconds: Step); // 65 seconds in all
        Assert.Contains("陈探访 voice", await service.ToldAsync(alarm.Id));
        Assert.Contains(
            "was put forward while the service was down by 3 h",
            Assert.Single(await service.AlarmsAsync("service-trouble")).Reason,
            StringComparison.Ordinal
        );
    }

    [Fact]
    public async Task After_the_date_jumped_nothing_old_is_deleted_for_a_week_and_an_hour_is_no_date()
    {
        await using var service = await SteppedService.BeginAsync(new JumpingClock(Noon));
        await service.PassAsync(1);
        service.Machine.Jump(Hour);
        await service.PassAsync(1);
        Assert.False(service.Get<RetentionRun>().DoubtsTheDate);
        service.Machine.Jump(TimeSpan.FromDays(400));
        await service.PassAsync(1);
        Assert.True(service.Get<RetentionRun>().DoubtsTheDate);
        service.Machine.Jump(TimeSpan.FromDays(-400));
        await service.PassAsync(1);
        await service.PassAsync(1, seconds: TimeSpan.FromDays(6.9).TotalSeconds);
        Assert.True(service.Get<RetentionRun>().DoubtsTheDate);
        await service.PassAsync(1, seconds: TimeSpan.FromDays(0.2).TotalSeconds);
        Assert.False(service.Get<RetentionRun>().DoubtsTheDate);
    }

    [Theory]
    [InlineData("2026", "1026")]
    [InlineData("2026", "3026")]
    [InlineData("2026", "2027")]
    [InlineData("2026-", "9999-12-31T23:59:59.9999999Z-")]
    public async Task A_damaged_note_of_the_time_moves_nothing_that_waits(string was, string became)
    {
        var machine = new JumpingClock(Noon);
        var first = await SteppedService.BeginAsync(machine);
        await first.PressAsync();
        await first.LookAsync();
        await first.PassAsync(4, seconds: Step);
        var alarm = Assert.Single(await first.AlarmsAsync("sos"));
        var folder = await first.EndAsync();
        var stamp = Path.Combine(folder, "clock");
        var said = await File.ReadAllTextAsync(stamp);
        Assert.StartsWith(was, said, StringComparison.Ordinal);
        await File.WriteAllTextAsync(stamp, became + said[was.Length..]);

        await using var service = await SteppedService.BeginAsync(machine, folder);
        var after = Assert.Single(await service.AlarmsAsync("sos"));
        Assert.Equal(alarm.OpenedAt, after.OpenedAt);
        Assert.Equal(alarm.Steps.Select(s => s.DueAt).Order(), after.Steps.Select(s => s.DueAt).Order());
    }

    [Fact]
    public async Task A_clock_that_was_never_set_is_not_believed_and_when_it_is_set_right_nothing_is_late_or_silent()
    {
        var first = await SteppedService.BeginAsync(new JumpingClock(Noon));
        await first.MetersAsync(1);
        await first.PassAsync(14, seconds: Step);
        await first.PressAsync();
        await first.LookAsync();
        await first.PassAsync(4, seconds: Step);
        var folder = await first.EndAsync();

        // The battery of the machine's clock is dead, so it starts at 1970; a minute later NTP sets it.
        await using var service = await SteppedService.BeginAsync(new JumpingClock(DateTimeOffset.UnixEpoch), folder);
        Assert.InRange(service.Clock.GetUtcNow(), Noon, Noon + Hour);
        var alarm = Assert.Single(await service.AlarmsAsync("sos"));
        await service.PassAsync(5);
        Assert.Contains("1970-01-01", (await service.AlarmsAsync("service-trouble")).Single().Reason, StringComparison.Ordinal);
        await service.PassAsync(11, seconds: Step);
        Assert.Contains("陈探访 voice", await service.ToldAsync(alarm.Id));
        service.Machine.Jump(Noon.AddMinutes(7) - service.Machine.GetUtcNow());
        await service.PassAsync(1);
        Assert.Equal(service.Machine.GetUtcNow(), service.Clock.GetUtcNow());
        await service.PassAsync(14, seconds: Step);
        Assert.Contains("李值班 voice", await service.ToldAsync(alarm.Id));
        Assert.Empty(await service.AlarmsAsync("device-silent"));
        Assert.Single(await service.ToldAsync(alarm.Id), t => t == "陈探访 voice");
    }

    [Fact]
    public async Task A_date_that_can_not_be_true_is_not_taken_over_and_is_over_when_the_clock_is_right_again()
    {
        await using var service = await SteppedService.BeginAsync(new JumpingClock(Noon));
        await service.PassAsync(5);
        var back = DateTimeOffset.UnixEpoch - service.Machine.GetUtcNow();
        service.Machine.Jump(back);
        await service.PassAsync(3);
        Assert.Equal(Noon.AddSeconds(8), service.Clock.GetUtcNow());
        Assert.Contains(service.Get<Troubles>().Now, t => t.Case == "clock");
        service.Machine.Jump(-back);
        await service.PassAsync(3);
        Assert.Empty(service.Get<Troubles>().Now);
        Assert.Equal(Noon.AddSeconds(11), service.Clock.GetUtcNow());
    }
}
