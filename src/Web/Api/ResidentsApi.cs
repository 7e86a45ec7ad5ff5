using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;
using Microsoft.EntityFrameworkCore;
using Vigil.Model;
using Vigil.Registry;
using Vigil.Registry.Edits;
using Vigil.Registry.Search;
using Vigil.Storage.Readings;
using Vigil.Storage.Records;
using Vigil.Web.Operations;

namespace Vigil.Web.Api;

internal static class ResidentsApi
{
    /// <summary>Readings that can be skipped at most: they are read all the same, and asking by time is cheaper.</summary>
    private const int MostReadings = 1_000_000;

    /// <summary>Readings whose time is up to this far ahead count as of now: clocks of devices are not exact.</summary>
    private static readonly TimeSpan Ahead = TimeSpan.FromMinutes(10);

    public static void Map(RouteGroupBuilder read)
    {
        read.MapGet(
                "residents",
                async (string? search, int? offset, int? limit, RegistryLists lists, [AsParameters] Caller caller) =>
                {
                    await using var db = await caller.OpenAsync();
                    var page = caller.Page(
                        await lists.ResidentsAsync(
                            db.Residents.AsNoTracking(),
                            db.Within,
                            search,
                            Caller.Offset(offset),
                            Caller.Limit(limit),
                            caller.Cancellation
                        )
                    );
                    await caller.AuditAsync("read", "residents", $"{page.Count} names");
                    return page.Select(r => new ResidentBrief(r.Id, r.Name, r.Area, r.KeyClass, r.Categories));
                }
            )
            .Lists<ResidentBrief>("Residents, ordered by number");
        read.MapGet(
                "residents/{id}",
                async (string id, [AsParameters] Caller caller) =>
                {
                    if (await caller.ResidentAsync(id) is not { } r)
                        return Caller.Missing("resident", id);
                    await caller.AuditAsync("read", $"resident:{id}", "registry");
                    return Results.Ok(
                        new ResidentAnswer(
                            r.Id,
                            r.Name,
                            r.Area,
                            r.KeyClass,
                            r.Categories,
                            r.Gender,
                            r.BirthDate,
                            r.Address,
                            r.Language,
                            r.ConsentService,
                            r.ConsentDailyLife,
                            r.HomeLatitude,
                            r.HomeLongitude,
                            r.HomeRadiusMetres,
                            [.. r.Contacts.OrderBy(x => x.Order).Select(x => ContactAnswer.Of(x, caller.All.Keys))],
                            r.Visitor?.Name,
                            [.. r.Devices.Select(d => new DeviceBrief(d.Id, d.Profile, d.InstalledAt, d.FirstSeenAt, d.LastSeenAt))],
                            r.VisitorId,
                            RecordKind.Resident.VersionOf(caller.All.Keys, r)
                        )
                    );
                }
            )
            .Answers<ResidentAnswer>("A resident with contacts and devices", 404);
        read.MapGet(
                "residents/{id}/outlooks",
                async (string id, IServiceProvider services, [AsParameters] Caller caller) =>
                {
                    if (await caller.ResidentAsync(id) is null)
                        return Caller.Missing("resident", id);
                    await caller.AuditAsync("read", $"resident:{id}", "outlooks");
                    var found = services.GetService(typeof(Rules.OutlooksOf)) is Rules.OutlooksOf of ? of(new ResidentId(id)) : [];
                    return Results.Ok(new OutlooksAnswer([.. found.Select(o => new OutlookAnswer(o.Device, o.Kind.Name, o.At))]));
                }
            )
            .Answers<OutlooksAnswer>("The earliest times at which alarms could be raised, if nothing more is heard or used", 404);
        read.MapGet(
                "residents/{id}/usual",
                async (string id, IReadingStore store, TimeZoneInfo zone, [AsParameters] Caller caller) =>
                {
                    if (await caller.ResidentAsync(id) is not { } r)
                        return Caller.Missing("resident", id);
                    await caller.AuditAsync("read", $"resident:{id}", "daily life");
                    if (r.RefusesMonitoring)
                        return Results.Ok(OwnNormal.Of([], zone));
                    await using var db = await caller.OpenAsync();
                    var today = DateOnly.FromDateTime(TimeZoneInfo.ConvertTimeFromUtc(caller.Now, zone));
                    var days = await DailyLife.ReadAsync(
                        store,
                        await db.PlacesOfAsync(id, caller.Cancellation),
                        caller.Now.AddDays(-OwnNormal.Back),
                        caller.Now + Ahead,
                        zone,
                        caller.Cancellation
                    );
                    return Results.Ok(OwnNormal.Of([.. days.Where(d => d.Day < today)], zone));
                }
            )
            .Answers<OwnNormal>("What is usual in this home: the medians of its own past four weeks", 404);
        read.MapGet(
                "residents/{id}/readings",
                async (
                    string id,
                    string? metric,
                    DateTimeOffset? from,
                    DateTimeOffset? to,
                    int? offset,
                    int? limit,
                    IReadingStore store,
                    [AsParameters] Caller caller
                ) =>
                {
                    if (await caller.ResidentAsync(id) is not { } r)
                        return Caller.Missing("resident", id);
                    Metric? of = null;
                    if (metric is not null && !Metric.TryParse(metric, out of))
                        return Caller.Wrong($"'{metric}' is not a metric");
                    await caller.AuditAsync("read", $"resident:{id}", $"readings {metric}");
                    var now = caller.Clock.GetUtcNow();
                    await using var db = await caller.OpenAsync();
                    var readings = AgreedReadings.QueryAsync(
                        store,
                        r.Refused,
                        await db.PlacesOfAsync(id, caller.Cancellation),
                        of,
                        (from ?? now.AddDays(-1)).UtcDateTime,
                        (to ?? now + Ahead).UtcDateTime,
                        caller.Cancellation,
                        Math.Clamp(offset ?? 0, 0, MostReadings) + Math.Clamp(limit ?? 10_000, 1, 100_000)
                    );
                    var (skip, rows) = (Math.Clamp(offset ?? 0, 0, MostReadings), new List<ReadingAnswer>());
                    await foreach (var x in readings)
                        if (skip-- <= 0)
                            rows.Add(Row(x));
                    return Results.Ok(rows);
                }
            )
            .Answers<IReadOnlyList<ReadingAnswer>>(
                "Readings of the devices in a resident's home, while they were there, in the order of time; the last day by default",
                400,
                404
            );
        read.MapGet(
                "residents/{id}/daily",
                async (
                    string id,
                    DateTimeOffset? from,
                    DateTimeOffset? to,
                    int? offset,
                    int? limit,
                    IReadingStore store,
                    Retention retention,
                    TimeZoneInfo zone,
                    [AsParameters] Caller caller
                ) =>
                {
                    if (await caller.ResidentAsync(id) is not { } r)
                        return Caller.Missing("resident", id);
                    await caller.AuditAsync("read", $"resident:{id}", "daily life");
                    if (r.RefusesMonitoring)
                        return Results.Ok(caller.Page(Array.Empty<DayOfUse>(), offset, limit));
                    await using var db = await caller.OpenAsync();
                    var now = caller.Clock.GetUtcNow();
                    var (since, until) = ((from ?? now.AddDays(-7)).UtcDateTime, (to ?? now + Ahead).UtcDateTime);
                    var counted = (
                        await DailyLife.ReadAsync(
                            store,
                            await db.PlacesOfAsync(id, caller.Cancellation),
                            since,
                            until,
                            zone,
                            caller.Cancellation
                        )
                    ).ToDictionary(d => d.Day);
                    // The raw readings of past days may be deleted: where the totals of a day are stored, these count.
                    foreach (
                        var day in await retention.ReadAsync(
                            id,
                            DateOnly.FromDateTime(TimeZoneInfo.ConvertTimeFromUtc(since, zone)),
                            DateOnly.FromDateTime(TimeZoneInfo.ConvertTimeFromUtc(until, zone)),
                            caller.Cancellation
                        )
                    )
                        counted[day.Day] = day;
                    return Results.Ok(caller.Page(counted.Values.OrderBy(d => d.Day).ToList(), offset, limit));
                }
            )
            .Lists<DayOfUse>("Water and electricity a day; the last week by default", 404);
    }

    private static ReadingAnswer Row(Reading x) =>
        new(
            x.Device.Value,
            x.Metric.Name,
            x.Channel,
            x.Time,
            x.Received,
            x.Value,
            x.Metric.Unit,
            x.Metric.Kind == MetricKind.Location ? x.Longitude : null,
            x.Event,
            x.Flags.ToString()
        );
}
