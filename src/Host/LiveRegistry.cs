using System.Collections.Frozen;
using Microsoft.EntityFrameworkCore;
using Vigil.Ingest.Profiles;
using Vigil.Model;
using Vigil.Registry;
using Vigil.Rules;
using Vigil.Storage.Records;

namespace Vigil.Host;

/// <summary>A registered device as the pipeline needs it.</summary>
/// <param name="Id">Its id.</param>
/// <param name="Profile">The profile that decodes it; it takes precedence over the one that matches the topic.</param>
/// <param name="Resident">Whose home it is in; null while it is in stock.</param>
internal sealed record RegisteredDevice(DeviceId Id, Profile Profile, ResidentId? Resident);

/// <summary>
/// The registry in memory: which device belongs to whom. Read without locks on the hot path, and replaced as a whole when the records have
/// changed; the rules are then given the residents that changed.
/// </summary>
internal sealed partial class LiveRegistry(
    IDbContextFactory<RecordsDb> records,
    ProfileSet profiles,
    RulePartitions rules,
    TimeProvider clock,
    ILogger<LiveRegistry> log
)
{
    private readonly HomeFacts homes = HomesOf(profiles);
    private volatile FrozenDictionary<string, RegisteredDevice> devices = FrozenDictionary<string, RegisteredDevice>.Empty;
    private Dictionary<ResidentId, ResidentFacts> facts = [];
    private (
        int Residents,
        DateTime? ResidentsChanged,
        int Devices,
        int Absences,
        DateTime? AbsencesEnded,
        DateTime? Watch,
        int Watched
    ) version;

    /// <summary>Facts about homes for the rules; what to expect from a device comes from its profile.</summary>
    public static HomeFacts HomesOf(ProfileSet profiles) =>
        new(id => profiles.Find(id) is { } profile ? new Reporting(profile.ReportEvery, profile.Expects) : null);

    public int Count => devices.Count;

    public RegisteredDevice? Find(string device) => devices.GetValueOrDefault(device);

    /// <summary>Loads everything again when something has changed, be it by another process such as an import.</summary>
    public async Task ReloadAsync(CancellationToken cancellation, bool always = false)
    {
        await using var db = await records.CreateDbContextAsync(cancellation);
        var today = clock.GetUtcNow().UtcDateTime;
        var now = (
            await db.Residents.CountAsync(cancellation),
            await db.Residents.MaxAsync(r => (DateTime?)r.UpdatedAt, cancellation),
            await db.Devices.CountAsync(cancellation),
            await db.Absences.CountAsync(cancellation),
            await db.Absences.MaxAsync(a => a.EndedAt, cancellation),
            await db.Areas.MaxAsync(a => a.WatchUntil, cancellation),
            await db.Areas.CountAsync(a => a.WatchUntil > today, cancellation)
        );
        if (now == version && !always)
            return;

        var found = new Dictionary<string, RegisteredDevice>(StringComparer.Ordinal);
        var next = new Dictionary<ResidentId, ResidentFacts>();
        foreach (var home in await homes.ReadAsync(db, null, today, today, cancellation, Add))
            next[home.Id] = home;
        void Add(Device device)
        {
            if (profiles.Find(device.Profile) is { } profile)
                found[device.Id] = new RegisteredDevice(
                    new DeviceId(device.Id),
                    profile,
                    device.ResidentId is { } r ? new ResidentId(r) : null
                );
            else
                LogNoProfile(log, device.Id, device.Profile);
        }

        // The canary's device and home, which are in no table.
        if (profiles.Find("senml") is { } plain)
        {
            var canary = new ResidentId(SelfTest.Name);
            found[SelfTest.Name] = new RegisteredDevice(new DeviceId(SelfTest.Name), plain, canary);
            next[canary] = new ResidentFacts { Id = canary, Area = new AreaCode(RecordsDb.Nowhere) };
        }

        rules.Update(next.Values, facts.Keys.Where(id => !next.ContainsKey(id)));
        facts = next;
        devices = found.ToFrozenDictionary(StringComparer.Ordinal);
        version = now;
        LogLoaded(log, next.Count, found.Count);
    }

    [LoggerMessage(Level = LogLevel.Information, Message = "Registry: {Residents} residents, {Devices} devices")]
    private static partial void LogLoaded(ILogger logger, int residents, int devices);

    [LoggerMessage(
        Level = LogLevel.Error,
        Message = "Device {Device} is registered with profile '{Profile}', which does not exist: its payloads will be refused"
    )]
    private static partial void LogNoProfile(ILogger logger, string device, string profile);
}
