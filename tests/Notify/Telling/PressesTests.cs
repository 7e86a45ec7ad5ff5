using Microsoft.EntityFrameworkCore;
using Vigil.Model;
using Vigil.Notify;
using Vigil.Storage.Records;
using Vigil.Tests.Servers;

namespace Vigil.Tests.Notify.Telling;

public sealed class PressesOnSqliteTests : PressesTests
{
    protected override Task<Night> BeginAsync() => Night.BeginAsync();
}

[Trait("Category", "Server")]
public sealed class PressesOnPostgresTests(PostgresServer server) : PressesTests, IClassFixture<PostgresServer>
{
    protected override async Task<Night> BeginAsync() => await Night.BeginAsync(await server.CreateDatabaseAsync());
}

/// <summary>
/// A button that is held or pressed again and again calls people once a minute, and every press is counted; the same tests on both
/// databases.
/// </summary>
public abstract class PressesTests
{
    protected abstract Task<Night> BeginAsync();

    private static CancellationToken Stop => TestContext.Current.CancellationToken;

    [Fact]
    public async Task Two_hundred_presses_in_eight_seconds_call_each_contact_once_and_are_all_counted()
    {
        await using var night = await BeginAsync();
        var alarm = await night.RaiseAsync(AlarmKind.Sos);
        for (var i = 0; i < 20; i++)
        {
            await night.PassAsync(TimeSpan.FromMilliseconds(400));
            await night.Desk.CommitAsync(
                [.. Enumerable.Range(0, i == 0 ? 9 : 10).Select(_ => night.Says(AlarmKind.Sos, FindingChange.Updated, notify: true))],
                Stop
            );
        }

        await night.PassAsync(TimeSpan.FromSeconds(1));
        Assert.Equal([night.Contact1, night.Contact2], night.Heard.All.Select(h => h.Address).Order());
        Assert.Equal(199, (await night.AlarmAsync(alarm)).Repeats);
        await night.PassAsync(TimeSpan.FromSeconds(55)); // a minute since people were called, and no press since
        var row = await night.AlarmAsync(alarm);
        var count = Assert.Single(row.Timeline, t => t.What == TimelineEvent.Counted);
        Assert.Equal(("pressed 200 times by now", "至此共按下 200 次"), (count.Text, count.TextZh));
        Assert.Single(row.Timeline, t => t.What == TimelineEvent.Repeated); // one line, not two hundred
        Assert.Equal(2, night.Heard.All.Count(h => h.Address == night.Contact1 || h.Address == night.Contact2));
        await using var db = await night.Records.CreateDbContextAsync(Stop);
        Assert.Equal(200, await db.Findings.CountAsync(Stop)); // each press is stored
    }

    [Fact]
    public async Task A_press_after_the_time_is_told_again_at_once()
    {
        await using var night = await BeginAsync();
        await night.RaiseAsync(AlarmKind.Sos);
        await night.PassAsync(TimeSpan.FromSeconds(10));
        await PressAsync(night);
        await night.PassAsync(TimeSpan.FromSeconds(51));
        var before = night.Heard.All.Count(h => h.Address == night.Contact1);
        await PressAsync(night);
        await night.PassAsync(TimeSpan.FromSeconds(1));
        Assert.Equal((1, 2), (before, night.Heard.All.Count(h => h.Address == night.Contact1)));
    }

    [Fact]
    public async Task Hammered_for_four_minutes_each_contact_is_called_once_in_each_window()
    {
        await using var night = await BeginAsync();
        var alarm = await night.RaiseAsync(AlarmKind.Sos);
        for (var i = 0; i < 60; i++)
        {
            await night.PassAsync(TimeSpan.FromSeconds(4));
            await PressAsync(night);
        }

        await night.PassAsync(TimeSpan.FromSeconds(1));
        var calls = night
            .Heard.All.Where(h => h.Address == night.Contact1 && h.Channel == Channel.Voice)
            .Select(h => h.At)
            .Order()
            .ToList();
        Assert.InRange(calls.Count, 4, 5);
        Assert.All(calls.Zip(calls.Skip(1)), c => Assert.InRange((c.Second - c.First).TotalSeconds, 60, 64));
        Assert.Equal(60, (await night.AlarmAsync(alarm)).Repeats);
    }

    [Fact]
    public async Task What_is_pressed_after_an_acknowledgement_opens_it_again_at_once_the_first_time_and_then_at_the_same_pace()
    {
        await using var night = await BeginAsync();
        var alarm = await night.RaiseAsync(AlarmKind.Sos);
        await night.PassAsync(TimeSpan.FromSeconds(5));
        await night.Desk.AcknowledgeAsync(alarm, "duty:d1", "", Stop);
        await PressAsync(night);
        Assert.Equal(AlarmState.Open, (await night.AlarmAsync(alarm)).State);
        await night.PassAsync(TimeSpan.FromSeconds(5));
        Assert.Equal(2, Calls(night));
        await night.Desk.AcknowledgeAsync(alarm, "duty:d1", "", Stop);
        for (var i = 0; i < 10; i++)
        {
            await PressAsync(night);
            await night.PassAsync(TimeSpan.FromSeconds(1));
        }

        Assert.Equal((AlarmState.Acknowledged, 2), ((await night.AlarmAsync(alarm)).State, Calls(night)));
        await night.PassAsync(TimeSpan.FromSeconds(46)); // a minute after it was opened again, with presses that nobody has answered yet
        Assert.Equal((AlarmState.Open, 3), ((await night.AlarmAsync(alarm)).State, Calls(night)));
        Assert.Equal(11, (await night.AlarmAsync(alarm)).Repeats);
    }

    [Fact]
    public async Task Who_acknowledges_answers_for_the_presses_that_were_counted_before()
    {
        await using var night = await BeginAsync();
        var alarm = await night.RaiseAsync(AlarmKind.Sos);
        await night.PassAsync(TimeSpan.FromSeconds(5));
        await PressAsync(night);
        await PressAsync(night);
        await night.Answers.TakeAsync(night.Heard.All[0].Notice, "key", Stop); // the presses belong to the call that was answered
        await night.PassAsync(TimeSpan.FromMinutes(30));
        Assert.Equal((AlarmState.Acknowledged, 1), ((await night.AlarmAsync(alarm)).State, Calls(night)));
        Assert.Contains(
            (await night.AlarmAsync(alarm)).Timeline,
            t => t.What == TimelineEvent.Counted && t.Text.Contains("3 times", StringComparison.Ordinal)
        );
    }

    [Fact]
    public async Task After_it_is_resolved_a_press_is_a_new_alarm_and_is_told_at_once()
    {
        await using var night = await BeginAsync();
        var first = await night.RaiseAsync(AlarmKind.Sos);
        await night.PassAsync(TimeSpan.FromSeconds(5));
        await PressAsync(night);
        await night.Desk.ResolveAsync(first, "duty:d1", Resolution.True, "", Stop);
        var second = (await PressAsync(night))[0].AlarmId;
        await night.PassAsync(TimeSpan.FromSeconds(1));
        Assert.NotEqual(first, second);
        Assert.Equal(2, Calls(night));
        Assert.Contains(
            (await night.AlarmAsync(first)).Timeline,
            t => t.What == TimelineEvent.Counted && t.Text.Contains("2 times", StringComparison.Ordinal)
        );
    }

    [Fact]
    public async Task A_clock_that_is_put_back_holds_no_press_and_a_restart_keeps_the_pace()
    {
        await using var night = await BeginAsync();
        await night.RaiseAsync(AlarmKind.Sos);
        await night.PassAsync(TimeSpan.FromSeconds(5));
        night.Restart();
        await PressAsync(night);
        await night.PassAsync(TimeSpan.FromSeconds(1));
        Assert.Equal(1, Calls(night));
        await using (var db = await night.Records.CreateDbContextAsync(Stop)) // as if people had been told an hour in the future
            await db.Alarms.ExecuteUpdateAsync(u => u.SetProperty(a => a.RangAt, a => a.OpenedAt.AddHours(1)), Stop);
        await PressAsync(night);
        await night.PassAsync(TimeSpan.FromSeconds(1));
        Assert.Equal(2, Calls(night));
    }

    [Fact]
    public async Task Somebody_can_acknowledge_while_the_button_is_hammered()
    {
        await using var night = await BeginAsync();
        var alarm = await night.RaiseAsync(AlarmKind.Sos);
        await night.PassAsync(TimeSpan.FromSeconds(1));
        var seen = (await night.AlarmAsync(alarm)).Version;
        var begun = new TaskCompletionSource();
        var hammering = Task.Run(
            async () =>
            {
                for (var i = 0; i < 100; i++)
                {
                    await PressAsync(night);
                    if (i == 20)
                        begun.SetResult();
                }
            },
            Stop
        );
        await begun.Task;
        // the page that was acknowledged showed the alarm before these presses, but they belong to the same round of calls
        await night.Desk.AcknowledgeAsync(alarm, "duty:d1", "", Stop, seen);
        await hammering;
        var row = await night.AlarmAsync(alarm);
        Assert.Contains(row.Timeline, t => t is { What: TimelineEvent.Acknowledged, Who: "duty:d1" });
        Assert.Equal(100, row.Repeats);
    }

    [Fact]
    public async Task A_listener_that_fails_keeps_neither_the_others_nor_the_press_from_being_taken()
    {
        await using var night = await BeginAsync();
        var heard = new List<AlarmChange>();
        var desk = new AlarmDesk(night.Records, night.Policies, night.Clock, night.Messages.Zone, new Troubles(night.Clock));
        desk.Changed += _ => throw new ObjectDisposedException("a page that is gone");
        desk.Changed += heard.Add;
        Assert.Single(await desk.CommitAsync([night.Says(AlarmKind.Sos)], Stop));
        Assert.Single(heard);
    }

    private static int Calls(Night night) => night.Heard.All.Count(h => h.Address == night.Contact1);

    private static Task<IReadOnlyList<AlarmChange>> PressAsync(Night night) =>
        night.Desk.CommitAsync([night.Says(AlarmKind.Sos, FindingChange.Updated, notify: true)], Stop);
}
