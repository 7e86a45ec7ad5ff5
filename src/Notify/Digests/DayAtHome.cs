using Microsoft.EntityFrameworkCore;
using Vigil.Model;
using Vigil.Storage.Readings;
using Vigil.Storage.Records;

namespace Vigil.Notify.Digests;

/// <summary>What a digest tells of a home.</summary>
/// <param name="Use">Water and electricity of the day; null when nothing was read.</param>
/// <param name="Usual">What is usual here, by the days before.</param>
/// <param name="Changes">What has slowly changed and was found in the last week.</param>
internal sealed record DayAtHome(DayOfUse? Use, OwnNormal Usual, IReadOnlyList<SlowChange> Changes)
{
    /// <summary>A change is told by the first digest that goes out in the week after it was found.</summary>
    private static readonly TimeSpan ChangeIsNews = TimeSpan.FromDays(7);

    /// <param name="db">Read from.</param>
    /// <param name="readings">The meters' readings.</param>
    /// <param name="resident">Whose home.</param>
    /// <param name="day">The local day.</param>
    /// <param name="now">UTC.</param>
    /// <param name="zone">In which the day is.</param>
    /// <param name="cancellation">Ends the reading.</param>
    public static async Task<DayAtHome> ReadAsync(
        RecordsDb db,
        IReadingStore readings,
        string resident,
        DateOnly day,
        DateTime now,
        TimeZoneInfo zone,
        CancellationToken cancellation
    )
    {
        var since = now - ChangeIsNews;
        var changes = await db
            .SlowChanges.AsNoTracking()
            .Where(c => c.ResidentId == resident && c.FoundAt >= since)
            .OrderBy(c => c.FoundAt)
            .ToListAsync(cancellation);
        var devices = await db.PlacesOfAsync(resident, cancellation);
        if (devices.Count == 0)
            return new DayAtHome(null, OwnNormal.Of([], zone), changes);
        var midnight = TimeZoneInfo.ConvertTimeToUtc(day.AddDays(1).ToDateTime(TimeOnly.MinValue, DateTimeKind.Unspecified), zone);
        var days = await DailyLife.ReadAsync(
            readings,
            devices,
            midnight.AddDays(-OwnNormal.Back - 1),
            midnight.AddHours(2),
            zone,
            cancellation
        );
        return new DayAtHome(days.FirstOrDefault(d => d.Day == day), OwnNormal.Of([.. days.Where(d => d.Day < day)], zone), changes);
    }

    /// <summary>The same with only those changes that no digest has told to this contact.</summary>
    public async Task<DayAtHome> UntoldToAsync(RecordsDb db, Contact contact, CancellationToken cancellation)
    {
        if (Changes.Count == 0)
            return this;
        var told = await db.Digests.Where(d => d.ContactId == contact.Id).MaxAsync(d => d.SentAt, cancellation);
        return this with { Changes = [.. Changes.Where(c => told is not { } at || c.FoundAt > at)] };
    }
}
