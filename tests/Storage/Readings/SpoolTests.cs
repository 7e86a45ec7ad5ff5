using System.Text;
using CsCheck;
using Microsoft.Extensions.Time.Testing;
using Vigil.Storage.Readings.Influx;

namespace Vigil.Tests.Storage.Readings;

public sealed class SpoolTests : IDisposable
{
    private readonly string folder = Directory.CreateTempSubdirectory("vigil-spool-").FullName;
    private readonly FakeTimeProvider clock = new(new DateTimeOffset(2026, 3, 1, 4, 0, 0, TimeSpan.Zero));

    public void Dispose() => Directory.Delete(folder, recursive: true);

    [Fact]
    public void What_was_put_in_comes_out_in_order_over_a_restart()
    {
        using (var spool = Open())
        {
            for (var i = 0; i < 300; i++)
                Assert.True(spool.TryAdd(Encoding.UTF8.GetBytes($"line {i}\n")));
            Assert.Equal("line 0\nline 1\n", TakeOne(spool, 16));
        }

        using var again = Open();
        Assert.True(again.TryAdd("last\n"u8));
        var rest = new StringBuilder();
        while (TakeOne(again, 50) is { } lines)
            rest.Append(lines);
        Assert.Equal(string.Concat(Enumerable.Range(2, 298).Select(i => $"line {i}\n")) + "last\n", rest.ToString());
        Assert.True(again.IsEmpty);
        Assert.Equal(0, again.State.Bytes);
    }

    [Fact]
    public void What_was_peeked_but_not_taken_comes_again_after_a_crash()
    {
        using var spool = Open();
        spool.TryAdd("one\n"u8);
        using var read = new PooledBytes(16);
        Assert.True(spool.TryPeek(read, 1000, out _));
        spool.Dispose();
        using var again = Open();
        Assert.Equal("one\n", TakeOne(again, 1000));
    }

    [Fact]
    public void A_torn_last_frame_is_left_out_and_what_follows_is_kept()
    {
        using (var spool = Open())
            foreach (var word in new[] { "one\n", "two\n", "three\n" })
                spool.TryAdd(Encoding.UTF8.GetBytes(word));
        var segment = Assert.Single(Directory.GetFiles(folder, "*.spool"));
        using (var file = new FileStream(segment, FileMode.Open))
            file.SetLength(file.Length - 3);
        using var again = Open();
        again.TryAdd("four\n"u8);
        Assert.Equal("one\ntwo\n", TakeOne(again, 1000));
        Assert.Equal("four\n", TakeOne(again, 1000));
        Assert.Null(TakeOne(again, 1000));
    }

    [Fact]
    public void Whatever_happens_to_the_end_of_a_segment_only_whole_frames_are_read() =>
        Gen.Select(Gen.Int[1, 120], Gen.Byte, Gen.Bool)
            .Sample(
                (at, noise, cut) =>
                {
                    var place = Directory.CreateTempSubdirectory("vigil-torn-").FullName;
                    try
                    {
                        using (var spool = new Spool(place, 1 << 20, clock))
                            for (var i = 0; i < 5; i++)
                                spool.TryAdd(Encoding.UTF8.GetBytes($"line {i}\n"));
                        var segment = Assert.Single(Directory.GetFiles(place, "*.spool"));
                        using (var file = new FileStream(segment, FileMode.Open))
                        {
                            if (cut)
                            {
                                file.SetLength(Math.Min(at, file.Length));
                            }
                            else
                            {
                                file.Position = Math.Min(at, file.Length - 1);
                                file.WriteByte(noise);
                            }
                        }

                        using var again = new Spool(place, 1 << 20, clock);
                        var all = string.Concat(Enumerable.Range(0, 5).Select(i => $"line {i}\n"));
                        Assert.StartsWith(TakeOne(again, 1000) ?? "", all, StringComparison.Ordinal);
                    }
                    finally
                    {
                        Directory.Delete(place, recursive: true);
                    }
                },
                iter: 300
            );

    [Fact]
    public void At_the_cap_nothing_more_is_taken_until_there_is_room()
    {
        using var spool = Open(cap: 100_000);
        var batch = new byte[1000];
        var added = 0;
        while (spool.TryAdd(batch))
            added++;
        Assert.InRange(added, 95, 100);
        Assert.True(spool.State.NearlyFull);
        Assert.True(Directory.GetFiles(folder, "*.spool").Sum(f => new FileInfo(f).Length) <= 100_000, "more on disk than the cap allows");
        // A segment's space is free again once the whole segment was taken.
        while (TakeOne(spool, 1) is not null) { }

        Assert.False(spool.State.NearlyFull);
        Assert.True(spool.TryAdd(batch));
    }

    [Fact]
    public void How_long_the_oldest_has_waited_is_known_after_a_restart_too()
    {
        var start = clock.GetUtcNow().UtcDateTime;
        using (var spool = Open())
        {
            Assert.Null(spool.State.Oldest);
            spool.TryAdd("one\n"u8);
            clock.Advance(TimeSpan.FromHours(1));
            spool.TryAdd("two\n"u8);
            Assert.Equal(start, spool.State.Oldest);
        }

        using var again = Open();
        Assert.Equal(start, again.State.Oldest);
        TakeOne(again, 1);
        Assert.Equal(start.AddHours(1), again.State.Oldest);
    }

    private Spool Open(long cap = 1 << 20) => new(folder, cap, clock);

    private static string? TakeOne(Spool spool, int most)
    {
        using var read = new PooledBytes(16);
        if (!spool.TryPeek(read, most, out var next))
            return null;
        spool.Take(next);
        return Encoding.UTF8.GetString(read.Memory.Span);
    }
}
