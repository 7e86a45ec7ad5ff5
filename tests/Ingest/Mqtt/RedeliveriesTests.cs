using System.Text;
using Microsoft.Extensions.Time.Testing;
using Vigil.Ingest.Mqtt;

namespace Vigil.Tests.Ingest.Mqtt;

/// <summary>Which messages count as sent again and which as a new press.</summary>
public sealed class RedeliveriesTests : IDisposable
{
    private const string Topic = "vigil/sos-1/up";
    private static readonly byte[] Press = Encoding.UTF8.GetBytes("""[{"n":"button","vs":"sos"}]""");

    private readonly string folder = Directory.CreateTempSubdirectory("vigil-redeliveries-").FullName;
    private readonly FakeTimeProvider clock = new(new DateTimeOffset(2026, 1, 1, 0, 0, 0, TimeSpan.Zero));

    private string File => Path.Combine(folder, "redeliveries");

    [Fact]
    public void What_is_sent_again_keeps_its_first_arrival()
    {
        using var all = new Redeliveries(null, clock);
        var first = Came(all, dup: false);
        clock.Advance(TimeSpan.FromMinutes(9));
        Assert.Equal(first, Came(all, dup: true));
        Assert.Equal(1, all.Known);
    }

    [Fact]
    public void A_message_that_its_own_repetition_overtook_is_no_second_press_and_the_next_one_is()
    {
        using var all = new Redeliveries(null, clock);
        var first = Came(all, dup: true); // the repetition, over the new connection
        clock.Advance(TimeSpan.FromSeconds(1));
        Assert.Equal(first, Came(all, dup: false)); // the first one, late, from the old connection
        clock.Advance(TimeSpan.FromSeconds(1));
        Assert.NotEqual(first, Came(all, dup: false));
    }

    [Fact]
    public void A_message_is_known_as_sent_again_though_the_clock_was_set_meanwhile()
    {
        var machine = new Vigil.Tests.Host.JumpingClock(clock.GetUtcNow());
        using var all = new Redeliveries(null, machine);
        var first = Came(all, dup: false);
        machine.Jump(TimeSpan.FromHours(-3));
        machine.Advance(TimeSpan.FromMinutes(9));
        Assert.Equal(first, Came(all, dup: true));
    }

    [Theory]
    [InlineData("a press without the flag")]
    [InlineData("another packet id")]
    [InlineData("another topic")]
    [InlineData("another payload")]
    [InlineData("another credential")]
    [InlineData("another client")]
    [InlineData("eleven minutes later")]
    [InlineData("after its goodbye")]
    [InlineData("the id was used for something else meanwhile")]
    public void A_second_press_is_never_taken_for_the_first(string what)
    {
        using var all = new Redeliveries(null, clock);
        var first = all.FirstCame(all.Origin("sos-1", "c"), 7, false, Topic, Press, out var key);
        clock.Advance(what.StartsWith("eleven", StringComparison.Ordinal) ? TimeSpan.FromMinutes(11) : TimeSpan.FromSeconds(1));
        if (what == "after its goodbye")
            all.Forget(key);
        if (what.StartsWith("the id", StringComparison.Ordinal))
            all.FirstCame(all.Origin("sos-1", "c"), 7, false, Topic, "[]"u8, out _);
        var second = what switch
        {
            "a press without the flag" => Came(all, dup: false),
            "another packet id" => Came(all, dup: true, id: 8),
            "another topic" => Came(all, dup: true, topic: "vigil/sos-2/up"),
            "another payload" => Came(all, dup: true, payload: "[]"u8.ToArray()),
            "another credential" => Came(all, dup: true, username: "sos-2"),
            "another client" => Came(all, dup: true, client: "d"),
            _ => Came(all, dup: true),
        };
        Assert.NotEqual(first, second);
    }

    [Fact]
    public void It_is_known_to_the_next_process_too_and_a_damaged_file_costs_nothing_but_that()
    {
        DateTime first;
        using (var before = new Redeliveries(File, clock))
            first = Came(before, dup: false); // ended without a goodbye, as in a crash: the file is written with each message
        clock.Advance(TimeSpan.FromSeconds(30));
        using (var after = new Redeliveries(File, clock))
            Assert.Equal(first, Came(after, dup: true));
        System.IO.File.WriteAllBytes(File, [1, 2, 3]);
        using (var damaged = new Redeliveries(File, clock))
            Assert.NotEqual(first, Came(damaged, dup: true));
        using (var after = new Redeliveries(File, clock))
            Assert.Null(after.Trouble);
    }

    [Theory]
    [InlineData(false, true)]
    [InlineData(true, false)] // after a restart of the machine only the wall clock could tell how old it is
    public void It_is_known_to_the_next_process_though_the_clock_was_set_between_unless_the_machine_was_started_anew(bool anew, bool known)
    {
        var machine = new Vigil.Tests.Host.JumpingClock(clock.GetUtcNow());
        DateTime first;
        using (var before = new Redeliveries(File, machine))
            first = Came(before, dup: false);
        if (anew)
        {
            using var header = System.IO.File.OpenHandle(File, FileMode.Open, FileAccess.Write);
            RandomAccess.Write(header, [1, 2, 3, 4, 5, 6, 7, 8], 16); // another boot id
        }

        machine.Jump(TimeSpan.FromMinutes(45));
        machine.Advance(TimeSpan.FromSeconds(15));
        using var after = new Redeliveries(File, machine);
        Assert.Equal(known, first == Came(after, dup: true));
    }

    [Fact]
    public void A_folder_that_cannot_be_written_leaves_it_in_memory_and_says_so()
    {
        using var all = new Redeliveries(Path.Combine("/proc/nowhere", "redeliveries"), clock);
        Assert.NotNull(all.Trouble);
        Assert.Equal(Came(all, dup: false), Came(all, dup: true));
    }

    [Fact]
    public void Arrivals_are_as_fine_as_the_coarsest_store()
    {
        clock.Advance(TimeSpan.FromTicks(7));
        using var all = new Redeliveries(null, clock);
        Assert.Equal(0, Came(all, dup: false).Ticks % TimeSpan.TicksPerMicrosecond);
        Assert.Equal(0, all.FirstCame(1, 0, false, Topic, Press, out _).Ticks % TimeSpan.TicksPerMicrosecond);
    }

    [Fact]
    public void Of_a_hundred_thousand_messages_the_newest_are_known()
    {
        using var all = new Redeliveries(File, clock);
        var origins = Enumerable.Range(0, 1000).Select(i => all.Origin($"d{i}", "c")).ToArray();
        var times = new Dictionary<(int, ushort), DateTime>();
        for (ushort id = 1; id <= 100; id++)
        for (var d = 0; d < origins.Length; d++)
        {
            clock.Advance(TimeSpan.FromMilliseconds(1));
            times[(d, id)] = all.FirstCame(origins[d], id, false, Topic, Press, out _);
        }

        var known = times.Count(t => all.FirstCame(origins[t.Key.Item1], t.Key.Item2, true, Topic, Press, out _) == t.Value);
        Assert.InRange(known, 90_000, 100_000); // a full set forgets its oldest messages
    }

    public void Dispose() => Directory.Delete(folder, recursive: true);

    private static DateTime Came(
        Redeliveries all,
        bool dup,
        ushort id = 7,
        string topic = Topic,
        byte[]? payload = null,
        string username = "sos-1",
        string client = "c"
    ) => all.FirstCame(all.Origin(username, client), id, dup, topic, payload ?? Press, out _);
}
