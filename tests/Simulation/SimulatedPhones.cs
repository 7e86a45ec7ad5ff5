using Vigil.Model;
using Vigil.Notify;
using Vigil.Notify.Channels;
using Vigil.Storage.Records;

namespace Vigil.Tests.Simulation;

/// <summary>
/// A provider of messages and calls, and the people it reaches. It accepts a message without saying so, or reports the outcome never, twice
/// or too late. People don't answer, answer after minutes, or answer an alarm that somebody else has taken.
/// </summary>
internal sealed class SimulatedPhones(World world) : IChannel
{
    private readonly Dictionary<Guid, string?> accepted = [];
    private readonly HashSet<Guid> over = [];

    /// <summary>How many messages and calls were accepted.</summary>
    public int Accepted => accepted.Count;

    public string Provider => "phones";

    public bool GivesReceipts => true;

    public bool Carries(Channel channel) => channel is Channel.Sms or Channel.Voice;

    public async Task<ChannelResult> SendAsync(OutgoingNotice notice, CancellationToken cancellation)
    {
        await world.Faults.PointAsync(Place.Provider, "before the provider hears of a notice");
        world.Promises.Asked(notice);
        var random = world.Random;
        var fails = world.Faults.Fails(Place.Provider);
        if (fails && (world.Faults.IsDown(Place.Provider) || random.Next(3) == 0))
        {
            world.Journal.Cover("the provider was down");
            return random.Next(3) switch
            {
                0 => new ChannelResult(ChannelOutcome.TryAgain, Wording.Same("429")),
                1 => throw new HttpRequestException("connection reset"),
                _ => new ChannelResult(ChannelOutcome.Down, Wording.Same("503")),
            };
        }

        var isNew = accepted.TryAdd(notice.NoticeId, null);
        if (!isNew)
            world.Journal.Cover("a notice went out twice");
        world.Journal.Note(
            $"{notice.Channel.Word()} to {notice.Address[^6..]} {notice.Template.Word()} {world.Journal.Name("notice", notice.NoticeId)}"
        );
        var id = notice.NoticeId.ToString("N");
        world.At(TimeSpan.FromSeconds(random.Next(1, 5)), () => Ring(notice, id));
        await world.Faults.PointAsync(Place.Provider, "between the provider's acceptance and its answer");
        if (!fails)
            return new ChannelResult(ChannelOutcome.Sent, Wording.Same("accepted"), id);
        world.Journal.Cover("the provider accepted and its answer was lost");
        await Task.Delay(TimeSpan.FromSeconds(random.Next(1, 60)), world.Clock, CancellationToken.None);
        throw new HttpRequestException("connection reset"); // the error comes after a delay, while other things go on
    }

    public Task<ChannelResult?> ReconcileAsync(PastNotice notice, CancellationToken cancellation)
    {
        if (world.Faults.Fails(Place.Provider))
            throw new HttpRequestException("connection reset");
        var id = notice.Outgoing.NoticeId;
        if (!accepted.TryGetValue(id, out var became))
            return Task.FromResult<ChannelResult?>(null);
        world.Journal.Cover("a notice was found at the provider");
        var outcome = became switch
        {
            null => ChannelOutcome.Sent,
            "heard" => ChannelOutcome.Delivered,
            _ => ChannelOutcome.GiveUp,
        };
        return Task.FromResult<ChannelResult?>(new ChannelResult(outcome, Wording.Same(became ?? "accepted"), id.ToString("N")));
    }

    public Task<bool> EndCallAsync(string providerId, string language, CancellationToken cancellation)
    {
        world.Journal.Cover("a call was ended because somebody had answered");
        return Task.FromResult(over.Add(Guid.Parse(providerId)));
    }

    private void Ring(OutgoingNotice notice, string id)
    {
        if (over.Contains(notice.NoticeId))
            return;
        var random = world.Random;
        var level = SimulatedRegistry.LevelOf(notice.Address);
        var asks = notice.Template is MessageKind.Opened or MessageKind.Repeated or MessageKind.Digest or MessageKind.Late;
        var answers =
            asks
            && random.Next(100)
                < (
                    notice.Critical
                        ? level switch
                        {
                            0 => 25,
                            1 => 40,
                            2 => 70,
                            _ => 95,
                        }
                        : 60
                );
        if (notice.Channel == Channel.Voice && !answers)
        {
            Become(notice, id, "no answer", TimeSpan.FromSeconds(random.Next(20, 40)), delivered: false);
            return;
        }

        Become(notice, id, "heard", TimeSpan.FromSeconds(random.Next(1, 20)), delivered: true);
        if (!answers)
            return;
        var after = notice.Channel == Channel.Voice ? TimeSpan.FromSeconds(random.Next(5, 30)) : TimeSpan.FromSeconds(random.Next(10, 900));
        world.At(after, () => new Person(world, notice, random.Next(10) == 0).Answer());
    }

    /// <summary>Reports the outcome, sometimes twice, sometimes never, sometimes followed by an older one.</summary>
    private void Become(OutgoingNotice notice, string id, string became, TimeSpan after, bool delivered)
    {
        accepted[notice.NoticeId] = became;
        var random = world.Random;
        if (random.Next(12) == 0)
        {
            world.Journal.Cover("a receipt was never sent");
            world.At(TimeSpan.FromSeconds(61), () => world.Service?.AskForReceipts());
            world.At(TimeSpan.FromSeconds(200), () => world.Service?.AskForReceipts());
            return;
        }

        Tell(notice, id, delivered, became, after, tries: 3);
        if (random.Next(10) == 0)
            Tell(notice, id, delivered, became, after + TimeSpan.FromSeconds(random.Next(1, 3000)), tries: 1);
        if (random.Next(10) == 0)
            Tell(notice, id, null, "on its way", after + TimeSpan.FromSeconds(random.Next(1, 60)), tries: 1);
    }

    private void Tell(OutgoingNotice notice, string id, bool? delivered, string reason, TimeSpan after, int tries) =>
        world.At(
            after,
            () =>
            {
                var told =
                    world.Service?.Call(
                        s => s.Receipts.TakeAsync(Provider, id, notice.NoticeId, delivered, Wording.Same(reason), CancellationToken.None),
                        failed: _ => Again()
                    )
                    ?? false;
                if (!told)
                    Again();

                void Again()
                {
                    if (tries > 1)
                        Tell(notice, id, delivered, reason, TimeSpan.FromSeconds(5), tries - 1);
                }
            }
        );
}

/// <summary>Somebody who was told and answers: takes the alarm or declines it, looks after the person, and reports it.</summary>
internal sealed class Person(World world, OutgoingNotice notice, bool declines)
{
    private int tries = 4;

    public void Answer()
    {
        var (alarm, recipient) = world.Promises.Of(notice.NoticeId);
        var via = notice.Channel == Channel.Voice ? "key" : "link";
        var asked =
            world.Service?.Call(
                async s =>
                {
                    if (declines)
                        await s.Answers.DeclineAsync(notice.NoticeId, via, CancellationToken.None);
                    else
                        await s.Answers.TakeAsync(notice.NoticeId, via, CancellationToken.None);
                    world.Journal.Note(
                        $"{recipient.Split(':')[0]} {(declines ? "declines" : "takes")} {world.Journal.Name("alarm", alarm)}"
                    );
                    if (declines)
                        return;
                    world.Promises.Answered(alarm);
                    if (world.Random.Next(4) > 0 || SimulatedRegistry.LevelOf(notice.Address) >= 2)
                        world.At(TimeSpan.FromMinutes(world.Random.Next(2, 40)), () => Resolve(alarm, recipient));
                    else
                        world.Journal.Cover("somebody answered and never reported");
                },
                failed: e =>
                {
                    if (e is not AlarmConflictException)
                        Later(Answer); // somebody else has taken it
                    else
                        world.Journal.Cover("somebody answered what another has");
                }
            )
            ?? false;
        if (!asked)
            Later(Answer);
    }

    private void Resolve(Guid alarm, string recipient)
    {
        var asked =
            world.Service?.Call(
                async s =>
                {
                    await s.Desk.ResolveAsync(alarm, recipient, Resolution.True, "seen well", CancellationToken.None);
                    world.Journal.Note($"{recipient.Split(':')[0]} resolves {world.Journal.Name("alarm", alarm)}");
                },
                failed: e =>
                {
                    if (e is not AlarmConflictException)
                        Later(() => Resolve(alarm, recipient));
                }
            )
            ?? false;
        if (!asked)
            Later(() => Resolve(alarm, recipient));
    }

    private void Later(Action again)
    {
        if (tries-- > 0)
            world.At(TimeSpan.FromSeconds(world.Random.Next(20, 120)), again);
    }
}
