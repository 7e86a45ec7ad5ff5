using Microsoft.EntityFrameworkCore;
using Vigil.Host;
using Vigil.Ingest.Mqtt;
using Vigil.Model;
using Vigil.Registry;
using Vigil.Storage.Records;

namespace Vigil.Tests.Host;

/// <summary>Devices that come, go and are taken over by the running service.</summary>
public sealed class CommissioningTests : IAsyncDisposable
{
    private static readonly DateTime Noon = new(2026, 1, 15, 4, 0, 0, DateTimeKind.Utc);
    private readonly JumpingClock machine = new(new DateTimeOffset(Noon));
    private SteppedService service = null!;

    private static CancellationToken Stop => TestContext.Current.CancellationToken;

    public ValueTask DisposeAsync() => service.DisposeAsync();

    [Fact]
    public async Task A_county_that_moves_in_with_devices_of_years_ago_gets_its_grace_from_the_import_on()
    {
        service = await SteppedService.BeginAsync(machine);
        var csv =
            "编号,姓名,区划代码,设备1编号,设备1型号,设备1安装日期\n"
            + "C1,李,440114003201,c-1,senml,2020-05-01\n"
            + "C2,张,440114003201,c-2,senml,2020-05-01\n";
        using var file = new MemoryStream(System.Text.Encoding.UTF8.GetBytes(csv));
        var outcome = await service.Get<Func<RegistryImport>>()().ImportAsync(file, "county.csv", new ImportOptions(), null, Stop);
        Assert.Empty(outcome.Problems);
        await service.PassAsync(90);
        Assert.Empty(await service.AlarmsAsync("device-never-seen"));
        Assert.Equal(Receipt.Committed, await service.SayAsync("c-1", """[{"n":"battery.level","v":90}]"""));
        // The other one is found, from the day on which it was registered here.
        await service.PassAsync(50, seconds: 3600);
        var alarm = Assert.Single(await service.AlarmsAsync("device-never-seen"), a => a.ResidentId is "C1" or "C2");
        Assert.Equal("c-2", alarm.DeviceId);
        Assert.DoesNotContain("2020", alarm.Reason, StringComparison.Ordinal);
    }

    [Fact]
    public async Task After_a_crash_what_arrived_before_a_device_was_moved_is_replayed_to_the_home_it_came_from()
    {
        service = await SteppedService.BeginAsync(machine);
        await using (var db = await service.Records.CreateDbContextAsync(Stop))
        {
            db.Residents.Add(
                new Resident
                {
                    Id = "R2",
                    Name = "李",
                    Area = "440114003201",
                    UpdatedAt = Noon,
                }
            );
            await db.SaveChangesAsync(Stop);
        }

        await service.PassAsync(3);
        await service.PressAsync();
        await service.PassAsync(60);
        await MoveAsync("sos-1", "R2");
        await service.PassAsync(3);
        Directory.Delete(Path.Combine(await service.EndAsync(), "rules"), recursive: true);
        service = await SteppedService.BeginAsync(machine, service.Folder);
        await service.PassAsync(3);
        Assert.Equal("R1", Assert.Single(await service.AlarmsAsync("sos")).ResidentId);
        await service.PressAsync();
        Assert.Equal(["R1", "R2"], (await service.AlarmsAsync("sos")).Select(a => a.ResidentId).Order());
    }

    [Fact]
    public async Task A_press_of_a_retired_device_is_told_as_one_and_it_is_seen_to_speak()
    {
        service = await SteppedService.BeginAsync(machine);
        await using (var db = await service.Records.CreateDbContextAsync(Stop))
        {
            var button = await db.Devices.SingleAsync(d => d.Id == "sos-1", Stop);
            db.FormerPlaces.Add(button.Leave(Noon, Noon, ""));
            button.RetiredAt = Noon;
            await db.SaveChangesAsync(Stop);
        }

        await service.PassAsync(2);
        await service.PressAsync();
        await service.PassAsync(40); // when devices were heard is written twice a minute
        var alarm = Assert.Single(await service.AlarmsAsync("sos"));
        Assert.Equal(("device:sos-1", Severity.Critical), (alarm.Subject, alarm.Severity));
        Assert.Contains("was retired on 2026-01-15", alarm.Reason, StringComparison.Ordinal);
        Assert.Contains("已于2026-01-15报废", alarm.ReasonZh, StringComparison.Ordinal);
        Assert.Empty(Language.Sentences.Wrong(alarm.Reason, alarm.ReasonZh));
        await using var after = await service.Records.CreateDbContextAsync(Stop);
        Assert.True((await after.Devices.AsNoTracking().SingleAsync(d => d.Id == "sos-1", Stop)).SpeaksRetired);
    }

    private async Task MoveAsync(string device, string home)
    {
        var now = service.Clock.GetUtcNow().UtcDateTime;
        await using var db = await service.Records.CreateDbContextAsync(Stop);
        var row = await db.Devices.SingleAsync(d => d.Id == device, Stop);
        db.FormerPlaces.Add(row.Leave(now, now, ""));
        row.Enter(home, now, now);
        await db.SaveChangesAsync(Stop);
    }
}
