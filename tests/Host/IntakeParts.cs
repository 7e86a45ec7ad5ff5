using System.Diagnostics.Metrics;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.Logging.Abstractions;
using Vigil.Host;
using Vigil.Host.Intake;
using Vigil.Ingest.Profiles;
using Vigil.Model;
using Vigil.Notify;
using Vigil.Storage.Readings;
using Vigil.Storage.Records;

namespace Vigil.Tests.Host;

/// <summary>The parts of the intake, put together as the service does it.</summary>
internal sealed record IntakeParts(
    Pipeline Pipeline,
    UncommittedFindings Uncommitted,
    CommitBatch Batches,
    Sightings Sightings,
    AnnouncedDevices Announced
)
{
    public static IntakeParts Create(
        ProfileSet profiles,
        LiveRegistry registry,
        RulePartitions rules,
        IReadingStore readings,
        AlarmDesk desk,
        IDbContextFactory<RecordsDb> records,
        string folder,
        Troubles troubles,
        TimeProvider clock,
        Meter meter
    )
    {
        var (probe, reserve, announcements) = (
            new RecordsProbe(records),
            new DiskReserve(folder, 0, NullLogger<DiskReserve>.Instance),
            new Announcements()
        );
        var aside = new SetAside(folder, troubles, clock, meter, NullLogger<SetAside>.Instance);
        var uncommitted = new UncommittedFindings(desk, probe, aside, reserve, NullLogger<UncommittedFindings>.Instance);
        var sightings = new Sightings(records, probe, aside, reserve, clock, NullLogger<Sightings>.Instance);
        var batches = new CommitBatch(
            rules,
            uncommitted,
            readings,
            records,
            probe,
            aside,
            reserve,
            meter,
            NullLogger<CommitBatch>.Instance
        );
        var announced = new AnnouncedDevices(announcements, profiles, registry, records, probe, NullLogger<AnnouncedDevices>.Instance);
        var gateways = new GatewayAreas();
        var pipeline = new Pipeline(
            new Admission(profiles, registry, announcements, sightings, gateways, meter),
            announced,
            sightings,
            batches,
            uncommitted,
            rules,
            gateways,
            meter
        );
        return new IntakeParts(pipeline, uncommitted, batches, sightings, announced);
    }
}
