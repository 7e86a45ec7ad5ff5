using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.Logging.Abstractions;
using Vigil.Model;
using Vigil.Notify.Escalation;
using Vigil.Storage.Records;
using Vigil.Tests.Servers;

namespace Vigil.Tests.Notify.Telling;

public sealed class UnreadableOnSqliteTests : UnreadableTests
{
    protected override Task<Night> BeginAsync() => Night.BeginAsync();
}

[Trait("Category", "Server")]
public sealed class UnreadableOnPostgresTests(PostgresServer server) : UnreadableTests, IClassFixture<PostgresServer>
{
    protected override async Task<Night> BeginAsync() => await Night.BeginAsync(await server.CreateDatabaseAsync());
}

/// <summary>A number in the registry that can't be decrypted affects only that person; the same tests on both databases.</summary>
public abstract class UnreadableTests
{
    private const string OtherPhone = "+8613900000001";

    protected abstract Task<Night> BeginAsync();

    private static CancellationToken Stop => TestContext.Current.CancellationToken;

    public static TheoryData<string> Damages => ["base64", "truncated", "flipped", "foreign key", "only the mark", "the mark itself"];

    [Theory]
    [MemberData(nameof(Damages))]
    public async Task A_damaged_number_of_one_contact_stops_neither_the_other_contact_nor_the_call_of_another_home(string damage)
    {
        await using var night = await BeginAsync();
        await SettleNextDoorAsync(night);
        var stored = await DamageAsync(night, "Contacts", "Phone", "\"ResidentId\" = 'r1' AND \"Order\" = 1", damage);
        var begun = night.Clock.GetUtcNow();
        var changes = await night.Desk.CommitAsync([night.Says(AlarmKind.Sos), night.Says(AlarmKind.Sos, subject: "r2")], Stop);
        await night.PassAsync(TimeSpan.FromSeconds(5));
        Assert.Equal([night.Contact2, OtherPhone], night.Heard.All.Select(h => h.Address).Order());
        Assert.All(night.Heard.All, h => Assert.Equal(begun, h.At));
        if (damage == "the mark itself")
            return; // it reads as text that is no phone number, and is refused when it is called
        var line = Assert.Single((await night.AlarmAsync(changes[0].AlarmId)).Timeline, t => t.What == TimelineEvent.Skipped);
        Assert.Contains("王大", line.Text, StringComparison.Ordinal);
        Assert.Contains("can't be read", line.Text, StringComparison.Ordinal);
        Assert.Contains("无法读取", line.TextZh, StringComparison.Ordinal);
        Assert.DoesNotContain(stored, line.Text + line.TextZh, StringComparison.Ordinal);
    }

    [Fact]
    public async Task When_nobody_of_a_step_can_be_read_the_next_person_is_told_at_once()
    {
        await using var night = await BeginAsync();
        await DamageAsync(night, "Contacts", "Phone", "\"Order\" = 1", "flipped");
        await DamageAsync(night, "Contacts", "Phone", "\"Order\" = 2", "base64");
        await night.RaiseAsync(AlarmKind.Sos);
        await night.PassAsync(TimeSpan.FromSeconds(1));
        Assert.Equal([night.Visitor], night.Order);
    }

    [Fact]
    public async Task A_damaged_visitor_and_a_damaged_desk_are_passed_over_and_the_supervisor_is_told()
    {
        await using var night = await BeginAsync();
        await DamageAsync(night, "Visitors", "Phone", "\"Id\" = 'v1'", "truncated");
        await DamageAsync(night, "DutyOfficers", "Phone", "\"Id\" = 'd1'", "foreign key");
        await night.RaiseAsync(AlarmKind.Sos);
        await night.PassAsync(TimeSpan.FromSeconds(61));
        Assert.Equal([night.Contact1, night.Contact2, night.Supervisor], night.Order.Order());
    }

    [Fact]
    public async Task A_notice_whose_address_was_damaged_before_it_went_out_goes_to_the_number_in_the_registry_and_the_others_go_out()
    {
        await using var night = await BeginAsync();
        await SettleNextDoorAsync(night);
        await night.Desk.CommitAsync([night.Says(AlarmKind.Sos), night.Says(AlarmKind.Sos, subject: "r2")], Stop);
        await night.Escalator.CycleAsync(Stop); // the notices are written but not sent yet
        await DamageAsync(night, "Notices", "Address", "\"RecipientName\" = '王大'", "flipped");
        await DamageAsync(night, "Notices", "Address", "\"RecipientName\" = '王二'", "base64");
        await DamageAsync(night, "Contacts", "Phone", "\"Name\" = '王二'", "base64");
        await night.PassAsync(TimeSpan.FromSeconds(1));
        Assert.Equal([night.Contact1, OtherPhone], night.Order.Order());
        await using var db = await night.Records.CreateDbContextAsync(Stop);
        Assert.Equal(
            NoticeState.Failed,
            (await db.Notices.FirstAsync(n => n.RecipientName == "王二" && n.Channel == Channel.Voice, Stop)).State
        );
    }

    [Fact]
    public async Task The_auditor_still_tells_the_supervisor_that_it_is_late()
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
        await DamageAsync(night, "Contacts", "Phone", "\"Order\" = 1", "base64");
        await DamageAsync(night, "DutyOfficers", "Phone", "\"Id\" = 'd1'", "base64");
        await night.RaiseAsync(AlarmKind.Sos);
        for (var i = 0; i < 4; i++)
        {
            night.Clock.Advance(TimeSpan.FromSeconds(20)); // the escalator doesn't run
            await auditor.LookAsync(Stop);
        }

        await night.Dispatcher.DrainAsync(Stop);
        Assert.Equal([night.Supervisor], night.Order);
    }

    [Fact]
    public async Task Saving_a_row_again_leaves_the_damaged_value_as_it_was_found()
    {
        await using var night = await BeginAsync();
        var stored = await DamageAsync(night, "Contacts", "Phone", "\"Order\" = 1", "flipped");
        await using (var db = await night.Records.CreateDbContextAsync(Stop))
        {
            var contact = await db.Contacts.SingleAsync(c => c.Order == 1, Stop);
            Assert.True(FieldKeys.IsUnreadable(contact.Phone));
            contact.Name = "王大明";
            db.Update(contact); // writes every column, also the damaged one
            await db.SaveChangesAsync(Stop);
        }

        await using (var db = await night.Records.CreateDbContextAsync(Stop))
            Assert.Equal("王大明", (await db.Contacts.SingleAsync(c => c.Order == 1, Stop)).Name);
        Assert.Equal(stored, await StoredAsync(night, "Contacts", "Phone", "\"Order\" = 1"));
    }

    [Fact]
    public async Task The_desk_is_told_of_table_and_id_without_the_number_until_it_is_entered_anew()
    {
        await using var night = await BeginAsync();
        var troubles = new Troubles(night.Clock);
        using (var before = new DamageWatch((RecordsFactory)night.Records, troubles, night.Clock, NullLogger<DamageWatch>.Instance))
            await before.LookAsync(Stop);
        Assert.DoesNotContain(troubles.Now, t => t.Case == "unreadable");
        // Tests share the keys, and these already know the damage of other tests. A new watch looks at once.
        using var watch = new DamageWatch((RecordsFactory)night.Records, troubles, night.Clock, NullLogger<DamageWatch>.Instance);
        var stored = await DamageAsync(night, "Contacts", "Phone", "\"Order\" = 1", "flipped");
        await night.RaiseAsync(AlarmKind.Sos);
        await night.PassAsync(TimeSpan.FromSeconds(1));
        await watch.LookAsync(Stop);
        await using (var db = await night.Records.CreateDbContextAsync(Stop))
        {
            var contact = await db.Contacts.SingleAsync(c => c.Order == 1, Stop);
            var trouble = Assert.Single(troubles.Now, t => t.Case == "unreadable");
            Assert.Contains($"Contacts {contact.Id} Phone", trouble.What, StringComparison.Ordinal);
            Assert.Contains($"Contacts {contact.Id} Phone", trouble.WhatZh, StringComparison.Ordinal);
            Assert.DoesNotContain(stored, trouble.What, StringComparison.Ordinal);
            contact.Phone = night.Contact1;
            await db.SaveChangesAsync(Stop);
        }

        night.Clock.Advance(TimeSpan.FromMinutes(6));
        await watch.LookAsync(Stop);
        Assert.DoesNotContain(troubles.Now, t => t.Case == "unreadable");
    }

    [Fact]
    public async Task Sealing_at_the_start_passes_over_what_it_cannot_read_and_seals_the_rest()
    {
        await using var night = await BeginAsync();
        var stored = await DamageAsync(night, "Contacts", "Phone", "\"Order\" = 1", "foreign key");
        await using (var db = await night.Records.CreateDbContextAsync(Stop)) // stored without encryption, as an older version did
            await db.Database.ExecuteSqlRawAsync("UPDATE \"Contacts\" SET \"Phone\" = {0} WHERE \"Order\" = 2", [night.Contact2], Stop);
        await night.Records.MigrateAsync(Stop);
        Assert.Equal(stored, await StoredAsync(night, "Contacts", "Phone", "\"Order\" = 1"));
        Assert.StartsWith("enc1.", await StoredAsync(night, "Contacts", "Phone", "\"Order\" = 2"), StringComparison.Ordinal);
    }

    private static async Task SettleNextDoorAsync(Night night)
    {
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
    }

    /// <summary>Changes a stored value in the database itself; returns the value that is stored now.</summary>
    private static async Task<string> DamageAsync(Night night, string table, string column, string where, string damage)
    {
        var good = await StoredAsync(night, table, column, where);
        var parts = good.Split('.');
        var bad = damage switch
        {
            "base64" => $"{parts[0]}.{parts[1]}.*not base64*",
            "truncated" => good[..^12],
            "flipped" => good[..^6] + (good[^6] == 'A' ? 'B' : 'A') + good[^5..],
            "foreign key" => $"{parts[0]}.deadbeef.{parts[2]}",
            "only the mark" => "enc1.",
            "the mark itself" => "enb1." + good[5..],
            _ => throw new ArgumentOutOfRangeException(nameof(damage)),
        };
        await using var db = await night.Records.CreateDbContextAsync(Stop);
        Assert.Equal(1, await db.Database.ExecuteSqlRawAsync($"UPDATE \"{table}\" SET \"{column}\" = {{0}} WHERE {where}", [bad], Stop));
        return bad;
    }

    private static async Task<string> StoredAsync(Night night, string table, string column, string where)
    {
        await using var db = await night.Records.CreateDbContextAsync(Stop);
        return await db.Database.SqlQueryRaw<string>($"SELECT \"{column}\" AS \"Value\" FROM \"{table}\" WHERE {where}").SingleAsync(Stop);
    }
}
