using Microsoft.EntityFrameworkCore;
using Vigil.Storage.Records;

namespace Vigil.Notify.Escalation;

/// <summary>Somebody who can be told.</summary>
/// <param name="Key">contact:{id}, visitor:{id}, duty:{id}, supervisor:{id}.</param>
internal sealed record Person(string Key, string Name, string Phone, string Mail, string Webhook, string Language)
{
    /// <summary>The first channel of a step, after the one that failed, for which the person has an address; null when there is none.</summary>
    public (string Channel, string Address)? Way(string via, string? after = null)
    {
        var channels = via.Split(',', StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries);
        for (var i = after is null ? 0 : Array.IndexOf(channels, after) + 1; i < channels.Length; i++)
        {
            var address = channels[i] switch { "mail" => Mail, "webhook" => Webhook, _ => Phone };
            if (address.Length > 0) return (channels[i], address);
        }

        return null;
    }
}

/// <summary>Who is meant by "contact 1", "visitor" or "duty", looked up when a step runs: changes in the registry count until the last moment. Loaded for many alarms at once.</summary>
internal sealed class People
{
    /// <summary>Digits of a province, city, county, town and village.</summary>
    private static readonly int[] CodeLengths = [2, 4, 6, 9, 12];

    private readonly Dictionary<string, Resident> residents;
    private readonly Dictionary<string, Visitor> visitors;
    private readonly List<DutyOfficer> officers;
    private readonly List<Area> areas;

    private People(Dictionary<string, Resident> residents, Dictionary<string, Visitor> visitors, List<DutyOfficer> officers, List<Area> areas) =>
        (this.residents, this.visitors, this.officers, this.areas) = (residents, visitors, officers, areas);

    public static async Task<People> LoadAsync(RecordsDb db, IEnumerable<Alarm> alarms, CancellationToken cancellation)
    {
        var list = alarms.ToList();
        var ids = list.Select(a => a.ResidentId).OfType<string>().Distinct().ToList();
        var found = await db.Residents.AsNoTracking().Include(r => r.Contacts).Where(r => ids.Contains(r.Id)).ToDictionaryAsync(r => r.Id, StringComparer.Ordinal, cancellation);
        var assigned = found.Values.Select(r => r.VisitorId).OfType<string>().Distinct().ToList();
        var visitors = await db.Visitors.AsNoTracking().Where(v => assigned.Contains(v.Id)).ToDictionaryAsync(v => v.Id, StringComparer.Ordinal, cancellation);
        var substitutes = visitors.Values.Where(v => v.Away).Select(v => v.SubstituteId).OfType<string>().Distinct().ToList();
        foreach (var substitute in await db.Visitors.AsNoTracking().Where(v => substitutes.Contains(v.Id)).ToListAsync(cancellation)) visitors[substitute.Id] = substitute;
        var places = list.Select(a => a.Area).SelectMany(a => CodeLengths.Where(n => n <= a.Length).Select(n => a[..n])).Distinct().ToList();
        // An alarm that belongs nowhere (its resident was removed) is everybody's at the desk.
        var everywhere = list.Exists(a => a.Area.Length == 0);
        var officers = await db.DutyOfficers.AsNoTracking().Where(d => everywhere || places.Contains(d.Area)).ToListAsync(cancellation);
        var areas = await db.Areas.AsNoTracking().Where(a => places.Contains(a.Code)).ToListAsync(cancellation);
        return new People(found, visitors, officers, areas);
    }

    public Resident? Resident(Alarm alarm) => alarm.ResidentId is { } id ? residents.GetValueOrDefault(id) : null;

    /// <summary>The resident's name, else the name of the smallest known area, else its code.</summary>
    public string NameOf(Alarm alarm) =>
        Resident(alarm)?.Name ?? areas.Where(a => alarm.Area.StartsWith(a.Code, StringComparison.Ordinal)).MaxBy(a => a.Code.Length)?.Name ?? alarm.Area;

    public IReadOnlyList<Person> Find(string to, Alarm alarm)
    {
        var parts = to.Split(' ');
        switch (parts[0])
        {
            case "contacts":
            case "contact":
                var order = parts.Length > 1 ? parts[1][0] - '0' : 0;
                return [.. (Resident(alarm)?.Contacts ?? []).Where(c => order == 0 || c.Order == order).OrderBy(c => c.Order)
                    .Select(c => new Person($"contact:{c.Id}", c.Name, c.Phone, c.Mail, "", c.Language))];
            case "visitor":
                if (Resident(alarm)?.VisitorId is not { } id || !visitors.TryGetValue(id, out var visitor)) return [];
                if (visitor is { Away: true, SubstituteId: { } substitute } && visitors.TryGetValue(substitute, out var other)) visitor = other;
                return [new Person($"visitor:{visitor.Id}", visitor.Name, visitor.Phone, visitor.Mail, "", visitor.Language)];
            case "duty":
            case "supervisor":
                return [.. officers.Where(d => d.Supervisor == (to == "supervisor") && alarm.Area.StartsWith(alarm.Area.Length == 0 ? "" : d.Area, StringComparison.Ordinal))
                    .OrderByDescending(d => d.Area.Length).ThenBy(d => d.Id, StringComparer.Ordinal)
                    .Select(d => new Person($"{to}:{d.Id}", d.Name, d.Phone, d.Mail, d.Webhook, d.Language))];
            default:
                return [];
        }
    }

    /// <summary>The contact's place in the order (1 is told first); 0 when unknown.</summary>
    public int OrderOf(Alarm alarm, string contactKey) => Resident(alarm)?.Contacts.Find(c => $"contact:{c.Id}" == contactKey)?.Order ?? 0;
}
