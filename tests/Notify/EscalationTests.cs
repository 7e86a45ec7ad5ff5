using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.Logging.Abstractions;
using Vigil.Model;
using Vigil.Notify;
using Vigil.Notify.Channels;
using Vigil.Notify.Escalation;
using Vigil.Storage.Records;
using Vigil.Tests.Servers;

namespace Vigil.Tests.Notify;

public sealed class EscalationOnSqliteTests : EscalationTests
{
    protected override Task<Night> BeginAsync() => Night.BeginAsync();
}

[Trait("Category", "Server")]
public sealed class EscalationOnPostgresTests(PostgresServer server) : EscalationTests, IClassFixture<PostgresServer>
{
    protected override async Task<Night> BeginAsync() => await Night.BeginAsync(await server.CreateDatabaseAsync());
}

/// <summary>Escalation from step to step with a clock that tests move, the same tests on both databases.</summary>
public abstract class EscalationTests
{
    protected abstract Task<Night> BeginAsync();

    private static CancellationToken Stop => TestContext.Current.CancellationToken;

    [Fact]
    public async Task When_nobody_answers_contact_one_then_two_then_visitor_then_duty_then_supervisor_are_told()
    {
        await using var night = await BeginAsync();
        await night.RaiseAsync(AlarmKind.NoWater);
        await night.PassAsync(TimeSpan.FromHours(2));
        Assert.Equal([night.Contact1, night.Contact2, night.Visitor, night.Duty, night.Supervisor], night.Order);
        var start = night.Heard.All[0].At;
        Assert.Equal([0, 15, 30, 60, 90], night.Heard.All.Take(5).Select(h => (int)(h.At - start).TotalMinutes));
    }

    [Fact]
    public async Task Telling_people_never_ends_before_somebody_answers()
    {
        await using var night = await BeginAsync();
        await night.RaiseAsync(AlarmKind.Sos);
        await night.PassAsync(TimeSpan.FromHours(3));
        Assert.True(night.Heard.All.Count(h => h.At > night.Clock.GetUtcNow() - TimeSpan.FromHours(1)) >= 3);
    }

    [Theory]
    [InlineData("service")]
    [InlineData("area:440111001001")]
    public async Task What_is_told_of_an_alarm_about_no_resident_names_nobody(string subject)
    {
        await using var night = await BeginAsync();
        await night.Desk.CommitAsync([night.Says(AlarmKind.ServiceTrouble, subject: subject)], Stop);
        await night.PassAsync(TimeSpan.FromHours(4));
        Assert.NotEmpty(night.Heard.All);
        Assert.All(night.Heard.All, h => Assert.StartsWith("【守望】系统故障（", h.Text, StringComparison.Ordinal));
    }

    [Fact]
    public async Task An_acknowledgement_stops_it()
    {
        await using var night = await BeginAsync();
        var alarm = await night.RaiseAsync(AlarmKind.NoWater);
        await night.PassAsync(TimeSpan.FromMinutes(1));
        await night.Answers.TakeAsync(night.Heard.All[0].Notice, "link", Stop);
        await night.PassAsync(TimeSpan.FromHours(3));
        Assert.Equal([night.Contact1], night.Order);
        Assert.StartsWith("contact:", (await night.AlarmAsync(alarm)).AcknowledgedBy, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Who_is_second_to_acknowledge_hears_who_was_first()
    {
        await using var night = await BeginAsync();
        var alarm = await night.RaiseAsync(AlarmKind.Sos);
        await night.Desk.AcknowledgeAsync(alarm, "duty:d1", "", Stop);
        var conflict = await Assert.ThrowsAsync<AlarmConflictException>(() => night.Desk.AcknowledgeAsync(alarm, "duty:d2", "", Stop));
        Assert.Equal("already acknowledged by duty:d1", conflict.Message);
    }

    [Theory]
    [InlineData("zhou", Roles.Duty, true)]
    [InlineData("zhou", Roles.Supervisor, true)]
    [InlineData("zhou", Roles.Visitor, false)]
    [InlineData("visitor", Roles.Duty, true)] // an account may have the name of a role in policies
    public async Task When_an_account_acknowledged_and_seen_well_runs_out_nobody_below_its_role_is_told(
        string name,
        string role,
        bool supervisorAlone
    )
    {
        await using var night = await BeginAsync();
        await using (var db = await night.Records.CreateDbContextAsync(Stop))
        {
            db.Users.Add(
                new User
                {
                    Id = Guid.NewGuid(),
                    UserName = name,
                    NormalizedUserName = name.ToUpperInvariant(),
                    Role = role,
                    Area = "",
                }
            );
            await db.SaveChangesAsync(Stop);
        }

        var alarm = await night.RaiseAsync(AlarmKind.NoWater);
        await night.Desk.AcknowledgeAsync(alarm, name, "", Stop);
        await night.PassAsync(TimeSpan.FromHours(5));
        var told = night.Order.Where(p => p != night.Contact1).ToList(); // who was told after it was acknowledged
        Assert.Equal(supervisorAlone ? [night.Supervisor] : [night.Duty, night.Supervisor], told);
    }

    [Fact]
    public async Task When_seen_well_runs_out_it_resumes_above_who_acknowledged()
    {
        await using var night = await BeginAsync();
        var alarm = await night.RaiseAsync(AlarmKind.NoWater);
        await night.PassAsync(TimeSpan.FromMinutes(20));
        await night.Answers.TakeAsync(night.Heard.All[1].Notice, "link", Stop); // the second contact takes it
        await night.PassAsync(TimeSpan.FromHours(3.9));
        Assert.Equal(2, night.Heard.All.Count);
        await night.PassAsync(TimeSpan.FromHours(0.2));
        Assert.Equal(night.Visitor, night.Heard.All[2].Address);
        Assert.Contains((await night.AlarmAsync(alarm)).Timeline, t => t is { What: TimelineEvent.Reopened, Who: "escalation" });
    }

    [Fact]
    public async Task An_empty_step_is_skipped_at_once_with_a_note()
    {
        await using var night = await BeginAsync();
        await using (var db = await night.Records.CreateDbContextAsync(Stop))
            await db.Contacts.ExecuteDeleteAsync(Stop);
        var alarm = await night.RaiseAsync(AlarmKind.NoWater);
        await night.PassAsync(TimeSpan.FromSeconds(1));
        Assert.Equal([night.Visitor], night.Order);
        Assert.Equal(
            2,
            (await night.AlarmAsync(alarm)).Timeline.Count(t =>
                t.What == TimelineEvent.Skipped && t.Text.Contains("there is no contact", StringComparison.Ordinal)
            )
        );
    }

    [Fact]
    public async Task People_are_looked_up_when_the_step_runs()
    {
        await using var night = await BeginAsync();
        await night.RaiseAsync(AlarmKind.NoWater);
        await night.PassAsync(TimeSpan.FromMinutes(1));
        await using (var db = await night.Records.CreateDbContextAsync(Stop))
        {
            db.Visitors.Add(
                new Visitor
                {
                    Id = "v2",
                    Name = "代班",
                    Phone = "+8613800000009",
                }
            );
            await db
                .Visitors.Where(v => v.Id == "v1")
                .ExecuteUpdateAsync(u => u.SetProperty(v => v.Away, true).SetProperty(v => v.SubstituteId, "v2"), Stop);
            await db.SaveChangesAsync(Stop);
        }

        await night.PassAsync(TimeSpan.FromMinutes(40));
        Assert.Equal([night.Contact1, night.Contact2, "+8613800000009"], night.Order);
    }

    [Fact]
    public async Task A_failed_channel_falls_through_at_once_and_a_person_who_cannot_be_reached_makes_the_next_step_due()
    {
        await using var night = await BeginAsync();
        night.Heard.Answers[(Channel.Sms, night.Contact1)] = new ChannelResult(
            ChannelOutcome.GiveUp,
            new Wording("opted out", "对方已退订")
        );
        night.Heard.Answers[(Channel.Voice, night.Contact1)] = new ChannelResult(
            ChannelOutcome.GiveUp,
            new Wording("no such number", "空号")
        );
        await night.RaiseAsync(AlarmKind.NoWater);
        await night.PassAsync(TimeSpan.FromSeconds(5));
        Assert.Equal(
            [(Channel.Sms, night.Contact1), (Channel.Voice, night.Contact1), (Channel.Sms, night.Contact2)],
            night.Heard.All.Select(h => (h.Channel, h.Address))
        );
    }

    [Fact]
    public async Task When_one_contact_declines_and_the_other_cannot_be_reached_the_visitor_is_called_at_once()
    {
        await using var night = await BeginAsync();
        await night.RaiseAsync(AlarmKind.Sos);
        await night.PassAsync(TimeSpan.FromSeconds(5)); // both contacts are called at once
        var (first, second) = (
            night.Heard.All.Single(h => h.Address == night.Contact1).Notice,
            night.Heard.All.Single(h => h.Address == night.Contact2).Notice
        );
        await night.Answers.DeclineAsync(first, "key", Stop);
        await night.Receipts.TakeAsync("outbox", "", second, delivered: false, Wording.Same("voicemail"), Stop);
        await night.PassAsync(TimeSpan.FromSeconds(1));
        await night.Receipts.TakeAsync(
            "outbox",
            "",
            night.Heard.All[^1].Notice,
            delivered: false,
            new Wording("switched off", "已关机"),
            Stop
        );
        await night.PassAsync(TimeSpan.FromSeconds(1));
        Assert.Equal(
            [
                (Channel.Voice, night.Contact1),
                (Channel.Voice, night.Contact2),
                (Channel.Sms, night.Contact2),
                (Channel.Voice, night.Visitor),
            ],
            night.Heard.All.Select(h => (h.Channel, h.Address)).OrderBy(h => h.Address).ThenByDescending(h => h.Channel)
        );
    }

    [Fact]
    public async Task Passing_trouble_is_tried_three_times_and_then_the_next_channel_within_a_minute()
    {
        await using var night = await BeginAsync();
        night.Heard.Answers[(Channel.Sms, night.Contact1)] = new ChannelResult(ChannelOutcome.TryAgain, Wording.Same("503"));
        await night.RaiseAsync(AlarmKind.NoWater);
        await night.PassAsync(TimeSpan.FromMinutes(1));
        Assert.Equal([Channel.Sms, Channel.Sms, Channel.Sms, Channel.Voice], night.Heard.All.Select(h => h.Channel));
    }

    [Fact]
    public async Task After_a_crash_between_marked_and_sent_it_is_sent()
    {
        await using var night = await BeginAsync();
        await night.RaiseAsync(AlarmKind.Sos);
        await night.Escalator.CycleAsync(Stop);
        await using (var db = await night.Records.CreateDbContextAsync(Stop))
            await db.Notices.ExecuteUpdateAsync(
                u =>
                    u.SetProperty(n => n.State, NoticeState.Sending)
                        .SetProperty(n => n.Provider, "outbox")
                        .SetProperty(n => n.Attempts, 1)
                        .SetProperty(n => n.DueAt, n => n.DueAt.AddSeconds(45)),
                Stop
            );
        night.Restart();
        await night.Dispatcher.RecoverAsync(Stop);
        await night.PassAsync(TimeSpan.FromSeconds(59));
        Assert.Equal([night.Contact1, night.Contact2], night.Heard.All.Select(h => h.Address).Order());
    }

    [Fact]
    public async Task After_a_crash_between_sent_and_recorded_nobody_is_told_twice()
    {
        await using var night = await BeginAsync();
        var alarm = await night.RaiseAsync(AlarmKind.Sos);
        await night.Escalator.CycleAsync(Stop);
        await using (var db = await night.Records.CreateDbContextAsync(Stop))
        {
            foreach (var id in await db.Notices.Select(n => n.Id).ToListAsync(Stop))
                night.Heard.Accepted.Add(id);
            await db.Notices.ExecuteUpdateAsync(
                u =>
                    u.SetProperty(n => n.State, NoticeState.Sending)
                        .SetProperty(n => n.Provider, "outbox")
                        .SetProperty(n => n.Attempts, 1)
                        .SetProperty(n => n.DueAt, n => n.DueAt.AddSeconds(45)),
                Stop
            );
        }

        night.Restart();
        await night.Dispatcher.RecoverAsync(Stop);
        await night.PassAsync(TimeSpan.FromSeconds(59));
        Assert.Empty(night.Heard.All);
        Assert.Equal(
            2,
            (await night.AlarmAsync(alarm)).Timeline.Count(t =>
                t.What == TimelineEvent.Sent && t.Text.Contains("found at the provider", StringComparison.Ordinal)
            )
        );
    }

    [Fact]
    public async Task A_receipt_that_overtakes_its_answer_is_not_undone()
    {
        await using var night = await BeginAsync();
        await night.RaiseAsync(AlarmKind.NoWater);
        night.Heard.Before = n =>
            Assert.True(
                night
                    .Receipts.TakeAsync("outbox", "p1", n.NoticeId, delivered: true, Wording.Same("delivered"), Stop)
                    .GetAwaiter()
                    .GetResult()
            );
        await night.PassAsync(TimeSpan.FromSeconds(1));
        await using var db = await night.Records.CreateDbContextAsync(Stop);
        Assert.Equal(NoticeState.Delivered, (await db.Notices.SingleAsync(Stop)).State);
    }

    [Fact]
    public async Task What_opened_and_cleared_in_one_batch_is_recorded_and_nobody_is_told()
    {
        await using var night = await BeginAsync();
        await night.Desk.CommitAsync([night.Says(AlarmKind.NoWater), night.Says(AlarmKind.NoWater, FindingChange.Cleared)], Stop);
        await night.PassAsync(TimeSpan.FromHours(3));
        Assert.Empty(night.Heard.All);
        await using var db = await night.Records.CreateDbContextAsync(Stop);
        Assert.Equal(Resolution.Cleared, (await db.Alarms.SingleAsync(Stop)).Resolution);
    }

    [Fact]
    public async Task Life_resuming_stops_the_steps_and_tells_those_who_were_told()
    {
        await using var night = await BeginAsync();
        await night.RaiseAsync(AlarmKind.NoWater);
        await night.PassAsync(TimeSpan.FromMinutes(20));
        await night.Desk.CommitAsync([night.Says(AlarmKind.NoWater, FindingChange.Cleared)], Stop);
        await night.PassAsync(TimeSpan.FromHours(3));
        Assert.Equal([night.Contact1, night.Contact2], night.Heard.All.Take(2).Select(h => h.Address));
        Assert.Equal([night.Contact1, night.Contact2], night.Heard.All.Skip(2).Select(h => h.Address).Order());
        Assert.All(night.Heard.All.Skip(2), h => Assert.Contains("已解除", h.Text, StringComparison.Ordinal));
    }

    [Fact]
    public async Task A_second_press_is_told_at_once_and_undoes_an_acknowledgement()
    {
        await using var night = await BeginAsync();
        var alarm = await night.RaiseAsync(AlarmKind.Sos);
        await night.PassAsync(TimeSpan.FromSeconds(5));
        await night.Desk.AcknowledgeAsync(alarm, "contact:x", "", Stop);
        var before = night.Heard.All.Count;
        await night.Desk.CommitAsync([night.Says(AlarmKind.Sos, FindingChange.Updated, notify: true)], Stop);
        await night.PassAsync(TimeSpan.FromSeconds(1));
        Assert.Equal(before + 2, night.Heard.All.Count);
        Assert.Contains("再次", night.Heard.All[^1].Text, StringComparison.Ordinal);
        var row = await night.AlarmAsync(alarm);
        Assert.Equal((AlarmState.Open, 1), (row.State, row.Repeats));
    }

    [Fact]
    public async Task The_same_findings_again_change_nothing()
    {
        await using var night = await BeginAsync();
        Finding[] findings = [night.Says(AlarmKind.Sos), night.Says(AlarmKind.Sos, FindingChange.Updated, notify: true)];
        await night.Desk.CommitAsync(findings, Stop);
        Assert.Empty(await night.Desk.CommitAsync(findings, Stop));
        await using var db = await night.Records.CreateDbContextAsync(Stop);
        Assert.Equal(1, (await db.Alarms.SingleAsync(Stop)).Repeats);
    }

    [Fact]
    public async Task After_two_hours_of_our_own_downtime_the_next_step_runs_and_the_waits_between_people_are_kept()
    {
        await using var night = await BeginAsync();
        await night.RaiseAsync(AlarmKind.NoWater);
        night.Clock.Advance(TimeSpan.FromHours(2)); // two hours in which nothing ran
        night.Restart();
        await night.PassAsync(TimeSpan.FromMinutes(10));
        Assert.Equal([night.Contact1], night.Order);
        await night.PassAsync(TimeSpan.FromMinutes(10));
        Assert.Equal([night.Contact1, night.Contact2], night.Order);
    }

    [Fact]
    public async Task Low_severities_wait_out_quiet_hours_and_come_as_one_digest()
    {
        await using var night = await BeginAsync();
        night.Clock.SetUtcNow(new DateTimeOffset(2026, 1, 15, 16, 0, 0, TimeSpan.Zero)); // midnight in Guangdong
        await night.RaiseAsync(AlarmKind.BatteryLow);
        await night.RaiseAsync(AlarmKind.ClockWrong);
        await night.PassAsync(TimeSpan.FromHours(7.9));
        Assert.Empty(night.Heard.All);
        await night.PassAsync(TimeSpan.FromHours(0.2));
        Assert.Contains("2条提醒", Assert.Single(night.Heard.All).Text, StringComparison.Ordinal);
    }

    [Fact]
    public async Task The_auditor_tells_the_supervisor_once_when_steps_do_not_run()
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
        Assert.Equal(0, await auditor.LookAsync(Stop));
        for (var i = 0; i < 4; i++)
        {
            night.Clock.Advance(TimeSpan.FromSeconds(20)); // the escalator doesn't run
            await auditor.LookAsync(Stop);
        }

        Assert.Equal((1, TimeSpan.FromSeconds(80)), (auditor.Late, auditor.Worst));
        await night.Dispatcher.DrainAsync(Stop);
        Assert.Equal(night.Supervisor, Assert.Single(night.Heard.All).Address);
        Assert.Single((await night.AlarmAsync(alarm)).Timeline, t => t.What == TimelineEvent.Late);
    }

    [Fact]
    [Trait("Category", "Long")]
    public async Task A_storm_of_two_thousand_tells_every_critical_one_first_and_keeps_within_each_numbers_limits()
    {
        await using var night = await BeginAsync();
        await using (var db = await night.Records.CreateDbContextAsync(Stop))
        {
            for (var i = 0; i < 100; i++)
                db.Residents.Add(
                    new Resident
                    {
                        Id = $"x{i}",
                        Name = "李",
                        Area = "440111001001",
                        Contacts =
                        [
                            new Contact
                            {
                                ResidentId = $"x{i}",
                                Order = 1,
                                Name = "甲",
                                Phone = $"+86139{i:00000000}",
                            },
                        ],
                    }
                );
            await db.SaveChangesAsync(Stop);
        }

        var kinds = AlarmKind.All.Where(k => k.DefaultSeverity < Severity.Critical).ToList();
        var findings = Enumerable
            .Range(0, 2000 / kinds.Count)
            .SelectMany(i => kinds.Select(k => night.Says(k, subject: $"x{i % 100}", episode: $"{i}")))
            .ToList();
        findings.InsertRange(findings.Count / 2, Enumerable.Range(0, 50).Select(i => night.Says(AlarmKind.Sos, subject: $"x{i}")));
        await night.Desk.CommitAsync(findings, Stop);
        await night.PassAsync(TimeSpan.FromMinutes(30));
        var firstOthers = night.Heard.All.FindIndex(h => !h.Text.Contains("呼叫求助", StringComparison.Ordinal));
        Assert.Equal(50, night.Heard.All.Take(firstOthers).Select(h => h.Address).Distinct().Count());
        var start = night.Heard.All[0].At;
        var most = night
            .Heard.All.Where(h =>
                !h.Text.Contains("呼叫求助", StringComparison.Ordinal) && h.Channel == Channel.Sms && h.At < start.AddMinutes(15)
            )
            .GroupBy(h => h.Address)
            .Max(g => g.Count());
        Assert.InRange(most, 1, 5);
    }
}
