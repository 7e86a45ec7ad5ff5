using System.IO.Compression;
using System.Text;
using System.Text.Json;
using Microsoft.EntityFrameworkCore;
using Vigil.Model;
using Vigil.Storage.Readings;
using Vigil.Storage.Records;

namespace Vigil.Web.Api;

/// <summary>All that is held on a person: the records as JSON, the readings as CSV.</summary>
internal static class PersonalArchive
{
    private static readonly JsonSerializerOptions Indented = new(JsonSerializerDefaults.Web)
    {
        WriteIndented = true,
        Encoder = System.Text.Encodings.Web.JavaScriptEncoder.UnsafeRelaxedJsonEscaping,
    };

    public static async Task WriteAsync(Stream to, string id, IReadingStore store, Caller caller)
    {
        await using var db = await caller.OpenAsync();
        var r = await db
            .Residents.AsNoTracking()
            .AsSplitQuery()
            .Include(x => x.Contacts)
            .Include(x => x.Household)
            .Include(x => x.Devices)
            .Include(x => x.Visitor)
            .FirstAsync(x => x.Id == id, caller.Cancellation);
        var alarms = await db
            .Alarms.AsNoTracking()
            .AsSplitQuery()
            .Include(a => a.Timeline)
            .Include(a => a.Steps)
            .Where(a => a.ResidentId == id)
            .OrderBy(a => a.OpenedAt)
            .ToListAsync(caller.Cancellation);
        foreach (var step in alarms.SelectMany(a => a.Steps))
            step.Alarm = null; // alarm → step → alarm: JSON can't hold such a cycle
        var ids = alarms.Select(a => a.Id).ToList();
        var records = new Dictionary<string, object>
        {
            ["resident"] = r,
            ["consents"] = await db.Consents.AsNoTracking().Where(c => c.ResidentId == id).ToListAsync(caller.Cancellation),
            ["absences"] = await db.Absences.AsNoTracking().Where(a => a.ResidentId == id).ToListAsync(caller.Cancellation),
            ["visits"] = await db.Visits.AsNoTracking().Where(v => v.ResidentId == id).ToListAsync(caller.Cancellation),
            ["dailyUse"] = await db.DailyUse.AsNoTracking().Where(d => d.ResidentId == id).ToListAsync(caller.Cancellation),
            ["dailyActivity"] = await db.DailyActivity.AsNoTracking().Where(d => d.ResidentId == id).ToListAsync(caller.Cancellation),
            ["formerDevices"] = await db.FormerPlaces.AsNoTracking().Where(p => p.ResidentId == id).ToListAsync(caller.Cancellation),
            ["slowChanges"] = await db.SlowChanges.AsNoTracking().Where(c => c.ResidentId == id).ToListAsync(caller.Cancellation),
            ["alarms"] = alarms,
            ["notices"] = await db.Notices.AsNoTracking().Where(n => ids.Contains(n.AlarmId)).ToListAsync(caller.Cancellation),
            ["audit"] = await db
                .Audit.AsNoTracking()
                .Where(a => a.Subject == "resident:" + id)
                .OrderBy(a => a.Id)
                .Select(a => new
                {
                    a.Time,
                    a.Who,
                    a.Action,
                    a.Detail,
                })
                .ToListAsync(caller.Cancellation),
        };
        using var archive = new ZipArchive(to, ZipArchiveMode.Create, leaveOpen: true);
        await using (var entry = archive.CreateEntry("records.json").Open())
            await JsonSerializer.SerializeAsync(entry, records, Indented, caller.Cancellation);
        await using var rows = new StreamWriter(archive.CreateEntry("readings.csv").Open(), new UTF8Encoding(false));
        rows.NewLine = "\r\n";
        await rows.WriteLineAsync(Sheet.CsvLine(["device", "metric", "channel", "time", "received", "value", "longitude", "event"]));
        var devices = await db.PlacesOfAsync(id, caller.Cancellation);
        await foreach (var x in store.QueryAsync(devices, null, DateTime.UnixEpoch, caller.Now.AddDays(1), caller.Cancellation))
            await rows.WriteLineAsync(
                Sheet.CsvLine([
                    x.Device.Value,
                    x.Metric.Name,
                    x.Channel,
                    x.Time.ToString("O"),
                    x.Received.ToString("O"),
                    x.Value,
                    x.Metric.Kind == MetricKind.Location ? x.Longitude : null,
                    x.Event,
                ])
            );
    }
}
