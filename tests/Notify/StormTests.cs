using System.Collections.Concurrent;
using System.Diagnostics;
using Microsoft.EntityFrameworkCore;
using Microsoft.Extensions.Logging.Abstractions;
using Vigil.Model;
using Vigil.Notify;
using Vigil.Notify.Channels;
using Vigil.Notify.Escalation;
using Vigil.Storage.Records;
using Vigil.Tests.Servers;

namespace Vigil.Tests.Notify;

public sealed class StormOnSqliteTests : StormTests
{
    protected override Task<Night> BeginAsync() => Night.BeginAsync();
}

[Trait("Category", "Server")]
public sealed class StormOnPostgresTests(PostgresServer server) : StormTests, IClassFixture<PostgresServer>
{
    protected override async Task<Night> BeginAsync() => await Night.BeginAsync(await server.CreateDatabaseAsync());

    [Fact]
    public async Task Two_instances_on_one_database_handle_each_step_once_and_tell_nobody_twice()
    {
        await using var night = await BeginAsync();
        await SettleAsync(night, 60);
        var findings = Enumerable
            .Range(0, 60)
            .SelectMany(i => new[] { night.Says(AlarmKind.Sos, subject: $"x{i}"), night.Says(AlarmKind.NoWater, subject: $"x{i}") })
            .ToList();
        await night.Desk.CommitAsync(findings, Stop);
        using var second = new Dispatcher(
            night.Records,
            new Routes([night.Heard], new Dictionary<string, string>()),
            night.Messages,
            night.Clock,
            NullLogger<Dispatcher>.Instance
        );
        using var escalator = new Escalator(
            night.Records,
            night.Desk,
            night.Policies,
            night.Messages,
            night.Links,
            second,
            night.Clock,
            NullLogger<Escalator>.Instance
        );
        for (var minute = 0; minute < 5; minute++)
        {
            await Task.WhenAll(
                Task.Run(() => night.Escalator.CycleAsync(Stop), Stop),
                Task.Run(() => escalator.CycleAsync(Stop), Stop),
                Task.Run(() => night.Dispatcher.DrainAsync(Stop), Stop),
                Task.Run(() => second.DrainAsync(Stop), Stop)
            );
            await Task.WhenAll(Task.Run(() => night.Dispatcher.DrainAsync(Stop), Stop), Task.Run(() => second.DrainAsync(Stop), Stop));
            night.Clock.Advance(TimeSpan.FromMinutes(1));
        }

        Assert.Equal(night.Heard.All.Count, night.Heard.All.Select(h => h.Notice).Distinct().Count());
        await using var db = await night.Records.CreateDbContextAsync(Stop);
        var notices = await db.Notices.AsNoTracking().Where(n => n.StepId != null).ToListAsync(Stop);
        Assert.All(notices.GroupBy(n => (n.StepId, n.Recipient, n.Channel)), g => Assert.Single(g));
        var ran = await db.Timeline.CountAsync(t => t.What == TimelineEvent.Step, Stop);
        Assert.Equal(await db.Steps.CountAsync(s => s.State == StepState.Done, Stop), ran);
        // each of the 60 cries for help went to contacts, visitor, duty desk and supervisor; each of the 60 dry taps to its first contact
        Assert.Equal(60 * 4 + 60, ran);
    }
}

/// <summary>
/// Thousands of alarms at once, with the loops running as in the service. (bench/reports/notify.md measures ten thousand.)
/// </summary>
public abstract class StormTests
{
    protected abstract Task<Night> BeginAsync();

    protected static CancellationToken Stop => TestContext.Current.CancellationToken;

    [Fact]
    [Trait("Category", "Long")]
    public async Task In_a_storm_of_two_thousand_every_cry_for_help_is_told_within_seconds_and_every_number_stays_within_its_limits()
    {
        await using var night = await BeginAsync();
        await SettleAsync(night, 200);
        var phones = new TimedPhones();
        using var dispatcher = new Dispatcher(
            night.Records,
            new Routes([phones], new Dictionary<string, string>()),
            night.Messages,
            TimeProvider.System,
            NullLogger<Dispatcher>.Instance
        );
        var desk = new AlarmDesk(night.Records, night.Policies, TimeProvider.System, night.Messages.Zone);
        using var escalator = new Escalator(
            night.Records,
            desk,
            night.Policies,
            night.Messages,
            night.Links,
            dispatcher,
            TimeProvider.System,
            NullLogger<Escalator>.Instance
        );
        await dispatcher.StartAsync(Stop);
        await escalator.StartAsync(Stop);
        var kinds = AlarmKind.All.Where(k => k.DefaultSeverity < Severity.Critical).ToList();
        var storm = Enumerable
            .Range(0, 1900)
            .Select(i => night.Says(kinds[i % kinds.Count], subject: $"x{i / kinds.Count}", episode: $"{i}"))
            .ToList();
        var flood = Task.Run(() => desk.CommitAsync(storm, Stop), Stop);
        // A cry for help is committed by itself, as the pipeline does it, while thousands of alarms are being written and told.
        var committed = new Dictionary<string, long>();
        for (var i = 0; i < 100; i++)
        {
            await desk.CommitAsync([night.Says(AlarmKind.Sos, subject: $"x{i}")], Stop);
            committed[$"+86139{i:00000000}"] = Stopwatch.GetTimestamp();
        }

        await flood;
        var patience = Stopwatch.StartNew();
        while (patience.Elapsed < TimeSpan.FromSeconds(20) && committed.Keys.Any(n => !phones.FirstCall.ContainsKey(n)))
            await Task.Delay(TimeSpan.FromMilliseconds(50), TimeProvider.System, Stop);
        await escalator.StopAsync(Stop);
        await dispatcher.StopAsync(Stop);
        var waits = committed.Select(c => Stopwatch.GetElapsedTime(c.Value, phones.FirstCall[c.Key]).TotalSeconds).Order().ToList();
        Assert.True(waits[^1] < 10, $"a cry for help waited {waits[^1]:0.0} s (half of them {waits[50]:0.0} s)");
        Assert.InRange(phones.Texts.Values.DefaultIfEmpty(0).Max(), 0, 5); // at most five texts to a number in 15 minutes
        await using var db = await night.Records.CreateDbContextAsync(Stop);
        Assert.Equal(2000, await db.Alarms.CountAsync(Stop));
    }

    protected static async Task SettleAsync(Night night, int homes)
    {
        await using var db = await night.Records.CreateDbContextAsync(Stop);
        for (var i = 0; i < homes; i++)
            db.Residents.Add(
                new Resident
                {
                    Id = $"x{i}",
                    Name = "李",
                    Area = "440111001001",
                    VisitorId = "v1",
                    Contacts =
                    [
                        new Contact
                        {
                            ResidentId = $"x{i}",
                            Order = 1,
                            Name = "甲",
                            Phone = $"+86139{i:00000000}",
                        },
                    ],
                }
            );
        await db.SaveChangesAsync(Stop);
    }

    /// <summary>When each phone first rang, and how many texts it got. Each request takes 20 ms, as with a real provider.</summary>
    private sealed class TimedPhones : IChannel
    {
        public ConcurrentDictionary<string, long> FirstCall { get; } = new();
        public ConcurrentDictionary<string, int> Texts { get; } = new();
        public string Provider => "outbox";

        public bool Carries(Channel channel) => true;

        public async Task<ChannelResult> SendAsync(OutgoingNotice notice, CancellationToken cancellation)
        {
            if (notice.Channel == Channel.Voice)
                FirstCall.TryAdd(notice.Address, Stopwatch.GetTimestamp());
            else
                Texts.AddOrUpdate(notice.Address, 1, (_, n) => n + 1);
            await Task.Delay(TimeSpan.FromMilliseconds(20), TimeProvider.System, cancellation);
            return new ChannelResult(ChannelOutcome.Sent, Wording.Same("accepted"), notice.NoticeId.ToString("N"));
        }

        public Task<ChannelResult?> ReconcileAsync(PastNotice notice, CancellationToken cancellation) =>
            Task.FromResult<ChannelResult?>(null);
    }
}
