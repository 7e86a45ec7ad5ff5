using Microsoft.EntityFrameworkCore;
using Vigil.Ingest.Profiles;
using Vigil.Model;
using Vigil.Registry;
using Vigil.Rules;
using Vigil.Storage.Records;

namespace Vigil.Host;

/// <summary>A registered device as the pipeline needs it. Small: a county has millions.</summary>
internal sealed class RegisteredDevice(string id, Profile profile, string? resident, DateTime? retired = null)
{
    private readonly long retired = retired?.Ticks ?? 0;

    public DeviceId Id => new(id);

    /// <summary>The profile that decodes it; it takes precedence over the one that matches the topic.</summary>
    public Profile Profile => profile;

    /// <summary>Whose home it is in; null while it is in stock or retired.</summary>
    public ResidentId? Resident => resident is null ? null : new ResidentId(resident);

    /// <summary>Since when it is retired.</summary>
    public DateTime? Retired => retired == 0 ? null : new DateTime(retired, DateTimeKind.Utc);
}

/// <summary>
/// The registry in memory: which device belongs to whom. Read without locks on the hot path. It follows the changes of the records, whoever
/// makes them, and reads and gives the rules what was changed alone.
/// </summary>
internal sealed partial class LiveRegistry(
    IDbContextFactory<RecordsDb> records,
    ProfileSet profiles,
    RulePartitions rules,
    TimeProvider clock,
    ILogger<LiveRegistry> log
) : IDisposable
{
    /// <summary>Homes and devices that are read at once.</summary>
    private const int Batch = 500;

    /// <summary>
    /// Changes that are taken over at once: some hundred homes of an import, about a tenth of a second, in which no deadline is noticed.
    /// </summary>
    internal const int Step = 5000;

    /// <summary>How often old changes are forgotten.</summary>
    private static readonly TimeSpan Forgets = TimeSpan.FromMinutes(5);

    private readonly HomeFacts homes = HomesOf(profiles);
    private readonly IdTable<RegisteredDevice> devices = new(d => d.Id.Value);
    private readonly SemaphoreSlim turn = new(1, 1);
    private long? followed;
    private long forgot = clock.GetTimestamp();
    private bool forgets;

    /// <summary>To be read once more, because they may have changed while all was read.</summary>
    private readonly HashSet<string> doubtedHomes = new(StringComparer.Ordinal),
        doubtedDevices = new(StringComparer.Ordinal);

    /// <summary>Facts about homes for the rules; what to expect from a device comes from its profile.</summary>
    public static HomeFacts HomesOf(ProfileSet profiles) =>
        new(id => profiles.Find(id) is { } profile ? new Reporting(profile.ReportEvery, profile.Expects, profile.OnlyCalls) : null);

    public int Count => devices.Count;

    /// <summary>Up to where the changes are known: <see cref="ChangeFeed"/>.</summary>
    internal long Place { get; private set; }

    /// <summary>There were more changes than one step takes over.</summary>
    public bool IsBehind { get; private set; }

    public void Dispose() => turn.Dispose();

    public RegisteredDevice? Find(string device) => devices.Find(device);

    internal ResidentFacts? FactsOf(ResidentId resident) => rules.FactsOf(resident);

    /// <summary>In whose home devices were that have come, gone or moved since then.</summary>
    public Task<MovedDevices> MovedSinceAsync(DateTime since, CancellationToken cancellation) =>
        MovedDevices.ReadAsync(records, since, cancellation);

    /// <summary>Reads everything.</summary>
    public async Task ReloadAsync(CancellationToken cancellation)
    {
        await turn.WaitAsync(cancellation);
        try
        {
            await using var db = await records.CreateDbContextAsync(cancellation);
            await ReadAllAsync(await ChangeFeed.NowAsync(db, cancellation), cancellation);
        }
        finally
        {
            turn.Release();
        }
    }

    /// <summary>
    /// Takes over what was changed since the last time, be it by another process such as an import; of many changes the oldest.
    /// </summary>
    public async Task FollowAsync(CancellationToken cancellation)
    {
        await turn.WaitAsync(cancellation);
        try
        {
            await using var db = await records.CreateDbContextAsync(cancellation);
            var now = clock.GetTimestamp();
            if (followed is not { } last || clock.GetElapsedTime(last, now) > ChangeFeed.Kept / 2)
                await ReadAllAsync(await ChangeFeed.NowAsync(db, cancellation), cancellation);
            else
            {
                var (changed, place, more) = await ChangeFeed.SinceAsync(db, Place, Step, cancellation);
                if (changed.Any(c => c.Subject == ChangeFeed.Anybody))
                    await ReadAllAsync(await ChangeFeed.NowAsync(db, cancellation), cancellation);
                else
                {
                    if (changed.Count > 0 || doubtedHomes.Count > 0 || doubtedDevices.Count > 0)
                        await TakeAsync(db, changed, cancellation);
                    (Place, IsBehind) = (place, more);
                }
            }

            // A follower that is behind for longer than changes are kept would miss some: it reads all instead.
            if (!IsBehind)
                followed = now;
            if (forgets || clock.GetElapsedTime(forgot, now) > Forgets)
                (forgets, forgot) = (await ChangeFeed.ForgetAsync(db, cancellation), now);
        }
        finally
        {
            turn.Release();
        }
    }

    private async Task ReadAllAsync(long place, CancellationToken cancellation)
    {
        // Who was there before and isn't found is gone. At a start there is nobody.
        var lost = devices.All.Select(d => d.Id.Value).ToHashSet(StringComparer.Ordinal);
        var left = rules.Homes.Select(h => h.Id).ToHashSet();
        await homes.ReadAllAsync(
            records,
            clock.GetUtcNow().UtcDateTime,
            read =>
            {
                lock (lost)
                    foreach (var device in read)
                    {
                        // Of one that moves while all is read, both homes may have it.
                        if (devices.Find(device.Id)?.Resident is { } was && was.Value != device.ResidentId)
                            doubtedHomes.Add(was.Value);
                        if (Put(device))
                            lost.Remove(device.Id);
                    }
            },
            read =>
            {
                rules.Update(read, []);
                lock (left)
                    left.ExceptWith(read.Select(h => h.Id));
            },
            cancellation
        );

        // The canary's device and home, which are in no table.
        if (profiles.Find("senml") is { } plain)
        {
            var canary = new ResidentId(SelfTest.Name);
            devices.Put(new RegisteredDevice(SelfTest.Name, plain, SelfTest.Name));
            rules.Update([new ResidentFacts { Id = canary, Area = new AreaCode(RecordsDb.Nowhere) }], []);
            lost.Remove(SelfTest.Name);
            left.Remove(canary);
        }

        // Gone, or moved while all was read from homes that came later to one that had been read: the next look says.
        doubtedDevices.UnionWith(lost);
        rules.Update([], left);
        (followed, Place, IsBehind) = (clock.GetTimestamp(), place, false);
        LogLoaded(log, rules.HomeCount, devices.Count);
    }

    private async Task TakeAsync(RecordsDb db, IReadOnlyList<(RegistryPart Part, string Subject)> changed, CancellationToken cancellation)
    {
        var touched = Subjects(changed, RegistryPart.Home).Concat(doubtedHomes).ToHashSet(StringComparer.Ordinal);
        foreach (var ids in Subjects(changed, RegistryPart.Device).Concat(doubtedDevices).Distinct(StringComparer.Ordinal).Chunk(Batch))
        {
            var read = await db.Devices.AsNoTracking().Where(d => ids.Contains(d.Id)).ToListAsync(cancellation);
            foreach (var id in ids)
                if (devices.Find(id)?.Resident is { } home)
                    touched.Add(home.Value);
            foreach (var device in read)
            {
                if (device.ResidentId is { } home)
                    touched.Add(home);
                if (!Put(device))
                    devices.Remove(device.Id);
            }

            foreach (var gone in ids.Except(read.Select(d => d.Id), StringComparer.Ordinal))
                devices.Remove(gone);
        }

        var today = clock.GetUtcNow().UtcDateTime;
        foreach (var ids in touched.Chunk(Batch))
        {
            var read = await homes.ReadAsync(db, ids, today, today, cancellation);
            string[] gone = [.. ids.Except(read.Select(h => h.Id.Value), StringComparer.Ordinal)];
            rules.Update(read, gone.Select(id => new ResidentId(id)));
            if (gone.Length > 0)
                await ChangeFeed.BlankAsync(db, gone, cancellation);
        }

        var areas = Subjects(changed, RegistryPart.Area).ToList();
        if (areas.Count > 0)
        {
            var watches = await HomeFacts.WatchesAsync(db, today, cancellation);
            rules.Update(
                [
                    .. rules
                        .Homes.Where(h => areas.Exists(a => h.Area.Value.StartsWith(a, StringComparison.Ordinal)))
                        .Select(h => (Was: h, Is: HomeFacts.Watched(h, watches, today)))
                        .Where(h => !ReferenceEquals(h.Was, h.Is))
                        .Select(h => h.Is),
                ],
                []
            );
        }

        doubtedHomes.Clear();
        doubtedDevices.Clear();
        LogFollowed(log, touched.Count, areas.Count);
    }

    private static IEnumerable<string> Subjects(IReadOnlyList<(RegistryPart Part, string Subject)> changed, RegistryPart part) =>
        changed.Where(c => c.Part == part).Select(c => c.Subject);

    /// <summary>False where the device's profile doesn't exist.</summary>
    private bool Put(Device device)
    {
        if (profiles.Find(device.Profile) is not { } profile)
        {
            LogNoProfile(log, device.Id, device.Profile);
            return false;
        }

        devices.Put(new RegisteredDevice(device.Id, profile, device.ResidentId, device.RetiredAt));
        return true;
    }

    [LoggerMessage(Level = LogLevel.Information, Message = "Registry: {Homes} homes and {Areas} areas were changed")]
    private static partial void LogFollowed(ILogger logger, int homes, int areas);

    [LoggerMessage(Level = LogLevel.Information, Message = "Registry: {Residents} residents, {Devices} devices")]
    private static partial void LogLoaded(ILogger logger, int residents, int devices);

    [LoggerMessage(
        Level = LogLevel.Error,
        Message = "Device {Device} is registered with profile '{Profile}', which does not exist: its payloads will be refused"
    )]
    private static partial void LogNoProfile(ILogger logger, string device, string profile);
}
