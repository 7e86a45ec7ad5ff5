using Microsoft.EntityFrameworkCore;
using Vigil.Model;
using Vigil.Notify.Escalation;
using Vigil.Storage.Records;

namespace Vigil.Tests.Notify.Telling;

/// <summary>
/// A row that can't be handled (here because the database refuses to change it) is put off and reported, and all others go on.
/// </summary>
public sealed class OneBadRowTests
{
    private const string OtherPhone = "+8613900000001";

    private static CancellationToken Stop => TestContext.Current.CancellationToken;

    [Fact]
    public async Task A_step_that_cannot_run_holds_up_no_other_home()
    {
        await using var night = await BeginAsync("BEFORE INSERT ON Notices WHEN NEW.RecipientName = '王大'");
        await night.Escalator.CycleAsync(Stop);
        await night.Dispatcher.DrainAsync(Stop);
        Assert.Equal([OtherPhone], night.Order);
        Assert.Contains(night.Troubles.Now, t => t.Case == "step");
        await HealAsync(night);
        await night.PassAsync(TimeSpan.FromSeconds(11));
        Assert.Contains(night.Contact1, night.Order); // it was put off, not given up
    }

    [Fact]
    public async Task A_notice_that_cannot_be_claimed_holds_up_no_other()
    {
        await using var night = await BeginAsync("BEFORE UPDATE OF State ON Notices WHEN NEW.State = 1 AND NEW.RecipientName = '王大'");
        await night.Escalator.CycleAsync(Stop);
        await night.Dispatcher.DrainAsync(Stop);
        Assert.Equal([night.Contact2, OtherPhone], night.Order.Order());
        Assert.Contains(night.Troubles.Now, t => t.Case == "notice");
        await HealAsync(night);
        await night.PassAsync(TimeSpan.FromSeconds(11));
        Assert.Contains(night.Contact1, night.Order);
    }

    [Fact]
    public async Task An_outcome_that_cannot_be_written_down_takes_no_other_with_it()
    {
        await using var night = await BeginAsync("BEFORE UPDATE OF State ON Notices WHEN NEW.State = 2 AND NEW.RecipientName = '王大'");
        await night.Escalator.CycleAsync(Stop);
        await night.Dispatcher.DrainAsync(Stop);
        await using (var db = await night.Records.CreateDbContextAsync(Stop))
            Assert.Equal(
                [("李大", NoticeState.Sent), ("王二", NoticeState.Sent), ("王大", NoticeState.Sending)],
                (await db.Notices.Select(n => new { n.RecipientName, n.State }).ToListAsync(Stop))
                    .Select(n => (n.RecipientName, n.State))
                    .Order()
            );
        await HealAsync(night);
        night.Restart();
        await night.Dispatcher.RecoverAsync(Stop);
        await night.Dispatcher.DrainAsync(Stop);
        Assert.Equal(3, night.Heard.All.Count); // the third was found at the provider, so nobody is told twice
    }

    [Fact]
    public async Task A_row_with_words_of_another_version_keeps_them_and_holds_up_no_other()
    {
        await using var night = await BeginAsync(null);
        await night.Escalator.CycleAsync(Stop);
        await using var db = await night.Records.CreateDbContextAsync(Stop);
        await db.Database.ExecuteSqlRawAsync("UPDATE Notices SET Channel = 'pigeon', Template = 'ode' WHERE RecipientName = '王大'", Stop);
        await db.Database.ExecuteSqlRawAsync("UPDATE Timeline SET What = 'sung' WHERE What = 'opened'", Stop);
        await night.Dispatcher.DrainAsync(Stop);
        Assert.Superset(new HashSet<string> { night.Contact2, OtherPhone }, night.Order.ToHashSet());
        Assert.All(await db.Timeline.Where(t => t.Who == "rules").ToListAsync(Stop), t => Assert.Equal("sung", t.What.Word()));
        Assert.Equal(
            ["pigeon ode"],
            await db
                .Database.SqlQuery<string>($"SELECT Channel || ' ' || Template AS Value FROM Notices WHERE RecipientName = '王大'")
                .ToListAsync(Stop)
        );
    }

    [Fact]
    public async Task A_provider_that_throws_for_one_number_holds_up_no_other()
    {
        await using var night = await BeginAsync(null);
        night.Heard.Before = n =>
        {
            if (n.Address == night.Contact1)
                throw new InvalidCastException("a bug in the channel");
        };
        await night.PassAsync(TimeSpan.FromSeconds(1));
        Assert.Contains(night.Contact2, night.Order);
        Assert.Contains(OtherPhone, night.Order);
    }

    [Fact]
    public async Task An_alarm_of_a_kind_without_words_is_told_by_its_name_and_the_others_are_told_too()
    {
        await using var night = await BeginAsync(null);
        await using (var db = await night.Records.CreateDbContextAsync(Stop))
            await db.Alarms.Where(a => a.ResidentId == "r1").ExecuteUpdateAsync(u => u.SetProperty(a => a.Kind, "of-tomorrow"), Stop);
        await night.PassAsync(TimeSpan.FromSeconds(1));
        Assert.Contains(night.Heard.All, h => h.Text.Contains("of-tomorrow", StringComparison.Ordinal));
        Assert.Contains(OtherPhone, night.Order);
    }

    [Fact]
    public async Task A_promise_that_cannot_be_opened_again_keeps_no_other_from_running_out()
    {
        await using var night = await BeginAsync(null);
        await night.PassAsync(TimeSpan.FromSeconds(1));
        await using (var db = await night.Records.CreateDbContextAsync(Stop))
        {
            foreach (var alarm in await db.Alarms.Select(a => a.Id).ToListAsync(Stop))
                await night.Desk.AcknowledgeAsync(alarm, "duty:d1", "", Stop);
            await db.Database.ExecuteSqlRawAsync(
                "CREATE TRIGGER poison BEFORE UPDATE OF State ON Alarms WHEN NEW.State = 0 AND NEW.ResidentId = 'r1' BEGIN SELECT "
                    + "RAISE(ABORT, 'poison'); END",
                Stop
            );
        }

        night.Clock.Advance(TimeSpan.FromMinutes(46));
        await night.Escalator.CycleAsync(Stop);
        await using var after = await night.Records.CreateDbContextAsync(Stop);
        Assert.Equal(AlarmState.Open, (await after.Alarms.SingleAsync(a => a.ResidentId == "r2", Stop)).State);
        Assert.Contains(night.Troubles.Now, t => t.Case == "promise");
    }

    /// <summary>Two homes whose buttons were pressed, and a trigger that makes the database refuse one row.</summary>
    private static async Task<Night> BeginAsync(string? trigger)
    {
        var night = await Night.BeginAsync();
        await using var db = await night.Records.CreateDbContextAsync(Stop);
        db.Residents.Add(
            new Resident
            {
                Id = "r2",
                Name = "李",
                Area = "440111001001",
                Contacts =
                [
                    new Contact
                    {
                        ResidentId = "r2",
                        Order = 1,
                        Name = "李大",
                        Phone = OtherPhone,
                    },
                ],
            }
        );
        await db.SaveChangesAsync(Stop);
        if (trigger is not null)
            await db.Database.ExecuteSqlRawAsync($"CREATE TRIGGER poison {trigger} BEGIN SELECT RAISE(ABORT, 'poison'); END", Stop);
        await night.Desk.CommitAsync([night.Says(AlarmKind.Sos), night.Says(AlarmKind.Sos, subject: "r2")], Stop);
        return night;
    }

    private static async Task HealAsync(Night night)
    {
        await using var db = await night.Records.CreateDbContextAsync(Stop);
        await db.Database.ExecuteSqlRawAsync("DROP TRIGGER poison", Stop);
    }
}
