using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.Logging.Abstractions;
using Vigil.Model;
using Vigil.Notify;
using Vigil.Notify.Channels;
using Vigil.Notify.Escalation;
using Vigil.Storage.Records;
using Vigil.Tests.Servers;

namespace Vigil.Tests.Notify;

public sealed class DutiesOnSqliteTests : DutiesTests
{
    protected override Task<Night> BeginAsync(Policies? policies = null) => Night.BeginAsync(policies: policies);
}

[Trait("Category", "Server")]
public sealed class DutiesOnPostgresTests(PostgresServer server) : DutiesTests, IClassFixture<PostgresServer>
{
    protected override async Task<Night> BeginAsync(Policies? policies = null) =>
        await Night.BeginAsync(await server.CreateDatabaseAsync(), policies);
}

/// <summary>Shifts, substitutes, bundles, limits and the auditor, with the same tests on both databases.</summary>
public abstract class DutiesTests
{
    private const string Second = "+8613800000008",
        Third = "+8613800000009";

    protected abstract Task<Night> BeginAsync(Policies? policies = null);

    private static CancellationToken Stop => TestContext.Current.CancellationToken;

    [Fact]
    public async Task The_rota_decides_who_is_at_the_desk_when_the_step_runs()
    {
        await using var night = await BeginAsync(Only("duty"));
        await ChangeAsync(
            night,
            db =>
            {
                db.DutyOfficers.Add(
                    new DutyOfficer
                    {
                        Id = "d2",
                        Name = "夜班",
                        Area = "440111",
                        Phone = Second,
                    }
                );
                db.Shifts.Add(Shift("officer:d1", 8, 20));
                db.Shifts.Add(Shift("officer:d2", 20, 8));
            }
        );
        await night.RaiseAsync(AlarmKind.NoWater); // at noon
        await night.PassAsync(TimeSpan.FromMinutes(1));
        Assert.Equal([night.Duty], night.Order);
        await night.PassAsync(TimeSpan.FromHours(9)); // the plan begins again at 21:01, and by then the night shift is on duty
        Assert.Equal([night.Duty, Second], night.Order);
    }

    [Fact]
    public async Task A_night_shift_of_Friday_lasts_until_Saturday_morning_and_no_longer()
    {
        var friday = new Shift
        {
            Who = "officer:d1",
            Days = 1 << 4,
            From = new TimeOnly(20, 0),
            Until = new TimeOnly(8, 0),
            LastDay = new DateOnly(2026, 1, 16),
        };
        bool At(int day, int hour) => friday.Covers(new DateTime(2026, 1, day, hour, 0, 0));
        Assert.Equal((false, true, true, false, false), (At(16, 7), At(16, 20), At(17, 7), At(17, 8), At(17, 20)));
        Assert.False(At(23, 20)); // a Friday, but after the shift's last day
        await Task.CompletedTask;
    }

    [Fact]
    public async Task While_an_officer_is_away_the_substitute_takes_the_shifts()
    {
        await using var night = await BeginAsync(Only("duty"));
        await ChangeAsync(
            night,
            db =>
            {
                db.DutyOfficers.Add(
                    new DutyOfficer
                    {
                        Id = "d9",
                        Name = "替班员",
                        Area = "440112",
                        Phone = Second,
                    }
                );
                var officer = db.DutyOfficers.First(d => d.Id == "d1");
                (officer.SubstituteId, officer.AwayFrom, officer.AwayUntil) = ("d9", new DateOnly(2026, 1, 15), new DateOnly(2026, 1, 15));
            }
        );
        var alarm = await night.RaiseAsync(AlarmKind.NoWater);
        await night.PassAsync(TimeSpan.FromMinutes(1));
        Assert.Equal([Second], night.Order);
        Assert.Contains(
            (await night.AlarmAsync(alarm)).Timeline,
            t => t.What == TimelineEvent.Step && t.Text.Contains("替班员 stands in for 李值班", StringComparison.Ordinal)
        );
        await night.PassAsync(TimeSpan.FromHours(13)); // the next day, when the officer is back
        Assert.Equal([Second, night.Duty], night.Order);
    }

    [Fact]
    public async Task A_rota_that_leaves_the_desk_empty_silences_nobody()
    {
        await using var night = await BeginAsync(Only("duty"));
        await ChangeAsync(night, db => db.Shifts.Add(Shift("officer:d1", 20, 8)));
        var alarm = await night.RaiseAsync(AlarmKind.Sos); // at noon
        await night.PassAsync(TimeSpan.FromSeconds(5));
        Assert.Equal([night.Duty], night.Order);
        Assert.Contains(
            (await night.AlarmAsync(alarm)).Timeline,
            t => t.Text.Contains("the rota has nobody on duty now", StringComparison.Ordinal)
        );
    }

    [Fact]
    public async Task A_visitor_off_duty_is_replaced_and_one_whom_nobody_replaces_is_skipped_at_once()
    {
        await using var night = await BeginAsync(Only("visitor", "supervisor"));
        await ChangeAsync(
            night,
            db =>
            {
                db.Shifts.Add(Shift("visitor:v1", 8, 11)); // it is noon, so this shift is over
                db.Visitors.Add(
                    new Visitor
                    {
                        Id = "v2",
                        Name = "二",
                        Phone = Second,
                        Away = true,
                        SubstituteId = "v3",
                    }
                );
                db.Visitors.Add(
                    new Visitor
                    {
                        Id = "v3",
                        Name = "三",
                        Phone = Third,
                    }
                );
                db.Visitors.First(v => v.Id == "v1").SubstituteId = "v2";
            }
        );
        await night.RaiseAsync(AlarmKind.NoWater);
        await night.PassAsync(TimeSpan.FromSeconds(1));
        Assert.Equal([Third], night.Order);
        await ChangeAsync(night, db => db.Visitors.First(v => v.Id == "v3").AwayUntil = new DateOnly(2026, 2, 1));
        var second = (await night.Desk.CommitAsync([night.Says(AlarmKind.NoElectricity)], Stop))[0].AlarmId;
        await night.PassAsync(TimeSpan.FromSeconds(1));
        Assert.Equal([Third, night.Supervisor], night.Order);
        Assert.Contains(
            (await night.AlarmAsync(second)).Timeline,
            t =>
                t.What == TimelineEvent.Skipped
                && t.Text.Contains("陈探访 is away or off duty and nobody stands in", StringComparison.Ordinal)
        );
    }

    [Fact]
    public async Task What_happens_again_after_an_acknowledgement_is_recorded_and_told_when_the_set_time_is_over()
    {
        await using var night = await BeginAsync();
        var alarm = await night.RaiseAsync(AlarmKind.NoWater); // renotify after 2 h, seen well by 4 h
        await night.PassAsync(TimeSpan.FromMinutes(1));
        await night.Desk.AcknowledgeAsync(alarm, "visitor:v1", "", Stop);
        await night.PassAsync(TimeSpan.FromMinutes(30));
        await night.Desk.CommitAsync([night.Says(AlarmKind.NoWater, episode: "e2"), night.Says(AlarmKind.NoWater, episode: "e3")], Stop);
        await night.PassAsync(TimeSpan.FromMinutes(85));
        Assert.Single(night.Heard.All);
        Assert.Equal((AlarmState.Acknowledged, 2), ((await night.AlarmAsync(alarm)).State, (await night.AlarmAsync(alarm)).Repeats));
        await night.PassAsync(TimeSpan.FromMinutes(10));
        Assert.Contains("再次", night.Heard.All[1].Text, StringComparison.Ordinal);
        var row = await night.AlarmAsync(alarm);
        Assert.Equal(AlarmState.Open, row.State);
        Assert.Contains(row.Timeline, t => t is { What: TimelineEvent.Reopened, Text: "happened again after visitor:v1 acknowledged it" });
    }

    [Fact]
    public async Task What_happened_again_and_was_resolved_in_time_is_told_to_nobody()
    {
        await using var night = await BeginAsync();
        var alarm = await night.RaiseAsync(AlarmKind.NoWater);
        await night.PassAsync(TimeSpan.FromMinutes(1));
        await night.Desk.AcknowledgeAsync(alarm, "visitor:v1", "", Stop);
        await night.Desk.CommitAsync([night.Says(AlarmKind.NoWater, episode: "e2")], Stop);
        await night.Desk.ResolveAsync(alarm, "visitor:v1", Resolution.True, "", Stop);
        await night.PassAsync(TimeSpan.FromHours(9));
        Assert.Single(night.Heard.All);
    }

    [Fact]
    public async Task A_severity_that_rises_is_told_at_once_from_the_first_step_and_one_that_falls_changes_nothing()
    {
        await using var night = await BeginAsync();
        var alarm = await night.RaiseAsync(AlarmKind.NoWater);
        await night.PassAsync(TimeSpan.FromMinutes(1));
        await night.Desk.CommitAsync([night.Says(AlarmKind.NoWater, FindingChange.Updated, severity: Severity.Critical)], Stop);
        await night.PassAsync(TimeSpan.FromSeconds(1));
        Assert.Equal(
            [(Channel.Voice, night.Contact1), (Channel.Voice, night.Contact2)],
            night.Heard.All.Skip(1).Select(h => (h.Channel, h.Address)).Order()
        ); // both contacts are told at once
        await night.Desk.CommitAsync([night.Says(AlarmKind.NoWater, FindingChange.Updated, severity: Severity.Warning)], Stop);
        var row = await night.AlarmAsync(alarm);
        Assert.Equal(Severity.Critical, row.Severity);
        Assert.Contains(row.Timeline, t => t.What == TimelineEvent.Severity && t.Text.StartsWith("now Critical", StringComparison.Ordinal));
        await night.PassAsync(TimeSpan.FromMinutes(3));
        Assert.Contains(night.Heard.All, h => h.Address == night.Duty); // the plan for critical alarms goes on
    }

    [Fact]
    public async Task Three_presses_in_one_batch_are_all_counted_and_told_once()
    {
        await using var night = await BeginAsync();
        var alarm = (
            await night.Desk.CommitAsync(
                [
                    night.Says(AlarmKind.Sos),
                    night.Says(AlarmKind.Sos, FindingChange.Updated, notify: true),
                    night.Says(AlarmKind.Sos, FindingChange.Updated, notify: true),
                ],
                Stop
            )
        )[0].AlarmId;
        await night.PassAsync(TimeSpan.FromSeconds(5));
        var row = await night.AlarmAsync(alarm);
        Assert.Equal((2, 1), (row.Repeats, row.Timeline.Count(t => t.What == TimelineEvent.Repeated)));
        Assert.Equal(1, night.Heard.All.Count(h => h.Address == night.Contact1));
    }

    [Fact]
    public async Task Who_was_told_hears_that_an_acknowledged_alarm_has_eased_and_the_promise_stands()
    {
        await using var night = await BeginAsync();
        var alarm = await night.RaiseAsync(AlarmKind.NoWater);
        await night.PassAsync(TimeSpan.FromMinutes(1));
        await night.Answers.TakeAsync(night.Heard.All[0].Notice, "link", Stop);
        await night.Desk.CommitAsync([night.Says(AlarmKind.NoWater, FindingChange.Cleared)], Stop);
        await night.PassAsync(TimeSpan.FromMinutes(1));
        Assert.Equal(night.Contact1, night.Heard.All[1].Address);
        Assert.Contains("迹象已消失", night.Heard.All[1].Text, StringComparison.Ordinal);
        Assert.Equal(AlarmState.Acknowledged, (await night.AlarmAsync(alarm)).State);
        await night.PassAsync(TimeSpan.FromHours(4));
        Assert.Equal(AlarmState.Open, (await night.AlarmAsync(alarm)).State); // nobody reported in time that she is well
    }

    [Theory]
    [InlineData("visitor:v1", "duty")]
    [InlineData("duty:d1", "supervisor")]
    public async Task When_a_promise_runs_out_it_resumes_above_whoever_gave_it(string who, string above)
    {
        await using var night = await BeginAsync();
        var alarm = await night.RaiseAsync(AlarmKind.Sos);
        await night.PassAsync(TimeSpan.FromSeconds(5));
        await night.Desk.AcknowledgeAsync(alarm, who, "", Stop);
        var before = night.Heard.All.Count;
        await night.PassAsync(TimeSpan.FromMinutes(45.1));
        Assert.Equal(above == "duty" ? night.Duty : night.Supervisor, night.Heard.All[before].Address);
    }

    [Fact]
    public async Task A_digest_that_fails_comes_apart_and_each_alarm_takes_its_own_next_channel()
    {
        await using var night = await BeginAsync(Only("visitor", via: "sms, mail", severity: "technical"));
        await ChangeAsync(night, db => db.Visitors.First(v => v.Id == "v1").Mail = "v1@example.org");
        night.Heard.Answers[(Channel.Sms, night.Visitor)] = new ChannelResult(
            ChannelOutcome.GiveUp,
            new Wording("opted out", "对方已退订")
        );
        await night.Desk.CommitAsync([night.Says(AlarmKind.BatteryLow), night.Says(AlarmKind.ClockWrong)], Stop);
        await night.PassAsync(TimeSpan.FromSeconds(5));
        Assert.Equal(
            (Channel.Sms, true),
            (night.Heard.All[0].Channel, night.Heard.All[0].Text.Contains("2条提醒", StringComparison.Ordinal))
        );
        var mails = night.Heard.All.Where(h => h.Channel == Channel.Mail).Select(h => h.Text).ToList();
        Assert.Contains(mails, m => m.Contains("2条提醒", StringComparison.Ordinal) || m.Contains("设备电量低", StringComparison.Ordinal));
        await using var db = await night.Records.CreateDbContextAsync(Stop);
        foreach (var alarm in await db.Alarms.Select(a => a.Id).ToListAsync(Stop))
            Assert.True(
                await db.Notices.AnyAsync(n => n.AlarmId == alarm && n.Channel == Channel.Mail && n.State == NoticeState.Sent, Stop)
            );
    }

    [Fact]
    public async Task Answering_for_one_alarm_of_those_that_wait_takes_no_other_ones_message_away()
    {
        await using var night = await BeginAsync(Only("visitor", via: "sms", severity: "technical", quiet: "20:00-08:00"));
        night.Clock.SetUtcNow(new DateTimeOffset(2026, 1, 15, 16, 0, 0, TimeSpan.Zero)); // midnight in Guangdong
        var first = (
            await night.Desk.CommitAsync(
                [night.Says(AlarmKind.BatteryLow), night.Says(AlarmKind.ClockWrong), night.Says(AlarmKind.Tamper)],
                Stop
            )
        )[0].AlarmId;
        await night.PassAsync(TimeSpan.FromMinutes(1));
        await night.Desk.AcknowledgeAsync(first, "duty:d1", "", Stop);
        await night.PassAsync(TimeSpan.FromHours(8.1));
        Assert.Contains("2条提醒", Assert.Single(night.Heard.All).Text, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Messages_over_the_limit_of_a_number_come_later_and_all_of_them_come()
    {
        await using var night = await BeginAsync(Only("contact 1", via: "sms", wait: "24h"));
        var kinds = AlarmKind.All.Where(k => k.DefaultSeverity == Severity.High).Take(7).ToList();
        foreach (var kind in kinds)
        {
            await night.RaiseAsync(kind);
            await night.PassAsync(TimeSpan.FromSeconds(1)); // told one by one, so that they are not bundled
        }

        Assert.Equal(5, night.Heard.All.Count);
        await night.Desk.CommitAsync([night.Says(AlarmKind.Sos)], Stop);
        await night.PassAsync(TimeSpan.FromSeconds(1));
        Assert.Equal(6, night.Heard.All.Count); // a cry for help is never held by a limit
        await night.PassAsync(TimeSpan.FromHours(4));
        Assert.All(
            kinds,
            k => Assert.Contains(night.Heard.All, h => h.Text.Contains(night.Messages.Kind(k.Name, "zh"), StringComparison.Ordinal))
        );
    }

    [Fact]
    public async Task A_high_alarm_over_the_limit_of_a_number_is_told_at_once_by_the_next_channel_and_by_the_first_one_later()
    {
        await using var night = await BeginAsync(Only("contact 1", via: "sms, voice", wait: "24h"));
        foreach (var kind in AlarmKind.All.Where(k => k.DefaultSeverity == Severity.High).Take(6))
        {
            await night.RaiseAsync(kind);
            await night.PassAsync(TimeSpan.FromSeconds(1)); // told one by one, so that they are not bundled
        }

        Assert.Equal(
            [Channel.Sms, Channel.Sms, Channel.Sms, Channel.Sms, Channel.Sms, Channel.Voice],
            night.Heard.All.Select(h => h.Channel)
        );
        await night.PassAsync(TimeSpan.FromMinutes(20));
        Assert.Equal(6, night.Heard.All.Count(h => h.Channel == Channel.Sms));
    }

    [Fact]
    public async Task The_auditor_sees_a_promise_that_ran_out_and_that_nobody_followed_up()
    {
        await using var night = await BeginAsync();
        using var meter = new System.Diagnostics.Metrics.Meter("test");
        using var auditor = new Auditor(
            night.Records,
            night.Messages,
            night.Links,
            night.Clock,
            meter,
            TimeSpan.FromSeconds(30),
            NullLogger<Auditor>.Instance
        );
        var alarm = await night.RaiseAsync(AlarmKind.Sos);
        await night.Desk.AcknowledgeAsync(alarm, "visitor:v1", "", Stop);
        night.Clock.Advance(TimeSpan.FromMinutes(46)); // 46 minutes in which the escalator doesn't run
        await auditor.LookAsync(Stop);
        night.Clock.Advance(TimeSpan.FromSeconds(15));
        Assert.Equal(1, await auditor.LookAsync(Stop));
        Assert.Equal(TimeSpan.Zero, auditor.SinceLook);
        await night.Dispatcher.DrainAsync(Stop);
        Assert.Equal([night.Supervisor], night.Order);
    }

    [Fact]
    public async Task A_changed_policy_changes_the_terms_of_an_open_alarm_but_not_whom_its_plan_tells()
    {
        await using var night = await BeginAsync(Only("contact 1", wait: "24h"));
        var alarm = await night.RaiseAsync(AlarmKind.NoWater);
        await night.PassAsync(TimeSpan.FromSeconds(1));
        var changed = new AlarmDesk(night.Records, Only("visitor", seenWellBy: "1h"), night.Clock, night.Messages.Zone);
        await changed.AcknowledgeAsync(alarm, "contact:x", "", Stop);
        var row = await night.AlarmAsync(alarm);
        Assert.Equal(night.Clock.GetUtcNow().UtcDateTime.AddHours(1), row.SeenWellBy);
        Assert.All(row.Steps, s => Assert.Equal("contact 1", s.To));
    }

    /// <summary>One policy for all alarms: tells these people, one after another.</summary>
    private static Policies Only(
        string to,
        string? then = null,
        string via = "sms",
        string wait = "3h",
        string seenWellBy = "4h",
        string? severity = null,
        string? quiet = null
    )
    {
        string Step(string who) => $"      - {{ to: {who}, via: [{via}], wait: {wait} }}\n";
        var text = "policies:\n";
        if (severity is not null)
            text +=
                $"  - id: some\n    severity: [{severity}]\n    seenWellBy: 72h\n{(quiet is null ? "" : $"    quiet: {quiet}\n")}   "
                + $" steps:\n{Step(to)}";
        text += $"  - id: all\n    seenWellBy: {seenWellBy}\n    steps:\n{Step(to)}{(then is null ? "" : Step(then))}";
        var path = Path.GetTempFileName();
        File.WriteAllText(path, text);
        var problems = new List<Problem>();
        var policies = Policies.Load(path, problems);
        File.Delete(path);
        Assert.Empty(problems);
        return policies!;
    }

    private static Shift Shift(string who, int from, int until) =>
        new()
        {
            Id = Guid.NewGuid(),
            Who = who,
            From = new TimeOnly(from, 0),
            Until = new TimeOnly(until, 0),
        };

    private static async Task ChangeAsync(Night night, Action<RecordsDb> change)
    {
        await using var db = await night.Records.CreateDbContextAsync(Stop);
        change(db);
        await db.SaveChangesAsync(Stop);
    }
}
