using Vigil.Host.Intake;

namespace Vigil.Tests.Host;

public sealed class CommitQueueTests
{
    private static CancellationToken Stop => TestContext.Current.CancellationToken;

    [Fact]
    public async Task What_several_write_is_read_once_and_in_each_ones_order_although_only_few_fit()
    {
        var queue = new CommitQueue(8);
        var written = Enumerable.Range(0, 4).Select(_ => Enumerable.Range(0, 5000).Select(_ => new Pending()).ToList()).ToList();
        var read = new List<Pending>();
        var reading = Task.Run(
            async () =>
            {
                while (await queue.WaitToReadAsync())
                {
                    while (queue.TryRead(out var pending))
                        read.Add(pending);
                    queue.MakeRoom();
                }
            },
            Stop
        );
        await Task.WhenAll(
            written.Select(mine =>
                Task.Run(
                    async () =>
                    {
                        foreach (var pending in mine)
                            await queue.WriteAsync(pending, Stop);
                    },
                    Stop
                )
            )
        );
        queue.Complete();
        await reading.WaitAsync(TimeSpan.FromSeconds(20), Stop);
        var of = written.SelectMany((mine, w) => mine.Select(p => (p, w))).ToDictionary(x => x.p, x => x.w);
        Assert.Equal(20_000, read.Count);
        for (var w = 0; w < written.Count; w++)
            Assert.Equal(written[w], read.Where(p => of[p] == w));
    }

    [Fact]
    public async Task A_completed_queue_takes_nothing_more_and_gives_what_it_has()
    {
        var queue = new CommitQueue(2);
        var last = new Pending();
        var waiting = queue.WaitToReadAsync();
        Assert.False(waiting.IsCompleted);
        await queue.WriteAsync(last, Stop);
        Assert.True(await waiting);
        queue.Complete();
        Assert.True(await queue.WaitToReadAsync());
        Assert.True(queue.TryRead(out var read));
        Assert.Same(last, read);
        Assert.False(await queue.WaitToReadAsync());
        await Assert.ThrowsAsync<InvalidOperationException>(async () => await queue.WriteAsync(new Pending(), Stop));
    }

    [Fact]
    public async Task A_writer_who_waits_for_room_can_give_up()
    {
        var queue = new CommitQueue(1);
        await queue.WriteAsync(new Pending(), Stop);
        using var tired = new CancellationTokenSource();
        var waiting = queue.WriteAsync(new Pending(), tired.Token).AsTask();
        await tired.CancelAsync();
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => waiting);
        Assert.True(queue.TryRead(out _));
        Assert.True(queue.IsEmpty);
    }
}
