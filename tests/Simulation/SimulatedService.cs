using System.Diagnostics.Metrics;
using Microsoft.Extensions.Logging.Abstractions;
using Vigil.Host;
using Vigil.Host.Intake;
using Vigil.Ingest.Mqtt;
using Vigil.Model;
using Vigil.Notify;
using Vigil.Notify.Channels;
using Vigil.Notify.Escalation;
using Vigil.Storage.Records;

namespace Vigil.Tests.Simulation;

/// <summary>
/// One run of the service, from a start to its end: the product's own parts, put together as in Service, with loops that the simulation
/// wakes. A loop that would turn every second turns only when there is something to do, at most once a second, because in most seconds of a
/// week nothing is due.
/// </summary>
internal sealed class SimulatedService
{
    /// <summary>The same number as the dispatcher's.</summary>
    private const int MostInFlight = 64;

    private readonly World world;
    private readonly Meter meter = new("Vigil.Simulation");
    private readonly Host.IntakeParts intake;
    private readonly Housekeeping housekeeping;
    private readonly RulePartitions rules;
    private readonly Escalator escalator;
    private readonly ReceiptWatch receipts;
    private readonly CallsUnderWay calls;
    private readonly Auditor auditor;
    private readonly ClockWatch watch;
    private readonly Redeliveries redeliveries;
    private readonly Sleeper house;
    private readonly Dictionary<Lane, Sleeper> stepping,
        sending;
    private TimeSpan houseAt;

    public SimulatedService(World world, int life)
    {
        this.world = world;
        Thread = new SimulatedThread(new Random(world.Seed * 31 + life));
        Clock = new SteadyClock(world.Clock);
        TimeProvider clock = Clock;
        var (settings, records, troubles) = (SimulatedRegistry.Shared.Settings.At(world.Folder), world.Records.Open(), new Troubles(Clock));
        rules = new RulePartitions(settings.Rules, settings.Zone, partitions: 2);
        var registry = new LiveRegistry(records, settings.Profiles, rules, clock, NullLogger<LiveRegistry>.Instance);
        var links = new SignedLinks(world.Folder, "https://v.example", clock);
        var routes = new Routes([world.Phones], new Dictionary<string, string> { [""] = "phones" });
        Desk = new AlarmDesk(records, settings.Policies, clock, settings.Zone);
        Dispatcher = new Dispatcher(records, routes, settings.Messages, clock, NullLogger<Dispatcher>.Instance) { ProviderClock = clock };
        escalator = new Escalator(
            records,
            Desk,
            settings.Policies,
            settings.Messages,
            links,
            Dispatcher,
            clock,
            NullLogger<Escalator>.Instance
        );
        Answers = new Answers(records, Desk, settings.Messages, links, clock);
        Receipts = new ProviderReceipts(records, settings.Messages, Dispatcher, clock);
        receipts = new ReceiptWatch(records, routes, Receipts, clock, NullLogger<ReceiptWatch>.Instance);
        calls = new CallsUnderWay(records, Desk, Dispatcher, routes, clock, NullLogger<CallsUnderWay>.Instance);
        auditor = new Auditor(records, settings.Messages, links, clock, meter, TimeSpan.FromSeconds(30), NullLogger<Auditor>.Instance);
        intake = Host.IntakeParts.Create(
            settings.Profiles,
            registry,
            rules,
            world.Readings,
            Desk,
            records,
            world.Folder,
            troubles,
            clock,
            meter
        );
        housekeeping = new Housekeeping(
            settings,
            registry,
            rules,
            intake.Batches,
            intake.Uncommitted,
            intake.Sightings,
            world.Readings,
            troubles,
            clock,
            meter,
            NullLogger<Housekeeping>.Instance
        );
        redeliveries = new Redeliveries(Path.Combine(world.Folder, "redeliveries"), clock);
        watch = new ClockWatch(clock, settings, records, rules, housekeeping, troubles, settings.Zone, NullLogger<ClockWatch>.Instance);
        house = new Sleeper(world.Clock);
        stepping = Enum.GetValues<Lane>().ToDictionary(l => l, _ => new Sleeper(world.Clock));
        sending = Enum.GetValues<Lane>().ToDictionary(l => l, _ => new Sleeper(world.Clock));
        Desk.Changed += change =>
        {
            foreach (var lane in Enum.GetValues<Lane>())
                stepping[lane].Hurry();
            if (change.What is TimelineEvent.Acknowledged or TimelineEvent.InHand or TimelineEvent.Resolved or TimelineEvent.Cleared)
                Thread.Start(() => calls.EndAsync(CancellationToken.None));
        };
        Thread.Start(LiveAsync);
    }

    public SimulatedThread Thread { get; }

    public SteadyClock Clock { get; }

    public AlarmDesk Desk { get; }

    public Dispatcher Dispatcher { get; }
    public ProviderReceipts Receipts { get; }

    public Answers Answers { get; }

    /// <summary>It has started completely and accepts messages.</summary>
    public bool Ready { get; private set; }

    /// <summary>It doesn't know yet whether its deadlines were moved with the clock.</summary>
    public bool ClockIsUnsure => watch.IsUnsure;

    /// <summary>Its start failed, so it must be started again.</summary>
    public bool Ended { get; private set; }

    /// <summary>Hands over a message as the broker does.</summary>
    public void Receive(string topic, byte[] payload, Sender sender, ushort id, bool again, Action<Receipt> done) =>
        Thread.Start(async () =>
        {
            Receipt receipt;
            try
            {
                var came = redeliveries.FirstCame(redeliveries.Origin(sender.Name, ""), id, again, topic, payload, out _);
                receipt = await intake.Pipeline.ReceiveAsync(
                    new InboundMessage(topic, payload, came, Retained: false, sender),
                    CancellationToken.None
                );
            }
            catch (Exception e) when (e is not BrokenPromiseException)
            {
                receipt = Receipt.NotStored; // here the broker would close the connection
            }

            Guard(() => done(receipt));
        });

    /// <summary>Calls the service as over HTTP; returns false when it isn't running.</summary>
    public bool Call(Func<SimulatedService, Task> what, Action<Exception> failed)
    {
        if (!Ready)
            return false;
        Thread.Start(async () =>
        {
            try
            {
                await what(this);
            }
            catch (BrokenPromiseException e)
            {
                world.Broken ??= e;
            }
            catch (Exception e)
            {
                failed(e);
            }
        });
        return true;
    }

    public void AskForReceipts() => Call(s => s.receipts.LookAsync(CancellationToken.None), _ => { });

    /// <summary>The clock was set: runs the watch over the clock, which turns every second.</summary>
    public void LookAtClock() =>
        Call(
            async s =>
            {
                await s.watch.TurnAsync(TimeSpan.Zero, CancellationToken.None);
                if (s.housekeeping.Store.SavesAll)
                    s.houseAt = world.Clock.Elapsed;
            },
            _ => world.At(TimeSpan.FromSeconds(1), () => world.Service?.LookAtClock())
        );

    /// <summary>The process was frozen: its loops notice by the length of their waits.</summary>
    public void Thaw(TimeSpan time) =>
        Call(
            async s =>
            {
                await s.watch.TurnAsync(time, CancellationToken.None);
                await s.housekeeping.TurnAsync(time, CancellationToken.None);
            },
            _ => { }
        );

    public void Audit() => Call(s => s.auditor.LookAsync(CancellationToken.None), _ => { });

    /// <summary>When the next loop has something to do.</summary>
    public TimeSpan NextWake(Agenda agenda)
    {
        if (!Ready)
            return TimeSpan.MaxValue;
        var wall = world.Clock.Peek(Clock);
        var next = house.Next(HouseDue());
        foreach (var lane in Enum.GetValues<Lane>())
            next = Min(next, Min(stepping[lane].Next(agenda.Steps(lane, wall)), sending[lane].Next(agenda.Notices(lane, wall))));
        return next;
    }

    public void WakeWhoIsDue(Agenda agenda)
    {
        var (now, wall) = (world.Clock.Elapsed, world.Clock.Peek(Clock));
        if (house.Next(HouseDue()) <= now)
            house.Wake();
        foreach (var lane in Enum.GetValues<Lane>())
        {
            if (stepping[lane].Next(agenda.Steps(lane, wall)) <= now)
                stepping[lane].Wake();
            if (sending[lane].Next(agenda.Notices(lane, wall)) <= now)
                sending[lane].Wake();
        }
    }

    private TimeSpan HouseDue() =>
        Min(
            houseAt,
            rules.NextDue is { } due
                ? world.Clock.Elapsed + (due - world.Clock.Peek(Clock)) + TimeSpan.FromMilliseconds(250)
                : TimeSpan.MaxValue
        );

    private async Task LiveAsync()
    {
        try
        {
            await housekeeping.RecoverAsync(await watch.RecoverAsync(CancellationToken.None), CancellationToken.None);
        }
        catch (Exception)
        {
            Ended = true;
            return;
        }

        try
        {
            await Dispatcher.RecoverAsync(CancellationToken.None);
        }
        catch (Exception)
        {
            // claims of notices expire by themselves
        }

        Ready = true;
        world.Journal.Note("the service is up");
        Thread.Start(() => intake.Batches.LoopAsync());
        Thread.Start(KeepHouseAsync);
        foreach (var lane in Enum.GetValues<Lane>())
        {
            Thread.Start(() => StepAsync(lane));
            Thread.Start(() => SendAsync(lane));
        }
    }

    /// <summary>
    /// Does what the loop of housekeeping does, but what that loop does every few seconds in any case, this one does every few hours.
    /// </summary>
    private async Task KeepHouseAsync()
    {
        while (true)
        {
            try
            {
                if (houseAt > world.Clock.Elapsed)
                {
                    await housekeeping.AdvanceAsync(CancellationToken.None);
                }
                else
                {
                    houseAt =
                        world.Clock.Elapsed
                        + (world.Faults.IsWell(Place.Records, TimeSpan.FromSeconds(10)) ? TimeSpan.FromHours(3) : TimeSpan.FromSeconds(2));
                    do await housekeeping.TurnAsync(TimeSpan.Zero, CancellationToken.None);
                    // the real loop does this a second later
                    while (housekeeping.Store.SavesAll && world.Faults.IsWell(Place.Records, TimeSpan.Zero));
                }
            }
            catch (Exception)
            {
                houseAt = world.Clock.Elapsed + TimeSpan.FromSeconds(1); // it is tried again a second later
            }

            // What is due but not judged yet, as while catching up after a start, is looked at again soon.
            await house.NextAsync(least: HouseDue() <= world.Clock.Elapsed ? TimeSpan.FromSeconds(15) : TimeSpan.FromSeconds(1));
        }
    }

    /// <summary>Does what the escalator's own loop does.</summary>
    private async Task StepAsync(Lane lane)
    {
        while (true)
        {
            try
            {
                while (await escalator.LookAsync(lane, CancellationToken.None) > 0)
                    sending[lane].Hurry();
            }
            catch (Exception)
            {
                // the real loop logs it; the next turn tries again
            }

            await stepping[lane].NextAsync();
        }
    }

    /// <summary>Does what the dispatcher's own loop does.</summary>
    private async Task SendAsync(Lane lane)
    {
        var sends = new List<Task<Outcome>>();
        var outcomes = new List<Outcome>();
        while (true)
        {
            try
            {
                var claimed =
                    sends.Count < MostInFlight ? await Dispatcher.ClaimAsync(lane, MostInFlight - sends.Count, CancellationToken.None) : [];
                sends.AddRange(claimed);
                if (claimed.Count == 0 || sends.Count >= MostInFlight)
                    await Task.WhenAny([sending[lane].NextAsync(outcomes.Count > 0 ? world.Clock.Elapsed : null), .. sends]);
                var done = sends.Where(s => s.IsCompleted).ToList();
                sends.RemoveAll(done.Contains);
                outcomes.AddRange(done.Select(d => d.Result));
                if (outcomes.Count > 0)
                    outcomes = await Dispatcher.RecordAllAsync(lane, outcomes, CancellationToken.None);
            }
            catch (Exception e) when (e is not AggregateException { InnerException: BrokenPromiseException })
            {
                await sending[lane].NextAsync();
            }
        }
    }

    private void Guard(Action what)
    {
        try
        {
            what();
        }
        catch (BrokenPromiseException e)
        {
            world.Broken ??= e;
        }
    }

    private static TimeSpan Min(TimeSpan a, TimeSpan b) => a < b ? a : b;

    public void Dispose()
    {
        Thread.Kill();
        redeliveries.Dispose();
        meter.Dispose();
    }

    /// <summary>The wait of a loop between two turns.</summary>
    private sealed class Sleeper(SimulatedClock clock)
    {
        private TaskCompletionSource? asleep;
        private TimeSpan earliest;
        private TimeSpan? ownDue;
        private bool hurried;

        /// <param name="due">When it has something to do that no row shows.</param>
        /// <param name="least">How long it waits at least, unless something changed.</param>
        public Task NextAsync(TimeSpan? due = null, TimeSpan? least = null)
        {
            (earliest, ownDue) = (clock.Elapsed + (least ?? TimeSpan.FromSeconds(1)), due);
            asleep = new TaskCompletionSource();
            return asleep.Task;
        }

        /// <summary>Something changed: the loop turns at once.</summary>
        public void Hurry() => hurried = true;

        public TimeSpan Next(TimeSpan due)
        {
            if (asleep is null or { Task.IsCompleted: true })
                return TimeSpan.MaxValue;
            if (hurried)
                return clock.Elapsed;
            if (ownDue < due)
                due = ownDue.Value;
            return due > earliest ? due : earliest;
        }

        public void Wake()
        {
            hurried = false;
            asleep?.TrySetResult();
        }
    }
}
