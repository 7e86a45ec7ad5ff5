using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;
using Microsoft.EntityFrameworkCore;
using Vigil.Model;
using Vigil.Storage.Readings;

namespace Vigil.Console.Api;

internal static class Residents
{
    private static readonly TimeSpan Ahead = TimeSpan.FromMinutes(10);

    public static void Map(RouteGroupBuilder read)
    {
        read.MapGet("residents", async ([AsParameters] Caller caller, int? offset, int? limit) =>
        {
            await using var db = await caller.OpenAsync();
            var area = caller.Area;
            var page = await caller.PageAsync(db.Residents.AsNoTracking().Where(r => r.Area.StartsWith(area)).OrderBy(r => r.Id), offset, limit);
            await caller.AuditAsync("read", "residents", $"{page.Count} names");
            return page.Select(r => new { r.Id, r.Name, r.Area, r.KeyClass, r.Categories });
        });
        read.MapGet("residents/{id}", async (string id, [AsParameters] Caller caller) =>
        {
            if (await caller.ResidentAsync(id) is not { } r) return Caller.Missing("resident", id);
            await caller.AuditAsync("read", $"resident:{id}", "registry");
            return Results.Ok(new
            {
                r.Id, r.Name, r.Area, r.KeyClass, r.Categories, r.Gender, r.BirthDate, r.Address, r.Language, r.ConsentService, r.ConsentDailyLife, r.HomeLatitude, r.HomeLongitude, r.HomeRadiusMetres,
                Contacts = r.Contacts.OrderBy(x => x.Order).Select(x => new { x.Order, x.Name, x.Relation, Phone = Caller.Masked(x.Phone) }),
                Visitor = r.Visitor?.Name,
                Devices = r.Devices.Select(d => new { d.Id, d.Profile, d.InstalledAt, d.FirstSeenAt, d.LastSeenAt }),
            });
        });
        read.MapGet("residents/{id}/readings", async (string id, string? metric, DateTimeOffset? from, DateTimeOffset? to, int? limit, IReadingStore store, [AsParameters] Caller caller) =>
        {
            if (await caller.ResidentAsync(id) is not { } r) return Caller.Missing("resident", id);
            Metric? of = null;
            if (metric is not null && !Metric.TryParse(metric, out of)) return Caller.Wrong($"'{metric}' is not a metric");
            await caller.AuditAsync("read", $"resident:{id}", $"readings {metric}");
            var now = caller.Clock.GetUtcNow();
            var query = new ReadingQuery([.. r.Devices.Select(d => new DeviceId(d.Id))], of, (from ?? now.AddDays(-1)).UtcDateTime, (to ?? now + Ahead).UtcDateTime, Math.Clamp(limit ?? 10_000, 1, 100_000));
            var rows = new List<object>();
            await foreach (var x in store.QueryAsync(query, caller.Cancellation)) rows.Add(Row(x));
            return Results.Ok(rows);
        });
        read.MapGet("residents/{id}/daily", async (string id, DateTimeOffset? from, DateTimeOffset? to, IReadingStore store, Retention retention, TimeZoneInfo zone, [AsParameters] Caller caller) =>
        {
            if (await caller.ResidentAsync(id) is not { } r) return Caller.Missing("resident", id);
            await caller.AuditAsync("read", $"resident:{id}", "daily life");
            var now = caller.Clock.GetUtcNow();
            var (since, until) = ((from ?? now.AddDays(-7)).UtcDateTime, (to ?? now + Ahead).UtcDateTime);
            var counted = (await DailyLife.ReadAsync(store, [.. r.Devices.Select(d => new DeviceId(d.Id))], since, until, zone, caller.Cancellation)).ToDictionary(d => d.Day);
            // Days of which the raw readings may be gone stand as they were written down.
            foreach (var day in await retention.ReadAsync(id, DateOnly.FromDateTime(TimeZoneInfo.ConvertTimeFromUtc(since, zone)), DateOnly.FromDateTime(TimeZoneInfo.ConvertTimeFromUtc(until, zone)), caller.Cancellation)) counted[day.Day] = day;
            return Results.Ok(counted.Values.OrderBy(d => d.Day));
        });
    }

    private static object Row(Reading x) => new
    {
        device = x.Device.Value, metric = x.Metric.Name, channel = x.Channel, time = x.Time, received = x.Received, value = x.Value, unit = x.Metric.Unit,
        longitude = x.Metric.Kind == MetricKind.Location ? x.Longitude : (double?)null, @event = x.Event, flags = x.Flags.ToString(),
    };
}
