using System.Text;
using Microsoft.EntityFrameworkCore;
using Vigil.Host.Intake;
using Vigil.Ingest.Mqtt;
using Vigil.Model;
using Vigil.Storage.Readings.DuckDb;
using Vigil.Storage.Records;
using Vigil.Tests.Storage.Records;

namespace Vigil.Tests.Host;

/// <summary>A press of a button that is bound to no home still becomes an alarm.</summary>
public sealed class UnboundCallTests : IAsyncLifetime
{
    private const string Press = """[{"n":"button","vs":"sos"}]""";
    private static readonly DateTime Noon = new(2026, 1, 15, 4, 0, 0, DateTimeKind.Utc);
    private static readonly Sender Gateway = new("gw-1", true, ["vigil/#"]);

    private readonly string folder = Directory.CreateTempSubdirectory("vigil-unbound-").FullName;
    private PipelineParts parts = null!;

    public async ValueTask InitializeAsync()
    {
        parts = await PipelineParts.CreateAsync(
            folder,
            await FreshRecords.SqliteAsync(folder),
            new DuckDbReadingStore(Path.Combine(folder, "readings.duckdb"), new())
        );
        await parts.Pipeline.StartAsync(TestContext.Current.CancellationToken);
    }

    public ValueTask DisposeAsync() => parts.DisposeAsync();

    [Fact]
    public async Task A_press_of_a_stranger_is_a_critical_alarm_of_the_whole_desk_that_says_what_is_known()
    {
        await SayAsync("button-7", Press, Noon);
        var alarm = Assert.Single(await parts.AlarmsAsync());
        Assert.Equal(("device:button-7", "sos", Severity.Critical, ""), (alarm.Subject, alarm.Kind, alarm.Severity, alarm.Area));
        Assert.Equal(("button-7", Noon), (alarm.DeviceId, alarm.RaisedAt));
        foreach (var known in new[] { "button-7", "senml", "gw-1", "04:00" })
        {
            Assert.Contains(known, alarm.Reason, StringComparison.Ordinal);
            Assert.Contains(known, alarm.ReasonZh, StringComparison.Ordinal);
        }

        await using var db = parts.Records.CreateDbContext();
        Assert.Equal(["button-7"], await db.Unbound.Select(u => u.Id).ToListAsync()); // it is still listed as unbound
    }

    [Fact]
    public async Task Presses_within_half_an_hour_are_one_call_and_one_after_it_was_answered_and_over_is_another()
    {
        await SayAsync("button-7", Press, Noon);
        await SayAsync("button-7", Press, Noon); // the same press, sent again
        await SayAsync("button-7", Press, Noon.AddMinutes(29));
        await SayAsync("button-8", Press, Noon.AddMinutes(29));
        var alarms = await parts.AlarmsAsync();
        Assert.Equal([("device:button-7", 1), ("device:button-8", 0)], alarms.Select(a => (a.Subject, a.Repeats)));
        await parts.RestartAsync(); // loses what was only in memory
        await SayAsync("button-7", Press, Noon.AddMinutes(40));
        await SayAsync("button-7", Press, Noon.AddMinutes(40));
        Assert.Equal([2, 0], (await parts.AlarmsAsync()).Select(a => a.Repeats));
        await parts.Desk.AcknowledgeAsync(alarms[0].Id, "duty:d1", "", CancellationToken.None);
        await parts.Desk.ResolveAsync(alarms[0].Id, "duty:d1", Resolution.True, "", CancellationToken.None);
        await SayAsync("button-7", Press, Noon.AddMinutes(40));
        Assert.Equal(2, (await parts.AlarmsAsync()).Count);
        await SayAsync("button-7", Press, Noon.AddMinutes(80));
        Assert.Equal(3, (await parts.AlarmsAsync()).Count);
    }

    [Fact]
    public async Task It_is_of_the_area_of_its_gateway_where_that_area_has_a_desk()
    {
        await using var db = parts.Records.CreateDbContext();
        db.DutyOfficers.Add(
            new DutyOfficer
            {
                Id = "d1",
                Name = "李值班",
                Area = "440114",
                Phone = "+8613800138008",
            }
        );
        (await db.Residents.SingleAsync(r => r.Id == "R2")).Area = "440114003999";
        await db.SaveChangesAsync();
        await parts.Registry.ReloadAsync(CancellationToken.None);
        await SayAsync("sos-1", """[{"n":"battery.level","v":90}]""", Noon);
        await SayAsync("a", Press, Noon);
        await SayAsync("sos-2", """[{"n":"battery.level","v":90}]""", Noon); // in another village of the same town
        await SayAsync("b", Press, Noon);
        // no device of a known home has ever spoken through this gateway
        await SayAsync("c", Press, Noon, new Sender("gw-2", true, ["vigil/#"]));
        await db.DutyOfficers.ExecuteDeleteAsync();
        await SayAsync("d", Press, Noon);
        Assert.Equal(["440114003201", "440114003", "", ""], (await parts.AlarmsAsync()).Select(a => a.Area));
    }

    [Fact]
    public async Task Smoke_in_stock_is_told_and_stored_and_what_is_no_call_for_help_raises_nothing()
    {
        await using var db = parts.Records.CreateDbContext();
        db.Devices.Add(new Device { Id = "smoke-1", Profile = "senml" });
        await db.SaveChangesAsync();
        await parts.Registry.ReloadAsync(CancellationToken.None);
        foreach (
            var said in new[]
            {
                """[{"n":"button","vs":"release"}]""",
                """[{"n":"smoke","vb":false}]""",
                """[{"n":"battery.level","v":1},{"n":"tamper","vb":true},{"n":"air.temperature","u":"Cel","v":2,"bt":1}]""",
            }
        )
            await SayAsync("stranger", said, Noon);
        Assert.Empty(await parts.AlarmsAsync());
        for (var minute = 0; minute < 5; minute++)
            await SayAsync("smoke-1", """[{"n":"smoke","vb":true}]""", Noon.AddMinutes(minute));
        await SayAsync("stranger", """[{"n":"fall","vs":"fall"},{"n":"gas","vb":true}]""", Noon);
        Assert.Equal(
            [("device:smoke-1", "smoke", 0), ("device:stranger", "fall", 0), ("device:stranger", "gas", 0)],
            (await parts.AlarmsAsync()).Select(a => (a.Subject, a.Kind, a.Repeats)).Order()
        );
        var stored = 0;
        await foreach (var r in parts.Readings.ReceivedSinceAsync(DateTime.UnixEpoch, CancellationToken.None))
            stored += r.Device.Value == "smoke-1" ? 1 : 0;
        Assert.Equal(5, stored);
    }

    [Fact]
    public async Task A_gateway_that_invents_names_raises_some_alarms_and_then_one_that_names_all_the_others_and_loses_no_press()
    {
        await using var db = parts.Records.CreateDbContext();
        db.Devices.Add(new Device { Id = "shelf-1", Profile = "senml" });
        await db.SaveChangesAsync();
        await parts.Registry.ReloadAsync(CancellationToken.None);
        for (var i = 0; i < InventedNames.MostAlone + 60; i++)
            await SayAsync($"made-{i}", Press, Noon.AddSeconds(i));
        var gathered = Assert.Single(await parts.AlarmsAsync(), a => a.Subject == "device:#gw-1");
        Assert.Equal((Severity.Critical, 59), (gathered.Severity, gathered.Repeats));
        Assert.Equal(InventedNames.MostAlone + 1, (await parts.AlarmsAsync()).Count);
        Assert.Contains("60 more unregistered devices of gw-1", gathered.Reason, StringComparison.Ordinal);
        Assert.Contains("newest first: made-79, made-78", gathered.Reason, StringComparison.Ordinal);
        Assert.Contains("60 台未登记设备", gathered.ReasonZh, StringComparison.Ordinal);
        Assert.Empty(Language.Sentences.Wrong(gathered.Reason, gathered.ReasonZh));

        // A real one among them: it is told, and named.
        await SayAsync("grandmother", Press, Noon.AddMinutes(5));
        await SayAsync("grandmother", Press, Noon.AddMinutes(5)); // sent again
        gathered = Assert.Single(await parts.AlarmsAsync(), a => a.Subject == "device:#gw-1");
        Assert.Equal(60, gathered.Repeats);
        Assert.Contains("newest first: grandmother", gathered.Reason, StringComparison.Ordinal);

        // Others have alarms of their own: registered, known, of another gateway, or when the hour is over.
        await SayAsync("shelf-1", Press, Noon.AddMinutes(6));
        await SayAsync("made-3", Press, Noon.AddMinutes(40));
        await SayAsync("other", Press, Noon.AddMinutes(6), new Sender("gw-2", true, ["vigil/#"]));
        await SayAsync("later", Press, Noon.AddMinutes(62));
        var alarms = await parts.AlarmsAsync();
        Assert.All(
            new[] { "shelf-1", "other", "later" },
            d => Assert.Contains(alarms, a => a.Subject == "device:" + d && a.Severity == Severity.Critical)
        );
        Assert.Equal(1, Assert.Single(alarms, a => a.Subject == "device:made-3").Repeats);
    }

    [Fact]
    public async Task The_officer_on_duty_is_called_at_once_for_a_device_that_is_nobodys()
    {
        await using var service = await SteppedService.BeginAsync(new JumpingClock(new DateTimeOffset(Noon)));
        Assert.Equal(Receipt.Committed, await service.SayAsync("button-7", Press));
        await service.PassAsync(2);
        var alarm = Assert.Single(await service.AlarmsAsync("sos"));
        Assert.Contains("李值班 voice", await service.ToldAsync(alarm.Id));
    }

    private async Task SayAsync(string device, string payload, DateTime at, Sender? from = null) =>
        Assert.Equal(
            Receipt.Committed,
            await parts.Pipeline.ReceiveAsync(
                new InboundMessage($"vigil/{device}/up", Encoding.UTF8.GetBytes(payload), at, Retained: false, from ?? Gateway),
                CancellationToken.None
            )
        );
}
