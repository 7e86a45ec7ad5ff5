using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.Logging.Abstractions;
using Microsoft.Extensions.Time.Testing;
using Vigil.Model;
using Vigil.Notify;
using Vigil.Notify.Channels;
using Vigil.Notify.Escalation;
using Vigil.Notify.Messages;
using Vigil.Storage.Records;
using Vigil.Tests.Storage.Records;

namespace Vigil.Tests.Notify;

/// <summary>One message as the phone network received it.</summary>
public sealed record Heard(DateTimeOffset At, Channel Channel, string Address, string Text, Guid Notice);

/// <summary>A phone network that answers as a test says and remembers what it accepted.</summary>
public sealed class FakePhones(TimeProvider clock) : IChannel
{
    public List<Heard> All { get; } = [];
    public Dictionary<(Channel Channel, string Address), ChannelResult> Answers { get; } = [];
    public HashSet<Guid> Accepted { get; } = [];

    /// <summary>Called with each request before it is answered.</summary>
    public Action<OutgoingNotice>? Before { get; set; }
    public string Provider => "outbox";

    public bool Carries(Channel channel) => true;

    public Task<ChannelResult> SendAsync(OutgoingNotice notice, CancellationToken cancellation)
    {
        var answer = Answers.GetValueOrDefault(
            (notice.Channel, notice.Address),
            new ChannelResult(ChannelOutcome.Sent, Wording.Same("accepted"), notice.NoticeId.ToString("N"))
        );
        lock (All)
        {
            All.Add(new Heard(clock.GetUtcNow(), notice.Channel, notice.Address, notice.Text, notice.NoticeId));
            if (answer.Outcome == ChannelOutcome.Sent)
                Accepted.Add(notice.NoticeId);
        }

        Before?.Invoke(notice);
        return Task.FromResult(answer);
    }

    public Task<ChannelResult?> ReconcileAsync(PastNotice notice, CancellationToken cancellation) =>
        Task.FromResult(
            Accepted.Contains(notice.Outgoing.NoticeId)
                ? new ChannelResult(
                    ChannelOutcome.Sent,
                    new Wording("accepted before", "此前已受理"),
                    notice.Outgoing.NoticeId.ToString("N")
                )
                : null
        );
}

/// <summary>A scenario: one home and its people, a clock that the test moves, and the real alarm desk, escalator and dispatcher.</summary>
public class Night : IAsyncDisposable
{
    private static readonly string[] Phones = ["+8613800000001", "+8613800000002", "+8613800000003", "+8613800000004", "+8613800000005"];

    /// <summary>Numbers whose owners can answer an SMS: to the mainland, SMS go one way only.</summary>
    protected static readonly string[] PhonesInHongKong = ["+85261230001", "+85261230002", "+85261230003", "+85261230004", "+85261230005"];
    private readonly string[] phones;
    private readonly string folder = Directory.CreateTempSubdirectory("vigil-night-").FullName;
    private int sequence;

    protected Night(IDbContextFactory<RecordsDb> records, Policies? policies, string[]? phones = null)
    {
        Records = records;
        this.phones = phones ?? Phones;
        Clock = new FakeTimeProvider(new DateTimeOffset(2026, 1, 15, 4, 0, 0, TimeSpan.Zero)); // noon in Guangdong
        Heard = new FakePhones(Clock);
        var problems = new List<Problem>();
        Messages = MessageTexts.Load(
            Path.Combine(AppContext.BaseDirectory, "config", "messages.yaml"),
            TimeZoneInfo.FindSystemTimeZoneById("Asia/Shanghai"),
            problems
        )!;
        Policies =
            policies ?? Vigil.Notify.Escalation.Policies.Load(Path.Combine(AppContext.BaseDirectory, "config", "policies.yaml"), problems)!;
        Assert.Empty(problems);
    }

    protected string Folder => folder;

    public IDbContextFactory<RecordsDb> Records { get; }
    public FakeTimeProvider Clock { get; }
    public FakePhones Heard { get; }
    public MessageTexts Messages { get; }
    public Policies Policies { get; }
    public AlarmDesk Desk { get; protected set; } = null!;
    public Dispatcher Dispatcher { get; protected set; } = null!;
    public ProviderReceipts Receipts { get; protected set; } = null!;
    public Escalator Escalator { get; protected set; } = null!;
    public Answers Answers { get; protected set; } = null!;
    public SignedLinks Links { get; protected set; } = null!;

    /// <summary>Troubles that the service reports about itself.</summary>
    public Troubles Troubles { get; protected set; } = null!;

    public string Contact1 => phones[0];
    public string Contact2 => phones[1];
    public string Visitor => phones[2];
    public string Duty => phones[3];
    public string Supervisor => phones[4];

    /// <summary>Whose phones rang or showed a message, in order; each person once.</summary>
    public IReadOnlyList<string> Order => [.. Heard.All.Select(h => h.Address).Distinct()];

    public static async Task<Night> BeginAsync(string? postgres = null, Policies? policies = null)
    {
        var night = new Night(await RecordsAsync(postgres), policies);
        night.Restart();
        await SettleInAsync(night);
        return night;
    }

    protected static async Task<IDbContextFactory<RecordsDb>> RecordsAsync(string? postgres)
    {
        var data = Directory.CreateTempSubdirectory("vigil-records-").FullName;
        return postgres is null ? await FreshRecords.SqliteAsync(data) : await FreshRecords.PostgresAsync(postgres);
    }

    /// <summary>Registers one home with two contacts, its visitor, the duty desk and the supervisor.</summary>
    protected static async Task SettleInAsync(Night night)
    {
        await using var db = await night.Records.CreateDbContextAsync();
        db.Areas.Add(new Area { Code = "440111", Name = "白云区" });
        db.Visitors.Add(
            new Visitor
            {
                Id = "v1",
                Name = "陈探访",
                Phone = night.Visitor,
                Area = "440111001001",
            }
        );
        db.DutyOfficers.Add(
            new DutyOfficer
            {
                Id = "d1",
                Name = "李值班",
                Area = "440111",
                Phone = night.Duty,
            }
        );
        db.DutyOfficers.Add(
            new DutyOfficer
            {
                Id = "s1",
                Name = "周主管",
                Area = "440111",
                Phone = night.Supervisor,
                Supervisor = true,
            }
        );
        db.Residents.Add(
            new Resident
            {
                Id = "r1",
                Name = "王秀英",
                Area = "440111001001",
                VisitorId = "v1",
                Contacts =
                [
                    new Contact
                    {
                        ResidentId = "r1",
                        Order = 1,
                        Name = "王大",
                        Phone = night.Contact1,
                    },
                    new Contact
                    {
                        ResidentId = "r1",
                        Order = 2,
                        Name = "王二",
                        Phone = night.Contact2,
                    },
                ],
            }
        );
        await db.SaveChangesAsync();
    }

    /// <summary>Runs what a derived scenario has besides escalation; returns how much was done.</summary>
    protected virtual Task<int> ElseAsync() => Task.FromResult(0);

    /// <summary>When a derived scenario has something to do next.</summary>
    protected virtual DateTime? NextElse => null;

    /// <summary>Restarts as after a crash: only what is in the records is left.</summary>
    public virtual void Restart()
    {
        Links = new SignedLinks(folder, "https://v.example", Clock);
        Troubles = new Troubles(Clock);
        Desk = new AlarmDesk(Records, Policies, Clock, Messages.Zone, Troubles);
        Dispatcher = new Dispatcher(
            Records,
            new Routes([Heard], new Dictionary<string, string>()),
            Messages,
            Clock,
            NullLogger<Dispatcher>.Instance,
            troubles: Troubles
        );
        Receipts = new ProviderReceipts(Records, Messages, Dispatcher, Clock, Troubles);
        Escalator = new Escalator(Records, Desk, Policies, Messages, Links, Dispatcher, Clock, NullLogger<Escalator>.Instance, Troubles);
        Answers = new Answers(Records, Desk, Messages, Links, Clock);
    }

    public Finding Says(
        AlarmKind kind,
        FindingChange change = FindingChange.Opened,
        string subject = "r1",
        string episode = "e1",
        Severity? severity = null,
        bool notify = false
    ) =>
        new(
            subject,
            kind,
            severity ?? kind.DefaultSeverity,
            change,
            episode,
            sequence++,
            Clock.GetUtcNow().UtcDateTime,
            "a reason",
            "原因",
            Notify: notify
        );

    public async Task<Guid> RaiseAsync(AlarmKind kind) => (await Desk.CommitAsync([Says(kind)], default))[^1].AlarmId;

    /// <summary>Lets time pass, and stops whenever something is due.</summary>
    public async Task PassAsync(TimeSpan time)
    {
        var end = Clock.GetUtcNow() + time;
        while (true)
        {
            while (await Escalator.CycleAsync(default) + await Dispatcher.DrainAsync(default) + await ElseAsync() > 0) { }

            if (Clock.GetUtcNow() >= end)
                return;
            await using var db = await Records.CreateDbContextAsync();
            var now = Clock.GetUtcNow().UtcDateTime;
            var due = new[]
            {
                await db.Steps.Where(s => s.State == StepState.Waiting && s.DueAt > now).MinAsync(s => (DateTime?)s.DueAt),
                await db
                    .Notices.Where(n =>
                        (n.State == NoticeState.Waiting || n.State == NoticeState.Deferred || n.State == NoticeState.Sending)
                        && n.DueAt > now
                    )
                    .MinAsync(n => (DateTime?)n.DueAt),
                await db.Alarms.Where(a => a.SeenWellBy > now).MinAsync(a => a.SeenWellBy),
                NextElse,
            }.Min();
            var next = due is { } d && d < end.UtcDateTime ? new DateTimeOffset(d, TimeSpan.Zero) : end;
            Clock.SetUtcNow(next);
        }
    }

    public async Task<Alarm> AlarmAsync(Guid id)
    {
        await using var db = await Records.CreateDbContextAsync();
        return await db.Alarms.AsNoTracking().Include(a => a.Timeline).Include(a => a.Steps).FirstAsync(a => a.Id == id);
    }

    public virtual async ValueTask DisposeAsync()
    {
        await ReadAsync();
        Escalator.Dispose();
        Dispatcher.Dispose();
        Directory.Delete(folder, recursive: true);
        GC.SuppressFinalize(this);
    }

    /// <summary>Every scenario also checks that what the escalation wrote in Chinese is Chinese.</summary>
    private async Task ReadAsync()
    {
        await using var db = await Records.CreateDbContextAsync();
        foreach (var line in await db.Timeline.AsNoTracking().Where(t => t.Who == "escalation").ToListAsync())
            Assert.Null(Language.Sentences.WrongInChinese(line.TextZh));
        foreach (var step in await db.Steps.AsNoTracking().ToListAsync())
            Assert.Null(Language.Sentences.WrongInChinese(step.Note.Zh));
    }
}
