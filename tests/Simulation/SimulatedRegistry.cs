using Microsoft.Data.Sqlite;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.Configuration;
using Vigil.Host;
using Vigil.Model;
using Vigil.Storage.Records;

namespace Vigil.Tests.Simulation;

/// <summary>
/// Eight homes in two villages, each with a water meter, a button and a door; two contacts for each home, a visitor for each village, a
/// duty desk and a supervisor. Four homes in a village are too few for an outage (five are needed), which would hold back the alarms that
/// are to be found here.
/// </summary>
internal static class SimulatedRegistry
{
    public const int Homes = 8;

    public static readonly DateTimeOffset Start = new(2026, 3, 2, 0, 0, 0, TimeSpan.Zero);

    private static readonly Lazy<Template> Made = new(Make);

    /// <summary>Made once a run, because making a schema and settings takes longer than simulating a week.</summary>
    public static Template Shared => Made.Value;

    public static string Resident(int home) => $"R{home}";

    /// <summary>The level of an address in the order of telling: contacts, visitor, duty desk, supervisor.</summary>
    public static int LevelOf(string address) =>
        address[^2] switch
        {
            '1' or '2' => 0,
            '3' => 1,
            '4' => 2,
            _ => 3,
        };

    private static string Phone(int home, int who) => $"+8613800{home:000}0{who}0";

    private static Template Make()
    {
        var folder = Directory.CreateTempSubdirectory("vigil-simulation-").FullName;
        var problems = new List<Problem>();
        var configuration = new ConfigurationBuilder()
            .AddInMemoryCollection(new Dictionary<string, string?> { ["Data:Path"] = folder })
            .Build();
        var settings =
            Vigil.Host.Settings.Check(configuration, problems) ?? throw new InvalidOperationException(string.Join("; ", problems));
        var keys = FieldKeys.Open(Path.Combine(folder, "keys", "fields.key"));
        var records = RecordsServices.CreateFactory("Sqlite", null, folder, keys);
        records.MigrateAsync().GetAwaiter().GetResult();
        using (var db = records.CreateDbContext())
        {
            Settle(db);
            db.SaveChanges();
            db.Database.ExecuteSqlRaw("PRAGMA wal_checkpoint(TRUNCATE)");
        }

        SqliteConnection.ClearAllPools();
        var bytes = File.ReadAllBytes(Path.Combine(folder, "records.db"));
        Directory.Delete(folder, recursive: true);
        return new Template(settings, keys, bytes);
    }

    private static void Settle(RecordsDb db)
    {
        db.Areas.Add(new Area { Code = "440111", Name = "白云区" });
        db.DutyOfficers.Add(
            new DutyOfficer
            {
                Id = "d1",
                Name = "李值班",
                Area = "440111",
                Phone = Phone(0, 4),
            }
        );
        db.DutyOfficers.Add(
            new DutyOfficer
            {
                Id = "s1",
                Name = "周主管",
                Area = "440111",
                Phone = Phone(0, 5),
                Supervisor = true,
            }
        );
        for (var home = 1; home <= Homes; home++)
        {
            var village = home <= Homes / 2 ? 1 : 2;
            var area = $"44011100{village}001";
            if (home % (Homes / 2) == 1)
                db.Visitors.Add(
                    new Visitor
                    {
                        Id = $"v{village}",
                        Name = "陈探访",
                        Phone = Phone(100 + village, 3),
                        Area = area,
                    }
                );
            var id = Resident(home);
            db.Residents.Add(
                new Resident
                {
                    Id = id,
                    Name = "王秀英",
                    Area = area,
                    VisitorId = $"v{village}",
                    CreatedAt = Start.UtcDateTime,
                    UpdatedAt = Start.UtcDateTime,
                    Contacts =
                    [
                        new Contact
                        {
                            Id = new Guid(home, 1, 0, new byte[8]),
                            ResidentId = id,
                            Order = 1,
                            Name = "王大",
                            Phone = Phone(home, 1),
                        },
                        new Contact
                        {
                            Id = new Guid(home, 2, 0, new byte[8]),
                            ResidentId = id,
                            Order = 2,
                            Name = "王二",
                            Phone = Phone(home, 2),
                        },
                    ],
                    Devices =
                    [
                        new Device
                        {
                            Id = $"water-{home}",
                            Profile = "senml",
                            ResidentId = id,
                            InstalledAt = Start.UtcDateTime,
                            ReportMinutes = (int)SimulatedHome.ReportEvery.TotalMinutes,
                        },
                        new Device
                        {
                            Id = $"button-{home}",
                            Profile = "senml",
                            ResidentId = id,
                            InstalledAt = Start.UtcDateTime,
                        },
                        new Device
                        {
                            Id = $"door-{home}",
                            Profile = "senml",
                            ResidentId = id,
                            InstalledAt = Start.UtcDateTime,
                        },
                    ],
                }
            );
        }
    }

    /// <param name="Settings">The shipped settings.</param>
    /// <param name="Keys">The keys of the encrypted columns.</param>
    /// <param name="Records">The records file with the villages in it.</param>
    internal sealed record Template(Vigil.Host.Settings Settings, FieldKeys Keys, byte[] Records);
}
