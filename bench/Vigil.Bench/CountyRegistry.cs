using System.Globalization;
using Microsoft.AspNetCore.Identity;
using Microsoft.EntityFrameworkCore;
using Vigil.Model;
using Vigil.Storage.Records;

namespace Vigil.Bench;

/// <summary>
/// The registry of a county, made up and written straight into the records: twenty towns of twenty-five villages, homes of four devices and
/// two contacts, a visit each, an alarm in every fifth, and two accounts.
/// </summary>
internal static class CountyRegistry
{
    public const string County = "440111",
        Town = "440111003",
        Password = "correct horse battery";

    /// <summary>Accounts: of everything, and of one town in twenty.</summary>
    public const string OfAll = "county",
        OfTown = "town";
    public const int Visitors = 2000;

    private const int Batch = 5000;
    private const string Surnames = "王李张刘陈杨黄赵周吴徐孙马朱胡郭何林高罗";
    private const string Given = "秀英桂兰玉珍淑华建国志强秀兰凤英丽娟文芳春梅海燕金花少芬伟民永福德明国栋兴旺美玲翠莲红霞雪梅";
    private const string Places = "人民解放建设中山和平东风光明胜利新华文化";
    private const string Made = "registry.made";

    public static int AlarmsOf(int homes) => homes / 5;

    public static string Home(int i) => string.Create(CultureInfo.InvariantCulture, $"r{i:D7}");

    public static string Device(int home, int n) => string.Create(CultureInfo.InvariantCulture, $"d{home:D7}-{n}");

    public static string Village(int i) => string.Create(CultureInfo.InvariantCulture, $"{County}{i % 20 + 1:D3}{i / 20 % 25 + 1:D3}");

    public static string Surname(Random random) => Surnames[random.Next(Surnames.Length)].ToString();

    public static string Name(Random random, int given)
    {
        Span<char> name = stackalloc char[1 + given];
        name[0] = Surnames[random.Next(Surnames.Length)];
        for (var i = 1; i <= given; i++)
            name[i] = Given[random.Next(Given.Length)];
        return new string(name);
    }

    public static string Address(int i) =>
        string.Create(
            CultureInfo.InvariantCulture,
            $"某省某市某县{Places[i % 20]}{Places[(i + 1) % 20]}镇{Places[i / 20 % 20]}{Places[i / 400 % 20]}村{i % 97 + 1}巷{i % 1009 + 1}号"
        );

    public static Guid Alarm(int i) => new(i, 0xA1, 0, [0, 0, 0, 0, 0, 0, 0, 0]);

    /// <summary>Makes it once: a folder that has it already is left as it is.</summary>
    /// <returns>False when it was there.</returns>
    public static async Task<bool> MakeAsync(RecordsFactory records, string folder, int homes)
    {
        if (File.Exists(Path.Combine(folder, Made)))
            return false;
        var now = TimeProvider.System.GetUtcNow().UtcDateTime;
        var random = new Random(7);
        await using (var db = await records.CreateDbContextAsync())
        {
            AddPeople(db, now);
            await db.SaveChangesAsync();
        }

        for (var from = 0; from < homes; from += Batch)
            await HomesAsync(records, from, Math.Min(from + Batch, homes), random, now);
        for (var from = 0; from < AlarmsOf(homes); from += Batch)
            await AlarmsAsync(records, from, Math.Min(from + Batch, AlarmsOf(homes)), homes, random, now);
        await using (var db = await records.CreateDbContextAsync())
            if (db.Database.IsNpgsql())
            {
                // As the server's own autovacuum does within minutes.
                db.Database.SetCommandTimeout(TimeSpan.FromMinutes(30));
                await db.Database.ExecuteSqlRawAsync("VACUUM ANALYZE");
            }

        await File.WriteAllTextAsync(Path.Combine(folder, Made), "");
        return true;
    }

    private static void AddPeople(RecordsDb db, DateTime now)
    {
        db.Areas.Add(new Area { Code = County, Name = "某县" });
        for (var t = 0; t < 20; t++)
            db.Areas.Add(new Area { Code = Village(t)[..9], Name = $"{Places[t]}{Places[(t + 1) % 20]}镇" });
        for (var v = 0; v < 500; v++)
            db.Areas.Add(new Area { Code = Village(v), Name = $"{Places[v / 20 % 20]}{v}村" });
        for (var i = 0; i < Visitors; i++)
            db.Visitors.Add(
                new Visitor
                {
                    Id = $"v{i}",
                    Name = $"陈探访{i}",
                    Phone = $"+86139{i:D8}",
                    Area = Village(i),
                }
            );
        for (var i = 0; i < 60; i++)
        {
            db.DutyOfficers.Add(
                new DutyOfficer
                {
                    Id = $"o{i}",
                    Name = $"值班{i}",
                    Area = i < 10 ? County : Village(i)[..9],
                    Phone = $"+86136{i:D8}",
                }
            );
            db.Shifts.Add(
                new Shift
                {
                    Id = Guid.NewGuid(),
                    Who = $"officer:o{i}",
                    From = new TimeOnly(8, 0),
                    Until = new TimeOnly(20, 0),
                }
            );
        }

        for (var i = 0; i < 3000; i++)
            db.Devices.Add(
                new Device
                {
                    Id = $"s{i:D7}",
                    Profile = "senml",
                    Label = "备用水表",
                    InstalledAt = now,
                    StockArea = Village(i)[..9],
                    RetiredAt = i < 1000 ? now : null,
                }
            );
        for (var i = 0; i < 60; i++)
            db.Unbound.Add(
                new UnboundDevice
                {
                    Id = $"u{i}",
                    Topic = $"vigil/u{i}/up",
                    FirstSeenAt = now,
                    LastSeenAt = now,
                    Messages = 3,
                }
            );
        foreach (var (name, role, area) in new[] { (OfAll, Roles.Administrator, ""), (OfTown, Roles.Duty, Town) })
        {
            var user = new User
            {
                Id = Guid.NewGuid(),
                UserName = name,
                NormalizedUserName = name.ToUpperInvariant(),
                SecurityStamp = Guid.NewGuid().ToString(),
                Role = role,
                Area = area,
                CreatedAt = now,
            };
            user.PasswordHash = new PasswordHasher<User>().HashPassword(user, Password);
            db.Add(user);
        }
    }

    private static async Task HomesAsync(RecordsFactory records, int from, int to, Random random, DateTime now)
    {
        var (residents, contacts, devices) = (new List<Resident>(), new List<Contact>(), new List<Device>());
        var (visits, absences) = (new List<Visit>(), new List<Absence>());
        for (var i = from; i < to; i++)
        {
            residents.Add(
                new Resident
                {
                    Id = Home(i),
                    Name = Name(random, random.Next(5) == 0 ? 1 : 2),
                    Area = Village(i),
                    Address = Address(i),
                    Categories =
                        i % 3 == 0 ? "独居"
                        : i % 30 == 1 ? "空巢,失能"
                        : "留守",
                    KeyClass = i % 10 == 0,
                    Phone = $"+86138{i:D8}",
                    VisitorId = $"v{i % Visitors}",
                    CreatedAt = now.AddDays(-60),
                    UpdatedAt = now.AddDays(-60),
                }
            );
            for (var n = 1; n <= 2; n++)
                contacts.Add(
                    new Contact
                    {
                        Id = Guid.NewGuid(),
                        ResidentId = Home(i),
                        Order = n,
                        Name = Name(random, 2),
                        Relation = "儿子",
                        Phone = $"+8613{8 - n}{i:D8}",
                    }
                );
            for (var n = 1; n <= 4; n++)
            {
                // Few are silent: the service would be busy with their alarms while it is measured.
                DateTime? heard = random.Next(10_000) switch
                {
                    0 => null,
                    1 => now.AddDays(-random.Next(3, 40)),
                    _ => now.AddSeconds(-random.Next(7200)),
                };
                devices.Add(
                    new Device
                    {
                        Id = Device(i, n),
                        Profile = "senml",
                        ResidentId = Home(i),
                        Label = Label(n),
                        InstalledAt = now.AddDays(-60),
                        RegisteredAt = now.AddDays(-60),
                        FirstSeenAt = heard?.AddDays(-20),
                        LastSeenAt = heard,
                    }
                );
            }

            visits.Add(
                new Visit
                {
                    Id = Guid.NewGuid(),
                    ResidentId = Home(i),
                    VisitorId = $"v{i % Visitors}",
                    Time = now.AddSeconds(-random.Next(40 * 86_400)),
                    Form = i % 4 == 0 ? "phone" : "home",
                    Condition = "行动能力：较好",
                    RecordedBy = "town",
                }
            );
            if (i % 200 == 0)
                absences.Add(
                    new Absence
                    {
                        Id = Guid.NewGuid(),
                        ResidentId = Home(i),
                        From = now.AddDays(-random.Next(30)),
                        Until = now.AddDays(random.Next(30)),
                        Author = "town",
                        Reason = "住院",
                    }
                );
        }

        await using var db = await records.CreateDbContextAsync();
        await using var turn = await WriteTurn.BeginAsync(db, first: false, CancellationToken.None);
        await db.InsertAsync(residents, CancellationToken.None);
        await db.InsertAsync(contacts, CancellationToken.None);
        await db.InsertAsync(devices, CancellationToken.None);
        await db.InsertAsync(visits, CancellationToken.None);
        await db.InsertAsync(absences, CancellationToken.None);
        await turn.CommitAsync(CancellationToken.None);
    }

    private static string Label(int n) =>
        n switch
        {
            1 => "厨房水表",
            2 => "电表",
            3 => "客厅温度",
            _ => "卧室按钮",
        };

    private static async Task AlarmsAsync(RecordsFactory records, int from, int to, int homes, Random random, DateTime now)
    {
        var (alarms, notices) = (new List<Alarm>(), new List<Notice>());
        for (var i = from; i < to; i++)
        {
            var (home, open, at) = ((int)(i * 7919L % homes), i % 50 == 0, now.AddSeconds(-random.Next(60 * 86_400)));
            var kind = i % 5 == 0 ? "sos" : "inactivity";
            alarms.Add(
                new Alarm
                {
                    Id = Alarm(i),
                    Subject = Home(home),
                    ResidentId = Home(home),
                    Area = Village(home),
                    Kind = kind,
                    Severity = i % 5 == 0 ? Severity.Critical : Severity.High,
                    State = open ? AlarmState.Open : AlarmState.Resolved,
                    Episode = $"e{i}",
                    Reason = "no sign of life",
                    ReasonZh = "无活动迹象",
                    RaisedAt = at,
                    OpenedAt = at,
                    AcknowledgedAt = open ? null : at.AddSeconds(random.Next(300)),
                    AcknowledgedBy = open ? null : "duty:o1",
                    ResolvedAt = open ? null : at.AddHours(1),
                    ResolvedBy = open ? null : "duty:o1",
                    Resolution = open ? Resolution.None : (Resolution)(1 + i % 5),
                    OpenKey = open ? $"{Home(home)}|{kind}" : null,
                }
            );
            notices.Add(
                new Notice
                {
                    Id = Guid.NewGuid(),
                    AlarmId = Alarm(i),
                    Channel = Channel.Sms,
                    Provider = "outbox",
                    Recipient = "duty:o1",
                    RecipientName = "值班1",
                    Address = "+8613600000001",
                    Text = "…",
                    State = NoticeState.Delivered,
                    Attempts = 1,
                    CreatedAt = at,
                    DueAt = at,
                    SentAt = at.AddSeconds(1),
                    FinishedAt = at.AddSeconds(3),
                }
            );
        }

        await using var db = await records.CreateDbContextAsync();
        await using var turn = await WriteTurn.BeginAsync(db, first: false, CancellationToken.None);
        await db.InsertAsync(alarms, CancellationToken.None);
        await db.InsertAsync(notices, CancellationToken.None);
        await turn.CommitAsync(CancellationToken.None);
    }
}
