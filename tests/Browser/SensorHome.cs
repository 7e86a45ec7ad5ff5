using Microsoft.EntityFrameworkCore;
using Vigil.Model;
using Vigil.Storage.Readings;
using Vigil.Storage.Records;
using Vigil.Tests.Web;
using static Vigil.Tests.Web.Running;

namespace Vigil.Tests.Browser;

/// <summary>Days of readings from a home with 25 devices, some of which report thousands of times a day.</summary>
internal sealed class SensorHome(DateTime now, int days)
{
    /// <summary>For how long no sensor has given a sign of life; meters go on reporting.</summary>
    public static readonly TimeSpan SilentFor = TimeSpan.FromMinutes(320);

    private static readonly DateTime Afternoon = new(2026, 3, 1, 16, 30, 0, DateTimeKind.Utc);
    private static readonly string[] Rooms = ["客厅", "卧室", "厨房", "卫生间", "走廊", "阳台", "玄关", "书房"];
    private readonly Random random = new(12);
    private readonly List<Reading> readings = [];
    private readonly List<(string Id, string Label)> devices = [];

    public int Readings => readings.Count;

    public async Task FillAsync(ConsoleServer server)
    {
        foreach (var (room, i) in Rooms.Select((room, i) => (room, i)))
            Each(Add($"pir-{i}", room + "红外"), Metric.Motion, TimeSpan.FromMinutes(5), awake => awake && random.Next(3) > 0 ? 1 : 0);
        foreach (var (room, i) in Rooms.Take(3).Select((room, i) => (room, i)))
            Each(
                Add($"radar-{i}", room + "雷达"),
                Metric.Presence,
                TimeSpan.FromSeconds(60),
                awake => awake && random.Next(4) == 0 ? 1 : 0
            );
        foreach (var (name, i) in new[] { "电视", "电饭煲", "热水壶", "洗衣机" }.Select((name, i) => (name, i)))
            Each(
                Add($"plug-{i}", name + "插座"),
                Metric.ElectricityPower,
                TimeSpan.FromSeconds(60),
                awake => awake && random.Next(40) == 0 ? 800 + random.Next(900) : 1.5 + random.NextDouble()
            );
        foreach (var (name, i) in new[] { "卧室灯", "客厅灯" }.Select((name, i) => (name, i)))
            Each(Add($"switch-{i}", name), Metric.SwitchOn, TimeSpan.FromMinutes(90), awake => awake ? random.Next(2) : 0);
        Totals("water", "水表", Metric.WaterVolume, TimeSpan.FromMinutes(15), () => 0.0001, () => random.Next(3) == 0 ? 0.009 : 0);
        Totals("power", "电表", Metric.ElectricityEnergy, TimeSpan.FromMinutes(15), () => 0.012, () => random.NextDouble() * 0.2);
        Totals("gas", "燃气表", Metric.GasVolume, TimeSpan.FromHours(1), () => 0, () => random.Next(4) == 0 ? 0.05 : 0);
        Each(Add("bed", "卧室床垫"), Metric.BedOccupied, TimeSpan.FromMinutes(30), awake => awake ? 0 : 1);
        Each(Add("fridge", "冰箱门"), Metric.DoorOpen, TimeSpan.FromHours(2), awake => awake ? random.Next(2) : 0);
        Each(Add("cuff", "血压计"), Metric.BloodPressureSystolic, TimeSpan.FromHours(24), _ => 135);
        Each(Add("watch", "手环"), Metric.Steps, TimeSpan.FromMinutes(20), awake => awake ? readings.Count : double.NaN);
        Outings(Add("door", "入户门"));
        Add("pendant", "呼叫挂件"); // never pressed
        readings.RemoveAll(r => double.IsNaN(r.Value) || r.Time > now - SilentFor && r.Metric.Life.Sense != LifeSense.Use);
        // The resident is out every morning from nine to half past ten: only the door reports then.
        readings.RemoveAll(r =>
            r.Metric.Life.Sense != LifeSense.Use
            && r.Device.Value != "door"
            && Local(r.Time) is var t
            && t.TimeOfDay > TimeSpan.FromHours(9)
            && t.TimeOfDay < TimeSpan.FromHours(10.5)
        );
        await ((IReadingStore)server.Services.GetService(typeof(IReadingStore))!).AppendAsync([.. readings.OrderBy(r => r.Time)], Token);
        await using var db = await server.Records.CreateDbContextAsync(Token);
        foreach (var (id, label) in devices)
            db.Devices.Add(
                new Device
                {
                    Id = id,
                    Label = label,
                    Profile = "senml",
                    ResidentId = "R-here",
                    InstalledAt = now.AddDays(-days),
                }
            );
        await db.SaveChangesAsync(Token);
        foreach (
            var (kind, before) in new[]
            {
                (AlarmKind.NoWater, 2.0),
                (AlarmKind.Sos, 9.2),
                (AlarmKind.Fall, 9.5),
                (AlarmKind.BatteryLow, 100),
            }
        )
        {
            var opened = (await server.RaiseAsync("R-here", kind)).Id;
            var at = now.AddHours(-before);
            await db.Alarms.Where(a => a.Id == opened).ExecuteUpdateAsync(a => a.SetProperty(x => x.OpenedAt, at), Token);
        }

        db.Absences.Add(
            new Absence
            {
                Id = Guid.NewGuid(),
                ResidentId = "R-here",
                From = now.AddDays(-6),
                Until = now.AddDays(-5),
                Author = "test",
            }
        );
        await db.SaveChangesAsync(Token);
    }

    private string Add(string id, string label)
    {
        devices.Add((id, label));
        return id;
    }

    /// <summary>
    /// Local time in this home, in which "now" is always half past four in the afternoon, so that pictures look alike at any hour.
    /// </summary>
    private DateTime Local(DateTime time) => Afternoon + (time - now);

    private bool Awake(DateTime time) => Local(time).TimeOfDay is var t && (t.TotalHours is > 6.5 and < 22 or > 2 and < 2.2);

    private void Each(string device, Metric metric, TimeSpan every, Func<bool, double> value)
    {
        for (var t = now.AddDays(-days) + random.NextDouble() * every; t < now; t += every * (0.5 + random.NextDouble()))
            Read(device, metric, t, value(Awake(t)));
    }

    private void Totals(string id, string label, Metric metric, TimeSpan every, Func<double> always, Func<double> used)
    {
        Add(id, label);
        var total = 100.0;
        for (var t = now.AddDays(-days); t < now; t += every)
            Read(id, metric, t, total += always() + (Awake(t) && t < now - SilentFor && Local(t).Hour is < 9 or > 10 ? used() : 0));
    }

    private void Outings(string door)
    {
        for (var day = Local(now.AddDays(-days)).Date; day < Local(now).Date.AddDays(1); day = day.AddDays(1))
            foreach (var (minute, open) in new[] { (539, 1), (540, 0), (629, 1), (630, 0) })
                if (now + (day.AddMinutes(minute) - Afternoon) is var t && t < now - SilentFor)
                    Read(door, Metric.DoorOpen, t, open);
    }

    private void Read(string device, Metric metric, DateTime time, double value) =>
        readings.Add(
            new Reading
            {
                Device = new DeviceId(device),
                Metric = metric,
                Time = time,
                Received = time,
                Value = value,
            }
        );
}
